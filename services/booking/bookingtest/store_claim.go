package bookingtest

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/booking"
)

func newLease() booking.Lease {
	return booking.Lease{Token: newID(), Until: start.Add(15 * time.Second)}
}

// ended returns a booking whose driver's lease ended so long before start.
func ended(ago time.Duration, edits ...func(*booking.Booking)) booking.Booking {
	return pending(append(edits, func(b *booking.Booking) { b.Lease.Until = start.Add(-ago) })...)
}

func (u StoreUnderTest) claim(t *testing.T, now time.Time, lease booking.Lease, limit int) []booking.Booking {
	t.Helper()
	claimed, err := u.Store.Claim(t.Context(), now, lease, limit)
	must(t, err)
	return claimed
}

func ids(bookings []booking.Booking) []string {
	out := make([]string, len(bookings))
	for i, b := range bookings {
		out[i] = b.ID
	}
	return out
}

func claimWhich(t *testing.T, u StoreUnderTest) {
	status := func(s booking.Status) func(*booking.Booking) { return func(b *booking.Booking) { b.Status = s } }
	parked := func(b *booking.Booking) { b.Lease.Token = "" }
	for _, b := range []booking.Booking{
		ended(-time.Microsecond), ended(-time.Hour), ended(-time.Hour, status(booking.Cancelling)), // still driven
		ended(-time.Second, parked), ended(-time.Hour, parked, status(booking.Confirmed)), // not due
		settled(), settled(status(booking.Failed)), settled(status(booking.Cancelled)),
	} {
		u.create(t, b, booking.Key{})
	}
	want := []string{
		u.create(t, ended(2*time.Hour), booking.Key{}).ID,
		u.create(t, ended(time.Hour, status(booking.Cancelling)), booking.Key{}).ID,
		u.create(t, ended(time.Minute, status(booking.Confirmed)), booking.Key{}).ID,
		u.create(t, ended(time.Second, parked), booking.Key{}).ID,
		u.create(t, ended(0), booking.Key{}).ID,
	}
	if diff := cmp.Diff(want, ids(u.claim(t, start, newLease(), 100))); diff != "" {
		t.Errorf("claimed (-want +got):\n%s", diff)
	}
}

func claimOrder(t *testing.T, u StoreUnderTest) {
	var want []string
	for _, ago := range []time.Duration{3 * time.Microsecond, time.Hour, 2 * time.Second, 48 * time.Hour, time.Microsecond} {
		want = append(want, u.create(t, ended(ago), booking.Key{}).ID)
	}
	want = []string{want[3], want[1], want[2], want[0], want[4]}
	for _, part := range [][]string{want[:2], want[2:3], want[3:]} {
		if diff := cmp.Diff(part, ids(u.claim(t, start, newLease(), len(part)))); diff != "" {
			t.Errorf("claimed (-want +got):\n%s", diff)
		}
	}
}

func claimGives(t *testing.T, u StoreUnderTest) {
	want := full()
	want.Lease.Until = start
	u.create(t, want, booking.Key{})
	for range 2 {
		lease := newLease()
		want.Lease, want.Tries = lease, want.Tries+1
		if diff := cmp.Diff([]booking.Booking{want}, u.claim(t, start.Add(time.Hour), lease, 1)); diff != "" {
			t.Errorf("claimed (-want +got):\n%s", diff)
		}
		u.want(t, want)
	}
}

func claimOnce(t *testing.T, u StoreUnderTest) {
	b := u.create(t, ended(time.Second), booking.Key{})
	lease := newLease()
	for _, c := range []struct {
		now  time.Time
		want int
	}{{start, 1}, {start, 0}, {lease.Until.Add(-time.Microsecond), 0}, {lease.Until, 1}} {
		if got := u.claim(t, c.now, lease, 10); len(got) != c.want {
			t.Errorf("at %v booking %s is claimed %d times, want %d", c.now, b.ID, len(got), c.want)
		}
	}
}

func claimTakes(t *testing.T, u StoreUnderTest) {
	b := u.create(t, ended(time.Second), booking.Key{})
	lease := newLease()
	u.claim(t, start, lease, 1)
	_, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(*booking.Booking) error {
		t.Error("change of the driver before is called")
		return nil
	})
	wantErr(t, err, booking.ErrLeaseLost)
	if _, err := u.Store.Update(t.Context(), b.ID, lease.Token, func(*booking.Booking) error { return nil }); err != nil {
		t.Errorf("the new driver: %v", err)
	}
}

