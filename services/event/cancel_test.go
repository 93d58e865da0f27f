package event_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
	outbox "github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
)

func owner(e *event.Event) identity.Caller {
	return identity.Caller{UserID: e.OrganizerID, Role: identity.Organizer}
}

// What is told is what was stored, once.
func TestCancelTellsBooking(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := create(t, w.Service)
	w.now = e.StartsAt.Add(time.Minute) // also on the evening
	got, err := w.Cancel(t.Context(), owner(e), strings.ToUpper(e.ID), nil, " The singer is ill.\r\nSorry. \n")
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != event.Cancelled || got.Version != 2 || !got.CancelledAt.Equal(w.now) || got.CancellationNote != "The singer is ill.\nSorry." {
		t.Errorf("the event is %+v", got)
	}
	again, err := w.Cancel(t.Context(), owner(e), e.ID, nil, "Another word")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("cancelled again (-first +again):\n%s", diff)
	}
	entries, err := outbox.New(w.db).Claim(t.Context(), w.now, w.now, 10)
	if err != nil || len(entries) != 1 || w.committed != 1 {
		t.Fatalf("%d messages (%v), and the relay was woken %d times; want one", len(entries), err, w.committed)
	}
	m := entries[0].Message
	var data events.EventCancelled
	if err := json.Unmarshal(m.Data, &data); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(events.EventCancelled{
		Event: got.Snapshot(), Version: 2, By: e.OrganizerID, Note: "The singer is ill.\nSorry.", OccurredAt: w.now,
	}, data); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
	if uuid.Validate(m.ID) != nil {
		t.Errorf("its id is %q", m.ID)
	}
	m.ID, m.Data = "", nil
	if diff := cmp.Diff(events.Message{
		SpecVersion: "1.0", Source: "event", Type: "event.cancelled.v1", Subject: e.ID, Time: w.now,
		DataContentType: "application/json", TraceParent: "00-trace",
	}, m); diff != "" || entries[0].Topic != "events" {
		t.Errorf("to %q (-want +got):\n%s", entries[0].Topic, diff)
	}
}

func TestCancelRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := create(t, w.Service)
	for _, c := range []struct {
		name, id string
		caller   identity.Caller
		match    func(version int64) bool
		want     error
	}{
		{"another organizer", e.ID, identity.Caller{UserID: uuid.NewString(), Role: identity.Organizer}, nil, event.ErrForbidden},
		{"a stale version", e.ID, owner(e), func(version int64) bool { return version != e.Version }, event.ErrStale},
		{"an event that is not there", uuid.NewString(), owner(e), nil, event.ErrEventNotFound},
		{"no id", "x", owner(e), nil, event.ErrEventNotFound},
	} {
		if _, err := w.Cancel(t.Context(), c.caller, c.id, c.match, ""); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for name, note := range map[string]string{
		"long": strings.Repeat("ü", 501), "tab": "a\tb", "null": "a\x00", "bell": "\a!", "return": "a\rb", "separator": "a\u2028b", "bytes": "\xff",
	} {
		var invalid problem.Invalid
		if _, err := w.Cancel(t.Context(), owner(e), e.ID, nil, note); !errors.As(err, &invalid) || invalid[0].Name != "note" {
			t.Errorf("a note with %s: %v", name, err)
		}
	}
	if got, err := w.Get(t.Context(), e.ID); err != nil || got.Status != event.Published || w.committed > 0 {
		t.Errorf("the event is %+v (%v)", got, err)
	}
	if _, err := w.Cancel(t.Context(), owner(e), e.ID, nil, strings.Repeat("ü", 500)); err != nil {
		t.Error(err)
	}
}

func TestACancelledEventIsNotEdited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := create(t, w.Service)
	if _, err := w.Cancel(t.Context(), owner(e), e.ID, nil, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Update(t.Context(), owner(e), e.ID, nil, event.Draft{}); !errors.Is(err, event.ErrEventCancelled) {
		t.Errorf("an edit: %v", err)
	}
	if err := w.Delete(t.Context(), owner(e), e.ID, nil); !errors.Is(err, event.ErrNotTold) {
		t.Errorf("a deletion: %v", err)
	}
}

// told is a booking service that answers this.
type told struct {
	progress event.Progress
	err      error
}

func (b *told) Progress(context.Context, string) (event.Progress, error) { return b.progress, b.err }

func TestCancellationSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e := create(t, w.Service)
	if _, err := w.Cancellation(t.Context(), owner(e), e.ID); !errors.Is(err, event.ErrNotCancelled) {
		t.Errorf("of an event that takes place: %v", err)
	}
	if _, err := w.Cancel(t.Context(), owner(e), e.ID, nil, "Ill"); err != nil {
		t.Fatal(err)
	}
	some := event.Progress{Confirmed: 3, Cancelled: 4, RefundsDue: 1}
	untold := event.Cancellation{EventID: e.ID, CancelledAt: now, Note: "Ill"}
	known := untold
	known.Told, known.Progress = true, some
	for _, c := range []struct {
		name    string
		booking told
		want    event.Cancellation
		err     error
	}{
		{"booking has not heard of it", told{err: event.ErrNotTold}, untold, nil},
		{"booking has", told{progress: some}, known, nil},
		{"booking is away", told{err: event.ErrBookingUnavailable}, event.Cancellation{}, event.ErrBookingUnavailable},
	} {
		*w.bookings = c.booking
		got, err := w.Cancellation(t.Context(), owner(e), e.ID)
		if diff := cmp.Diff(c.want, got); diff != "" || !errors.Is(err, c.err) {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, diff)
		}
	}
	for name, c := range map[string]struct {
		caller identity.Caller
		id     string
		want   error
	}{
		"another organizer": {identity.Caller{UserID: uuid.NewString(), Role: identity.Organizer}, e.ID, event.ErrForbidden},
		"no such event":     {owner(e), uuid.NewString(), event.ErrEventNotFound},
	} {
		if _, err := w.Cancellation(t.Context(), c.caller, c.id); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPolicyIsChecked(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	e := create(t, s)
	draft := func(p events.CancellationPolicy) event.Draft {
		return event.Draft{
			Title: "T", Venue: events.Venue{Name: "Hall"}, TimeZone: "UTC", StartsAt: now.Add(time.Hour), EndsAt: now.Add(2 * time.Hour),
			TicketTypes: []event.TicketTypeDraft{{ID: e.TicketTypes[0].ID, Name: "S", Price: e.TicketTypes[0].Price, Capacity: 10}}, CancellationPolicy: p,
		}
	}
	for _, p := range []events.CancellationPolicy{{}, {FreeHours: 8760, FeeBasisPoints: 10_000}, {FeeBasisPoints: 1}} {
		got, err := s.Update(t.Context(), owner(e), e.ID, nil, draft(p))
		if err != nil || got.CancellationPolicy != p || got.Snapshot().CancellationPolicy != p {
			t.Errorf("%+v: %+v, %v", p, got, err)
		}
	}
	for _, p := range []events.CancellationPolicy{{FreeHours: -1}, {FreeHours: 8761}, {FeeBasisPoints: -1}, {FeeBasisPoints: 10_001}} {
		var invalid problem.Invalid
		if _, err := s.Update(t.Context(), owner(e), e.ID, nil, draft(p)); !errors.As(err, &invalid) || len(invalid) != 1 {
			t.Errorf("%+v: %v", p, err)
		}
	}
}
