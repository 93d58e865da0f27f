package event

import (
	"context"
	"errors"
	"fmt"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// ChargeLimits are the totals that the payment provider charges in one currency,
// in minor units.
type ChargeLimits struct {
	Step    int64 // every total is a multiple of it
	Minimum int64
	Maximum int64
}

// refusal says why some bookings at this price could not be paid; "" if all can.
func (l ChargeLimits) refusal(price money.Amount) string {
	amount := func(minor int64) money.Amount { return money.Amount{AmountMinor: minor, Currency: price.Currency} }
	most := l.Maximum / MaxTickets / l.Step * l.Step
	switch n := price.AmountMinor; {
	case n == 0: // nobody is charged
		return ""
	case n%l.Step != 0:
		return fmt.Sprintf("must be a multiple of %s, as the payment provider charges no fractions of that", amount(l.Step))
	case n < l.Minimum:
		return fmt.Sprintf("must be 0 or at least %s, which is the least that the payment provider charges", amount(l.Minimum))
	case n > most:
		return fmt.Sprintf("must be at most %s, as the payment provider charges at most %s for a booking of up to %d tickets",
			amount(most), amount(l.Maximum), MaxTickets)
	}
	return ""
}

// checkPrices returns problem.Invalid with the prices of d that the payment
// provider does not charge, and ErrBookingUnavailable if booking does not answer. For a
// draft of free tickets it asks nothing.
func (s *Service) checkPrices(ctx context.Context, d Draft) error {
	if !d.charges() {
		return nil
	}
	l, err := s.payments.Limits(ctx, d.TicketTypes[0].Price.Currency) // it is that of all
	unsupported := errors.Is(err, ErrCurrencyNotSupported)
	if err != nil && !unsupported {
		return err
	}
	var v validation
	for i, t := range d.TicketTypes {
		at := fmt.Sprintf("ticket_types[%d].price", i)
		if t.Price.IsZero() {
			continue
		}
		if unsupported {
			v.check(false, at+".currency", "must be a currency that the payment provider charges")
			continue
		}
		refusal := l.refusal(t.Price)
		v.check(refusal == "", at+".amount_minor", refusal)
	}
	if len(v) > 0 {
		return problem.Invalid(v)
	}
	return nil
}

// charges reports whether any ticket has a price.
func (d Draft) charges() bool {
	for _, t := range d.TicketTypes {
		if !t.Price.IsZero() {
			return true
		}
	}
	return false
}

// repriced reports whether some ticket of next has a price that its type did not
// have in before.
func repriced(before, next []TicketType) bool {
	old := map[string]money.Amount{}
	for _, t := range before {
		old[t.ID] = t.Price
	}
	for _, t := range next {
		if !t.Price.IsZero() && old[t.ID] != t.Price {
			return true
		}
	}
	return false
}
