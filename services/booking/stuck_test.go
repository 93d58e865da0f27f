package booking_test

import (
	"context"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
)

// startRecovery runs s's recovery until the test ends.
func startRecovery(t *testing.T, s *booking.Service) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.Recover(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// panicsAt is the payment provider's adapter with a defect that shows at one
// booking.
type panicsAt struct {
	booking.Payments
	id atomic.Value // string
}

func (p *panicsAt) Settle(ctx context.Context, u booking.Unsettled) (booking.Settlement, error) {
	if u.BookingID == p.id.Load() {
		panic("a defect")
	}
	return p.Payments.Settle(ctx, u)
}

// unsettled are two bookings that recovery has to settle, and a service that
// panics at the first.
func unsettled(t *testing.T) (w *world, s *booking.Service, first, second booking.Booking, defect *panicsAt) {
	t.Helper()
	w = newWorld(t)
	event := w.newEvent(price)
	first = w.pay(t, &faults{after: only("Charge", unknown)}, w.newCustomer(), event)
	second = w.pay(t, &faults{after: only("Charge", unknown)}, w.newCustomer(), event)
	defect = &panicsAt{Payments: w.payments}
	defect.id.Store(first.ID)
	w.payments = defect
	w.advance(time.Minute)
	s = w.service(nil)
	startRecovery(t, s)
	return w, s, first, second, defect
}

func stuckIDs(t *testing.T, s *booking.Service) (ids []string) {
	t.Helper()
	page, err := s.Stuck(t.Context(), admin, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range page {
		ids = append(ids, b.ID)
	}
	return ids
}

func TestABookingThatRecoveryPanicsAtKeepsUpNoOther(t *testing.T) {
	t.Parallel()
	w, _, _, second, _ := unsettled(t)
	until(t, "the other booking is confirmed", func() bool { return w.get(t, second.ID).Status == booking.Confirmed })
}

// It is set aside, too, if the panic comes while recovery puts it off.
func TestABookingThatRecoveryPanicsAtWhilePuttingItOffIsSetAside(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.newEvent(price)
	first := w.pay(t, &faults{after: only("Charge", unknown)}, w.newCustomer(), event)
	w.advance(time.Minute)
	s := w.service(&faults{before: func(call string) error {
		switch call {
		case "Settle":
			return booking.ErrOutcomeUnknown
		case "Update":
			panic("a defect")
		}
		return nil
	}})
	startRecovery(t, s)
	until(t, "the booking is set aside", func() bool { ids := stuckIDs(t, s); return len(ids) == 1 && ids[0] == first.ID })
}

func TestABookingThatRecoveryPanicsAtIsListedAndRetriedLater(t *testing.T) {
	t.Parallel()
	w, s, first, _, defect := unsettled(t)
	until(t, "the booking is set aside", func() bool { return len(stuckIDs(t, s)) == 1 })
	page, err := s.Stuck(t.Context(), admin, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	if b := page[0]; b.ID != first.ID || b.Error != "panic: a defect" || !b.RetryAt.Equal(b.Since.Add(10*time.Second)) {
		t.Errorf("set aside is %+v, want %s for 10 s", b, first.ID)
	}
	defect.id.Store("")
	w.advance(10 * time.Second)
	until(t, "the booking is confirmed", func() bool { return w.get(t, first.ID).Status == booking.Confirmed })
	if ids := stuckIDs(t, s); len(ids) > 0 {
		t.Errorf("still set aside: %v", ids)
	}
}

func TestTheNextPauseIsLonger(t *testing.T) {
	t.Parallel()
	w, s, first, _, _ := unsettled(t)
	until(t, "the booking is set aside", func() bool { return len(stuckIDs(t, s)) == 1 })
	w.advance(10 * time.Second)
	until(t, "the booking is set aside again", func() bool { return w.get(t, first.ID).Tries == 2 && w.get(t, first.ID).Lease.Token == "" })
	b := w.get(t, first.ID)
	if pause := b.Lease.Until.Sub(w.now()); pause != 20*time.Second {
		t.Errorf("the second pause is %s, want 20s", pause)
	}
}

func TestAnAdminRetriesABookingThatIsSetAside(t *testing.T) {
	t.Parallel()
	w, s, first, _, defect := unsettled(t)
	until(t, "the booking is set aside", func() bool { return len(stuckIDs(t, s)) == 1 })
	wantErr(t, s.RetryStuck(t.Context(), w.newCustomer(), first.ID), booking.ErrForbidden)
	defect.id.Store("")
	if err := s.RetryStuck(t.Context(), admin, first.ID); err != nil {
		t.Fatal(err)
	}
	until(t, "the booking is confirmed", func() bool { return w.get(t, first.ID).Status == booking.Confirmed })
}

// A claim that panics is a claim that failed.
func TestRecoveryOutlivesAPanicOfItsStore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.pay(t, &faults{after: only("Charge", unknown)}, w.newCustomer(), w.newEvent(price))
	w.advance(time.Minute)
	startRecovery(t, w.service(&faults{before: once("Claim", func() { panic("a defect") })}))
	until(t, "the booking is confirmed", func() bool { return w.get(t, b.ID).Status == booking.Confirmed })
}

// A message that cannot be written, about an event that starts in the year
// 10000, leaves its booking to recovery and ends no process.
func TestAMessageThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.pay(t, &faults{after: only("Charge", unknown)}, w.newCustomer(), w.newEvent(price))
	w.advance(time.Minute)
	s := w.service(nil)
	f := s.Catalog.(*faults)
	f.Catalog = year10000{w.catalog}
	w.recoverOnce(t, s) //nolint:errcheck // it ends with its context
	if got := w.get(t, b.ID); got.Status != booking.Pending || got.Tries != 1 {
		t.Errorf("the booking is %s after %d tries, want it PENDING after one", got.Status, got.Tries)
	}
	if ids := stuckIDs(t, s); len(ids) > 0 {
		t.Errorf("set aside: %v", ids)
	}
}

// A customer who has paid is told so, also where the confirmation cannot be written.
func TestAPaidBookingThatCannotBeConfirmedIsAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.service(nil)
	s.Catalog.(*faults).Catalog = year10000{w.catalog}
	b, err := w.create(t.Context(), s, w.newCustomer(), booking.Request{EventID: w.newEvent(price), Tickets: 1})
	if err != nil || b.Status != booking.Pending || b.Payment.Status != booking.PaymentCaptured {
		t.Fatalf("the booking is %s, paid %s, %v", b.Status, b.Payment.Status, err)
	}
}

