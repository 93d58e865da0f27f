package bookingapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/bookingapi"
	"github.com/openboxoffice/boxoffice/services/notification/notificationtest"
)

type obj = map[string]any

// bookings is the part of the booking service that this adapter calls.
func bookings(t *testing.T) notificationtest.DeliveriesFixture {
	t.Helper()
	var known sync.Map
	var down atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("GET /bookings/{id}/delivery", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		key := fmt.Sprintf("%s/%s/%s/%s", r.PathValue("id"), q.Get("link_version"), q.Get("ticket_id"), q.Get("issue"))
		d, ok := known.Load(key)
		switch {
		case down.Load():
			w.WriteHeader(http.StatusBadGateway)
		case r.Header.Get("X-Service-Token") != "secret":
			answer(t, w, http.StatusUnauthorized, problem.Problem{Status: 401, Code: problem.InvalidToken})
		case !ok && q.Get("link_version") == "404":
			answer(t, w, http.StatusNotFound, problem.Problem{Status: 404, Code: problem.BookingNotFound})
		case !ok:
			answer(t, w, http.StatusConflict, problem.Problem{Status: 409, Code: problem.TicketMailNotDue})
		default:
			answer(t, w, http.StatusOK, wire(d.(notification.Delivery), q.Get("pdf") == "true", q.Get("locale")))
		}
	})
	mux.HandleFunc("GET /link-mails/{id}", func(w http.ResponseWriter, r *http.Request) {
		m, ok := known.Load(r.PathValue("id"))
		switch {
		case down.Load():
			w.WriteHeader(http.StatusBadGateway)
		case r.Header.Get("X-Service-Token") != "secret":
			answer(t, w, http.StatusUnauthorized, problem.Problem{Status: 401, Code: problem.InvalidToken})
		case !ok:
			answer(t, w, http.StatusConflict, problem.Problem{Status: 409, Code: problem.TicketMailNotDue})
		default:
			answer(t, w, http.StatusOK, wireLinks(r.PathValue("id"), m.(notification.LinkMail)))
		}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return notificationtest.DeliveriesFixture{
		PutLinks:   func(id string, m notification.LinkMail) { known.Store(id, m) },
		Deliveries: client(t, srv.URL, "secret"),
		Put: func(w notification.Wanted, d notification.Delivery) {
			key := fmt.Sprintf("%s/%d//", w.BookingID, w.LinkVersion)
			if w.TicketID != "" {
				key = fmt.Sprintf("%s//%s/%d", w.BookingID, w.TicketID, w.Issue)
			}
			known.Store(key, d)
		},
		Down: func() { down.Store(true) },
	}
}

// wire is d as booking writes it, beside a ticket that was given back.
func wire(d notification.Delivery, pdf bool, locale string) obj {
	tickets := []obj{{"number": 9, "name": "Returned", "status": "CANCELLED", "holder": obj{"name": "Ada"}}}
	for _, t := range d.Tickets {
		tickets = append(tickets, obj{"number": t.Number, "name": t.Name, "status": "VALID", "holder": obj{"name": t.Holder}, "code": t.Code, "qr": t.QR})
	}
	out := obj{"reference": "BX-4D2P-F2DB", "tickets": tickets}
	if d.LinkKey != "" {
		out["link_key"] = d.LinkKey
	}
	if pdf {
		out["pdf"] = append(d.PDF, locale...)
	}
	return out
}

// wireLinks is m as booking writes it.
func wireLinks(id string, m notification.LinkMail) obj {
	all := []obj{}
	for _, b := range m.Bookings {
		status := "CONFIRMED"
		if b.Cancelled {
			status = "CANCELLED"
		}
		all = append(all, obj{"booking_id": b.BookingID, "status": status, "event": b.Event, "tickets": b.Tickets, "link_key": b.LinkKey})
	}
	out := obj{"id": id, "to": m.To, "name": m.Name, "bookings": all}
	if m.Locale != nil {
		out["locale"] = *m.Locale
	}
	return out
}

func client(t *testing.T, url, token string) *bookingapi.Bookings {
	t.Helper()
	c, err := httpkit.NewClient(url, func() (string, error) { return token, nil }, bookingapi.Timeout)
	if err != nil {
		t.Fatal(err)
	}
	return bookingapi.New(c)
}

func answer(t *testing.T, w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	if status >= 400 {
		w.Header().Set("Content-Type", problem.ContentType)
	}
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		t.Error(err)
	}
}

func TestDeliveriesContract(t *testing.T) {
	t.Parallel()
	notificationtest.TestDeliveries(t, bookings)
}

