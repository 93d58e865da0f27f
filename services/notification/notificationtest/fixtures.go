// Package notificationtest holds the contracts of the notification service's
// ports: suites that every adapter passes. Only tests import it.
package notificationtest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/suitetest"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/notification"
)

// racers is how many workers race in the tests of races.
const racers = 32

// base is when the suites' time begins: with microseconds, in a zone of its own.
var base = time.Date(2027, 3, 12, 19, 30, 0, 123456000, time.FixedZone("", 3600))

// newID returns an id as the service makes them.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// delivery returns a delivery that is due at its creation.
func delivery(channel notification.Channel, userID, bookingID string, at time.Time) notification.Notification {
	n := notification.Notification{
		ID: newID(), BookingID: bookingID, UserID: userID, Channel: channel, To: "ada@example.com",
		Subject: "Confirmed: Füße & 音楽 🎻", Text: "text\nof two lines", HTML: "<p>html</p>",
		Calendar: "BEGIN:VCALENDAR\r\nSUMMARY:Füße 音楽 🎻\r\n\tEND:VCALENDAR\r\n",
		Status:   notification.Pending, CreatedAt: at, Due: at,
	}
	if channel == notification.SMS {
		n.To, n.HTML, n.Calendar, n.Status = "", "", "", notification.Resolving
	}
	return n
}

// confirmation returns the record of a confirmation, with a mail alone.
func confirmation(at time.Time) notification.Record {
	r := notification.Record{MessageID: newID(), BookingID: newID(), Kind: notification.Confirmation, Version: 2, Booking: `{"user_name":"Füße 音楽 🎻"}`, At: at}
	r.Deliveries = []notification.Notification{delivery(notification.Email, "user-1", r.BookingID, at)}
	return r
}

// inPart returns the record of a cancellation in part of r's booking, with the
// same version and a mail alone.
func inPart(r notification.Record) notification.Record {
	r = withOwnDeliveries(r)
	r.MessageID, r.Kind, r.Part = newID(), notification.ItemsCancelled, newID()
	return r
}

// withOwnDeliveries returns r with the deliveries of another rendering: other
// ids, as a redelivered message is rendered anew.
func withOwnDeliveries(r notification.Record) notification.Record {
	r.Deliveries = slices.Clone(r.Deliveries)
	for i := range r.Deliveries {
		r.Deliveries[i].ID = newID()
		r.Deliveries[i].BookingID = r.BookingID
	}
	return r
}

func enqueue(t *testing.T, s notification.Store, r notification.Record, want bool) {
	t.Helper()
	stored, err := stores(t.Context(), s, r)
	if err != nil {
		t.Fatalf("Enqueue: %v", err)
	}
	if stored != want {
		t.Fatalf("Enqueue reports %v, want %v", stored, want)
	}
}

// stores enqueues r, and reports whether its deliveries are stored.
func stores(ctx context.Context, s notification.Store, r notification.Record) (bool, error) {
	outcome, err := s.Enqueue(ctx, r)
	return outcome != notification.Ignored, err
}

// claim claims up to limit deliveries of all channels together.
func claim(t *testing.T, s notification.Store, now, until time.Time, limit int) []notification.Notification {
	t.Helper()
	claimed := []notification.Notification{}
	for _, c := range []notification.Channel{notification.Email, notification.SMS} {
		if len(claimed) == limit {
			break
		}
		ns, err := s.Claim(t.Context(), c, now, until, limit-len(claimed))
		if err != nil {
			t.Fatalf("Claim: %v", err)
		}
		claimed = append(claimed, ns...)
	}
	return claimed
}

// claimOne claims the only delivery that is due.
func claimOne(t *testing.T, s notification.Store, now time.Time) notification.Notification {
	t.Helper()
	ns := claim(t, s, now, now.Add(time.Minute), 10)
	if len(ns) != 1 {
		t.Fatalf("%d deliveries are due, want 1", len(ns))
	}
	return ns[0]
}

// afterItsLease claims the only open delivery anew: the lease on it, which is
// n's, ends, and so does the grace.
func afterItsLease(t *testing.T, s notification.Store, n notification.Notification) notification.Notification {
	t.Helper()
	if got := claim(t, s, n.Due, n.Due.Add(time.Minute), 10); len(got) != 0 {
		t.Fatalf("%d deliveries are claimed without a grace", len(got))
	}
	return claimOne(t, s, n.Due.Add(notification.Grace))
}

func settle(t *testing.T, s notification.Store, n notification.Notification) {
	t.Helper()
	if err := s.Settle(t.Context(), n); err != nil {
		t.Fatalf("Settle: %v", err)
	}
}

func list(t *testing.T, s notification.Store, f notification.Filter) []notification.Notification {
	t.Helper()
	f.Limit = cmp.Or(f.Limit, 1000)
	var ns []notification.Notification
	suitetest.Ask(t, func(ctx context.Context) (err error) {
		ns, err = s.List(ctx, f)
		return err
	})
	return ns
}

func ids(ns []notification.Notification) []string {
	out := make([]string, len(ns))
	for i, n := range ns {
		out[i] = n.ID
	}
	return out
}

// race runs do in racers workers that start together, and returns how many
// times it returned true.
func race(t *testing.T, do func(worker int) (bool, error)) int {
	t.Helper()
	var wg sync.WaitGroup
	var won atomic.Int32
	start := make(chan struct{})
	for worker := range racers {
		wg.Go(func() {
			<-start
			ok, err := do(worker)
			if err != nil {
				t.Errorf("worker %d: %v", worker, err)
			}
			if ok {
				won.Add(1)
			}
		})
	}
	close(start)
	wg.Wait()
	return int(won.Load())
}

// cancelled returns a context that has ended.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error %v, want %v", got, want)
	}
}
