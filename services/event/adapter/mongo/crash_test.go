//go:build integration

package mongo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
)

type operation func(w *world, ctx context.Context, s *Store) error

// operations are all that write, each with what comes before it, and what is
// left of the event after it.
var operations = []struct {
	name  string
	given []operation
	do    operation
	state event.State
	left  [2]int
}{
	{"reserve", nil, (*world).reserve, event.Held, [2]int{3, 2}},
	{"release what is held", []operation{(*world).reserve}, (*world).release, event.Released, [2]int{5, 3}},
	{"release what is sold", []operation{(*world).reserve, (*world).sell}, (*world).release, event.Released, [2]int{5, 3}},
	{"release two attempts", []operation{(*world).reserve, (*world).second}, (*world).releaseTwo, event.Released, [2]int{5, 3}},
	{"release nothing", nil, (*world).release, "", [2]int{5, 3}},
	{"sell", []operation{(*world).reserve}, (*world).sell, event.Sold, [2]int{3, 2}},
	{"reserve and sell", nil, (*world).reserveAndSell, event.Sold, [2]int{3, 2}},
	{"give back", []operation{(*world).reserve}, (*world).giveBack, event.Released, [2]int{5, 3}},
	{"edit", []operation{(*world).reserve}, (*world).shrink, event.Held, [2]int{0, 2}},
	{"return", []operation{(*world).reserve}, (*world).giveSomeBack, event.Held, [2]int{4, 2}},
	{"return of what is sold", []operation{(*world).reserve, (*world).sell}, (*world).giveSomeBack, event.Sold, [2]int{4, 2}},
	{"return heard of", []operation{(*world).reserve}, (*world).hearOfSome, event.Held, [2]int{4, 2}},
	{"second return", []operation{(*world).reserve, (*world).giveSomeBack}, (*world).giveOtherBack, event.Held, [2]int{4, 3}},
	{"release after a return", []operation{(*world).reserve, (*world).giveSomeBack}, (*world).release, event.Released, [2]int{5, 3}},
	{"cancel", []operation{(*world).reserve}, (*world).cancel, event.Held, [2]int{3, 2}},
}

// heard are the operations that are messages.
var heard = map[string]bool{"give back": true, "sell": true, "reserve and sell": true, "return heard of": true}

// TestCrashAtEachStep kills an operation before each of its requests, and
// whoever repairs it before each of theirs.
func TestCrashAtEachStep(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	recoveries := []struct {
		name string
		run  func(t *testing.T, w *world)
	}{
		{"retried", func(*testing.T, *world) {}},
		{"swept and retried", func(t *testing.T, w *world) {
			must(t, healthy(w.db, time.Minute).Sweep(t.Context()))
			w.audit(t, swept)
		}},
		{"pruned and retried", func(t *testing.T, w *world) {
			must(t, healthy(w.db, 2*marksFor).Prune(t.Context()))
		}},
		{"swept with crashes and retried", func(t *testing.T, w *world) {
			for n := 0; ; n++ {
				s, reached := dying(w.db, n)
				s.now = func() time.Time { return time.Now().Add(time.Minute) }
				_ = s.Sweep(t.Context())
				w.audit(t, amid)
				if !reached.Load() {
					break
				}
			}
			w.audit(t, swept)
		}},
	}
	for _, o := range operations {
		for _, recovery := range recoveries {
			t.Run(o.name+"/"+recovery.name, func(t *testing.T) {
				t.Parallel()
				db := openDB(t)
				for n := 0; ; n++ {
					w := onlyWorld(t, db)
					for _, given := range o.given {
						must(t, given(w, t.Context(), healthy(db, 0)))
					}
					if heard[o.name] {
						w.known(t, false)
					}
					s, reached := dying(db, n)
					err := o.do(w, t.Context(), s)
					if err != nil && !errors.Is(err, errDead) {
						t.Fatalf("step %d: %v", n, err)
					}
					w.audit(t, amid)
					recovery.run(t, w)
					// Whoever had no answer asks again, and then once more.
					for range 2 {
						must(t, o.do(w, t.Context(), healthy(db, 0)))
						if got := w.state(t); got != o.state {
							t.Errorf("died at step %d: the attempt is %q, want %q", n, got, o.state)
						}
						if got := w.left(t); got != o.left {
							t.Errorf("died at step %d: %v are left, want %v", n, got, o.left)
						}
					}
					if heard[o.name] {
						w.known(t, true)
					}
					must(t, healthy(db, time.Minute).Sweep(t.Context()))
					w.audit(t, swept)
					if t.Failed() {
						t.Fatalf("died at step %d", n)
					}
					if !reached.Load() {
						t.Logf("died at each of %d steps", n)
						return
					}
				}
			})
		}
	}
}

