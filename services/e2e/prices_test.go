package e2e

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
)

// priced is a draft of one ticket type at this price.
func priced(minor int64, currency string) obj {
	return changed(draft(5), "ticket_types", []obj{{"name": "Standard", "capacity": 50, "price": money.Amount{AmountMinor: minor, Currency: currency}}})
}

// A price is published only if the payment provider charges it for one ticket and
// for the largest booking. A booking at a published price can be paid.
func TestPricesThatNobodyCanPay(t *testing.T) {
	t.Parallel()
	p, provider := startWithStripe(t, options{})
	o, c := p.register(t, organizer), p.register(t, customer)
	e := p.publish(t, o, priced(2500, "EUR"))
	for name, unpayable := range map[string]struct {
		draft obj
		field string
	}{
		"a fraction of what cards know":  {priced(5555, "KWD"), "amount_minor"},
		"a part of an ariary":            {priced(150, "MGA"), "amount_minor"},
		"less than the minimum":          {priced(49, "EUR"), "amount_minor"},
		"20 are more than the maximum":   {priced(5_000_000, "EUR"), "amount_minor"},
		"a currency that is not charged": {priced(5000, "IQD"), "currency"},
	} {
		at := "body.ticket_types[0].price." + unpayable.field
		for _, a := range []*answer{
			p.call(t, http.MethodPost, gateway, "/events", as(o), body(unpayable.draft)),
			p.call(t, http.MethodPut, gateway, "/events/"+e.ID, as(o), body(unpayable.draft)),
		} {
			a.refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
			var refused problem.Problem
			if a.into(t, &refused); !slices.ContainsFunc(refused.Errors, func(f problem.Field) bool { return f.Location == at }) {
				t.Errorf("%s: %+v, want %s", name, refused.Errors, at)
			}
		}
	}
	var now event
	if p.get(t, gateway, "/events/"+e.ID, &now); now.TicketTypes[0].Price != e.TicketTypes[0].Price {
		t.Errorf("the price is now %s", now.TicketTypes[0].Price)
	}

	payable := map[string]obj{
		"tens of thousandths": priced(5550, "KWD"), "the minimum": priced(50, "EUR"), "the maximum": priced(4_999_999, "EUR"),
		"krónur": priced(5, "ISK"), "ariary": priced(20_000, "MGA"), "yen": priced(2500, "JPY"),
	}
	for name, draft := range payable {
		e := p.publish(t, o, draft)
		var b paid
		p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 20, "payment": obj{"token": stripetest.Visa}})).
			want(t, http.StatusCreated).into(t, &b)
		if price := e.TicketTypes[0].Price; b.Payment.Captured == nil || *b.Payment.Captured != (money.Amount{AmountMinor: 20 * price.AmountMinor, Currency: price.Currency}) {
			t.Errorf("%s: 20 tickets at %s are paid %+v", name, price, b.Payment)
		}
	}

	// Some minimums depend on the means of payment.
	p.call(t, http.MethodPost, gateway, "/bookings", as(c), key(uuid.NewString()), body(obj{"event_id": e.ID, "tickets": 1, "payment": obj{"token": stripetest.AmountTooSmall}})).
		refused(t, http.StatusConflict, problem.AmountNotPayable)
	if a := p.available(t, e.ID); a.Available != 50 {
		t.Errorf("%d of 50 tickets are available", a.Available)
	}
	charges := 0
	for _, b := range provider.Books() {
		charges += b.Charges
	}
	if charges != len(payable) {
		t.Errorf("the provider has charged %d times, want %d", charges, len(payable))
	}
}

// Events that were published when another provider took the money are refused
// clearly, and can be edited.
func TestEventsFromBeforeTheProvider(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := func(o options) *platform {
		p, err := open(newStandalone(t, dir, o))
		t.Cleanup(func() { p.end(t) })
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := run(options{})
	o, c := p.register(t, organizer), p.register(t, customer)
	e := p.publish(t, o, priced(5555, "KWD"))
	p.book(t, c, e, 1)
	if err := p.stop(); err != nil {
		t.Fatal(err)
	}

	var with options
	with.paidByStripe(t)
	p = run(with)
	book := func() *answer {
		return p.call(t, http.MethodPost, gateway, "/bookings", as(c), key("once"), body(obj{"event_id": e.ID, "tickets": 1, "payment": obj{"token": stripetest.Visa}}))
	}
	book().refused(t, http.StatusConflict, problem.AmountNotPayable)

	// Its title is nobody's money. A price is.
	var now event
	p.get(t, gateway, "/events/"+e.ID, &now)
	edit := changed(priced(5555, "KWD"), "title", "Another title", "ticket_types", []obj{{
		"id": now.TicketTypes[0].ID, "name": "Standard", "capacity": 50, "price": now.TicketTypes[0].Price,
	}})
	p.call(t, http.MethodPut, gateway, "/events/"+e.ID, as(o), body(edit)).want(t, http.StatusOK)
	edit["ticket_types"].([]obj)[0]["price"] = money.Amount{AmountMinor: 5565, Currency: "KWD"}
	p.call(t, http.MethodPut, gateway, "/events/"+e.ID, as(o), body(edit)).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	edit["ticket_types"].([]obj)[0]["price"] = money.Amount{AmountMinor: 5560, Currency: "KWD"}
	p.call(t, http.MethodPut, gateway, "/events/"+e.ID, as(o), body(edit)).want(t, http.StatusOK)
	book().want(t, http.StatusCreated) // with the same key: nothing was stored before
}

// A customer pays what she has seen, or nothing.
func TestExpectedTotal(t *testing.T) {
	t.Parallel()
	p := start(t, options{})
	o, c := p.register(t, organizer), p.register(t, customer)
	e := p.publish(t, o, priced(2500, "EUR"))
	book := func(total money.Amount) *answer {
		return p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 2, "expected_total": total}))
	}
	seen := money.Amount{AmountMinor: 5000, Currency: "EUR"}
	book(seen).want(t, http.StatusCreated)

	dearer := changed(priced(2600, "EUR"), "ticket_types", []obj{{
		"id": e.TicketTypes[0].ID, "name": "Standard", "capacity": 50, "price": money.Amount{AmountMinor: 2600, Currency: "EUR"},
	}})
	p.call(t, http.MethodPut, gateway, "/events/"+e.ID, as(o), body(dearer)).want(t, http.StatusOK)
	book(seen).refused(t, http.StatusConflict, problem.PriceChanged)
	if a := p.available(t, e.ID); a.Available != 48 {
		t.Errorf("%d tickets are available, want 48", a.Available)
	}
	seen.AmountMinor = 5200
	book(seen).want(t, http.StatusCreated)
}
