// Package outboxtest is the contract of outbox.Store as a test suite: every
// adapter passes all of it.
package outboxtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

// Fixture is an empty outbox, and how a service adds to it. An id that is in
// the outbox, open or closed, is an error of Insert.
type Fixture struct {
	Store  outbox.Store
	Insert func(ctx context.Context, topic string, m events.Message, due time.Time) error
	// Spoil replaces the attributes of the message with this id by Spoilt.
	Spoil func(ctx context.Context, id string) error
}

// Spoilt is JSON, and not the attributes of a message.
const Spoilt = `[]`

// TestStore runs the suite. newFixture is called once for each subtest.
func TestStore(t *testing.T, newFixture func(t *testing.T) Fixture) {
	for _, test := range []struct {
		name string
		run  func(h *harness)
	}{
		{"claim_returns_what_is_due_as_it_stood", claimReturnsWhatIsDueAsItStood},
		{"claim_returns_the_oldest_first_up_to_limit", claimReturnsTheOldestFirst},
		{"claim_hides_until", claimHidesUntil},
		{"claim_of_nothing_is_the_empty_slice", claimOfNothingIsTheEmptySlice},
		{"an_unreadable_entry_keeps_no_other", anUnreadableEntryKeepsNoOther},
		{"two_callers_never_get_the_same_entry", twoCallersNeverGetTheSameEntry},
		{"published_counts_an_attempt_and_sets_the_times", publishedCountsAnAttempt},
		{"postpone_sets_due_and_nothing_else", postponeSetsDueAndNothingElse},
		{"bring_forward_changes_what_is_due_too_late", bringForwardChangesWhatIsDueTooLate},
		{"close_ends_an_entry", closeEndsAnEntry},
		{"marks_ignore_unknown_and_closed_ids", marksIgnoreUnknownAndClosedIDs},
		{"racing_marks_lose_nothing", racingMarksLoseNothing},
		{"open_tells_how_many_and_the_oldest", openTellsHowManyAndTheOldest},
		{"prune_forgets_what_was_closed_before", pruneForgetsWhatWasClosedBefore},
		{"an_ended_context_changes_nothing", anEndedContextChangesNothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(&harness{T: t, Fixture: newFixture(t)})
		})
	}
}

type harness struct {
	*testing.T
	Fixture
}

// t0 has microseconds: all times keep them.
var t0 = time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC)

const topic = "bookings"

// message returns one with every attribute set.
func message(t testing.TB) events.Message {
	return events.Message{
		SpecVersion: events.SpecVersion, ID: newID(t), Source: "booking", Type: events.TypeBookingConfirmed,
		Subject: "Ænima 🎫", Time: t0.Add(-time.Hour), DataContentType: "application/json",
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		Data:        []byte("{ \"title\" : \"Ænima 🎫 <b>&\",\n\"n\":9007199254740993 }"),
	}
}

func newID(t testing.TB) string {
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// insert adds a message that is due at t0 plus after.
func (h *harness) insert(after time.Duration) events.Message {
	h.Helper()
	m := message(h)
	h.add(m, t0.Add(after))
	return m
}

func (h *harness) add(m events.Message, due time.Time) {
	h.Helper()
	h.must(h.Insert(h.Context(), topic, m, due))
}

func (h *harness) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *harness) claim(now, until time.Time, limit int) []outbox.Entry {
	h.Helper()
	entries, err := h.Store.Claim(h.Context(), now, until, limit)
	h.must(err)
	return entries
}

// never is after everything that a subtest does.
var never = t0.Add(1000 * time.Hour)

// all claims every open entry, whenever it is due, for no time.
func (h *harness) all() map[string]outbox.Entry {
	h.Helper()
	entries := map[string]outbox.Entry{}
	for _, e := range h.claim(never, never, 1000) {
		entries[e.Message.ID] = e
	}
	return entries
}

// one returns the only open entry.
func (h *harness) one() outbox.Entry {
	h.Helper()
	entries := h.claim(never, never, 10)
	if len(entries) != 1 {
		h.Fatalf("%d open entries, want 1", len(entries))
	}
	return entries[0]
}

func (h *harness) equal(what string, got, want any) {
	h.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		h.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func ids(entries []outbox.Entry) []string {
	ids := []string{}
	for _, e := range entries {
		ids = append(ids, e.Message.ID)
	}
	return ids
}

func messageIDs(ms ...events.Message) []string {
	ids := []string{}
	for _, m := range ms {
		ids = append(ids, m.ID)
	}
	return ids
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}
