package booking

import (
	"context"
	"errors"
	"fmt"
)

// pay takes the money, within the time of payment, and ends the request.
func (d *driver) pay(ctx, payment context.Context, token string) (Booking, error) {
	c := Charge{BookingID: d.b.ID, Amount: d.b.Total, Token: token}
	var reference string
	err := payable(d.s.Payments, d.b.Items) // its prices may be others than before it was held
	if err == nil {
		reference, err = d.s.Payments.Prepare(payment, c)
	}
	switch {
	case isFinal(err):
		return d.notPaid(ctx, reasonOf(err))
	case err != nil:
		return d.notPrepared(ctx, err)
	case reference != "":
		// Without it nobody could settle what comes next.
		d.b.Payment.Reference, c.Reference = reference, reference
		if err := d.update(ctx, func(*Booking) {}); err != nil {
			return d.notStored(ctx, err)
		}
	}
	charged, err := d.s.Payments.Charge(payment, c)
	switch {
	case err != nil:
		return d.notCharged(ctx, err)
	case charged.Action != nil:
		return d.await(ctx, charged)
	}
	return d.finish(ctx, charged.Reference)
}

// isFinal says that the provider has refused a charge for good.
func isFinal(err error) bool {
	return errors.Is(err, ErrPaymentDeclined) || errors.Is(err, ErrAmountNotPayable)
}

// notPrepared ends a request for which the provider could not be reached.
// Nothing is charged; recovery gives the tickets back and frees the key.
func (d *driver) notPrepared(ctx context.Context, err error) (Booking, error) {
	d.note("payment_unavailable", "the payment provider does not answer; nothing was charged")
	d.later(ctx, d.s.now(), func(*Booking) {})
	return Booking{}, fmt.Errorf("%w: %w", ErrPaymentUnavailable, err)
}

// await leaves the booking to its customer, who has to act before the money
// moves. The tickets are held until the deadline; then recovery settles it, or
// before, when the provider says that something has happened.
func (d *driver) await(ctx context.Context, c Charged) (Booking, error) {
	deadline := d.s.now().Add(d.s.CheckoutTTL)
	p := &d.b.Payment
	p.Reference, p.Status, p.Action, p.Deadline = c.Reference, PaymentAction, c.Action, deadline
	d.note("payment_action", "the customer has to act")
	if err := d.update(ctx, func(b *Booking) {
		b.Acknowledged, b.Lease = true, Lease{Until: deadline}
	}); err != nil {
		return d.notStored(ctx, err)
	}
	return d.b, nil
}
