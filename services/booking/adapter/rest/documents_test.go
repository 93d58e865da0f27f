package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
)

func TestTheBuyerGetsDocuments(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do(t, alice, http.MethodPost, "/bookings", `{"event_id":"`+event+`","tickets":3}`).body["id"].(string)
	at := "/bookings/" + id
	first, third := at+"/tickets/"+booking.TicketID(id, 1), at+"/tickets/"+booking.TicketID(id, 3)
	a.do(t, alice, http.MethodPost, at+"/cancellations", returning(booking.TicketID(id, 3)), "Idempotency-Key", "k")
	held := "/bookings/" + a.do(t, alice, http.MethodPost, "/bookings", `{"event_id":"`+event+`","tickets":1,"checkout":true}`).body["id"].(string)
	heldTicket := held + "/tickets/" + booking.TicketID(strings.TrimPrefix(held, "/bookings/"), 1)
	for path, want := range map[string]struct{ kind, begins string }{
		at + "/tickets.pdf":              {"application/pdf", "%PDF-"},
		at + "/tickets.pdf?locale=de-AT": {"application/pdf", "%PDF-"},
		first + "/pdf":                   {"application/pdf", "%PDF-"},
		first + "/qr.png":                {"image/png", "\x89PNG"},
		first + "/qr.svg":                {"image/svg+xml", "<"},
		at + "/calendar.ics":             {"text/calendar; charset=utf-8", "BEGIN:VCALENDAR"},
	} {
		r := a.do(t, alice, http.MethodGet, path, "")
		if r.status != 200 || r.header.Get("Content-Type") != want.kind || !strings.HasPrefix(r.raw, want.begins) || r.header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s: %d %v %.20q", path, r.status, r.header, r.raw)
		}
	}
	for name, c := range map[string]struct {
		as, path string
		status   int
		code     problem.Code
	}{
		"a stranger's":              {bob, at + "/tickets.pdf", 403, problem.Forbidden},
		"an admin, who has no code": {"admin", first + "/qr.png", 403, problem.Forbidden},
		"a stranger's calendar":     {bob, at + "/calendar.ics", 403, problem.Forbidden},
		"no such booking":           {alice, "/bookings/" + uuid.NewString() + "/tickets.pdf", 404, problem.BookingNotFound},
		"no such ticket":            {alice, at + "/tickets/" + uuid.NewString() + "/pdf", 404, problem.TicketNotFound},
		"given back":                {alice, third + "/pdf", 409, problem.TicketCancelled},
		"given back, as QR code":    {alice, third + "/qr.svg", 409, problem.TicketCancelled},
		"not paid":                  {alice, held + "/tickets.pdf", 409, problem.NoValidTickets},
		"not paid, one ticket":      {alice, heldTicket + "/pdf", 409, problem.NoValidTickets},
		"not paid, in a calendar":   {alice, held + "/calendar.ics", 409, problem.NoValidTickets},
		"a locale that is too long": {alice, at + "/tickets.pdf?locale=" + strings.Repeat("x", 36), 422, problem.ValidationFailed},
	} {
		if r := a.do(t, c.as, http.MethodGet, c.path, ""); r.status != c.status || r.body["code"] != string(c.code) {
			t.Errorf("%s: %.200s, want %d %s", name, r, c.status, c.code)
		}
	}
	a.do(t, alice, http.MethodPut, at+"/cancel", "")
	if r := a.do(t, alice, http.MethodGet, at+"/calendar.ics", ""); r.status != 200 || !strings.Contains(r.raw, "STATUS:CANCELLED") {
		t.Errorf("the calendar of what is cancelled: %s", r)
	}
	if r := a.do(t, alice, http.MethodGet, at+"/tickets.pdf", ""); r.status != 409 {
		t.Errorf("the tickets of what is cancelled: %d", r.status)
	}
}

func TestDocumentsByALink(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do(t, alice, http.MethodPost, "/bookings", `{"event_id":"`+event+`","tickets":3}`).body["id"].(string)
	at := "/bookings/" + id
	a.do(t, alice, http.MethodPost, at+"/cancellations", returning(booking.TicketID(id, 3)), "Idempotency-Key", "k")
	buyer, holder := a.linkTo(t, id)
	for name, c := range map[string]struct {
		key, path string
		status    int
		code      problem.Code
	}{
		"the buyer's tickets":            {buyer, "/tickets.pdf", 200, ""},
		"a ticket of the buyer's":        {buyer, "/tickets/" + booking.TicketID(id, 1) + "/qr.png", 200, ""},
		"what the buyer has given back":  {buyer, "/tickets/" + booking.TicketID(id, 3) + "/pdf", 409, problem.TicketCancelled},
		"the buyer's calendar":           {buyer, "/calendar.ics", 200, ""},
		"a holder's ticket":              {holder, "/tickets/" + booking.TicketID(id, 2) + "/pdf", 200, ""},
		"a holder's tickets":             {holder, "/tickets.pdf", 200, ""},
		"another ticket than a holder's": {holder, "/tickets/" + booking.TicketID(id, 1) + "/qr.svg", 404, problem.TicketNotFound},
		"what others have given back":    {holder, "/tickets/" + booking.TicketID(id, 3) + "/pdf", 404, problem.TicketNotFound},
		"a holder's calendar":            {holder, "/calendar.ics", 200, ""},
		"a forged key":                   {strings.Repeat("A", 22), "/tickets.pdf", 404, problem.BookingNotFound},
	} {
		r := a.do(t, "", http.MethodGet, at+c.path, "", "Booking-Key", c.key)
		if code, _ := r.body["code"].(string); r.status != c.status || code != string(c.code) {
			t.Errorf("%s: %.200s, want %d %s", name, r, c.status, c.code)
		}
		if c.path == "/tickets.pdf" && r.status == 200 {
			want := map[string]string{buyer: "/Count 2", holder: "/Count 1"}[c.key]
			if !strings.Contains(r.raw, want) {
				t.Errorf("%s has not %s page(s)", name, want)
			}
		}
	}
}
