package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
)

// This file is what buyers do who hold tickets first, and pay for them later, or
// never.

// plan is what a customer does about a checkout, in this order. Whoever has not paid when
// it is done walks away, and the checkout expires.
type plan struct {
	steps []step
	cards int  // tried
	good  bool // one of them can be charged
}

// step is a request of a plan, asked under one key until it is answered.
type step struct {
	what string // extend, abandon, or the token of a card
	last bool   // the customer waits for the outcome of this card, and acts where it asks for that
	key  option
}

const (
	extend  = "extend"
	abandon = "abandon"
	// maxCards is how many cards a booking may be paid with.
	maxCards = 5
)

func (l *plan) add(what string) {
	l.steps = append(l.steps, step{what: what, key: key(uuid.NewString())})
}

// pays adds a card that can be charged.
func (l *plan) pays(token string) {
	l.add(token)
	l.steps[len(l.steps)-1].last, l.good = true, true
}

// cards are the tokens of these kinds.
type cards struct{ good, declined, acting, lost string }

func (b *buyer) cards() cards {
	if b.p.provider != nil {
		return cards{stripetest.Visa, stripetest.Declined, stripetest.Authentication, stripetest.TimeoutAfter}
	}
	return cards{"tok_visa", "tok_declined", "tok_authenticate", "tok_timeout"}
}

// wantCheckout is want, of this order.
func (b *buyer) wantCheckout(order obj) *purchase {
	order["checkout"] = true
	of, l := b.cards(), &plan{}
	if b.rand.IntN(5) == 0 {
		l.add(of.declined)
	}
	if b.rand.IntN(3) == 0 {
		l.add(extend)
	}
	if b.rand.IntN(4) == 0 {
		l.add(of.acting) // and takes another card instead of acting
	}
	c := &purchase{request: []option{as(b.a), key(uuid.NewString()), body(order)}, plan: l, cancel: b.rand.IntN(4) == 0}
	switch b.rand.IntN(8) {
	case 0:
	case 1:
		l.add(abandon)
	case 2:
		l.pays(of.lost)
	case 3:
		if b.p.provider == nil {
			l.pays(of.good)
			break
		}
		l.pays(of.acting)
		c.acts = "in time"
	default:
		l.pays(of.good)
	}
	return c
}

// checkOut takes a checkout as far as it goes now, and reports whether it is over for its
// customer.
func (b *buyer) checkOut(c *purchase) bool {
	if !c.refused && (len(c.ids) == 0 || b.rand.IntN(8) == 0) && !b.hold(c) {
		return false
	}
	for !c.refused && !c.confirmed && len(c.plan.steps) > 0 {
		if !b.take(c) {
			return false
		}
	}
	if !c.confirmed && !c.refused {
		c.refused = true // it will expire
	}
	if c.confirmed {
		b.paid.Add(1)
	} else if len(c.ids) > 0 {
		b.unpaid.Add(1)
	}
	return true
}

// hold asks for the tickets, and reports whether that was answered.
func (b *buyer) hold(c *purchase) bool {
	res, err := b.p.send(http.MethodPost, b.anywhere(), "/bookings", c.request...)
	if err != nil || res.status == http.StatusServiceUnavailable {
		return false
	}
	if res.status == http.StatusCreated {
		var made booking
		if err := json.Unmarshal(res.body, &made); err != nil {
			b.strange(c, res)
			return true
		}
		c.name(made.ID)
		return true
	}
	refusal, _ := res.problem()
	switch refusal.Code {
	case problem.BookingInProgress, problem.RateLimited:
		return false
	case problem.SoldOut, problem.TooManyTickets, problem.TooManyCheckouts, problem.CheckoutExpired, problem.CheckoutAbandoned:
		c.refused = true
		if refusal.BookingID != "" {
			c.name(refusal.BookingID)
		}
	default:
		b.strange(c, res)
	}
	return true
}

