package booking_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// statuses are those of b's tickets, by number.
func statuses(b booking.Booking) (all []booking.TicketStatus) {
	for _, t := range b.Tickets() {
		all = append(all, t.Status)
	}
	return all
}

func wantStatuses(t *testing.T, b booking.Booking, want ...booking.TicketStatus) {
	t.Helper()
	if d := cmp.Diff(want, statuses(b)); d != "" {
		t.Errorf("tickets (-want +got):\n%s", d)
	}
}

const held, valid, gone = booking.TicketHeld, booking.TicketValid, booking.TicketCancelled

func TestEachSeatIsATicket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, types := w.catalog.NewEvent(
		booking.TicketType{Name: "Parkett", Price: price, Available: 5},
		booking.TicketType{Name: "Rang", Price: money.Amount{AmountMinor: 100, Currency: "EUR"}, Available: 5})
	c, s := w.newCustomer(), w.service(nil)
	b, err := s.Create(t.Context(), c, booking.Request{
		EventID: event, Items: []booking.Wanted{{types[1], 1}, {types[0], 2}}, Checkout: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	wantStatuses(t, b, held, held, held)
	b, err = s.Pay(t.Context(), c, b.ID, "tok_visa", "pay")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ids := map[string]bool{}
	for i, ticket := range b.Tickets() {
		names = append(names, ticket.Item.Name)
		ids[ticket.ID] = true
		if ticket.Number != i+1 || ticket.ID != booking.TicketID(b.ID, i+1) || uuid.Validate(ticket.ID) != nil {
			t.Errorf("ticket %d has the number %d and the id %s", i+1, ticket.Number, ticket.ID)
		}
		if ticket.Holder != (booking.Holder{Name: c.Name, Email: c.Email}) || ticket.Issue != 1 {
			t.Errorf("its holder is %+v, its issue %d", ticket.Holder, ticket.Issue)
		}
	}
	if d := cmp.Diff([]string{"Rang", "Parkett", "Parkett"}, names); d != "" || len(ids) != 3 {
		t.Errorf("%d ids; types (-want +got):\n%s", len(ids), d)
	}
	wantStatuses(t, b, valid, valid, valid)
}

// A name-based id is pinned: what was printed once must be found.
func TestTheIDOfATicketIsPinned(t *testing.T) {
	t.Parallel()
	if id := booking.TicketID("01890a5d-ac96-774b-bcce-b302099a8057", 1); id != "daedb703-4bff-5b34-93e4-5a607cc27fe1" {
		t.Errorf("its id is %s", id)
	}
}

func TestByTypeTheHighestNumbersAreGivenBackFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	b := w.book(t, s, c, booking.Request{EventID: event, Tickets: 4})
	b, _, err := s.CancelTickets(t.Context(), c, b.ID, some(b, 1), "k1")
	if err != nil {
		t.Fatal(err)
	}
	wantStatuses(t, b, valid, valid, valid, gone)
	b, done, err := s.CancelTickets(t.Context(), c, b.ID, some(b, 2), "k2")
	if err != nil || !slices.Equal(done.Tickets, []int{2, 3}) {
		t.Fatalf("tickets %v, %v", done.Tickets, err)
	}
	wantStatuses(t, b, valid, gone, gone, gone)
	if b, err = s.Cancel(t.Context(), c, b.ID); err != nil {
		t.Fatal(err)
	}
	wantStatuses(t, b, gone, gone, gone, gone)
	w.check(t)
}

// What is being given back is not valid from the moment that it begins, and the
// message about it is part of that change.
func TestTicketsAreNotValidFromTheBeginningOfTheirCancellation(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]struct {
		by   func(w *world, s *booking.Service, b booking.Booking)
		want []booking.TicketStatus
	}{
		"in part": {func(w *world, s *booking.Service, b booking.Booking) {
			_, _, _ = s.CancelTickets(t.Context(), admin, b.ID, some(b, 1), "k")
		}, []booking.TicketStatus{valid, gone}},
		"all": {func(w *world, s *booking.Service, b booking.Booking) {
			_, _ = s.Cancel(t.Context(), admin, b.ID)
		}, []booking.TicketStatus{gone, gone}},
		"the event": {func(w *world, s *booking.Service, b booking.Booking) {
			if err := w.cancelEvent(t.Context(), w.service(nil), b.EventID); err != nil {
				t.Error(err)
			}
			if err := w.recoverOnce(t, s); err != nil {
				t.Error(err)
			}
		}, []booking.TicketStatus{gone, gone}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			event, c := w.newEvent(price), w.newCustomer()
			b := w.book(t, w.service(nil), c, booking.Request{EventID: event, Tickets: 2})
			// Its refund gets no answer.
			begin.by(w, w.service(&faults{before: only("Refund", unknown)}), b)
			b = w.get(t, b.ID)
			if b.Open() == nil {
				t.Fatalf("it is %s, without a cancellation under way", b.Status)
			}
			wantStatuses(t, b, begin.want...)
			sent := w.messages(t)[b.ID][events.TypeBookingTicketsChanged]
			if len(sent) != 1 || sent[0].Status != string(b.Status) || !sent[0].Refunded.IsZero() || sent[0].Cancellation != nil {
				t.Fatalf("messages %+v", sent)
			}
			if d := cmp.Diff(told(b), sent[0].Tickets); d != "" {
				t.Errorf("the message's tickets (-want +got):\n%s", d)
			}
			w.recover(t)
			w.check(t)
		})
	}
}

