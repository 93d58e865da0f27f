package eventtest

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/event"
)

// by is an edit for create: an event of this organizer's, created at this time.
func by(organizer string, at time.Time) func(*event.Event) {
	return func(e *event.Event) { e.OrganizerID, e.CreatedAt, e.UpdatedAt = organizer, at, at }
}

// wantCreated stores a new event of an organizer's, of which most are allowed, or wants
// it to be refused with this time to wait.
func (a Adapter) wantCreated(t *testing.T, organizer string, at time.Time, most int, refused time.Duration) {
	t.Helper()
	e := newEvent(1)
	by(organizer, at)(e)
	err := a.Create(t.Context(), e, most)
	var many *event.TooManyEventsError
	switch {
	case refused == 0:
		must(t, err)
	case !errors.As(err, &many):
		t.Errorf("Create: error %v, want one to wait for %v", err, refused)
	case many.Wait != refused:
		t.Errorf("Create: wait for %v, want %v", many.Wait, refused)
	default:
		_, err := a.Get(t.Context(), e.ID)
		wantErr(t, err, event.ErrEventNotFound)
	}
}

func createsSoMany(t *testing.T, a Adapter) {
	organizer, half := id(), event.CreationPeriod/2
	a.wantCreated(t, organizer, now, 2, 0)
	a.wantCreated(t, organizer, now.Add(half), 2, 0)
	a.wantCreated(t, organizer, now.Add(event.CreationPeriod-time.Microsecond), 2, time.Microsecond)
	a.wantCreated(t, organizer, now.Add(event.CreationPeriod), 2, 0)
	a.wantCreated(t, organizer, now.Add(event.CreationPeriod+time.Hour), 2, half-time.Hour)
	a.wantCreated(t, organizer, now.Add(event.CreationPeriod+half), 2, 0)
	// A clock that was ahead holds nobody up for longer than that.
	a.wantCreated(t, organizer, now.Add(-10*event.CreationPeriod), 2, 0)
}

func creationsRace(t *testing.T, a Adapter) {
	const most, workers = 5, 32
	organizer := id()
	var stored atomic.Int32
	race(workers, func(i int) {
		e := newEvent(1)
		by(organizer, now.Add(time.Duration(i)*time.Microsecond))(e)
		switch err := a.Create(t.Context(), e, most); {
		case err == nil:
			stored.Add(1)
		case !errors.Is(err, event.ErrTooManyEvents):
			t.Errorf("Create: %v", err)
		}
	})
	if n := stored.Load(); n != most {
		t.Errorf("%d events are stored, want %d", n, most)
	}
}

func deletedCounts(t *testing.T, a Adapter) {
	organizer := id()
	e := a.create(t, []int{1}, by(organizer, now))
	must(t, a.Delete(t.Context(), e.ID, func(*event.Event) error { return nil }))
	a.wantCreated(t, organizer, now, 1, event.CreationPeriod)
}

func refusedCountsNot(t *testing.T, a Adapter) {
	organizer := id()
	a.wantCreated(t, organizer, now, 1, 0)
	for range 3 {
		a.wantCreated(t, organizer, now.Add(time.Hour), 1, event.CreationPeriod-time.Hour)
	}
	a.wantCreated(t, organizer, now.Add(event.CreationPeriod), 1, 0)
}

func othersCountNot(t *testing.T, a Adapter) {
	for range 3 {
		a.wantCreated(t, id(), now, 1, 0)
	}
}
