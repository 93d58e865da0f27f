package bookingtest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// TestCancelledEvents is the contract of booking.CancelledEvents.
func TestCancelledEvents(t *testing.T, open func(t *testing.T) StoreUnderTest) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, u StoreUnderTest)
	}{
		{"what was recorded comes back", eventRecorded},
		{"what was not is not found", eventNotFound},
		{"the event and the message are recorded together", eventMessage},
		{"a message heard before changes nothing", eventHeard},
		{"of two messages the first stands", eventTwice},
		{"once it has returned nothing is confirmed any more", eventRace},
		{"pending bookings of the event that nobody drives are due at once", eventPendingDue},
		{"progress counts", eventProgress},
		{"a cancelled context changes nothing", eventContext},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, open(t))
		})
	}
}

func (u StoreUnderTest) wantEvent(t *testing.T, want booking.CancelledEvent) {
	t.Helper()
	got, err := u.CancelledEvents.CancelledEvent(t.Context(), want.EventID)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the event (-want +got):\n%s", diff)
	}
}

func eventRecorded(t *testing.T, u StoreUnderTest) {
	one, two := u.cancelEvent(t, newID()), u.cancelEvent(t, newID())
	u.wantEvent(t, one)
	u.wantEvent(t, two)
}

func eventPendingDue(t *testing.T, u StoreUnderTest) {
	event, later := newID(), start.Add(time.Hour)
	waits := func(b *booking.Booking) { b.EventID, b.Lease = event, booking.Lease{Until: later} }
	due := u.create(t, pending(waits), booking.Key{})
	others := []booking.Booking{
		u.create(t, pending(waits, func(b *booking.Booking) { b.EventID = newID() }), booking.Key{}),
		u.create(t, pending(waits, func(b *booking.Booking) { b.Lease.Token = newID() }), booking.Key{}),
		u.create(t, pending(waits, func(b *booking.Booking) { b.Lease.Until = start.Add(-time.Hour) }), booking.Key{}),
		u.create(t, pending(waits, func(b *booking.Booking) { b.Status = booking.Failed }), booking.Key{}),
		u.create(t, pending(waits, func(b *booking.Booking) { b.Lease = booking.Lease{} }), booking.Key{}),
	}
	e := u.cancelEvent(t, event)
	due.Lease.Until = e.RecordedAt
	for _, b := range append(others, due) {
		u.want(t, b)
	}
}

func eventNotFound(t *testing.T, u StoreUnderTest) {
	u.cancelEvent(t, newID())
	_, err := u.CancelledEvents.CancelledEvent(t.Context(), newID())
	wantErr(t, err, booking.ErrEventNotFound)
	_, err = u.CancelledEvents.Progress(t.Context(), newID())
	wantErr(t, err, booking.ErrEventNotFound)
}

func (u StoreUnderTest) wantKnown(t *testing.T, messageID string, want bool) {
	t.Helper()
	known, err := u.Inbox.Known(t.Context(), []string{messageID})
	must(t, err)
	if (len(known) == 1) != want {
		t.Errorf("message %s is known: %v, want %v", messageID, !want, want)
	}
}

func eventMessage(t *testing.T, u StoreUnderTest) {
	e, message := booking.CancelledEvent{EventID: newID(), OccurredAt: start, RecordedAt: start}, newID()
	u.wantKnown(t, message, false)
	must(t, u.CancelledEvents.RecordCancelled(t.Context(), message, e))
	u.wantKnown(t, message, true)
	u.wantEvent(t, e)
}

func eventHeard(t *testing.T, u StoreUnderTest) {
	one := booking.CancelledEvent{EventID: newID(), OccurredAt: start, RecordedAt: start}
	other, message := one, newID()
	other.EventID = newID()
	must(t, u.CancelledEvents.RecordCancelled(t.Context(), message, one))
	must(t, u.CancelledEvents.RecordCancelled(t.Context(), message, other))
	_, err := u.CancelledEvents.CancelledEvent(t.Context(), other.EventID)
	wantErr(t, err, booking.ErrEventNotFound)
}

func eventTwice(t *testing.T, u StoreUnderTest) {
	one := u.cancelEvent(t, newID())
	other := one
	other.Note, other.RecordedAt = "another", start.Add(time.Hour)
	must(t, u.CancelledEvents.RecordCancelled(t.Context(), newID(), other))
	u.wantEvent(t, one)
	if got := u.audit(t, booking.AuditQuery{EventID: one.EventID, Limit: 10}); len(got) != 1 {
		t.Errorf("%d entries in the audit log, want 1", len(got))
	}
}

