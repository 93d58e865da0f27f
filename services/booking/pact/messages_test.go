//go:build pact

package pact_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/broker/httppush"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/inbox/inboxrest"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
)

// messages are what becomes of a customer's request, as the consumers get it:
// out of the outbox, by the relay, over the wire.
var messages = map[string]func(testing.TB) ([]byte, error){
	"a booking is confirmed": told(events.TypeBookingConfirmed, patient, func(ctx context.Context, w *world) error {
		_, err := w.book(ctx, sandbox.Visa)
		return err
	}),
	"a booking that its guest has corrected is confirmed": told(events.TypeBookingConfirmed, patient, func(ctx context.Context, w *world) error {
		guest := pacttest.Callers["customer"]
		guest.Role = identity.Guest
		b, err := w.service.Create(ctx, guest, booking.Request{EventID: eventID, Items: []booking.Wanted{{TicketTypeID: typeID, Quantity: 2}}, Checkout: true})
		if err != nil {
			return err
		}
		phone := "+4915112345678"
		if _, err := w.service.Correct(ctx, guest, b.ID, booking.Correction{Phone: &phone}); err != nil {
			return err
		}
		_, err = w.service.Pay(ctx, guest, b.ID, sandbox.Visa, "key")
		return err
	}),
	"the tickets of a booking are asked for again": told(events.TypeBookingResendRequested, patient, func(ctx context.Context, w *world) error {
		b, err := w.book(ctx, sandbox.Visa)
		if err != nil {
			return err
		}
		return w.service.Resend(ctx, pacttest.Callers["customer"], b.ID, "key")
	}),
	"a ticket is passed on": told(events.TypeBookingTicketsChanged, patient, func(ctx context.Context, w *world) error {
		b, err := w.book(ctx, sandbox.Visa)
		if err != nil {
			return err
		}
		if _, err := w.store.Update(ctx, b.ID, "", func(b *booking.Booking) error { b.Event.NoTransfers = false; return nil }); err != nil {
			return err
		}
		_, _, err = w.service.ChangeHolder(ctx, pacttest.Callers["customer"], b.ID, booking.TicketID(b.ID, 1), booking.Holder{Name: "Grace Hopper", Email: "grace@example.com"})
		return err
	}),
	"the links to the bookings of a guest are asked for": told(events.TypeBookingLinksRequested, patient, func(ctx context.Context, w *world) error {
		guest := pacttest.Callers["customer"]
		guest.Role = identity.Guest
		if _, err := w.service.Create(ctx, guest, booking.Request{EventID: eventID, Items: []booking.Wanted{{TicketTypeID: typeID, Quantity: 2}}, PaymentToken: sandbox.Visa}); err != nil {
			return err
		}
		if err := w.service.FindBookings(ctx, guest.Email, ""); err != nil {
			return err
		}
		return w.service.MailLinksNow(ctx)
	}),
	"a booking is cancelled": told(events.TypeBookingCancelled, patient, func(ctx context.Context, w *world) error {
		b, err := w.book(ctx, sandbox.Visa)
		if err != nil {
			return err
		}
		_, err = w.service.Cancel(ctx, pacttest.Callers["customer"], b.ID)
		return err
	}),
	"some tickets of a booking are cancelled": told(events.TypeBookingItemsCancelled, patient, func(ctx context.Context, w *world) error {
		b, err := w.book(ctx, sandbox.Visa)
		if err != nil {
			return err
		}
		_, _, err = w.service.CancelTickets(ctx, pacttest.Callers["customer"], b.ID, booking.ToCancel{Items: []booking.Wanted{{TicketTypeID: typeID, Quantity: 1}}}, "key")
		return err
	}),
	"a booking has failed": told(events.TypeBookingFailed, patient, func(ctx context.Context, w *world) error {
		_, err := w.book(ctx, sandbox.Declined)
		return wrong(err, booking.ErrPaymentDeclined)
	}),
	// Recovery finds that it never was charged.
	"a booking has failed that was pending": told(events.TypeBookingFailed, impatient, func(ctx context.Context, w *world) error {
		b, err := w.book(ctx, sandbox.Slow)
		if err == nil && b.Status != booking.Pending {
			return fmt.Errorf("the booking is %s", b.Status)
		}
		return err
	}),
}

func (w *world) book(ctx context.Context, token string) (booking.Booking, error) {
	return w.service.Create(ctx, pacttest.Callers["customer"], booking.Request{
		EventID: eventID, Items: []booking.Wanted{{TicketTypeID: typeID, Quantity: 2}}, PaymentToken: token,
	})
}

// told is the message of a kind that follows from what do does.
func told(kind string, patience time.Duration, do func(context.Context, *world) error) func(testing.TB) ([]byte, error) {
	return func(t testing.TB) ([]byte, error) {
		w, err := newWorld(t, catalog(100), patience)
		if err != nil {
			return nil, err
		}
		wire := make(chan []byte, 10)
		consumer := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if body, err := io.ReadAll(r.Body); err == nil && r.Header.Get("Content-Type") == cloudevent.ContentType {
				wire <- body
			}
			rw.WriteHeader(http.StatusAccepted)
		}))
		t.Cleanup(consumer.Close)
		client, err := httpkit.NewClient(consumer.URL, pacttest.As("booking"), time.Second)
		if err != nil {
			return nil, err
		}
		publisher, err := httppush.NewPublisher(authtest.NewKey(t, "booking"), map[string]map[string]*httpkit.Client{events.TopicBookings: {"event": client}})
		if err != nil {
			return nil, err
		}
		relay, err := outbox.NewRelay(outbox.Options{
			Store: w.store.Outbox(), Publisher: publisher, Log: quiet, Interval: 10 * time.Millisecond,
			Consumers: map[string]map[string]outbox.Receipts{events.TopicBookings: {"event": inboxrest.NewClient(client)}},
		})
		if err != nil {
			return nil, err
		}
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Minute)
		var workers sync.WaitGroup
		workers.Go(func() { _ = relay.Run(ctx) })
		workers.Go(func() { _ = w.service.Recover(ctx) })
		defer workers.Wait()
		defer stop()
		if err := do(ctx, w); err != nil {
			return nil, err
		}
		for {
			select {
			case <-ctx.Done():
				return nil, fmt.Errorf("no %s was published", kind)
			case body := <-wire:
				if m, err := cloudevent.Decode(body); err != nil || m.Type == kind {
					return body, err
				}
			}
		}
	}
}
