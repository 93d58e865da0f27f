//go:build integration

package postgres_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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
		err := s.Create(t.Context(), booking.Booking{ID: "one more", UserID: "user1", EventID: "event1", Status: booking.Pending, CreatedAt: now}, booking.Key{},
			func(booking.Account) error { return errNotAdmitted })
		if errors.Is(err, errNotAdmitted) {
			err = nil
		}
		return err
	}
	lease := booking.Lease{Token: "t", Until: now.Add(time.Minute)}
	key := booking.Key{Value: "key100", Fingerprint: "f"}
	for _, c := range []struct {
		what, index string
		ask         func() error
	}{
		{"Get", "bookings_pkey", func() error { _, err := s.Get(t.Context(), "id100"); return err }},
		{"Create, what is unpaid", "bookings_unpaid", create},
		{"Create, what was declined", "bookings_declined", create},
		{"Create, what was paid since", "bookings_paid", create},
		{"ByKey", "idempotency_keys_pkey", func() error { _, err := s.ByKey(t.Context(), "user100", key, now); return err }},
		{"List", "bookings_of_user", func() error {
			_, err := s.List(t.Context(), booking.Query{UserID: "user100", After: "id5000", Limit: 21})
			return err
		}},
		{"Update", "bookings_pkey", func() error {
			_, err := s.Update(t.Context(), "id1", "", func(*booking.Booking) error { return nil })
			return err
		}},
		{"Claim", "bookings_to_drive", func() error { _, err := s.Claim(t.Context(), now, lease, 10); return err }},
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
		{"Prune", "idempotency_keys_by_age", func() error { return s.Prune(t.Context(), now) }},
	} {
		plantest.ByIndex(t, c.what, recorder.Plan(t, url, c.ask), c.index)
	}
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
			payment_reference, payment_status, reason, attempt, acknowledged, version, created_at, updated_at, lease_token, lease_until, tries, unpaid_tickets)
		SELECT 'id' || n, 'user' || n % 1000, '', '', 'event' || n % 1000, '{}', 0, 'EUR', CASE WHEN n % 100 = 0 THEN 'PENDING' ELSE 'CONFIRMED' END,
			'', '', '', CASE WHEN n % 100 = 1 THEN 'payment_declined' ELSE '' END, 1, false, 1, $1, $1, '',
			CASE WHEN n % 100 = 0 THEN $1::timestamptz END, 0, CASE WHEN n % 100 < 10 THEN 1 ELSE 0 END
		FROM generate_series(1, 100000) n`, `
		INSERT INTO idempotency_keys
		SELECT 'user' || n % 1000, 'key' || n, 'f', 'id' || n, $1::timestamptz - n * interval '1 second' FROM generate_series(1, 100000) n`, `
		INSERT INTO cancelled_events SELECT 'event' || n, '', '', '', $1, $1, CASE WHEN n = 7 THEN NULL ELSE $1::timestamptz END FROM generate_series(1, 1000) n`, `
		INSERT INTO audit_log (at, by, step, detail, booking_id, event_id, version)
		SELECT $1, '', '', '', 'id' || n, 'event' || n % 1000, 1 FROM generate_series(1, 100000) n`,
	} {
		if _, err := conn.Exec(t.Context(), sql, now); err != nil {
			t.Fatal(err)
		}
	}
}
