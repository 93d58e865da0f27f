//go:build unix

package notification_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/mailfolder"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/sqlite"
)

// counting tells of every delivery that is settled for good.
type counting struct {
	notification.Store
	settled chan struct{}
	claims  atomic.Int64
}

func (c *counting) Claim(ctx context.Context, channel notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
	c.claims.Add(1)
	return c.Store.Claim(ctx, channel, now, until, limit)
}

func (c *counting) Settle(ctx context.Context, n notification.Notification) error {
	err := c.Store.Settle(ctx, n)
	if err == nil && !n.Status.Open() {
		c.settled <- struct{}{}
	}
	return err
}

// BenchmarkConfirmations is the way of confirmations from the broker, which
// hands over eight at a time, until the mail is a file in the folder and both
// deliveries are recorded. A mail with tickets has two of them, as large as booking draws
// them. Figures are for one. The time is mostly the disk's;
// cpu-ns/op is what it costs.
//
//	go test -run '^$' -bench Confirmations -benchtime 2000x -count 10 ./services/notification | tee new.txt
//	benchstat old.txt new.txt
func BenchmarkConfirmations(b *testing.B) {
	for _, c := range []struct {
		name, phone string
		delivery    notification.Delivery
	}{
		{"mail", "", notification.Delivery{}},
		{"mail_with_tickets", "", notification.Delivery{
			LinkKey: linkKey, PDF: bytes.Repeat([]byte("0123456789abcdef"), 3000),
			Tickets: []notification.DeliveredTicket{{Number: 1, QR: make([]byte, 1500)}, {Number: 2, QR: make([]byte, 1500)}},
		}},
		{"mail_and_sms", "+4930123456", notification.Delivery{}},
	} {
		b.Run(c.name, func(b *testing.B) { confirmations(b, c.phone, c.delivery) })
	}
}

func confirmations(b *testing.B, phone string, delivery notification.Delivery) {
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	folder, err := mailfolder.New(filepath.Join(b.TempDir(), "mail"), sender)
	must(err)
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "n.db"))
	must(err)
	defer func() { must(db.Close()) }()
	store := &counting{Store: sqlite.New(db), settled: make(chan struct{}, 64)}
	s, err := notification.New(notification.Options{
		Store: store, Mailer: folder, SMS: noSMS{}, Log: quiet,
		Contacts: &outside{contact: notification.Contact{Phone: phone}}, AccountMails: &accounts{}, Deliveries: &outside{delivery: delivery},
	})
	must(err)
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	defer running.Wait()
	defer cancel()

	messages := make(chan events.Message)
	for range 8 {
		running.Go(func() {
			for m := range messages {
				if err := s.Handle(b.Context(), m); err != nil {
					b.Error(err)
				}
			}
		})
	}
	ms := make([]events.Message, b.N)
	for i := range ms {
		ms[i] = message(b, events.TypeBookingConfirmed, booking(fmt.Sprintf("user-%d", i)))
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu(b)
	go func() {
		for _, m := range ms {
			messages <- m
		}
		close(messages)
	}()
	for range 2 * b.N { // a mail and an SMS each
		<-store.settled
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(store.claims.Load())/float64(b.N), "claims/op")
}

// noSMS takes every text.
type noSMS struct{}

func (noSMS) Send(context.Context, notification.Text) error { return nil }

// cpu is what this process has used so far.
func cpu(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
