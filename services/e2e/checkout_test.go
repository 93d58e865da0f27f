package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
)

// checkout holds tickets for a customer who pays later.
func (p *platform) checkout(t testing.TB, by *account, e event, tickets int) paid {
	t.Helper()
	var b paid
	p.call(t, http.MethodPost, gateway, "/bookings", as(by), key(uuid.NewString()), body(obj{"event_id": e.ID, "tickets": tickets, "checkout": true})).
		want(t, http.StatusCreated).into(t, &b)
	if b.Status != "PENDING" || b.Payment.Status != "awaiting" || b.Payment.ExpiresAt == nil {
		t.Fatalf("the checkout is %+v", b)
	}
	return b
}

func (p *platform) pay(t testing.TB, by *account, id, token string) *answer {
	t.Helper()
	what := obj{}
	if token != "" {
		what["token"] = token
	}
	return p.call(t, http.MethodPost, gateway, "/bookings/"+id+"/payment", as(by), key(uuid.NewString()), body(what))
}

func (p *platform) extend(t testing.TB, by *account, id string) *answer {
	t.Helper()
	return p.call(t, http.MethodPost, gateway, "/bookings/"+id+"/extension", as(by), key(uuid.NewString()))
}

// wantPaid waits until a booking is as a payment has left it.
func (p *platform) wantPaid(t testing.TB, by *account, id, status, reason, payment string) {
	t.Helper()
	eventually(t, func() error {
		var b paid
		p.get(t, gateway, "/bookings/"+id, &b, as(by))
		if b.Status != status || b.Reason != reason || b.Payment.Status != payment {
			return fmt.Errorf("the booking is %s %q, its payment %s", b.Status, b.Reason, b.Payment.Status)
		}
		return nil
	})
}

// A guest holds tickets, is declined, takes more time, and pays by a second card.
func TestCheckout(t *testing.T) {
	t.Parallel()
	p := shared(t)
	e := p.publish(t, p.register(t, organizer), draft(10))
	g := p.guest(t)
	b := p.checkout(t, g, e, 2)
	if a := p.available(t, e.ID); a.Available != 8 {
		t.Errorf("%d tickets are available while two are held", a.Available)
	}

	p.pay(t, g, b.ID, "tok_declined").refused(t, http.StatusPaymentRequired, problem.PaymentDeclined)
	p.wantPaid(t, g, b.ID, "PENDING", "", "awaiting")

	var longer paid
	once := key(uuid.NewString())
	for range 2 {
		p.call(t, http.MethodPost, gateway, "/bookings/"+b.ID+"/extension", as(g), once).want(t, http.StatusOK).into(t, &longer)
	}
	if longer.Payment.ExpiresAt == nil || !longer.Payment.ExpiresAt.After(*b.Payment.ExpiresAt) {
		t.Errorf("extended from %v to %v", b.Payment.ExpiresAt, longer.Payment.ExpiresAt)
	}
	p.extend(t, g, b.ID).want(t, http.StatusOK)
	p.extend(t, g, b.ID).refused(t, http.StatusConflict, problem.NoMoreExtensions)

	// The customer gives up 3-D Secure, and takes another card.
	var acting paid
	p.pay(t, g, b.ID, "tok_authenticate").want(t, http.StatusAccepted).into(t, &acting)
	if acting.Payment.NextAction == nil {
		t.Errorf("there is nothing to do: %+v", acting.Payment)
	}
	second := key(uuid.NewString())
	for range 2 { // a repeat answers what became of the first
		p.call(t, http.MethodPost, gateway, "/bookings/"+b.ID+"/payment", as(g), second, body(obj{"token": "tok_visa"})).want(t, http.StatusOK)
	}
	p.wantPaid(t, g, b.ID, "CONFIRMED", "", "captured")
	p.pay(t, g, b.ID, "tok_visa").refused(t, http.StatusConflict, problem.AlreadyPaid)
	p.extend(t, g, b.ID).refused(t, http.StatusConflict, problem.AlreadyPaid)
	entries := wholeList[struct{ Kind string }](t, p, bookings, "/payments/sandbox/ledger?booking_id="+b.ID, as(p.admin))
	if len(entries) != 1 || entries[0].Kind != "charge" {
		t.Errorf("the ledger has %+v", entries)
	}
}

