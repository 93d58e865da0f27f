package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
)

func TestLinkMailsContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestLinkMails(t, func(t *testing.T) bookingtest.LinkMailsUnderTest {
		u := underTest(t)
		return bookingtest.LinkMailsUnderTest{StoreUnderTest: u, LinkMails: u.Store.(*sqlite.Store).LinkMails()}
	})
}

func TestLinkMailsGoByIndexes(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "booking.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	plantest.Fill(t, path, `
		INSERT INTO link_requests (id, guest_key, mailbox, client, trace_parent, requested_at, waits)
		SELECT 'r' || n, 'g' || (n % 1000), 'm' || (n % 1000), 'c' || (n % 1000), '', 1e15 + n, n % 10 = 0 FROM `+plantest.N, `
		INSERT INTO link_mails (id, guest_key, mailbox, created_at)
		SELECT 'l' || n, 'g' || (n % 1000), 'm' || (n % 1000), 1e15 + n FROM `+plantest.N, `
		INSERT INTO bookings (id, user_id, user_email, user_name, event_id, event, items, total_minor, currency, status, payment_provider,
			payment_reference, payment_status, reason, attempt, acknowledged, timeline, version, created_at, updated_at, lease_token, tries, guest, guest_key)
		SELECT 'id' || n, 'user' || n, '', '', 'event', '{}', '[]', 0, 'EUR', 'CONFIRMED', '', '', '', '', 1, 0, '[]', 1, n, n, '', 0, 1, 'g' || (n % 1000) FROM `+plantest.N)
	l, now := s.LinkMails(), time.UnixMicro(1e15)
	within := booking.Span{After: now, Before: now.Add(time.Hour)}
	workOff := func(ctx context.Context) error {
		_, err := l.WorkOff(ctx, within, 10, func(booking.LinkRequest, []booking.Booking, int) (*booking.LinkMail, events.Message, error) {
			return nil, events.Message{}, nil
		})
		return err
	}
	var used []string
	for _, c := range []struct {
		what, index string
		ask         func(ctx context.Context) error
	}{
		{"Request", "link_requests_of_client", func(ctx context.Context) error {
			return l.Request(ctx, booking.LinkRequest{ID: "new", Client: "c1", At: now}, within, 5)
		}},
		{"WorkOff", "link_requests_waiting", workOff},
		{"WorkOff, the end of a request", "sqlite_autoindex_link_requests_1", workOff},
		{"WorkOff, the bookings", "bookings_of_guests", workOff},
		{"WorkOff, the mails of a mailbox", "link_mails_to_mailbox", workOff},
		{"Get", "sqlite_autoindex_link_mails_1", func(ctx context.Context) error { _, _, err := l.Get(ctx, "l1"); return err }},
		{"Prune of requests", "link_requests_done", func(ctx context.Context) error { return l.Prune(ctx, now) }},
		{"Prune of mails", "link_mails_by_age", func(ctx context.Context) error { return l.Prune(ctx, now) }},
	} {
		plantest.ByIndex(t, path, c.what, c.index, c.ask)
		used = append(used, c.index)
	}
	plantest.AllUsed(t, path, used, "link_requests", "link_mails")
}

// Guests find the bookings that an earlier release has stored.
func TestOldBookingsOfGuestsGetTheirKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "booking.db")
	open := func() *sqlite.Store {
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	s := open()
	bookingtest.CheckOldGuests(t, s, func() {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		plantest.Fill(t, path, `UPDATE bookings SET guest_key = ''`)
	}, func() bookingtest.LinkMailsUnderTest {
		s := open()
		return bookingtest.LinkMailsUnderTest{StoreUnderTest: bookingtest.StoreUnderTest{Store: s, Outbox: s.Outbox()}, LinkMails: s.LinkMails()}
	})
}
