package e2e

import (
	"fmt"
	"net/http"
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
	Issue int `json:"issue"`
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
