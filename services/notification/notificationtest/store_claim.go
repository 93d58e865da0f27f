package notificationtest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/notification"
)

var claimTests = map[string]func(*testing.T, notification.Store){
	"the_lowest_turn_comes_first": func(t *testing.T, s notification.Store) {
		var want []string
		for i, turn := range []int64{3e17, 2, 1e17 + 5, 1, 2e17} {
			r := confirmation(base)
			r.Deliveries[0].Turn, r.Deliveries[0].Due = turn, base.Add(time.Duration(i-10)*time.Second)
			want = append(want, r.Deliveries[0].ID)
			enqueue(t, s, r, true)
		}
		want = []string{want[3], want[1], want[2], want[4], want[0]}
		got := append(ids(claim(t, s, base, base.Add(time.Minute), 2)), ids(claim(t, s, base, base.Add(time.Minute), 3))...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("claimed (-want +got):\n%s", diff)
		}
	},
	"what_is_tried_again_has_the_turn_that_it_was_settled_with": func(t *testing.T, s notification.Store) {
		first, other := confirmation(base), confirmation(base)
		first.Deliveries[0].Turn, other.Deliveries[0].Turn = 1, 2
		enqueue(t, s, first, true)
		n := claimOne(t, s, base)
		n.Attempts, n.Due, n.Turn = 1, base.Add(time.Second), 3
		settle(t, s, n)
		enqueue(t, s, other, true)
		wantIDs(t, "claimed", claim(t, s, base.Add(time.Second), base.Add(time.Minute), 2), other.Deliveries[0].ID, n.ID)
	},
	"its_subject_is_the_one_that_it_was_settled_with": func(t *testing.T, s notification.Store) {
		enqueue(t, s, confirmation(base), true)
		for _, status := range []notification.Status{notification.Pending, notification.Sent} {
			n := claimOne(t, s, base)
			n.Status, n.Subject, n.Due = status, "Buchung bestätigt: "+string(status), base
			settle(t, s, n)
			if listed := list(t, s, notification.Filter{}); len(listed) != 1 || listed[0].Subject != n.Subject {
				t.Errorf("listed: %+v, want the subject %q", listed, n.Subject)
			}
		}
	},
	"a_channel_is_claimed_alone": func(t *testing.T, s notification.Store) {
		r := withSMS(confirmation(base))
		r.Deliveries[0].Turn, r.Deliveries[1].Turn = 2, 1
		enqueue(t, s, r, true)
		for i, c := range []notification.Channel{notification.Email, notification.SMS} {
			got, err := s.Claim(t.Context(), c, base, base.Add(time.Minute), 10)
			if err != nil {
				t.Fatal(err)
			}
			wantIDs(t, string(c), got, r.Deliveries[i].ID)
		}
	},
	"what_is_due_comes_oldest_first_up_to_the_limit": func(t *testing.T, s notification.Store) {
		var want []string
		for i := range 4 {
			r := confirmation(base)
			r.Deliveries[0].Due = base.Add(time.Duration(-i) * time.Second)
			want = append([]string{r.Deliveries[0].ID}, want...)
			enqueue(t, s, r, true)
		}
		later := confirmation(base)
		later.Deliveries[0].Due = base.Add(time.Microsecond)
		enqueue(t, s, later, true)

		until := base.Add(time.Minute)
		got := append(ids(claim(t, s, base, until, 3)), ids(claim(t, s, base, until, 3))...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("claimed by threes (-want +got):\n%s", diff)
		}
	},
	"nothing_due_is_the_empty_slice": func(t *testing.T, s notification.Store) {
		if ns, err := s.Claim(t.Context(), notification.Email, base, base.Add(time.Minute), 5); err != nil || ns == nil || len(ns) != 0 {
			t.Errorf("Claim = %#v, %v", ns, err)
		}
	},
	"nobody_gets_it_again_before_the_lease_ends": func(t *testing.T, s notification.Store) {
		enqueue(t, s, confirmation(base), true)
		until := base.Add(time.Minute)
		first := claim(t, s, base, until, 1)
		if len(first) != 1 || !first[0].Due.Equal(until) {
			t.Fatalf("claimed %+v, want one that is due at %v", first, until)
		}
		if again := claim(t, s, until.Add(-time.Microsecond), until.Add(time.Hour), 1); len(again) != 0 {
			t.Error("it was claimed again before the lease ended")
		}
	},
	"an_ended_lease_is_given_anew_after_a_grace": func(t *testing.T, s notification.Store) {
		enqueue(t, s, confirmation(base), true)
		n := claimOne(t, s, base)
		for range 3 { // one after the other, each found late
			found := n.Due.Add(time.Hour)
			for _, at := range []time.Time{found, found.Add(notification.Grace - time.Microsecond)} {
				if got := claim(t, s, at, at.Add(time.Minute), 1); len(got) != 0 {
					t.Fatalf("it was claimed %v after it was found", at.Sub(found))
				}
			}
			next := claimOne(t, s, found.Add(notification.Grace))
			if n.Lease == "" || next.Lease == "" || n.Lease == next.Lease {
				t.Errorf("leases %q, then %q: want two", n.Lease, next.Lease)
			}
			n = next
		}
	},
	"the_grace_lets_the_owner_settle": func(t *testing.T, s notification.Store) {
		enqueue(t, s, confirmation(base), true)
		n := claimOne(t, s, base)
		for range 2 {
			claim(t, s, n.Due, n.Due.Add(time.Hour), 1)
		}
		n.Status = notification.Sent
		settle(t, s, n)
	},
	"what_was_settled_in_the_grace_needs_no_other": func(t *testing.T, s notification.Store) {
		enqueue(t, s, confirmation(base), true)
		n := claimOne(t, s, base)
		claim(t, s, n.Due, n.Due.Add(time.Hour), 1)
		n.Attempts = 1
		settle(t, s, n)
		if again := claimOne(t, s, n.Due); again.Attempts != 1 {
			t.Errorf("%d attempts, want 1", again.Attempts)
		}
	},
	"a_grace_holds_up_nothing_else": func(t *testing.T, s notification.Store) {
		enqueue(t, s, confirmation(base), true)
		first := claimOne(t, s, base)
		other := confirmation(first.Due)
		enqueue(t, s, other, true)
		if got := claimOne(t, s, first.Due); got.ID != other.Deliveries[0].ID {
			t.Error("what was claimed is not what nobody has")
		}
	},
	"two_callers_never_get_the_same_delivery": func(t *testing.T, s notification.Store) {
		const deliveries = 48
		for range deliveries {
			enqueue(t, s, confirmation(base), true)
		}
		var mu sync.Mutex
		got, total := map[string]int{}, 0
		race(t, func(int) (bool, error) {
			for {
				ns, err := s.Claim(t.Context(), notification.Email, base, base.Add(time.Minute), 2)
				if err != nil || len(ns) == 0 {
					return false, err
				}
				mu.Lock()
				for _, n := range ns {
					got[n.ID]++
					total++
				}
				tooMany := total > 2*deliveries
				mu.Unlock()
				if tooMany {
					return false, nil
				}
			}
		})
		for id, n := range got {
			if n != 1 {
				t.Errorf("%s was given to %d callers", id, n)
			}
		}
		if len(got) != deliveries {
			t.Errorf("%d deliveries were claimed, want %d", len(got), deliveries)
		}
	},
	"a_cancelled_context_claims_nothing": func(t *testing.T, s notification.Store) {
		enqueue(t, s, confirmation(base), true)
		if _, err := s.Claim(cancelled(t), notification.Email, base, base.Add(time.Hour), 1); err == nil {
			t.Error("no error")
		}
		claimOne(t, s, base)
	},
}