// Bookings of earlier releases have cancellations that say nothing of tickets.
func TestTicketsOfEarlierReleasesStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		s := w.service(nil)
		types := []string{uuid.NewString(), uuid.NewString(), uuid.NewString()}
		var items []events.Item
		free := money.Amount{Currency: "EUR"}
		for _, id := range types {
			items = append(items, events.Item{TicketTypeID: id, Quantity: rapid.IntRange(1, 3).Draw(rt, "quantity"), UnitPrice: free})
		}
		b := booking.Booking{
			ID: uuid.NewString(), UserID: admin.UserID, EventID: uuid.NewString(), Items: items, Total: free, Status: booking.Confirmed, Attempt: 1, Version: 1,
			Event: events.Event{StartsAt: w.now().AddDate(1, 0, 0)}, CreatedAt: w.now(), UpdatedAt: w.now(),
		}
		earlier := func(typeID string, n int) {
			at := slices.IndexFunc(b.Items, func(it events.Item) bool { return it.TicketTypeID == typeID })
			if at < 0 || b.TicketCount() <= n || b.Items[at].Quantity < n {
				return
			}
			it := b.Items[at]
			it.Quantity = n
			b.Cancellations = append(b.Cancellations, booking.Cancellation{ID: uuid.NewString(), Items: []events.Item{it}, Done: true})
			b.Items = slices.Clone(b.Items)
			if b.Items[at].Quantity -= n; b.Items[at].Quantity == 0 {
				b.Items = slices.Delete(b.Items, at, at+1)
			}
		}
		for range rapid.IntRange(0, 4).Draw(rt, "cancellations before") {
			earlier(rapid.SampledFrom(types).Draw(rt, "type"), rapid.IntRange(1, 2).Draw(rt, "tickets"))
		}
		if err := w.store.Create(t.Context(), b, booking.Key{}, nil); err != nil {
			rt.Fatal(err)
		}
		for b.Status == booking.Confirmed {
			before := b.Tickets()
			var left []string
			for _, ticket := range before {
				if ticket.Status == valid {
					left = append(left, ticket.ID)
				}
			}
			id := rapid.SampledFrom(left).Draw(rt, "ticket")
			if _, _, err := s.CancelTickets(t.Context(), admin, b.ID, booking.ToCancel{Tickets: []string{id}}, uuid.NewString()); err != nil {
				rt.Fatal(err)
			}
			b = w.get(t, b.ID)
			for i, ticket := range b.Tickets() {
				was := before[i]
				if ticket.ID == id {
					was.Status = gone
				}
				if d := cmp.Diff(was, ticket); d != "" {
					rt.Fatalf("after %s was given back, ticket %d (-before +after):\n%s", id, i+1, d)
				}
			}
		}
	})
}

// Of A, A and B an earlier release has given an A back. Without numbers of its own it would
// move behind B once the other A goes.
func TestAnOldCancellationIsNumberedBeforeTheNextOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	free := money.Amount{Currency: "EUR"}
	item := func(id string) events.Item { return events.Item{TicketTypeID: id, Quantity: 1, UnitPrice: free} }
	typeA, typeB := uuid.NewString(), uuid.NewString()
	b := booking.Booking{
		ID: uuid.NewString(), UserID: admin.UserID, EventID: uuid.NewString(), Total: free, Status: booking.Confirmed, Attempt: 1, Version: 1,
		Event: events.Event{StartsAt: w.now().AddDate(1, 0, 0)}, CreatedAt: w.now(), UpdatedAt: w.now(),
		Items:         []events.Item{item(typeA), item(typeB)},
		Cancellations: []booking.Cancellation{{ID: uuid.NewString(), Items: []events.Item{item(typeA)}, Done: true}},
	}
	if err := w.store.Create(t.Context(), b, booking.Key{}, nil); err != nil {
		t.Fatal(err)
	}
	b, _, err := w.service(nil).CancelTickets(t.Context(), admin, b.ID, booking.ToCancel{Tickets: []string{booking.TicketID(b.ID, 1)}}, "k")
	if err != nil {
		t.Fatal(err)
	}
	wantStatuses(t, b, gone, gone, valid)
	if last := b.Tickets()[2]; last.Item.TicketTypeID != typeB {
		t.Errorf("ticket 3 is of type %s, want %s", last.Item.TicketTypeID, typeB)
	}
	if first := b.Cancellations[0].Tickets; !slices.Equal(first, []int{2}) {
		t.Errorf("the old cancellation has the tickets %v", first)
	}
}