func confirm(b *booking.Booking) error {
	b.Status, b.Lease = booking.Confirmed, booking.Lease{}
	return nil
}

// cancelledIsNotConfirmed belongs to TestStore.
func cancelledIsNotTried(t *testing.T, u StoreUnderTest) {
	waits := func(b *booking.Booking) {
		b.Lease, b.Acknowledged, b.Checkout = booking.Lease{Until: start.Add(time.Hour)}, true, &booking.Checkout{ExpiresAt: start.Add(time.Hour)}
	}
	try := func(b *booking.Booking) error {
		b.Checkout.Attempts = append(b.Checkout.Attempts, booking.Attempt{At: start, Key: "k", Outcome: booking.PaymentOpen})
		return nil
	}
	b := u.create(t, pending(waits), booking.Key{})
	_, err := u.Store.Update(t.Context(), b.ID, "", try)
	must(t, err)
	u.cancelEvent(t, b.EventID)
	_, err = u.Store.Update(t.Context(), b.ID, "", try)
	wantErr(t, err, booking.ErrEventCancelled)
	if n := len(u.get(t, b.ID).Checkout.Attempts); n != 1 {
		t.Errorf("%d attempts are stored, want 1", n)
	}
}

func cancelledIsNotExtended(t *testing.T, u StoreUnderTest) {
	b := u.create(t, pending(func(b *booking.Booking) {
		b.Lease, b.Acknowledged, b.Checkout = booking.Lease{Until: start.Add(time.Hour)}, true, &booking.Checkout{ExpiresAt: start.Add(time.Hour)}
	}), booking.Key{})
	extend := func(b *booking.Booking) error { b.Checkout.Extensions++; return nil }
	_, err := u.Store.Update(t.Context(), b.ID, "", extend)
	must(t, err)
	u.cancelEvent(t, b.EventID)
	_, err = u.Store.Update(t.Context(), b.ID, "", extend)
	wantErr(t, err, booking.ErrEventCancelled)
	if n := u.get(t, b.ID).Checkout.Extensions; n != 1 {
		t.Errorf("%d extensions are stored, want 1", n)
	}
}

// awaitsUntil leaves a booking to its customer, who has an hour.
func awaitsUntil(b *booking.Booking) error {
	b.UpdatedAt = start.Add(time.Second)
	b.Lease = booking.Lease{Until: start.Add(time.Hour)}
	b.Payment.Status, b.Payment.Deadline = booking.PaymentAction, b.Lease.Until
	return nil
}

func cancelledIsDue(t *testing.T, u StoreUnderTest) {
	for _, cancelled := range []bool{false, true} {
		for _, save := range []bool{false, true} {
			b := u.create(t, pending(), booking.Key{}) // it is driven when the cancellation is recorded
			if cancelled {
				u.cancelEvent(t, b.EventID)
			}
			var got booking.Booking
			var err error
			if save {
				after := b.Clone()
				must(t, awaitsUntil(&after))
				got, err = u.Store.Save(t.Context(), b, after)
			} else {
				got, err = u.Store.Update(t.Context(), b.ID, b.Lease.Token, awaitsUntil)
			}
			must(t, err)
			u.want(t, got)
			want := start.Add(time.Hour)
			if cancelled {
				want = start.Add(time.Second)
			}
			if !got.Lease.Until.Equal(want) || !got.Payment.Deadline.Equal(start.Add(time.Hour)) {
				t.Errorf("with its event cancelled = %t, saved = %t, it is due at %s, want %s", cancelled, save, got.Lease.Until, want)
			}
		}
	}
	// A pause before the next try stays: nobody's time to pay.
	b := u.create(t, pending(), booking.Key{})
	u.cancelEvent(t, b.EventID)
	got, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error {
		b.Lease = booking.Lease{Until: start.Add(time.Minute)}
		return nil
	})
	must(t, err)
	if !got.Lease.Until.Equal(start.Add(time.Minute)) {
		t.Errorf("it is tried again at %s", got.Lease.Until)
	}
}

