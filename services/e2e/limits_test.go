package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// accountTickets is the default of TICKETS_PER_ACCOUNT.
const accountTickets = 40

// freeEvent publishes an event with so many tickets that cost nothing.
func (p *platform) freeEvent(t testing.TB, tickets int) event {
	t.Helper()
	return p.publish(t, p.register(t, organizer), changed(draft(), "ticket_types",
		[]obj{{"name": "Free", "capacity": tickets, "price": money.Amount{AmountMinor: 0, Currency: "EUR"}}}))
}

// However many requests race, one account does not get all the free tickets.
func TestOneAccountGetsSomeOfTheFreeTickets(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c, e := p.register(t, customer), p.freeEvent(t, 200)
	const racing, each = 30, 3
	var confirmed, refused atomic.Int32
	var wg sync.WaitGroup
	for range racing {
		wg.Go(func() {
			var res *answer
			err := poll(patience, func() (err error) {
				res, err = p.patiently(http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": each}))
				switch {
				case err != nil:
					return final{err}
				case res.is(problem.RateLimited): // on a busy machine it waits too long for its turn
					return errors.New("still too many at the same time")
				}
				return nil
			})
			switch {
			case err != nil:
				t.Error(err)
			case res.status == http.StatusCreated:
				confirmed.Add(1)
			case res.is(problem.TooManyTickets):
				refused.Add(1)
			default:
				t.Errorf("%s: %d %s", res.request, res.status, res.body)
			}
		})
	}
	wg.Wait()
	if n := confirmed.Load(); n*each > accountTickets || n == 0 || n+refused.Load() != racing {
		t.Errorf("%d racing requests for %d tickets: %d confirmed and %d refused, want at most %d tickets", racing, each, n, refused.Load(), accountTickets)
	}
	// What failed for another reason may count until it is settled.
	eventually(t, func() error {
		res := p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 1}))
		if left := p.available(t, e.ID).Available; res.status != http.StatusConflict || left != 200-accountTickets {
			return fmt.Errorf("status %d, %d of 200 tickets are available, want %d", res.status, left, 200-accountTickets)
		}
		res.refused(t, http.StatusConflict, problem.TooManyTickets)
		return nil
	})
	p.book(t, p.register(t, customer), e, 20)
}

// Cards that are declined one after another are tried less and less often.
func TestDeclinedCardsArePaused(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c, e := p.register(t, customer), p.publish(t, p.register(t, organizer), draft(20))
	pay := func(token string) *answer {
		return p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 20, "payment": obj{"token": token}}))
	}
	var res *answer
	declined := 0
	// The pauses grow until this machine is faster.
	for res = pay("tok_declined"); res.is(problem.PaymentDeclined); res = pay("tok_declined") {
		declined++
	}
	res.refused(t, http.StatusTooManyRequests, problem.RateLimited)
	if after, err := strconv.Atoi(res.header.Get("Retry-After")); err != nil || after < 1 || declined < 3 {
		t.Errorf("after %d declined cards 429 with Retry-After %q", declined, res.header.Get("Retry-After"))
	}
	if a := p.available(t, e.ID); a.Available != 20 {
		t.Errorf("in the pause %d of 20 tickets are available", a.Available)
	}
	p.book(t, c, p.freeEvent(t, 1), 1)

	eventually(t, func() error {
		if res = pay("tok_visa"); res.is(problem.RateLimited) {
			return fmt.Errorf("it is still paused: %s", res.body)
		}
		return nil
	})
	res.want(t, http.StatusCreated)
	p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 1})).refused(t, http.StatusConflict, problem.SoldOut)
}
