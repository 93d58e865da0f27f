//go:build integration

package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// TestStuckBookingsAreListedApart: lists of stuck bookings keep nobody from booking.
func TestStuckBookingsAreListedApart(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), postgresdb.Options{URL: pgtest.New(t, Migrate), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	suitetest.Apart(t,
		func(ctx context.Context, read func()) error {
			return s.db.List(ctx, func(context.Context, *pgx.Conn) error { read(); return nil })
		},
		func(ctx context.Context) error { _, err := s.Stuck(ctx, "", 20); return err },
		func(ctx context.Context) error {
			if _, err := s.Get(ctx, "b"); !errors.Is(err, booking.ErrNotFound) {
				return err
			}
			return nil
		})
}
