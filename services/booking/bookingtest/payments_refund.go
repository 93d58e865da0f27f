package bookingtest

import (
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// day is how long no provider remembers an idempotency key.
const day = 48 * time.Hour

func refundRepeats(t *testing.T, u PaymentsUnderTest) {
	c, reference := u.charged(t)
	other, _ := u.charged(t)
	refund := refundOf(c, reference, price)
	for range 3 {
		must(t, u.Payments.Refund(t.Context(), refund))
		u.wantLedger(t, c, price, price)
	}
	u.wantLedger(t, other, price, 0)
}

// Half of it is given back: what is then repeated finds money to give.
func refundRepeatsLater(t *testing.T, u PaymentsUnderTest) {
	c, reference := u.charged(t)
	refund, other := refundOf(c, reference, price/3), refundOf(c, reference, price/3)
	refund.Since = refund.Since.Add(-day)
	must(t, u.Payments.Refund(t.Context(), other))
	must(t, u.Payments.Refund(t.Context(), refund))
	u.Forget()
	for range 2 {
		must(t, u.Payments.Refund(t.Context(), refund))
	}
	u.wantLedger(t, c, price, price/3*2)
	u.Forget()
	race(workers, func(int) {
		if err := u.Payments.Refund(t.Context(), refund); err != nil {
			t.Error(err)
		}
	})
	u.wantLedger(t, c, price, price/3*2)
}

func refundLater(t *testing.T, u PaymentsUnderTest) {
	c, reference := u.charged(t)
	u.Forget()
	refund := refundOf(c, reference, price/3)
	refund.Since = refund.Since.Add(-day)
	race(workers, func(int) {
		if err := u.Payments.Refund(t.Context(), refund); err != nil {
			t.Error(err)
		}
	})
	u.wantLedger(t, c, price, price/3)
}

func refundRace(t *testing.T, u PaymentsUnderTest) {
	c, reference := u.charged(t)
	refund := refundOf(c, reference, price/3)
	race(workers, func(int) {
		if err := u.Payments.Refund(t.Context(), refund); err != nil {
			t.Error(err)
		}
	})
	u.wantLedger(t, c, price, price/3)
}

func refundsRace(t *testing.T, u PaymentsUnderTest) {
	c, reference := u.charged(t)
	var answers count
	race(workers, func(int) {
		answers.add(u.Payments.Refund(t.Context(), refundOf(c, reference, price/3)), booking.ErrRefundRefused)
	})
	if answers.n[nil] != 3 || answers.n[booking.ErrRefundRefused] != workers-3 {
		t.Errorf("%d refunds of a third are answered %v", workers, answers.n)
	}
	u.wantLedger(t, c, price, price)
}

func refundParts(t *testing.T, u PaymentsUnderTest) {
	c, reference := u.charged(t)
	first := refundOf(c, reference, 1)
	must(t, u.Payments.Refund(t.Context(), first))
	for sum := int64(1); sum < price; {
		part := min(5000, price-sum)
		must(t, u.Payments.Refund(t.Context(), refundOf(c, reference, part)))
		sum += part
		u.wantLedger(t, c, price, sum)
	}
	must(t, u.Payments.Refund(t.Context(), first)) // done, though nothing is left
	u.wantLedger(t, c, price, price)
}

func refundTooMuch(t *testing.T, u PaymentsUnderTest) {
	c, reference := u.charged(t)
	for _, part := range []struct {
		amount int64
		want   error
		sum    int64
	}{
		{price + 1, booking.ErrRefundRefused, 0},
		{price - 1, nil, price - 1},
		{2, booking.ErrRefundRefused, price - 1},
		{1, nil, price},
		{1, booking.ErrRefundRefused, price},
	} {
		wantErr(t, u.Payments.Refund(t.Context(), refundOf(c, reference, part.amount)), part.want)
		u.wantLedger(t, c, price, part.sum)
	}
}

func refundAnew(t *testing.T, u PaymentsUnderTest) {
	c, reference := u.charged(t)
	refund := refundOf(c, reference, price+1)
	wantErr(t, u.Payments.Refund(t.Context(), refund), booking.ErrRefundRefused)
	wantErr(t, u.Payments.Refund(t.Context(), refund), booking.ErrRefundRefused)
	refund.Amount, refund.Refusals = euros(price/3), 1
	for range 3 {
		must(t, u.Payments.Refund(t.Context(), refund))
	}
	u.wantLedger(t, c, price, price/3)
}

func refundNothing(t *testing.T, u PaymentsUnderTest) {
	unknown := booking.Charge{BookingID: newID(), Amount: euros(price)}
	declined, never := u.prepare(t, u.Declined), u.prepare(t, u.Good)
	u.wantDeclined(t, declined, 1, u.Declined)
	_, err := u.settle(t.Context(), never)
	must(t, err)
	for _, c := range []booking.Charge{unknown, declined, never, u.prepare(t, u.Good)} {
		wantErr(t, u.Payments.Refund(t.Context(), refundOf(c, c.Reference, 1)), booking.ErrRefundRefused)
		u.wantLedger(t, c, 0, 0)
	}
}

func paymentsCancelled(t *testing.T, u PaymentsUnderTest) {
	ctx := cancelled(t)
	for _, token := range []string{u.Good, u.Declined, u.Timeout, u.Action} {
		c := u.prepare(t, token)
		_, err := u.Payments.Charge(ctx, c)
		wantErr(t, err, booking.ErrOutcomeUnknown)
		_, err = u.look(ctx, c)
		wantErr(t, err, booking.ErrOutcomeUnknown)
		_, err = u.settle(ctx, c)
		wantErr(t, err, booking.ErrOutcomeUnknown)
		u.wantLedger(t, c, 0, 0)
	}
	c, reference := u.charged(t)
	wantErr(t, u.Payments.Refund(ctx, refundOf(c, reference, 1)), booking.ErrOutcomeUnknown)
	_, err := u.Payments.Charge(ctx, c)
	wantErr(t, err, booking.ErrOutcomeUnknown)
	u.wantLedger(t, c, price, 0)
	u.wantSettled(t, c, captured(reference))
}

func providerNamed(t *testing.T, u PaymentsUnderTest) {
	if name := u.Payments.Provider(); name == "" || name != u.Payments.Provider() {
		t.Errorf("the provider's name is %q", name)
	}
}
