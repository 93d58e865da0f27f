package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// cancellation is how far an event's is.
type cancellation struct {
	EventID     string    `json:"event_id"`
	CancelledAt time.Time `json:"cancelled_at"`
	Note        string    `json:"note"`
	Told        bool      `json:"told"`
	Done        bool      `json:"done"`
	Bookings    *struct {
		Pending    int `json:"pending"`
		Confirmed  int `json:"confirmed"`
		Cancelling int `json:"cancelling"`
		Cancelled  int `json:"cancelled"`
		RefundsDue int `json:"refunds_due"`
	} `json:"bookings"`
}

// A policy by which no customer who cancels would get anything back.
var strict = obj{"free_hours": 8760, "fee_basis_points": 10_000}

const sorry = "The singer is ill.\nWe are sorry – 残念です."

// The organizer cancels an event: everybody has their money back, all of it,
// whatever the policy, and is told so once.
func TestOrganizerCancelsAnEvent(t *testing.T) {
	t.Parallel()
	p := shared(t)
	o, other := p.register(t, organizer), p.register(t, organizer)
	e := p.publish(t, o, changed(draft(40, 40), "cancellation_policy", strict))
	path := "/events/" + e.ID
	if shown := e.Policy; shown.FreeHours != 8760 || shown.FeeBasisPoints != 10_000 {
		t.Errorf("the policy shown is %+v", shown)
	}

	crowd := p.crowd(t, 4)
	held := map[string]*account{} // by booking
	for i := range 7 {
		a := crowd[i%len(crowd)]
		held[p.book(t, a, e, 1+i%3).ID] = a
	}
	// One is still being paid while the event is cancelled.
	var late booking
	p.call(t, http.MethodPost, gateway, "/bookings", as(crowd[0]), body(obj{"event_id": e.ID, "tickets": 2, "payment": obj{"token": "tok_timeout"}})).
		want(t, http.StatusAccepted).into(t, &late)

	for _, s := range []service{gateway, events} {
		p.call(t, http.MethodGet, s, path+"/cancellation", as(o)).refused(t, http.StatusNotFound, problem.EventNotCancelled)
		for _, stranger := range []*account{other, crowd[0]} {
			p.call(t, http.MethodPost, s, path+"/cancel", as(stranger)).refused(t, http.StatusForbidden, problem.Forbidden)
			p.call(t, http.MethodGet, s, path+"/cancellation", as(stranger)).refused(t, http.StatusForbidden, problem.Forbidden)
		}
		p.call(t, http.MethodPost, s, path+"/cancel").refused(t, http.StatusUnauthorized, problem.Unauthenticated)
		p.call(t, http.MethodPost, s, "/events/"+uuid.NewString()+"/cancel", as(o)).refused(t, http.StatusNotFound, problem.EventNotFound)
		p.call(t, http.MethodGet, s, "/events/"+uuid.NewString()+"/cancellation", as(o)).refused(t, http.StatusNotFound, problem.EventNotFound)
	}
	p.call(t, http.MethodPost, gateway, path+"/cancel", as(o), body(obj{"note": "with a \x07"})).
		refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)

	var now, again event
	p.call(t, http.MethodPost, gateway, path+"/cancel", as(o), body(obj{"note": " " + sorry + "\n"})).want(t, http.StatusOK).into(t, &now)
	if now.Status != "CANCELLED" {
		t.Errorf("the event is %s", now.Status)
	}
	p.call(t, http.MethodPost, events, path+"/cancel", as(p.admin), body(obj{"note": "Another word"})).want(t, http.StatusOK).into(t, &again)
	p.call(t, http.MethodPost, gateway, path+"/cancel", as(o)).want(t, http.StatusOK)
	if again.UpdatedAt != now.UpdatedAt {
		t.Errorf("cancelling again changes the event: %+v, before %+v", again, now)
	}
	p.call(t, http.MethodPut, gateway, path, as(o), body(draft(40))).refused(t, http.StatusConflict, problem.EventCancelled)
	p.call(t, http.MethodPost, gateway, "/bookings", as(crowd[1]), body(obj{"event_id": e.ID, "tickets": 1})).
		refused(t, http.StatusConflict, problem.SalesClosed)

	done := p.awaitCancellation(t, o, e.ID)
	if done.Note != sorry || done.EventID != e.ID || !done.CancelledAt.Equal(now.UpdatedAt) {
		t.Errorf("the cancellation: %+v", done)
	}
	if b := done.Bookings; b == nil || b.Pending+b.Confirmed+b.Cancelling+b.RefundsDue != 0 || b.Cancelled < len(held) {
		t.Errorf("its bookings: %+v", b)
	}
	p.refundedAndTold(t, held)
	// The late one ends without tickets and without money, whichever way.
	eventually(t, func() error {
		if b := p.bookingNow(t, crowd[0], late.ID); b.Status != "FAILED" && b.Status != "CANCELLED" {
			return fmt.Errorf("it is %s", b.Status)
		}
		return nil
	})
	if in, out := p.moved(t, late.ID); in != out {
		t.Errorf("of the late booking, %d was charged and %d refunded", in, out)
	}
	eventually(t, func() error {
		if a := p.available(t, e.ID); a.Available != a.Capacity || a.SalesOpen {
			return fmt.Errorf("%d of %d tickets are back, on sale: %t", a.Available, a.Capacity, a.SalesOpen)
		}
		return nil
	})
	// Once all is told, the event may go, as any other.
	eventually(t, func() error {
		res := p.call(t, http.MethodDelete, gateway, path, as(o))
		if res.status == http.StatusNoContent {
			return nil
		}
		if res.refused(t, http.StatusConflict, problem.EventHasBookings); t.Failed() {
			return final{fmt.Errorf("%s", res.body)}
		}
		return fmt.Errorf("%s", res.body)
	})
}

