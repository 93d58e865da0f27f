package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// A payment whose answer does not come is answered 202, and settles by itself.
func TestLateOutcomes(t *testing.T) {
	t.Parallel()
	p := shared(t)
	o := p.register(t, organizer)
	for _, token := range []string{"tok_timeout", "tok_slow"} {
		t.Run(token, func(t *testing.T) {
			t.Parallel()
			c := p.register(t, customer)
			e := p.publish(t, o, draft(5))
			request := []option{as(c), key(token), body(obj{"event_id": e.ID, "tickets": 2, "payment": obj{"token": token}})}
			began := time.Now()
			res := p.call(t, http.MethodPost, gateway, "/bookings", request...).want(t, http.StatusAccepted)
			answered := time.Since(began)
			var b booking
			res.into(t, &b)
			at := res.header.Get("Location")
			if b.Status != "PENDING" || at != "/bookings/"+b.ID {
				t.Errorf("202 with status %s and Location %q", b.Status, at)
			}
			if a := p.available(t, e.ID); a.Available != 3 {
				t.Errorf("while the payment is open, %d of 5 are available", a.Available)
			}
			// Who asks again is told the same, and nothing can be cancelled yet.
			var again booking
			p.call(t, http.MethodPost, gateway, "/bookings", request...).want(t, http.StatusAccepted).into(t, &again)
			if again.ID != b.ID {
				t.Errorf("the same key made bookings %s and %s", b.ID, again.ID)
			}
			p.call(t, http.MethodPut, gateway, at+"/cancel", as(c)).refused(t, http.StatusConflict, problem.NotCancellable)

			eventually(t, func() error {
				if p.get(t, gateway, at, &b, as(c)); b.Status == "PENDING" {
					return fmt.Errorf("it is %s", b.Status)
				}
				return nil
			})
			t.Logf("%s: 202 after %.1f s, %s after %.1f s", token, answered.Seconds(), b.Status, time.Since(began).Seconds())
			settled(t, p, c, e, b)
		})
	}
}

// settled checks that money and tickets agree for the only booking of an event
// with five tickets.
func settled(t *testing.T, p *platform, c *account, e event, b booking) {
	t.Helper()
	ledger := p.ledgerOf(t, b.ID)
	left := p.available(t, e.ID).Available
	switch b.Status {
	case "CONFIRMED":
		if len(ledger) != 1 || ledger[0].Kind != "charge" || b.Total == nil || ledger[0].Amount != *b.Total {
			t.Errorf("it is confirmed, and the ledger says %+v", ledger)
		}
		if left != 5-b.Tickets {
			t.Errorf("it is confirmed, and %d of 5 are available", left)
		}
		if m := p.awaitMail(t, b.ID, mail.confirms); m.to != c.email {
			t.Errorf("the confirmation went to %s", m.to)
		}
	case "FAILED":
		var owed int64
		for _, l := range ledger {
			owed += map[string]int64{"charge": 1, "refund": -1}[l.Kind] * l.Amount.AmountMinor
		}
		if owed != 0 || len(ledger) > 2 {
			t.Errorf("it has failed, and the ledger says %+v", ledger)
		}
		if left != 5 {
			t.Errorf("it has failed, and %d of 5 are available", left)
		}
	default:
		t.Errorf("it has settled as %s", b.Status)
	}
}
