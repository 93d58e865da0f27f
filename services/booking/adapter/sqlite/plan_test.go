package sqlite_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
)

var errNotAdmitted = errors.New("not admitted")

// TestEverythingGoesByIndexes: among 100,000 bookings, a request costs what it
// costs among few.
func TestEverythingGoesByIndexes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "booking.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	// 1,000 users; one booking in 100 is unsettled, one in 100 declined, and one
	// message in 100 open.
	plantest.Fill(t, path, `
		INSERT INTO bookings (id, user_id, user_email, user_name, event_id, event, items, total_minor, currency, status, payment_provider,
			payment_reference, payment_status, reason, attempt, acknowledged, timeline, version, created_at, updated_at, lease_token, lease_until, tries, unpaid_tickets, address, declines)
		SELECT 'id' || n, 'user' || (n % 1000), '', '', 'event' || (n % 1000), '{}', '[]', 0, 'EUR', iif(n % 100 = 0, 'PENDING', 'CONFIRMED'),
			'', '', '', iif(n % 100 = 1, 'payment_declined', ''), 1, 0, '[]', 1, n, n, '', iif(n % 100 = 0, n, NULL), 0, n % 100 < 10, iif(n % 100 < 10, 'address' || (n % 1000), ''), iif(n % 100 = 1, 1, 0)
		FROM `+plantest.N, `
		INSERT INTO idempotency_keys SELECT 'user' || (n % 1000), 'key' || n, 'f', 'id' || n, 1e15 + n * 1e6 FROM `+plantest.N, `
		INSERT INTO outbox (id, topic, attributes, data, time, due, closed_at)
		SELECT 'id' || n, 'bookings', '{}', x'7b7d', n, n, iif(n % 100 = 0, NULL, n) FROM `+plantest.N, `
		INSERT INTO cancelled_events (event_id, title, by, note, occurred_at, recorded_at, done_at)
		SELECT 'event' || n, '', '', '', n, n, iif(n = 7, NULL, n) FROM `+plantest.N, `
		INSERT INTO audit_log (at, by, step, detail, booking_id, event_id, version)
		SELECT n, '', '', '', 'id' || n, 'event' || (n % 1000), 1 FROM `+plantest.N, `
		INSERT INTO link_mails (id, guest_key, mailbox, created_at) VALUES ('m1', 'ana@example.com', '', 0)`)
	now := time.UnixMicro(1e15).Add(24 * time.Hour)
	key := booking.Key{Value: "key1000", Fingerprint: "f"}
	create := func(ctx context.Context) error {
		err := s.Create(ctx, booking.Booking{ID: "01a22cfe-8beb-786a-b80e-56d619f9a174", UserID: "user1", EventID: "event1", Address: "address1", Status: booking.Pending, CreatedAt: now}, booking.Key{},
			func(booking.Account) error { return errNotAdmitted })
		if errors.Is(err, errNotAdmitted) {
			err = nil
		}
		return err
	}
	createInOne := func(ctx context.Context) error {
		return s.Create(ctx, booking.Booking{ID: "b" + time.Now().String(), UserID: "nobody yet", EventID: "event1", Status: booking.Pending, CreatedAt: now, Timeline: []booking.Step{{Step: "created"}}},
			booking.Key{Value: "new", Fingerprint: "f"}, func(booking.Account) error { return nil })
	}
	save := func(id string, change func(b *booking.Booking)) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			before, err := s.Get(t.Context(), id)
			if err != nil {
				return err
			}
			after := before.Clone()
			change(&after)
			_, err = s.Save(ctx, before, after)
			return err
		}
	}
	relay, ids := s.Outbox(), []string{"id100", "id200"}
	all := func(ctx context.Context) error {
		_, err := s.Claim(ctx, now, booking.Lease{Token: "t", Until: now}, 10_000)
		return err
	}
	used := []string{"idempotency_keys"}
	for _, c := range []struct {
		what, index string
		ask         func(ctx context.Context) error
	}{
		{"Get", "sqlite_autoindex_bookings_1", func(ctx context.Context) error { _, err := s.Get(ctx, "id100"); return err }},
		{"Create, what is unpaid", "bookings_unpaid", create},
		{"Create, what was declined", "bookings_declined", create},
		{"Create, what was paid since", "bookings_of_user", create},
		{"Create, what was made", "bookings_of_user", create},
		{"Create, what is open at the address", "bookings_of_address", create},
		{"Create with a key and a step", "bookings_unpaid", createInOne},
		{"ByKey", "idempotency_keys", func(ctx context.Context) error { _, err := s.ByKey(ctx, "user0", key, now); return err }},
		{"List", "bookings_of_user", func(ctx context.Context) error {
			_, err := s.List(ctx, booking.Query{UserID: "user0", After: "id5000", Limit: 21})
			return err
		}},
		{"List, of which no later page reads the earlier ones", "bookings_of_user (user_id=? AND id<?)", func(ctx context.Context) error {
			_, err := s.List(ctx, booking.Query{UserID: "user0", After: "id5000", Limit: 21})
			return err
		}},
		{"List from the start", "bookings_of_user", func(ctx context.Context) error {
			_, err := s.List(ctx, booking.Query{UserID: "user0", Limit: 21})
			return err
		}},
		{"Update", "sqlite_autoindex_bookings_1", func(ctx context.Context) error {
			_, err := s.Update(ctx, "id1", "", func(b *booking.Booking) error { b.Effects.FreeKey = true; return nil })
			return err
		}},
		{"Save", "sqlite_autoindex_bookings_1", save("id3", func(b *booking.Booking) { b.Timeline = append(b.Timeline, booking.Step{Step: "paid"}) })},
		{"Save of what becomes confirmed", "sqlite_autoindex_cancelled_events_1", save("id1000", func(b *booking.Booking) { b.Status = booking.Confirmed })},
		{"Save that frees the key", "idempotency_keys_of_booking", save("id5", func(b *booking.Booking) { b.Effects.FreeKey = true })},
		{"Claim", "bookings_to_drive", func(ctx context.Context) error {
			_, err := s.Claim(ctx, now, booking.Lease{Token: "t", Until: now}, 10)
			return err
		}},
		{"BringForward", "bookings_to_drive", func(ctx context.Context) error { return s.BringForward(ctx, now, now, now.Add(time.Hour)) }},
		{"Claim of a cancelled event's", "bookings_of_event", all},
		{"Claim, which events are cancelled", "cancelled_events_open", all},
		{"Claim of what kept a fee", "bookings_with_fees", all},
		{"OfEvent", "bookings_with_tickets", func(ctx context.Context) error { _, err := s.OfEvent(ctx, "event7", "id5000", 100); return err }},
		{"the bookings of a guest", "bookings_of_guests", func(ctx context.Context) error { _, _, err := s.LinkMails().Get(ctx, "m1"); return err }},
		{"KeyGuests", "bookings_without_key", s.KeyGuests},
		{"WithRefundsDue", "bookings_with_refunds_due", func(ctx context.Context) error { _, err := s.WithRefundsDue(ctx, "", 200); return err }},
		{"Stuck", "bookings_stuck", func(ctx context.Context) error { _, err := s.Stuck(ctx, "", 21); return err }},
		{"Progress", "bookings_of_event", func(ctx context.Context) error { _, err := s.Progress(ctx, "event7"); return err }},
		{"Audit of a booking", "audit_log_of_booking", func(ctx context.Context) error {
			_, err := s.Audit(ctx, booking.AuditQuery{BookingID: "id7", Before: 1000, Limit: 21})
			return err
		}},
		{"Audit of an event", "audit_log_of_event", func(ctx context.Context) error {
			_, err := s.Audit(ctx, booking.AuditQuery{EventID: "event7", Limit: 21})
			return err
		}},
		{"Audit, of which no later page reads the earlier ones", "audit_log_of_event (event_id=? AND number<?)", func(ctx context.Context) error {
			_, err := s.Audit(ctx, booking.AuditQuery{EventID: "event7", Before: 1000, Limit: 21})
			return err
		}},
		{"BookingsAfter", "sqlite_autoindex_bookings_1", func(ctx context.Context) error { _, err := s.BookingsAfter(ctx, "id5000", 200); return err }},
		{"EndLeases", "bookings_to_drive", func(ctx context.Context) error { return s.EndLeases(ctx, now) }},
		{"Prune", "idempotency_keys_by_age", func(ctx context.Context) error { return s.Prune(ctx, now) }},
		{"Prune of addresses", "bookings_keep_address", func(ctx context.Context) error { return s.Prune(ctx, now) }},

		{"the outbox's Claim", "outbox_open", func(ctx context.Context) error { _, err := relay.Claim(ctx, now, now, 10); return err }},
		{"the outbox's Published", "sqlite_autoindex_outbox_1", func(ctx context.Context) error { return relay.Published(ctx, ids, now, now) }},
		{"the outbox's Postpone", "sqlite_autoindex_outbox_1", func(ctx context.Context) error { return relay.Postpone(ctx, ids, now) }},
		{"the outbox's Close", "sqlite_autoindex_outbox_1", func(ctx context.Context) error { return relay.Close(ctx, ids, now) }},
		{"the outbox's Open", "outbox_open", func(ctx context.Context) error { _, _, err := relay.Open(ctx); return err }},
		{"the outbox's Prune", "outbox_closed", func(ctx context.Context) error { return relay.Prune(ctx, now) }},
	} {
		plantest.ByIndex(t, path, c.what, c.index, c.ask)
		used = append(used, c.index)
	}
	plantest.AllUsed(t, path, used, "bookings", "idempotency_keys", "audit_log", "cancelled_events", "outbox")
}