// What a process left that died while its clock was ahead is swept once the clock is
// right, and its marks are forgotten.
func TestWhatAClockAheadHasLeftIsSwept(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	const ahead = 365 * 24 * time.Hour
	for _, o := range operations {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			db := openDB(t)
			for n, died := 0, true; died; n++ {
				w := onlyWorld(t, db)
				for _, given := range o.given {
					must(t, given(w, t.Context(), healthy(db, ahead)))
				}
				s, reached := dying(db, n)
				s.now = func() time.Time { return time.Now().Add(ahead) }
				if err := o.do(w, t.Context(), s); err != nil && !errors.Is(err, errDead) {
					t.Fatalf("step %d: %v", n, err)
				}
				died = reached.Load()
				must(t, healthy(db, 0).Sweep(t.Context()))
				w.audit(t, swept)
				must(t, healthy(db, 0).Prune(t.Context()))
				var marked []markedDoc
				must(t, healthy(db, 0).events.All(t.Context(), bson.M{"marked_at": bson.M{"$gt": 0}}, &marked))
				for _, e := range marked { // those of the sweep itself stay for their time
					times := slices.Collect(maps.Values(e.Fenced))
					for _, mark := range e.Returned {
						times = append(times, mark.At)
					}
					if len(times) > 0 && slices.Max(times) > micros(time.Now().Add(ahead/2)) {
						t.Errorf("a mark of %d is left", slices.Max(times))
					}
				}
				if t.Failed() {
					t.Fatalf("died at step %d", n)
				}
			}
		})
	}
}

// known fails t unless the message has a receipt, or has none.
func (w *world) known(t *testing.T, want bool) {
	t.Helper()
	ids, err := healthy(w.db, 0).Inbox().Known(t.Context(), []string{w.message})
	must(t, err)
	if got := len(ids) == 1; got != want {
		t.Errorf("the message is known: %t, want %t", got, want)
	}
}

// TestEachOperationInTheMiddleOfEach stops an operation before each of its
// requests, lets another one run, and lets the first go on; or never.
func TestEachOperationInTheMiddleOfEach(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	one := []struct {
		name  string
		given []operation
		do    operation
	}{
		{"reserve", nil, (*world).reserve},
		{"release", []operation{(*world).reserve}, (*world).release},
		{"sell", []operation{(*world).reserve}, (*world).sell},
		{"reserve and sell", nil, (*world).reserveAndSell},
		{"return", []operation{(*world).reserve}, (*world).giveSomeBack},
		{"sweep", nil, (*world).sweep},
		{"edit", nil, (*world).shrink},
		{"cancel", nil, (*world).cancel},
		{"delete", nil, (*world).remove},
	}
	other := []struct {
		name string
		do   operation
	}{
		{"reserve", (*world).reserve},
		{"reserve elsewhere", (*world).elsewhere},
		{"release", (*world).release},
		{"sell", (*world).sell},
		{"return", (*world).giveSomeBack},
		{"return of others", (*world).giveOtherBack},
		{"sweep", (*world).sweep},
		{"edit", (*world).shrink},
		{"cancel", (*world).cancel},
		{"delete", (*world).remove},
	}
	for _, a := range one {
		for _, b := range other {
			for _, goesOn := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s in the middle of %s, which goes on %t", b.name, a.name, goesOn), func(t *testing.T) {
					t.Parallel()
					db := openDB(t)
					for n := 0; ; n++ {
						w := onlyWorld(t, db)
						for _, given := range a.given {
							must(t, given(w, t.Context(), healthy(db, 0)))
						}
						reached := false
						s := process(db, func(ctx context.Context, i int) error {
							if i == n {
								reached = true
								expected(t, b.do(w, ctx, healthy(db, time.Minute)))
								w.audit(t, amid)
							}
							if i >= n && !goesOn {
								return errDead
							}
							return nil
						})
						s.now = func() time.Time { return time.Now().Add(time.Minute) }
						err := a.do(w, t.Context(), s)
						expected(t, err)
						if goesOn {
							w.audit(t, quiet)
						} else {
							w.audit(t, amid)
						}
						must(t, healthy(db, 2*time.Minute).Sweep(t.Context()))
						w.audit(t, swept)
						if (b.name == "release" && reached) || (a.name == "release" && err == nil) {
							if st := w.state(t); st != "" && st != event.Released {
								t.Errorf("released, the attempt is %q", st)
							}
						}
						if t.Failed() {
							t.Fatalf("at step %d", n)
						}
						if !reached {
							return
						}
					}
				})
			}
		}
	}
}

