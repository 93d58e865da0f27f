package usertest

import (
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/user"
)

// TestKeys is the contract of user.Keys. open returns an empty store.
func TestKeys(t *testing.T, open func(t *testing.T) user.Keys) {
	run(t, open, []subtest[user.Keys]{
		{"a key comes back as it was stored", keysWhole},
		{"a later key is returned in its place", keysUnless},
		{"of many exactly one is stored and all are told of it", keysRace},
		{"keys come in the order of SignsFrom", keysOrder},
		{"what signs too late is brought forward", keysForward},
		{"a deleted key is gone", keysDelete},
		{"deleting what is not stored is no error", keysDeleteUnknown},
		{"an ended context changes nothing", keysCancelled},
	})
}

func storedKey(k user.SigningKey) user.SigningKey {
	k.SignsFrom, k.CreatedAt = inUTC(k.SignsFrom), inUTC(k.CreatedAt)
	return k
}

func all(t *testing.T, s user.Keys) []user.SigningKey {
	t.Helper()
	keys, err := s.All(t.Context())
	must(t, err)
	return keys
}

func keysWhole(t *testing.T, s user.Keys) {
	if keys := all(t, s); len(keys) != 0 {
		t.Fatalf("an empty store has %d keys", len(keys))
	}
	k := newKey(at)
	got, err := s.Add(t.Context(), k, time.Time{})
	must(t, err)
	diff(t, storedKey(k), storedKey(got))
	diff(t, []user.SigningKey{storedKey(k)}, all(t, s))
}

func keysUnless(t *testing.T, s user.Keys) {
	first, second, third := newKey(at), newKey(at.Add(time.Minute)), newKey(at.Add(2*time.Minute))
	_, err := s.Add(t.Context(), first, time.Time{})
	must(t, err)
	got, err := s.Add(t.Context(), second, at.Add(-time.Microsecond))
	must(t, err)
	diff(t, storedKey(first), storedKey(got))
	got, err = s.Add(t.Context(), second, at)
	must(t, err)
	diff(t, storedKey(second), storedKey(got))
	got, err = s.Add(t.Context(), third, at)
	must(t, err)
	diff(t, storedKey(second), storedKey(got))
	diff(t, []user.SigningKey{storedKey(first), storedKey(second)}, all(t, s))
}

func keysRace(t *testing.T, s user.Keys) {
	var mu sync.Mutex
	told := map[string]bool{}
	race(t, nil, func(worker int) error {
		got, err := s.Add(t.Context(), newKey(at.Add(time.Duration(worker)*time.Second)), time.Time{})
		mu.Lock()
		defer mu.Unlock()
		told[got.ID] = true
		return err
	})
	keys := all(t, s)
	if len(keys) != 1 || len(told) != 1 || !told[keys[0].ID] {
		t.Errorf("%d keys are stored, and the workers were told of %d", len(keys), len(told))
	}
}

func keysOrder(t *testing.T, s user.Keys) {
	a, b, c := newKey(at), newKey(at.Add(time.Minute)), newKey(at.Add(time.Hour))
	for _, k := range []user.SigningKey{b, c, a} { // ids in another order
		_, err := s.Add(t.Context(), k, at.Add(2*time.Hour))
		must(t, err)
	}
	diff(t, []user.SigningKey{storedKey(a), storedKey(b), storedKey(c)}, all(t, s))
}

func keysForward(t *testing.T, s user.Keys) {
	a, b, c := newKey(at), newKey(at.Add(time.Minute)), newKey(at.Add(time.Minute+time.Microsecond))
	for _, k := range []user.SigningKey{a, b, c} {
		_, err := s.Add(t.Context(), k, at.Add(time.Hour))
		must(t, err)
	}
	must(t, s.BringForward(t.Context(), at.Add(time.Minute), at.Add(time.Second)))
	c.SignsFrom = at.Add(time.Second)
	diff(t, []user.SigningKey{storedKey(a), storedKey(c), storedKey(b)}, all(t, s))
}

func keysDelete(t *testing.T, s user.Keys) {
	a, b := newKey(at), newKey(at.Add(time.Minute))
	for _, k := range []user.SigningKey{a, b} {
		_, err := s.Add(t.Context(), k, at)
		must(t, err)
	}
	must(t, s.Delete(t.Context(), a.ID))
	diff(t, []user.SigningKey{storedKey(b)}, all(t, s))
}

func keysDeleteUnknown(t *testing.T, s user.Keys) {
	k := newKey(at)
	_, err := s.Add(t.Context(), k, time.Time{})
	must(t, err)
	must(t, s.Delete(t.Context(), id()))
	diff(t, []user.SigningKey{storedKey(k)}, all(t, s))
}

func keysCancelled(t *testing.T, s user.Keys) {
	ctx, k := cancelled(t), newKey(at)
	_, err := s.Add(ctx, k, time.Time{})
	wantErr(t, err, ctx.Err())
	if keys := all(t, s); len(keys) != 0 {
		t.Errorf("%d keys were stored", len(keys))
	}
	_, err = s.Add(t.Context(), k, time.Time{})
	must(t, err)
	wantErr(t, s.Delete(ctx, k.ID), ctx.Err())
	wantErr(t, s.BringForward(ctx, at.Add(-time.Hour), at.Add(time.Hour)), ctx.Err())
	diff(t, []user.SigningKey{storedKey(k)}, all(t, s))
}
