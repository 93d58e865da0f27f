// Package bookingtest is the contract of every port of package booking: one
// suite per port, which every adapter of it passes. It is imported by tests
// alone.
package bookingtest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// workers is how many race in the tests of races.
const workers = 32

// start is when the tests take place. It has microseconds.
var start = time.Date(2030, 3, 31, 1, 59, 59, 123_456_000, time.UTC)

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func euros(minor int64) money.Amount { return money.Amount{AmountMinor: minor, Currency: "EUR"} }

// pending returns a booking as a request creates it: Pending, its lease held.
func pending(edits ...func(*booking.Booking)) booking.Booking {
	b := booking.Booking{
		ID: newID(), UserID: newID(), UserEmail: "zoë@example.com", UserName: "Zoë Ångström",
		EventID: newID(), Items: []events.Item{{TicketTypeID: newID(), Quantity: 2}},
		Status: booking.Pending, Attempt: 1, Version: 1,
		Payment:   booking.Payment{Provider: "sandbox", Status: booking.PaymentOpen},
		Timeline:  []booking.Step{{At: start, Step: "created"}},
		CreatedAt: start, UpdatedAt: start,
		Lease: booking.Lease{Token: newID(), Until: start.Add(15 * time.Second)},
	}
	for _, edit := range edits {
		edit(&b)
	}
	return b
}

// settled returns a booking that nobody drives.
func settled(edits ...func(*booking.Booking)) booking.Booking {
	return pending(append([]func(*booking.Booking){func(b *booking.Booking) {
		b.Status, b.Lease = booking.Confirmed, booking.Lease{}
	}}, edits...)...)
}

func newKey() booking.Key { return booking.Key{Value: newID(), Fingerprint: "f1"} }

// race runs work in so many goroutines at one time and waits for them.
func race(n int, work func(worker int)) {
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			work(i)
		})
	}
	close(begin)
	wg.Wait()
}

func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error %v, want %v", got, want)
	}
}

// count counts errors by the sentinel they are; nil and others by themselves.
type count struct {
	mu sync.Mutex
	n  map[error]int
}

func (c *count) add(err error, sentinels ...error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[error]int{}
	}
	for _, s := range sentinels {
		if errors.Is(err, s) {
			err = s
			break
		}
	}
	c.n[err]++
}

// eventually waits until ok, for as long as anybody would.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not so in 30 s: %s", what)
		}
	}
}

// long is a text that no short column holds.
var long = strings.Repeat("Grüße 🎟️ ", 500)