func TestCheckoutOfFreeTickets(t *testing.T) {
	t.Parallel()
	p := shared(t)
	e := p.publish(t, p.register(t, organizer), priced(0, "EUR"))
	c := p.register(t, customer)
	b := p.checkout(t, c, e, 1)
	p.pay(t, c, b.ID, "").want(t, http.StatusOK)
	p.wantPaid(t, c, b.ID, "CONFIRMED", "", "not_required")
}

func TestCheckoutIsAbandoned(t *testing.T) {
	t.Parallel()
	p := shared(t)
	e := p.publish(t, p.register(t, organizer), draft(10))
	c := p.register(t, customer)
	once, want := key(uuid.NewString()), body(obj{"event_id": e.ID, "tickets": 3, "checkout": true})
	var b paid
	p.call(t, http.MethodPost, gateway, "/bookings", as(c), once, want).want(t, http.StatusCreated).into(t, &b)
	for range 2 {
		p.call(t, http.MethodPut, gateway, "/bookings/"+b.ID+"/cancel", as(c)).want(t, http.StatusOK)
	}
	p.wantPaid(t, c, b.ID, "FAILED", "checkout_abandoned", "not_charged")
	if a := p.available(t, e.ID); a.Available != 10 {
		t.Errorf("%d of 10 tickets are available", a.Available)
	}
	p.call(t, http.MethodPost, gateway, "/bookings", as(c), once, want).refused(t, http.StatusConflict, problem.CheckoutAbandoned)
	p.pay(t, c, b.ID, "tok_visa").refused(t, http.StatusConflict, problem.CheckoutAbandoned)
	p.extend(t, c, b.ID).refused(t, http.StatusConflict, problem.CheckoutAbandoned)
}

func TestCheckoutExpires(t *testing.T) {
	t.Parallel()
	p, _ := startWithStripe(t, options{checkoutTTL: "3s"})
	e := p.publish(t, p.register(t, organizer), draft(10))
	c := p.register(t, customer)
	once, want := key(uuid.NewString()), body(obj{"event_id": e.ID, "tickets": 2, "checkout": true})
	var b paid
	p.call(t, http.MethodPost, gateway, "/bookings", as(c), once, want).want(t, http.StatusCreated).into(t, &b)
	p.wantPaid(t, c, b.ID, "FAILED", "checkout_expired", "not_charged")
	p.call(t, http.MethodPost, gateway, "/bookings", as(c), once, want).refused(t, http.StatusConflict, problem.CheckoutExpired)
	p.pay(t, c, b.ID, stripetest.Visa).refused(t, http.StatusConflict, problem.CheckoutExpired)
	p.extend(t, c, b.ID).refused(t, http.StatusConflict, problem.CheckoutExpired)
	if a := p.available(t, e.ID); a.Available != 10 {
		t.Errorf("%d of 10 tickets are available", a.Available)
	}
}

