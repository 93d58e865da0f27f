package e2e

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
)

// This file is what buyers do besides where a provider takes their money: they
// pay in all the ways that it knows, and cancel in part.

// feeAlways is a policy by which whoever cancels pays for it.
var feeAlways = obj{"free_hours": 8760, "fee_basis_points": 1250}

// wantPaid is want, of this order.
func (b *buyer) wantPaid(order obj) *purchase {
	c := &purchase{cancel: b.rand.IntN(4) == 0}
	token := stripetest.Visa
	switch b.rand.IntN(20) {
	case 0, 1:
		token = stripetest.Declined
	case 2, 3, 4:
		token = stripetest.Authentication
		c.acts = []string{"in time", "in time", "in vain", ""}[b.rand.IntN(4)]
	case 5:
		token = stripetest.TimeoutAfter
	case 6:
		token = stripetest.LateSuccess
	}
	order["payment"] = obj{"token": token}
	c.request = []option{as(b.a), key(uuid.NewString()), body(order)}
	// Of the first type everybody has some.
	if n, some := order["tickets"].(int); b.rand.IntN(3) == 0 && some && n > 1 {
		c.part = []option{as(b.a), key(uuid.NewString()), body(obj{
			"items": []obj{{"ticket_type_id": b.e.TicketTypes[0].ID, "quantity": 1}},
		})}
	}
	return c
}

// act is what a customer does who is asked to, once.
func (b *buyer) act(c *purchase, made booking) {
	if made.Payment.NextAction == nil || c.acts == "" {
		return
	}
	b.p.provider.Act(made.ID, c.acts == "in time")
	c.acts = ""
}

// cancelPart cancels some of the tickets, and reports whether that was answered.
func (b *buyer) cancelPart(c *purchase) bool {
	res, err := b.p.send(http.MethodPost, bookings, "/bookings/"+c.ids[0]+"/cancellations", c.part...)
	if err != nil || res.status == http.StatusServiceUnavailable || res.is(problem.BookingInProgress) {
		return false
	}
	if res.status != http.StatusCreated && res.status != http.StatusAccepted {
		b.strange(c, res)
	}
	c.parted = true
	return true
}
