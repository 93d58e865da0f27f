package stripe

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	stripego "github.com/stripe/stripe-go/v85"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// Look implements booking.Payments.
func (p *Payments) Look(ctx context.Context, c booking.Unsettled) (booking.Outcome, error) {
	if c.Reference == "" { // whatever Prepare may have created is not confirmed
		return booking.Outcome{State: booking.ChargeOpen}, nil
	}
	intent, err := p.intents.get(ctx, c.Reference)
	if err != nil {
		return booking.Outcome{}, unknown(err)
	}
	return outcome(intent)
}

// outcome reads how the intent stands.
func outcome(intent *stripego.PaymentIntent) (booking.Outcome, error) {
	n := latest(intent)
	switch intent.Status {
	case stripego.PaymentIntentStatusSucceeded:
		amount, err := fromStripe(intent.AmountReceived, intent.Currency)
		if err != nil {
			return booking.Outcome{}, unknown(err)
		}
		return booking.Outcome{State: booking.ChargeCaptured, Attempt: n, Reference: intent.ID, Amount: amount}, nil
	case stripego.PaymentIntentStatusCanceled:
		return booking.Outcome{}, booking.ErrPaymentClosed
	case stripego.PaymentIntentStatusRequiresAction:
		if !isRefused(intent) {
			return booking.Outcome{State: booking.ChargeAction, Attempt: n, Reference: intent.ID, Action: action(intent)}, nil
		}
		return booking.Outcome{State: booking.ChargeDeclined, Attempt: n}, nil
	case stripego.PaymentIntentStatusRequiresPaymentMethod, stripego.PaymentIntentStatusRequiresConfirmation:
		if failed(intent) || isRefused(intent) {
			return booking.Outcome{State: booking.ChargeDeclined, Attempt: n}, nil
		}
		return booking.Outcome{State: booking.ChargeOpen}, nil // as far as anybody has confirmed it
	case stripego.PaymentIntentStatusProcessing, stripego.PaymentIntentStatusRequiresCapture:
	}
	return booking.Outcome{}, fmt.Errorf("%w: stripe: the payment is %s", booking.ErrOutcomeUnknown, intent.Status)
}

// latest is the attempt that has come to the intent last; 0 for none. The first is
// not noted on the intent, which it finds new.
func latest(intent *stripego.PaymentIntent) (n int) {
	for name := range intent.Metadata {
		number := strings.TrimPrefix(strings.TrimPrefix(name, metaBegun), metaRefused)
		if i, err := strconv.Atoi(number); err == nil {
			n = max(n, i)
		}
	}
	if n == 0 && (intent.Status != stripego.PaymentIntentStatusRequiresPaymentMethod || failed(intent)) {
		n = 1
	}
	return n
}

// failed says that the intent was confirmed, in vain. Any change of the intent clears
// that.
func failed(intent *stripego.PaymentIntent) bool { return intent.LastPaymentError != nil }

// isRefused says that the latest attempt brought no means of payment that exists.
func isRefused(intent *stripego.PaymentIntent) bool {
	return intent.Metadata[metaRefused+strconv.Itoa(latest(intent))] != ""
}
