package sqlite_test

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
)

// BenchmarkBooking is what the store does for one booking that goes well: a
// transaction in which it is pending, with its key and lease, and one in which
// it is confirmed, with its message.
//
//	go test -run '^$' -bench Booking -count 10 ./services/booking/adapter/sqlite | tee new.txt
//	benchstat old.txt new.txt
func BenchmarkBooking(b *testing.B) {
	b.Run("buyers=1", func(b *testing.B) {
		s := openBench(b)
		for b.Loop() {
			book(b, s)
		}
	})
	// 32 for each core, who wait for one another.
	b.Run("buyers=many", func(b *testing.B) {
		s := openBench(b)
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				book(b, s)
			}
		})
	})
}

func openBench(b *testing.B) *sqlite.Store {
	b.Helper()
	s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "booking.db"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	b.ReportAllocs()
	return s
}

func book(b *testing.B, s *sqlite.Store) {
	now := time.Now().Truncate(time.Microsecond).UTC()
	id, user := newID(b), newID(b)
	pending := booking.Booking{
		ID: id, UserID: user, UserEmail: "ada@example.com", UserName: "Ada Lovelace", EventID: "01890a5d-ac96-774b-bcce-b302099a8057",
		Items: []events.Item{{
			TicketTypeID: "01890a5d-ac96-774b-bcce-b302099a8058", Name: "Standing", Quantity: 2,
			UnitPrice: money.Amount{AmountMinor: 2500, Currency: "EUR"},
		}},
		Total: money.Amount{AmountMinor: 5000, Currency: "EUR"}, Status: booking.Pending,
		Payment: booking.Payment{Provider: "sandbox", Status: booking.PaymentOpen}, Attempt: 1,
		Timeline: []booking.Step{{At: now, Step: "created"}}, Version: 1, CreatedAt: now, UpdatedAt: now,
		Lease: booking.Lease{Token: id, Until: now.Add(time.Minute)},
	}
	if err := s.Create(b.Context(), pending, booking.Key{Value: id, Fingerprint: "fingerprint"}, func(booking.Account) error { return nil }); err != nil {
		b.Error(err)
	}
	c := pending.Clone()
	c.Status, c.Payment.Status, c.Payment.Reference, c.Lease = booking.Confirmed, booking.PaymentCaptured, "sb_"+id, booking.Lease{}
	c.Timeline = append(c.Timeline, booking.Step{At: now, Step: "reserved"}, booking.Step{At: now, Step: "charged"}, booking.Step{At: now, Step: "confirmed"})
	data, err := json.Marshal(events.Booking{})
	if err != nil {
		b.Error(err)
	}
	c.Effects.Messages = []events.Message{{
		SpecVersion: events.SpecVersion, ID: newID(b), Source: "booking", Type: events.TypeBookingConfirmed, Subject: id,
		Time: now, DataContentType: "application/json", Data: data,
	}}
	if _, err := s.Save(b.Context(), pending, c); err != nil {
		b.Error(err)
	}
}

func newID(b *testing.B) string {
	id, err := uuid.NewV7()
	if err != nil {
		b.Error(err)
	}
	return id.String()
}
