package eventapi

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"strconv"

	"github.com/openboxoffice/boxoffice/services/booking"
)

var _ booking.Holdings = (*Catalog)(nil)

// Holdings implements booking.Holdings.
func (c *Catalog) Holdings(ctx context.Context, after string, limit int) ([]booking.Holding, error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if after != "" {
		query.Set("after", after)
	}
	var out struct {
		Items []struct {
			EventID   string `json:"event_id"`
			BookingID string `json:"booking_id"`
			Attempt   int    `json:"attempt"`
			Tickets   int    `json:"tickets"`
		} `json:"items"`
	}
	if err := c.client.Get(ctx, []string{"reservations"}, query, &out); err != nil {
		// Nothing is refused: whatever came is no answer.
		return nil, fmt.Errorf("%w: event: %w", booking.ErrOutcomeUnknown, err)
	}
	if out.Items == nil { // taken for an empty page, it would be the last one
		return nil, fmt.Errorf("%w: the answer has no items", booking.ErrOutcomeUnknown)
	}
	page := make([]booking.Holding, len(out.Items))
	last := booking.Holding{BookingID: after, Attempt: math.MaxInt}
	for i, h := range out.Items {
		page[i] = booking.Holding{EventID: h.EventID, BookingID: h.BookingID, Attempt: h.Attempt, Tickets: h.Tickets}
		if !follows(page[i], last) || h.EventID == "" || h.Attempt < 1 || h.Tickets < 1 {
			return nil, fmt.Errorf("%w: the answer is about something else", booking.ErrOutcomeUnknown)
		}
		last = page[i]
	}
	return page, nil
}

// follows reports whether h comes after the other in the order asked for. Who
// pages by an answer without that order would go round, or skip.
func follows(h, other booking.Holding) bool {
	if h.BookingID != other.BookingID {
		return h.BookingID > other.BookingID
	}
	return h.Attempt > other.Attempt
}
