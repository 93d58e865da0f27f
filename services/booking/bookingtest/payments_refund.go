package bookingtest

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking"
)

func refundRepeats(t *testing.T, u PaymentsUnderTest) {
	id, _ := u.charged(t)
	other, _ := u.charged(t)
	refund := newID()
	for range 3 {
		must(t, u.refund(t.Context(), refund, id, price))
		u.wantLedger(t, id, price, price)
	}
	u.wantLedger(t, other, price, 0)
}

func refundRace(t *testing.T, u PaymentsUnderTest) {
	id, _ := u.charged(t)
	refund := newID()
	race(workers, func(int) {
		if err := u.refund(t.Context(), refund, id, price/3); err != nil {
			t.Error(err)
		}
	})
	u.wantLedger(t, id, price, price/3)
}

func refundsRace(t *testing.T, u PaymentsUnderTest) {
	id, _ := u.charged(t)
	var answers count
	race(workers, func(int) {
		answers.add(u.refund(t.Context(), newID(), id, price/3), booking.ErrRefundRefused)
	})
	if answers.n[nil] != 3 || answers.n[booking.ErrRefundRefused] != workers-3 {
		t.Errorf("%d refunds of a third are answered %v", workers, answers.n)
	}
	u.wantLedger(t, id, price, price)
}

func refundParts(t *testing.T, u PaymentsUnderTest) {
	id, _ := u.charged(t)
	first := newID()
	must(t, u.refund(t.Context(), first, id, 1))
	for sum := int64(1); sum < price; {
		part := min(5000, price-sum)
		must(t, u.refund(t.Context(), newID(), id, part))
		sum += part
		u.wantLedger(t, id, price, sum)
	}
	must(t, u.refund(t.Context(), first, id, 1)) // done, though nothing is left
	u.wantLedger(t, id, price, price)
}

func refundTooMuch(t *testing.T, u PaymentsUnderTest) {
	id, _ := u.charged(t)
	wantErr(t, u.refund(t.Context(), newID(), id, price+1), booking.ErrRefundRefused)
	u.wantLedger(t, id, price, 0)
	must(t, u.refund(t.Context(), newID(), id, price-1))
	wantErr(t, u.refund(t.Context(), newID(), id, 2), booking.ErrRefundRefused)
	u.wantLedger(t, id, price, price-1)
	must(t, u.refund(t.Context(), newID(), id, 1))
	wantErr(t, u.refund(t.Context(), newID(), id, 1), booking.ErrRefundRefused)
	u.wantLedger(t, id, price, price)
}

func refundNothing(t *testing.T, u PaymentsUnderTest) {
	unknown, declined, never := newID(), newID(), newID()
	_, err := u.charge(t.Context(), declined, u.Declined)
	wantErr(t, err, booking.ErrPaymentDeclined)
	_, err = u.Payments.Settle(t.Context(), booking.Unsettled{BookingID: never})
	must(t, err)
	for _, id := range []string{unknown, declined, never} {
		wantErr(t, u.refund(t.Context(), newID(), id, 1), booking.ErrRefundRefused)
		u.wantLedger(t, id, 0, 0)
	}
}

func paymentsCancelled(t *testing.T, u PaymentsUnderTest) {
	ctx := cancelled(t)
	id := newID()
	for _, token := range []string{u.Good, u.Declined, u.Timeout} {
		_, err := u.charge(ctx, id, token)
		wantErr(t, err, booking.ErrOutcomeUnknown)
	}
	_, err := u.Payments.Settle(ctx, booking.Unsettled{BookingID: id})
	wantErr(t, err, booking.ErrOutcomeUnknown)
	u.wantLedger(t, id, 0, 0)

	paid, reference := u.charged(t)
	wantErr(t, u.refund(ctx, newID(), paid, 1), booking.ErrOutcomeUnknown)
	_, err = u.charge(ctx, paid, u.Good)
	wantErr(t, err, booking.ErrOutcomeUnknown)
	u.wantLedger(t, paid, price, 0)
	u.wantSettled(t, paid, captured(reference))
}

func providerNamed(t *testing.T, u PaymentsUnderTest) {
	if name := u.Payments.Provider(); name == "" || name != u.Payments.Provider() {
		t.Errorf("the provider's name is %q", name)
	}
}
