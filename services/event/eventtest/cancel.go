package eventtest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

// message is one with every attribute set.
func message(about string) events.Message {
	return events.Message{
		SpecVersion: events.SpecVersion, ID: id(), Source: "event", Type: events.TypeEventCancelled, Subject: about,
		Time: now.Add(time.Microsecond), DataContentType: "application/json",
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Data: []byte("{ \"note\" : \"寂しさ <b>&\"\n}"),
	}
}

// callOff is what an organizer's cancellation makes of an event.
func callOff(e *event.Event) {
	e.Status, e.UpdatedAt, e.CancelledAt, e.CancellationNote = event.Cancelled, now.Add(time.Second), now.Add(time.Microsecond), "Zoë is ill.\nSorry 🎷"
}

// callOff cancels e, and returns its message.
func (a Adapter) callOff(t *testing.T, e *event.Event) events.Message {
	t.Helper()
	m := message(e.ID)
	_, err := a.Cancel(t.Context(), e.ID, func(e *event.Event) (events.Message, error) { callOff(e); return m, nil })
	must(t, err)
	return m
}

// told fails t unless these are the open messages, due at their time.
func (a Adapter) told(t *testing.T, want ...events.Message) {
	t.Helper()
	late := now.AddDate(1, 0, 0)
	entries, err := a.Outbox.Claim(t.Context(), late, late, 10)
	must(t, err)
	wanted := []outbox.Entry{}
	for _, m := range want {
		wanted = append(wanted, outbox.Entry{Topic: events.TopicEvents, Message: m, Due: m.Time})
	}
	for i := range entries {
		entries[i].Due = entries[i].Message.Time // claimed before, it is later
	}
	if diff := cmp.Diff(wanted, entries); diff != "" {
		t.Errorf("in the outbox (-want +got):\n%s", diff)
	}
}

func cancelStores(t *testing.T, a Adapter) {
	e, bystander := a.create(t, []int{5, 1}), a.create(t, []int{2})
	k := key(e)
	a.hold(t, k, e, 2)
	want := a.get(t, e.ID)
	m := message(e.ID)
	got, err := a.Cancel(t.Context(), e.ID, func(seen *event.Event) (events.Message, error) {
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("cancel sees (-want +got):\n%s", diff)
		}
		callOff(seen)
		return m, nil
	})
	must(t, err)
	callOff(want)
	want.Version++
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("returned (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, a.get(t, e.ID)); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(bystander, a.get(t, bystander.ID)); diff != "" {
		t.Errorf("another event has changed:\n%s", diff)
	}
	late := now.AddDate(1, 0, 0)
	entries, err := a.Outbox.Claim(t.Context(), m.Time, late, 10)
	must(t, err)
	if diff := cmp.Diff([]outbox.Entry{{Topic: events.TopicEvents, Message: m, Due: m.Time}}, entries); diff != "" {
		t.Errorf("due at once (-want +got):\n%s", diff)
	}
	_, err = a.Reserve(t.Context(), key(e), []event.Request{of(e, 0, 1)}, now)
	wantErr(t, err, event.ErrSalesClosed)
	must(t, a.Release(t.Context(), k))
	a.left(t, e, 5, 1)
}

func cancelFails(t *testing.T, a Adapter) {
	e := a.create(t, []int{5})
	no := errors.New("no")
	_, err := a.Cancel(t.Context(), e.ID, func(e *event.Event) (events.Message, error) {
		callOff(e)
		return message(e.ID), no
	})
	wantErr(t, err, no)
	// What is refused after cancel has returned has no message either.
	a.hold(t, key(e), e, 2)
	before := a.get(t, e.ID)
	_, err = a.Cancel(t.Context(), e.ID, func(e *event.Event) (events.Message, error) {
		e.TicketTypes[0].Capacity = 1
		return message(e.ID), nil
	})
	wantErr(t, err, event.ErrCapacityBelowSold)
	_, err = a.Cancel(t.Context(), id(), func(e *event.Event) (events.Message, error) {
		t.Error("called for no event")
		return message(e.ID), nil
	})
	wantErr(t, err, event.ErrEventNotFound)
	if _, err := a.Cancel(cancelled(t), e.ID, func(e *event.Event) (events.Message, error) {
		callOff(e)
		return message(e.ID), nil
	}); err == nil {
		t.Error("with a context that has ended there is no error")
	}
	if diff := cmp.Diff(before, a.get(t, e.ID)); diff != "" {
		t.Errorf("the event has changed:\n%s", diff)
	}
	a.told(t)
}

func cancellationsRace(t *testing.T, a Adapter) {
	const workers = 16
	e := a.create(t, []int{1})
	no := errors.New("it is cancelled")
	var did, refused atomic.Int64
	race(workers, func(int) {
		_, err := a.Cancel(t.Context(), e.ID, func(e *event.Event) (events.Message, error) {
			if e.Status == event.Cancelled {
				return events.Message{}, no
			}
			yield()
			callOff(e)
			return message(e.ID), nil
		})
		switch {
		case err == nil:
			did.Add(1)
		case errors.Is(err, no):
			refused.Add(1)
		}
	})
	if did.Load() != 1 || refused.Load() != workers-1 {
		t.Errorf("%d cancelled the event and %d were refused, of %d", did.Load(), refused.Load(), workers)
	}
	if n, _, err := a.Outbox.Open(t.Context()); err != nil || n != 1 {
		t.Errorf("%d messages (%v), want 1", n, err)
	}
}

func deleteUntold(t *testing.T, a Adapter) {
	e := a.create(t, []int{2})
	m := a.callOff(t, e)
	yes := func(*event.Event) error { return nil }
	wantErr(t, a.Delete(t.Context(), e.ID, yes), event.ErrNotTold)
	must(t, a.Outbox.Published(t.Context(), []string{m.ID}, now, now))
	wantErr(t, a.Delete(t.Context(), e.ID, yes), event.ErrNotTold)
	if n, _, err := a.Outbox.Open(t.Context()); err != nil || n != 1 {
		t.Errorf("%d messages (%v), want 1", n, err)
	}
	must(t, a.Outbox.Close(t.Context(), []string{m.ID}, now))
	must(t, a.Delete(t.Context(), e.ID, yes))
	_, err := a.Get(t.Context(), e.ID)
	wantErr(t, err, event.ErrEventNotFound)
}

// A message on its way, and one that is pruned, changes nothing of the event.
func messageApart(t *testing.T, a Adapter) {
	e := a.create(t, []int{2})
	m := a.callOff(t, e)
	want := a.get(t, e.ID)
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return a.Outbox.Published(ctx, []string{m.ID}, now, now) },
		func(ctx context.Context) error { return a.Outbox.Close(ctx, []string{m.ID}, now) },
		func(ctx context.Context) error { return a.Outbox.Prune(ctx, now.Add(time.Hour)) },
	} {
		must(t, step(t.Context()))
		if diff := cmp.Diff(want, a.get(t, e.ID)); diff != "" {
			t.Errorf("the event has changed (-want +got):\n%s", diff)
		}
	}
	a.told(t)
}
