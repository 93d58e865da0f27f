package notificationtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/notification"
)

func forget(t *testing.T, s notification.Store, at time.Time, limit, want int) {
	t.Helper()
	if got, err := s.Forget(t.Context(), at, limit); err != nil || got != want {
		t.Fatalf("Forget = %d, %v; want %d", got, err, want)
	}
}

var forgetTests = map[string]func(*testing.T, notification.Store){
	"what_is_old_is_without_personal_data": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		r.EventAt = base.Add(time.Hour)
		enqueue(t, s, r, true)
		n := claimOne(t, s, base)
		n.Status, n.Attempts, n.SentAt = notification.Sent, 1, base
		settle(t, s, n)
		want := list(t, s, notification.Filter{})
		forget(t, s, r.EventAt, 10, 0) // it is not before that
		if diff := cmp.Diff(want, list(t, s, notification.Filter{})); diff != "" {
			t.Fatalf("it is forgotten too early (-want +got):\n%s", diff)
		}
		forget(t, s, r.EventAt.Add(time.Microsecond), 10, 1)
		want[0].To, want[0].Text, want[0].HTML, want[0].Calendar, want[0].Booking = "", "", "", "", ""
		if diff := cmp.Diff(want, list(t, s, notification.Filter{})); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		forget(t, s, r.EventAt.Add(time.Hour), 10, 0)
	},
	"what_is_open_is_not_sent_any_more": func(t *testing.T, s notification.Store) {
		r := withSMS(confirmation(base))
		r.EventAt = base
		enqueue(t, s, r, true)
		forget(t, s, base.Add(time.Hour), 10, 1)
		if got := claim(t, s, base.Add(time.Hour), base.Add(2*time.Hour), 10); len(got) > 0 {
			t.Errorf("%d are claimed", len(got))
		}
		want := map[string]string{r.Deliveries[0].ID: "OUTDATED " + notification.Expired}
		if diff := cmp.Diff(want, outcomes(t, s, r.BookingID)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	},
	"what_is_leased_is_forgotten_later": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		r.EventAt = base.Add(-time.Hour)
		enqueue(t, s, r, true)
		n := claimOne(t, s, base)
		forget(t, s, base, 10, 0)
		n.Status, n.Attempts, n.SentAt = notification.Sent, 1, base
		settle(t, s, n)
		if got := outcomes(t, s, r.BookingID)[n.ID]; got != "SENT " {
			t.Errorf("it is %q", got)
		}
		forget(t, s, base, 10, 1)
		if got := list(t, s, notification.Filter{})[0].To; got != "" {
			t.Errorf("its address is %q", got)
		}
	},
	"a_lease_that_ended_brings_nothing_back": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		r.EventAt = base
		enqueue(t, s, r, true)
		n := claimOne(t, s, base)
		forget(t, s, n.Due.Add(time.Microsecond), 10, 1)
		n.Status = notification.Sent
		wantErr(t, s.Settle(t.Context(), n), notification.ErrSettled)
		if got := list(t, s, notification.Filter{})[0].To; got != "" {
			t.Errorf("its address is %q", got)
		}
	},
	"what_was_told_stays_known": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		r.EventAt = base
		enqueue(t, s, r, true)
		forget(t, s, base.Add(time.Hour), 10, 1)
		enqueue(t, s, withOwnDeliveries(r), false)
		again := withOwnDeliveries(r)
		again.MessageID = newID()
		enqueue(t, s, again, false)
	},
	"it_goes_by_pieces": func(t *testing.T, s notification.Store) {
		for range 5 {
			r := confirmation(base)
			r.EventAt = base
			enqueue(t, s, r, true)
		}
		young := confirmation(base)
		young.EventAt = base.Add(time.Hour)
		enqueue(t, s, young, true)
		for _, want := range []int{2, 2, 1, 0} {
			forget(t, s, base.Add(time.Hour), 2, want)
		}
		wantIDs(t, "left to be sent", claim(t, s, base, base.Add(time.Minute), 10), young.Deliveries[0].ID)
	},
}
