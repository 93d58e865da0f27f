package bookingtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
)

func saveStores(t *testing.T, u StoreUnderTest) {
	for _, b := range []booking.Booking{pending(), full()} {
		freed, key := newKey(), newKey()
		before := u.create(t, b, freed)
		bystander := u.create(t, pending(sameUser(before.UserID)), key)
		after, told := before.Clone(), message()
		editAll(&after)
		want := after
		want.Version = before.Version + 1
		after.Effects = booking.Effects{Messages: []events.Message{told}, FreeKey: true}
		got, err := u.Store.Save(t.Context(), before, after)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("returned (-want +got):\n%s", diff)
		}
		u.want(t, want)
		u.wantAudit(t, booking.AuditQuery{BookingID: before.ID, Limit: 1}, entriesOf(want, len(before.Timeline)))
		u.want(t, bystander)
		u.wantKey(t, before.UserID, key, bystander)
		u.wantMessages(t, told)
		_, err = u.Store.ByKey(t.Context(), before.UserID, freed, start)
		wantErr(t, err, booking.ErrNotFound)
		must(t, u.Outbox.Close(t.Context(), []string{told.ID}, start))
	}
}

func saveLost(t *testing.T, u StoreUnderTest) {
	key := newKey()
	b := u.create(t, pending(), key)
	for what, spoil := range map[string]func(*booking.Booking){
		"lease":    func(b *booking.Booking) { b.Lease.Token = newID() },
		"no lease": func(b *booking.Booking) { b.Lease = booking.Lease{} },
		"version":  func(b *booking.Booking) { b.Version-- },
		"id":       func(b *booking.Booking) { b.ID = newID() },
	} {
		t.Log(what)
		before := b.Clone()
		spoil(&before)
		after := before.Clone()
		editAll(&after)
		after.Effects = booking.Effects{Messages: []events.Message{message()}, FreeKey: true}
		_, err := u.Store.Save(t.Context(), before, after)
		wantErr(t, err, booking.ErrLeaseLost)
	}
	u.want(t, b)
	u.wantKey(t, b.UserID, key, b)
	u.wantMessages(t)
	u.wantAudit(t, booking.AuditQuery{Limit: 10}, entriesOf(b, 0))
}

func saveRace(t *testing.T, u StoreUnderTest) {
	before := u.create(t, pending(), booking.Key{})
	var answers count
	race(workers, func(int) {
		after := before.Clone()
		after.Timeline = append(after.Timeline, booking.Step{At: start, Step: newID()})
		after.Effects.Messages = []events.Message{message()}
		_, err := u.Store.Save(t.Context(), before, after)
		answers.add(err, booking.ErrLeaseLost)
	})
	if answers.n[nil] != 1 || answers.n[booking.ErrLeaseLost] != workers-1 {
		t.Errorf("%d racing saves: %v", workers, answers.n)
	}
	later := start.Add(time.Hour)
	entries, err := u.Outbox.Claim(t.Context(), later, later, workers)
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("%d messages are in the outbox, want 1", len(entries))
	}
}

func saveCancelled(t *testing.T, u StoreUnderTest) {
	before := u.create(t, pending(), booking.Key{})
	u.cancelEvent(t, before.EventID)
	after := before.Clone()
	after.Status, after.Lease = booking.Confirmed, booking.Lease{}
	after.Effects.Messages = []events.Message{message()}
	_, err := u.Store.Save(t.Context(), before, after)
	wantErr(t, err, booking.ErrEventCancelled)
	u.want(t, before)
	u.wantMessages(t)
	lost := before.Clone()
	lost.Lease.Token = newID()
	_, err = u.Store.Save(t.Context(), lost, after)
	wantErr(t, err, booking.ErrLeaseLost)
}
