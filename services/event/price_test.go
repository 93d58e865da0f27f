package event_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
)

// provider is a payment provider that counts how often it was asked for its limits.
type provider struct {
	event.Payments
	asked int
}

func (p *provider) Limits(ctx context.Context, currency string) (event.ChargeLimits, error) {
	p.asked++
	return p.Payments.Limits(ctx, currency)
}

// limits are those of a provider. A currency without any is not charged.
type limits map[string]event.ChargeLimits

func (l limits) Limits(_ context.Context, currency string) (event.ChargeLimits, error) {
	if of, ok := l[currency]; ok {
		return of, nil
	}
	return event.ChargeLimits{}, event.ErrCurrencyNotSupported
}

// away is a booking service that does not answer.
type away struct{}

func (away) Limits(context.Context, string) (event.ChargeLimits, error) {
	return event.ChargeLimits{}, event.ErrBookingUnavailable
}

var some = limits{
	"EUR": {Step: 1, Minimum: 50, Maximum: 99_999_999},
	"KWD": {Step: 10, Minimum: 10, Maximum: 99_999_990},
	"MGA": {Step: 100, Minimum: 100, Maximum: 9_999_999_900},
}

// priced is a draft with a ticket type for each price.
func priced(currency string, minor ...int64) event.Draft {
	d := draft()
	d.TicketTypes = nil
	for _, n := range minor {
		d.TicketTypes = append(d.TicketTypes, event.TicketTypeDraft{Name: uuid.NewString(), Price: money.Amount{AmountMinor: n, Currency: currency}, Capacity: 10})
	}
	return d
}

func TestPricesThatCannotBePaidAreRefused(t *testing.T) {
	t.Parallel()
	const fraction, tooLittle = "must be a multiple of 0.010 KWD, as the payment provider charges no fractions of that",
		"must be 0 or at least 0.50 EUR, which is the least that the payment provider charges"
	for name, c := range map[string]struct {
		draft event.Draft
		want  problem.Invalid
	}{
		"a fraction of a step": {priced("KWD", 5555), problem.Invalid{{Name: "ticket_types[0].price.amount_minor", Message: fraction}}},
		"several": {priced("KWD", 5555, 5550, 0, 1), problem.Invalid{
			{Name: "ticket_types[0].price.amount_minor", Message: fraction}, {Name: "ticket_types[3].price.amount_minor", Message: fraction},
		}},
		"a part of an ariary": {priced("MGA", 150), problem.Invalid{{
			Name: "ticket_types[0].price.amount_minor", Message: "must be a multiple of 1.00 MGA, as the payment provider charges no fractions of that",
		}}},
		"too little": {priced("EUR", 49), problem.Invalid{{Name: "ticket_types[0].price.amount_minor", Message: tooLittle}}},
		"too much for the largest booking": {priced("EUR", 5_000_000), problem.Invalid{{
			Name:    "ticket_types[0].price.amount_minor",
			Message: "must be at most 49999.99 EUR, as the payment provider charges at most 999999.99 EUR for a booking of up to 20 tickets",
		}}},
		"a multiple of the step is the most": {priced("KWD", 5_000_000), problem.Invalid{{
			Name:    "ticket_types[0].price.amount_minor",
			Message: "must be at most 4999.990 KWD, as the payment provider charges at most 99999.990 KWD for a booking of up to 20 tickets",
		}}},
		"no currency of the provider's": {priced("IQD", 0, 1000), problem.Invalid{{
			Name: "ticket_types[1].price.currency", Message: "must be a currency that the payment provider charges",
		}}},
		"the least":               {priced("EUR", 50), nil},
		"the most":                {priced("EUR", 4_999_999), nil},
		"the most in steps":       {priced("KWD", 4_999_990), nil},
		"free in every currency":  {priced("IQD", 0), nil},
		"free, and the rest paid": {priced("EUR", 0, 50), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.payments.Payments = some
			organizer := identity.Caller{UserID: uuid.NewString(), Role: identity.Organizer}
			check := func(what string, err error) {
				t.Helper()
				var got problem.Invalid
				if errors.As(err, &got); (err == nil) != (c.want == nil) || cmp.Diff(c.want, got) != "" {
					t.Errorf("%s: error %v, want %v", what, err, c.want)
				}
			}
			_, err := w.Create(t.Context(), organizer, c.draft)
			check("created", err)
			if found, _, err := w.List(t.Context(), event.Query{Limit: 10}); err != nil || len(found) > 0 != (c.want == nil) {
				t.Errorf("%d events are stored (%v)", len(found), err)
			}
			e, err := w.Create(t.Context(), organizer, priced("EUR", 2500))
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Update(t.Context(), organizer, e.ID, nil, c.draft)
			check("edited", err)
			if now, err := w.Get(t.Context(), e.ID); err != nil || now.Version != 1 != (c.want == nil) {
				t.Errorf("the event is version %d (%v)", now.Version, err)
			}
		})
	}
}

