package notificationtest

import (
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/notification"
)

var forwardTests = map[string]func(*testing.T, notification.Store){
	"a_lease_that_ends_too_late_ends_at_the_latest": func(t *testing.T, s notification.Store) {
		leased, waiting := base.Add(time.Minute), base.Add(time.Hour)
		far, near := withSMS(confirmation(base)), confirmation(base)
		enqueue(t, s, far, true)
		late := claim(t, s, base, base.Add(24*time.Hour), 10)
		enqueue(t, s, near, true)
		soon := claim(t, s, base, leased.Add(-time.Second), 10)
		forward(t, s, leased, waiting)
		forward(t, s, leased, waiting)
		settle(t, s, late[0]) // its owner has it still, to try again at once
		wantIDs(t, "what ended before", claim(t, s, leased.Add(-time.Second), leased, 10), []string{}...)
		wantIDs(t, "and had its grace", claim(t, s, leased.Add(notification.Grace-time.Second), base.Add(24*time.Hour), 1), soon[0].ID)
		wantIDs(t, "what ended too late", claim(t, s, leased, leased, 10), []string{}...)
		wantIDs(t, "and had its grace", claim(t, s, leased.Add(notification.Grace), base.Add(24*time.Hour), 1), late[1].ID)
	},
	"what_waits_too_long_waits_until_the_latest": func(t *testing.T, s notification.Store) {
		leased, waiting := base.Add(time.Minute), base.Add(time.Hour)
		want := map[time.Duration]string{}
		for _, due := range []time.Duration{24 * time.Hour, time.Hour, time.Hour - time.Microsecond} {
			enqueue(t, s, confirmation(base), true)
			n := claimOne(t, s, base)
			n.Attempts, n.Error, n.Due, n.Turn = 3, "busy", base.Add(due), int64(due)
			settle(t, s, n)
			want[due] = n.ID
		}
		forward(t, s, leased, waiting)
		wantIDs(t, "before", claim(t, s, waiting.Add(-time.Microsecond), base.Add(24*time.Hour), 10), want[time.Hour-time.Microsecond])
		got := claim(t, s, waiting, base.Add(24*time.Hour), 10)
		wantIDs(t, "at the latest", got, want[time.Hour], want[24*time.Hour])
		if n := got[1]; n.Attempts != 3 || n.Error != "busy" || n.Turn != int64(24*time.Hour) {
			t.Errorf("it has %d attempts, the error %q and turn %d, want those that it had", n.Attempts, n.Error, n.Turn)
		}
	},
	"a_lease_on_what_is_outdated_holds_up_its_booking_no_longer": func(t *testing.T, s notification.Store) {
		leased := base.Add(time.Minute)
		first := confirmation(base)
		enqueue(t, s, first, true)
		claim(t, s, base, base.Add(24*time.Hour), 1) // and never heard of again
		second := later(first, notification.Cancellation)
		enqueue(t, s, second, true)
		forward(t, s, leased, base.Add(time.Hour))
		ended := leased.Add(notification.Grace)
		wantIDs(t, "in the grace", claim(t, s, ended.Add(-time.Second), base.Add(24*time.Hour), 10), []string{}...)
		wantIDs(t, "after it", claim(t, s, ended, base.Add(24*time.Hour), 10), second.Deliveries[0].ID)
	},
}

func forward(t *testing.T, s notification.Store, leased, waiting time.Time) {
	t.Helper()
	if err := s.BringForward(t.Context(), leased, waiting); err != nil {
		t.Fatalf("BringForward: %v", err)
	}
}
