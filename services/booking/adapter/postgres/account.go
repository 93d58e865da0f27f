package postgres

import (
	"context"
	"errors"

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
	from, to := b.MadeBefore()
	return arguments{b.UserID, b.CreatedAt.Add(-booking.DeclinesKept), booking.NotAhead(b.CreatedAt), b.ID, b.EventID, b.Address, b.CreatedAt.Add(-booking.AddressKept), from, to}
}

// tries has a row for each booking that counts for the pause after declined payments.
//   - $1 is the user. They count from the time $2 to before $3.
//   - $4 is the booking for which they are counted, which is not open itself.
//
// It must be in a statement after lockAccount: a statement does not see what was
// committed while it waited for a lock.
const tries = `
	WITH declined AS (
		SELECT id, updated_at, declines FROM bookings WHERE user_id = $1 AND declines > 0 AND updated_at >= $2 AND updated_at < $3),
	tries AS (
		SELECT declines AS declined, updated_at AS at FROM declined WHERE id > coalesce((
			SELECT max(id) FROM bookings
			WHERE user_id = $1 AND id > (SELECT min(id) FROM declined) AND status = 'CONFIRMED' AND captured_minor > 0), '')
		UNION ALL
		SELECT 0, CASE WHEN checkout IS NOT NULL AND payment_status = 'pending' AND updated_at < $3 THEN updated_at ELSE created_at END FROM bookings
		WHERE user_id = $1 AND status = 'PENDING' AND unpaid_tickets > 0 AND reason <> 'payment_declined' AND created_at >= $2 AND created_at < $3 AND id <> $4)`

// triesOf returns the tries of b's user when b is updated, until the commit.
func triesOf(ctx context.Context, tx pgx.Tx, b *booking.Booking) (t booking.Tries, err error) {
	var all pgx.Batch
	all.Queue(lockAccount, b.UserID)
	all.Queue(tries+` SELECT coalesce(sum(declined), 0), count(*) FILTER (WHERE declined = 0), max(at) FROM tries`,
		b.UserID, b.UpdatedAt.Add(-booking.DeclinesKept), booking.NotAhead(b.UpdatedAt), b.ID)
	results := tx.SendBatch(ctx, &all)
	defer func() { err = errors.Join(err, results.Close()) }()
	if err := locked(results, 1); err != nil {
		return booking.Tries{}, err
	}
	err = results.QueryRow().Scan(&t.Declined, &t.Open, (*postgresdb.NullTime)(&t.LastTry))
	return t, err
}

// account returns the usage that the limits count.
//   - $5 is the event. $6 is the address.
//   - Confirmed bookings from the address count from $7 on.
//   - The bookings that the user has made count from the id $8 to before $9.
//
// It must be a statement after lockUsage, as tries says.
const account = tries + `
	SELECT
		(SELECT coalesce(sum(unpaid_tickets), 0) FROM bookings
			WHERE user_id = $1 AND status IN ('PENDING', 'CONFIRMED') AND event_id = $5 AND unpaid_tickets > 0),
		coalesce(sum(declined), 0), count(*) FILTER (WHERE declined = 0), max(at),
		(SELECT count(*) FROM bookings WHERE user_id = $1 AND status = 'PENDING' AND unpaid_tickets > 0 AND checkout IS NOT NULL),
		(SELECT coalesce(sum(unpaid_tickets), 0) FROM bookings
			WHERE user_id = $1 AND status = 'PENDING' AND event_id = $5 AND unpaid_tickets > 0 AND checkout IS NOT NULL),
		(SELECT count(*) FROM bookings WHERE address = $6 AND address <> '' AND status = 'PENDING'),
		(SELECT coalesce(sum(unpaid_tickets), 0) FROM bookings
			WHERE address = $6 AND address <> '' AND status IN ('PENDING', 'CONFIRMED') AND event_id = $5 AND (status = 'PENDING' OR created_at >= $7 AND created_at < $3)),
		(SELECT count(*) FROM bookings WHERE user_id = $1 AND id >= $8 AND id < $9),
		(SELECT coalesce(min(id), '') FROM bookings WHERE user_id = $1 AND id >= $8 AND id < $9)
	FROM tries`

// unused says that usage has nothing that counts, but bookings that were made. See usage.
const unused = `tickets = 0 AND declined = 0 AND open = 0 AND checkouts = 0 AND address_open = 0 AND address_tickets = 0`

func scanAccount(row pgx.Row) (a booking.Account, err error) {
	err = row.Scan(&a.Tickets, &a.Declined, &a.Open, (*postgresdb.NullTime)(&a.LastTry), &a.Checkouts, &a.CheckoutTickets, &a.AddressOpen, &a.AddressTickets, &a.Made, &a.FirstMade)
	return a, err
}
