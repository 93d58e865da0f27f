package sqlite

import (
	"context"
	"database/sql"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// tries has a row for each booking that counts for the pause after declined payments.
//   - ?1 is the user. They count from the time ?2 to before ?3.
//   - ?4 is the booking for which they are counted, which is not open itself.
const tries = `
	WITH declined AS (
		SELECT id, updated_at, declines FROM bookings WHERE user_id = ?1 AND declines > 0 AND updated_at >= ?2 AND updated_at < ?3),
	tries AS (
		SELECT declines AS declined, updated_at AS at FROM declined WHERE id > coalesce((
			SELECT max(id) FROM bookings
			WHERE user_id = ?1 AND id > (SELECT min(id) FROM declined) AND status = 'CONFIRMED' AND captured_minor > 0), '')
		UNION ALL
		SELECT 0, iif(checkout <> 'null' AND payment_status = 'pending' AND updated_at < ?3, updated_at, created_at) FROM bookings
		WHERE user_id = ?1 AND status = 'PENDING' AND unpaid_tickets > 0 AND reason <> 'payment_declined' AND created_at >= ?2 AND created_at < ?3 AND id <> ?4)`

// triesOf returns the tries of b's user when b is updated. There is one writer at a
// time: it stays so until the commit.
func triesOf(ctx context.Context, tx *sql.Tx, b *booking.Booking) (t booking.Tries, err error) {
	var last sql.NullInt64
	err = tx.QueryRowContext(ctx, tries+` SELECT coalesce(sum(declined), 0), count(*) FILTER (WHERE declined = 0), max(at) FROM tries`,
		b.UserID, sqlitedb.Time(b.UpdatedAt.Add(-booking.DeclinesKept)), sqlitedb.Time(booking.NotAhead(b.UpdatedAt)), b.ID).
		Scan(&t.Declined, &t.Open, &last)
	t.LastTry = sqlitedb.FromNullTime(last)
	return t, err
}

// account returns what counts for the limits of b's user and address. There is one writer at a
// time: it stays so until the commit.
func account(ctx context.Context, tx *sql.Tx, b *booking.Booking) (a booking.Account, err error) {
	var last sql.NullInt64
	from, to := b.MadeBefore()
	err = tx.QueryRowContext(ctx, tries+`
		SELECT
			(SELECT coalesce(sum(unpaid_tickets), 0) FROM bookings
				WHERE user_id = ?1 AND status IN ('PENDING', 'CONFIRMED') AND event_id = ?5 AND unpaid_tickets > 0),
			coalesce(sum(declined), 0), count(*) FILTER (WHERE declined = 0), max(at),
			(SELECT count(*) FROM bookings WHERE user_id = ?1 AND status = 'PENDING' AND unpaid_tickets > 0 AND checkout <> 'null'),
			(SELECT coalesce(sum(unpaid_tickets), 0) FROM bookings
				WHERE user_id = ?1 AND status = 'PENDING' AND event_id = ?5 AND unpaid_tickets > 0 AND checkout <> 'null'),
			(SELECT count(*) FROM bookings WHERE address = ?6 AND address <> '' AND status = 'PENDING'),
			(SELECT coalesce(sum(unpaid_tickets), 0) FROM bookings
				WHERE address = ?6 AND address <> '' AND status IN ('PENDING', 'CONFIRMED') AND event_id = ?5 AND (status = 'PENDING' OR created_at >= ?7 AND created_at < ?3)),
			(SELECT count(*) FROM bookings WHERE user_id = ?1 AND id >= ?8 AND id < ?9),
			(SELECT coalesce(min(id), '') FROM bookings WHERE user_id = ?1 AND id >= ?8 AND id < ?9)
		FROM tries`,
		b.UserID, sqlitedb.Time(b.CreatedAt.Add(-booking.DeclinesKept)), sqlitedb.Time(booking.NotAhead(b.CreatedAt)), b.ID,
		b.EventID, b.Address, sqlitedb.Time(b.CreatedAt.Add(-booking.AddressKept)), from, to).
		Scan(&a.Tickets, &a.Declined, &a.Open, &last, &a.Checkouts, &a.CheckoutTickets, &a.AddressOpen, &a.AddressTickets, &a.Made, &a.FirstMade)
	a.LastTry = sqlitedb.FromNullTime(last)
	return a, err
}
