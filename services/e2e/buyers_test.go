package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// purchase is one thing that a customer wants, asked for under one key until
// the answer says what became of it.
type purchase struct {
	request []option

	ids       []string // of the bookings that answers have named: one, if all is well
	confirmed bool     // 201 was seen
	refused   bool     // a refusal for good was seen
	cancel    bool     // the customer wants it cancelled again
	cancelled bool     // and was told that it is, or will be
	part      []option // the request to cancel some of the tickets first, if the customer wants that
	parted    bool     // and was told that they are, or will be
	plan      *plan    // of a customer who holds the tickets first
	acts      string   // what the customer does who has to act: "in time", "in vain", or nothing
	tries     int
}

// maxOpen is how many purchases a customer leaves unanswered before asking for
// no more: whoever is refused wherever they turn does not go on and on.
const maxOpen = 4

// buyer is a customer who asks again, with the same key, for what was not
// answered.
type buyer struct {
	p    *platform
	a    *account
	e    event
	rand *rand.Rand
	pace time.Duration // between two purchases, at most

	purchases []*purchase
	open      []*purchase // to be asked for again
	odd       []string    // answers that there should not be

	paid, unpaid atomic.Int32 // checkouts that are over
}

func newBuyer(p *platform, a *account, e event, seed uint64, i int, pace time.Duration) *buyer {
	return &buyer{p: p, a: a, e: e, rand: rand.New(rand.NewPCG(seed, uint64(i)+1)), pace: pace}
}

// shop makes purchases until finish is closed.
func (b *buyer) shop(finish <-chan struct{}) {
	for {
		if n := len(b.open); n >= maxOpen || n > 0 && b.rand.IntN(3) == 0 {
			b.resume()
		} else {
			next := b.want()
			b.purchases = append(b.purchases, next)
			b.pursue(next)
		}
		select {
		case <-finish:
			return
		case <-time.After(time.Duration(b.rand.Int64N(int64(b.pace)))):
		}
	}
}

// settle asks for what is open until everything is answered.
func (b *buyer) settle() error {
	return poll(patience, func() error {
		for range len(b.open) {
			b.resume()
		}
		if len(b.open) > 0 {
			return fmt.Errorf("a customer has no answer to %d purchases", len(b.open))
		}
		return nil
	})
}

func (b *buyer) want() *purchase {
	order := obj{"event_id": b.e.ID}
	if b.rand.IntN(4) == 0 {
		order["items"] = []obj{
			{"ticket_type_id": b.e.TicketTypes[1].ID, "quantity": 1},
			{"ticket_type_id": b.e.TicketTypes[0].ID, "quantity": 1 + b.rand.IntN(2)},
		}
	} else {
		order["tickets"] = 1 + b.rand.IntN(3)
	}
	if b.p.checkouts && b.rand.IntN(3) == 0 {
		return b.wantCheckout(order)
	}
	if b.p.provider != nil {
		return b.wantPaid(order)
	}
	switch b.rand.IntN(10) {
	case 0:
		order["payment"] = obj{"token": "tok_declined"}
	case 1, 2, 3:
		order["payment"] = obj{"token": "tok_visa"}
	}
	return &purchase{request: []option{as(b.a), key(uuid.NewString()), body(order)}, cancel: b.rand.IntN(3) == 0}
}

// resume pursues the longest open purchase.
func (b *buyer) resume() {
	next := b.open[0]
	b.open = b.open[1:]
	b.pursue(next)
}

// pursue takes a purchase as far as it goes now.
func (b *buyer) pursue(c *purchase) {
	c.tries++
	if c.plan != nil && !c.confirmed {
		if !b.checkOut(c) {
			b.open = append(b.open, c)
			return
		}
	} else if c.plan == nil && (!c.confirmed || b.rand.IntN(4) == 0) { // asking once too often is no harm
		if !b.order(c) {
			b.open = append(b.open, c)
			return
		}
	}
	if c.confirmed && (c.part != nil && !c.parted && !b.cancelPart(c) || c.cancel && !b.cancel(c)) {
		b.open = append(b.open, c)
	}
}

func (b *buyer) anywhere() service { return []service{gateway, bookings}[b.rand.IntN(2)] }

func (b *buyer) strange(c *purchase, res *answer) {
	c.refused = true
	b.odd = append(b.odd, fmt.Sprintf("%s is answered %d %s", res.request, res.status, res.body))
}

// order asks for the booking, and reports whether that was answered for good.
func (b *buyer) order(c *purchase) bool {
	res, err := b.p.send(http.MethodPost, b.anywhere(), "/bookings", c.request...)
	if err != nil || res.status == http.StatusServiceUnavailable {
		return false
	}
	if res.status == http.StatusCreated || res.status == http.StatusAccepted {
		var made booking
		if err := json.Unmarshal(res.body, &made); err != nil {
			b.strange(c, res)
			return true
		}
		c.name(made.ID)
		if res.status == http.StatusAccepted {
			b.act(c, made)
			return false
		}
		c.confirmed = true
		return true
	}
	refusal, err := res.problem()
	switch {
	case err != nil || c.confirmed && refusal.Code != problem.BookingInProgress:
		b.strange(c, res)
	case refusal.Code == problem.BookingInProgress, refusal.Code == problem.RateLimited: // too many cards in a row were declined
		return false
	case refusal.Code == problem.PaymentDeclined, refusal.Code == problem.PaymentAbandoned, refusal.Code == problem.SoldOut,
		refusal.Code == problem.TooManyTickets: // the customer has not acted on others yet
		c.refused = true
		if refusal.BookingID != "" {
			c.name(refusal.BookingID)
		}
	default:
		b.strange(c, res)
	}
	return true
}

// cancel cancels the booking, and reports whether that was answered.
func (b *buyer) cancel(c *purchase) bool {
	res, err := b.p.send(http.MethodPut, b.anywhere(), "/bookings/"+c.ids[0]+"/cancel", as(b.a))
	if err != nil || res.status == http.StatusServiceUnavailable || res.is(problem.BookingInProgress) ||
		res.is(problem.AlreadyPaid) { // a checkout that was confirmed a moment ago
		return false
	}
	if res.status != http.StatusOK && res.status != http.StatusAccepted {
		b.strange(c, res)
	}
	c.cancelled = true
	return true
}

func (c *purchase) name(id string) {
	if !slices.Contains(c.ids, id) {
		c.ids = append(c.ids, id)
	}
}