var settleTests = map[string]func(*testing.T, notification.Store){
	"an_outcome_is_stored": func(t *testing.T, s notification.Store) {
		enqueue(t, s, confirmation(base), true)
		n := claimOne(t, s, base)
		n.Status, n.To, n.Attempts, n.Error, n.SentAt = notification.Sent, "+4930123456", 3, "näh", base.Add(time.Second)
		settle(t, s, n)
		got := list(t, s, notification.Filter{})
		n.Lease = ""
		for i := range got {
			got[i].Due = n.Due // it is due no more
		}
		if diff := cmp.Diff([]notification.Notification{n}, got, cmp.Comparer(time.Time.Equal)); diff != "" {
			t.Fatalf("it was stored otherwise (-want +got):\n%s", diff)
		}
		if got[0].SentAt.Location() != time.UTC {
			t.Errorf("sent at %v, which is not UTC", got[0].SentAt)
		}
	},
	"a_retry_is_due_when_it_says": func(t *testing.T, s notification.Store) {
		enqueue(t, s, confirmation(base), true)
		n := claimOne(t, s, base)
		n.Attempts, n.Due = 1, base.Add(5*time.Second) // before the lease would have ended
		settle(t, s, n)
		if got := claim(t, s, base.Add(5*time.Second-time.Microsecond), base.Add(time.Hour), 1); len(got) != 0 {
			t.Error("it was claimed before it is due")
		}
		if again := claimOne(t, s, base.Add(5*time.Second)); again.Attempts != 1 {
			t.Errorf("%d attempts, want 1", again.Attempts)
		}
	},
	"what_is_not_open_is_never_claimed_again": func(t *testing.T, s notification.Store) {
		for _, status := range []notification.Status{notification.Sent, notification.Failed, notification.Dropped} {
			enqueue(t, s, confirmation(base), true)
			n := claimOne(t, s, base)
			n.Status, n.Due = status, base
			settle(t, s, n)
		}
		if got := claim(t, s, base.Add(1000*time.Hour), base.Add(2000*time.Hour), 10); len(got) != 0 {
			t.Errorf("%d were claimed, the first is %s", len(got), got[0].Status)
		}
	},
	"a_lost_lease_changes_nothing": func(t *testing.T, s notification.Store) {
		enqueue(t, s, confirmation(base), true)
		late := claimOne(t, s, base)
		holder := afterItsLease(t, s, late)
		late.Status, late.Error = notification.Failed, "too late"
		wantErr(t, s.Settle(t.Context(), late), notification.ErrLeaseLost)
		if got := list(t, s, notification.Filter{}); len(got) != 1 || got[0].Status != notification.Pending || got[0].Error != "" {
			t.Errorf("it has become %+v", got)
		}
		holder.Status = notification.Sent
		settle(t, s, holder)
		holder.Status = notification.Failed
		for _, lease := range []string{holder.Lease, late.Lease, ""} {
			holder.Lease = lease
			wantErr(t, s.Settle(t.Context(), holder), notification.ErrSettled)
		}
		if got := list(t, s, notification.Filter{}); len(got) != 1 || got[0].Status != notification.Sent {
			t.Errorf("it was SENT, and has become %+v", got)
		}
		wantErr(t, s.Settle(t.Context(), notification.Notification{ID: newID(), Lease: newID(), Status: notification.Sent}), notification.ErrLeaseLost)
	},
	"what_is_to_be_tried_again_has_no_lease": func(t *testing.T, s notification.Store) {
		enqueue(t, s, confirmation(base), true)
		n := claimOne(t, s, base)
		settle(t, s, n)
		for _, lease := range []string{n.Lease, ""} {
			n.Lease = lease
			wantErr(t, s.Settle(t.Context(), n), notification.ErrLeaseLost)
		}
	},
	"one_delivery_is_settled_and_not_its_sibling": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		r.Deliveries = append(r.Deliveries, delivery(notification.SMS, "user-1", r.BookingID, base))
		enqueue(t, s, r, true)
		both := claim(t, s, base, base.Add(time.Minute), 2)
		for _, n := range both {
			if n.Channel == notification.Email {
				n.Status = notification.Sent
				settle(t, s, n)
			}
		}
		if sms := afterItsLease(t, s, both[0]); sms.Channel != notification.SMS || sms.Status != notification.Resolving {
			t.Errorf("left is %+v, want the SMS", sms)
		}
	},
	"a_cancelled_context_settles_nothing": func(t *testing.T, s notification.Store) {
		enqueue(t, s, confirmation(base), true)
		n := claimOne(t, s, base)
		n.Status = notification.Sent
		if err := s.Settle(cancelled(t), n); err == nil {
			t.Error("no error")
		}
		settle(t, s, n) // it still has its lease
	},
}
