package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/user"
)

// TestSessionsAreListedApart: lists of sessions keep nobody from logging in.
func TestSessionsAreListedApart(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "user.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	suitetest.Apart(t,
		func(ctx context.Context, read func()) error {
			return s.db.List(ctx, func(context.Context, *sql.Tx) error { read(); return nil })
		},
		func(ctx context.Context) error { _, err := s.Sessions.List(ctx, "u", time.Now(), "", 20); return err },
		func(ctx context.Context) error {
			if _, err := s.Users.Get(ctx, "u"); !errors.Is(err, user.ErrNotFound) {
				return err
			}
			return nil
		})
}
