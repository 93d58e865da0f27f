package booking_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
)

// toldPayments is a provider of which only the settlements matter.
type toldPayments struct {
	booking.Payments
	down     atomic.Bool
	captured atomic.Bool
	hangs    sync.Map // bookings that are answered when their channels are closed
}

func (p *toldPayments) Settle(_ context.Context, u booking.Unsettled) (booking.Settlement, error) {
	if answer, ok := p.hangs.Load(u.BookingID); ok {
		<-answer.(chan struct{})
	}
	if p.down.Load() {
		return booking.Settlement{}, booking.ErrOutcomeUnknown
	}
	if !p.captured.Load() {
		return booking.Settlement{}, nil
	}
	return booking.Settlement{Captured: true, Reference: "pi_1", Amount: money.Amount{AmountMinor: 1, Currency: "EUR"}}, nil
}

// listener is a service that does nothing but hear.
type listener struct {
	*booking.Service
	store    *sqlite.Store
	payments *toldPayments
}

func newListener(t *testing.T) listener {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "booking.db"))
	if err != nil {
		t.Fatal(err)
	}
	l := listener{store: store, payments: &toldPayments{}}
	l.Service = booking.New(booking.Options{
		Store: store, Payments: l.payments, PaymentEvents: store.PaymentEvents(), Log: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- l.Hear(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, store.Close()); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l listener) create(t *testing.T, status booking.Status, lease booking.Lease) string {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	b := booking.Booking{
		ID: uuid.NewString(), UserID: "u", Status: status, Version: 1, CreatedAt: now, UpdatedAt: now, Lease: lease,
		Payment: booking.Payment{Provider: "stripe", Reference: "pi_1", Status: booking.PaymentOpen},
	}
	if status == booking.Failed {
		b.Reason = problem.PaymentAbandoned
	}
	if err := l.store.Create(t.Context(), b, booking.Key{}, nil); err != nil {
		t.Fatal(err)
	}
	return b.ID
}

func (l listener) tell(t *testing.T, bookingID string) {
	t.Helper()
	e := booking.PaymentEvent{ID: uuid.NewString(), Type: "payment_intent.succeeded", BookingID: bookingID}
	for range 2 { // providers repeat themselves
		if err := l.KeepPaymentEvent(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func (l listener) get(t *testing.T, id string) booking.Booking {
	t.Helper()
	b, err := l.store.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// open says whether anything is unhandled.
func (l listener) open(t *testing.T) bool {
	t.Helper()
	events, err := l.store.PaymentEvents().Unhandled(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	return len(events) > 0
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not so in 30 s: %s", what)
		}
	}
}

func TestALatePaymentIsHeard(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	id := l.create(t, booking.Failed, booking.Lease{})
	l.payments.captured.Store(true)
	l.tell(t, id)
	until(t, "the booking is taken up again", func() bool { return l.get(t, id).Status == booking.Pending })
	until(t, "the event is handled", func() bool { return !l.open(t) })
}

func TestWhatIsPendingIsSettledAtOnceWhenThePaymentIsHeardOf(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	id := l.create(t, booking.Pending, booking.Lease{Until: time.Now().Add(10 * time.Minute)})
	l.tell(t, id)
	until(t, "the event is handled", func() bool { return !l.open(t) })
	if until := l.get(t, id).Lease.Until; until.After(time.Now()) {
		t.Errorf("it is taken up at %v", until)
	}
}

func TestEventsAboutNothingOfOursAreHandled(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	l.tell(t, "")
	if l.open(t) {
		t.Error("an event about no booking is kept as unhandled")
	}
	l.tell(t, uuid.NewString())
	l.tell(t, "no id at all")
	l.tell(t, l.create(t, booking.Confirmed, booking.Lease{}))
	until(t, "they are handled", func() bool { return !l.open(t) })
}

// What cannot be done now is tried until it can, and holds up no other event.
func TestEventsAreTriedAgain(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	l.payments.down.Store(true)
	driven := l.create(t, booking.Pending, booking.Lease{Token: "driver", Until: time.Now().Add(time.Hour)})
	failed := l.create(t, booking.Failed, booking.Lease{})
	l.tell(t, driven)
	l.tell(t, failed)
	waiting := l.create(t, booking.Pending, booking.Lease{Until: time.Now().Add(time.Hour)})
	l.tell(t, waiting)
	until(t, "the other is settled", func() bool { return l.get(t, waiting).Lease.Until.Before(time.Now()) })
	if !l.open(t) {
		t.Error("what could not be done is handled")
	}
	l.payments.down.Store(false)
	if _, err := l.store.Update(t.Context(), driven, "driver", func(b *booking.Booking) error {
		b.Lease = booking.Lease{}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	until(t, "all are handled", func() bool { return !l.open(t) })
}

// An event of which the provider does not answer holds up no other.
func TestAnEventThatTakesLongHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	l.payments.captured.Store(true)
	answer := make(chan struct{})
	answered := sync.OnceFunc(func() { close(answer) })
	t.Cleanup(answered) // before the listener's
	for range 3 {
		slow := l.create(t, booking.Failed, booking.Lease{})
		l.payments.hangs.Store(slow, answer)
		l.tell(t, slow)
	}
	quick := l.create(t, booking.Failed, booking.Lease{})
	l.tell(t, quick)
	until(t, "the quick one is handled", func() bool { return l.get(t, quick).Status == booking.Pending })
	if !l.open(t) {
		t.Error("the others are handled without an answer")
	}
	answered()
	until(t, "all are handled", func() bool { return !l.open(t) })
}

// brokenEvents keeps nothing.
type brokenEvents struct{ booking.PaymentEvents }

var errBroken = errors.New("the disk is full")

func (brokenEvents) Keep(context.Context, booking.PaymentEvent) (bool, error) {
	return false, errBroken
}

func TestAnEventThatIsNotKeptIsNotTaken(t *testing.T) {
	t.Parallel()
	s := booking.New(booking.Options{PaymentEvents: brokenEvents{}, Log: slog.New(slog.DiscardHandler)})
	if err := s.KeepPaymentEvent(t.Context(), booking.PaymentEvent{ID: "e", BookingID: "b"}); !errors.Is(err, errBroken) {
		t.Errorf("error %v", err)
	}
}
