package sqlite

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
	const want = `UPDATE bookings SET stuck_since = NULL, version = ?, lease_token = ?, fee_at = ? WHERE id = ? AND lease_token = ? AND version = ?`
	if c.update != want {
		t.Errorf("got  %s\nwant %s", c.update, want)
	}
}
