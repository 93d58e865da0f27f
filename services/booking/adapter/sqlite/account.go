package sqlite

import (
	"context"
	"database/sql"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// account returns what counts for the limits of b's user and address. There is one writer at a
// time: it stays so until the commit.
func account(ctx context.Context, tx *sql.Tx, b *booking.Booking) (a booking.Account, err error) {
	var last sql.NullInt64
	err = tx.QueryRowContext(ctx, `
		WITH declined AS (
			SELECT id, updated_at, declines FROM bookings WHERE user_id = ?1 AND declines > 0 AND updated_at >= ?3),
		tries AS (
			SELECT declines AS declined, updated_at AS at FROM declined WHERE id > coalesce((
				SELECT max(id) FROM bookings
				WHERE user_id = ?1 AND id > (SELECT min(id) FROM declined) AND status = 'CONFIRMED' AND captured_minor > 0), '')
			UNION ALL
			SELECT 0, created_at FROM bookings
			WHERE user_id = ?1 AND status = 'PENDING' AND unpaid_tickets > 0 AND reason <> 'payment_declined' AND created_at >= ?3)
		SELECT
			(SELECT coalesce(sum(unpaid_tickets), 0) FROM bookings
				WHERE user_id = ?1 AND status IN ('PENDING', 'CONFIRMED') AND event_id = ?2 AND unpaid_tickets > 0),
			coalesce(sum(declined), 0), count(*) FILTER (WHERE declined = 0), max(at),
			(SELECT count(*) FROM bookings WHERE user_id = ?1 AND status = 'PENDING' AND unpaid_tickets > 0 AND checkout <> 'null'),
			(SELECT coalesce(sum(unpaid_tickets), 0) FROM bookings
				WHERE user_id = ?1 AND status = 'PENDING' AND event_id = ?2 AND unpaid_tickets > 0 AND checkout <> 'null'),
			(SELECT count(*) FROM bookings WHERE address = ?4 AND address <> '' AND status = 'PENDING'),
			(SELECT coalesce(sum(unpaid_tickets), 0) FROM bookings
				WHERE address = ?4 AND address <> '' AND status IN ('PENDING', 'CONFIRMED') AND event_id = ?2 AND (status = 'PENDING' OR created_at >= ?5))
		FROM tries`,
		b.UserID, b.EventID, sqlitedb.Time(b.CreatedAt.Add(-booking.DeclinesKept)), b.Address, sqlitedb.Time(b.CreatedAt.Add(-booking.AddressKept))).
		Scan(&a.Tickets, &a.Declined, &a.Open, &last, &a.Checkouts, &a.CheckoutTickets, &a.AddressOpen, &a.AddressTickets)
	a.LastTry = sqlitedb.FromNullTime(last)
	return a, err
}
