package postgresdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openboxoffice/boxoffice/services/internal/retry"
)

// maxAttempts is how often a Read or Write is tried.
const maxAttempts = 5

var pauses = retry.Pauses{First: 4 * time.Millisecond, Limit: 32 * time.Millisecond}

// Read runs fn on a connection. fn only reads: it is called again, on another
// connection, when this one breaks.
func (db *DB) Read(ctx context.Context, fn func(ctx context.Context, conn *pgx.Conn) error) error {
	return db.run(ctx, fn)
}

// List is Read for lists and reports, which never have more than a few of the
// pool's connections. storage.ErrBusy means that too many are being read, or
// that fn took too long and was interrupted.
func (db *DB) List(ctx context.Context, fn func(ctx context.Context, conn *pgx.Conn) error) error {
	return db.lists.Do(ctx, func(ctx context.Context) error { return db.run(ctx, fn) })
}

// Write runs fn in a transaction, read committed, and commits when fn returns
// nil; else it rolls back and returns fn's error. After a deadlock, a
// serialization failure, or a connection that broke before the commit, fn is
// called again, so it does nothing but SQL and starts anew each time. When ctx
// ends before the commit nothing has changed and the error is ctx's; the commit
// itself is not interrupted. Only a connection that breaks during the commit
// leaves open whether it took effect: storage.ErrUnavailable, and not repeated.
func (db *DB) Write(ctx context.Context, fn func(ctx context.Context, tx pgx.Tx) error) error {
	return db.run(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}) // whatever the server's default
		if err != nil {
			return err
		}
		if err = fn(ctx, tx); err == nil {
			err = ctx.Err()
		}
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), twoThirds(db.timeout))
		defer cancel()
		if err != nil {
			// Where it fails the connection is closed, and the server rolls back.
			_ = tx.Rollback(end)
			return err
		}
		return commit(end, tx)
	})
}

// Once runs the statements of b in one transaction, read committed, and in one
// round trip; read has their answers. It is for statements that say themselves
// whether they change anything: read cannot undo them. They are repeated
// after a deadlock, and on another connection where this one was broken before they
// were sent. ctx does not interrupt them. A connection that breaks
// later leaves open whether they took effect, as that of a commit does.
func (db *DB) Once(ctx context.Context, b *pgx.Batch, read func(results pgx.BatchResults) error) error {
	return db.run(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), twoThirds(db.timeout))
		defer cancel()
		var fresh pgx.Batch // a batch keeps the prepared statements of its connection
		for _, q := range b.QueuedQueries {
			fresh.Queue(q.SQL, q.Arguments...)
		}
		results := conn.SendBatch(end, &fresh)
		err := read(results)
		if failed := results.Close(); failed != nil && !pgconn.SafeToRetry(failed) {
			return known(failed)
		} else if failed != nil {
			return failed
		}
		return err
	})
}

// Sweep runs a DELETE or UPDATE that takes a limited number of rows, until it finds none.
// Each time is a transaction of its own, so that a table that has grown for
// weeks is pruned within the timeout all the same.
func (db *DB) Sweep(ctx context.Context, sql string, args ...any) error {
	for {
		var n int64
		err := db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, sql, args...)
			n = tag.RowsAffected()
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// errOutcomeUnknown is a commit that was sent and not answered.
var errOutcomeUnknown = errors.New("the connection was lost during a commit, which may have taken effect")

func commit(ctx context.Context, tx pgx.Tx) error {
	err := tx.Commit(ctx)
	if err == nil || errors.Is(err, pgx.ErrTxCommitRollback) {
		return err
	}
	return known(err)
}

// known returns an error of a commit as it is where nothing was committed, and
// otherwise as errOutcomeUnknown.
func known(err error) error {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.SeverityUnlocalized == "ERROR" {
		return err // FATAL may come after the commit
	}
	return fmt.Errorf("%w: %w", errOutcomeUnknown, err)
}

func (db *DB) run(ctx context.Context, fn func(ctx context.Context, conn *pgx.Conn) error) error {
	bounded, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	for attempt := 1; ; attempt++ {
		outcome, err := db.attempt(bounded, fn)
		switch {
		case outcome == answered:
			return err
		case outcome == broken && attempt < maxAttempts && pauses.Wait(bounded, attempt):
			continue
		case ctx.Err() != nil && !errors.Is(err, errOutcomeUnknown):
			return fmt.Errorf("postgres: %w: %w", ctx.Err(), err)
		}
		return unavailable(err)
	}
}

// outcome is what became of one attempt.
type outcome int

const (
	answered outcome = iota // fn's own answer, or the commit
	broken                  // nothing was committed, and it may go well next time
	failed                  // the database did not do it, and would not do it now
)

func (db *DB) attempt(ctx context.Context, fn func(ctx context.Context, conn *pgx.Conn) error) (outcome, error) {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return failed, err
	}
	defer release(conn)
	if err = alive(ctx, conn.Conn()); err == nil {
		err = fn(ctx, conn.Conn())
	}
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return answered, nil
	case errors.Is(err, errOutcomeUnknown):
		return failed, err
	case conn.Conn().IsClosed() && ctx.Err() == nil:
		// What broke this connection has most likely broken the idle ones.
		db.pool.Reset()
		return broken, err
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), conn.Conn().IsClosed():
		return failed, err
	case errors.As(err, &pg):
		return outcomeOf(pg.Code), err
	}
	return answered, err
}

// lastUse is when a connection was given back to the pool.
const lastUse = "last use"

// alive asks a connection that was idle for a while whether it still is one.
// The pool would do so, too, but holds the place of one that does not answer
// for 15 s, as long as pgx takes to close it; then a pool whose network was
// silent is of no use for that long when the network is back.
func alive(ctx context.Context, conn *pgx.Conn) error {
	since, used := conn.PgConn().CustomData()[lastUse].(time.Time)
	if !used || time.Since(since) < time.Second {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return conn.Ping(ctx)
}

// release gives a connection back, or its place in the pool where it is closed.
func release(conn *pgxpool.Conn) {
	if conn.Conn().IsClosed() {
		conn.Hijack() // pgx is closing it
		return
	}
	conn.Conn().PgConn().CustomData()[lastUse] = time.Now()
	conn.Release()
}
