package sqlite_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
)

// What a killed process had leased is taken up at the next start, not when its
// leases run out.
func TestEndLeases(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "booking.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	now := time.Now().UTC().Truncate(time.Microsecond)
	b := booking.Booking{ID: "b", UserID: "u", EventID: "e", Status: booking.Pending, CreatedAt: now, UpdatedAt: now,
		Lease: booking.Lease{Token: "killed", Until: now.Add(time.Hour)}}
	b.Effects.Messages = []events.Message{{ID: "m", Type: events.TypeBookingFailed, Time: now, Data: []byte(`{}`)}}
	if err := s.Create(t.Context(), b, booking.Key{}, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Outbox().Claim(t.Context(), now, now.Add(time.Hour), 10); err != nil || len(got) != 1 {
		t.Fatalf("claimed %d messages, %v", len(got), err)
	}

	// A customer has time left to act, whoever is restarted.
	waits := booking.Booking{ID: "waits", UserID: "u", EventID: "e", Status: booking.Pending, CreatedAt: now, UpdatedAt: now,
		Lease: booking.Lease{Until: now.Add(time.Hour)}}
	if err := s.Create(t.Context(), waits, booking.Key{}, nil); err != nil {
		t.Fatal(err)
	}

	if err := s.EndLeases(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Outbox().Claim(t.Context(), now, now.Add(time.Hour), 10); err != nil || len(got) != 1 {
		t.Errorf("after the restart %d messages, %v", len(got), err)
	}
	if got, err := s.Claim(t.Context(), now, booking.Lease{Token: "new", Until: now.Add(time.Minute)}, 10); err != nil || len(got) != 1 {
		t.Errorf("after the restart %d bookings, %v", len(got), err)
	}
	if _, err := s.Update(t.Context(), "b", "killed", func(*booking.Booking) error { return nil }); !errors.Is(err, booking.ErrLeaseLost) {
		t.Errorf("the killed driver, still alive: %v, want ErrLeaseLost", err)
	}
}
