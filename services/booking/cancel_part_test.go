package booking_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

// modelWorld is a world whose provider is in memory.
func modelWorld(t *testing.T) *model {
	t.Helper()
	m := newModel(func() store { return openSQLite(t) })
	m.begin()
	return m
}

func some(b booking.Booking, n int) booking.ToCancel {
	return booking.ToCancel{Items: []booking.Wanted{{TicketTypeID: b.Items[0].TicketTypeID, Quantity: n}}}
}

func TestTicketsAreCancelledInPart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	w.catalog.Charge(event, events.CancellationPolicy{FreeHours: 24 * 365, FeeBasisPoints: 1000})
	b := w.book(t, s, c, booking.Request{EventID: event, Tickets: 4})

	b, first, err := s.CancelTickets(t.Context(), c, b.ID, some(b, 1), "k1")
	if err != nil || b.Status != booking.Confirmed || b.TicketCount() != 3 || b.Total.AmountMinor != 3*2550 || !first.Done || first.All {
		t.Fatalf("one of four: %+v, %+v, %v", b, first, err)
	}
	if first.Price != price || first.Fee.AmountMinor != 255 || b.Refund(first.RefundID).Amount.AmountMinor != 2295 {
		t.Errorf("its money is %+v, %+v", first, b.Refunds)
	}
	if b.Payment.Status != booking.PaymentPartly || b.Refunded().AmountMinor != 2295 || w.available(t, event) != 2 {
		t.Errorf("payment %+v, refunded %v, %d tickets left", b.Payment, b.Refunded(), w.available(t, event))
	}
	wantSteps(t, b, "created reserved paid confirmed cancelling refunded returned tickets_cancelled")

	b, second, err := s.CancelTickets(t.Context(), c, b.ID, some(b, 3), "k2")
	if err != nil || b.Status != booking.Cancelled || !second.All || second.Fee.AmountMinor != 765 || len(b.Cancellations) != 2 {
		t.Fatalf("the rest: %+v, %v", b, err)
	}
	if sent := w.messages(t)[b.ID]; len(sent[events.TypeBookingItemsCancelled]) != 1 || len(sent[events.TypeBookingCancelled]) != 1 {
		t.Errorf("messages %+v", sent)
	}
	w.check(t)
}

// The fee is rounded once per cancellation, half up and then down to what the
// provider can give back the rest of. It is due only after the free hours.
func TestTheFeeIsThatOfThePolicy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy  events.CancellationPolicy
		price   money.Amount
		tickets int
		before  time.Duration // the start
		fee     int64
	}{
		"free by default":                   {events.CancellationPolicy{}, price, 2, time.Minute, 0},
		"on the last free moment":           {events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 5000}, price, 1, 48 * time.Hour, 0},
		"a moment later":                    {events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 5000}, price, 1, 48*time.Hour - time.Microsecond, 1275},
		"half a cent is one":                {events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 1000}, money.Amount{AmountMinor: 5, Currency: "EUR"}, 1, time.Hour, 1},
		"once, not for each ticket":         {events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 1000}, money.Amount{AmountMinor: 5, Currency: "EUR"}, 3, time.Hour, 2},
		"a currency without a smaller unit": {events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 3333}, money.Amount{AmountMinor: 1000, Currency: "JPY"}, 1, time.Hour, 333},
		"thousandths, in the customer's favour": {
			events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 1000}, money.Amount{AmountMinor: 5550, Currency: "KWD"}, 1, time.Hour, 550,
		},
		"no more than the price": {
			events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 10_000}, money.Amount{AmountMinor: 5555, Currency: "KWD"}, 1, time.Hour, 5550,
		},
		"all of it":                         {events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 10_000}, price, 2, time.Hour, 5100},
		"without free hours from the start": {events.CancellationPolicy{FeeBasisPoints: 2500}, price, 1, time.Hour, 0},
		"of what was free":                  {events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 2500}, money.Amount{Currency: "EUR"}, 1, time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			event, customer, s := w.newEvent(c.price), w.newCustomer(), w.service(nil)
			w.catalog.Charge(event, c.policy)
			b := w.book(t, s, customer, booking.Request{EventID: event, Tickets: c.tickets})
			w.clock.Store(bookingtest.StartsAt.Add(-c.before).UnixMicro())
			b, err := s.Cancel(t.Context(), customer, b.ID)
			if err != nil || b.Status != booking.Cancelled || b.Cancellations[0].Fee.AmountMinor != c.fee {
				t.Errorf("cancelled with %+v, %v, want a fee of %d", b.Cancellations, err, c.fee)
			}
			w.check(t)
		})
	}
}

func TestACancellationInPartIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	b := w.book(t, s, c, booking.Request{EventID: event, Tickets: 2, IdempotencyKey: "booked"})
	stranger := w.newCustomer()
	for name, test := range map[string]struct {
		id   string
		want booking.ToCancel
		key  string
		err  error // nil where it is invalid
	}{
		"no such booking":       {uuid.NewString(), some(b, 1), "k", booking.ErrNotFound},
		"more than it has":      {b.ID, some(b, 3), "k", booking.ErrTicketsNotBooked},
		"of another type":       {b.ID, booking.ToCancel{Items: []booking.Wanted{{TicketTypeID: uuid.NewString(), Quantity: 1}}}, "k", booking.ErrTicketsNotBooked},
		"the key of a booking":  {b.ID, some(b, 1), "booked", booking.ErrKeyReused},
		"a key that is no text": {b.ID, some(b, 1), "ü", nil},
		"no key":                {b.ID, some(b, 1), "", nil},
		"nothing":               {b.ID, booking.ToCancel{}, "k", nil},
	} {
		_, _, err := s.CancelTickets(t.Context(), c, test.id, test.want, test.key)
		var invalid problem.Invalid
		if test.err == nil && !errors.As(err, &invalid) {
			t.Errorf("%s: %v, want what is invalid", name, err)
		}
		if test.err != nil && !errors.Is(err, test.err) {
			t.Errorf("%s: %v, want %v", name, err, test.err)
		}
	}
	_, _, err := s.CancelTickets(t.Context(), stranger, b.ID, some(b, 1), "k")
	wantErr(t, err, booking.ErrForbidden)
	w.clock.Store(bookingtest.StartsAt.UnixMicro())
	_, _, err = s.CancelTickets(t.Context(), c, b.ID, some(b, 1), "k")
	wantErr(t, err, booking.ErrNotCancellable)
	if again := w.get(t, b.ID); again.Version != b.Version {
		t.Errorf("the booking has changed: %+v", again)
	}
	w.check(t)
}

func TestACancellationIsMadeOncePerKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	b := w.book(t, s, c, booking.Request{EventID: event, Tickets: 5})
	var ids sync.Map
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			_, made, err := s.CancelTickets(t.Context(), c, b.ID, some(b, 1), "k")
			if err == nil {
				ids.Store(made.ID, true)
			} else {
				wantErr(t, err, booking.ErrInProgress)
			}
		})
	}
	wg.Wait()
	n := 0
	ids.Range(func(any, any) bool { n++; return true })
	if b = w.get(t, b.ID); n != 1 || len(b.Cancellations) != 1 || b.TicketCount() != 4 {
		t.Errorf("%d cancellations were answered, the booking is %+v", n, b)
	}
	_, _, err := s.CancelTickets(t.Context(), c, b.ID, some(b, 2), "k")
	wantErr(t, err, booking.ErrKeyReused)
	_, again, err := s.CancelTickets(t.Context(), c, b.ID, some(b, 1), "k")
	if err != nil || again.ID != b.Cancellations[0].ID {
		t.Errorf("the same again: %+v, %v", again, err)
	}
	w.check(t)
}

// The same key of another caller is another key, on the same booking too.
func TestTheKeyOfACancellationIsItsCallers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	b := w.book(t, s, c, booking.Request{EventID: event, Tickets: 5})
	_, own, err := s.CancelTickets(t.Context(), c, b.ID, some(b, 1), "k")
	_, admins, adminErr := s.CancelTickets(t.Context(), admin, b.ID, some(b, 2), "k")
	if err != nil || adminErr != nil || own.ID == admins.ID {
		t.Fatalf("%+v, %v; %+v, %v", own, err, admins, adminErr)
	}
	if _, again, err := s.CancelTickets(t.Context(), admin, b.ID, some(b, 2), "k"); err != nil || again.ID != admins.ID {
		t.Errorf("the admin's again: %+v, %v, want %s", again, err, admins.ID)
	}
	w.check(t)
}

