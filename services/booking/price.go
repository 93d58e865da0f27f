package booking

import (
	"errors"
	"fmt"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
)

// Payable returns ErrAmountNotPayable if p does not charge this total.
func Payable(p Payments, total money.Amount) error {
	l, err := p.Limits(total.Currency)
	if errors.Is(err, ErrCurrencyNotSupported) || err == nil && !l.Allow(total.AmountMinor) {
		return fmt.Errorf("%w: %s", ErrAmountNotPayable, total)
	}
	return err
}

// fee is what cancelling tickets of this price costs at that time, by the
// policy that the event had when it was booked.
func fee(e events.Event, price money.Amount, at time.Time) (money.Amount, error) {
	free := e.StartsAt.Add(-time.Duration(e.CancellationPolicy.FreeHours) * time.Hour)
	if !at.After(free) {
		return money.Amount{Currency: price.Currency}, nil
	}
	return price.BasisPoints(e.CancellationPolicy.FeeBasisPoints)
}

func tickets(items []events.Item) int {
	n := 0
	for _, it := range items {
		n += it.Quantity
	}
	return n
}
