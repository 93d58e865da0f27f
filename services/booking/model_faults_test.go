package booking_test

import (
	"context"
	"flag"
	"regexp"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
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
		mustFind(t, name, nil, spoil)
	}
}

func TestBrokenCheckoutsAreCaught(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct {
		spoil func(*faults)
		only  []string // the steps that show it, besides a checkout and its payment
	}{
		"a_declined_webhook_ends_the_checkout": {
			func(f *faults) { f.Payments = endsDeclined{f.Payments} }, []string{"a stray webhook", "recover a little"},
		},
		"a_lost_answer_makes_a_second_capture": {
			func(f *faults) { takeSilenceForNo(f); f.Payments = capturesEach{f.Payments} }, nil,
		},
		"an_extension_moves_what_an_attempt_waits": {
			func(f *faults) { f.Store = edits{f.Store, lookLater} }, []string{"extend a checkout"},
		},
		"an_abandoned_booking_is_confirmed_late": {
			func(f *faults) { f.Store = edits{f.Store, forgiveAbandoned} }, []string{"cancel", "pay late"},
		},
		"a_cancelled_event_is_charged": {
			func(f *faults) { f.events = takesPlace{} }, []string{"cancel the event"},
		},
	} {
		mustFind(t, name, append(fault.only, "", "check out", "pay for a checkout"), fault.spoil)
	}
}

func TestBrokenTicketsAreCaught(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct {
		edit func(before, after *booking.Booking)
		only []string // the steps that show it, besides a booking
	}{
		"forgets_which_tickets_went":               {forgetNumbers, []string{"give tickets back by their ids"}},
		"tells_nothing_when_a_cancellation_begins": {sayNothing, []string{"cancel in part"}},
		"tells_nothing_of_a_new_holder":            {sayNothing, []string{"say who a ticket is for"}},
		"stores_another_issue_than_it_tells":       {keepIssue, []string{"say who a ticket is for"}},
		"lets_the_old_issue_stand":                 {keepIssueAndSaySo, []string{"say who a ticket is for"}},
	} {
		mustFind(t, name, append(fault.only, "", "book"), func(f *faults) { f.Store = edits{f.Store, fault.edit} })
	}
}

func forgetNumbers(before, after *booking.Booking) {
	if n := len(after.Cancellations); n > len(before.Cancellations) {
		after.Cancellations[n-1].Tickets = nil
	}
}

func sayNothing(_, after *booking.Booking) { after.Effects.Messages = nil }

func keepIssue(_, after *booking.Booking) {
	for i := range after.Holders {
		after.Holders[i].Issue = 1
	}
}

func keepIssueAndSaySo(before, after *booking.Booking) {
	keepIssue(before, after)
	for i, m := range after.Effects.Messages {
		after.Effects.Messages[i].Data = regexp.MustCompile(`"issue":\d+`).ReplaceAll(m.Data, []byte(`"issue":1`))
	}
}

// mustFind runs histories of these steps with a planted fault, in a process of
// their own, which must fail.
func mustFind(t *testing.T, name string, only []string, spoil func(*faults)) {
	suitetest.MustFail(t, name, func(t *testing.T) {
		t.Run("histories", func(t *testing.T) {
			for flagName, value := range map[string]string{"rapid.shrinktime": "1s", "rapid.nofailfile": "true"} {
				if err := flag.Set(flagName, value); err != nil {
					t.Fatal(err)
				}
			}
			m := newModel(func() store { return openSQLite(t) })
			m.spoil, m.only = spoil, only
			m.histories(t, 1000)
		})
	}, "histories")
}

// endsDeclined ends a charge whose latest attempt was declined.
type endsDeclined struct{ booking.Payments }

func (p endsDeclined) Look(ctx context.Context, c booking.Unsettled) (booking.Outcome, error) {
	o, err := p.Payments.Look(ctx, c)
	if o.State == booking.ChargeDeclined {
		_, _ = p.Settle(ctx, c)
	}
	return o, err
}

// capturesEach has a charge for each attempt.
type capturesEach struct{ booking.Payments }

func (p capturesEach) Charge(ctx context.Context, c booking.Charge) (booking.Charged, error) {
	pay := p.Payments.(*asksNobody).Payments.(*bookingtest.MemoryPayments)
	before, refunded, _ := pay.Ledger(c.BookingID)
	charged, err := p.Payments.Charge(ctx, c)
	if err == nil && before > 0 && c.Attempt > 1 {
		pay.Tamper(c.BookingID, before+c.Amount.AmountMinor, refunded)
	}
	return charged, err
}

// edits changes what every update stores.
type edits struct {
	booking.Store
	edit func(before, after *booking.Booking)
}

func (s edits) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	return s.Store.Update(ctx, id, lease, func(b *booking.Booking) error {
		before := b.Clone()
		err := change(b)
		s.edit(&before, b)
		return err
	})
}

func lookLater(before, after *booking.Booking) {
	if c := after.Checkout; c != nil && c.Extensions > before.Checkout.Extensions {
		after.Lease.Until = c.ExpiresAt
	}
}

func forgiveAbandoned(before, after *booking.Booking) {
	if before.Status == booking.Failed && after.Reason == problem.CheckoutAbandoned {
		after.Reason, after.Refunds, after.Payment.Captured = "", nil, money.Amount{}
	}
}

// takesPlace has heard of no cancelled event.
type takesPlace struct{ booking.CancelledEvents }

func (takesPlace) CancelledEvent(context.Context, string) (booking.CancelledEvent, error) {
	return booking.CancelledEvent{}, booking.ErrEventNotFound
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
