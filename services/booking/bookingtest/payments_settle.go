package bookingtest

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking"
)

func settleCaptured(t *testing.T, u PaymentsUnderTest) {
	c, reference := u.charged(t)
	u.wantSettled(t, c, captured(reference))
	if again, err := u.charge(t.Context(), c); err != nil || again != reference {
		t.Errorf("a charge after that is answered %q, %v, want %q", again, err, reference)
	}
	must(t, u.Payments.Refund(t.Context(), refundOf(c, reference, price)))
	u.wantSettled(t, c, captured(reference))
	u.wantLedger(t, c, price, price)
}

func settleDeclined(t *testing.T, u PaymentsUnderTest) {
	c := u.prepare(t, u.Declined)
	for n := 1; n <= 2; n++ {
		u.wantDeclined(t, c, n, u.Declined)
	}
	u.wantSettled(t, c, booking.Settlement{Declined: true})
	u.wantClosed(t, c)
	u.wantSettled(t, c, booking.Settlement{Declined: true})
	u.wantLedger(t, c, 0, 0)

	c = u.prepare(t, u.Good)
	u.wantDeclined(t, c, 1, u.Declined)
	u.wantWaiting(t, c, 2)
	u.wantSettled(t, c, booking.Settlement{})
}

func settleNever(t *testing.T, u PaymentsUnderTest) {
	for _, token := range []string{u.Good, u.Declined, u.Action} {
		c := u.prepare(t, token)
		u.wantSettled(t, c, booking.Settlement{})
		u.wantClosed(t, c)
		u.Forget()
		u.wantClosed(t, c)
		u.wantSettled(t, c, booking.Settlement{})
		u.wantLedger(t, c, 0, 0)
	}
}

// Whoever died before the reference was stored settles without it.
func settleNothing(t *testing.T, u PaymentsUnderTest) {
	c := u.prepare(t, u.Good)
	c.Reference = ""
	u.wantSettled(t, c, booking.Settlement{})
	_, err := u.charge(t.Context(), c)
	wantErr(t, err, booking.ErrPaymentClosed)
	u.wantSettled(t, c, booking.Settlement{})
	u.wantLedger(t, c, 0, 0)
}

func settleRace(t *testing.T, u PaymentsUnderTest) {
	const rounds = 10
	for range rounds {
		c := u.prepare(t, u.Good)
		var references [workers / 2]string
		var settlements [workers / 2]booking.Settlement
		var charges count
		race(workers, func(i int) {
			var err error
			if i%2 == 0 {
				var charged booking.Charged
				charged, err = u.attempt(t.Context(), c, i/2+1, u.Good)
				references[i/2] = charged.Reference
				charges.add(err, booking.ErrPaymentClosed)
				return
			}
			if settlements[i/2], err = u.settle(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
		want := settlements[0]
		for _, s := range settlements {
			if s != want {
				t.Fatalf("settlements differ: %+v", settlements)
			}
		}
		u.wantSettled(t, c, want)
		if !want.Captured {
			u.wantLedger(t, c, 0, 0)
			if charges.n[booking.ErrPaymentClosed] != workers/2 {
				t.Errorf("settled as never, but the charges say %v", charges.n)
			}
			continue
		}
		u.wantLedger(t, c, price, 0)
		if charges.n[nil] != workers/2 {
			t.Errorf("settled as captured, but the charges say %v", charges.n)
		}
		for _, r := range references {
			if r != want.Reference {
				t.Errorf("a charge has the reference %q, its settlement %q", r, want.Reference)
			}
		}
	}
}
