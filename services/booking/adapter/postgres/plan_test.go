//go:build integration

package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb/plantest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

var errNotAdmitted = errors.New("not admitted")

// TestEverythingGoesByIndexes: a request costs the same however many bookings
// there are.
func TestEverythingGoesByIndexes(t *testing.T) {
	t.Parallel()
	var recorder plantest.Recorder
	url := pgtest.New(t, postgres.Migrate)
	s := open(t, postgresdb.Options{URL: url, Tracer: &recorder})
	now := time.Now()
	fill(t, url, now)
	create := func() error {
		err := s.Create(t.Context(), booking.Booking{ID: "one more", UserID: "user1", EventID: "event1", Address: "address1", Status: booking.Pending, CreatedAt: now}, booking.Key{},
			func(booking.Account) error { return errNotAdmitted })
		if errors.Is(err, errNotAdmitted) {
			err = nil
		}
		return err
	}
	createInOne := func() error {
		return s.Create(t.Context(), booking.Booking{ID: newID(), UserID: newID(), EventID: "event1", Address: newID(), Status: booking.Pending, CreatedAt: now, Timeline: []booking.Step{{Step: "created"}}},
			booking.Key{Value: newID(), Fingerprint: "f"}, func(booking.Account) error { return nil })
	}
	save := func(id string, change func(b *booking.Booking)) func() error {
		return func() error {
			before, err := s.Get(t.Context(), id)
			if err != nil {
				return err
			}
			after := before.Clone()
			change(&after)
			_, err = s.Save(t.Context(), before, after)
			return err
		}
	}
	all := func() error {
		_, err := s.Claim(t.Context(), now, booking.Lease{Token: "t", Until: now}, 10_000)
		return err
	}
	lease := booking.Lease{Token: "t", Until: now.Add(time.Minute)}
	key := booking.Key{Value: "key100", Fingerprint: "f"}
	var used []string
	for _, c := range []struct {
		what, index string
		ask         func() error
	}{
		{"Get", "bookings_pkey", func() error { _, err := s.Get(t.Context(), "id100"); return err }},
		{"Create, what is unpaid", "bookings_unpaid", create},
		{"Create, what was declined", "bookings_declined", create},
		{"Create, what was paid since", "bookings_of_user", create},
		{"Create, what was made", "bookings_of_user", create},
		{"Create, what is open at the address", "bookings_of_address", create},
		{"Create in one batch, what is open at the address", "bookings_of_address", createInOne},
		{"Create in one batch, what is unpaid", "bookings_unpaid", createInOne},
		{"Create in one batch, what was declined", "bookings_declined", createInOne},
		{"Create in one batch, its key", "idempotency_keys_pkey", createInOne},
		{"ByKey", "idempotency_keys_pkey", func() error { _, err := s.ByKey(t.Context(), "user100", key, now); return err }},
		{"List", "bookings_of_user", func() error {
			_, err := s.List(t.Context(), booking.Query{UserID: "user100", After: "id5000", Limit: 21})
			return err
		}},
		{"Update", "bookings_pkey", func() error {
			_, err := s.Update(t.Context(), "id1", "", func(*booking.Booking) error { return nil })
			return err
		}},
		{"Save", "bookings_pkey", save("id3", func(b *booking.Booking) { b.Timeline = append(b.Timeline, booking.Step{Step: "paid"}) })},
		{"Save of what becomes confirmed", "cancelled_events_pkey", save("id8800", func(b *booking.Booking) {
			b.Status = booking.Confirmed
			b.Effects.Messages = []events.Message{{ID: newID(), Type: events.TypeBookingConfirmed, Time: now, Data: []byte(`{}`)}}
		})},
		{"Save with a message", "outbox_open", save("id4", func(b *booking.Booking) {
			b.Effects.Messages = []events.Message{{ID: newID(), Type: events.TypeBookingConfirmed, Time: now, Data: []byte(`{}`)}}
		})},
		{"Save that frees the key", "idempotency_keys_of_booking", save("id5", func(b *booking.Booking) { b.Effects.FreeKey = true })},
		{"Claim", "bookings_to_drive", func() error { _, err := s.Claim(t.Context(), now, lease, 10); return err }},
		{"Claim, which events are cancelled", "cancelled_events_open", all},
		{"Claim of a cancelled event's", "bookings_of_event", all},
		{"Claim of what kept a fee", "bookings_with_fees", all},
		{"BringForward", "bookings_to_drive", func() error { return s.BringForward(t.Context(), now, now.Add(time.Minute), now.Add(time.Hour)) }},
		{"Audit of a booking", "audit_log_of_booking", func() error {
			_, err := s.Audit(t.Context(), booking.AuditQuery{BookingID: "id7", Limit: 21})
			return err
		}},
		{"Audit of an event", "audit_log_of_event", func() error {
			_, err := s.Audit(t.Context(), booking.AuditQuery{EventID: "event7", Limit: 21})
			return err
		}},
		{"BookingsAfter", "bookings_pkey", func() error { _, err := s.BookingsAfter(t.Context(), "id5000", 200); return err }},
		{"Audit", "audit_log_pkey", func() error { _, err := s.Audit(t.Context(), booking.AuditQuery{Limit: 21}); return err }},
		{"the bookings of a guest", "bookings_of_guests", func() error { _, _, err := s.LinkMails().Get(t.Context(), "m1"); return err }},
		{"KeyGuests", "bookings_without_key", func() error { return s.KeyGuests(t.Context()) }},
		{"OfEvent", "bookings_with_tickets", func() error { _, err := s.OfEvent(t.Context(), "event7", "id5000", 100); return err }},
		{"WithRefundsDue", "bookings_with_refunds_due", func() error { _, err := s.WithRefundsDue(t.Context(), "", 200); return err }},
		{"Stuck", "bookings_stuck", func() error { _, err := s.Stuck(t.Context(), "", 21); return err }},
		{"Progress", "bookings_of_event", func() error { _, err := s.Progress(t.Context(), "event8"); return err }},
		{"Prune", "idempotency_keys_by_age", func() error { return s.Prune(t.Context(), now) }},
		{"Prune of addresses", "bookings_keep_address", func() error { return s.Prune(t.Context(), now) }},
	} {
		plantest.ByIndex(t, c.what, recorder.Plans(t, url, c.ask), c.index)
		used = append(used, c.index)
	}
	plantest.AllUsed(t, url, used, []string{"bookings", "idempotency_keys", "audit_log", "cancelled_events"})
}