func claimRace(t *testing.T, u StoreUnderTest) {
	const bookings = 2 * workers
	for range bookings {
		u.create(t, ended(time.Second), booking.Key{})
	}
	var mu sync.Mutex
	got := map[string]int{}
	race(workers, func(int) {
		for {
			lease := newLease()
			claimed, err := u.Store.Claim(t.Context(), start, lease, 3)
			if err != nil {
				t.Error(err)
				return
			}
			if len(claimed) == 0 {
				return
			}
			mu.Lock()
			for _, b := range claimed {
				got[b.ID]++
				if b.Lease != lease {
					t.Errorf("booking %s has another's lease", b.ID)
				}
			}
			if len(got) > bookings || got[claimed[0].ID] > workers {
				mu.Unlock()
				return // it would not end
			}
			mu.Unlock()
		}
	})
	if len(got) != bookings {
		t.Errorf("%d bookings are claimed, want %d", len(got), bookings)
	}
	for id, n := range got {
		if n != 1 {
			t.Errorf("booking %s is claimed %d times", id, n)
		}
	}
}

func bringForward(t *testing.T, u StoreUnderTest) {
	leased, waiting := start.Add(20*time.Second), start.Add(15*time.Minute)
	parked := func(b *booking.Booking) { b.Lease.Token = "" }
	stored := start.Add(10 * time.Minute)
	waits := func(updated time.Time) func(*booking.Booking) {
		return func(b *booking.Booking) { b.Payment.Deadline, b.UpdatedAt = b.Lease.Until, updated }
	}
	var want []booking.Booking
	for _, c := range []struct {
		at, want time.Time
		edits    []func(*booking.Booking)
	}{
		{leased.Add(time.Microsecond), leased, nil},
		{start.Add(time.Hour), leased, []func(*booking.Booking){func(b *booking.Booking) { b.Status = booking.Cancelling }}},
		{leased, leased, nil},
		{start, start, nil},
		{waiting.Add(time.Microsecond), waiting, []func(*booking.Booking){parked}},
		{start.Add(1000 * time.Hour), waiting, []func(*booking.Booking){parked, func(b *booking.Booking) { b.Status = booking.Confirmed }}},
		{waiting, waiting, []func(*booking.Booking){parked}},
		{leased.Add(time.Second), leased.Add(time.Second), []func(*booking.Booking){parked}},
		{start.Add(time.Hour), start.Add(time.Hour), []func(*booking.Booking){parked, waits(stored)}},
		{start.Add(time.Hour), waiting, []func(*booking.Booking){parked, waits(stored.Add(time.Microsecond))}},
		{start.Add(time.Hour), leased, []func(*booking.Booking){waits(stored)}},
	} {
		at := func(b *booking.Booking) { b.Lease.Until = c.at }
		b := u.create(t, pending(append([]func(*booking.Booking){at}, c.edits...)...), booking.Key{})
		b.Lease.Until = c.want
		want = append(want, b)
	}
	want = append(want, u.create(t, settled(), booking.Key{}))
	for range 2 {
		must(t, u.Store.BringForward(t.Context(), stored, leased, waiting))
	}
	for _, b := range want {
		u.want(t, b)
	}
	if _, err := u.Store.Update(t.Context(), want[0].ID, want[0].Lease.Token, func(*booking.Booking) error { return nil }); err != nil {
		t.Errorf("the driver whose lease was brought forward: %v", err)
	}
	if got := len(u.claim(t, waiting, newLease(), 100)); got != 10 {
		t.Errorf("%d are claimed at the latest, want 10", got)
	}
}

// cancelEvent records that the event is cancelled.
func (u StoreUnderTest) cancelEvent(t *testing.T, eventID string) booking.CancelledEvent {
	t.Helper()
	e := booking.CancelledEvent{
		EventID: eventID, Title: "Ένα κοντσέρτο 🎻", By: newID(), Note: "Zoë is ill.\nSorry!", OccurredAt: start.Add(-time.Microsecond), RecordedAt: start,
	}
	must(t, u.CancelledEvents.RecordCancelled(t.Context(), newID(), e))
	return e
}

