package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
)

// lockAccount makes the creations of a user take turns, until the commit: each
// counts what those before it have stored.
const lockAccount = `SELECT pg_advisory_xact_lock(hashtextextended('account ' || $1::text, 0))`

// lockAddress does the same for an address, always after lockAccount.
const lockAddress = `SELECT pg_advisory_xact_lock(hashtextextended('address ' || $1::text, 0))`

// lockUsage queues the locks of b's user and address, and returns how many.
func lockUsage(batch *pgx.Batch, b *booking.Booking) int {
	batch.Queue(lockAccount, b.UserID)
	if b.Address == "" {
		return 1
	}
	batch.Queue(lockAddress, b.Address)
	return 2
}

// locked reads the results of lockUsage.
func locked(results pgx.BatchResults, locks int) error {
	for range locks {
		if _, err := results.Exec(); err != nil {
			return err
		}
	}
	return nil
}

// accountOf returns the arguments of account.
func accountOf(b *booking.Booking) arguments {
	return arguments{b.UserID, b.EventID, b.CreatedAt.Add(-booking.DeclinesKept), b.Address, b.CreatedAt.Add(-booking.AddressKept)}
}

// account returns the usage that the limits count.
//   - $1 is the user and $2 the event.
//   - Declined and open payments count from $3 on.
//   - $4 is the address. Confirmed bookings from there count from $5 on.
//
// It must be a statement after lockUsage: a statement does not see what was
// committed while it waited for a lock.
const account = `
	WITH declined AS (
		SELECT id, updated_at, declines FROM bookings WHERE user_id = $1 AND declines > 0 AND updated_at >= $3),
	tries AS (
		SELECT declines AS declined, updated_at AS at FROM declined WHERE id > coalesce((
			SELECT max(id) FROM bookings
			WHERE user_id = $1 AND id > (SELECT min(id) FROM declined) AND status = 'CONFIRMED' AND captured_minor > 0), '')
		UNION ALL
		SELECT 0, created_at FROM bookings
		WHERE user_id = $1 AND status = 'PENDING' AND unpaid_tickets > 0 AND reason <> 'payment_declined' AND created_at >= $3)
	SELECT
		(SELECT coalesce(sum(unpaid_tickets), 0) FROM bookings
			WHERE user_id = $1 AND status IN ('PENDING', 'CONFIRMED') AND event_id = $2 AND unpaid_tickets > 0),
		coalesce(sum(declined), 0), count(*) FILTER (WHERE declined = 0), max(at),
		(SELECT count(*) FROM bookings WHERE user_id = $1 AND status = 'PENDING' AND unpaid_tickets > 0 AND checkout IS NOT NULL),
		(SELECT coalesce(sum(unpaid_tickets), 0) FROM bookings
			WHERE user_id = $1 AND status = 'PENDING' AND event_id = $2 AND unpaid_tickets > 0 AND checkout IS NOT NULL),
		(SELECT count(*) FROM bookings WHERE address = $4 AND address <> '' AND status = 'PENDING'),
		(SELECT coalesce(sum(unpaid_tickets), 0) FROM bookings
			WHERE address = $4 AND address <> '' AND status IN ('PENDING', 'CONFIRMED') AND event_id = $2 AND (status = 'PENDING' OR created_at >= $5))
	FROM tries`

// unused says that usage has nothing that counts. See usage.
const unused = `tickets = 0 AND declined = 0 AND open = 0 AND checkouts = 0 AND address_open = 0 AND address_tickets = 0`

func scanAccount(row pgx.Row) (a booking.Account, err error) {
	err = row.Scan(&a.Tickets, &a.Declined, &a.Open, (*postgresdb.NullTime)(&a.LastTry), &a.Checkouts, &a.CheckoutTickets, &a.AddressOpen, &a.AddressTickets)
	return a, err
}