// fill adds 100,000 bookings of 1,000 users, one in 100 of them unsettled and
// one in 100 declined, each with a key.
func fill(t *testing.T, url string, now time.Time) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, sql := range []string{`
		INSERT INTO bookings (id, user_id, user_email, user_name, event_id, event, total_minor, currency, status, payment_provider,
			payment_reference, payment_status, reason, attempt, acknowledged, version, created_at, updated_at, lease_token, lease_until, tries, unpaid_tickets, fee_at, address, declines)
		SELECT 'id' || n, 'user' || n % 1000, '', '', 'event' || n % 1000, '{}', 0, 'EUR', CASE n % 100 WHEN 0 THEN 'PENDING' WHEN 2 THEN 'CANCELLED' ELSE 'CONFIRMED' END,
			'', '', '', CASE WHEN n % 100 = 1 THEN 'payment_declined' ELSE '' END, 1, false, 1, $1, $1, '',
			CASE WHEN n % 100 = 0 THEN $1::timestamptz END, 0, CASE WHEN n % 100 < 10 THEN 1 ELSE 0 END,
			CASE WHEN n % 100 = 2 THEN $1::timestamptz - interval '1 second' END, CASE WHEN n % 100 < 10 THEN 'address' || n % 1000 ELSE '' END, CASE WHEN n % 100 = 1 THEN 1 ELSE 0 END
		FROM generate_series(1, 100000) n`, `
		INSERT INTO idempotency_keys
		SELECT 'user' || n % 1000, 'key' || n, 'f', 'id' || n, $1::timestamptz - n * interval '1 second' FROM generate_series(1, 100000) n`, `
		INSERT INTO inbox SELECT 'id' || n, $1 FROM generate_series(1, 20000) n`, `
		INSERT INTO outbox (id, topic, attributes, data, time, due, closed_at)
		SELECT 'id' || n, 'bookings', '{}', '{}', $1, $1, CASE WHEN n % 100 <> 0 THEN $1::timestamptz END FROM generate_series(1, 20000) n`, `
		INSERT INTO cancelled_events SELECT 'event' || n, '', '', '', $1, $1, CASE WHEN n = 7 THEN NULL ELSE $1::timestamptz END FROM generate_series(1, 799) n`, `
		INSERT INTO audit_log (at, by, step, detail, booking_id, event_id, version)
		SELECT $1, '', '', '', 'id' || n, 'event' || n % 1000, 1 FROM generate_series(1, 100000) n`, `
		INSERT INTO link_mails (id, guest_key, mailbox, created_at) SELECT 'm' || n, 'ana@example.com', '', $1 FROM generate_series(1, 20000) n`,
	} {
		if _, err := conn.Exec(t.Context(), sql, now); err != nil {
			t.Fatal(err)
		}
	}
}