func claimStranded(t *testing.T, u StoreUnderTest) {
	event := newID()
	of := func(b *booking.Booking) { b.EventID = event }
	status := func(s booking.Status) func(*booking.Booking) { return func(b *booking.Booking) { b.Status = s } }
	var want []string
	for range 3 {
		want = append(want, u.create(t, settled(of), booking.Key{}).ID)
	}
	driven := u.create(t, ended(-time.Hour, of, status(booking.Confirmed)), booking.Key{})
	for _, b := range []booking.Booking{
		settled(), settled(of, status(booking.Failed)), settled(of, status(booking.Cancelled)), ended(-time.Hour, of),
	} {
		u.create(t, b, booking.Key{})
	}
	first := u.create(t, ended(time.Hour), booking.Key{}).ID
	if got := ids(u.claim(t, start.Add(-time.Second), newLease(), 0)); len(got) > 0 {
		t.Errorf("before the event is cancelled %v is claimed", got)
	}
	u.cancelEvent(t, event)
	got := ids(u.claim(t, start, newLease(), 3))
	if len(got) != 3 || got[0] != first {
		t.Errorf("claimed %v, want %s and two of %v", got, first, want)
	}
	got = append(got, ids(u.claim(t, start, newLease(), 100))...)
	slices.Sort(got)
	want = append(want, first)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claimed (-want +got):\n%s", diff)
	}
	// Whoever drives the last one settles it: then it is to be cancelled, too.
	_, err := u.Store.Update(t.Context(), driven.ID, driven.Lease.Token, func(b *booking.Booking) error {
		b.Lease = booking.Lease{}
		return nil
	})
	must(t, err)
	for _, want := range []int{1, 0} {
		if got := ids(u.claim(t, start, newLease(), 100)); len(got) != want {
			t.Errorf("%d are claimed, want %d", len(got), want)
		}
	}
}

func claimFees(t *testing.T, u StoreUnderTest) {
	event, off := newID(), start.Add(-time.Microsecond) // when cancelEvent says that it was cancelled
	kept := func(at time.Time, fee int64, edits ...func(*booking.Booking)) booking.Booking {
		return u.create(t, settled(append(edits, func(b *booking.Booking) {
			b.EventID, b.Status = event, booking.Cancelled
			b.Cancellations = []booking.Cancellation{{ID: newID(), Items: b.Items, Price: euros(1000), Fee: euros(fee), All: true, Done: true, At: at}}
		})...), booking.Key{})
	}
	kept(off.Add(-time.Microsecond), 100) // before the organizer
	kept(start.Add(time.Hour), 0)         // for nothing
	want := []string{kept(off, 100).ID, kept(start.Add(time.Hour), 1).ID}
	inProgress := u.create(t, pending(func(b *booking.Booking) {
		b.EventID, b.Status = event, booking.Cancelling
		b.Lease.Until = start.Add(time.Hour)
	}), booking.Key{})
	u.cancelEvent(t, event)
	lease := newLease()
	got := ids(u.claim(t, start, lease, 100))
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claimed (-want +got):\n%s", diff)
	}
	for _, id := range want {
		_, err := u.Store.Update(t.Context(), id, lease.Token, func(b *booking.Booking) error {
			b.Lease, b.Cancellations[0].Fee = booking.Lease{}, euros(0)
			return nil
		})
		must(t, err)
	}
	if got := ids(u.claim(t, start, newLease(), 100)); len(got) > 0 {
		t.Errorf("after the fees went back %v is claimed", got)
	}
	// One that was being cancelled meanwhile may keep a fee when it is done.
	_, err := u.Store.Update(t.Context(), inProgress.ID, inProgress.Lease.Token, func(b *booking.Booking) error {
		b.Status, b.Lease = booking.Cancelled, booking.Lease{}
		b.Cancellations = []booking.Cancellation{{ID: newID(), Items: b.Items, Price: euros(1000), Fee: euros(100), All: true, Done: true, At: start}}
		return nil
	})
	must(t, err)
	if diff := cmp.Diff([]string{inProgress.ID}, ids(u.claim(t, start, newLease(), 100))); diff != "" {
		t.Errorf("claimed of those that were in progress (-want +got):\n%s", diff)
	}
}
