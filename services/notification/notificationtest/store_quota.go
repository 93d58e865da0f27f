package notificationtest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/notification"
)

// limited returns a record with these quotas.
func limited(at time.Time, quotas ...notification.Quota) notification.Record {
	r := confirmation(at)
	r.Quotas = quotas
	return r
}

func wantOutcome(t *testing.T, s notification.Store, r notification.Record, want notification.Outcome) {
	t.Helper()
	if got, err := s.Enqueue(t.Context(), r); err != nil || got != want {
		t.Fatalf("Enqueue = %q, %v; want %q", got, err, want)
	}
}

var quotaTests = map[string]func(*testing.T, notification.Store){
	"what_is_over_a_quota_is_stored_as_failed": func(t *testing.T, s notification.Store) {
		q := notification.Quota{Key: "to/a", Most: 1}
		wantOutcome(t, s, limited(base, q), notification.Stored)
		first := claimOne(t, s, base)
		over := withSMS(limited(base.Add(time.Second), q))
		for i := range over.Deliveries {
			n := &over.Deliveries[i]
			n.Status, n.To, n.Lease, n.Due = notification.Pending, "x", newID(), base.Add(time.Minute)
		}
		wantOutcome(t, s, over, notification.Limited)
		wantIDs(t, "claimed", claim(t, s, base.Add(time.Hour), base.Add(2*time.Hour), 10), []string{}...)
		got := outcomes(t, s, over.BookingID)
		for _, n := range over.Deliveries {
			if want := "FAILED " + notification.OverQuota; got[n.ID] != want {
				t.Errorf("a delivery by %s is %q, want %q", n.Channel, got[n.ID], want)
			}
			n.Status = notification.Sent
			wantErr(t, s.Settle(t.Context(), n), notification.ErrSettled) // it has no lease
		}
		first.Status = notification.Sent
		settle(t, s, first)
	},
	"racing_callers_never_pass_a_quota": func(t *testing.T, s notification.Store) {
		const most = 5
		won := race(t, func(int) (bool, error) {
			r := limited(base, notification.Quota{Key: "account/a", Most: most + 3}, notification.Quota{Key: "to/a", Most: most})
			outcome, err := s.Enqueue(t.Context(), r)
			return outcome == notification.Stored, err
		})
		if sent := len(claim(t, s, base, base.Add(time.Minute), 2*racers)); won != most || sent != most {
			t.Errorf("%d are told that theirs is sent, and %d are; want %d", won, sent, most)
		}
	},
	"a_record_counts_once": func(t *testing.T, s notification.Store) {
		q := notification.Quota{Key: "to/a", Most: 2}
		r := limited(base, q)
		race(t, func(int) (bool, error) { return stores(t.Context(), s, withOwnDeliveries(r)) })
		for range 3 {
			wantOutcome(t, s, withOwnDeliveries(r), notification.Ignored)
		}
		wantOutcome(t, s, limited(base, q), notification.Stored)
		wantOutcome(t, s, limited(base, q), notification.Limited)
	},
	"what_is_not_told_uses_no_quota": func(t *testing.T, s notification.Store) {
		q := notification.Quota{Key: "to/a", Most: 2}
		first := limited(base, q)
		wantOutcome(t, s, later(first, notification.Cancellation), notification.Stored)
		wantOutcome(t, s, first, notification.Ignored) // it is outdated
		again := later(first, notification.Cancellation)
		wantOutcome(t, s, again, notification.Ignored) // it is told
		wantOutcome(t, s, limited(base, q), notification.Stored)
		wantOutcome(t, s, limited(base, q), notification.Limited)
	},
	"what_is_over_one_quota_uses_up_no_other": func(t *testing.T, s notification.Store) {
		a, b, both := notification.Quota{Key: "a", Most: 1}, notification.Quota{Key: "b", Most: 1}, notification.Quota{Key: "both", Most: 2}
		wantOutcome(t, s, limited(base, a, both), notification.Stored)
		for range 3 {
			wantOutcome(t, s, limited(base, b, a), notification.Limited)
			wantOutcome(t, s, limited(base, both, a), notification.Limited)
		}
		wantOutcome(t, s, limited(base, b, both), notification.Stored)
	},
	"a_quota_is_for_any_period": func(t *testing.T, s notification.Store) {
		q := notification.Quota{Key: "to/a", Most: 2}
		at := func(d time.Duration, want notification.Outcome) {
			t.Helper()
			wantOutcome(t, s, limited(base.Add(d), q), want)
		}
		at(0, notification.Stored)
		at(notification.QuotaPeriod/2, notification.Stored)
		at(notification.QuotaPeriod-time.Microsecond, notification.Limited)
		at(notification.QuotaPeriod, notification.Stored) // the first is out of its period, and the second is not
		at(notification.QuotaPeriod+time.Minute, notification.Limited)
		at(3*notification.QuotaPeriod/2, notification.Stored)
		// A clock that was wrong for a while holds nobody up for longer than that.
		at(-10*notification.QuotaPeriod, notification.Stored)
	},
	"a_booking_that_is_told_needs_no_quota": func(t *testing.T, s notification.Store) {
		q := notification.Quota{Key: "to/a", Most: 3}
		open, failed, sent := limited(base, q), limited(base, q), limited(base, q)
		wantOutcome(t, s, failed, notification.Stored)
		wantOutcome(t, s, sent, notification.Stored)
		for _, n := range claim(t, s, base, base.Add(time.Minute), 10) {
			n.Status = notification.Sent
			if n.BookingID == failed.BookingID {
				n.Status, n.Error = notification.Failed, "the mail server refused it"
			}
			settle(t, s, n)
		}
		wantOutcome(t, s, open, notification.Stored)
		wantOutcome(t, s, limited(base, q), notification.Limited)
		for _, told := range []notification.Record{open, failed, sent} {
			gone := later(told, notification.Cancellation)
			for _, next := range []notification.Record{gone, later(gone, notification.EventCancelled)} {
				wantOutcome(t, s, next, notification.Stored)
				wantOutcome(t, s, next, notification.Ignored)
			}
		}
	},
	"one_that_came_first_tells_of_an_older_one_too": func(t *testing.T, s notification.Store) {
		q := notification.Quota{Key: "to/a", Most: 1}
		first := limited(base, q)
		wantOutcome(t, s, later(first, notification.ItemsCancelled), notification.Stored)
		wantOutcome(t, s, first, notification.Stored)
	},
	"a_booking_that_is_told_uses_no_quota": func(t *testing.T, s notification.Store) {
		q := notification.Quota{Key: "to/a", Most: 2}
		first := limited(base, q)
		wantOutcome(t, s, first, notification.Stored)
		wantOutcome(t, s, later(first, notification.Cancellation), notification.Stored)
		wantOutcome(t, s, later(first, notification.EventCancelled), notification.Stored)
		wantOutcome(t, s, limited(base, q), notification.Stored)
		wantOutcome(t, s, limited(base, q), notification.Limited)
	},
	"a_cancellation_in_part_needs_a_quota": func(t *testing.T, s notification.Store) {
		q := notification.Quota{Key: "to/a", Most: 3}
		whole := limited(base, q)
		wantOutcome(t, s, whole, notification.Stored)
		part := later(whole, notification.ItemsCancelled)
		wantOutcome(t, s, part, notification.Stored)
		part = later(part, notification.ItemsCancelled)
		wantOutcome(t, s, part, notification.Stored)
		wantOutcome(t, s, withOwnDeliveries(part), notification.Ignored)
		over := later(part, notification.ItemsCancelled)
		wantOutcome(t, s, over, notification.Limited)
		wantOutcome(t, s, limited(base, q), notification.Limited) // each part has used it
		wantOutcome(t, s, later(over, notification.Cancellation), notification.Stored)
		paid := later(part, notification.ItemsCancelled)
		paid.Quotas = nil
		wantOutcome(t, s, paid, notification.Stored)
	},
	"racing_cancellations_in_part_never_pass_a_quota": func(t *testing.T, s notification.Store) {
		const most = 5
		q := notification.Quota{Key: "to/a", Most: most}
		whole := limited(base, q)
		wantOutcome(t, s, whole, notification.Stored)
		won := race(t, func(int) (bool, error) {
			outcome, err := s.Enqueue(t.Context(), later(whole, notification.ItemsCancelled))
			return outcome == notification.Stored, err
		})
		if won != most-1 {
			t.Errorf("%d parts are told, want %d", won, most-1)
		}
	},
	"an_SMS_over_its_quota_is_dropped_and_its_mail_goes": func(t *testing.T, s notification.Store) {
		q := notification.Quota{Key: "sms/a", Most: 1}
		texted := func(leased bool) notification.Record {
			r := withSMS(confirmation(base))
			r.SMSQuotas = []notification.Quota{q}
			for i := range r.Deliveries {
				if leased {
					r.Deliveries[i].Lease, r.Deliveries[i].Due = newID(), base.Add(time.Minute)
				}
			}
			return r
		}
		first := texted(true)
		wantOutcome(t, s, first, notification.Leased)
		var mails []string
		for _, leased := range []bool{true, false} {
			over := texted(leased)
			wantOutcome(t, s, over, notification.Stored)
			wantOutcome(t, s, over, notification.Ignored)
			mails = append(mails, over.Deliveries[0].ID)
			if got, want := outcomes(t, s, over.BookingID), map[string]string{over.Deliveries[0].ID: "PENDING "}; !cmp.Equal(got, want) {
				t.Errorf("listed are %v, want %v", got, want)
			}
			n := over.Deliveries[1]
			n.Status = notification.Sent
			wantErr(t, s.Settle(t.Context(), n), notification.ErrSettled) // it has no lease
		}
		wantIDs(t, "claimed", claim(t, s, base.Add(time.Second), base.Add(time.Hour), 10), mails...)
		next := texted(false)
		next.At = base.Add(notification.QuotaPeriod)
		wantOutcome(t, s, next, notification.Stored)
		ns, err := s.Claim(t.Context(), notification.SMS, next.At, next.At.Add(time.Minute), 10)
		if err != nil || !slices.Contains(ids(ns), next.Deliveries[1].ID) {
			t.Errorf("claimed are the SMS %v (%v), want %s among them", ids(ns), err, next.Deliveries[1].ID)
		}
	},
	"what_is_not_sent_uses_no_quota_of_its_SMS": func(t *testing.T, s notification.Store) {
		q, texts := notification.Quota{Key: "to/a", Most: 1}, notification.Quota{Key: "sms/a", Most: 1}
		wantOutcome(t, s, limited(base, q), notification.Stored)
		over := withSMS(limited(base, q))
		over.SMSQuotas = []notification.Quota{texts}
		wantOutcome(t, s, over, notification.Limited)
		sent := withSMS(confirmation(base))
		sent.SMSQuotas = over.SMSQuotas
		wantOutcome(t, s, sent, notification.Stored)
		ns, err := s.Claim(t.Context(), notification.SMS, base, base.Add(time.Minute), 10)
		if err != nil {
			t.Fatalf("Claim: %v", err)
		}
		wantIDs(t, "claimed", ns, sent.Deliveries[1].ID)
	},
	"racing_callers_never_pass_a_quota_of_SMS": func(t *testing.T, s notification.Store) {
		const most = 5
		race(t, func(int) (bool, error) {
			r := withSMS(confirmation(base))
			r.SMSQuotas = []notification.Quota{{Key: "sms/a", Most: most}}
			return stores(t.Context(), s, r)
		})
		for c, want := range map[notification.Channel]int{notification.SMS: most, notification.Email: racers} {
			if ns, err := s.Claim(t.Context(), c, base, base.Add(time.Minute), 2*racers); err != nil || len(ns) != want {
				t.Errorf("%d by %s are due (%v), want %d", len(ns), c, err, want)
			}
		}
	},
	"a_booking_that_a_quota_stopped_needs_one": func(t *testing.T, s notification.Store) {
		q := notification.Quota{Key: "to/a", Most: 1}
		wantOutcome(t, s, limited(base, q), notification.Stored)
		over := limited(base, q)
		wantOutcome(t, s, over, notification.Limited)
		part := later(over, notification.ItemsCancelled)
		wantOutcome(t, s, part, notification.Limited)
		cancelled := later(part, notification.EventCancelled)
		cancelled.At = base.Add(notification.QuotaPeriod)
		wantOutcome(t, s, cancelled, notification.Stored)
		wantOutcome(t, s, limited(cancelled.At, q), notification.Limited) // it has used the quota
	},
	"quotas_of_other_keys_and_records_without_are_not_concerned": func(t *testing.T, s notification.Store) {
		q := notification.Quota{Key: "to/a", Most: 1}
		wantOutcome(t, s, confirmation(base), notification.Stored)
		wantOutcome(t, s, limited(base, q), notification.Stored)
		wantOutcome(t, s, limited(base, q), notification.Limited)
		wantOutcome(t, s, limited(base, notification.Quota{Key: "to/b", Most: 1}), notification.Stored)
		wantOutcome(t, s, confirmation(base), notification.Stored)
	},
}
