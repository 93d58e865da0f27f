package bookingtest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// OldSteps are the steps of a booking of before a change was one row of the audit
// log, when each step was: of the booking OldAudited, for the event "e".
var OldSteps = []string{"created", "reserved", "confirmed"}

// OldAudited is the id of the booking with OldSteps.
const OldAudited = "old"

// CheckOldAudit checks a store that was migrated with OldSteps in it.
func CheckOldAudit(t *testing.T, u StoreUnderTest) {
	t.Helper()
	_, err := u.Store.Update(t.Context(), OldAudited, "", func(b *booking.Booking) error {
		b.Timeline = append(b.Timeline, booking.Step{At: start, Step: "cancelling"}, booking.Step{At: start, Step: "cancelled"})
		return nil
	})
	must(t, err)
	for _, q := range []booking.AuditQuery{{BookingID: OldAudited, Limit: 2}, {EventID: "e", Limit: 2}} {
		var got []string
		for page := u.audit(t, q); len(page) > 0; page = u.audit(t, q) {
			for _, e := range page {
				got = append(got, e.Step.Step)
			}
			q.Before = page[len(page)-1].Number
		}
		if diff := cmp.Diff([]string{"cancelled", "cancelling", "confirmed", "reserved", "created"}, got); diff != "" {
			t.Errorf("the audit log after the upgrade, by %+v (-want +got):\n%s", q, diff)
		}
	}
}
