package booking_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

func euros(minor int64) money.Amount { return money.Amount{AmountMinor: minor, Currency: "EUR"} }

func TestNobodyBooksAtAnotherTotalThanExpected(t *testing.T) {
	t.Parallel()
	for name, price := range map[string]money.Amount{
		"dearer": euros(2001), "cheaper": euros(1999), "free": euros(0), "in another currency": {AmountMinor: 2000, Currency: "USD"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := modelWorld(t)
			customer, seen := m.newCustomer(), euros(4000)
			request := booking.Request{
				EventID: m.newEvent(price), Tickets: 2, PaymentToken: bookingtest.Good, IdempotencyKey: "k", ExpectedTotal: &seen,
			}
			_, err := m.create(t.Context(), m.service(nil), customer, request)
			wantErr(t, err, booking.ErrPriceChanged)
			m.wantBookings(t, 0)

			m.catalog.Reprice(request.EventID, euros(2000)) // and the key is as good as new
			if b := m.book(t, m.service(nil), customer, request); b.Payment.Captured != seen {
				t.Errorf("%s are paid, want %s", b.Payment.Captured, seen)
			}
			m.check(t)
		})
	}
}

// The price changes between the look at it and the hold.
func TestTheHeldTotalIsTheExpectedOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		now    money.Amount
		before func(string) error
	}{
		"dearer":                          {now: euros(2500)},
		"free":                            {now: euros(0)},
		"in another currency":             {now: money.Amount{AmountMinor: 2000, Currency: "USD"}},
		"and the event service is absent": {now: euros(2500), before: only("Release", unknown)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := modelWorld(t)
			customer, event, seen := m.newCustomer(), m.newEvent(euros(2000)), euros(4000)
			request := booking.Request{EventID: event, Tickets: 2, PaymentToken: bookingtest.Good, IdempotencyKey: "k", ExpectedTotal: &seen}
			f := &faults{before: c.before, after: func(call string) error {
				if call == "Availability" {
					m.catalog.Reprice(event, c.now)
				}
				return nil
			}}
			b, err := m.create(t.Context(), m.service(f), customer, request)
			wantErr(t, err, booking.ErrPriceChanged)
			_, again := m.create(t.Context(), m.service(nil), customer, request)
			wantErr(t, again, booking.ErrPriceChanged)
			m.recover(t)
			if b = m.get(t, b.ID); b.Status != booking.Failed || b.Reason != problem.PriceChanged || !b.Payment.Captured.IsZero() {
				t.Errorf("the booking is %s %q and %s are paid", b.Status, b.Reason, b.Payment.Captured)
			}
			if n := m.available(t, event); n != capacity {
				t.Errorf("%d of %d tickets are available", n, capacity)
			}
			if told := m.messages(t)[b.ID][events.TypeBookingFailed]; len(told) > 0 {
				t.Errorf("the customer, who was answered, is told again: %+v", told)
			}
			other := euros(4001)
			request.ExpectedTotal = &other
			_, reused := m.create(t.Context(), m.service(nil), customer, request)
			wantErr(t, reused, booking.ErrKeyReused)
			m.check(t)
		})
	}
}
