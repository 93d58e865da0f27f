//go:build integration

package postgres

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

// first makes a database as the first version of this service did.
func first(ctx context.Context, url string) error { return migrateTo(ctx, url, "00002") }

// beforeFees makes a database that does not know when a fee was kept.
func beforeFees(ctx context.Context, url string) error { return migrateTo(ctx, url, "00007") }

// beforeUnpaid makes a database that does not know which tickets are unpaid.
func beforeUnpaid(ctx context.Context, url string) error { return migrateTo(ctx, url, "00008") }

// beforeAuditRows makes a database with a row of the audit log for each step.
func beforeAuditRows(ctx context.Context, url string) error { return migrateTo(ctx, url, "00009") }

// migrateTo applies the migrations that come before this name.
func migrateTo(ctx context.Context, url, name string) error {
	files, err := fs.ReadDir(migrations(), ".")
	if err != nil {
		return err
	}
	some := fstest.MapFS{}
	for _, f := range files {
		if f.Name() >= name {
			continue
		}
		sql, err := fs.ReadFile(migrations(), f.Name())
		if err != nil {
			return err
		}
		some[f.Name()] = &fstest.MapFile{Data: sql}
	}
	return postgresdb.Migrate(ctx, url, some)
}

// rows are what the first version stored. They stay as they are.
const rows = `
INSERT INTO bookings (id, user_id, user_email, user_name, event_id, event, items, total_minor, currency, status,
	payment_provider, payment_reference, payment_status, refund, reason, attempt, acknowledged, timeline,
	version, created_at, updated_at, lease_token, lease_until, tries)
VALUES ('0197a8f0-0000-7000-8000-000000000001', 'u1', 'zoe@example.com', 'Zoë', 'e1',
	'{"id":"e1","title":"Ænima","starts_at":"2030-06-01T18:00:00Z","time_zone":"Europe/Berlin","venue":{"name":"Halle","address":"Weg 1","city":"Köln","country":"DE"}}',
	'[{"ticket_type_id":"t1","name":"Standing","quantity":2,"unit_price":{"amount_minor":2500,"currency":"EUR"}}]',
	5000, 'EUR', 'CANCELLING', 'sandbox', 'ch_1', 'captured', '{"ID":"r1","Amount":{"amount_minor":5000,"currency":"EUR"},"Done":false}', '', 1, true,
	'[{"At":"2030-01-01T10:00:00.000001Z","Step":"created","Detail":""}]',
	3, '2030-01-01 10:00:00.000001Z', '2030-01-02 10:00:00Z', 'lease', '2030-01-02 10:00:15Z', 1);
INSERT INTO idempotency_keys VALUES ('u1', 'k1', 'f1', '0197a8f0-0000-7000-8000-000000000001', '2030-01-01 10:00:00.000001Z');
INSERT INTO outbox (id, topic, attributes, data, time, attempts, published_at, due)
VALUES ('m1', 'bookings', '{"specversion":"1.0","id":"m1","source":"booking","type":"booking.confirmed.v1","time":"2030-01-01T10:00:01Z"}',
	'{"a": 1}', '2030-01-01 10:00:01Z', 1, '2030-01-01 10:00:02Z', '2030-01-01 10:00:03Z');
`

// TestWhatTheFirstVersionStoredIsStillRead: every migration after the first
// keeps what is there.
func TestWhatTheFirstVersionStoredIsStillRead(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, first)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	s, err := Open(t.Context(), postgresdb.Options{URL: url, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	at := time.Date(2030, 1, 1, 10, 0, 0, 1000, time.UTC)
	euros := func(n int64) money.Amount { return money.Amount{AmountMinor: n, Currency: "EUR"} }
	updated := time.Date(2030, 1, 2, 10, 0, 0, 0, time.UTC)
	items := []events.Item{{TicketTypeID: "t1", Name: "Standing", Quantity: 2, UnitPrice: euros(2500)}}
	want := booking.Booking{
		ID: "0197a8f0-0000-7000-8000-000000000001", UserID: "u1", UserEmail: "zoe@example.com", UserName: "Zoë", EventID: "e1",
		Event: events.Event{
			ID: "e1", Title: "Ænima", StartsAt: time.Date(2030, 6, 1, 18, 0, 0, 0, time.UTC), TimeZone: "Europe/Berlin",
			Venue: events.Venue{Name: "Halle", Address: "Weg 1", City: "Köln", Country: "DE"},
		},
		Items: items,
		Total: euros(5000), Status: booking.Cancelling,
		Payment: booking.Payment{Provider: "sandbox", Reference: "ch_1", Status: booking.PaymentCaptured, Captured: euros(5000)},
		Refunds: []booking.Refund{{ID: "r1", Amount: euros(5000), Status: booking.RefundPending, Decided: updated}},
		Cancellations: []booking.Cancellation{{
			ID: "0197a8f0-0000-7000-8000-000000000001", Items: items, Price: euros(5000), Fee: euros(0), RefundID: "r1",
			All: true, At: updated, By: "u1",
		}},
		Attempt: 1, Acknowledged: true,
		Timeline: []booking.Step{{At: at, Step: "created"}}, Version: 3, CreatedAt: at, UpdatedAt: updated,
		Lease: booking.Lease{Token: "lease", Until: time.Date(2030, 1, 2, 10, 0, 15, 0, time.UTC)}, Tries: 1,
	}
	got, err := s.ByKey(t.Context(), "u1", booking.Key{Value: "k1", Fingerprint: "f1"}, at)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the booking (-want +got):\n%s", diff)
	}
	log, err := s.Audit(t.Context(), booking.AuditQuery{BookingID: want.ID, Limit: 10})
	if err != nil || len(log) != 1 || log[0].Step.Step != "log_begins" || log[0].Detail != "CANCELLING" || log[0].Version != 3 {
		t.Errorf("the audit log has %+v (%v), want where it begins", log, err)
	}
	entries, err := s.Outbox().Claim(t.Context(), at.Add(time.Hour), at.Add(time.Hour), 10)
	if err != nil || len(entries) != 1 || entries[0].Message.ID != "m1" || string(entries[0].Message.Data) != `{"a": 1}` {
		t.Errorf("the outbox has %+v (%v), want m1", entries, err)
	}
	if _, err := s.Update(t.Context(), want.ID, "lease", func(b *booking.Booking) error { b.Refunds[0].Status = booking.RefundDone; return nil }); err != nil {
		t.Errorf("updating it: %v", err)
	}
}

