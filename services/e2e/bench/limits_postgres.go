package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
)

const postgresLimitName = "SQL alone on PostgreSQL"

// poolSize is what a service has by default: DB_MAX_CONNS.
const poolSize = 16

// limitPostgres is what PostgreSQL takes by pgx alone, in an empty database
// beside the platform's.
func (b *bench) limitPostgres(p *platform, like *booked, workers int) (*Result, error) {
	if err := postgres.Migrate(b.ctx, p.at.Spare); err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(p.at.Spare)
	if err != nil {
		return nil, err
	}
	config.MaxConns = poolSize
	pool, err := pgxpool.NewWithConfig(b.ctx, config)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	s := postgresStatements(like)
	return b.limit(fmt.Sprintf(postgresLimitName+", %d connections", poolSize), workers, func(ctx context.Context) error {
		return s.book(ctx, pool)
	})
}

// postgresLimit is the statements of services/booking/adapter/postgres, and
// what they store.
type postgresLimit struct {
	like                                       *booked
	key, account, create, read, update, outbox string
}

func places(from, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("$%d", from+i)
	}
	return strings.Join(all, ", ")
}

func postgresStatements(like *booked) *postgresLimit {
	n := len(like.booking.columns)
	logged := fmt.Sprintf(`WITH logged AS (
		INSERT INTO audit_log (at, by, step, detail, booking_id, event_id, version)
		SELECT s.at, s.by, s.step, s.detail, $%d, $%d, 1
		FROM unnest($%d::timestamptz[], $%d::text[], $%d::text[], $%d::text[]) AS s (at, by, step, detail)) `,
		n+1, n+2, n+3, n+4, n+5, n+6)
	columns, values := like.booking.names(), places(1, n)
	return &postgresLimit{
		like: like,
		key:  `INSERT INTO idempotency_keys (` + like.key.names() + `) VALUES (` + places(1, len(like.key.columns)) + `) ON CONFLICT (user_id, key) DO NOTHING`,
		account: `SELECT
			(SELECT sum(unpaid_tickets) FROM bookings WHERE user_id = $1 AND status IN ('PENDING', 'CONFIRMED') AND event_id = $1 AND unpaid_tickets > 0),
			(SELECT count(*) FROM bookings WHERE user_id = $1 AND reason = 'payment_declined' AND updated_at >= now())`,
		create: logged + `INSERT INTO bookings (` + columns + `) VALUES (` + values + `)`,
		read:   `SELECT ` + columns + ` FROM bookings WHERE id = $1 FOR UPDATE`,
		update: logged + `UPDATE bookings SET (` + columns + `) = (` + values + fmt.Sprintf(`) WHERE id = $%d
			AND NOT EXISTS (SELECT 1 FROM cancelled_events c WHERE c.event_id = bookings.event_id)`, n+1),
		outbox: `INSERT INTO outbox (` + like.message.names() + `) VALUES (` + places(1, len(like.message.columns)) + `)`,
	}
}

// book makes a booking in two transactions: pending, confirmed.
func (s *postgresLimit) book(ctx context.Context, pool *pgxpool.Pool) error {
	v7, err := uuid.NewV7()
	if err != nil {
		return err
	}
	id := v7.String()
	pending := s.like.booking.with(map[string]any{"id": id, "status": "PENDING", "unpaid_tickets": 1})
	confirmed := s.like.booking.with(map[string]any{"id": id})
	return errors.Join(
		pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, s.key, s.like.key.with(map[string]any{"key": id, "booking_id": id})...); err != nil {
				return err
			}
			var all pgx.Batch
			all.Queue(`SELECT pg_advisory_xact_lock(hashtextextended('account ' || $1::text, 0))`, id)
			all.Queue(s.account, id)
			all.Queue(s.create, s.logging(pending, id, 0, 1)...)
			return tx.SendBatch(ctx, &all).Close()
		}),
		pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, s.read, id)
			if err != nil {
				return err
			}
			if _, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (int, error) { return len(row.RawValues()), nil }); err != nil {
				return err
			}
			var both pgx.Batch
			both.Queue(`SELECT pg_advisory_xact_lock_shared(hashtextextended('cancelled_events ' || $1::text, 0))`, id)
			both.Queue(s.update, s.logging(confirmed, id, 1, len(s.like.steps))...)
			if err := tx.SendBatch(ctx, &both).Close(); err != nil {
				return err
			}
			var message pgx.Batch
			message.Queue(s.outbox, s.like.message.with(map[string]any{"id": id, "closed_at": nil, "published_at": nil})...)
			message.Queue(`SELECT pg_notify('outbox', '') WHERE NOT EXISTS (
				SELECT FROM outbox WHERE closed_at IS NULL AND due <= now() AND id <> $1)`, id)
			return tx.SendBatch(ctx, &message).Close()
		}))
}

// logging adds the parameters of some steps of the audit log.
func (s *postgresLimit) logging(values []any, id string, from, to int) []any {
	var at []time.Time
	texts := make([][]string, 3) // by, step, detail
	for _, step := range s.like.steps[from:to] {
		at = append(at, step.values[0].(time.Time))
		for i := range texts {
			texts[i] = append(texts[i], step.values[1+i].(string))
		}
	}
	return append(values, id, "event", at, texts[0], texts[1], texts[2])
}