// What others, and nonsense, are answered.
func TestCheckoutRefusals(t *testing.T) {
	t.Parallel()
	p := shared(t)
	e := p.publish(t, p.register(t, organizer), draft(10))
	c, other := p.register(t, customer), p.guest(t)
	b := p.checkout(t, c, e, 1)
	p.pay(t, other, b.ID, "tok_visa").refused(t, http.StatusForbidden, problem.Forbidden)
	p.extend(t, other, b.ID).refused(t, http.StatusForbidden, problem.Forbidden)
	p.pay(t, c, uuid.NewString(), "tok_visa").refused(t, http.StatusNotFound, problem.BookingNotFound)
	p.extend(t, c, uuid.NewString()).refused(t, http.StatusNotFound, problem.BookingNotFound)
	p.call(t, http.MethodPost, gateway, "/bookings/"+b.ID+"/payment", as(c), body(obj{"token": "tok_visa"})).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	p.call(t, http.MethodPost, gateway, "/bookings/"+b.ID+"/extension", as(c)).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 1, "checkout": true, "payment": obj{"token": "tok_visa"}})).
		refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 1, "checkout": "yes"})).
		refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)

	once := key(uuid.NewString())
	p.call(t, http.MethodPost, gateway, "/bookings/"+b.ID+"/payment", as(c), once, body(obj{"token": "tok_declined"})).refused(t, http.StatusPaymentRequired, problem.PaymentDeclined)
	p.call(t, http.MethodPost, gateway, "/bookings/"+b.ID+"/payment", as(c), once, body(obj{"token": "tok_visa"})).refused(t, http.StatusUnprocessableEntity, problem.IdempotencyKeyReused)
	paused := false
	for range 4 {
		eventually(t, func() error {
			a := p.pay(t, c, b.ID, "tok_declined")
			if a.is(problem.RateLimited) {
				paused = true
				return fmt.Errorf("it is still paused: %s", a.body)
			}
			a.refused(t, http.StatusPaymentRequired, problem.PaymentDeclined)
			return nil
		})
	}
	if !paused {
		t.Error("five cards are declined without a pause")
	}
	p.pay(t, c, b.ID, "tok_visa").refused(t, http.StatusConflict, problem.TooManyAttempts)

	// Whoever was declined so often waits before the next checkout.
	p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 1, "checkout": true})).refused(t, http.StatusTooManyRequests, problem.RateLimited)

	// While one payment is worked on, there is no other.
	slow := p.checkout(t, other, e, 1)
	p.pay(t, other, slow.ID, "tok_timeout").want(t, http.StatusAccepted)
	p.pay(t, other, slow.ID, "tok_visa").refused(t, http.StatusConflict, problem.PaymentInProgress)
}

// Nobody oversells by checkouts, and what is abandoned comes back.
func TestRacingCheckouts(t *testing.T) {
	t.Parallel()
	p := shared(t)
	const tickets, buyers = 50, 200
	e := p.publish(t, p.register(t, organizer), draft(tickets))
	var (
		mu   sync.Mutex
		held = map[string]*account{}
		wg   sync.WaitGroup
		work = make(chan *account)
	)
	for range 16 {
		wg.Go(func() {
			for c := range work {
				request := []option{as(c), key(uuid.NewString()), body(obj{"event_id": e.ID, "tickets": 1, "checkout": true})}
				res, err := p.send(http.MethodPost, gateway, "/bookings", request...)
				for deadline := time.Now().Add(patience); err == nil && res.status == http.StatusServiceUnavailable && time.Now().Before(deadline); {
					<-time.After(time.Second) // Retry-After
					res, err = p.send(http.MethodPost, gateway, "/bookings", request...)
				}
				mu.Lock()
				switch {
				case err != nil:
					t.Error(err)
				case res.status == http.StatusCreated:
					var b paid
					res.into(t, &b)
					held[b.ID] = c
				default:
					res.refused(t, http.StatusConflict, problem.SoldOut)
				}
				mu.Unlock()
			}
		})
	}
	for range buyers {
		work <- p.guest(t)
	}
	close(work)
	wg.Wait()
	if a := p.available(t, e.ID); len(held) != tickets || a.Available != 0 {
		t.Errorf("%d checkouts hold tickets, and %d of %d are available", len(held), a.Available, tickets)
	}
	for id, c := range held {
		p.call(t, http.MethodPut, gateway, "/bookings/"+id+"/cancel", as(c)).want(t, http.StatusOK)
	}
	if a := p.available(t, e.ID); a.Available != tickets {
		t.Errorf("%d of %d tickets are available after all were abandoned", a.Available, tickets)
	}
}
