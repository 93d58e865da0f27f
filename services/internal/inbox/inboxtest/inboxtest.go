// Package inboxtest is the contract of inbox.Store as a test suite: every
// adapter passes all of it.
package inboxtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
)

// Fixture is an empty inbox, and what a service does to it in the transaction
// of a message's effect.
type Fixture struct {
	Store inbox.Store
	// Record stores that the message with this id has its effect. fresh is
	// true for exactly one of however many calls with the same id.
	Record func(ctx context.Context, id string, at time.Time) (fresh bool, err error)
	// Spoil replaces the attributes of the dead letter with this id by Spoilt.
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
		{"record_is_fresh_once", recordIsFreshOnce},
		{"racing_records_are_fresh_once", racingRecordsAreFreshOnce},
		{"known_returns_those_whose_effect_is_stored", knownReturnsEffects},
		{"known_returns_dead_letters", knownReturnsDeadLetters},
		{"known_of_no_ids_is_the_empty_slice", knownOfNoIDsIsTheEmptySlice},
		{"an_ignored_message_is_known", anIgnoredMessageIsKnown},
		{"what_is_known_stays_as_it_is_when_it_is_ignored", whatIsKnownStays},
		{"nothing_gives_an_ignored_message_an_effect", nothingGivesAnEffect},
		{"a_dead_letter_comes_back_as_it_came", aDeadLetterComesBackAsItCame},
		{"a_second_dead_letter_changes_nothing", aSecondDeadLetterChangesNothing},
		{"racing_dead_letters_are_one", racingDeadLettersAreOne},
		{"dead_letters_are_listed_in_the_order_of_their_ids", deadLettersAreListedInOrder},
		{"the_list_neither_repeats_nor_skips_while_others_are_added", theListNeitherRepeatsNorSkips},
		{"an_unreadable_dead_letter_hides_no_other", anUnreadableDeadLetterHidesNoOther},
		{"an_unknown_dead_letter_is_not_found", anUnknownDeadLetterIsNotFound},
		{"mark_replayed_records_who_and_when", markReplayedRecordsWhoAndWhen},
		{"the_first_replay_stays", theFirstReplayStays},
		{"racing_replays_leave_one_record", racingReplaysLeaveOneRecord},
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

func newID(t testing.TB) string {
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

// letter returns one with every attribute set that a dead letter is born with.
func letter(t testing.TB) inbox.DeadLetter {
	id := newID(t)
	return inbox.DeadLetter{
		ID: id, Topic: "bookings", Reason: "Größe: unbekannt 🎫", FailedAt: t0,
		Message: events.Message{
			SpecVersion: events.SpecVersion, ID: id, Source: "booking", Type: events.TypeBookingConfirmed,
			Subject: "Ænima 🎫", Time: t0.Add(-time.Hour), DataContentType: "application/json",
			TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
			Data:        []byte("{ \"title\" : \"Ænima 🎫 <b>&\",\n\"n\":9007199254740993 }"),
		},
	}
}

func (h *harness) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *harness) put() inbox.DeadLetter {
	h.Helper()
	d := letter(h)
	h.must(h.Store.PutDeadLetter(h.Context(), d))
	return d
}

func (h *harness) record(id string) bool {
	h.Helper()
	fresh, err := h.Record(h.Context(), id, t0)
	h.must(err)
	return fresh
}

func (h *harness) known(ids ...string) []string {
	h.Helper()
	known, err := h.Store.Known(h.Context(), ids)
	h.must(err)
	known = slices.Clone(known)
	slices.Sort(known)
	return known
}

func (h *harness) get(id string) inbox.DeadLetter {
	h.Helper()
	d, err := h.Store.DeadLetter(h.Context(), id)
	h.must(err)
	return d
}

func (h *harness) list(after string, limit int) []inbox.DeadLetter {
	h.Helper()
	letters, err := h.Store.DeadLetters(h.Context(), after, limit)
	h.must(err)
	return letters
}

func (h *harness) equal(what string, got, want any) {
	h.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		h.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
