package booking_test

import (
	"context"
	"flag"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// A model that finds none of these proves nothing about the others.
func TestBrokenSagasAreCaught(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*faults){
		"refunds_twice":               func(f *faults) { f.Payments = refundsTwice{f.Payments} },
		"lets_a_late_charge_through":  func(f *faults) { f.Payments = leavesOpen{f.Payments, booking.ChargeOpen} },
		"leaves_a_decline_open":       func(f *faults) { f.Payments = leavesOpen{f.Payments, booking.ChargeDeclined} },
		"takes_silence_for_a_decline": takeSilenceForNo,
		"gives_no_tickets_back":       func(f *faults) { f.Catalog = keepsTickets{f.Catalog} },
		"admits_everything":           func(f *faults) { f.Store = admitsAll{f.Store} },
		"returns_tickets_twice":       func(f *faults) { f.Catalog = returnsTwice{f.Catalog} },
		"writes_without_the_lease":    func(f *faults) { f.Store = ignoresLeases{f.Store} },
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			t.Run("histories", func(t *testing.T) {
				for flagName, value := range map[string]string{"rapid.shrinktime": "1s", "rapid.nofailfile": "true"} {
					if err := flag.Set(flagName, value); err != nil {
						t.Fatal(err)
					}
				}
				m := newModel(func() store { return openSQLite(t) })
				m.spoil = spoil
				m.histories(t, 1000)
			})
		}, "histories")
	}
}

type admitsAll struct{ booking.Store }

func (s admitsAll) Create(ctx context.Context, b booking.Booking, key booking.Key, _ func(booking.Account) error) error {
	return s.Store.Create(ctx, b, key, nil)
}

// ignoresLeases stores what a driver brings that has lost the booking.
type ignoresLeases struct{ booking.Store }

func (s ignoresLeases) Save(ctx context.Context, before, after booking.Booking) (booking.Booking, error) {
	now, err := s.Get(ctx, before.ID)
	if err != nil {
		return booking.Booking{}, err
	}
	before.Lease, before.Version = now.Lease, now.Version
	return s.Store.Save(ctx, before, after)
}

// leavesOpen settles a charge in this state without an end to it.
type leavesOpen struct {
	booking.Payments
	state booking.ChargeState
}

func (p leavesOpen) Settle(ctx context.Context, c booking.Unsettled) (booking.Settlement, error) {
	if o, err := p.Look(ctx, c); err == nil && o.State == p.state {
		return booking.Settlement{Declined: o.State == booking.ChargeDeclined}, nil
	}
	return p.Payments.Settle(ctx, c)
}

type refundsTwice struct{ booking.Payments }

func (p refundsTwice) Refund(ctx context.Context, r booking.RefundRequest) error {
	err := p.Payments.Refund(ctx, r)
	if err == nil {
		r.ID = uuid.NewString()
		_ = p.Payments.Refund(ctx, r) // refused where nothing is left
	}
	return err
}

// takeSilenceForNo takes a charge without an answer for declined, and asks nobody.
func takeSilenceForNo(f *faults) {
	p := &asksNobody{Payments: f.Payments}
	f.Payments = p
	if after := f.after; after != nil {
		f.after = func(call string) error {
			err := after(call)
			if err != nil && call == "Charge" {
				p.declined = true
				return booking.ErrPaymentDeclined
			}
			return err
		}
	}
}

// asksNobody settles what it has declined by what it remembers.
type asksNobody struct {
	booking.Payments
	declined bool
}

func (p *asksNobody) Settle(ctx context.Context, c booking.Unsettled) (booking.Settlement, error) {
	if p.declined {
		return booking.Settlement{Declined: true}, nil
	}
	return p.Payments.Settle(ctx, c)
}

type keepsTickets struct{ booking.Catalog }

func (keepsTickets) Release(context.Context, string, string, int) error { return nil }

// returnsTwice gives tickets back under a second id as well.
type returnsTwice struct{ booking.Catalog }

func (c returnsTwice) Return(ctx context.Context, r booking.Return) error {
	err := c.Catalog.Return(ctx, r)
	if err == nil {
		r.CancellationID = uuid.NewString()
		_ = c.Catalog.Return(ctx, r) // refused where too few are left
	}
	return err
}
