package booking_test

import (
	"context"
	"errors"
	"flag"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// A model that finds none of these proves nothing about the others.
func TestBrokenSagasAreCaught(t *testing.T) {
	for name, spoil := range map[string]func(*faults){
		"refunds_again_under_another_id": func(f *faults) { f.Payments = refundsAgain{f.Payments} },
		"takes_silence_for_a_decline":    takeSilenceForNo,
		"ignores_the_lease":              func(f *faults) { f.Store = ignoresLease{f.Store} },
		"returns_tickets_again":          func(f *faults) { f.Catalog = returnsAgain{f.Catalog} },
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			t.Run("histories", func(t *testing.T) {
				histories(t, 1000)
				for flagName, value := range map[string]string{"rapid.shrinktime": "1s", "rapid.nofailfile": "true"} {
					if err := flag.Set(flagName, value); err != nil {
						t.Fatal(err)
					}
				}
				m := newModel(openSQLite(t))
				m.spoil = spoil
				rapid.Check(t, func(rt *rapid.T) { m.run(t, rt) })
			})
		}, "histories")
	}
}

type refundsAgain struct{ booking.Payments }

func (p refundsAgain) Refund(ctx context.Context, r booking.RefundRequest) error {
	r.ID = uuid.NewString()
	return p.Payments.Refund(ctx, r)
}

func takeSilenceForNo(f *faults) {
	if after := f.after; after != nil {
		f.after = func(call string) error {
			err := after(call)
			if err != nil && call == "Charge" {
				return booking.ErrPaymentDeclined
			}
			return err
		}
	}
}

// ignoresLease lets whoever comes change what somebody else drives.
type ignoresLease struct{ booking.Store }

func (s ignoresLease) Update(ctx context.Context, id, _ string, change func(*booking.Booking) error) (booking.Booking, error) {
	b, err := s.Get(ctx, id)
	if err != nil {
		return b, err
	}
	return s.Store.Update(ctx, id, b.Lease.Token, change)
}

type returnsAgain struct{ booking.Catalog }

func (c returnsAgain) Return(ctx context.Context, r booking.Return) error {
	r.CancellationID = uuid.NewString()
	err := c.Catalog.Return(ctx, r)
	if errors.Is(err, booking.ErrReturnRefused) {
		err = nil
	}
	return err
}
