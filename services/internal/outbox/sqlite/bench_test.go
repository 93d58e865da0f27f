package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
)

// BenchmarkBatch is the way of a batch of messages through the outbox, without
// the broker: inserted in one transaction, claimed, published, and closed when
// their consumers have them. Figures are for a batch.
//
//	go test -run '^$' -bench Batch -count 10 ./services/internal/outbox/sqlite | tee new.txt
//	benchstat old.txt new.txt
func BenchmarkBatch(b *testing.B) {
	for _, size := range []int{1, 256} {
		for _, waiting := range []int{0, 10_000} { // open, and not due: an outage
			b.Run(fmt.Sprintf("messages=%d/waiting=%d", size, waiting), func(b *testing.B) { batch(b, size, waiting) })
		}
	}
}

func batch(b *testing.B, size, waiting int) {
	db := open(b)
	store, ctx, now := sqlite.New(db), b.Context(), time.Now()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	id := 0
	insert := func(n int, due time.Time) []string {
		ids := make([]string, n)
		must(db.Write(ctx, func(tx *sql.Tx) error { return insertAll(ctx, tx, ids, &id, now, due) }))
		return ids
	}
	insert(waiting, now.Add(time.Hour))
	b.ReportAllocs()
	for b.Loop() {
		ids := insert(size, now)
		entries, err := store.Claim(ctx, now, now.Add(time.Minute), size)
		must(err)
		if len(entries) != size {
			b.Fatalf("%d entries claimed, want %d", len(entries), size)
		}
		must(store.Published(ctx, ids, now, now.Add(time.Minute)))
		must(store.Close(ctx, ids, now))
	}
}

// insertAll numbers the messages on from next.
func insertAll(ctx context.Context, tx *sql.Tx, ids []string, next *int, now, due time.Time) error {
	data := make([]byte, 800) // of a booking of two tickets
	for i := range ids {
		*next++
		ids[i] = strconv.Itoa(*next)
		if err := sqlite.Insert(ctx, tx, "bookings", events.Message{
			SpecVersion: events.SpecVersion, ID: ids[i], Source: "booking", Type: events.TypeBookingConfirmed,
			Time: now, DataContentType: "application/json", Data: data,
		}, due); err != nil {
			return err
		}
	}
	return nil
}
