package notificationtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/notification"
)

// later returns a record of kind about r's booking, in a version higher by two.
func later(r notification.Record, kind notification.Kind) notification.Record {
	r = withOwnDeliveries(r)
	r.MessageID, r.Kind, r.Version, r.Part = newID(), kind, r.Version+2, ""
	if kind == notification.ItemsCancelled || kind == notification.Resent {
		r.Part = newID()
	}
	return r
}

// withSMS returns r with an SMS beside its mail.
func withSMS(r notification.Record) notification.Record {
	r.Deliveries = append(r.Deliveries, delivery(notification.SMS, "user-1", r.BookingID, r.At))
	return r
}

// outcomes is what a booking's deliveries have become, by their ids.
func outcomes(t *testing.T, s notification.Store, bookingID string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, n := range list(t, s, notification.Filter{BookingID: bookingID}) {
		got[n.ID] = string(n.Status) + " " + n.Error
	}
	return got
}

func wantIDs(t *testing.T, what string, got []notification.Notification, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, ids(got)); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// kinds are those that tell of a booking.
var kinds = []notification.Kind{
	notification.Confirmation, notification.Resent, notification.Cancellation, notification.ItemsCancelled, notification.EventCancelled,
	notification.PaymentFailed, notification.PaymentReturned, notification.NotCompleted,
}

