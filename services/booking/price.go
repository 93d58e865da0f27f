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

// payable returns ErrAmountNotPayable if p does not charge the items' total, or
// could not refund one of them alone: tickets are given back one by one.
func payable(p Payments, items []events.Item) error {
	total, err := events.Total(items)
	if err != nil || total.IsZero() {
		return err
	}
	if err := Payable(p, total); err != nil {
		return err
	}
	l, err := p.Limits(total.Currency)
	if err != nil {
		return err
	}
	for _, it := range items {
		if it.UnitPrice.AmountMinor%l.Step != 0 {
			return fmt.Errorf("%w: %s a ticket", ErrAmountNotPayable, it.UnitPrice)
		}
	}
	return nil
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
