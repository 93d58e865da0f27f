package outboxtest

import (
	"context"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

func claimReturnsWhatIsDueAsItStood(h *harness) {
	m := message(h)
	m.Time = m.Time.In(time.FixedZone("", 7200))
	h.add(m, t0.In(time.FixedZone("", -3600)))
	h.insert(time.Microsecond) // not due
	entries := h.claim(t0, t0.Add(time.Minute), 10)
	h.equal("entries", entries, []outbox.Entry{{Topic: topic, Message: m, Due: t0}})
	if len(entries) == 1 {
		for _, at := range []time.Time{entries[0].Due, entries[0].Message.Time} {
			if at.Location() != time.UTC {
				h.Errorf("%v is not in UTC", at)
			}
		}
	}
}

func claimReturnsTheOldestFirst(h *harness) {
	third, first, fourth, second := h.insert(3*time.Second), h.insert(1*time.Second), h.insert(4*time.Second), h.insert(2*time.Second)
	now, until := t0.Add(time.Minute), t0.Add(time.Hour)
	h.equal("the first three", ids(h.claim(now, until, 3)), messageIDs(first, second, third))
	h.equal("the rest", ids(h.claim(now, until, 3)), messageIDs(fourth))
}

func claimHidesUntil(h *harness) {
	m := h.insert(0)
	until := t0.Add(time.Minute)
	h.equal("first", ids(h.claim(t0, until, 10)), messageIDs(m))
	h.equal("before until", ids(h.claim(until.Add(-time.Microsecond), never, 10)), []string{})
	again := h.claim(until, never, 10)
	h.equal("at until", ids(again), messageIDs(m))
	h.equal("its due", again[0].Due, until)
}

func claimOfNothingIsTheEmptySlice(h *harness) {
	for range 2 {
		entries := h.claim(t0, never, 10)
		if entries == nil || len(entries) != 0 {
			h.Errorf("%#v, want the empty slice", entries)
		}
		h.insert(time.Second) // not due
	}
}

func anUnreadableEntryKeepsNoOther(h *harness) {
	before, spoilt, after := h.insert(0), h.insert(time.Second), h.insert(2*time.Second)
	h.must(h.Spoil(h.Context(), spoilt.ID))
	now, until := t0.Add(time.Minute), t0.Add(time.Hour)
	entries := h.claim(now, until, 10)
	h.equal("claimed", ids(entries), messageIDs(before, spoilt, after))
	for _, e := range entries {
		if got := e.Unreadable != nil; got != (e.Message.ID == spoilt.ID) {
			h.Errorf("entry %s: unreadable %v", e.Message.ID, e.Unreadable)
		}
		if !e.Message.Time.Equal(spoilt.Time) {
			h.Errorf("entry %s: time %s, want %s", e.Message.ID, e.Message.Time, spoilt.Time)
		}
	}
	h.equal("before until", ids(h.claim(until.Add(-time.Microsecond), never, 10)), []string{})
	h.must(h.Store.Close(h.Context(), messageIDs(before, after), now))
	h.must(h.Store.Postpone(h.Context(), messageIDs(spoilt), never))
	h.equal("postponed", ids(h.claim(until, never, 10)), []string{})
}

func twoCallersNeverGetTheSameEntry(h *harness) {
	const callers, rows = 16, 60
	for range rows {
		h.insert(0)
	}
	var mu sync.Mutex
	times := map[string]int{}
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for twice := false; !twice; {
				entries, err := h.Store.Claim(h.Context(), t0, never, 3)
				if err != nil {
					h.Error(err)
				}
				if len(entries) == 0 {
					return
				}
				mu.Lock()
				for _, e := range entries {
					times[e.Message.ID]++
					twice = twice || times[e.Message.ID] > 1
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(times) != rows {
		h.Errorf("%d entries were claimed, want %d", len(times), rows)
	}
	for id, n := range times {
		if n != 1 {
			h.Errorf("%s was claimed %d times", id, n)
		}
	}
}

func publishedCountsAnAttempt(h *harness) {
	m, other := h.insert(0), h.insert(0)
	at, next := t0.Add(time.Second), t0.Add(2*time.Second)
	h.must(h.Store.Published(h.Context(), []string{m.ID}, t0, t0))
	h.must(h.Store.Published(h.Context(), []string{m.ID}, at, next))
	h.must(h.Store.Published(h.Context(), nil, at, never))
	all := h.all()
	h.equal("the entry", all[m.ID], outbox.Entry{Topic: topic, Message: m, Attempts: 2, PublishedAt: at, Due: next})
	h.equal("the other one", all[other.ID], outbox.Entry{Topic: topic, Message: other, Due: t0})
}

func postponeSetsDueAndNothingElse(h *harness) {
	m, other := h.insert(0), h.insert(0)
	next := t0.Add(2 * time.Second)
	h.must(h.Store.Published(h.Context(), []string{m.ID}, t0, t0))
	h.must(h.Store.Postpone(h.Context(), []string{m.ID}, next))
	h.must(h.Store.Postpone(h.Context(), nil, never))
	all := h.all()
	h.equal("the entry", all[m.ID], outbox.Entry{Topic: topic, Message: m, Attempts: 1, PublishedAt: t0, Due: next})
	h.equal("the other one", all[other.ID], outbox.Entry{Topic: topic, Message: other, Due: t0})
}

func bringForwardChangesWhatIsDueTooLate(h *harness) {
	latest := t0.Add(time.Minute)
	soon, at, late, published, closed := h.insert(time.Second), h.insert(time.Minute), h.insert(time.Minute+time.Microsecond), h.insert(0), h.insert(time.Hour)
	h.must(h.Store.Published(h.Context(), messageIDs(published), t0, t0.Add(1000*time.Hour)))
	h.must(h.Store.Close(h.Context(), messageIDs(closed), t0))
	h.equal("claimed", ids(h.claim(t0, t0.Add(100*time.Hour), 10)), []string{})
	for range 2 {
		h.must(h.Store.BringForward(h.Context(), latest))
	}
	h.equal("before latest", ids(h.claim(latest.Add(-time.Microsecond), latest, 10)), messageIDs(soon))
	got := h.claim(latest, t0.Add(100*time.Hour), 10)
	h.equal("at latest", sorted(ids(got)), sorted(messageIDs(soon, at, late, published)))
	for _, e := range got {
		want := outbox.Entry{Topic: topic, Message: e.Message, Due: latest}
		if e.Message.ID == published.ID {
			want.Attempts, want.PublishedAt = 1, t0
		}
		h.equal("the entry", e, want)
	}
	// What was claimed by a clock that was wrong is due again.
	h.must(h.Store.BringForward(h.Context(), latest))
	h.equal("what was claimed", len(h.claim(latest, latest, 10)), 4)
}

func closeEndsAnEntry(h *harness) {
	a, b, open := h.insert(0), h.insert(0), h.insert(0)
	h.must(h.Store.Close(h.Context(), messageIDs(a, b), t0))
	h.must(h.Store.Close(h.Context(), nil, t0))
	h.equal("what is open", h.one().Message, open)
}

func marksIgnoreUnknownAndClosedIDs(h *harness) {
	closed, open := h.insert(0), h.insert(0)
	h.must(h.Store.Close(h.Context(), messageIDs(closed), t0))
	// The id that matters comes last: what is ignored does not end the call.
	given := []string{newID(h), "no uuid", "", closed.ID, open.ID}
	h.must(h.Store.Published(h.Context(), given, t0, t0))
	h.must(h.Store.Postpone(h.Context(), given, t0.Add(time.Second)))
	h.equal("what is open", h.one(),
		outbox.Entry{Topic: topic, Message: open, Attempts: 1, PublishedAt: t0, Due: t0.Add(time.Second)})
	h.must(h.Store.Close(h.Context(), given, t0))
	h.equal("what is open", len(h.all()), 0)
}

func racingMarksLoseNothing(h *harness) {
	const workers = 32
	m, closing := h.insert(0), make([]events.Message, workers)
	for i := range closing {
		closing[i] = h.insert(0)
	}
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() {
			if err := h.Store.Published(h.Context(), messageIDs(m, closing[i]), t0, t0); err != nil {
				h.Error(err)
			}
			if err := h.Store.Close(h.Context(), messageIDs(closing[i]), t0); err != nil {
				h.Error(err)
			}
		})
	}
	wg.Wait()
	h.equal("attempts", h.one().Attempts, workers)
}

func openTellsHowManyAndTheOldest(h *harness) {
	check := func(what string, wantN int, want time.Time) {
		h.Helper()
		n, oldest, err := h.Store.Open(h.Context())
		h.must(err)
		h.equal(what+": how many", n, wantN)
		h.equal(what+": the oldest", oldest, want)
		if !oldest.IsZero() && oldest.Location() != time.UTC {
			h.Errorf("%s: %v is not in UTC", what, oldest)
		}
	}
	check("nothing", 0, time.Time{})
	young, old := message(h), message(h)
	young.Time, old.Time = t0, t0.Add(-time.Minute)
	h.add(young, t0)
	h.add(old, never) // its time counts, not when it is due
	check("two", 2, old.Time)
	h.must(h.Store.Close(h.Context(), messageIDs(old), t0))
	check("one", 1, young.Time)
	h.must(h.Store.Close(h.Context(), messageIDs(young), t0))
	check("all closed", 0, time.Time{})
}

// A closed entry shows only by its id, which cannot be inserted anew.
func pruneForgetsWhatWasClosedBefore(h *harness) {
	before, at, open := h.insert(0), h.insert(0), h.insert(0)
	h.must(h.Store.Close(h.Context(), messageIDs(before), t0.Add(-time.Microsecond)))
	h.must(h.Store.Close(h.Context(), messageIDs(at), t0))
	h.must(h.Store.Close(h.Context(), messageIDs(before, at), t0.Add(time.Hour))) // changes nothing
	h.must(h.Store.Prune(h.Context(), t0))
	if err := h.Insert(h.Context(), topic, at, t0); err == nil {
		h.Error("an entry that was not closed before is gone")
	}
	h.equal("what is open", sorted(ids(h.claim(never, never, 10))), messageIDs(open))
	if err := h.Insert(h.Context(), topic, before, t0); err != nil {
		h.Errorf("an entry closed before is still there: %v", err)
	}
	h.must(h.Store.Prune(h.Context(), never))
	h.equal("what is open", sorted(ids(h.claim(never, never, 10))), sorted(messageIDs(open, before)))
}

func anEndedContextChangesNothing(h *harness) {
	m, closed, late := h.insert(0), h.insert(0), message(h)
	h.must(h.Store.Close(h.Context(), messageIDs(closed), t0.Add(-time.Hour)))
	ctx, cancel := context.WithCancel(h.Context())
	cancel()
	_, claimErr := h.Store.Claim(ctx, t0, never, 10)
	_, _, openErr := h.Store.Open(ctx)
	for name, err := range map[string]error{
		"Insert": h.Insert(ctx, topic, late, t0), "Claim": claimErr, "Open": openErr,
		"Published": h.Store.Published(ctx, messageIDs(m), t0, never),
		"Postpone":  h.Store.Postpone(ctx, messageIDs(m), never),
		"Close":     h.Store.Close(ctx, messageIDs(m), t0),

		"BringForward": h.Store.BringForward(ctx, t0.Add(-time.Hour)),
		"Prune":        h.Store.Prune(ctx, t0),
	} {
		if err == nil {
			h.Errorf("%s: no error", name)
		}
	}
	if err := h.Insert(h.Context(), topic, closed, t0); err == nil {
		h.Error("the closed entry was pruned")
	}
	if diff := cmp.Diff([]outbox.Entry{{Topic: topic, Message: m, Due: t0}}, h.claim(t0, never, 10)); diff != "" {
		h.Errorf("entries (-want +got):\n%s", diff)
	}
}