func TestWithoutAnAnswerNoPriceIsPublished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	organizer := identity.Caller{UserID: uuid.NewString(), Role: identity.Organizer}
	e, err := w.Create(t.Context(), organizer, priced("EUR", 2500, 0))
	if err != nil {
		t.Fatal(err)
	}
	w.payments.Payments = away{}
	if _, err := w.Create(t.Context(), organizer, priced("EUR", 2500)); !errors.Is(err, event.ErrBookingUnavailable) {
		t.Errorf("a new event: %v", err)
	}
	if found, _, err := w.List(t.Context(), event.Query{Limit: 10}); err != nil || len(found) != 1 {
		t.Errorf("%d events are stored (%v), want 1", len(found), err)
	}

	same := priced("EUR", 2500, 0)
	for i, was := range e.TicketTypes {
		same.TicketTypes[i].ID = was.ID
	}
	for name, change := range map[string]func(d *event.Draft){
		"another price":    func(d *event.Draft) { d.TicketTypes[0].Price.AmountMinor = 2600 },
		"another currency": func(d *event.Draft) { d.TicketTypes[0].Price.Currency, d.TicketTypes[1].Price.Currency = "USD", "USD" },
		"no longer free":   func(d *event.Draft) { d.TicketTypes[1].Price.AmountMinor = 2500 },
		"a new type":       func(d *event.Draft) { d.TicketTypes[0].ID = "" },
		"prices that are swap": func(d *event.Draft) {
			d.TicketTypes[0].ID, d.TicketTypes[1].ID = d.TicketTypes[1].ID, d.TicketTypes[0].ID
		},
	} {
		d := same
		d.TicketTypes = append([]event.TicketTypeDraft{}, same.TicketTypes...)
		change(&d)
		if _, err := w.Update(t.Context(), organizer, e.ID, nil, d); !errors.Is(err, event.ErrBookingUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if now, err := w.Get(t.Context(), e.ID); err != nil || cmp.Diff(e, now) != "" {
		t.Errorf("the event was changed (%v): %s", err, cmp.Diff(e, now))
	}

	// What changes no price needs no answer; neither does what is free.
	w.payments.asked = 0
	same.Title, same.TicketTypes[0].Capacity = "Another title", 20
	if _, err := w.Update(t.Context(), organizer, e.ID, nil, same); err != nil {
		t.Errorf("the same prices: %v", err)
	}
	if _, err := w.Update(t.Context(), organizer, e.ID, nil, priced("EUR", 0)); err != nil {
		t.Errorf("free from now on: %v", err)
	}
	if _, err := w.Create(t.Context(), organizer, priced("EUR", 0, 0)); err != nil {
		t.Errorf("a free event: %v", err)
	}
	if w.payments.asked > 0 {
		t.Errorf("the provider was asked %d times", w.payments.asked)
	}
}

// Others are refused for what they are, whether booking answers or not.
func TestNobodyElsesPricesAreAskedAbout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := create(t, w.Service)
	w.payments.Payments = away{}
	stranger := identity.Caller{UserID: uuid.NewString(), Role: identity.Organizer}
	owner := identity.Caller{UserID: e.OrganizerID, Role: identity.Organizer}
	unknown := priced("EUR", 2500)
	unknown.TicketTypes[0].ID = uuid.NewString()
	for name, c := range map[string]struct {
		caller identity.Caller
		id     string
		match  func(int64) bool
		draft  event.Draft
		want   error
	}{
		"a stranger":       {stranger, e.ID, nil, priced("EUR", 2500), event.ErrForbidden},
		"a stale version":  {owner, e.ID, func(int64) bool { return false }, priced("EUR", 2500), event.ErrStale},
		"no event":         {owner, uuid.NewString(), nil, priced("EUR", 2500), event.ErrEventNotFound},
		"an unknown type":  {owner, e.ID, nil, unknown, event.ErrTicketTypeNotFound},
		"a price below 0":  {owner, e.ID, nil, priced("EUR", -1), problem.Invalid{}},
		"two currencies":   {owner, e.ID, nil, mixed(), problem.Invalid{}},
		"no such currency": {owner, e.ID, nil, priced("EURO", 1), problem.Invalid{}},
	} {
		_, err := w.Update(t.Context(), c.caller, c.id, c.match, c.draft)
		var invalid problem.Invalid
		if isInvalid := errors.As(c.want, &invalid); isInvalid && !errors.As(err, &invalid) || !isInvalid && !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func mixed() event.Draft {
	d := priced("EUR", 2500, 2500)
	d.TicketTypes[1].Price.Currency = "USD"
	return d
}
