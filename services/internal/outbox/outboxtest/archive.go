package outboxtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

// ArchiveFixture is an empty outbox, and what is closed of it.
type ArchiveFixture struct {
	Fixture
	Archive outbox.Archive
}

// TestArchive is the contract of outbox.Archive. newFixture is called once for
// each subtest.
func TestArchive(t *testing.T, newFixture func(t *testing.T) ArchiveFixture) {
	for _, test := range []struct {
		name string
		run  func(a *archive)
	}{
		{"closed_returns_what_is_closed_as_it_stands", closedReturnsWhatIsClosed},
		{"closed_begins_at_since", closedBeginsAtSince},
		{"closed_goes_by_the_ids", closedGoesByTheIDs},
		{"closed_of_nothing_is_the_empty_slice", closedOfNothingIsTheEmptySlice},
		{"paging_neither_repeats_nor_skips", pagingNeitherRepeatsNorSkips},
		{"reopen_makes_an_entry_due", reopenMakesAnEntryDue},
		{"reopen_ignores_unknown_and_open_ids", reopenIgnoresUnknownAndOpenIDs},
		{"what_is_reopened_is_an_entry_like_any_other", reopenedIsLikeAnyOther},
		{"an_ended_context_changes_nothing", anEndedContextReopensNothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			test.run(&archive{&harness{T: t, Fixture: f.Fixture}, f.Archive})
		})
	}
}

type archive struct {
	*harness
	archive outbox.Archive
}

// close adds n messages and closes them at t0.
func (a *archive) close(n int) (ms []events.Message) {
	a.Helper()
	for range n {
		ms = append(ms, a.insert(0))
	}
	a.must(a.Store.Close(a.Context(), messageIDs(ms...), t0))
	return ms
}

func (a *archive) closed(since time.Time, after string, limit int) []outbox.Entry {
	a.Helper()
	entries, err := a.archive.Closed(a.Context(), since, after, limit)
	a.must(err)
	return entries
}

func (a *archive) reopen(now time.Time, ids ...string) {
	a.Helper()
	a.must(a.archive.Reopen(a.Context(), ids, now))
}

// ever is before everything that a subtest does.
var ever = t0.Add(-1000 * time.Hour)

func closedReturnsWhatIsClosed(a *archive) {
	m, fresh := a.insert(0), a.insert(0)
	a.insert(0) // open
	at, next := t0.Add(time.Second), t0.Add(2*time.Second)
	for _, when := range []time.Time{t0, at} {
		a.must(a.Store.Published(a.Context(), messageIDs(m), when, next))
	}
	a.must(a.Store.Close(a.Context(), messageIDs(m, fresh), never))
	entries := a.closed(ever, "", 10)
	a.equal("closed", entries, []outbox.Entry{
		{Topic: topic, Message: m, Attempts: 2, PublishedAt: at, Due: next},
		{Topic: topic, Message: fresh, Due: t0},
	})
	for _, e := range entries[:1] {
		for _, at := range []time.Time{e.Due, e.PublishedAt, e.Message.Time} {
			if at.Location() != time.UTC {
				a.Errorf("%v is not in UTC", at)
			}
		}
	}
}

// The message's time counts: not when it was due, nor when it was closed.
func closedBeginsAtSince(a *archive) {
	before, at, later := message(a), message(a), message(a)
	before.Time, at.Time, later.Time = t0.Add(-time.Microsecond), t0, t0.Add(time.Hour)
	a.add(before, never)
	a.add(at, ever)
	a.add(later, ever)
	a.must(a.Store.Close(a.Context(), messageIDs(before), never))
	a.must(a.Store.Close(a.Context(), messageIDs(at, later), ever))
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("", 7200)} {
		a.equal("since", ids(a.closed(t0.In(zone), "", 10)), messageIDs(at, later))
	}
	a.equal("since, after the first", ids(a.closed(t0, at.ID, 10)), messageIDs(later))
	a.equal("since, before all", ids(a.closed(ever, "", 10)), messageIDs(before, at, later))
}

func closedGoesByTheIDs(a *archive) {
	var ms []events.Message
	for i := range 7 {
		m := message(a)
		m.Time = t0.Add(-time.Duration(i) * time.Hour) // the later the id, the earlier the time
		ms = append(ms, m)
	}
	for _, i := range []int{3, 0, 6, 2, 5, 1, 4} {
		a.add(ms[i], t0)
		a.must(a.Store.Close(a.Context(), messageIDs(ms[i]), t0.Add(time.Duration(i%3)*time.Second)))
	}
	a.equal("all", ids(a.closed(ever, "", 100)), messageIDs(ms...))
	a.equal("the first three", ids(a.closed(ever, "", 3)), messageIDs(ms[:3]...))
	a.equal("the next three", ids(a.closed(ever, ms[2].ID, 3)), messageIDs(ms[3:6]...))
	a.equal("the last one", ids(a.closed(ever, ms[5].ID, 3)), messageIDs(ms[6]))
}

