package stripe

import (
	"context"
	"errors"
	"fmt"

	stripego "github.com/stripe/stripe-go/v85"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// intents are the PaymentIntents as they are, without a key.
type intents struct{ client *stripego.Client }

func (i intents) get(ctx context.Context, id string) (*stripego.PaymentIntent, error) {
	return try(ctx, func() (*stripego.PaymentIntent, error) { return i.client.V1PaymentIntents.Retrieve(ctx, id, nil) })
}

func (i intents) update(ctx context.Context, id string, params *stripego.PaymentIntentUpdateParams) (*stripego.PaymentIntent, error) {
	return try(ctx, func() (*stripego.PaymentIntent, error) { return i.client.V1PaymentIntents.Update(ctx, id, params) })
}

// declinedReason and settledReason tell, of an intent that is cancelled, whether its
// latest attempt was declined.
const (
	declinedReason = stripego.PaymentIntentCancellationReasonRequestedByCustomer
	settledReason  = stripego.PaymentIntentCancellationReasonAbandoned
)

func (i intents) cancel(ctx context.Context, id string, reason stripego.PaymentIntentCancellationReason) error {
	_, err := try(ctx, func() (*stripego.PaymentIntent, error) {
		return i.client.V1PaymentIntents.Cancel(ctx, id, &stripego.PaymentIntentCancelParams{CancellationReason: stripego.String(string(reason))})
	})
	return err
}

// Settle implements booking.Payments: what has not succeeded is cancelled, and
// Stripe decides which was first.
func (p *Payments) Settle(ctx context.Context, c booking.Unsettled) (booking.Settlement, error) {
	if c.Reference == "" { // whatever Prepare may have created is never confirmed
		return booking.Settlement{}, nil
	}
	for range 3 {
		intent, err := p.intents.get(ctx, c.Reference)
		if err != nil {
			return booking.Settlement{}, unknown(err)
		}
		switch intent.Status {
		case stripego.PaymentIntentStatusSucceeded:
			amount, err := fromStripe(intent.AmountReceived, intent.Currency)
			if err != nil {
				return booking.Settlement{}, unknown(err)
			}
			return booking.Settlement{Captured: true, Reference: intent.ID, Amount: amount}, nil
		case stripego.PaymentIntentStatusCanceled:
			return booking.Settlement{Declined: intent.CancellationReason == declinedReason}, nil
		case stripego.PaymentIntentStatusProcessing: // nobody can stop it
			return booking.Settlement{}, fmt.Errorf("%w: stripe: the payment is processing", booking.ErrOutcomeUnknown)
		case stripego.PaymentIntentStatusRequiresPaymentMethod, stripego.PaymentIntentStatusRequiresConfirmation,
			stripego.PaymentIntentStatusRequiresAction, stripego.PaymentIntentStatusRequiresCapture:
		}
		reason := settledReason
		if o, err := outcome(intent); err == nil && o.State == booking.ChargeDeclined {
			reason = declinedReason
		}
		var r *refusal
		err = p.intents.cancel(ctx, c.Reference, reason)
		if err != nil && (!errors.As(err, &r) || r.code != stripego.ErrorCodePaymentIntentUnexpectedState) {
			return booking.Settlement{}, unknown(err)
		}
		// It is cancelled; or it became something else meanwhile. See which.
	}
	return booking.Settlement{}, fmt.Errorf("%w: stripe: the payment does not come to rest", booking.ErrOutcomeUnknown)
}
