package booking

import (
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
)

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
