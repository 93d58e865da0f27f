//go:build integration

package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb/plantest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
)

func TestLinkMailsContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestLinkMails(t, func(t *testing.T) bookingtest.LinkMailsUnderTest {
		u := underTest(t)
		return bookingtest.LinkMailsUnderTest{StoreUnderTest: u, LinkMails: u.Store.(*postgres.Store).LinkMails()}
	})
}

func TestLinkMailsGoByIndexes(t *testing.T) {
	t.Parallel()
	var recorder plantest.Recorder
	url := pgtest.New(t, postgres.Migrate)
	l := open(t, postgresdb.Options{URL: url, Tracer: &recorder}).LinkMails()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	now := time.Now()
	for _, sql := range []string{`
		INSERT INTO link_requests (id, guest_key, mailbox, client, trace_parent, requested_at, waits)
		SELECT 'r' || n, 'g' || n % 10000, 'm' || n % 1000, 'c' || n % 1000, '', $1::timestamptz + n * interval '1 second', n % 10 = 0
		FROM generate_series(1, 100000) n`, `
		INSERT INTO link_mails (id, guest_key, mailbox, created_at)
		SELECT 'l' || n, 'g' || n % 10000, 'm' || n % 1000, $1::timestamptz + n * interval '1 second' FROM generate_series(1, 100000) n`, `
		INSERT INTO bookings (id, user_id, user_email, user_name, event_id, event, total_minor, currency, status, payment_provider,
			payment_reference, payment_status, reason, attempt, acknowledged, version, created_at, updated_at, lease_token, tries, guest, guest_key)
		SELECT 'id' || n, 'user', '', '', 'event', '{}', 0, 'EUR', 'CONFIRMED', '', '', '', '', 1, false, 1, $1, $1, '', 0, true, 'g' || n % 10000
		FROM generate_series(1, 100000) n`,
	} {
		if _, err := conn.Exec(t.Context(), sql, now); err != nil {
			t.Fatal(err)
		}
	}
	within := booking.Span{After: now, Before: now.Add(time.Hour)}
	workOff := func() error {
		_, err := l.WorkOff(t.Context(), within, 10, func(booking.LinkRequest, []booking.Booking, int) (*booking.LinkMail, events.Message, error) {
			return nil, events.Message{}, nil
		})
		return err
	}
	var used []string
	for _, c := range []struct {
		what, index string
		ask         func() error
	}{
		{"Request", "link_requests_of_client", func() error {
			return l.Request(t.Context(), booking.LinkRequest{ID: "new", Client: "c1", At: now}, within, 5)
		}},
		{"WorkOff", "link_requests_waiting", workOff},
		{"WorkOff, the end of a request", "link_requests_pkey", workOff},
		{"WorkOff, the bookings", "bookings_of_guests", workOff},
		{"WorkOff, the mails of a mailbox", "link_mails_to_mailbox", workOff},
		{"Get", "link_mails_pkey", func() error { _, _, err := l.Get(t.Context(), "l1"); return err }},
		{"Prune of requests", "link_requests_done", func() error { return l.Prune(t.Context(), now) }},
		{"Prune of mails", "link_mails_by_age", func() error { return l.Prune(t.Context(), now) }},
	} {
		plantest.ByIndex(t, c.what, recorder.Plans(t, url, c.ask), c.index)
		used = append(used, c.index)
	}
	plantest.AllUsed(t, url, used, []string{"link_requests", "link_mails"})
}

// Guests find the bookings that an earlier release has stored.
func TestOldBookingsOfGuestsGetTheirKeys(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, postgres.Migrate)
	bookingtest.CheckOldGuests(t, open(t, postgresdb.Options{URL: url}), func() {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(t.Context()) }()
		if _, err := conn.Exec(t.Context(), `UPDATE bookings SET guest_key = ''`); err != nil {
			t.Fatal(err)
		}
	}, func() bookingtest.LinkMailsUnderTest {
		s := open(t, postgresdb.Options{URL: url})
		return bookingtest.LinkMailsUnderTest{StoreUnderTest: bookingtest.StoreUnderTest{Store: s, Outbox: s.Outbox()}, LinkMails: s.LinkMails()}
	})
}
