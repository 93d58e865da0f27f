package stripe

import (
	"encoding/json"
	"errors"
	"fmt"

	stripego "github.com/stripe/stripe-go/v85"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// ErrInvalidSignature says that it is not known who sent an event.
var ErrInvalidSignature = problem.NewRefusal(problem.InvalidSignature, "the signature is missing, wrong or too old")

// Webhook reads the events that Stripe sends. It knows Stripe's signatures.
type Webhook struct{ secrets []string }

// NewWebhook returns one that takes what is signed with any of secrets: while one
// takes the place of another there are two.
func NewWebhook(secrets ...string) (*Webhook, error) {
	for _, s := range secrets {
		if s == "" {
			return nil, errors.New("stripe: a webhook secret is empty")
		}
	}
	if len(secrets) == 0 {
		return nil, errors.New("stripe: the webhook secret is missing")
	}
	return &Webhook{secrets}, nil
}

// acted are the types that say that a payment has come to its end. At others
// there is nothing to do: what waits for the customer, above all, is to wait on.
var acted = map[stripego.EventType]bool{
	stripego.EventTypePaymentIntentSucceeded:     true,
	stripego.EventTypePaymentIntentPaymentFailed: true,
	stripego.EventTypePaymentIntentCanceled:      true,
}

// Event returns what body tells, without the times, or ErrInvalidSignature where
// Stripe has not signed it by signature, in the last five minutes. It reads what it
// needs and no more, so that the version of the API that the webhook was set up
// with does not matter.
func (w *Webhook) Event(body []byte, signature string) (booking.PaymentEvent, error) {
	err := errors.New("no secret")
	for _, secret := range w.secrets {
		if err = stripego.ValidatePayload(body, signature, secret); err == nil {
			break
		}
	}
	if err != nil {
		return booking.PaymentEvent{}, fmt.Errorf("%w: %w", ErrInvalidSignature, err)
	}
	var e struct {
		ID   string             `json:"id"`
		Type stripego.EventType `json:"type"`
		Data struct {
			Object struct {
				Metadata map[string]string `json:"metadata"`
			} `json:"object"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &e); err != nil || e.ID == "" {
		return booking.PaymentEvent{}, fmt.Errorf("%w: it is no event", ErrInvalidSignature)
	}
	out := booking.PaymentEvent{ID: e.ID, Type: string(e.Type)}
	if acted[e.Type] {
		out.BookingID = e.Data.Object.Metadata[metaBooking]
	}
	return out, nil
}
