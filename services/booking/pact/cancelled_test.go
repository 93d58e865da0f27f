//go:build pact

package pact_test

import (
	"context"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/events"
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
		"note":  pacttest.Like("The singer is ill."), "occurred_at": pacttest.Time("2040-06-20T18:00:00Z"),
	})
	envelope["source"] = "event"
	pact.Message(t, "an event is cancelled", envelope, func(t *testing.T, wire []byte) {
		var heard heardEvents
		service := booking.New(booking.Options{Log: quiet, CancelledEvents: &heard})
		message, err := cloudevent.Decode(wire)
		if err != nil {
			t.Fatal(err)
		}
		if err := messaging.Events(service)(t.Context(), message); err != nil {
			t.Fatal(err)
		}
		if e := heard.event; heard.message != messageID || e.EventID != eventID || e.Title != "Night of Strings" ||
			e.Note != "The singer is ill." || e.OccurredAt.IsZero() {
			t.Errorf("booking heard %+v", heard)
		}
	})
}

// heardEvents is a store that remembers what was recorded last.
type heardEvents struct {
	booking.CancelledEvents
	message string
	event   booking.CancelledEvent
}

func (h *heardEvents) RecordCancelled(_ context.Context, messageID string, e booking.CancelledEvent) error {
	h.message, h.event = messageID, e
	return nil
}
