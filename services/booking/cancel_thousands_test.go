//go:build integration

package booking_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// A thousand bookings of a cancelled event (ten thousand in the long tier), fewer
// on SQLite for the sake of time, are cancelled, each refunded once and told once,
// although the process that does it dies half-way. By its name it runs without the
// race detector.
func TestBrokenPromisesAreCaughtInThousandsOfCancellations(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		cancelThousands(t, openSQLite(t), suitetest.Amount(500, 2_000))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		s, err := postgres.Open(t.Context(), postgresdb.Options{URL: pgtest.New(t, postgres.Migrate), Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		cancelThousands(t, s, suitetest.Amount(1_000, 10_000))
	})
}

func cancelThousands(t *testing.T, s store, n int) {
	pay := bookingtest.NewMemoryPayments()
	w := worldOf(s, pay, func(_ *testing.T, id string) (captured, refunded int64, entries int) { return pay.Ledger(id) })
	show, types := w.catalog.NewEvent(booking.TicketType{Name: "Parkett", Price: price, Available: n})
	began := time.Now()
	ids := w.confirmed(t, pay, show, types[0], n)
	loaded := time.Since(began)

	// The process dies when half of them have their money back: no call of it has
	// an effect any more.
	began = time.Now()
	var refunds atomic.Int64
	var dead atomic.Bool
	dies, died := context.WithCancel(t.Context())
	first := w.service(&faults{
		before: func(string) error {
			if dead.Load() {
				return errors.New("the process is dead")
			}
			return nil
		},
		after: func(call string) error {
			if call == "Refund" && refunds.Add(1) == int64(n/2) {
				dead.Store(true)
				died()
			}
			return nil
		},
	})
	if err := w.cancelEvent(t.Context(), first, show); err != nil {
		t.Fatal(err)
	}
	if err := first.Recover(dies); err != nil {
		t.Fatal(err)
	}
	half, err := w.store.Progress(t.Context(), show)
	if err != nil || half.Done() || half.Cancelled == 0 || half.Confirmed == 0 {
		t.Errorf("half-way: %+v, %v", half, err)
	}

	// Another begins when the leases of the dead one have ended.
	w.advance(time.Minute)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var working sync.WaitGroup
	working.Go(func() {
		if err := w.service(nil).Recover(ctx); err != nil {
			t.Error(err)
		}
	})
	var now booking.CancellationProgress
	for deadline := time.After(5 * time.Minute); err == nil && !now.Done() || now.EventID == ""; {
		select {
		case <-deadline:
			t.Fatalf("not done: %+v", now)
		case <-time.After(100 * time.Millisecond):
		}
		now, err = w.store.Progress(t.Context(), show)
	}
	took := time.Since(began)
	stop()
	working.Wait()
	if err != nil || now.Cancelled != n {
		t.Errorf("at the end: %+v, %v", now, err)
	}

	messages := w.messages(t)
	for _, id := range ids {
		captured, refunded, moves := pay.Ledger(id)
		if captured != refunded || moves != 2 {
			t.Errorf("booking %s: %d captured, %d refunded, in %d moves", id, captured, refunded, moves)
		}
		told := messages[id]
		for _, kind := range []string{events.TypeBookingTicketsChanged, events.TypeBookingCancelled} {
			if n := len(told[kind]); n != 1 {
				t.Errorf("booking %s: %d messages %s, want 1", id, n, kind)
			}
		}
		if len(told) != 2 {
			t.Errorf("booking %s: %d kinds of messages, want 2", id, len(told))
		}
		if b := w.get(t, id); b.Status != booking.Cancelled || len(b.Refunds) != 1 {
			t.Errorf("booking %s is %s, with %d refunds", id, b.Status, len(b.Refunds))
		}
		if t.Failed() {
			return
		}
	}
	if left := w.available(t, show); left != n || len(messages) != n {
		t.Errorf("%d tickets are back, and %d bookings told of", left, len(messages))
	}
	t.Logf("%d bookings of a cancelled event (made in %.1f s): %d cancelled when the process died, all %.1f s after the cancellation: %.0f a second",
		n, loaded.Seconds(), half.Cancelled, took.Seconds(), float64(n)/took.Seconds())
}

// confirmed stores n bookings as they are when all has gone well, each of one
// ticket.
func (w *world) confirmed(t *testing.T, pay *bookingtest.MemoryPayments, eventID, typeID string, n int) []string {
	t.Helper()
	c := w.newCustomer()
	ids := make([]string, n)
	var g sync.WaitGroup
	const makers = 8
	for maker := range makers {
		g.Go(func() {
			for i := maker; i < n && !t.Failed(); i += makers {
				b := booking.Booking{
					ID: uuid.Must(uuid.NewV7()).String(), UserID: c.UserID, UserEmail: c.Email, UserName: c.Name, EventID: eventID,
					Status: booking.Confirmed, Attempt: 1, Version: 1, CreatedAt: w.now(), UpdatedAt: w.now(),
					Items:    []events.Item{{TicketTypeID: typeID, Quantity: 1}},
					Timeline: []booking.Step{{At: w.now(), Step: "confirmed", By: c.UserID}},
				}
				ids[i] = b.ID
				if err := w.confirm(t.Context(), pay, b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	g.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return ids
}

// confirm stores b with its tickets and its payment.
func (w *world) confirm(ctx context.Context, pay *bookingtest.MemoryPayments, b booking.Booking) error {
	reserved, err := w.catalog.Reserve(ctx, booking.Reservation{EventID: b.EventID, BookingID: b.ID, Attempt: b.Attempt, Items: b.Items})
	if err != nil {
		return err
	}
	b.Event, b.Items, b.Total = reserved.Event, reserved.Items, reserved.Total
	charge := booking.Charge{BookingID: b.ID, Attempt: 1, Amount: b.Total, Token: bookingtest.Good}
	if charge.Reference, err = pay.Prepare(ctx, charge); err != nil {
		return err
	}
	if _, err := pay.Charge(ctx, charge); err != nil {
		return err
	}
	b.Payment = booking.Payment{Provider: pay.Provider(), Reference: charge.Reference, Status: booking.PaymentCaptured, Captured: b.Total}
	return w.store.Create(ctx, b, booking.Key{}, nil)
}
