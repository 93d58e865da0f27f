//go:build integration

package mongo

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Sales that share their requests are each as if it were alone.
func TestSalesOfAMomentAreEachTheirOwn(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	w := newWorld(t, s.db)
	booking := func(do ...operation) sale {
		w.k.BookingID, w.message = uuid.NewString(), uuid.NewString()
		for _, do := range do {
			must(t, do(w, t.Context(), s))
		}
		return sale{w.message, w.k}
	}
	heard := booking((*world).reserve, (*world).sell)
	released := booking((*world).reserve, (*world).release)
	never := booking()
	held := booking((*world).reserve)
	twice := held
	twice.message = uuid.NewString()
	sales := []sale{released, heard, held, never, held, twice}
	done, err := s.sell(t.Context(), sales)
	must(t, err)
	if got, want := fmt.Sprint(done), "[false true true false true false]"; got != want {
		t.Errorf("done are %s, want %s", got, want)
	}
	for i, want := range []event.State{event.Released, event.Sold, event.Sold, "", event.Sold, event.Sold} {
		w.k = sales[i].key
		if got := w.state(t); got != want {
			t.Errorf("sale %d: the attempt is %q, want %q", i, got, want)
		}
	}
	known, err := s.Inbox().Known(t.Context(), []string{released.message, heard.message, held.message, never.message, twice.message})
	must(t, err)
	if len(known) != 2 {
		t.Errorf("%d messages are known, want the two that had an effect", len(known))
	}
}

// A hold that could not move out moves out the next time, and its tickets can be
// sold before.
func TestWhatCouldNotMoveOutMovesOutTheNextTime(t *testing.T) {
	t.Parallel()
	db := openDB(t)
	w := newWorld(t, db)
	away := false
	s := process(db, func(context.Context, int) error {
		if away {
			return storage.ErrUnavailable
		}
		return nil
	})
	must(t, w.reserve(t.Context(), s))
	away = true
	if err := s.moveOutPlaced(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
	away = false
	holds := func() int {
		var e heldDoc
		_, err := healthy(db, 0).events.One(t.Context(), byID(w.e.ID), nil, &e)
		must(t, err)
		return len(e.Holds)
	}
	must(t, w.sell(t.Context(), s))
	if got := holds(); got != 1 {
		t.Errorf("sold, the event has %d holds, want 1", got)
	}
	w.audit(t, amid)
	must(t, s.moveOutPlaced(t.Context()))
	if got := holds(); got != 0 {
		t.Errorf("in the end the event has %d holds, want 0", got)
	}
	if got := w.state(t); got != event.Sold {
		t.Errorf("the attempt is %q, want %q", got, event.Sold)
	}
}
