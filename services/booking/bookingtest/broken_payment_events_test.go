package bookingtest_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// spoiledEvents is a good adapter with spoiled parts.
type spoiledEvents struct {
	sqlite.PaymentEvents
	keep      func(context.Context, booking.PaymentEvent) (bool, error)
	unhandled func(context.Context, int) ([]booking.PaymentEvent, error)
	handled   func(context.Context, string, time.Time) error
}

func (s *spoiledEvents) Keep(ctx context.Context, e booking.PaymentEvent) (bool, error) {
	return s.keep(ctx, e)
}

func (s *spoiledEvents) Unhandled(ctx context.Context, limit int) ([]booking.PaymentEvent, error) {
	return s.unhandled(ctx, limit)
}

func (s *spoiledEvents) Handled(ctx context.Context, id string, at time.Time) error {
	return s.handled(ctx, id, at)
}

// TestPaymentEventsSuiteCatchesBrokenAdapters: a suite that passes on one of
// these is worthless.
func TestPaymentEventsSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	broken := func(name, caughtBy string, spoil func(s *spoiledEvents)) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			bookingtest.TestPaymentEvents(t, func(t *testing.T) bookingtest.PaymentEventsUnderTest {
				store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "booking.db"))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = store.Close() })
				p := store.PaymentEvents()
				s := &spoiledEvents{p, p.Keep, p.Unhandled, p.Handled}
				spoil(s)
				return bookingtest.PaymentEventsUnderTest{PaymentEvents: s, Prune: func(now time.Time) error { return p.Prune(t.Context(), now) }}
			})
		}, caughtBy)
	}
	broken("forgets_the_id_of_an_event", "a_repeat_changes_nothing", func(s *spoiledEvents) {
		s.keep = func(ctx context.Context, e booking.PaymentEvent) (bool, error) {
			e.ID = uuid.NewString()
			return s.PaymentEvents.Keep(ctx, e)
		}
	})
	broken("takes_each_delivery_for_the_first", "32_racing_deliveries_are_kept_once", func(s *spoiledEvents) {
		s.keep = func(ctx context.Context, e booking.PaymentEvent) (bool, error) {
			_, err := s.PaymentEvents.Keep(ctx, e)
			return true, err
		}
	})
	broken("acknowledges_without_keeping", "an_event_is_kept_as_it_was_told", func(s *spoiledEvents) {
		s.keep = func(context.Context, booking.PaymentEvent) (bool, error) { return true, nil }
	})
	broken("has_the_last_event_first", "the_unhandled_are_in_the_order_they_were_kept", func(s *spoiledEvents) {
		s.unhandled = func(ctx context.Context, limit int) ([]booking.PaymentEvent, error) {
			all, err := s.PaymentEvents.Unhandled(ctx, limit)
			slices.Reverse(all)
			return all, err
		}
	})
	broken("handles_nothing", "what_is_handled_needs_no_more_doing", func(s *spoiledEvents) {
		s.handled = func(context.Context, string, time.Time) error { return nil }
	})
}
