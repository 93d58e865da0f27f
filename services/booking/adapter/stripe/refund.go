package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	stripego "github.com/stripe/stripe-go/v85"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// Refund implements booking.Payments. What Stripe has refused it answers to the
// same key again, for a day; so a refund has a key for each refusal before it.
func (p *Payments) Refund(ctx context.Context, r booking.RefundRequest) error {
	if r.Reference == "" {
		return booking.ErrRefundRefused
	}
	amount, err := toStripe(r.Amount)
	if err != nil {
		return fmt.Errorf("%w: %w", booking.ErrRefundRefused, err)
	}
	// Nobody knows how old one is that a clock has stored which was ahead.
	if age := p.now().Sub(r.Since); age > keysLive || age < 0 {
		if done, err := p.refunded(ctx, r); done || err != nil {
			return err
		}
	}
	attempt := strconv.Itoa(r.Refusals)
	params := &stripego.RefundCreateParams{
		PaymentIntent: &r.Reference, Amount: &amount,
		Reason: stripego.String(string(stripego.RefundReasonRequestedByCustomer)),
	}
	params.AddMetadata(metaBooking, r.BookingID)
	params.AddMetadata(metaRefund, r.ID)
	params.AddMetadata(metaAttempt, attempt)
	params.SetIdempotencyKey("refund-" + r.ID + "-" + attempt)
	refund, err := try(ctx, func() (*stripego.Refund, error) { return p.client.V1Refunds.Create(ctx, params) })
	if err == nil && replayed(refund.LastResponse) { // how it was then
		refund, err = try(ctx, func() (*stripego.Refund, error) { return p.client.V1Refunds.Retrieve(ctx, refund.ID, nil) })
	}
	var refused *refusal
	switch {
	case err == nil && alive(refund):
		return nil
	case err == nil:
		return fmt.Errorf("%w: stripe: the refund is %s", booking.ErrRefundRefused, refund.Status)
	case !errors.As(err, &refused):
		return unknown(err)
	case refused.kind == stripego.ErrorTypeIdempotency, refused.status >= http.StatusInternalServerError:
		// The key was used, or its answer is lost for a day: see what was done.
		if done, err := p.refunded(ctx, r); done || err != nil {
			return err
		}
		return unknown(err)
	case refused.final():
		return fmt.Errorf("%w: %w", booking.ErrRefundRefused, err)
	}
	return unknown(err)
}

// refunded looks for the refund among those of its charge. It is refused where
// this very attempt has failed since.
func (p *Payments) refunded(ctx context.Context, r booking.RefundRequest) (done bool, _ error) {
	params := &stripego.RefundListParams{PaymentIntent: &r.Reference}
	params.Limit = stripego.Int64(maxPage)
	for {
		page, err := tryList(ctx, func() *stripego.V1List[*stripego.Refund] { return p.client.V1Refunds.List(ctx, params) })
		if err != nil {
			return false, unknown(err)
		}
		for _, refund := range page.Data() {
			switch {
			case refund.Metadata[metaRefund] != r.ID:
			case alive(refund):
				return true, nil
			case refund.Metadata[metaAttempt] == strconv.Itoa(r.Refusals):
				return false, fmt.Errorf("%w: stripe: the refund is %s", booking.ErrRefundRefused, refund.Status)
			}
		}
		if !page.Meta().HasMore {
			return false, nil
		}
		params.StartingAfter = &page.Data()[len(page.Data())-1].ID
	}
}

// alive says that a refund has been made, or that Stripe will see to it.
func alive(r *stripego.Refund) bool {
	return r.Status != stripego.RefundStatusFailed && r.Status != stripego.RefundStatusCanceled
}
