package sqlite_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/sqlite"
)

// BenchmarkDelivery is the way of sixteen mails through the store: enqueued one
// by one, claimed at once, settled one by one; among others that are due later
// than they, as after an outage. Figures are for all sixteen.
//
//	go test -run '^$' -bench Delivery -count 10 ./services/notification/adapter/sqlite | tee new.txt
//	benchstat old.txt new.txt
func BenchmarkDelivery(b *testing.B) {
	for _, waiting := range []int{0, 10_000} {
		b.Run(fmt.Sprintf("waiting=%d", waiting), func(b *testing.B) { delivery(b, waiting) })
	}
}

func delivery(b *testing.B, waiting int) {
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "n.db"))
	must(err)
	defer func() { must(db.Close()) }()
	s, now := sqlite.New(db), time.Now()
	html := strings.Repeat("<p>As long as the page of a confirmation.</p>\n", 48)
	enqueue := func(due time.Time) {
		booking := uuid.NewString()
		n := notification.Notification{
			ID: uuid.NewString(), BookingID: booking, UserID: uuid.NewString(), Channel: notification.Email, Status: notification.Pending,
			To: "ada@example.com", Subject: "Booking confirmed", Text: html[:800], HTML: html, Calendar: html[:600], CreatedAt: now, Due: due,
		}
		_, err := s.Enqueue(b.Context(), notification.Record{
			MessageID: uuid.NewString(), BookingID: booking, Kind: notification.Confirmation, Version: 2, At: now,
			Deliveries: []notification.Notification{n},
		})
		must(err)
	}
	for range waiting {
		enqueue(now)
	}
	const batch = 16
	b.ReportAllocs()
	for b.Loop() {
		for range batch {
			enqueue(now.Add(-time.Minute))
		}
		claimed, err := s.Claim(b.Context(), notification.Email, now, now.Add(time.Hour), batch)
		must(err)
		if len(claimed) != batch {
			b.Fatalf("%d claimed, want %d", len(claimed), batch)
		}
		for _, n := range claimed {
			n.Status, n.Attempts, n.SentAt = notification.Sent, 1, now
			must(s.Settle(b.Context(), n))
		}
	}
}
