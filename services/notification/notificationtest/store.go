package notificationtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/notification"
)

// TestStore holds a notification.Store to its promises. newStore returns a
// store with nothing in it.
func TestStore(t *testing.T, newStore func(t *testing.T) notification.Store) {
	for _, group := range []map[string]func(*testing.T, notification.Store){enqueueTests, orderTests, quotaTests, claimTests, forwardTests, settleTests, listTests, forgetTests} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, newStore(t))
			})
		}
	}
}

var enqueueTests = map[string]func(*testing.T, notification.Store){
	"deliveries_come_back_as_they_were_stored": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		r.Deliveries = append(r.Deliveries, delivery(notification.SMS, "user-1", r.BookingID, base))
		enqueue(t, s, r, true)
		got := claim(t, s, base, base.Add(time.Minute), 10)
		if len(got) != 2 {
			t.Fatalf("%d deliveries, want both or none", len(got))
		}
		for _, n := range got {
			want := r.Deliveries[0]
			if n.ID != want.ID {
				want = r.Deliveries[1]
			}
			want.CreatedAt, want.Due, want.Lease = base.UTC(), base.Add(time.Minute).UTC(), n.Lease
			want.Kind, want.Version, want.Booking = r.Kind, r.Version, r.Booking
			if diff := cmp.Diff(want, n, cmp.Comparer(time.Time.Equal)); diff != "" {
				t.Errorf("it came back otherwise (-want +got):\n%s", diff)
			}
			for _, at := range []time.Time{n.CreatedAt, n.Due} {
				if at.Location() != time.UTC {
					t.Errorf("the time %v is not in UTC", at)
				}
			}
		}
	},
	"a_cancelled_context_stores_nothing": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		if _, err := s.Enqueue(cancelled(t), r); err == nil {
			t.Error("no error")
		}
		if got := list(t, s, notification.Filter{}); len(got) != 0 {
			t.Errorf("%d deliveries are stored", len(got))
		}
		enqueue(t, s, r, true) // nor is its message id known
	},
	"a_known_message_id_changes_nothing": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		enqueue(t, s, r, true)
		enqueue(t, s, withOwnDeliveries(r), false)
		other := confirmation(base)
		other.MessageID = r.MessageID
		enqueue(t, s, other, false)
		if diff := cmp.Diff(ids(r.Deliveries), ids(list(t, s, notification.Filter{}))); diff != "" {
			t.Errorf("other deliveries than the first's (-want +got):\n%s", diff)
		}
	},
	"racing_redeliveries_are_stored_once": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		won := race(t, func(int) (bool, error) { return stores(t.Context(), s, withOwnDeliveries(r)) })
		if n := len(list(t, s, notification.Filter{})); won != 1 || n != 1 {
			t.Errorf("%d of %d say that they stored it, and %d deliveries are there; want 1 and 1", won, racers, n)
		}
	},
	"a_booking_is_told_once_of_each_kind": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		won := race(t, func(int) (bool, error) {
			again := withOwnDeliveries(r)
			again.MessageID = newID()
			return stores(t.Context(), s, again)
		})
		if n := len(list(t, s, notification.Filter{})); won != 1 || n != 1 {
			t.Errorf("of %d messages with one confirmation %d say that they are stored, and %d deliveries are there; want 1 and 1", racers, won, n)
		}
	},
	"of_a_second_record_the_message_id_is_kept": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		enqueue(t, s, r, true)
		second := withOwnDeliveries(r)
		second.MessageID = newID()
		enqueue(t, s, second, false)
		other := confirmation(base)
		other.MessageID = second.MessageID
		enqueue(t, s, other, false)
	},
	"a_record_older_than_what_is_known_is_not_told": func(t *testing.T, s notification.Store) {
		old := confirmation(base)
		cancellation := withOwnDeliveries(old)
		cancellation.MessageID, cancellation.Kind, cancellation.Version = newID(), notification.Cancellation, old.Version+2
		enqueue(t, s, cancellation, true)
		enqueue(t, s, old, false)
		if diff := cmp.Diff(ids(cancellation.Deliveries), ids(list(t, s, notification.Filter{}))); diff != "" {
			t.Errorf("not the cancellation alone (-want +got):\n%s", diff)
		}
		other := confirmation(base)
		other.MessageID = old.MessageID
		enqueue(t, s, other, false) // its message id is kept
	},
	"a_newer_record_is_told_beside_the_older": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		enqueue(t, s, r, true)
		for i, kind := range []notification.Kind{notification.Cancellation, notification.NotCompleted} {
			next := withOwnDeliveries(r)
			next.MessageID, next.Kind, next.Version = newID(), kind, r.Version+int64(i) // the first with the same version
			enqueue(t, s, next, true)
		}
		if n := len(list(t, s, notification.Filter{})); n != 3 {
			t.Errorf("%d deliveries, want 3", n)
		}
	},
	"each_cancellation_in_part_is_told": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		enqueue(t, s, r, true)
		parts := make([]notification.Record, racers) // in no order, and each twice
		for i := range parts {
			parts[i] = inPart(r)
			parts[i].Version += int64(i/2) + 1
		}
		won := race(t, func(worker int) (bool, error) {
			if _, err := s.Enqueue(t.Context(), withOwnDeliveries(parts[(worker*7+1)%racers])); err != nil {
				return false, err
			}
			return stores(t.Context(), s, withOwnDeliveries(parts[(worker*7+1)%racers]))
		})
		if n := len(list(t, s, notification.Filter{BookingID: r.BookingID})); won != 0 || n != 1+racers {
			t.Errorf("%d deliveries, want 1 of the confirmation and %d; and %d were stored again", n, racers, won)
		}
	},
	"a_cancellation_in_part_is_told_once": func(t *testing.T, s notification.Store) {
		r := inPart(confirmation(base))
		won := race(t, func(int) (bool, error) {
			again := withOwnDeliveries(r)
			again.MessageID = newID()
			return stores(t.Context(), s, again)
		})
		if n := len(list(t, s, notification.Filter{})); won != 1 || n != 1 {
			t.Errorf("of %d messages with one cancellation %d say that they are stored, and %d deliveries are there; want 1 and 1", racers, won, n)
		}
	},
	"a_cancellation_in_part_is_told_after_whatever_is_newer": func(t *testing.T, s notification.Store) {
		for _, kind := range []notification.Kind{
			notification.Cancellation, notification.EventCancelled, notification.ItemsCancelled, notification.Nothing,
		} {
			newer := confirmation(base)
			older := inPart(newer)
			newer.Kind, newer.Version = kind, older.Version+5
			switch kind {
			case notification.ItemsCancelled:
				newer.Part = newID()
			case notification.Nothing:
				newer.Deliveries = nil
			}
			enqueue(t, s, newer, true)
			enqueue(t, s, older, true)
			enqueue(t, s, withOwnDeliveries(older), false)
		}
	},
	"a_confirmation_is_told_after_a_cancellation_in_part": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		part := inPart(r)
		part.Version++
		enqueue(t, s, part, true)
		enqueue(t, s, r, true)
		if n := len(list(t, s, notification.Filter{})); n != 2 {
			t.Errorf("%d deliveries, want 2", n)
		}
	},
	"a_failure_is_not_told_after_a_cancellation_in_part": func(t *testing.T, s notification.Store) {
		for _, kind := range []notification.Kind{notification.PaymentFailed, notification.PaymentReturned, notification.NotCompleted} {
			r := confirmation(base)
			part := inPart(r)
			part.Version++
			r.Kind = kind
			enqueue(t, s, part, true)
			enqueue(t, s, r, false)
		}
	},
	"a_failure_is_followed_by_what_a_late_payment_led_to": func(t *testing.T, s notification.Store) {
		for _, kind := range []notification.Kind{notification.PaymentReturned, notification.Confirmation} {
			failed := confirmation(base)
			failed.Kind = notification.PaymentFailed
			late := withOwnDeliveries(failed)
			late.MessageID, late.Kind, late.Version = newID(), kind, failed.Version+4
			enqueue(t, s, failed, true)
			enqueue(t, s, late, true)
			again := withOwnDeliveries(late)
			again.MessageID = newID()
			enqueue(t, s, again, false)
		}
	},
	"bookings_do_not_hinder_each_other": func(t *testing.T, s notification.Store) {
		newer := confirmation(base)
		newer.Version = 99
		enqueue(t, s, newer, true)
		enqueue(t, s, confirmation(base), true)
	},
	"test_mails_do_not_hinder_each_other": func(t *testing.T, s notification.Store) {
		for range 2 {
			r := confirmation(base)
			r.BookingID, r.Kind, r.Version = "", notification.Test, 0
			r.Deliveries[0].BookingID = ""
			enqueue(t, s, r, true)
		}
	},
	"mails_about_accounts_come_back_and_do_not_hinder_each_other": func(t *testing.T, s notification.Store) {
		about := map[string]string{}
		for i := range 2 {
			r := confirmation(base)
			r.BookingID, r.Kind, r.Version, r.Booking = "", notification.PasswordReset, 0, fmt.Sprintf(`{"mail_id":"%d"}`, i)
			r.Deliveries[0].BookingID, r.Deliveries[0].Status, r.Deliveries[0].To = "", notification.Resolving, ""
			about[r.Deliveries[0].ID] = r.Booking
			enqueue(t, s, r, true)
		}
		got := claim(t, s, base, base.Add(time.Minute), 10)
		if len(got) != 2 {
			t.Fatalf("%d deliveries are claimed, want 2", len(got))
		}
		for _, n := range got {
			if n.Kind != notification.PasswordReset || n.Booking != about[n.ID] || n.Overtaken {
				t.Errorf("it is a %s about %q, overtaken: %v; want one about %q", n.Kind, n.Booking, n.Overtaken, about[n.ID])
			}
			n.Status, n.To, n.Attempts = notification.Sent, "ada@example.com", 1
			settle(t, s, n)
		}
		for _, n := range list(t, s, notification.Filter{}) {
			if n.Status != notification.Sent || n.To != "ada@example.com" {
				t.Errorf("it is %s, to %s", n.Status, n.To)
			}
		}
	},
	"a_record_without_deliveries_is_known": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		r.Kind, r.Deliveries = notification.Nothing, nil
		enqueue(t, s, r, true)
		enqueue(t, s, r, false)
		r.MessageID = newID()
		enqueue(t, s, r, true) // such records may be many
	},
	"a_delivery_with_a_lease_is_born_claimed": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		n := &r.Deliveries[0]
		n.Lease, n.Due = newID(), base.Add(time.Minute)
		enqueue(t, s, r, true)
		if got := claim(t, s, base.Add(59*time.Second), base.Add(time.Hour), 10); len(got) != 0 {
			t.Error("it was claimed while it is leased")
		}
		sent := *n
		sent.Status = notification.Sent
		settle(t, s, sent)
	},
	"a_delivery_without_a_lease_can_be_claimed_beside_one_that_has_it": func(t *testing.T, s notification.Store) {
		r := withSMS(confirmation(base))
		n := &r.Deliveries[0]
		n.Lease, n.Due = newID(), base.Add(time.Minute)
		if got, err := s.Enqueue(t.Context(), r); err != nil || got != notification.Leased {
			t.Fatalf("Enqueue = %q, %v; want leased", got, err)
		}
		wantIDs(t, "claimed", claim(t, s, base, base.Add(time.Minute), 10), r.Deliveries[1].ID)
	},
}
