//go:build integration

package mongo

import (
	"context"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
)

// TestAReturnThatIsUnfinished is dead at each of its requests; a release, or a
// sweep, meets what it has left, dead at each of its own, and is made again; and
// then so is the return.
func TestAReturnThatIsUnfinished(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	for _, c := range []struct {
		name  string
		do    operation
		state event.State
		left  [2]int
	}{
		{"released", (*world).release, event.Released, [2]int{5, 3}},
		{"swept", (*world).sweep, event.Held, [2]int{4, 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db := openDB(t)
			for dead, returned := 0, false; !returned; dead++ {
				for n, done := 0, false; !done; n++ {
					w := onlyWorld(t, db)
					must(t, w.reserve(t.Context(), healthy(db, 0)))
					s, died := dying(db, dead)
					expected(t, w.giveSomeBack(t.Context(), s))
					returned = !died.Load()
					s, died = dying(db, n)
					s.now = func() time.Time { return time.Now().Add(time.Minute) }
					expected(t, c.do(w, t.Context(), s))
					w.audit(t, amid)
					done = !died.Load()
					must(t, c.do(w, t.Context(), healthy(db, time.Minute)))
					w.audit(t, quiet)
					must(t, w.giveSomeBack(t.Context(), healthy(db, 0)))
					w.audit(t, quiet)
					must(t, healthy(db, time.Minute).Sweep(t.Context()))
					w.audit(t, swept)
					if st, left := w.state(t), w.left(t); st != c.state || left != c.left {
						t.Errorf("the attempt is %s, and %v are left, want %s and %v", st, left, c.state, c.left)
					}
					if t.Failed() {
						t.Fatalf("the return died at step %d, and the other at step %d", dead, n)
					}
				}
			}
		})
	}
}

// TestAReturnThatComesMuchLater stops a return, or a sweep, before each of its
// requests, while another one is dead at each of its own; lets a third finish
// and the marks be forgotten; and lets the first go on.
func TestAReturnThatComesMuchLater(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	for name, do := range map[string]operation{"return": (*world).giveSomeBack, "sweep": (*world).sweep, "release": (*world).release} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openDB(t)
			for dead, lived := 0, false; !lived; dead++ {
				for n, reached := 0, true; reached; n++ {
					w := onlyWorld(t, db)
					must(t, w.reserve(t.Context(), healthy(db, 0)))
					s, died := dying(db, dead)
					expected(t, w.giveSomeBack(t.Context(), s))
					lived, reached = !died.Load(), false
					s = process(db, func(ctx context.Context, i int) error {
						if i == n {
							reached = true
							must(t, w.giveSomeBack(ctx, healthy(db, 0)))
							must(t, healthy(db, 2*marksFor).Prune(ctx))
						}
						return nil
					})
					s.now = func() time.Time { return time.Now().Add(time.Minute) }
					must(t, do(w, t.Context(), s))
					w.audit(t, quiet)
					want := [2]int{4, 2}
					if name == "release" {
						want = [2]int{5, 3}
					}
					if left := w.left(t); reached && left != want {
						t.Errorf("%v are left, want %v", left, want)
					}
					if t.Failed() {
						t.Fatalf("one died at step %d, and one was stopped at step %d", dead, n)
					}
				}
			}
		})
	}
}

// The mark of a return stays for as long as the return is not finished.
func TestTheMarkOfAnUnfinishedReturnStays(t *testing.T) {
	t.Parallel()
	db := openDB(t)
	kept := false
	for n := 0; ; n++ {
		w := onlyWorld(t, db)
		must(t, w.reserve(t.Context(), healthy(db, 0)))
		s, died := dying(db, n)
		expected(t, w.giveSomeBack(t.Context(), s))
		must(t, healthy(db, 2*marksFor).Prune(t.Context()))
		var e markedDoc
		_, err := healthy(db, 0).events.One(t.Context(), byID(w.e.ID), nil, &e)
		must(t, err)
		rec, err := healthy(db, 0).record(t.Context(), recordID(w.k.BookingID, w.k.Attempt))
		must(t, err)
		if len(e.Returned) > 0 && rec.ReturnsOpen == 0 {
			t.Errorf("died at step %d: a mark stays of a return that is finished", n)
		}
		kept = kept || len(e.Returned) > 0
		if !died.Load() {
			break
		}
	}
	if !kept {
		t.Error("at no step a mark stayed")
	}
}