// take takes the next step, and reports whether that was answered for good.
func (b *buyer) take(c *purchase) bool {
	next := c.plan.steps[0]
	method, path, options := http.MethodPost, "/bookings/"+c.ids[0], []option{as(b.a), next.key}
	card := false
	switch next.what {
	case extend:
		path += "/extension"
	case abandon:
		method, path, options = http.MethodPut, path+"/cancel", options[:1]
	default:
		path, options, card = path+"/payment", append(options, body(obj{"token": next.what})), true
	}
	res, err := b.p.send(method, b.anywhere(), path, options...)
	if err != nil || res.status == http.StatusServiceUnavailable {
		return false
	}
	refusal := problem.Problem{}
	if res.status >= http.StatusBadRequest {
		refusal, _ = res.problem()
	}
	switch {
	case res.status == http.StatusAccepted && next.what == abandon: // it may have been paid
		return false
	case res.status == http.StatusOK && next.what == abandon:
		var now booking
		if err := json.Unmarshal(res.body, &now); err != nil {
			b.strange(c, res)
			return true
		}
		c.refused = now.Status == "FAILED"
		c.confirmed, c.cancelled = !c.refused, !c.refused // it was paid, and asking again has cancelled it
	case res.status == http.StatusOK && card:
		c.confirmed = true
	case res.status == http.StatusOK:
	case res.status == http.StatusAccepted && card:
		var made booking
		if err := json.Unmarshal(res.body, &made); err != nil {
			b.strange(c, res)
			return true
		}
		if next.last || made.Payment.NextAction == nil {
			b.act(c, made)
			return false
		}
	case refusal.Code == problem.PaymentInProgress, refusal.Code == problem.BookingInProgress,
		refusal.Code == problem.RateLimited: // too many cards in a row were declined
		return false
	case refusal.Code == problem.PaymentDeclined && card:
		// Of a card that is good: the provider has never heard of it.
		if c.plan.cards++; next.last && c.plan.cards < maxCards {
			c.plan.pays(b.cards().good)
		}
	case refusal.Code == problem.AlreadyPaid && c.plan.good:
		c.confirmed = true
	case refusal.Code == problem.CheckoutExpired, refusal.Code == problem.TooManyAttempts,
		next.what == abandon && refusal.Code == problem.NotCancellable: // it has expired
		c.refused = true
	default:
		b.strange(c, res)
	}
	c.plan.steps = c.plan.steps[1:]
	return true
}

// awaitCheckouts waits until checkouts have been paid, and others have not, which prove
// something.
func awaitCheckouts(t testing.TB, buyers []*buyer) {
	t.Helper()
	eventually(t, func() error {
		paid, unpaid := int32(0), int32(0)
		for _, b := range buyers {
			paid, unpaid = paid+b.paid.Load(), unpaid+b.unpaid.Load()
		}
		if paid < 3 || unpaid < 3 {
			return fmt.Errorf("%d checkouts are paid, and %d are not", paid, unpaid)
		}
		return nil
	})
}

// checkouts says what became of those who held tickets first.
func (s *survey) checkouts() string {
	steps, reasons, all, paid := map[string]int{}, map[string]int{}, 0, 0
	for _, b := range s.buyers {
		for _, c := range b.purchases {
			if c.plan == nil || len(c.ids) == 0 {
				continue
			}
			all++
			made := s.bookings[c.ids[0]]
			reasons[made.Reason]++
			if made.Status != "FAILED" {
				paid++
			}
			for _, did := range made.Timeline {
				steps[did.Step]++
			}
		}
	}
	return fmt.Sprintf("%d checkouts: %d paid, %d expired, %d abandoned, with %d attempts (%d declined, %d waited for the customer) and %d extensions; holds after their deadline = %d",
		all, paid, reasons[string(problem.CheckoutExpired)], reasons[string(problem.CheckoutAbandoned)],
		steps["attempt"], steps["payment_declined"], steps["payment_action"], steps["extended"], s.held)
}
