//go:build integration

package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

func TestInsertIsPartOfTheTransaction(t *testing.T) {
	t.Parallel()
	db := open(t, postgresdb.Options{URL: pgtest.New(t, migrate)})
	boom := errors.New("boom")
	err := db.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		if err := postgres.Insert(ctx, tx, "bookings", events.Message{ID: "1", Time: time.Now()}, time.Now()); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("error %v, want boom", err)
	}
	if n, _, err := postgres.New(db).Open(t.Context()); n != 0 || err != nil {
		t.Errorf("%d entries (%v) after a rollback, want none", n, err)
	}
}
