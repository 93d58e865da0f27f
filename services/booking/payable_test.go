package booking_test

import (
	"errors"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

// dinars charges thousandths in tens, from 0.100 to 20.000, of the dinar alone.
func dinars(currency string) (booking.ChargeLimits, error) {
	if currency != "KWD" {
		return booking.ChargeLimits{}, booking.ErrCurrencyNotSupported
	}
	return booking.ChargeLimits{Step: 10, Minimum: 100, Maximum: 20_000}, nil
}

func TestWhatTheProviderDoesNotChargeIsRefusedBeforeAnythingIsStored(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		price   money.Amount
		tickets int
		want    error
	}{
		"a part of a step":          {money.Amount{AmountMinor: 5555, Currency: "KWD"}, 1, booking.ErrAmountNotPayable},
		"too little":                {money.Amount{AmountMinor: 90, Currency: "KWD"}, 1, booking.ErrAmountNotPayable},
		"too much in all":           {money.Amount{AmountMinor: 6670, Currency: "KWD"}, 3, booking.ErrAmountNotPayable},
		"another currency":          {money.Amount{AmountMinor: 2500, Currency: "EUR"}, 1, booking.ErrAmountNotPayable},
		"as much as possible":       {money.Amount{AmountMinor: 10_000, Currency: "KWD"}, 2, nil},
		"whole steps in all alone":  {money.Amount{AmountMinor: 5555, Currency: "KWD"}, 2, booking.ErrAmountNotPayable},
		"free in any currency":      {money.Amount{Currency: "EUR"}, 1, nil},
		"as little as is possible":  {money.Amount{AmountMinor: 100, Currency: "KWD"}, 1, nil},
		"enough of little in all":   {money.Amount{AmountMinor: 90, Currency: "KWD"}, 2, nil},
		"little more than possible": {money.Amount{AmountMinor: 20_010, Currency: "KWD"}, 1, booking.ErrAmountNotPayable},
	} {
		t.Run(name, func(t *testing.T) {
			m := modelWorld(t)
			m.pay.Limit = dinars
			customer, request := m.newCustomer(), booking.Request{EventID: m.newEvent(c.price), Tickets: c.tickets, PaymentToken: bookingtest.Good, IdempotencyKey: "k"}
			_, err := m.create(t.Context(), m.service(nil), customer, request)
			wantErr(t, err, c.want)
			if errors.Is(err, booking.ErrPaymentDeclined) {
				t.Errorf("it is declined: %v", err)
			}
			if c.want != nil {
				m.wantBookings(t, 0)
				m.pay.Limit = nil // and the key is as good as new
				m.book(t, m.service(nil), customer, request)
			}
			m.check(t)
		})
	}
}

// The price was changed after it was looked at, or the provider knows only by the
// means of payment.
func TestWhatTheProviderTurnsOutNotToChargeIsGivenBack(t *testing.T) {
	t.Parallel()
	refuse := func() error { return booking.ErrAmountNotPayable }
	for name, f := range map[string]*faults{
		"after its price has changed":     {},
		"when it is prepared":             {before: only("Prepare", refuse)},
		"when it is charged":              {before: only("Charge", refuse)},
		"and the event service is absent": {before: either(only("Prepare", refuse), only("Release", unknown))},
	} {
		t.Run(name, func(t *testing.T) {
			m := modelWorld(t)
			customer, event := m.newCustomer(), m.newEvent(money.Amount{AmountMinor: 5000, Currency: "KWD"})
			request := booking.Request{EventID: event, Tickets: 2, PaymentToken: bookingtest.Good, IdempotencyKey: "k"}
			if f.before == nil {
				// As between the look at the prices and the hold.
				m.pay.Limit = dinars
				f.after = func(call string) error {
					if call == "Availability" {
						m.catalog.Reprice(event, money.Amount{AmountMinor: 5555, Currency: "KWD"})
					}
					return nil
				}
			}
			b, err := m.create(t.Context(), m.service(f), customer, request)
			m.pay.Limit = nil
			wantErr(t, err, booking.ErrAmountNotPayable)
			_, again := m.create(t.Context(), m.service(nil), customer, request)
			wantErr(t, again, booking.ErrAmountNotPayable)
			m.recover(t)
			if b = m.get(t, b.ID); b.Status != booking.Failed || b.Reason != problem.AmountNotPayable || b.Payment.Status != booking.PaymentNever {
				t.Errorf("the booking is %s %s, its payment %s", b.Status, b.Reason, b.Payment.Status)
			}
			if n := m.available(t, event); n != capacity {
				t.Errorf("%d of %d tickets are available", n, capacity)
			}
			if told := m.messages(t)[b.ID][events.TypeBookingFailed]; len(told) > 0 {
				t.Errorf("the customer, who was answered, is told again: %+v", told)
			}
			m.check(t)
		})
	}
}

// either is the first of two faults that there is.
func either(one, other func(string) error) func(string) error {
	return func(call string) error {
		if err := one(call); err != nil {
			return err
		}
		return other(call)
	}
}
