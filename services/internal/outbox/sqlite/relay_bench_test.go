//go:build unix

package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
)

// counting counts what the relay asks of its store, and tells of every entry
// that is closed.
type counting struct {
	outbox.Store
	asked  atomic.Int64
	closed sync.WaitGroup
}

func (c *counting) Claim(ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
	c.asked.Add(1)
	return c.Store.Claim(ctx, now, until, limit)
}

func (c *counting) Published(ctx context.Context, ids []string, at, next time.Time) error {
	c.asked.Add(1)
	return c.Store.Published(ctx, ids, at, next)
}

func (c *counting) Close(ctx context.Context, ids []string, at time.Time) error {
	c.asked.Add(1)
	err := c.Store.Close(ctx, ids, at)
	c.closed.Add(-len(ids))
	return err
}

// taker takes every message, and knows it.
type taker struct{ asked atomic.Int64 }

func (*taker) Publish(context.Context, string, ...events.Message) error { return nil }

func (t *taker) Known(_ context.Context, ids []string) ([]string, error) {
	t.asked.Add(1)
	return ids, nil
}

// BenchmarkSale is a relay in a sale: messages committed at some rate, each with
// a Wake. cpu-ns/op is what one costs with its insertion, until it is closed;
// store/op and receipts/op are how often the store and a consumer are asked.
//
//	go test -run '^$' -bench Sale -benchtime 2000x -count 10 ./services/internal/outbox/sqlite | tee new.txt
//	benchstat old.txt new.txt
func BenchmarkSale(b *testing.B) {
	for _, rate := range []int{200, 500} {
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) { sale(b, rate) })
	}
}

func sale(b *testing.B, rate int) {
	db := open(b)
	store, consumer := &counting{Store: sqlite.New(db)}, &taker{}
	r, err := outbox.NewRelay(outbox.Options{
		Store: store, Publisher: consumer,
		Consumers: map[string]map[string]outbox.Receipts{"bookings": {"notification": consumer}},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = r.Run(ctx) })
	defer running.Wait()
	defer cancel()
	store.closed.Add(b.N)
	next, pace := 0, time.NewTicker(time.Second/time.Duration(rate))
	b.ResetTimer()
	before := cpu(b)
	for range b.N {
		<-pace.C
		now := time.Now()
		if err := db.Write(ctx, func(tx *sql.Tx) error { return insertAll(ctx, tx, make([]string, 1), &next, now, now) }); err != nil {
			b.Fatal(err)
		}
		r.Wake()
	}
	store.closed.Wait()
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(store.asked.Load())/float64(b.N), "store/op")
	b.ReportMetric(float64(consumer.asked.Load())/float64(b.N), "receipts/op")
}

// cpu is what this process has used so far.
func cpu(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
