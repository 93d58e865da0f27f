package stripe

import (
	"context"
	"time"

	stripego "github.com/stripe/stripe-go/v85"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// maxPage is how much Stripe lists at a time.
const maxPage = 100

// Statements implements booking.Statements, newest first. What was begun while
// pages are read comes before the first, and is not missed but by a reader who
// began before it.
func (p *Payments) Statements(ctx context.Context, since time.Time, after string, limit int) ([]booking.Statement, string, error) {
	params := &stripego.PaymentIntentListParams{CreatedRange: &stripego.RangeQueryParams{GreaterThanOrEqual: since.Unix()}}
	params.Limit = stripego.Int64(int64(min(max(limit, 1), maxPage)))
	params.AddExpand("data.latest_charge")
	if after != "" {
		params.StartingAfter = &after
	}
	list, err := tryList(ctx, func() *stripego.V1List[*stripego.PaymentIntent] { return p.client.V1PaymentIntents.List(ctx, params) })
	if err != nil {
		return nil, "", unknown(err)
	}
	page, next := []booking.Statement{}, ""
	for _, intent := range list.Data() {
		if list.Meta().HasMore {
			next = intent.ID
		}
		if intent.Metadata[metaBooking] == "" || intent.AmountReceived == 0 {
			continue // not ours, or never paid
		}
		s, err := statement(intent)
		if err != nil {
			return nil, "", unknown(err)
		}
		page = append(page, s)
	}
	return page, next, nil
}

func statement(intent *stripego.PaymentIntent) (s booking.Statement, err error) {
	s = booking.Statement{BookingID: intent.Metadata[metaBooking], Reference: intent.ID, At: time.Unix(intent.Created, 0).UTC()}
	if s.Captured, err = fromStripe(intent.AmountReceived, intent.Currency); err != nil {
		return s, err
	}
	var refunded int64
	if intent.LatestCharge != nil { // of an intent that has succeeded, the one that did
		refunded = intent.LatestCharge.AmountRefunded
	}
	s.Refunded, err = fromStripe(refunded, intent.Currency)
	return s, err
}
