package bookingtest

import (
	"context"
	"errors"
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// attempt makes the attempt n of c.
func (u PaymentsUnderTest) attempt(ctx context.Context, c booking.Charge, n int, token string) (booking.Charged, error) {
	c.Attempt, c.Token = n, token
	return u.Payments.Charge(ctx, c)
}

// wantCaptured fails unless the attempt n of c captures under reference, or has;
// "" for any. It returns the reference.
func (u PaymentsUnderTest) wantCaptured(t *testing.T, c booking.Charge, n int, token, reference string) string {
	t.Helper()
	charged, err := u.attempt(t.Context(), c, n, token)
	switch {
	case err != nil || charged.Action != nil || charged.Reference == "":
		t.Fatalf("attempt %d is answered %+v, %v", n, charged, err)
	case reference != "" && charged.Reference != reference:
		t.Errorf("attempt %d has the reference %q, want %q", n, charged.Reference, reference)
	}
	u.wantLedger(t, c, price, 0)
	return charged.Reference
}

// wantWaiting fails unless the attempt n of c waits for its customer, who may act.
func (u PaymentsUnderTest) wantWaiting(t *testing.T, c booking.Charge, n int) (reference string) {
	t.Helper()
	charged, err := u.attempt(t.Context(), c, n, u.Action)
	if err != nil || charged.Action == nil {
		t.Fatalf("attempt %d is answered %+v, %v", n, charged, err)
	}
	return charged.Reference
}

func attemptAfterDecline(t *testing.T, u PaymentsUnderTest) {
	c := u.prepare(t, u.Good)
	for n := 1; n <= 3; n++ {
		u.wantDeclined(t, c, n, u.Declined)
	}
	u.Forget()
	u.wantLedger(t, c, 0, 0)
	reference := u.wantCaptured(t, c, 4, u.Good, "")
	u.wantSettled(t, c, captured(reference))
	must(t, u.Payments.Refund(t.Context(), refundOf(c, reference, price)))
	u.wantLedger(t, c, price, price)
}

func attemptsCaptureOnce(t *testing.T, u PaymentsUnderTest) {
	c := u.prepare(t, u.Good)
	u.wantDeclined(t, c, 1, u.Declined)
	reference := u.wantCaptured(t, c, 2, u.Good, "")
	for n := 1; n <= 3; n++ {
		for _, token := range []string{u.Good, u.Declined, u.Action} {
			u.wantCaptured(t, c, n, token, reference)
		}
	}
	u.Forget()
	u.wantCaptured(t, c, 4, u.Good, reference)
	u.wantSettled(t, c, captured(reference))
}

func attemptsRace(t *testing.T, u PaymentsUnderTest) {
	c := u.prepare(t, u.Good)
	var references [workers]string
	race(workers, func(i int) {
		token := u.Good
		if i%2 == 1 {
			token = u.Declined
		}
		charged, err := u.attempt(t.Context(), c, i+1, token)
		if err != nil && (i%2 == 0 || !errors.Is(err, booking.ErrPaymentDeclined)) {
			t.Errorf("attempt %d: %v", i+1, err)
		}
		references[i] = charged.Reference
	})
	for i, r := range references {
		if r != "" && r != references[0] {
			t.Errorf("attempt %d has the reference %q, another has %q", i+1, r, references[0])
		}
	}
	u.wantLedger(t, c, price, 0)
	u.wantSettled(t, c, captured(references[0]))
}

// Whatever becomes of the new attempt, acting on the first one moves no more than the
// price, and Look and Settle report what was moved.
func attemptReplaces(t *testing.T, u PaymentsUnderTest) {
	for _, token := range []string{u.Declined, u.Good, u.Action} {
		c := u.prepare(t, u.Good)
		reference := u.wantWaiting(t, c, 1)
		second, err := u.attempt(t.Context(), c, 2, token)
		if err != nil && (token != u.Declined || !errors.Is(err, booking.ErrPaymentDeclined)) {
			t.Fatal(err)
		}
		if err == nil && second.Reference != reference {
			t.Errorf("the second attempt has the reference %q, the first %q", second.Reference, reference)
		}
		want := int64(0)
		if u.Act(c.BookingID, 1, true) || token == u.Good {
			want = price
		}
		u.wantLedger(t, c, want, 0)
		if u.Act(c.BookingID, 2, true) {
			if token != u.Action || want != 0 {
				t.Error("the customer can act on an attempt that does not wait")
			}
			want = price
		}
		u.wantLedger(t, c, want, 0)
		settled, err := u.settle(t.Context(), c)
		must(t, err)
		if settled.Captured != (want > 0) {
			t.Errorf("the ledger has %d, and the settlement is %+v", want, settled)
		}
	}
}

func attemptReplacedRepeats(t *testing.T, u PaymentsUnderTest) {
	c := u.prepare(t, u.Good)
	reference := u.wantWaiting(t, c, 1)
	u.wantWaiting(t, c, 2)
	for _, token := range []string{u.Action, u.Good, u.Declined} {
		u.wantDeclined(t, c, 1, token)
	}
	u.wantLedger(t, c, 0, 0)
	if !u.Act(c.BookingID, 2, true) {
		t.Error("the repeats have ended the second attempt")
	}
	u.wantCaptured(t, c, 2, u.Action, reference)
}

// An attempt that comes after a later one is tried or is not; there is one charge.
func attemptLate(t *testing.T, u PaymentsUnderTest) {
	for _, second := range []string{u.Declined, u.Good, u.Action} {
		for _, first := range []string{u.Declined, u.Good, u.Action} {
			c := u.prepare(t, u.Good)
			_, err := u.attempt(t.Context(), c, 2, second)
			if second != u.Declined {
				must(t, err)
			}
			late, err := u.attempt(t.Context(), c, 1, first)
			if err != nil && !errors.Is(err, booking.ErrPaymentDeclined) {
				t.Fatal(err)
			}
			took, _ := u.Ledger(c.BookingID)
			if answered := err == nil && late.Action == nil; answered != (took > 0) {
				t.Errorf("the ledger has %d, and the late attempt is answered %+v, %v", took, late, err)
			}
			u.Act(c.BookingID, 1, true)
			u.Act(c.BookingID, 2, true)
			u.wantCaptured(t, c, 3, u.Good, late.Reference)
		}
	}
}

func attemptAndCustomerRace(t *testing.T, u PaymentsUnderTest) {
	const rounds = 10
	for range rounds {
		c := u.prepare(t, u.Good)
		reference := u.wantWaiting(t, c, 1)
		race(2, func(i int) {
			if i == 0 {
				u.Act(c.BookingID, 1, true)
				return
			}
			charged, err := u.attempt(t.Context(), c, 2, u.Good)
			if err != nil || charged.Reference != reference || charged.Action != nil {
				t.Errorf("the attempt is answered %+v, %v", charged, err)
			}
		})
		u.wantLedger(t, c, price, 0)
		u.wantSettled(t, c, captured(reference))
	}
}
