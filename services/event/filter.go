package event

import (
	"cmp"
	"slices"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
)

// MaxMonths is in how many months an event is found, from the one in which it starts.
const MaxMonths = 24

// monthLayout is how a month is written, here and in Query.
const monthLayout = "2006-01"

// Months are those in which the event runs, by the dates at its place, at most
// MaxMonths. What ends at midnight runs until the day before.
func (e *Event) Months() []string {
	place, err := time.LoadLocation(e.TimeZone)
	if err != nil {
		place = time.UTC
	}
	last := e.EndsAt.Add(-time.Microsecond).In(place).Format(monthLayout)
	start := e.StartsAt.In(place)
	months := []string{start.Format(monthLayout)}
	for month := time.Date(start.Year(), start.Month(), 1, 0, 0, 0, 0, time.UTC); len(months) < MaxMonths && months[len(months)-1] < last; {
		month = month.AddDate(0, 1, 0)
		months = append(months, month.Format(monthLayout))
	}
	return months
}

// LowestPrice is that of its cheapest ticket type; the zero value where it has none.
func (e *Event) LowestPrice() money.Amount {
	if len(e.TicketTypes) == 0 {
		return money.Amount{}
	}
	return slices.MinFunc(e.TicketTypes, func(a, b TicketType) int {
		return cmp.Compare(a.Price.AmountMinor, b.Price.AmountMinor)
	}).Price
}
