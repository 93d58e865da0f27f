package inboxtest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
)

const racers = 32

func recordIsFreshOnce(h *harness) {
	a, b := newID(h), newID(h)
	for i, want := range []bool{true, false, false} {
		if got := h.record(a); got != want {
			h.Errorf("call %d: fresh is %v", i+1, got)
		}
	}
	if !h.record(b) {
		h.Error("another id is not fresh")
	}
}

func racingRecordsAreFreshOnce(h *harness) {
	id := newID(h)
	var fresh atomic.Int64
	var wg sync.WaitGroup
	for range racers {
		wg.Go(func() {
			first, err := h.Record(h.Context(), id, t0)
			if err != nil {
				h.Error(err)
			}
			if first {
				fresh.Add(1)
			}
		})
	}
	wg.Wait()
	h.equal("fresh calls", fresh.Load(), int64(1))
}

func knownReturnsEffects(h *harness) {
	a, b, unknown := newID(h), newID(h), newID(h)
	h.record(a)
	h.record(b)
	h.equal("known", h.known(unknown, b, "no uuid", "no\x00text", "", a, b), []string{a, b})
	many := []string{a}
	for range 999 { // as many as are ever asked for at a time
		many = append(many, newID(h))
	}
	h.equal("one of many", h.known(many...), []string{a})
}

func knownReturnsDeadLetters(h *harness) {
	d, both, effect := h.put(), h.put(), newID(h)
	h.record(both.ID)
	h.record(effect)
	h.equal("known", h.known(d.ID, both.ID, effect), []string{d.ID, both.ID, effect})
	h.must(h.Store.MarkReplayed(h.Context(), d.ID, "admin", t0))
	h.equal("known after a replay", h.known(d.ID), []string{d.ID})
}

func knownOfNoIDsIsTheEmptySlice(h *harness) {
	h.record(newID(h))
	for _, ids := range [][]string{nil, {}, {newID(h)}} {
		known, err := h.Store.Known(h.Context(), ids)
		h.must(err)
		if known == nil || len(known) != 0 {
			h.Errorf("known of %d ids: %#v, want the empty slice", len(ids), known)
		}
	}
}

func anIgnoredMessageIsKnown(h *harness) {
	id := newID(h)
	for range 2 {
		h.must(h.Store.Ignore(h.Context(), id, t0))
	}
	h.equal("known", h.known(newID(h), id), []string{id})
	h.equal("dead letters", h.list("", 10), []inbox.DeadLetter{})
}

func whatIsKnownStays(h *harness) {
	effect, d := newID(h), h.put()
	h.record(effect)
	h.must(h.Store.Ignore(h.Context(), effect, t0))
	h.must(h.Store.Ignore(h.Context(), d.ID, t0))
	h.equal("known", h.known(d.ID, effect), []string{effect, d.ID})
	h.equal("dead letter", h.get(d.ID), d)
}

func nothingGivesAnEffect(h *harness) {
	id := newID(h)
	h.must(h.Store.Ignore(h.Context(), id, t0))
	if h.record(id) {
		h.Error("an ignored message is fresh")
	}
}

func aDeadLetterComesBackAsItCame(h *harness) {
	full, text, empty := letter(h), letter(h), letter(h)
	full.FailedAt = full.FailedAt.In(time.FixedZone("", 7200))
	full.Message.Time = full.Message.Time.In(time.FixedZone("", -3600))
	text.Message.Data = []byte("not JSON \x00\xff")
	empty.Message.Subject, empty.Message.TraceParent, empty.Message.Data = "", "", nil
	empty.Message.ID = "" // the reason, perhaps, why it is one
	for _, want := range []inbox.DeadLetter{full, text, empty} {
		h.must(h.Store.PutDeadLetter(h.Context(), want))
		got := h.get(want.ID)
		h.equal("dead letter", got, want)
		h.equal("listed", h.list("", 10)[len(h.list("", 10))-1], want)
		for _, at := range []time.Time{got.FailedAt, got.Message.Time} {
			if at.Location() != time.UTC {
				h.Errorf("%v is not in UTC", at)
			}
		}
	}
}

func aSecondDeadLetterChangesNothing(h *harness) {
	first := h.put()
	second := letter(h)
	second.ID, second.Reason, second.FailedAt = first.ID, "another", t0.Add(time.Hour)
	h.must(h.Store.PutDeadLetter(h.Context(), second))
	h.equal("dead letter", h.get(first.ID), first)
	h.equal("list", h.list("", 10), []inbox.DeadLetter{first})
}

func anUnreadableDeadLetterHidesNoOther(h *harness) {
	before, spoilt, after := h.put(), h.put(), h.put()
	h.must(h.Spoil(h.Context(), spoilt.ID))
	letters := h.list("", 10)
	if len(letters) != 3 {
		h.Fatalf("%d dead letters are listed, want 3", len(letters))
	}
	h.equal("the others", []inbox.DeadLetter{letters[0], letters[2]}, []inbox.DeadLetter{before, after})
	for what, d := range map[string]inbox.DeadLetter{"listed": letters[1], "alone": h.get(spoilt.ID)} {
		if d.Unreadable == nil {
			h.Errorf("%s: what is spoilt can be read", what)
		}
		spoilt.Message, d.Unreadable = events.Message{ID: spoilt.ID}, nil
		h.equal(what, d, spoilt)
	}
}

func racingDeadLettersAreOne(h *harness) {
	d := letter(h)
	var wg sync.WaitGroup
	for range racers {
		wg.Go(func() {
			if err := h.Store.PutDeadLetter(h.Context(), d); err != nil {
				h.Error(err)
			}
			if err := h.Store.PutDeadLetter(h.Context(), letter(h)); err != nil {
				h.Error(err)
			}
		})
	}
	wg.Wait()
	h.equal("dead letters", len(h.list("", 10*racers)), racers+1)
}

