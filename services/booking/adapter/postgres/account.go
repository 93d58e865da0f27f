package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
)

// lockAccount makes the creations of a user take turns, until the commit: each
// counts what those before it have stored.
const lockAccount = `SELECT pg_advisory_xact_lock(hashtextextended('account ' || $1::text, 0))`

// account is the usage that the limits count of the user $1 with the event $2, with the
// declined and open payments from $3 on. It must be a statement after lockAccount:
// a statement does not see what was committed while it waited for a lock.
const account = `
	WITH declined AS (
		SELECT id, updated_at FROM bookings WHERE user_id = $1 AND reason = 'payment_declined' AND updated_at >= $3),
	tries AS (
		SELECT true AS declined, updated_at AS at FROM declined WHERE id > coalesce((
			SELECT max(id) FROM bookings
			WHERE user_id = $1 AND id > (SELECT min(id) FROM declined) AND status = 'CONFIRMED' AND captured_minor > 0), '')
		UNION ALL
		SELECT false, created_at FROM bookings
		WHERE user_id = $1 AND status = 'PENDING' AND unpaid_tickets > 0 AND reason <> 'payment_declined' AND created_at >= $3)
	SELECT
		(SELECT coalesce(sum(unpaid_tickets), 0) FROM bookings
			WHERE user_id = $1 AND status IN ('PENDING', 'CONFIRMED') AND event_id = $2 AND unpaid_tickets > 0),
		count(*) FILTER (WHERE declined), count(*) FILTER (WHERE NOT declined), max(at)
	FROM tries`

func scanAccount(row pgx.Row) (a booking.Account, err error) {
	err = row.Scan(&a.Tickets, &a.Declined, &a.Open, (*postgresdb.NullTime)(&a.LastTry))
	return a, err
}
