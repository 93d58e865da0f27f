package rest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// linkMails works off what was asked for, and returns the ids of the mails.
func (a *api) linkMails(t *testing.T) (ids []string) {
	t.Helper()
	if err := a.service.MailLinksNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	entries, err := a.outbox.Claim(t.Context(), later, later, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Message.Type == events.TypeBookingLinksRequested {
			ids = append(ids, e.Message.ID)
		}
	}
	return ids
}

func TestFindBookings(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	first := a.do(t, guest, http.MethodPost, "/bookings", book("")).body["id"].(string)
	second := a.do(t, guest, http.MethodPost, "/bookings", book("")).body["id"].(string)
	known := a.do(t, "", http.MethodPost, "/bookings/links", `{"email":"A@EXAMPLE.com"}`)
	unknown := a.do(t, "", http.MethodPost, "/bookings/links", `{"email":"nobody@example.com"}`)
	if known.status != 202 || known.raw != "" || unknown.String() != known.String() || len(unknown.header) != len(known.header) {
		t.Errorf("an address with bookings: %s %v, and one without: %s %v", known, known.header, unknown, unknown.header)
	}
	mails := a.linkMails(t)
	if len(mails) != 1 {
		t.Fatalf("%d mails are sent, want 1", len(mails))
	}
	r := a.do(t, "", http.MethodGet, "/link-mails/"+strings.ToUpper(mails[0]), "", "X-Service-Token", "notification")
	if r.status != 200 || r.body["to"] != "a@example.com" || r.body["id"] != mails[0] {
		t.Fatal(r)
	}
	keys := map[string]string{}
	for _, b := range r.body["bookings"].([]any) {
		b := b.(map[string]any)
		keys[b["booking_id"].(string)] = b["link_key"].(string)
		if b["tickets"] != 2.0 || b["status"] != "CONFIRMED" || b["event"].(map[string]any)["title"] != "E" {
			t.Errorf("a booking is %v", b)
		}
	}
	for _, id := range []string{first, second} {
		if r := a.do(t, "", http.MethodGet, "/bookings/"+id, "", "Booking-Key", keys[id]); r.status != 200 {
			t.Errorf("%s: %s", id, r)
		}
	}
}

func TestFindBookingsRefuses(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, body := range []string{``, `{}`, `{"email":null}`, `{"email":""}`, `{"email":"ana"}`, `{"email":["a@example.com"]}`, `{"email":"a@example.com","x":1}`, `{"email":"` + strings.Repeat("a", 2000) + `@example.com"}`} {
		if r := a.do(t, "", http.MethodPost, "/bookings/links", body); r.status != 400 && r.status != 422 {
			t.Errorf("%.60s: %s", body, r)
		}
	}
	mail := "/link-mails/" + uuid.NewString()
	for _, c := range []struct {
		as, service string
		status      int
		code        problem.Code
	}{
		{"", "", 401, problem.Unauthenticated},
		{"admin", "", 401, problem.Unauthenticated},
		{"", "event", 403, problem.Forbidden},
		{"", "notification", 409, problem.TicketMailNotDue},
	} {
		var header []string
		if c.service != "" {
			header = []string{"X-Service-Token", c.service}
		}
		if r := a.do(t, c.as, http.MethodGet, mail, "", header...); r.status != c.status || r.body["code"] != string(c.code) {
			t.Errorf("as %q, service %q: %s, want %d %s", c.as, c.service, r, c.status, c.code)
		}
	}
}

// From one address few requests count, and all are answered alike.
func TestRequestsOfOneAddressAreAnsweredAlike(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	a.do(t, guest, http.MethodPost, "/bookings", book(""))
	for range 30 {
		if r := a.do(t, "", http.MethodPost, "/bookings/links", `{"email":"nobody@example.com"}`, "From", "school"); r.status != 202 {
			t.Fatal(r)
		}
	}
	if r := a.do(t, "", http.MethodPost, "/bookings/links", `{"email":"a@example.com"}`, "From", "school"); r.status != 202 || r.raw != "" {
		t.Error(r)
	}
	if mails := a.linkMails(t); len(mails) != 0 {
		t.Errorf("%d mails are sent", len(mails))
	}
	a.do(t, "", http.MethodPost, "/bookings/links", `{"email":"a@example.com"}`, "From", "home")
	if mails := a.linkMails(t); len(mails) != 1 {
		t.Errorf("from another address %d mails are sent, want 1", len(mails))
	}
}
