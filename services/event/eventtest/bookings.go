package eventtest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/event"
)

// BookingsFixture is a Bookings of a booking service that a test controls.
type BookingsFixture struct {
	Bookings event.Bookings
	Put      func(eventID string, p event.Progress) // makes booking know of the cancelled event
	Down     func()                                 // makes booking stop answering
}

// TestBookings holds an event.Bookings to its promises. newBookings returns one
// of a booking service that has heard of nothing.
func TestBookings(t *testing.T, newBookings func(t *testing.T) BookingsFixture) {
	some := event.Progress{Pending: 1, Confirmed: 2, Cancelling: 3, Cancelled: 4, RefundsDue: 5}
	t.Run("progress_says_how_far_it_is", func(t *testing.T) {
		t.Parallel()
		f, e, other := newBookings(t), id(), id()
		f.Put(e, some)
		f.Put(other, event.Progress{Cancelled: 7, Done: true})
		for eventID, want := range map[string]event.Progress{e: some, other: {Cancelled: 7, Done: true}} {
			got, err := f.Bookings.Progress(t.Context(), eventID)
			must(t, err)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	})
	t.Run("what_booking_has_not_heard_is_ErrNotTold", func(t *testing.T) {
		t.Parallel()
		f := newBookings(t)
		f.Put(id(), some)
		_, err := f.Bookings.Progress(t.Context(), id())
		wantErr(t, err, event.ErrNotTold)
	})
	t.Run("no_answer_is_ErrBookingUnavailable", func(t *testing.T) {
		t.Parallel()
		f, e := newBookings(t), id()
		f.Put(e, some)
		f.Down()
		for _, eventID := range []string{e, id()} {
			_, err := f.Bookings.Progress(t.Context(), eventID)
			wantErr(t, err, event.ErrBookingUnavailable)
			if errors.Is(err, event.ErrNotTold) {
				t.Error("an outage passes for not told")
			}
		}
	})
}