var orderTests = map[string]func(*testing.T, notification.Store){
	"what_is_outdated_is_not_sent": func(t *testing.T, s notification.Store) {
		for _, kind := range kinds {
			for _, newer := range kinds {
				if kind == newer || !newer.Outdates(kind) {
					continue
				}
				old := confirmation(base)
				old.Kind = kind
				r := later(old, newer)
				old = withSMS(old)
				enqueue(t, s, old, true)
				enqueue(t, s, r, true)
				wantIDs(t, string(kind)+" and then "+string(newer), claim(t, s, base, base.Add(time.Minute), 10), r.Deliveries[0].ID)
				want := map[string]string{
					old.Deliveries[0].ID: "OUTDATED " + notification.Replaced, // and nothing of the SMS: it is not known to have a number
					r.Deliveries[0].ID:   "PENDING ",
				}
				if diff := cmp.Diff(want, outcomes(t, s, r.BookingID)); diff != "" {
					t.Fatalf("%s and then %s (-want +got):\n%s", kind, newer, diff)
				}
			}
		}
	},
	"what_waits_for_another_attempt_is_outdated": func(t *testing.T, s notification.Store) {
		old := confirmation(base)
		enqueue(t, s, old, true)
		n := claimOne(t, s, base)
		n.Attempts, n.Error, n.Due = 1, "busy", base.Add(time.Hour)
		settle(t, s, n)
		enqueue(t, s, later(old, notification.Cancellation), true)
		if got := outcomes(t, s, old.BookingID)[n.ID]; got != "OUTDATED "+notification.Replaced {
			t.Errorf("it is %q", got)
		}
	},
	"what_is_outdated_while_it_is_leased_is_not_tried_again": func(t *testing.T, s notification.Store) {
		old := confirmation(base)
		r := later(old, notification.Cancellation)
		enqueue(t, s, old, true)
		n := claimOne(t, s, base)
		enqueue(t, s, r, true)
		n.Attempts, n.Error, n.Due = 1, "busy", base.Add(time.Second)
		settle(t, s, n)
		if got := outcomes(t, s, old.BookingID)[n.ID]; got != "OUTDATED "+notification.Replaced {
			t.Errorf("it is %q", got)
		}
		wantIDs(t, "an hour later", claim(t, s, base.Add(time.Hour), base.Add(2*time.Hour), 10), r.Deliveries[0].ID)
	},
	"who_has_leased_it_can_ask_whether_it_is_outdated": func(t *testing.T, s notification.Store) {
		old := confirmation(base)
		enqueue(t, s, old, true)
		n := claimOne(t, s, base)
		outdated := func(n notification.Notification, want bool) {
			t.Helper()
			if got, err := s.Outdated(t.Context(), n); err != nil || got != want {
				t.Fatalf("Outdated = %v, %v; want %v", got, err, want)
			}
		}
		outdated(n, false)
		enqueue(t, s, later(old, notification.Cancellation), true)
		outdated(n, true)
		stranger := n
		for _, stranger.Lease = range []string{newID(), ""} {
			outdated(stranger, false)
		}
		n.Status = notification.Outdated
		settle(t, s, n)
		outdated(n, false)
	},
	"what_is_outdated_while_it_is_sent_is_sent": func(t *testing.T, s notification.Store) {
		old := confirmation(base)
		enqueue(t, s, old, true)
		n := claimOne(t, s, base)
		enqueue(t, s, later(old, notification.Cancellation), true)
		n.Status, n.Attempts, n.SentAt = notification.Sent, 1, base
		settle(t, s, n)
		if got := outcomes(t, s, old.BookingID)[n.ID]; got != "SENT " {
			t.Errorf("it is %q", got)
		}
	},
	"a_second_record_outdates_nothing": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		enqueue(t, s, r, true)
		again := later(r, notification.Confirmation)
		enqueue(t, s, again, false)
		wantIDs(t, "claimed", claim(t, s, base, base.Add(time.Minute), 10), r.Deliveries[0].ID)
	},
	"a_later_one_waits_for_the_one_that_is_sent": func(t *testing.T, s notification.Store) {
		for _, kind := range []notification.Kind{notification.ItemsCancelled, notification.Cancellation} { // one outdates it
			first := confirmation(base)
			r := later(first, kind)
			enqueue(t, s, first, true)
			n := claimOne(t, s, base)
			enqueue(t, s, r, true)
			wantIDs(t, "while the first is sent", claim(t, s, base, base.Add(time.Minute), 10), []string{}...)
			n.Status, n.SentAt = notification.Sent, base
			settle(t, s, n)
			wantIDs(t, "then", claim(t, s, base.Add(notification.Behind), base.Add(time.Minute), 10), r.Deliveries[0].ID)
		}
	},
	"a_later_one_waits_for_the_one_that_is_tried_again": func(t *testing.T, s notification.Store) {
		first := confirmation(base)
		r := later(first, notification.ItemsCancelled)
		enqueue(t, s, first, true)
		n := claimOne(t, s, base)
		enqueue(t, s, r, true)
		n.Attempts, n.Due = 1, base.Add(time.Hour)
		settle(t, s, n)
		for _, at := range []time.Duration{0, time.Second, time.Minute, time.Hour - time.Microsecond} {
			wantIDs(t, at.String()+" later", claim(t, s, base.Add(at), base.Add(2*time.Hour), 10), []string{}...)
		}
		at := base.Add(time.Hour)
		n = claimOne(t, s, at)
		n.Status = notification.Failed
		settle(t, s, n)
		wantIDs(t, "then", claim(t, s, at.Add(notification.Behind), at.Add(time.Hour), 10), r.Deliveries[0].ID)
	},
	"they_come_in_the_order_of_their_versions": func(t *testing.T, s notification.Store) {
		first := confirmation(base)
		second := later(first, notification.ItemsCancelled)
		third := later(second, notification.ItemsCancelled)
		for i, r := range []notification.Record{first, second, third} {
			r.Deliveries[0].Turn = int64(-i) // however that orders them
			enqueue(t, s, r, true)
		}
		at := base
		for _, r := range []notification.Record{first, second, third} {
			got := claim(t, s, at, at.Add(time.Minute), 10)
			wantIDs(t, "claimed", got, r.Deliveries[0].ID)
			got[0].Status = notification.Sent
			settle(t, s, got[0])
			at = at.Add(2 * notification.Behind)
		}
	},
	"one_that_comes_late_goes_first": func(t *testing.T, s notification.Store) {
		first := later(confirmation(base), notification.ItemsCancelled)
		second := later(first, notification.Cancellation)
		enqueue(t, s, second, true)
		enqueue(t, s, first, true)
		n := claimOne(t, s, base)
		if n.ID != first.Deliveries[0].ID {
			t.Fatal("the cancellation is claimed before that in part, which is older")
		}
		wantIDs(t, "while the older is sent", claim(t, s, base.Add(time.Second), base.Add(time.Minute), 10), []string{}...)
		n.Status, n.SentAt = notification.Sent, base
		settle(t, s, n)
		at := base.Add(time.Second + notification.Behind)
		wantIDs(t, "then", claim(t, s, at, at.Add(time.Minute), 10), second.Deliveries[0].ID)
	},
	"a_later_one_waits_for_the_grace_of_one_that_is_outdated": func(t *testing.T, s notification.Store) {
		first := confirmation(base)
		r := later(first, notification.Cancellation)
		enqueue(t, s, first, true)
		until := claimOne(t, s, base).Due // and never heard of again
		enqueue(t, s, r, true)
		ended := until.Add(notification.Grace)
		wantIDs(t, "in the grace", claim(t, s, ended.Add(-time.Second), ended.Add(time.Minute), 10), []string{}...)
		wantIDs(t, "after it", claim(t, s, ended, ended.Add(time.Minute), 10), r.Deliveries[0].ID)
	},
	"it_holds_up_neither_the_other_channel_nor_other_bookings": func(t *testing.T, s notification.Store) {
		first := confirmation(base)
		r, other := withSMS(later(first, notification.ItemsCancelled)), confirmation(base)
		enqueue(t, s, first, true)
		claimOne(t, s, base)
		enqueue(t, s, r, true)
		enqueue(t, s, other, true)
		got := map[string]bool{}
		for _, n := range claim(t, s, base, base.Add(time.Minute), 2) {
			got[n.ID] = true
		}
		if diff := cmp.Diff(map[string]bool{r.Deliveries[1].ID: true, other.Deliveries[0].ID: true}, got); diff != "" {
			t.Errorf("claimed (-want +got):\n%s", diff)
		}
	},
	"a_lease_from_birth_is_not_given_behind_another": func(t *testing.T, s notification.Store) {
		leased := func(r notification.Record) notification.Record {
			r.Deliveries[0].Lease, r.Deliveries[0].Due = newID(), base.Add(time.Minute)
			return r
		}
		outcome := func(r notification.Record, want notification.Outcome) {
			t.Helper()
			if got, err := s.Enqueue(t.Context(), r); err != nil || got != want {
				t.Fatalf("Enqueue = %q, %v; want %q", got, err, want)
			}
		}
		first := leased(confirmation(base))
		outcome(first, notification.Leased)
		part := leased(later(first, notification.ItemsCancelled))
		outcome(part, notification.Stored)
		n := first.Deliveries[0]
		n.Status = notification.Sent
		settle(t, s, n)
		wantIDs(t, "then", claim(t, s, base, base.Add(time.Minute), 10), part.Deliveries[0].ID)
		// Nor where something newer is known, for then it is to be told otherwise.
		earlier := leased(later(first, notification.ItemsCancelled))
		earlier.Version--
		outcome(earlier, notification.Stored)
		if n := claimOne(t, s, base); !n.Overtaken {
			t.Error("it is not overtaken")
		}
	},
	"a_record_of_which_nobody_is_told_overtakes_nothing": func(t *testing.T, s notification.Store) {
		first := confirmation(base)
		enqueue(t, s, first, true)
		enqueue(t, s, later(first, notification.Confirmation), false)
		n := claimOne(t, s, base)
		if n.Overtaken {
			t.Error("the confirmation is overtaken by its duplicate")
		}
		n.Status = notification.Sent
		settle(t, s, n)
		part := later(first, notification.ItemsCancelled)
		part.Version--
		enqueue(t, s, part, true) // after the duplicate, which is newer
		if claimOne(t, s, base).Overtaken {
			t.Error("the cancellation in part is overtaken by the duplicate")
		}
	},
	"what_is_asked_for_again_overtakes_nothing": func(t *testing.T, s notification.Store) {
		first := confirmation(base)
		part := later(first, notification.ItemsCancelled)
		again := later(part, notification.Resent)
		for _, r := range []notification.Record{first, again} {
			enqueue(t, s, r, true)
		}
		n := claimOne(t, s, base)
		if n.ID != first.Deliveries[0].ID || n.Overtaken {
			t.Errorf("the %s comes first, and it is %t that it is overtaken", n.Kind, n.Overtaken)
		}
		n.Status = notification.Sent
		settle(t, s, n)
		enqueue(t, s, part, true) // after the request, which is newer
		if n := claimOne(t, s, base.Add(time.Minute)); n.ID != part.Deliveries[0].ID || n.Overtaken {
			t.Errorf("the %s comes next, and it is %t that it is overtaken", n.Kind, n.Overtaken)
		}
	},
	"what_is_overtaken_says_so": func(t *testing.T, s notification.Store) {
		first := confirmation(base)
		part := later(first, notification.ItemsCancelled)
		early := later(first, notification.ItemsCancelled)
		early.Version--
		enqueue(t, s, part, true)
		enqueue(t, s, first, true)
		enqueue(t, s, early, true)
		want := map[string]bool{first.Deliveries[0].ID: true, early.Deliveries[0].ID: true, part.Deliveries[0].ID: false}
		got := map[string]bool{}
		for at := base; len(got) < len(want) && at.Before(base.Add(time.Minute)); at = at.Add(notification.Behind) {
			for _, n := range claim(t, s, at, at.Add(time.Minute), 10) {
				got[n.ID] = n.Overtaken
				n.Status = notification.Sent
				settle(t, s, n)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("overtaken (-want +got):\n%s", diff)
		}
	},
}