func closedOfNothingIsTheEmptySlice(a *archive) {
	none := func(after string) {
		a.Helper()
		if entries := a.closed(ever, after, 10); entries == nil || len(entries) != 0 {
			a.Errorf("%#v, want the empty slice", entries)
		}
	}
	none("")
	a.insert(0) // open
	none("")
	none(a.close(1)[0].ID)
}

func pagingNeitherRepeatsNorSkips(a *archive) {
	first := a.close(10)
	open := a.insert(0)
	var got []string
	for after, pages := "", 0; ; pages++ {
		page := ids(a.closed(ever, after, 3))
		got = append(got, page...)
		if len(page) < 3 || pages > 10 {
			break
		}
		after = page[2]
		if pages == 1 {
			a.must(a.Store.Close(a.Context(), messageIDs(open), t0))
			a.close(1)
			a.reopen(t0, page...)
		}
	}
	for _, m := range first {
		if n := len(slices.DeleteFunc(slices.Clone(got), func(id string) bool { return id != m.ID })); n != 1 {
			a.Errorf("%s was there %d times", m.ID, n)
		}
	}
	if len(slices.Compact(sorted(got))) != len(got) {
		a.Errorf("repeated: %q", got)
	}
}

func reopenMakesAnEntryDue(a *archive) {
	ms := a.close(3)
	again := ms[1]
	m := a.insert(0)
	a.must(a.Store.Published(a.Context(), messageIDs(m), t0, never))
	a.must(a.Store.Close(a.Context(), messageIDs(m), t0))
	now := t0.Add(time.Minute)
	a.reopen(now, m.ID, again.ID)
	a.equal("closed", ids(a.closed(ever, "", 10)), messageIDs(ms[0], ms[2]))
	a.equal("due before", ids(a.claim(now.Add(-time.Microsecond), never, 10)), []string{})
	got := map[string]outbox.Entry{}
	for _, e := range a.claim(now, never, 10) {
		got[e.Message.ID] = e
	}
	a.equal("due", got, map[string]outbox.Entry{
		m.ID:     {Topic: topic, Message: m, Attempts: 1, PublishedAt: t0, Due: now},
		again.ID: {Topic: topic, Message: again, Due: now},
	})
}

func reopenIgnoresUnknownAndOpenIDs(a *archive) {
	closed, open := a.close(1)[0], a.insert(time.Minute)
	a.must(a.Store.Published(a.Context(), messageIDs(open), t0, t0.Add(time.Hour)))
	a.reopen(t0)
	a.equal("closed", ids(a.closed(ever, "", 10)), messageIDs(closed))
	// The id that matters comes last: what is ignored does not end the call.
	a.reopen(t0, newID(a), "no uuid", "", open.ID, closed.ID)
	all := a.all()
	a.equal("how many are open", len(all), 2)
	a.equal("what was open", all[open.ID], outbox.Entry{Topic: topic, Message: open, Attempts: 1, PublishedAt: t0, Due: t0.Add(time.Hour)})
	a.equal("what was closed", all[closed.ID], outbox.Entry{Topic: topic, Message: closed, Due: t0})
}

func reopenedIsLikeAnyOther(a *archive) {
	m := a.close(1)[0]
	a.reopen(t0, m.ID)
	a.must(a.Store.Prune(a.Context(), never))
	n, oldest, err := a.Store.Open(a.Context())
	a.must(err)
	if n != 1 || !oldest.Equal(m.Time) {
		a.Errorf("%d entries are open, the oldest of %v", n, oldest)
	}
	at, next := t0.Add(time.Second), t0.Add(time.Minute)
	a.must(a.Store.Published(a.Context(), messageIDs(m), at, next))
	a.equal("published", a.one(), outbox.Entry{Topic: topic, Message: m, Attempts: 1, PublishedAt: at, Due: next})
	a.must(a.Store.Close(a.Context(), messageIDs(m), next))
	a.equal("open", len(a.all()), 0)
	a.equal("closed", ids(a.closed(ever, "", 10)), messageIDs(m))
	a.must(a.Store.Prune(a.Context(), next)) // it was closed then, and not before
	a.equal("closed", ids(a.closed(ever, "", 10)), messageIDs(m))
	a.must(a.Store.Prune(a.Context(), next.Add(time.Microsecond)))
	a.equal("closed and pruned", ids(a.closed(ever, "", 10)), []string{})
	a.reopen(t0, m.ID)
	a.equal("open", len(a.all()), 0)
}

func anEndedContextReopensNothing(a *archive) {
	m := a.close(1)[0]
	ctx, cancel := context.WithCancel(a.Context())
	cancel()
	if _, err := a.archive.Closed(ctx, ever, "", 10); err == nil {
		a.Error("Closed: no error")
	}
	if err := a.archive.Reopen(ctx, messageIDs(m), t0); err == nil {
		a.Error("Reopen: no error")
	}
	if diff := cmp.Diff(messageIDs(m), ids(a.closed(ever, "", 10))); diff != "" {
		a.Errorf("closed (-want +got):\n%s", diff)
	}
}
