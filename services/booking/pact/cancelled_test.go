//go:build pact

package pact_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/messaging"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
)

// cancelledEvent is what booking reads of an event that is cancelled.
func cancelledEvent(t *testing.T, pact *pacttest.Pact) {
	t.Helper()
	envelope := pacttest.Envelope(events.TypeEventCancelled, messageID, pacttest.Body{
		"event": pacttest.Body{"id": pacttest.UUID(eventID), "title": pacttest.Like("Night of Strings")},
		"by":    pacttest.UUID(pacttest.Callers["organizer"].UserID),
		"note":  pacttest.Like("The singer is ill."), "occurred_at": pacttest.Time("2040-06-20T18:00:00Z"),
	})
	envelope["source"] = "event"
	pact.Message(t, "an event is cancelled", envelope, func(t *testing.T, wire []byte) {
		w, err := newWorld(t, catalog(100), patient)
		if err != nil {
			t.Fatal(err)
		}
		if err := aBooking(t.Context(), w); err != nil {
			t.Fatal(err)
		}
		message, err := cloudevent.Decode(wire)
		if err != nil {
			t.Fatal(err)
		}
		if err := messaging.Events(w.service)(t.Context(), message); err != nil {
			t.Fatal(err)
		}
		e, err := w.store.CancelledEvent(t.Context(), eventID)
		if err != nil {
			t.Fatal(err)
		}
		if e.EventID != eventID || e.Title != "Night of Strings" || e.Note != "The singer is ill." || e.By == "" || e.OccurredAt.IsZero() {
			t.Errorf("booking heard %+v", e)
		}
		if known, err := w.store.Inbox().Known(t.Context(), []string{messageID}); err != nil || len(known) != 1 {
			t.Errorf("of the message it knows %v (%v)", known, err)
		}
		// Whoever has tickets gets all their money back, and is told why.
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
		var recovery sync.WaitGroup
		recovery.Go(func() { _ = w.service.Recover(ctx) })
		defer recovery.Wait()
		defer stop()
		b, err := settled(ctx, w)
		if err != nil || b.Status != booking.Cancelled || b.Reason != problem.EventCancelled || b.Refunded() != total {
			t.Errorf("the booking is %+v (%v)", b, err)
		}
	})
}

// settled waits until the booking is cancelled.
func settled(ctx context.Context, w *world) (booking.Booking, error) {
	for {
		b, err := w.store.Get(ctx, bookingID)
		if err != nil || b.Status == booking.Cancelled {
			return b, err
		}
		select {
		case <-ctx.Done():
			return b, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
