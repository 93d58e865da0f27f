package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

type ticket struct {
	ID           string `json:"id"`
	Number       int    `json:"number"`
	TicketTypeID string `json:"ticket_type_id"`
	Name         string `json:"name"`
	Status       string `json:"status"`
	Holder       struct {
		Name  string `json:"name"`
		Email string `json:"email"`
	} `json:"holder"`
	Issue int    `json:"issue"`
	Code  string `json:"code"`
}

func (p *platform) tickets(t *testing.T, by *account, bookingID string) []ticket {
	t.Helper()
	var list struct{ Items []ticket }
	p.call(t, http.MethodGet, gateway, "/bookings/"+bookingID+"/tickets", as(by)).want(t, http.StatusOK).into(t, &list)
	return list.Items
}

// wantTickets compares what t's tickets are with "number status issue".
func wantTickets(t *testing.T, tickets []ticket, want ...string) {
	t.Helper()
	var got []string
	for _, one := range tickets {
		got = append(got, fmt.Sprint(one.Number, " ", one.Status, " ", one.Issue))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("tickets (-want +got):\n%s", d)
	}
}

// A buyer says who comes before she pays, and passes a ticket on after that.
func TestTicketsHaveHolders(t *testing.T) {
	t.Parallel()
	p := shared(t)
	g, organizer := p.guest(t), p.register(t, organizer)
	e := p.publish(t, organizer, draft(10))
	b := p.checkout(t, g, e, 2)
	wantTickets(t, p.tickets(t, g, b.ID), "1 HELD 1", "2 HELD 1")
	ids := []string{}
	for _, one := range p.tickets(t, g, b.ID) {
		ids = append(ids, one.ID)
	}
	rename := func(by *account, n int, name string) *answer {
		return p.call(t, http.MethodPatch, gateway, "/bookings/"+b.ID+"/tickets/"+ids[n-1], as(by), body(obj{"holder": obj{"name": name, "email": "friend@example.com"}}))
	}
	rename(g, 1, "Ana").want(t, http.StatusOK)
	rename(organizer, 1, "Omar").refused(t, http.StatusForbidden, problem.Forbidden)
	rename(g, 1, "\u202eanA").refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	p.pay(t, g, b.ID, "tok_visa").want(t, http.StatusOK)
	old := p.tickets(t, g, b.ID)[1].Code
	var passed ticket
	rename(g, 2, "Grace Hopper").want(t, http.StatusOK).into(t, &passed)
	rename(g, 2, "Grace Hopper").want(t, http.StatusOK)
	after := p.tickets(t, g, b.ID)
	wantTickets(t, after, "1 VALID 1", "2 VALID 2")
	if after[0].Holder.Name != "Ana" || after[1].Holder.Email != "friend@example.com" || after[1] != passed {
		t.Errorf("the tickets are %+v", after)
	}
	if len(old) != 120 || len(after[1].Code) != 120 || old == after[1].Code {
		t.Errorf("its code was %q and is %q", old, after[1].Code)
	}
	for path, want := range map[string][2]string{
		"/tickets.pdf": {"application/pdf", "%PDF-"}, "/tickets/" + ids[1] + "/pdf": {"application/pdf", "%PDF-"},
		"/tickets/" + ids[0] + "/qr.png": {"image/png", "\x89PNG"}, "/tickets/" + ids[0] + "/qr.svg": {"image/svg+xml", "<"},
		"/calendar.ics": {"text/calendar; charset=utf-8", "BEGIN:VCALENDAR"},
	} {
		a := p.call(t, http.MethodGet, gateway, "/bookings/"+b.ID+path, as(g)).want(t, http.StatusOK)
		if kind := a.header.Get("Content-Type"); kind != want[0] || !strings.HasPrefix(string(a.body), want[1]) {
			t.Errorf("%s is %s, %.20q", path, kind, a.body)
		}
	}
	for _, one := range p.tickets(t, p.admin, b.ID) {
		if one.Code != "" {
			t.Errorf("an admin sees the code of ticket %d", one.Number)
		}
	}
	ids = append(ids, uuid.NewString())
	rename(g, 3, "Nobody").refused(t, http.StatusNotFound, problem.TicketNotFound)
	p.call(t, http.MethodPut, gateway, "/bookings/"+b.ID+"/cancel", as(g)).want(t, http.StatusOK)
	p.call(t, http.MethodGet, gateway, "/bookings/"+b.ID+"/tickets.pdf", as(g)).refused(t, http.StatusConflict, problem.NoValidTickets)
	rename(g, 1, "Too late").refused(t, http.StatusConflict, problem.TicketCancelled)

	fixed := p.publish(t, organizer, changed(draft(10), "transfers", false))
	b = p.checkout(t, g, fixed, 1)
	ids[0] = p.tickets(t, g, b.ID)[0].ID
	rename(g, 1, "Ana").want(t, http.StatusOK)
	p.pay(t, g, b.ID, "tok_visa").want(t, http.StatusOK)
	rename(g, 1, "Grace Hopper").refused(t, http.StatusConflict, problem.TransfersNotAllowed)
}

// A buyer gives back the very ticket that nobody will come with.
func TestTicketGivenBackByItsID(t *testing.T) {
	t.Parallel()
	p := shared(t)
	ada, other := p.register(t, customer), p.register(t, customer)
	e := p.publish(t, p.register(t, organizer), draft(10))
	b := p.book(t, ada, e, 3)
	before := p.tickets(t, ada, b.ID)
	wantTickets(t, before, "1 VALID 1", "2 VALID 1", "3 VALID 1")
	for _, one := range before {
		if one.TicketTypeID != e.TicketTypes[0].ID || one.Name != "Type 1" || one.Holder.Email != ada.email {
			t.Errorf("a ticket is %+v", one)
		}
	}
	p.call(t, http.MethodGet, gateway, "/bookings/"+b.ID+"/tickets", as(other)).refused(t, http.StatusForbidden, problem.Forbidden)
	p.call(t, http.MethodGet, gateway, "/bookings/"+uuid.NewString()+"/tickets", as(ada)).refused(t, http.StatusNotFound, problem.BookingNotFound)

	giveBack := func(ids ...string) *answer {
		return p.call(t, http.MethodPost, gateway, "/bookings/"+b.ID+"/cancellations", as(ada), key(uuid.NewString()), body(obj{"tickets": ids}))
	}
	giveBack(before[0].ID, uuid.NewString()).refused(t, http.StatusConflict, problem.TicketsNotBooked)
	var rest booking
	giveBack(before[1].ID).want(t, http.StatusCreated).into(t, &rest)
	if rest.Tickets != 2 || rest.Total.AmountMinor != 5000 {
		t.Errorf("%d tickets for %v are left", rest.Tickets, rest.Total)
	}
	giveBack(before[1].ID).refused(t, http.StatusConflict, problem.TicketCancelled)
	after := p.tickets(t, ada, b.ID)
	wantTickets(t, after, "1 VALID 1", "2 CANCELLED 1", "3 VALID 1")
	for i := range after {
		if after[i].ID != before[i].ID {
			t.Errorf("ticket %d has another id", i+1)
		}
	}
}
