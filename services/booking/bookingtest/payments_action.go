package bookingtest

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// waiting returns a charge that waits for its customer, and its reference.
func (u PaymentsUnderTest) waiting(t *testing.T) (c booking.Charge, reference string) {
	t.Helper()
	c = u.prepare(t, u.Action)
	for range 2 { // as long as it waits a repeat says so
		charged, err := u.Payments.Charge(t.Context(), c)
		must(t, err)
		if charged.Action == nil || charged.Action.Type == "" || charged.Reference == "" {
			t.Fatalf("a charge that waits is answered %+v", charged)
		}
		if reference != "" && charged.Reference != reference {
			t.Errorf("the reference is now %q, and now %q", reference, charged.Reference)
		}
		reference = charged.Reference
	}
	u.wantLedger(t, c, 0, 0)
	return c, reference
}

func actionWaits(t *testing.T, u PaymentsUnderTest) {
	c, reference := u.waiting(t)
	if !u.Act(c.BookingID, 1, true) {
		t.Fatal("there is nothing for the customer to do")
	}
	u.wantLedger(t, c, price, 0)
	u.wantSettled(t, c, captured(reference))
	if again, err := u.charge(t.Context(), c); err != nil || again != reference {
		t.Errorf("a charge after that is answered %q, %v, want %q", again, err, reference)
	}
	u.wantLedger(t, c, price, 0)
	must(t, u.Payments.Refund(t.Context(), refundOf(c, reference, price)))
	u.wantLedger(t, c, price, price)
}

func actionFails(t *testing.T, u PaymentsUnderTest) {
	c, _ := u.waiting(t)
	if !u.Act(c.BookingID, 1, false) {
		t.Fatal("there is nothing for the customer to do")
	}
	u.wantDeclined(t, c, 1, u.Good)
	u.wantSettled(t, c, booking.Settlement{Declined: true})
	u.wantLedger(t, c, 0, 0)
}

func actionSettled(t *testing.T, u PaymentsUnderTest) {
	c, _ := u.waiting(t)
	u.wantSettled(t, c, booking.Settlement{})
	if u.Act(c.BookingID, 1, true) {
		t.Error("the customer can still act")
	}
	u.wantLedger(t, c, 0, 0)
	u.wantClosed(t, c)
	u.wantSettled(t, c, booking.Settlement{})
	u.wantLedger(t, c, 0, 0)
}

func actionRace(t *testing.T, u PaymentsUnderTest) {
	const rounds = 10
	for range rounds {
		c, reference := u.waiting(t)
		var acted bool
		var settled booking.Settlement
		race(2, func(i int) {
			if i == 0 {
				acted = u.Act(c.BookingID, 1, true)
				return
			}
			var err error
			if settled, err = u.settle(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
		want, took := booking.Settlement{}, int64(0)
		if acted {
			want, took = captured(reference), price
		}
		if settled != want {
			t.Errorf("the customer has acted: %t; but the settlement was %+v", acted, settled)
		}
		u.wantSettled(t, c, want)
		u.wantLedger(t, c, took, 0)
	}
}
