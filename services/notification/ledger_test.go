package notification

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"
)

// settles is a Store that records outcomes, by their leases.
type settles struct {
	Store
	leases []string
	then   func() // after the first
}

func (s *settles) Settle(_ context.Context, n Notification) error {
	if s.leases = append(s.leases, n.Lease); len(s.leases) == 1 {
		s.then()
	}
	return nil
}

type mailsNothing struct{}

func (mailsNothing) Send(context.Context, Mail) error { return errors.New("down") }

// What falls due and is claimed again while its worker still records the attempt
// before is left to that worker, which gives the new lease back. Otherwise nobody
// would have it until the lease ends.
func TestAClaimDuringTheRecordIsGivenBack(t *testing.T) {
	t.Parallel()
	store := &settles{}
	s := &Service{lanes: map[Channel]*lane{Email: newLane(Email, 1, time.Now())}, o: Options{
		Store: store, Mailer: mailsNothing{}, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		SendTimeout: time.Minute, RetryBase: time.Millisecond, RetryMax: time.Millisecond, MaxAttempts: 9,
	}}
	n := Notification{ID: "n", Channel: Email, Status: Pending, Lease: "first"}
	store.then = func() {
		again := n
		again.Lease = "second"
		if _, ok := s.ledger.begin(again, time.Now()); ok {
			t.Error("two workers are at one delivery")
		}
	}
	s.deliver(t.Context(), leased{Notification: n, since: time.Now()}, false)
	if want := []string{"first", "second"}; !slices.Equal(store.leases, want) {
		t.Errorf("leases settled: %q, want %q", store.leases, want)
	}
}

// Two leases of one delivery may come to the ledger in any order; the newer one
// is what its outcome is recorded under.
func TestTheNewerLeaseCounts(t *testing.T) {
	t.Parallel()
	var l ledger
	since := time.Now()
	// The clock was set back between the two.
	l.begin(Notification{ID: "n", Lease: "second", Due: since}, since.Add(time.Second))
	l.begin(Notification{ID: "n", Lease: "first", Due: since.Add(time.Hour)}, since)
	if got := l.lease("n"); got != "second" {
		t.Errorf("the lease is the %s, want the second", got)
	}
}
