package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// TestStuckBookingsAreListedApart: lists of stuck bookings keep nobody from booking.
func TestStuckBookingsAreListedApart(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "booking.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	suitetest.Apart(t,
		func(ctx context.Context, read func()) error {
			return s.db.List(ctx, func(context.Context, *sql.Tx) error { read(); return nil })
		},
		func(ctx context.Context) error { _, err := s.Stuck(ctx, "", 20); return err },
		func(ctx context.Context) error {
			if _, err := s.Get(ctx, "b"); !errors.Is(err, booking.ErrNotFound) {
				return err
			}
			return nil
		})
}