func cancelledIsNotConfirmed(t *testing.T, u StoreUnderTest) {
	event := newID()
	of := func(b *booking.Booking) { b.EventID = event }
	waiting, before, other := u.create(t, pending(of), booking.Key{}), u.create(t, settled(of), booking.Key{}), u.create(t, pending(), booking.Key{})
	u.cancelEvent(t, event)
	_, err := u.Store.Update(t.Context(), waiting.ID, waiting.Lease.Token, func(b *booking.Booking) error {
		b.Timeline = append(b.Timeline, booking.Step{At: start, Step: "confirmed"})
		b.Effects.Messages = append(b.Effects.Messages, message())
		return confirm(b)
	})
	wantErr(t, err, booking.ErrEventCancelled)
	u.want(t, waiting)
	u.wantMessages(t)
	u.wantAudit(t, booking.AuditQuery{BookingID: waiting.ID, Limit: 10}, entriesOf(waiting, 0))
	if _, err := u.Store.Update(t.Context(), waiting.ID, waiting.Lease.Token, func(b *booking.Booking) error {
		b.Status = booking.Failed
		return nil
	}); err != nil {
		t.Errorf("it cannot fail: %v", err)
	}
	// One that was confirmed is still worked on.
	if _, err := u.Store.Update(t.Context(), before.ID, "", func(*booking.Booking) error { return nil }); err != nil {
		t.Errorf("one that was confirmed: %v", err)
	}
	if _, err := u.Store.Update(t.Context(), other.ID, other.Lease.Token, confirm); err != nil {
		t.Errorf("one of another event: %v", err)
	}
}

func eventRace(t *testing.T, u StoreUnderTest) {
	const rounds = 8
	for range rounds {
		event := newID()
		var bookings [workers]booking.Booking
		for i := range bookings {
			bookings[i] = u.create(t, pending(func(b *booking.Booking) { b.EventID = event }), booking.Key{})
		}
		confirmed := func() (ids []string) {
			for _, b := range bookings {
				if u.get(t, b.ID).Status == booking.Confirmed {
					ids = append(ids, b.ID)
				}
			}
			return ids
		}
		var then []string
		var wg sync.WaitGroup
		race(workers, func(i int) {
			if i == workers/2 {
				u.cancelEvent(t, event)
				then = confirmed()
			}
			wg.Go(func() {
				if _, err := u.Store.Update(t.Context(), bookings[i].ID, bookings[i].Lease.Token, confirm); err != nil && !errors.Is(err, booking.ErrEventCancelled) {
					t.Error(err)
				}
			})
		})
		wg.Wait()
		if diff := cmp.Diff(then, confirmed()); diff != "" {
			t.Fatalf("confirmed after the event was recorded as cancelled (-then +now):\n%s", diff)
		}
	}
}

func eventProgress(t *testing.T, u StoreUnderTest) {
	event := newID()
	with := func(status booking.Status, edits ...func(*booking.Booking)) {
		u.create(t, settled(append(edits, func(b *booking.Booking) { b.EventID, b.Status = event, status })...), booking.Key{})
	}
	byEvent := func(b *booking.Booking) { b.Reason = problem.EventCancelled }
	due := func(b *booking.Booking) {
		b.Refunds = []booking.Refund{{ID: newID(), Amount: euros(1), Status: booking.RefundDue}, {ID: newID(), Amount: euros(1), Status: booking.RefundDone}}
	}
	with(booking.Confirmed)
	with(booking.Pending)
	with(booking.Pending)
	with(booking.Cancelling, byEvent)
	for range 3 {
		with(booking.Cancelled, byEvent)
	}
	with(booking.Cancelled) // by the customer
	with(booking.Cancelled, byEvent, due)
	with(booking.Failed, due)
	u.create(t, settled(), booking.Key{})
	e := u.cancelEvent(t, event)
	got, err := u.CancelledEvents.Progress(t.Context(), event)
	must(t, err)
	want := booking.CancellationProgress{CancelledEvent: e, Pending: 2, Confirmed: 1, Cancelling: 1, Cancelled: 4, RefundsDue: 2}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

func eventContext(t *testing.T, u StoreUnderTest) {
	e, message := booking.CancelledEvent{EventID: newID(), RecordedAt: start, OccurredAt: start}, newID()
	if u.CancelledEvents.RecordCancelled(cancelled(t), message, e) == nil {
		t.Error("RecordCancelled has no error")
	}
	u.wantKnown(t, message, false)
	_, err := u.CancelledEvents.CancelledEvent(t.Context(), e.EventID)
	wantErr(t, err, booking.ErrEventNotFound)
}