type year10000 struct{ booking.Catalog }

func (c year10000) Reserve(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
	reserved, err := c.Catalog.Reserve(ctx, r)
	reserved.Event.StartsAt = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)
	return reserved, err
}

// countsAside counts the bookings that are set aside.
type countsAside struct {
	booking.StuckBookings
	calls atomic.Int64
}

func (c *countsAside) SetAside(ctx context.Context, id, lease string, s booking.Stuck) error {
	c.calls.Add(1)
	return c.StuckBookings.SetAside(ctx, id, lease, s)
}

// A booking that cannot be read is left out of its customer's list, which has
// the others, page by page, and is set aside, once.
func TestAListLeavesOutWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "booking.db")
	store, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w := newWorld(t)
	w.store = store
	event, c, s := w.newEvent(price), w.newCustomer(), w.service(nil)
	aside := &countsAside{StuckBookings: s.StuckBookings}
	s.StuckBookings = aside
	var ids []string
	for range 5 {
		ids = append([]string{w.book(t, s, c, booking.Request{EventID: event, Tickets: 1}).ID}, ids...)
	}
	for _, i := range []int{1, 2, 4} {
		plantest.Fill(t, path, `UPDATE bookings SET items = '{' WHERE id = '`+ids[i]+`'`)
	}
	for range 2 {
		var got []string
		for q := (booking.Query{UserID: c.UserID, Limit: 2}); ; {
			page, err := s.List(t.Context(), c, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range page {
				got = append(got, b.ID)
				q.After = b.ID
			}
			if len(page) < q.Limit {
				break
			}
		}
		if want := []string{ids[0], ids[3]}; !slices.Equal(got, want) {
			t.Errorf("listed %q, want %q", got, want)
		}
	}
	if got := aside.calls.Load(); got != 3 {
		t.Errorf("%d times a booking is set aside, want 3", got)
	}
	if got, want := stuckIDs(t, s), []string{ids[4], ids[2], ids[1]}; !slices.Equal(got, want) {
		t.Errorf("set aside are %q, want %q", got, want)
	}
}
