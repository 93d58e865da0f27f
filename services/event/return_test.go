package event_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
)

// itemsCancelled is a message about so many tickets of e's first type.
func itemsCancelled(e *event.Event, booking, cancellation string, n int) events.Message {
	m := message(events.TypeBookingItemsCancelled, e, booking, 1)
	var err error
	m.Data, err = json.Marshal(events.Booking{
		BookingID: booking, Attempt: 1, Event: events.Event{ID: e.ID},
		Cancellation: &events.Cancellation{ID: cancellation, Items: []events.Item{{TicketTypeID: e.TicketTypes[0].ID, Quantity: n}}},
	})
	if err != nil {
		panic(err)
	}
	return m
}

// A cancellation in part gives its tickets back once, whether it is heard of
// by a call, by messages or by all of them.
func TestCancellationInPart(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	e := create(t, s)
	k := event.Key{EventID: e.ID, BookingID: uuid.NewString(), Attempt: 1}
	if _, err := s.Book(t.Context(), event.BookRequest{Key: k, Tickets: 5}); err != nil {
		t.Fatal(err)
	}
	available := func(want int) {
		t.Helper()
		if got, err := s.Get(t.Context(), e.ID); err != nil || got.Available() != want {
			t.Errorf("%d tickets are available (%v), want %d", got.Available(), err, want)
		}
	}
	id := uuid.NewString()
	m := itemsCancelled(e, k.BookingID, id, 2)
	for range 2 {
		for _, m := range []events.Message{m, m, itemsCancelled(e, k.BookingID, id, 2)} {
			if err := s.HandleBooking(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Return(t.Context(), k, id, []event.Request{{TicketTypeID: e.TicketTypes[0].ID, Quantity: 2}}); err != nil {
			t.Fatal(err)
		}
		available(7)
	}
	for name, refused := range map[string]events.Message{
		"other tickets":      itemsCancelled(e, k.BookingID, id, 1),
		"more than are left": itemsCancelled(e, k.BookingID, uuid.NewString(), 4),
	} {
		if err := s.HandleBooking(t.Context(), refused); !errors.Is(err, event.ErrBadMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	available(7)
	if err := s.HandleBooking(t.Context(), message(events.TypeBookingCancelled, e, k.BookingID, 1)); err != nil {
		t.Fatal(err)
	}
	available(10)
}

func TestCancellationInPartThatNobodyUnderstands(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	e := create(t, s)
	id := uuid.NewString()
	with := func(c *events.Cancellation) events.Message {
		m := message(events.TypeBookingItemsCancelled, e, id, 1)
		data, err := json.Marshal(events.Booking{BookingID: id, Attempt: 1, Event: events.Event{ID: e.ID}, Cancellation: c})
		if err != nil {
			panic(err)
		}
		m.Data = data
		return m
	}
	item := events.Item{TicketTypeID: e.TicketTypes[0].ID, Quantity: 1}
	for name, c := range map[string]*events.Cancellation{
		"none":         nil,
		"no id":        {Items: []events.Item{item}},
		"the id":       {ID: "x", Items: []events.Item{item}},
		"no items":     {ID: id},
		"a type twice": {ID: id, Items: []events.Item{item, item}},
		"no quantity":  {ID: id, Items: []events.Item{{TicketTypeID: item.TicketTypeID}}},
	} {
		if err := s.HandleBooking(t.Context(), with(c)); !errors.Is(err, event.ErrBadMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReturnRefusesWhatNoBookingCanHave(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	e := create(t, s)
	one := event.Request{TicketTypeID: e.TicketTypes[0].ID, Quantity: 1}
	k := event.Key{EventID: e.ID, BookingID: uuid.NewString(), Attempt: 1}
	for name, r := range map[string]struct {
		k     event.Key
		id    string
		items []event.Request
	}{
		"the id":     {k, "x", []event.Request{one}},
		"no items":   {k, uuid.NewString(), nil},
		"duplicate":  {k, uuid.NewString(), []event.Request{one, one}},
		"a zero":     {k, uuid.NewString(), []event.Request{{TicketTypeID: one.TicketTypeID}}},
		"negative":   {k, uuid.NewString(), []event.Request{{TicketTypeID: one.TicketTypeID, Quantity: -1}}},
		"too many":   {k, uuid.NewString(), []event.Request{{TicketTypeID: one.TicketTypeID, Quantity: 21}}},
		"booking id": {event.Key{EventID: e.ID, BookingID: "x", Attempt: 1}, uuid.NewString(), []event.Request{one}},
		"attempt":    {event.Key{EventID: e.ID, BookingID: k.BookingID}, uuid.NewString(), []event.Request{one}},
	} {
		var invalid problem.Invalid
		if err := s.Return(t.Context(), r.k, r.id, r.items); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	gone := event.Key{EventID: "x", BookingID: k.BookingID, Attempt: 1}
	if err := s.Return(t.Context(), gone, uuid.NewString(), []event.Request{one}); !errors.Is(err, event.ErrEventNotFound) {
		t.Errorf("an event that is none: %v", err)
	}
}