func deadLettersAreListedInOrder(h *harness) {
	if letters := h.list("", 10); letters == nil || len(letters) != 0 {
		h.Errorf("none: %#v, want the empty slice", letters)
	}
	a, b, c := letter(h), letter(h), letter(h)
	for _, d := range []inbox.DeadLetter{b, c, a} {
		h.must(h.Store.PutDeadLetter(h.Context(), d))
	}
	h.equal("all", h.list("", 10), []inbox.DeadLetter{a, b, c})
	h.equal("the first two", h.list("", 2), []inbox.DeadLetter{a, b})
	h.equal("after the second", h.list(b.ID, 2), []inbox.DeadLetter{c})
	h.equal("after the last", h.list(c.ID, 2), []inbox.DeadLetter{})
}

func theListNeitherRepeatsNorSkips(h *harness) {
	var there []string
	before := letter(h) // its id is before all others'; it is added in the middle
	for range 25 {
		there = append(there, h.put().ID)
	}
	seen := map[string]int{}
	after := ""
	for {
		page := h.list(after, 4)
		if len(page) == 0 {
			break
		}
		for _, d := range page {
			seen[d.ID]++
		}
		after = page[len(page)-1].ID
		if len(seen) < 20 {
			h.put()
			h.must(h.Store.PutDeadLetter(h.Context(), before))
		}
	}
	for _, id := range there {
		if seen[id] == 0 {
			h.Errorf("%s was skipped", id)
		}
	}
	for id, n := range seen {
		if n > 1 {
			h.Errorf("%s came %d times", id, n)
		}
	}
}

func anUnknownDeadLetterIsNotFound(h *harness) {
	h.put()
	effect := newID(h)
	h.record(effect) // known, but no dead letter
	for _, id := range []string{newID(h), effect, "no uuid", "no\x00text", ""} {
		if _, err := h.Store.DeadLetter(h.Context(), id); !errors.Is(err, inbox.ErrDeadLetterNotFound) {
			h.Errorf("DeadLetter(%q): %v", id, err)
		}
		if err := h.Store.MarkReplayed(h.Context(), id, "admin", t0); !errors.Is(err, inbox.ErrDeadLetterNotFound) {
			h.Errorf("MarkReplayed(%q): %v", id, err)
		}
	}
}

func markReplayedRecordsWhoAndWhen(h *harness) {
	d, other := h.put(), h.put()
	at := t0.Add(time.Minute)
	h.must(h.Store.MarkReplayed(h.Context(), d.ID, "admin", at.In(time.FixedZone("", 7200))))
	d.ReplayedAt, d.ReplayedBy = at, "admin"
	h.equal("dead letter", h.get(d.ID), d)
	h.equal("the other one", h.get(other.ID), other)
	h.equal("list", h.list("", 10), []inbox.DeadLetter{d, other})
}

func theFirstReplayStays(h *harness) {
	d := h.put()
	by := make([]string, racers)
	var wg sync.WaitGroup
	h.must(h.Store.MarkReplayed(h.Context(), d.ID, "first", t0))
	for i := range by {
		wg.Go(func() {
			if err := h.Store.MarkReplayed(h.Context(), d.ID, "later", t0.Add(time.Duration(i)*time.Second)); err != nil {
				h.Error(err)
			}
		})
	}
	wg.Wait()
	h.must(h.Store.PutDeadLetter(h.Context(), d)) // and no dead letter undoes it
	d.ReplayedAt, d.ReplayedBy = t0, "first"
	h.equal("dead letter", h.get(d.ID), d)
}

// Each looks at once at what it left: whoever replays is told so, and it must
// not change behind his back.
func racingReplaysLeaveOneRecord(h *harness) {
	d := h.put()
	seen := make([]inbox.DeadLetter, racers)
	var wg sync.WaitGroup
	for i := range seen {
		wg.Go(func() {
			at := t0.Add(time.Duration(i) * time.Second)
			if err := h.Store.MarkReplayed(h.Context(), d.ID, at.String(), at); err != nil {
				h.Error(err)
			}
			var err error
			if seen[i], err = h.Store.DeadLetter(h.Context(), d.ID); err != nil {
				h.Error(err)
			}
		})
	}
	wg.Wait()
	final := h.get(d.ID)
	h.equal("who, by when", final.ReplayedBy, final.ReplayedAt.String())
	for _, s := range seen {
		h.equal("seen", s, final)
	}
}

func anEndedContextChangesNothing(h *harness) {
	d, late, id, ignored := h.put(), letter(h), newID(h), newID(h)
	ctx, cancel := context.WithCancel(h.Context())
	cancel()
	_, recordErr := h.Record(ctx, id, t0)
	_, knownErr := h.Store.Known(ctx, []string{d.ID})
	_, listErr := h.Store.DeadLetters(ctx, "", 10)
	_, getErr := h.Store.DeadLetter(ctx, d.ID)
	for name, err := range map[string]error{
		"Record": recordErr, "Known": knownErr, "DeadLetters": listErr, "DeadLetter": getErr,
		"Ignore":        h.Store.Ignore(ctx, ignored, t0),
		"PutDeadLetter": h.Store.PutDeadLetter(ctx, late),
		"MarkReplayed":  h.Store.MarkReplayed(ctx, d.ID, "admin", t0),
	} {
		if err == nil || errors.Is(err, inbox.ErrDeadLetterNotFound) {
			h.Errorf("%s: %v", name, err)
		}
	}
	h.equal("known", h.known(id, ignored, d.ID, late.ID), []string{d.ID})
	h.equal("dead letters", h.list("", 10), []inbox.DeadLetter{d})
}