// Every process is killed as soon as the organizer is answered, and again while
// the bookings are being cancelled. All of it happens, once.
func TestAnEventsCancellationSurvivesKills(t *testing.T) {
	t.Parallel()
	p := start(t, options{})
	o := p.register(t, organizer)
	e := p.publish(t, o, changed(draft(100), "cancellation_policy", strict))
	crowd := p.crowd(t, 10)
	booked := make([]booking, 40)
	var g errgroup.Group
	g.SetLimit(4)
	for i := range booked {
		g.Go(func() error {
			res, err := p.patiently(http.MethodPost, gateway, "/bookings", as(crowd[i%len(crowd)]), body(obj{"event_id": e.ID, "tickets": 1}))
			if err == nil && res.status != http.StatusCreated {
				err = fmt.Errorf("%d %s", res.status, res.body)
			}
			if err == nil {
				res.into(t, &booked[i])
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	held := map[string]*account{}
	for i, b := range booked {
		held[b.ID] = crowd[i%len(crowd)]
	}
	p.call(t, http.MethodPost, gateway, "/events/"+e.ID+"/cancel", as(o), body(obj{"note": sorry})).want(t, http.StatusOK)
	for range 3 {
		p.kill()
		p.restart(t)
		// It gets on between two kills, but need not be done.
		_ = poll(2*time.Second, func() error {
			c, err := p.cancellationOf(o, e.ID)
			if err == nil && (c.Bookings == nil || c.Bookings.Cancelled < len(held)/4) {
				err = fmt.Errorf("%+v", c.Bookings)
			}
			return err
		})
	}
	if c := p.awaitCancellation(t, o, e.ID); c.Bookings == nil || c.Bookings.Cancelled != len(held) {
		t.Errorf("the cancellation: %+v", c)
	}
	p.refundedAndTold(t, held)
}

// cancellationOf asks how far it is.
func (p *platform) cancellationOf(by *account, eventID string) (c cancellation, err error) {
	res, err := p.send(http.MethodGet, gateway, "/events/"+eventID+"/cancellation", as(by))
	if err != nil {
		return c, err
	}
	if res.status != http.StatusOK {
		return c, fmt.Errorf("%s: %d %s", res.request, res.status, res.body)
	}
	return c, json.Unmarshal(res.body, &c)
}

// awaitCancellation waits until it is done.
func (p *platform) awaitCancellation(t testing.TB, by *account, eventID string) (c cancellation) {
	t.Helper()
	eventually(t, func() (err error) {
		if c, err = p.cancellationOf(by, eventID); err == nil && !(c.Told && c.Done) {
			err = fmt.Errorf("told: %t, done: %t, bookings: %+v", c.Told, c.Done, c.Bookings)
		}
		return err
	})
	return c
}

// refundedAndTold fails t unless each of the bookings is cancelled, refunded in
// full by one refund, and its customer told by one mail, with the note.
func (p *platform) refundedAndTold(t testing.TB, held map[string]*account) {
	t.Helper()
	for id, a := range held {
		b := p.bookingNow(t, a, id)
		if b.Status != "CANCELLED" || b.Payment.Status != "refunded" {
			t.Errorf("booking %s is %s, its payment %s", id, b.Status, b.Payment.Status)
		}
		if ledger := p.ledgerOf(t, id); len(ledger) != 2 || ledger[1].Kind != "refund" || b.Total == nil || ledger[1].Amount != *b.Total {
			t.Errorf("the ledger of booking %s: %+v", id, ledger)
		}
	}
	var told map[string][]mail
	eventually(t, func() error {
		mails, err := p.mails()
		if err != nil {
			return final{err}
		}
		told = map[string][]mail{}
		for _, m := range mails {
			if !m.confirms() {
				told[m.booking()] = append(told[m.booking()], m)
			}
		}
		for id := range held {
			if len(told[id]) == 0 {
				return fmt.Errorf("booking %s: %w", id, errNoMail)
			}
		}
		return nil
	})
	for id, a := range held {
		if len(told[id]) != 1 || told[id][0].to != a.email {
			t.Errorf("%d mails tell of the end of booking %s", len(told[id]), id)
		}
		for line := range strings.Lines(sorry) {
			if !strings.Contains(told[id][0].text, strings.TrimSpace(line)) {
				t.Errorf("the mail about booking %s does not say %q:\n%s", id, line, told[id][0].text)
			}
		}
	}
}

// moved is what was charged and refunded for a booking, in minor units.
func (p *platform) moved(t testing.TB, bookingID string) (in, out int64) {
	t.Helper()
	for _, e := range p.ledgerOf(t, bookingID) {
		if e.Kind == "charge" {
			in += e.Amount.AmountMinor
		} else {
			out += e.Amount.AmountMinor
		}
	}
	return in, out
}
