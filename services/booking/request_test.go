package booking_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
)

func TestARequestThatMakesNoSenseSaysWhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, kind, c, s := w.newEvent(price), uuid.NewString(), w.newCustomer(), w.service(nil)
	items := func(quantities ...int) (items []booking.Wanted) {
		for _, n := range quantities {
			items = append(items, booking.Wanted{TicketTypeID: uuid.NewString(), Quantity: n})
		}
		return items
	}
	for name, r := range map[string]struct {
		r    booking.Request
		want []string
	}{
		"nothing":       {booking.Request{}, []string{"event_id", "tickets"}},
		"both":          {booking.Request{EventID: event, Tickets: 1, Items: items(1)}, []string{"items"}},
		"no tickets":    {booking.Request{EventID: event}, []string{"tickets"}},
		"negative":      {booking.Request{EventID: event, Tickets: -1}, []string{"tickets"}},
		"most negative": {booking.Request{EventID: event, Tickets: math.MinInt}, []string{"tickets"}},
		"too many":      {booking.Request{EventID: event, Tickets: booking.MaxTickets + 1}, []string{""}},
		"far too many":  {booking.Request{EventID: event, Tickets: math.MaxInt}, []string{""}},
		"quantities": {booking.Request{EventID: event, Items: items(0, 1, -5, math.MaxInt)},
			[]string{"items[0].quantity", "items[2].quantity", "items[3].quantity"}},
		"too many in sum": {booking.Request{EventID: event, Items: items(10, 10, 1)}, []string{""}},
		"ids": {booking.Request{EventID: "../users", Items: []booking.Wanted{{TicketTypeID: "x", Quantity: 1}}},
			[]string{"event_id", "items[0].ticket_type_id"}},
		"twice": {booking.Request{EventID: event, Items: []booking.Wanted{
			{TicketTypeID: kind, Quantity: 1}, {TicketTypeID: strings.ToUpper(kind), Quantity: 1}}}, []string{"items[1].ticket_type_id"}},
		"long key":   {booking.Request{EventID: event, Tickets: 1, IdempotencyKey: strings.Repeat("k", 256)}, []string{"idempotency_key"}},
		"odd key":    {booking.Request{EventID: event, Tickets: 1, IdempotencyKey: "a b"}, []string{"idempotency_key"}},
		"other key":  {booking.Request{EventID: event, Tickets: 1, IdempotencyKey: "clé"}, []string{"idempotency_key"}},
		"long token": {booking.Request{EventID: event, Tickets: 1, PaymentToken: strings.Repeat("t", 256)}, []string{"payment.token"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.create(t.Context(), s, c, r.r)
			var invalid problem.Invalid
			if !errors.As(err, &invalid) {
				t.Fatalf("error %v, want problem.Invalid", err)
			}
			var got []string
			for _, f := range invalid {
				got = append(got, f.Name)
			}
			if diff := cmp.Diff(r.want, got); diff != "" {
				t.Errorf("where (-want +got):\n%s", diff)
			}
		})
	}
	w.wantBookings(t, 0)
}

func TestAListIsTheCallersNewestFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	var want []string
	for range 3 {
		want = append(want, w.book(t, s, c, booking.Request{EventID: event, Tickets: 1}).ID)
	}
	w.book(t, s, w.newCustomer(), booking.Request{EventID: event, Tickets: 1})
	slices.Reverse(want)
	var got []string
	for q := (booking.Query{UserID: c.UserID, Limit: 2}); ; q.After = got[len(got)-1] {
		page, err := s.List(t.Context(), c, q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, b := range page {
			got = append(got, b.ID)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}
