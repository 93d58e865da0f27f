package bookingtest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
)

func sameUser(user string) func(*booking.Booking) {
	return func(b *booking.Booking) { b.UserID = user }
}

func createdAt(at time.Time) func(*booking.Booking) {
	return func(b *booking.Booking) { b.CreatedAt = at }
}

// wantKey fails unless user's key leads to b.
func (u StoreUnderTest) wantKey(t *testing.T, user string, key booking.Key, b booking.Booking) {
	t.Helper()
	got, err := u.Store.ByKey(t.Context(), user, key, start)
	must(t, err)
	if diff := cmp.Diff(b, got); diff != "" {
		t.Errorf("booking by key (-want +got):\n%s", diff)
	}
}

// wantNone fails if b is stored.
func (u StoreUnderTest) wantNone(t *testing.T, b booking.Booking) {
	t.Helper()
	_, err := u.Store.Get(t.Context(), b.ID)
	wantErr(t, err, booking.ErrNotFound)
}

func createWithKey(t *testing.T, u StoreUnderTest) {
	key := newKey()
	b := u.create(t, full(), key)
	u.create(t, pending(sameUser(b.UserID)), newKey())
	u.want(t, b)
	u.wantKey(t, b.UserID, key, b)

	after, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error {
		b.Status = booking.Cancelled
		return nil
	})
	must(t, err)
	u.wantKey(t, b.UserID, key, after)
}

func createFails(t *testing.T, u StoreUnderTest) {
	b, key := u.create(t, pending(), booking.Key{}), newKey()
	if u.Store.Create(t.Context(), b, key, nil) == nil {
		t.Error("a second booking with the same id is stored")
	}
	_, err := u.Store.ByKey(t.Context(), b.UserID, key, start)
	wantErr(t, err, booking.ErrNotFound)
	u.want(t, b)
}

func createWithoutKey(t *testing.T, u StoreUnderTest) {
	b := u.create(t, pending(), booking.Key{Fingerprint: "f1"})
	u.want(t, b)
	u.want(t, u.create(t, pending(sameUser(b.UserID)), booking.Key{Fingerprint: "f1"}))
	_, err := u.Store.ByKey(t.Context(), b.UserID, booking.Key{Fingerprint: "f1"}, start)
	wantErr(t, err, booking.ErrNotFound)
}

func keyTaken(t *testing.T, u StoreUnderTest) {
	key := newKey()
	first := u.create(t, pending(), key)
	second := pending(sameUser(first.UserID))
	wantErr(t, u.Store.Create(t.Context(), second, key, nil), booking.ErrKeyTaken)
	u.wantNone(t, second)
	u.wantKey(t, first.UserID, key, first)
}

func keyReused(t *testing.T, u StoreUnderTest) {
	key := newKey()
	first := u.create(t, pending(), key)
	second, other := pending(sameUser(first.UserID)), booking.Key{Value: key.Value, Fingerprint: "f2"}
	wantErr(t, u.Store.Create(t.Context(), second, other, nil), booking.ErrKeyReused)
	u.wantNone(t, second)
	_, err := u.Store.ByKey(t.Context(), first.UserID, other, start)
	wantErr(t, err, booking.ErrKeyReused)
	u.wantKey(t, first.UserID, key, first)
}

func keyRace(t *testing.T, u StoreUnderTest) {
	user, key := newID(), newKey()
	var bookings [workers]booking.Booking
	for i := range bookings {
		bookings[i] = pending(sameUser(user))
	}
	var answers count
	race(workers, func(i int) {
		answers.add(u.Store.Create(t.Context(), bookings[i], key, nil), booking.ErrKeyTaken)
	})
	if diff := cmp.Diff(map[string]int{"stored": 1, "taken": workers - 1},
		map[string]int{"stored": answers.n[nil], "taken": answers.n[booking.ErrKeyTaken]}); diff != "" {
		t.Errorf("%d racing creations (-want +got):\n%s\nall: %v", workers, diff, answers.n)
	}
	stored, err := u.Store.List(t.Context(), booking.Query{UserID: user, Limit: workers})
	must(t, err)
	if len(stored) != 1 {
		t.Fatalf("%d bookings are stored, want 1", len(stored))
	}
	u.wantKey(t, user, key, stored[0])
}

func keyOfAnother(t *testing.T, u StoreUnderTest) {
	key := newKey()
	mine, theirs := u.create(t, pending(), key), u.create(t, pending(), key)
	u.wantKey(t, mine.UserID, key, mine)
	u.wantKey(t, theirs.UserID, key, theirs)
}

func keyLifetime(t *testing.T, u StoreUnderTest) {
	key := newKey()
	b := u.create(t, pending(), key)
	for _, age := range []time.Duration{0, time.Minute, booking.KeyLifetime} {
		if _, err := u.Store.ByKey(t.Context(), b.UserID, key, start.Add(age)); err != nil {
			t.Errorf("the key is not known after %v: %v", age, err)
		}
	}
	_, err := u.Store.ByKey(t.Context(), b.UserID, key, start.Add(booking.KeyLifetime+time.Microsecond))
	wantErr(t, err, booking.ErrNotFound)

	at := createdAt(start.Add(booking.KeyLifetime))
	wantErr(t, u.Store.Create(t.Context(), pending(sameUser(b.UserID), at), key, nil), booking.ErrKeyTaken)
}