// Wherever the process dies, the cancellation comes to its end once.
func TestACancellationInPartSurvivesACrash(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 8; n++ {
		for _, effect := range []bool{false, true} {
			w := newWorld(t)
			event, c := w.newEvent(price), w.newCustomer()
			b := w.book(t, w.service(nil), c, booking.Request{EventID: event, Tickets: 3})
			_, _, err := w.service(dies(n, effect)).CancelTickets(t.Context(), c, b.ID, some(b, 2), "k")
			w.recover(t)
			again, made, retryErr := w.service(nil).CancelTickets(t.Context(), c, b.ID, some(b, 2), "k")
			if retryErr != nil || !made.Done || again.TicketCount() != 1 || len(again.Cancellations) != 1 {
				t.Errorf("dead at call %d (%v, %v): %+v, %v", n, effect, err, again, retryErr)
			}
			w.check(t)
		}
	}
}

// A refund that the provider refuses is tried again, and then left to the
// operator: the tickets need not wait for it.
func TestARefundThatIsRefusedIsDue(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	refusals := 0
	m.pay.Refuse = func(booking.RefundRequest) bool { refusals++; return true }
	event, c, s := m.newEvent(price), m.newCustomer(), m.service(nil)
	b := m.book(t, s, c, booking.Request{EventID: event, Tickets: 2, PaymentToken: bookingtest.Good})
	b, _, err := s.CancelTickets(t.Context(), c, b.ID, some(b, 1), "k")
	if err != nil || b.Status != booking.Confirmed || b.Open() == nil {
		t.Fatalf("booking %+v, %v", b, err)
	}
	_, _, err = s.CancelTickets(t.Context(), c, b.ID, some(b, 1), "k2")
	wantErr(t, err, booking.ErrInProgress)
	_, err = s.Cancel(t.Context(), c, b.ID)
	wantErr(t, err, booking.ErrInProgress)
	m.recover(t)
	b = m.get(t, b.ID)
	if b.Refunds[0].Status != booking.RefundDue || b.RefundsDue() != 1 || refusals != 5 || m.available(t, event) != capacity-1 {
		t.Errorf("after %d refusals the booking is %+v", refusals, b)
	}
	if told := m.messages(t)[b.ID][events.TypeBookingItemsCancelled]; len(told) != 1 || !told[0].Cancellation.RefundDue {
		t.Errorf("the customer is told %+v", told)
	}
}

// A ticket that two requests give back at a time is given back by one of them.
func TestATicketIsGivenBackOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	b := w.book(t, s, c, booking.Request{EventID: event, Tickets: 2})
	last := booking.ToCancel{Tickets: []string{booking.TicketID(b.ID, 2)}}
	var mu sync.Mutex
	refused := map[error]int{}
	var racers sync.WaitGroup
	for range 8 {
		racers.Go(func() {
			for {
				_, _, err := s.CancelTickets(t.Context(), c, b.ID, last, uuid.NewString())
				if errors.Is(err, booking.ErrInProgress) {
					continue // as its code says
				}
				mu.Lock()
				refused[err]++
				mu.Unlock()
				return
			}
		})
	}
	racers.Wait()
	if refused[booking.ErrTicketCancelled] != 7 || len(refused) != 2 {
		t.Errorf("eight requests for one ticket: %v", refused)
	}
	_, _, err := s.CancelTickets(t.Context(), c, b.ID, last, "again")
	wantErr(t, err, booking.ErrTicketCancelled)
	// By type the other one goes, which by its id is then gone, too.
	if b, _, err = s.CancelTickets(t.Context(), c, b.ID, some(b, 1), "by-type"); err != nil || b.Status != booking.Cancelled {
		t.Fatalf("the rest: %s, %v", b.Status, err)
	}
	wantStatuses(t, b, gone, gone)
	w.check(t)
}
