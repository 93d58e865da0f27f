package bookingtest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// PaymentsUnderTest is an adapter of booking.Payments that has not charged
// anything yet.
type PaymentsUnderTest struct {
	Payments booking.Payments
	// Tokens of a means of payment that succeeds, that is declined, and that
	// is charged without an answer.
	Good, Declined, Timeout string
	// Ledger returns how much of a booking's money the provider has taken and
	// given back, in minor units.
	Ledger func(bookingID string) (captured, refunded int64)
}

// TestPayments is the contract of booking.Payments.
func TestPayments(t *testing.T, open func(t *testing.T) PaymentsUnderTest) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, u PaymentsUnderTest)
	}{
		{"a charge is captured under a reference", chargeCaptures},
		{"a repeated charge is captured once under the same reference", chargeRepeats},
		{"32 racing charges of one booking capture once", chargeRace},
		{"a decline is repeated", declineRepeats},
		{"a charge without an answer is unknown until it is settled", chargeTimesOut},

		{"settle says what was captured", settleCaptured},
		{"settle says that it was declined", settleDeclined},
		{"after settle has said never a late charge is refused", settleNever},
		{"racing charges and settlements agree", settleRace},

		{"a refund gives back once however often it is called", refundRepeats},
		{"32 racing calls of one refund give back once", refundRace},
		{"32 racing refunds give back no more than was captured", refundsRace},
		{"partial refunds add up", refundParts},
		{"more than is left is refused", refundTooMuch},
		{"a refund where nothing was captured is refused", refundNothing},

		{"a cancelled context moves no money", paymentsCancelled},
		{"the provider has a name", providerNamed},
	} {
		t.Run(s.name, func(t *testing.T) { s.test(t, open(t)) })
	}
}

const price = 12_345

func (u PaymentsUnderTest) charge(ctx context.Context, id, token string) (string, error) {
	c, err := u.Payments.Charge(ctx, booking.Charge{BookingID: id, Amount: euros(price), Token: token})
	return c.Reference, err
}

// charged returns a booking that has been charged, and the reference.
func (u PaymentsUnderTest) charged(t *testing.T) (id, reference string) {
	t.Helper()
	id = newID()
	reference, err := u.charge(t.Context(), id, u.Good)
	must(t, err)
	return id, reference
}

func (u PaymentsUnderTest) refund(ctx context.Context, refundID, id string, amount int64) error {
	return u.Payments.Refund(ctx, booking.RefundRequest{ID: refundID, BookingID: id, Amount: euros(amount)})
}

func (u PaymentsUnderTest) wantLedger(t *testing.T, id string, captured, refunded int64) {
	t.Helper()
	if c, r := u.Ledger(id); c != captured || r != refunded {
		t.Errorf("the ledger has %d captured and %d refunded, want %d and %d", c, r, captured, refunded)
	}
}

// wantSettled fails unless Settle answers want, and again.
func (u PaymentsUnderTest) wantSettled(t *testing.T, id string, want booking.Settlement) {
	t.Helper()
	for range 2 {
		got, err := u.Payments.Settle(t.Context(), booking.Unsettled{BookingID: id})
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("settlement (-want +got):\n%s", diff)
		}
	}
}

func captured(reference string) booking.Settlement {
	return booking.Settlement{Captured: true, Reference: reference, Amount: euros(price)}
}

func chargeCaptures(t *testing.T, u PaymentsUnderTest) {
	id, reference := u.charged(t)
	if reference == "" {
		t.Error("the reference is empty")
	}
	u.wantLedger(t, id, price, 0)
	other, otherReference := u.charged(t)
	if reference == otherReference {
		t.Errorf("two charges have the reference %q", reference)
	}
	u.wantLedger(t, other, price, 0)
	u.wantLedger(t, id, price, 0)
}

func chargeRepeats(t *testing.T, u PaymentsUnderTest) {
	id, reference := u.charged(t)
	for range 3 {
		if again, err := u.charge(t.Context(), id, u.Good); err != nil || again != reference {
			t.Errorf("a repeat is answered %q, %v, want %q", again, err, reference)
		}
	}
	u.wantLedger(t, id, price, 0)
}

