//go:build integration

package mongo

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Settlements that share a request are each as if it were alone.
func TestSettlementsOfAMomentAreEachTheirOwn(t *testing.T) {
	t.Parallel()
	s, err := Open(t.Context(), mongodb.Options{URL: mongotest.New(t), Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	var batch []settlement
	s.settlements = mongodb.NewBatches(func(_ context.Context, all []settlement) ([]bool, error) {
		batch = append(batch, all...)
		return []bool{true}, nil
	})
	settle := func(n notification.Notification, lease string, status notification.Status) {
		if n.Lease, n.Status = lease, status; n.Lease == "" {
			n.Lease = uuid.NewString() // somebody else's
		}
		if err := s.Settle(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now()
	var ns []notification.Notification
	for i, c := range []notification.Channel{notification.Email, notification.SMS, notification.Email, notification.SMS} {
		n := notification.Notification{
			ID: uuid.NewString(), Channel: c, Status: notification.Pending, Lease: uuid.NewString(), Due: at.Add(time.Minute), CreatedAt: at,
		}
		r := notification.Record{MessageID: fmt.Sprint(i), BookingID: fmt.Sprint(i), Kind: notification.Confirmation, At: at, Deliveries: []notification.Notification{n}}
		if _, err := s.Enqueue(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		ns = append(ns, n)
	}
	settle(ns[0], ns[0].Lease, notification.Sent)
	settle(ns[1], "", notification.Sent)
	settle(ns[1], ns[1].Lease, notification.Pending)
	settle(ns[2], "", notification.Failed)
	settle(ns[3], ns[3].Lease, notification.Sent)
	settle(ns[3], ns[3].Lease, notification.Sent)
	done, err := s.settleEach(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(done), "[true false true false true false]"; got != want {
		t.Errorf("done are %s, want %s", got, want)
	}
	for i, want := range []notification.Status{notification.Sent, notification.Pending, notification.Pending, notification.Sent} {
		m, err := s.find(t.Context(), byID(fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		if got := (*m.delivery(ns[i].Channel)).Status; got != want {
			t.Errorf("delivery %d is %s, want %s", i, got, want)
		}
	}
}