func keyReplaced(t *testing.T, u StoreUnderTest) {
	key := newKey()
	old := u.create(t, pending(createdAt(start.Add(-booking.KeyLifetime-time.Microsecond))), key)
	other := booking.Key{Value: key.Value, Fingerprint: "f2"}
	b := u.create(t, pending(sameUser(old.UserID)), other)
	u.wantKey(t, old.UserID, other, b)
	_, err := u.Store.ByKey(t.Context(), old.UserID, key, start)
	wantErr(t, err, booking.ErrKeyReused)
	u.want(t, old)
}

func listNewestFirst(t *testing.T, u StoreUnderTest) {
	user := newID()
	var want []booking.Booking
	for i := range 5 {
		b := full()
		b.UserID, b.CreatedAt = user, start.Add(time.Duration(i)*time.Microsecond)
		want = append([]booking.Booking{u.create(t, b, booking.Key{})}, want...)
		u.create(t, full(), booking.Key{}) // somebody else's
	}
	for _, q := range []struct {
		after    string
		limit    int
		from, to int
	}{{"", 100, 0, 5}, {"", 5, 0, 5}, {"", 2, 0, 2}, {want[1].ID, 2, 2, 4}, {want[3].ID, 2, 4, 5}, {want[4].ID, 2, 5, 5}} {
		got, err := u.Store.List(t.Context(), booking.Query{UserID: user, After: q.after, Limit: q.limit})
		must(t, err)
		if len(got) == 0 && q.from == q.to {
			continue
		}
		if diff := cmp.Diff(want[q.from:q.to], got); diff != "" {
			t.Errorf("%d after %q (-want +got):\n%s", q.limit, q.after, diff)
		}
	}
}

func listPages(t *testing.T, u StoreUnderTest) {
	user := newID()
	want := map[string]int{}
	for range 7 {
		want[u.create(t, pending(sameUser(user)), booking.Key{}).ID] = 1
	}
	got := map[string]int{}
	q := booking.Query{UserID: user, Limit: 2}
	for range 10 {
		page, err := u.Store.List(t.Context(), q)
		must(t, err)
		if len(page) == 0 {
			break
		}
		for _, b := range page {
			got[b.ID]++
		}
		q.After = page[len(page)-1].ID
		u.create(t, pending(sameUser(user)), booking.Key{}) // newer than all pages
		u.create(t, pending(), booking.Key{})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("how often each booking is listed (-want +got):\n%s", diff)
	}
}

func listUnreadable(t *testing.T, u StoreUnderTest) {
	user := newID()
	var want []booking.Booking
	for range 3 {
		want = append([]booking.Booking{u.create(t, pending(sameUser(user)), booking.Key{})}, want...)
	}
	u.Spoil(t, want[1].ID)
	page, err := u.Store.List(t.Context(), booking.Query{UserID: user, Limit: 10})
	must(t, err)
	if diff := cmp.Diff(ids(want), ids(page)); diff != "" {
		t.Fatalf("listed (-want +got):\n%s", diff)
	}
	if !errors.Is(page[1].Unreadable, booking.ErrUnreadable) {
		t.Errorf("the one that is spoilt has the error %v, want ErrUnreadable", page[1].Unreadable)
	}
	page[1], want[1] = booking.Booking{}, booking.Booking{}
	if diff := cmp.Diff(want, page); diff != "" {
		t.Errorf("the others (-want +got):\n%s", diff)
	}
}

// use lets a change of b use the key for user, and returns its error.
func (u StoreUnderTest) use(t *testing.T, b booking.Booking, user string, key booking.Key, at time.Time) error {
	t.Helper()
	_, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error {
		editAll(b)
		b.Lease, b.UpdatedAt = booking.Lease{}, at
		b.Effects.Key, b.Effects.KeyUser, b.Effects.Messages = key, user, []events.Message{message()}
		return nil
	})
	return err
}

func updateUsesKey(t *testing.T, u StoreUnderTest) {
	b, user, key := u.create(t, settled(), newKey()), newID(), newKey()
	must(t, u.use(t, b, user, key, start))
	u.wantKey(t, user, key, u.get(t, b.ID))
	_, err := u.Store.ByKey(t.Context(), b.UserID, key, start)
	wantErr(t, err, booking.ErrNotFound)
	other := key
	other.Fingerprint = "f2"
	_, err = u.Store.ByKey(t.Context(), user, other, start)
	wantErr(t, err, booking.ErrKeyReused)

	// Of a creation and of a change, it is one and the same key.
	wantErr(t, u.Store.Create(t.Context(), pending(sameUser(user)), key, nil), booking.ErrKeyTaken)
	late := start.Add(booking.KeyLifetime + time.Microsecond)
	must(t, u.use(t, u.create(t, settled(), booking.Key{}), user, other, late))
}

// A change may use the very key that it frees: freeing comes first.
func updateFreesThenUsesKey(t *testing.T, u StoreUnderTest) {
	key := newKey()
	b := u.create(t, pending(), key)
	again := booking.Key{Value: key.Value, Fingerprint: "f2"}
	b, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error {
		b.UpdatedAt = start
		b.Effects.FreeKey, b.Effects.Key, b.Effects.KeyUser = true, again, b.UserID
		return nil
	})
	must(t, err)
	u.wantKey(t, b.UserID, again, b)
}

func updateKeyTaken(t *testing.T, u StoreUnderTest) {
	key := newKey()
	first := u.create(t, pending(), key)
	b := u.create(t, settled(), booking.Key{})
	wantErr(t, u.use(t, b, first.UserID, key, start), booking.ErrKeyTaken)
	other := key
	other.Fingerprint = "f2"
	wantErr(t, u.use(t, b, first.UserID, other, start), booking.ErrKeyReused)
	u.want(t, b)
	u.wantKey(t, first.UserID, key, first)
	u.wantMessages(t)
}
