package notification_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// recording is a store that keeps the last record.
type recording struct {
	notification.Store
	last notification.Record
}

func (s *recording) Enqueue(ctx context.Context, r notification.Record) (notification.Outcome, error) {
	s.last = r
	return s.Store.Enqueue(ctx, r)
}

func TestTheRetentionCountsFromTheEventIfItTakesPlace(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	soon, never := now.AddDate(0, 0, 11), time.Date(9998, 12, 31, 0, 0, 0, 0, time.UTC)
	ends := map[notification.Kind]events.Message{}
	for kind, change := range map[notification.Kind]func(b *events.Booking) (messageType string){
		notification.Cancellation: func(*events.Booking) string { return events.TypeBookingCancelled },
		notification.EventCancelled: func(b *events.Booking) string {
			b.Reason = string(problem.EventCancelled)
			return events.TypeBookingCancelled
		},
		notification.PaymentFailed: func(b *events.Booking) string {
			b.Acknowledged, b.Reason = true, string(problem.PaymentDeclined)
			return events.TypeBookingFailed
		},
		notification.PaymentReturned: func(b *events.Booking) string {
			b.Refunded = b.Total
			return events.TypeBookingFailed
		},
		notification.NotCompleted: func(b *events.Booking) string {
			b.Acknowledged = true
			return events.TypeBookingFailed
		},
	} {
		b := booking("u1")
		b.Event.StartsAt = soon
		ends[kind] = message(t, change(&b), b)
	}
	goesOn := func(kind notification.Kind, starts time.Time) events.Message {
		b := booking("u1")
		b.Event.StartsAt = starts
		if kind == notification.Confirmation {
			return message(t, events.TypeBookingConfirmed, b)
		}
		b.Cancellation = &events.Cancellation{ID: uuid.NewString(), Items: b.Items}
		return message(t, events.TypeBookingItemsCancelled, b)
	}
	type test struct {
		kind notification.Kind
		m    events.Message
		want time.Time
	}
	var tests []test
	for kind, m := range ends {
		tests = append(tests, test{kind, m, now})
	}
	for _, kind := range []notification.Kind{notification.Confirmation, notification.ItemsCancelled} {
		tests = append(tests,
			test{kind, goesOn(kind, soon), soon},
			test{kind, goesOn(kind, now.AddDate(0, 0, -1)), now},
			test{kind, goesOn(kind, never), now.Add(2 * 365 * 24 * time.Hour)})
	}
	for _, test := range tests {
		var store *recording
		s := newService(t, &outside{}, func(o *notification.Options) {
			store = &recording{Store: o.Store}
			o.Store, o.Now = store, func() time.Time { return now }
		})
		handle(t, s, test.m)
		if store.last.Kind != test.kind {
			t.Fatalf("the record is of kind %q, want %q", store.last.Kind, test.kind)
		}
		if got := store.last.EventAt; !got.Equal(test.want) {
			t.Errorf("the retention of a record of kind %q counts from %v, want %v", test.kind, got, test.want)
		}
	}
}

// forgetting is a store that forgets so many records, of which one fails.
type forgetting struct {
	notification.Store
	old int
}

func (f *forgetting) Forget(_ context.Context, _ time.Time, limit int) (int, error) {
	n := min(f.old, limit-1)
	f.old -= n
	return n, errors.New("a record that cannot be forgotten")
}

func TestARecordThatCannotBeForgottenStopsNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f *forgetting
		s := newService(t, &outside{}, func(o *notification.Options) {
			f = &forgetting{Store: o.Store, old: 1000}
			o.Store, o.Poll = f, time.Second
		})
		stop := run(t, s)
		<-time.After(time.Second)
		stop()
		if f.old != 0 {
			t.Errorf("%d records are not forgotten", f.old)
		}
	})
}