func chargeRace(t *testing.T, u PaymentsUnderTest) {
	id := newID()
	var references [workers]string
	race(workers, func(i int) {
		var err error
		if references[i], err = u.charge(t.Context(), id, u.Good); err != nil {
			t.Error(err)
		}
	})
	for _, r := range references {
		if r != references[0] {
			t.Fatalf("references differ: %q", references)
		}
	}
	u.wantLedger(t, id, price, 0)
	u.wantSettled(t, id, captured(references[0]))
}

func declineRepeats(t *testing.T, u PaymentsUnderTest) {
	id := newID()
	for _, token := range []string{u.Declined, u.Declined, u.Good} {
		reference, err := u.charge(t.Context(), id, token)
		wantErr(t, err, booking.ErrPaymentDeclined)
		if reference != "" {
			t.Errorf("a declined charge has the reference %q", reference)
		}
	}
	u.wantLedger(t, id, 0, 0)
}

func chargeTimesOut(t *testing.T, u PaymentsUnderTest) {
	id := newID()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answer := make(chan error, 1)
	go func() {
		_, err := u.charge(ctx, id, u.Timeout)
		answer <- err
	}()
	eventually(t, "the charge is in the ledger", func() bool { c, _ := u.Ledger(id); return c > 0 })
	cancel()
	wantErr(t, <-answer, booking.ErrOutcomeUnknown)

	settled, err := u.Payments.Settle(t.Context(), booking.Unsettled{BookingID: id})
	must(t, err)
	if settled.Reference == "" {
		t.Error("the settlement has no reference")
	}
	u.wantSettled(t, id, captured(settled.Reference))
	u.wantLedger(t, id, price, 0)
}

func settleCaptured(t *testing.T, u PaymentsUnderTest) {
	id, reference := u.charged(t)
	u.wantSettled(t, id, captured(reference))
	if again, err := u.charge(t.Context(), id, u.Good); err != nil || again != reference {
		t.Errorf("a charge after that is answered %q, %v, want %q", again, err, reference)
	}
	must(t, u.refund(t.Context(), newID(), id, price))
	u.wantSettled(t, id, captured(reference))
	u.wantLedger(t, id, price, price)
}

func settleDeclined(t *testing.T, u PaymentsUnderTest) {
	id := newID()
	_, err := u.charge(t.Context(), id, u.Declined)
	wantErr(t, err, booking.ErrPaymentDeclined)
	u.wantSettled(t, id, booking.Settlement{Declined: true})
	_, err = u.charge(t.Context(), id, u.Good)
	if !errors.Is(err, booking.ErrPaymentDeclined) && !errors.Is(err, booking.ErrPaymentClosed) {
		t.Errorf("a charge after that has the error %v", err)
	}
	u.wantLedger(t, id, 0, 0)
}

func settleNever(t *testing.T, u PaymentsUnderTest) {
	for _, token := range []string{u.Good, u.Declined} {
		id := newID()
		u.wantSettled(t, id, booking.Settlement{})
		for range 2 {
			_, err := u.charge(t.Context(), id, token)
			wantErr(t, err, booking.ErrPaymentClosed)
		}
		u.wantSettled(t, id, booking.Settlement{})
		u.wantLedger(t, id, 0, 0)
	}
}

func settleRace(t *testing.T, u PaymentsUnderTest) {
	const rounds = 10
	for range rounds {
		id := newID()
		var references [workers / 2]string
		var settlements [workers / 2]booking.Settlement
		var charges count
		race(workers, func(i int) {
			var err error
			if i%2 == 0 {
				references[i/2], err = u.charge(t.Context(), id, u.Good)
				charges.add(err, booking.ErrPaymentClosed)
				return
			}
			if settlements[i/2], err = u.Payments.Settle(t.Context(), booking.Unsettled{BookingID: id}); err != nil {
				t.Error(err)
			}
		})
		want := settlements[0]
		for _, s := range settlements {
			if s != want {
				t.Fatalf("settlements differ: %+v", settlements)
			}
		}
		u.wantSettled(t, id, want)
		if !want.Captured {
			u.wantLedger(t, id, 0, 0)
			if charges.n[booking.ErrPaymentClosed] != workers/2 {
				t.Errorf("settled as never, but the charges say %v", charges.n)
			}
			continue
		}
		u.wantLedger(t, id, price, 0)
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
