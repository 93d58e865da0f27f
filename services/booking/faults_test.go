package booking_test

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// faults stands between a process and the world. Either func may be nil; an
// error of it is what the process gets, instead of the call or of its answer.
type faults struct {
	booking.Store
	booking.Catalog
	booking.Payments
	books    booking.Statements
	holdings booking.Holdings
	events   booking.CancelledEvents // nil for the world's
	before   func(call string) error // the call has no effect
	after    func(call string) error // the call has its effect
	// underway, where it is set, gets the charges without effect: they may arrive yet.
	underway func(arrive func())
}

func ask[T any](f *faults, call string, do func() (T, error)) (T, error) {
	var none T
	if f.before != nil {
		if err := f.before(call); err != nil {
			return none, err
		}
	}
	v, err := do()
	if f.after != nil {
		if err := f.after(call); err != nil {
			return none, err
		}
	}
	return v, err
}

func tell(f *faults, call string, do func() error) error {
	_, err := ask(f, call, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// only applies a fault to one call, every time it is made.
func only(call string, fault func() error) func(string) error {
	return func(c string) error {
		if c == call {
			return fault()
		}
		return nil
	}
}

func unknown() error { return booking.ErrOutcomeUnknown }

// once does something at the first of the calls only, and lets it go on.
func once(call string, do func()) func(string) error {
	var done atomic.Bool
	return only(call, func() error {
		if done.CompareAndSwap(false, true) {
			do()
		}
		return nil
	})
}

// dies is a process that makes n calls, of which the last has its effect or
// not, and nothing after: no call has an effect, and none an answer.
func dies(n int, lastHasEffect bool) *faults {
	var calls atomic.Int64
	return &faults{
		before: func(string) error {
			if c := int(calls.Add(1)); c > n || c == n && !lastHasEffect {
				return booking.ErrOutcomeUnknown
			}
			return nil
		},
		after: func(string) error {
			if int(calls.Load()) >= n {
				return booking.ErrOutcomeUnknown
			}
			return nil
		},
	}
}

func (f *faults) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	return tell(f, "Create", func() error { return f.Store.Create(ctx, b, key, admit) })
}

func (f *faults) ByKey(ctx context.Context, user string, key booking.Key, now time.Time) (booking.Booking, error) {
	return ask(f, "ByKey", func() (booking.Booking, error) { return f.Store.ByKey(ctx, user, key, now) })
}

func (f *faults) Get(ctx context.Context, id string) (booking.Booking, error) {
	return ask(f, "Get", func() (booking.Booking, error) { return f.Store.Get(ctx, id) })
}

func (f *faults) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	return ask(f, "Update", func() (booking.Booking, error) { return f.Store.Update(ctx, id, lease, change) })
}

// Save is an Update to a fault: both change a booking.
func (f *faults) Save(ctx context.Context, before, after booking.Booking) (booking.Booking, error) {
	return ask(f, "Update", func() (booking.Booking, error) { return f.Store.Save(ctx, before, after) })
}

func (f *faults) Claim(ctx context.Context, now time.Time, lease booking.Lease, limit int) ([]booking.Booking, error) {
	return ask(f, "Claim", func() ([]booking.Booking, error) { return f.Store.Claim(ctx, now, lease, limit) })
}

func (f *faults) BringForward(ctx context.Context, stored, leased, parked time.Time) error {
	return tell(f, "BringForward", func() error { return f.Store.BringForward(ctx, stored, leased, parked) })
}

func (f *faults) Availability(ctx context.Context, eventID string) (booking.Availability, error) {
	return ask(f, "Availability", func() (booking.Availability, error) { return f.Catalog.Availability(ctx, eventID) })
}

func (f *faults) Reserve(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
	return ask(f, "Reserve", func() (booking.Reserved, error) { return f.Catalog.Reserve(ctx, r) })
}

func (f *faults) Release(ctx context.Context, eventID, bookingID string, attempt int) error {
	return tell(f, "Release", func() error { return f.Catalog.Release(ctx, eventID, bookingID, attempt) })
}

func (f *faults) Return(ctx context.Context, r booking.Return) error {
	return tell(f, "Return", func() error { return f.Catalog.Return(ctx, r) })
}

func (f *faults) Prepare(ctx context.Context, c booking.Charge) (string, error) {
	return ask(f, "Prepare", func() (string, error) { return f.Payments.Prepare(ctx, c) })
}

func (f *faults) Charge(ctx context.Context, c booking.Charge) (booking.Charged, error) {
	arrived := false
	charged, err := ask(f, "Charge", func() (booking.Charged, error) {
		arrived = true
		return f.Payments.Charge(ctx, c)
	})
	if !arrived && f.underway != nil {
		f.underway(func() { _, _ = f.Payments.Charge(context.WithoutCancel(ctx), c) })
	}
	return charged, err
}

func (f *faults) Look(ctx context.Context, c booking.Unsettled) (booking.Outcome, error) {
	return ask(f, "Look", func() (booking.Outcome, error) { return f.Payments.Look(ctx, c) })
}

func (f *faults) Settle(ctx context.Context, c booking.Unsettled) (booking.Settlement, error) {
	return ask(f, "Settle", func() (booking.Settlement, error) { return f.Payments.Settle(ctx, c) })
}

func (f *faults) Refund(ctx context.Context, r booking.RefundRequest) error {
	return tell(f, "Refund", func() error { return f.Payments.Refund(ctx, r) })
}

func (f *faults) Holdings(ctx context.Context, after string, limit int) ([]booking.Holding, error) {
	return ask(f, "Holdings", func() ([]booking.Holding, error) { return f.holdings.Holdings(ctx, after, limit) })
}

func (f *faults) Statements(ctx context.Context, since time.Time, after string, limit int) (page []booking.Statement, next string, err error) {
	page, err = ask(f, "Statements", func() (p []booking.Statement, err error) {
		p, next, err = f.books.Statements(ctx, since, after, limit)
		return p, err
	})
	return page, next, err
}
