package postgres

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// A save writes the columns that have changed, and fee_at, which is guessed.
func TestASaveWritesWhatHasChanged(t *testing.T) {
	t.Parallel()
	before := booking.Booking{ID: "b", Version: 1, Lease: booking.Lease{Token: "t"}, Timeline: []booking.Step{{Step: "created"}}}
	after := before.Clone()
	after.Lease = booking.Lease{}
	c, err := changeOf(&before, &after)
	if err != nil {
		t.Fatal(err)
	}
	const want = `WITH stored AS (UPDATE bookings SET stuck_since = NULL, version = $4, lease_token = $5, fee_at = $6 WHERE id = $1 AND lease_token = $2 AND version = $3 RETURNING id, event_id, version) SELECT (SELECT count(*) FROM stored), 0`
	if got := c.batch.QueuedQueries[0].SQL; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
