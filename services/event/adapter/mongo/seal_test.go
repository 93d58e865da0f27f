//go:build integration

package mongo

import (
	"errors"
	"testing"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
)

// What an earlier release closed is closed: it left a closure and no record.
func TestWhatAnEarlierReleaseClosedStaysClosed(t *testing.T) {
	t.Parallel()
	o := database(t)
	s := openAt(t, o)
	w := newWorld(t, s.db)
	died := event.Key{EventID: w.e.ID, BookingID: uuid.NewString(), Attempt: 1}
	_, err := s.intend(t.Context(), died) // by a process that saw the closure and died
	must(t, err)
	for _, k := range []event.Key{{EventID: w.e.ID, BookingID: w.k.BookingID, Attempt: 2}, died} {
		_, err := s.closures.Insert(t.Context(), closureDoc{ID: closureID(k), EventID: k.EventID, BookingID: k.BookingID, Attempt: k.Attempt})
		must(t, err)
	}
	later := openAt(t, o)
	for _, k := range []event.Key{w.k, died} {
		if _, err := later.Reserve(t.Context(), k, wanted(w.e), now); !errors.Is(err, event.ErrReservationReleased) {
			t.Errorf("Reserve: %v, want ErrReservationReleased", err)
		}
	}
	if left, err := s.closures.One(t.Context(), bson.M{"sealed": absent}, nil, &closureDoc{}); err != nil || left {
		t.Errorf("a closure is not sealed: %v (error %v)", left, err)
	}
	w.k.Attempt = 3
	must(t, w.reserve(t.Context(), later))
}
