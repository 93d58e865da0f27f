package booking_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
)

// A booking of one call has one attempt: its decline ends the charge, now or, if the
// provider does not answer, by recovery. The refusal is final at once.
func TestADeclineEndsTheChargeOfAOneCallBooking(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*faults{
		"answered": {}, "not heard": {before: only("Settle", unknown)}, "not answered": {after: only("Settle", unknown)},
	} {
		w := newWorld(t)
		event, c := w.newEvent(price), w.newCustomer()
		r := booking.Request{EventID: event, Tickets: 2, PaymentToken: sandbox.DeclinedOnce, IdempotencyKey: "k"}
		b, err := w.create(t.Context(), w.service(f), c, r)
		wantErr(t, err, booking.ErrPaymentDeclined)
		_, err = w.create(t.Context(), w.service(nil), c, r)
		wantErr(t, err, booking.ErrPaymentDeclined)
		w.recover(t)
		if b = w.get(t, b.ID); b.Status != booking.Failed || b.Reason != problem.PaymentDeclined || b.Payment.Status != booking.PaymentDeclined {
			t.Errorf("%s: %s %s, payment %s", name, b.Status, b.Reason, b.Payment.Status)
		}
		_, err = w.payments.Charge(t.Context(), booking.Charge{BookingID: b.ID, Attempt: 2, Amount: b.Total, Token: sandbox.DeclinedOnce})
		wantErr(t, err, booking.ErrPaymentClosed)
		w.check(t)
	}
}

// The provider captures although it has declined: what was paid is what is booked.
func TestADeclineThatWasCapturedAfterAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c := w.newEvent(price), w.newCustomer()
	s := w.service(&faults{after: only("Charge", func() error { return booking.ErrPaymentDeclined })})
	b, err := w.create(t.Context(), s, c, booking.Request{EventID: event, Tickets: 2, PaymentToken: sandbox.Visa})
	if err != nil || b.Status != booking.Confirmed || b.Reason != "" || b.Payment.Status != booking.PaymentCaptured {
		t.Errorf("%s %q, payment %s: %v", b.Status, b.Reason, b.Payment.Status, err)
	}
	w.check(t)
}