// An upgrade comes to fees that were kept after their event had been cancelled.
func TestOldFeesAreLookedAtAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, beforeFees)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ event, fee, updated string }{
		{"late", bookingtest.OldFeeLate, bookingtest.OldFeeLate},
		{"early", bookingtest.OldFeeEarly, bookingtest.OldFeeLate},
		{"before", bookingtest.OldFeeEarly, bookingtest.OldFeeEarly},
	} {
		if _, err := conn.Exec(t.Context(), strings.NewReplacer("$event", c.event, "$fees", bookingtest.OldFees(c.fee),
			"$updated", c.updated, "$off", bookingtest.OldEventOff).Replace(`
			INSERT INTO bookings (id, user_id, user_email, user_name, event_id, event, items, total_minor, currency, status, payment_provider,
				payment_reference, payment_status, reason, attempt, acknowledged, timeline, version, created_at, updated_at, lease_token, tries, cancellations)
			VALUES ('$event', 'user', '', '', '$event', '{}', '[]', 1000, 'EUR', 'CANCELLED', '', '', '', '', 1, false, '[]', 1,
				'$updated', '$updated', '', 0, '$fees');
			INSERT INTO cancelled_events (event_id, title, by, note, occurred_at, recorded_at, done_at)
			VALUES ('$event', '', '', '', '$off', '$off', '$off')`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), postgresdb.Options{URL: url, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	bookingtest.CheckOldFees(t, s)
}

// An upgrade counts the tickets that are unpaid already.
func TestOldBookingsCountAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, beforeUnpaid)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range bookingtest.OldAccounts {
		if _, err := conn.Exec(t.Context(), `
			INSERT INTO bookings (id, user_id, user_email, user_name, event_id, event, items, total_minor, currency, status, payment_provider,
				payment_reference, payment_status, reason, attempt, acknowledged, timeline, version, created_at, updated_at, lease_token, tries)
			VALUES ($1, $1, '', '', 'e', '{}', $2, 0, 'EUR', $3, '', '', '', '', 1, false, '[]', 1, now(), now(), '', 0)`,
			a.User, a.Items, a.Status); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), postgresdb.Options{URL: url, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	bookingtest.CheckOldAccounts(t, s)
}

// An upgrade keeps the steps that are in the audit log one a row.
func TestOldStepsAreReadAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, beforeAuditRows)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	if _, err := conn.Exec(t.Context(), `
		INSERT INTO bookings (id, user_id, user_email, user_name, event_id, event, items, total_minor, currency, status, payment_provider,
			payment_reference, payment_status, reason, attempt, acknowledged, timeline, version, created_at, updated_at, lease_token, tries)
		VALUES ($1, 'user', '', '', 'e', '{}', '[]', 0, 'EUR', 'CONFIRMED', '', '', '', '', 1, false, '[]', 1, now(), now(), '', 0)`,
		bookingtest.OldAudited); err != nil {
		t.Fatal(err)
	}
	for _, step := range bookingtest.OldSteps {
		if _, err := conn.Exec(t.Context(), `INSERT INTO audit_log (at, by, step, detail, booking_id, event_id, version)
			VALUES (now(), 'user', $1, '', $2, 'e', 1)`, step, bookingtest.OldAudited); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), postgresdb.Options{URL: url, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	bookingtest.CheckOldAudit(t, bookingtest.StoreUnderTest{Store: s, AuditLog: s})
	var n int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM audit_log`).Scan(&n); err != nil || n != len(bookingtest.OldSteps)+1 {
		t.Errorf("%d rows in the audit log (%v), want one more for both steps", n, err)
	}
}