// An unknown booking is not due, and the PDF has the language that it is asked for in.
func TestWhatIsAsked(t *testing.T) {
	t.Parallel()
	f := bookings(t)
	w := notification.Wanted{BookingID: "01970000-0000-7000-8000-0000000000f2", LinkVersion: 404, PDF: true, Locale: "de-AT"}
	if _, err := f.Deliveries.Delivery(t.Context(), w); err != notification.ErrNotDue { //nolint:errorlint // it is that one
		t.Errorf("error %v, want ErrNotDue", err)
	}
	f.Put(w, notification.Delivery{PDF: []byte("%PDF ")})
	if d, err := f.Deliveries.Delivery(t.Context(), w); err != nil || string(d.PDF) != "%PDF de-AT" {
		t.Errorf("the PDF is %q, %v", d.PDF, err)
	}
}

// A wrong service token is ours to put right: it must not pass for a mail that is not due.
func TestARefusedServiceTokenIsAnotherError(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(t, w, http.StatusForbidden, problem.Problem{Status: 403, Code: problem.Forbidden})
	}))
	defer srv.Close()
	if _, err := client(t, srv.URL, "wrong").Delivery(t.Context(), notification.Wanted{BookingID: "b"}); err == nil || err == notification.ErrNotDue { //nolint:errorlint // it is not that one
		t.Errorf("error %v", err)
	}
}

// broken is a Deliveries that spoils what it is asked, and what it answers.
type broken struct {
	notification.Deliveries
	ask    func(*notification.Wanted)
	answer func(*notification.Delivery, error) error
	links  func(*notification.LinkMail, error) error
}

func (b broken) LinkMail(ctx context.Context, id string) (notification.LinkMail, error) {
	m, err := b.Deliveries.LinkMail(ctx, id)
	if b.links != nil {
		err = b.links(&m, err)
	}
	return m, err
}

func (b broken) Delivery(ctx context.Context, w notification.Wanted) (notification.Delivery, error) {
	if b.ask != nil {
		b.ask(&w)
	}
	d, err := b.Deliveries.Delivery(ctx, w)
	if b.answer != nil {
		err = b.answer(&d, err)
	}
	return d, err
}

func TestDeliveriesSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		broken   broken
		caughtBy string
	}{
		"takes_an_outage_for_a_mail_that_is_not_due": {broken{answer: func(_ *notification.Delivery, err error) error {
			if err != nil {
				return notification.ErrNotDue
			}
			return nil
		}}, "no_answer_is_another_error"},
		"drops_the_codes": {broken{answer: func(d *notification.Delivery, err error) error {
			for i := range d.Tickets {
				d.Tickets[i].Code = ""
			}
			return err
		}}, "a_buyer_gets_the_valid_tickets_by_number_and_the_key_of_the_booking"},
		"keeps_what_was_given_back": {broken{answer: func(d *notification.Delivery, err error) error {
			d.Tickets = append(d.Tickets, notification.DeliveredTicket{Number: 9})
			return err
		}}, "a_buyer_gets_the_valid_tickets_by_number_and_the_key_of_the_booking"},
		"takes_holders_for_buyers": {broken{ask: func(w *notification.Wanted) { w.TicketID = "" }}, "a_holder_gets_their_ticket_and_its_key"},
		"forgets_the_issue":        {broken{ask: func(w *notification.Wanted) { w.Issue = 1 }}, "a_holder_gets_their_ticket_and_its_key"},
		"forgets_the_link_version": {broken{ask: func(w *notification.Wanted) { w.LinkVersion = 3 }}, "what_is_not_due_is_ErrNotDue"},
		"always_asks_for_the_PDF":  {broken{ask: func(w *notification.Wanted) { w.PDF = true }}, "the_PDF_comes_where_it_is_asked_for"},
		"takes_an_outage_for_links_that_are_not_due": {broken{links: func(_ *notification.LinkMail, err error) error {
			if err != nil {
				return notification.ErrNotDue
			}
			return nil
		}}, "no_answer_about_links_is_another_error"},
		"drops_the_language": {broken{links: func(m *notification.LinkMail, err error) error {
			m.Locale = nil
			return err
		}}, "a_mail_with_links_is_told_whole_with_its_bookings_in_their_order"},
		"turns_the_bookings_around": {broken{links: func(m *notification.LinkMail, err error) error {
			slices.Reverse(m.Bookings)
			return err
		}}, "a_mail_with_links_is_told_whole_with_its_bookings_in_their_order"},
		"knows_every_mail":       {broken{links: func(*notification.LinkMail, error) error { return nil }}, "a_mail_with_links_that_is_not_due_is_ErrNotDue"},
		"never_asks_for_the_PDF": {broken{ask: func(w *notification.Wanted) { w.PDF = false }}, "the_PDF_comes_where_it_is_asked_for"},
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			notificationtest.TestDeliveries(t, func(t *testing.T) notificationtest.DeliveriesFixture {
				f := bookings(t)
				c.broken.Deliveries = f.Deliveries
				f.Deliveries = c.broken
				return f
			})
		}, c.caughtBy)
	}
}