// TestAReleaseThatComesMuchLater stops a release, or a sweep, before each of
// its requests, while another release is dead at each of its own; lets a third
// finish and the marks be forgotten; and lets the first go on.
func TestAReleaseThatComesMuchLater(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	for name, do := range map[string]operation{"release": (*world).release, "sweep": (*world).sweep} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := openDB(t)
			for dead, lived := 0, false; !lived; dead++ {
				for n, reached := 0, true; reached; n++ {
					w := onlyWorld(t, db)
					must(t, w.reserve(t.Context(), healthy(db, 0)))
					s, died := dying(db, dead)
					expected(t, w.release(t.Context(), s))
					lived, reached = !died.Load(), false
					s = process(db, func(ctx context.Context, i int) error {
						if i == n {
							reached = true
							must(t, w.release(ctx, healthy(db, 0)))
							must(t, healthy(db, 2*marksFor).Prune(ctx))
						}
						return nil
					})
					s.now = func() time.Time { return time.Now().Add(time.Minute) }
					must(t, do(w, t.Context(), s))
					w.audit(t, quiet)
					if left := w.left(t); reached && left != [2]int{5, 3} {
						t.Errorf("%v are left, want 5 and 3", left)
					}
					if t.Failed() {
						t.Fatalf("one died at step %d, and one was stopped at step %d", dead, n)
					}
				}
			}
		})
	}
}

// However many tickets of an event are released, the marks in its document are
// those of the last minutes.
func TestMarksAreForgottenInMinutes(t *testing.T) {
	t.Parallel()
	db := openDB(t)
	w := onlyWorld(t, db)
	began, pruned := time.Now(), time.Duration(0)
	most := 0
	for at := time.Duration(0); at < 40*time.Minute; at += time.Minute {
		s := healthy(db, 0)
		s.now = func() time.Time { return began.Add(at) }
		w.k.BookingID = uuid.NewString()
		must(t, w.reserve(t.Context(), s))
		must(t, w.release(t.Context(), s))
		if at-pruned >= pruneEvery {
			pruned = at
			must(t, s.Prune(t.Context()))
		}
		var e markedDoc
		_, err := s.events.One(t.Context(), byID(w.e.ID), nil, &e)
		must(t, err)
		most = max(most, len(e.Returned)+len(e.Fenced))
	}
	if most > 12 {
		t.Errorf("with one release a minute, the event had %d marks, want 12 at most", most)
	}
	must(t, healthy(db, 2*time.Hour).Prune(t.Context()))
	var e markedDoc
	_, err := healthy(db, 0).events.One(t.Context(), byID(w.e.ID), nil, &e)
	must(t, err)
	if len(e.Returned) > 0 || e.MarkedAt != 0 {
		t.Errorf("in the end, %d marks are there, of %d", len(e.Returned), e.MarkedAt)
	}
}

// A mark stays for as long as a release that is not finished may need it.
func TestTheMarkOfAnUnfinishedReleaseStays(t *testing.T) {
	t.Parallel()
	db := openDB(t)
	kept := false
	for n := 0; ; n++ {
		w := onlyWorld(t, db)
		must(t, w.reserve(t.Context(), healthy(db, 0)))
		s, died := dying(db, n)
		expected(t, w.release(t.Context(), s))
		must(t, healthy(db, 2*marksFor).Prune(t.Context()))
		var e markedDoc
		_, err := healthy(db, 0).events.One(t.Context(), byID(w.e.ID), nil, &e)
		must(t, err)
		rec, err := healthy(db, 0).record(t.Context(), recordID(w.k.BookingID, w.k.Attempt))
		must(t, err)
		if len(e.Returned) > 0 && rec.State != returning {
			t.Errorf("died at step %d: a mark stays of a record that is %s", n, rec.State)
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

// expected fails t unless err is one that a caller may see.
func expected(t *testing.T, err error) {
	t.Helper()
	for _, e := range []error{
		nil, errDead, event.ErrEventNotFound, event.ErrSoldOut, event.ErrReservationReleased,
		event.ErrReservationMismatch, event.ErrReservationNotFound, event.ErrCapacityBelowSold, event.ErrEventHasBookings,
		event.ErrSalesClosed, event.ErrNotTold,
	} {
		if errors.Is(err, e) {
			return
		}
	}
	t.Errorf("the error is %v", err)
}
