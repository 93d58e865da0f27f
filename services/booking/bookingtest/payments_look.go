package bookingtest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/booking"
)

func (u PaymentsUnderTest) look(ctx context.Context, c booking.Charge) (booking.Outcome, error) {
	return u.Payments.Look(ctx, booking.Unsettled{BookingID: c.BookingID, Reference: c.Reference})
}

// wantLook fails unless Look answers want, and again.
func (u PaymentsUnderTest) wantLook(t *testing.T, c booking.Charge, want booking.Outcome) {
	t.Helper()
	for range 2 {
		got, err := u.look(t.Context(), c)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("outcome (-want +got):\n%s", diff)
		}
	}
}

// wantClosed fails unless Look finds nothing, and every attempt is refused.
func (u PaymentsUnderTest) wantClosed(t *testing.T, c booking.Charge) {
	t.Helper()
	_, err := u.look(t.Context(), c)
	wantErr(t, err, booking.ErrPaymentClosed)
	for n := 1; n <= 3; n++ {
		_, err = u.attempt(t.Context(), c, n, c.Token)
		wantErr(t, err, booking.ErrPaymentClosed)
	}
}

func lookOpen(t *testing.T, u PaymentsUnderTest) {
	open := booking.Outcome{State: booking.ChargeOpen}
	u.wantLook(t, booking.Charge{BookingID: newID()}, open)
	c := u.prepare(t, u.Good)
	u.wantLook(t, c, open)
	c.Reference = "" // which was not stored
	u.wantLook(t, c, open)
}

func lookCaptured(t *testing.T, u PaymentsUnderTest) {
	first, second, acted := u.prepare(t, u.Good), u.prepare(t, u.Good), u.prepare(t, u.Good)
	reference := u.wantCaptured(t, first, 1, u.Good, "")
	u.wantLook(t, first, booking.Outcome{State: booking.ChargeCaptured, Attempt: 1, Reference: reference, Amount: euros(price)})
	must(t, u.Payments.Refund(t.Context(), refundOf(first, reference, price)))
	u.wantLook(t, first, booking.Outcome{State: booking.ChargeCaptured, Attempt: 1, Reference: reference, Amount: euros(price)})

	u.wantDeclined(t, second, 1, u.Declined)
	reference = u.wantCaptured(t, second, 2, u.Good, "")
	u.wantLook(t, second, booking.Outcome{State: booking.ChargeCaptured, Attempt: 2, Reference: reference, Amount: euros(price)})

	reference = u.wantWaiting(t, acted, 1)
	u.Act(acted.BookingID, 1, true)
	u.wantLook(t, acted, booking.Outcome{State: booking.ChargeCaptured, Attempt: 1, Reference: reference, Amount: euros(price)})
}

func lookDeclined(t *testing.T, u PaymentsUnderTest) {
	c := u.prepare(t, u.Good)
	for n := 1; n <= 2; n++ {
		u.wantDeclined(t, c, n, u.Declined)
		u.wantLook(t, c, booking.Outcome{State: booking.ChargeDeclined, Attempt: n})
	}
	u.Forget()
	u.wantDeclined(t, c, 1, u.Declined) // a repeat is no newer
	u.wantLook(t, c, booking.Outcome{State: booking.ChargeDeclined, Attempt: 2})
	u.wantWaiting(t, c, 3)
	u.Act(c.BookingID, 3, false)
	u.wantLook(t, c, booking.Outcome{State: booking.ChargeDeclined, Attempt: 3})
}

func lookAction(t *testing.T, u PaymentsUnderTest) {
	c := u.prepare(t, u.Good)
	for n := 1; n <= 2; n++ {
		charged, err := u.attempt(t.Context(), c, n, u.Action)
		must(t, err)
		u.wantLook(t, c, booking.Outcome{State: booking.ChargeAction, Attempt: n, Reference: charged.Reference, Action: charged.Action})
	}
}

func lookEndsNothing(t *testing.T, u PaymentsUnderTest) {
	looking := func(c booking.Charge) {
		t.Helper()
		_, err := u.look(t.Context(), c)
		must(t, err)
	}
	c, acted := u.prepare(t, u.Good), u.prepare(t, u.Good)
	looking(c)
	u.wantDeclined(t, c, 1, u.Declined)
	looking(c)
	u.wantWaiting(t, c, 2)
	looking(c)
	u.wantCaptured(t, c, 3, u.Good, "")
	looking(c)
	u.wantCaptured(t, c, 3, u.Good, "")

	u.wantWaiting(t, acted, 1)
	looking(acted)
	if !u.Act(acted.BookingID, 1, true) {
		t.Error("looking has ended what waited for the customer")
	}
	u.wantLedger(t, acted, price, 0)
}

func lookClosed(t *testing.T, u PaymentsUnderTest) {
	never, declined, waiting := u.prepare(t, u.Good), u.prepare(t, u.Good), u.prepare(t, u.Good)
	u.wantDeclined(t, declined, 1, u.Declined)
	u.wantWaiting(t, waiting, 1)
	for _, c := range []booking.Charge{never, declined, waiting} {
		_, err := u.settle(t.Context(), c)
		must(t, err)
		for range 2 {
			_, err := u.look(t.Context(), c)
			wantErr(t, err, booking.ErrPaymentClosed)
		}
	}
	c, reference := u.charged(t)
	_, err := u.settle(t.Context(), c)
	must(t, err)
	u.wantLook(t, c, booking.Outcome{State: booking.ChargeCaptured, Attempt: 1, Reference: reference, Amount: euros(price)})
}
