//go:build pact

package pact_test

import (
	"path/filepath"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/messaging"
	"github.com/openboxoffice/boxoffice/services/event/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// Of a booking the event service reads which reservation it is about, and no
// more.
func TestConsumerOfBooking(t *testing.T) {
	pact := pacttest.New(t, "event", "booking")
	for _, m := range []struct {
		name, kind string
		want       event.State
	}{
		{"a booking is confirmed", events.TypeBookingConfirmed, event.Sold},
		{"a booking is cancelled", events.TypeBookingCancelled, event.Released},
		{"a booking has failed", events.TypeBookingFailed, event.Released},
	} {
		data := pacttest.Body{
			"booking_id": pacttest.UUID(bookingID), "attempt": pacttest.Integer(1), "event": pacttest.Body{"id": pacttest.UUID(eventID)},
		}
		pact.Message(t, m.name, pacttest.Envelope(m.kind, messageID, data), func(t *testing.T, wire []byte) {
			db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "event.db"), sqlite.Migrations())
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			store := sqlite.New(db)
			service, err := event.New(event.Options{Store: store, Inventory: store})
			if err != nil {
				t.Fatal(err)
			}
			if err := held(t, store, attempt, 100); err != nil {
				t.Fatal(err)
			}
			message, err := cloudevent.Decode(wire)
			if err != nil {
				t.Fatal(err)
			}
			if err := messaging.Bookings(service)(t.Context(), message); err != nil {
				t.Fatal(err)
			}
			if r, err := store.Reservation(t.Context(), attempt); err != nil || r.State != m.want {
				t.Errorf("the reservation is %+v (%v), want %s", r, err, m.want)
			}
		})
	}
}
