//go:build integration

package mongo

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/event"
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
