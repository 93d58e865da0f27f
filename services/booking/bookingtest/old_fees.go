package bookingtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// Instants of CheckOldFees.
const (
	OldEventOff = "2030-03-31T02:00:00Z"
	OldFeeEarly = "2030-03-31T01:00:00Z"
	OldFeeLate  = "2030-03-31T03:00:00Z"
)

// OldFees are the cancellations of a booking, in JSON, that has kept a fee then.
func OldFees(at string) string {
	return `[{"ID":"c","Price":{"amount_minor":1000,"currency":"EUR"},"Fee":{"amount_minor":100,"currency":"EUR"},"All":true,"Done":true,"At":"` + at + `"}]`
}

// CheckOldFees checks a store that was migrated from before there was fee_at. It
// has the events "late", "early" and "before", all cancelled at OldEventOff and
// done, each with a cancelled booking of the same id. That of "late" has kept a
// fee at OldFeeLate, that of "early" at OldFeeEarly, and both have changed since.
// That of "before" has not changed since OldFeeEarly, when it kept its fee.
func CheckOldFees(t *testing.T, s interface {
	booking.Store
	booking.CancelledEvents
}) {
	t.Helper()
	lease := newLease()
	now := start.Add(24 * time.Hour)
	claimed, err := s.Claim(t.Context(), now, lease, 10)
	must(t, err)
	got := map[string]bool{}
	for _, b := range claimed {
		got[b.ID] = true
		_, err := s.Update(t.Context(), b.ID, lease.Token, func(b *booking.Booking) error {
			b.Lease = booking.Lease{}
			if b.ID == "late" {
				b.Cancellations[0].Fee = euros(0) // it has gone back
			}
			return nil
		})
		must(t, err)
	}
	if diff := cmp.Diff(map[string]bool{"late": true, "early": true}, got); diff != "" {
		t.Errorf("recovery looks at (-want +got):\n%s", diff)
	}
	if again, err := s.Claim(t.Context(), now, lease, 10); err != nil || len(again) > 0 {
		t.Errorf("recovery looks at %v again, %v", ids(again), err)
	}
	for _, event := range []string{"late", "early", "before"} {
		if p, err := s.Progress(t.Context(), event); err != nil || !p.Done() {
			t.Errorf("the cancellation of %q is not done: %d in progress, %v", event, p.Cancelling, err)
		}
	}
}
