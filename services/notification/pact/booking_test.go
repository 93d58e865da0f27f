//go:build pact

package pact_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/bookingapi"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/messaging"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/userapi"
)

// Of a booking the notification service reads what it tells the customer, and
// whom.
func TestConsumerOfBooking(t *testing.T) {
	pact := pacttest.New(t, "notification", "booking")
	told := func(refunded int, acknowledged bool) pacttest.Body {
		return pacttest.Body{
			"booking_id": pacttest.UUID(bookingID), "version": pacttest.Integer(2), "user_id": pacttest.Like(pacttest.CustomerID),
			"user_email": pacttest.Like("ada@example.com"), "user_name": pacttest.Like("Ada Lovelace"),
			"event": pacttest.Body{
				"organizer_id": pacttest.UUID(organizerID), "title": pacttest.Like("Night of Strings"), "starts_at": pacttest.Time("2040-06-21T18:00:00Z"),
				"time_zone": pacttest.Like("Europe/Berlin"), "venue": pacttest.Venue,
				"cancellation_policy": pacttest.Body{"free_hours": pacttest.Integer(48), "fee_basis_points": pacttest.Integer(1000)},
			},
			"items": pacttest.Each(pacttest.Body{
				"name": pacttest.Like("Standard"), "quantity": pacttest.Integer(2), "unit_price": pacttest.Money(2500),
			}),
			"total": pacttest.Money(5000), "refunded": pacttest.Money(refunded), "acknowledged": acknowledged, "occurred_at": pacttest.Time("2040-06-01T18:00:00Z"),
		}
	}
	// Of four tickets, two are given back, for a fee.
	cancellation := func(refund, fee int) pacttest.Body {
		return pacttest.Body{
			"id": pacttest.UUID(cancellationID), "price": pacttest.Money(refund + fee), "fee": pacttest.Money(fee), "refund": pacttest.Money(refund),
			"items": pacttest.Each(pacttest.Body{
				"name": pacttest.Like("Standard"), "quantity": pacttest.Integer(2), "unit_price": pacttest.Money(2500),
			}),
		}
	}
	cancelled, inPart := told(5000, false), told(4500, false)
	cancelled["cancellation"], inPart["cancellation"] = cancellation(5000, 0), cancellation(4500, 500)
	corrected := told(0, false)
	corrected["contact"] = pacttest.Body{"phone": pacttest.Like("+4915112345678")}
	abandoned := told(0, true)
	abandoned["reason"] = "payment_abandoned"
	for _, m := range []struct {
		name, kind string
		data       pacttest.Body
		subject    string // of the mail; "" for none
	}{
		{"a booking is confirmed", events.TypeBookingConfirmed, told(0, false), "Booking confirmed: Night of Strings"},
		{"a booking that its guest has corrected is confirmed", events.TypeBookingConfirmed, corrected, "Booking confirmed: Night of Strings"},
		{"the tickets of a booking are asked for again", events.TypeBookingResendRequested, told(0, false), "Your booking: Night of Strings"},
		{"a booking is cancelled", events.TypeBookingCancelled, cancelled, "Booking cancelled: Night of Strings"},
		{"some tickets of a booking are cancelled", events.TypeBookingItemsCancelled, inPart, "Tickets cancelled: Night of Strings"},
		{"a booking has failed that was pending", events.TypeBookingFailed, abandoned, "Payment failed: Night of Strings"},
		{"a booking has failed", events.TypeBookingFailed, pacttest.Body{
			"booking_id": pacttest.UUID(bookingID), "version": pacttest.Integer(2), "refunded": pacttest.Money(0), "acknowledged": false,
		}, ""},
	} {
		pact.Message(t, m.name, pacttest.Envelope(m.kind, messageID, m.data), func(t *testing.T, wire []byte) {
			store, service, mail, text := newService(t)
			message, err := cloudevent.Decode(wire)
			if err != nil {
				t.Fatal(err)
			}
			if err := messaging.Handler(service)(t.Context(), message); err != nil {
				t.Fatal(err)
			}
			mails, err := store.List(t.Context(), notification.Filter{BookingID: bookingID, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			if m.subject == "" {
				if len(mails) > 0 {
					t.Errorf("somebody is told: %+v", mails)
				}
				return
			}
			if len(mails) != 1 || mails[0].Subject != m.subject || mails[0].To != "ada@example.com" {
				t.Fatalf("the mails are %+v, want %q", mails, m.subject)
			}
			sent := mail()
			if m.kind == events.TypeBookingConfirmed && !strings.Contains(sent.Text, "until Tuesday, 19 June 2040, 20:00 (Europe/Berlin, UTC+2); after that, until the event starts, 10% of the price is kept.") {
				t.Errorf("the mail does not say what cancelling costs:\n%s", sent.Text)
			}
			if _, ok := m.data["contact"]; ok && text().To != "+4915112345678" {
				t.Error("the SMS goes elsewhere")
			}
			switch m.kind {
			case events.TypeBookingItemsCancelled:
				if !strings.Contains(sent.Text, "policy: €5.00\nRefunded: €45.00") || !strings.Contains(sent.Text, "What remains:") {
					t.Errorf("the mail does not say what became of the money:\n%s", sent.Text)
				}
			case events.TypeBookingCancelled:
				if !strings.Contains(sent.Text, "Refunded: €50.00") {
					t.Errorf("the mail does not say what became of the money:\n%s", sent.Text)
				}
			}
			if (len(sent.Attachments) > 0) != slices.Contains([]string{events.TypeBookingConfirmed, events.TypeBookingResendRequested, events.TypeBookingCancelled}, m.kind) {
				t.Errorf("its calendar is %q", sent.Attachments)
			}
			for _, text := range []string{"Ada Lovelace", "21 June 2040, 20:00", "Philharmonie", "Berlin", "2 × Standard at €25.00 = €50.00"} {
				if !strings.Contains(sent.Text, text) {
					t.Errorf("the mail does not say %q:\n%s", text, sent.Text)
				}
			}
		})
	}
	passedOn(t, pact, told(0, false))
	deliveries(t, pact)
	links(t, pact, told(0, false))
}

// newService is the service. mail and text run its workers until they send a mail, or
// an SMS, which they return.
func newService(t *testing.T) (store *sqlite.Store, service *notification.Service, mail func() notification.Mail, text func() notification.Text) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "notification.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	client, err := httpkit.NewClient("http://127.0.0.1:1", nil, userapi.Timeout)
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	store = sqlite.New(db)
	mails, texts := make(mailer, 1), make(texter, 1)
	service, err = notification.New(notification.Options{
		Store: store, Mailer: mails, SMS: texts, Contacts: userapi.New(client), AccountMails: userapi.New(client), Deliveries: bookingapi.New(client), Log: quiet,
		RetryBase: time.Millisecond, MaxAttempts: 1, // nobody answers for the addresses, and the last attempt does without
	})
	if err != nil {
		t.Fatal(err)
	}
	return store, service, func() notification.Mail { return first(t, service, mails) }, func() notification.Text { return first(t, service, texts) }
}

// first runs the service until it has sent something.
func first[T any](t *testing.T, service *notification.Service, sent <-chan T) (what T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { _ = service.Run(ctx) }) // it ends with its context
	defer running.Wait()
	defer cancel()
	select {
	case what = <-sent:
	case <-ctx.Done():
		t.Fatal("nothing is sent")
	}
	return what
}

// mailer hands on what it is to send.
type mailer chan notification.Mail

func (m mailer) Send(_ context.Context, mail notification.Mail) error {
	m <- mail
	return nil
}

// texter hands on the SMS.
type texter chan notification.Text

func (m texter) Send(_ context.Context, text notification.Text) error {
	m <- text
	return nil
}
