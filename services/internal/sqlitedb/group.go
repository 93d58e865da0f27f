package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// maxGroup is how many writes one transaction holds at most: the first of them
// waits for the last.
const maxGroup = 32

// group is a transaction, and those who write in it one after the other, each
// behind a savepoint of its own. The last of them commits for all: what syncs
// the disk once for one does so for those who came meanwhile (group commit).
// BenchmarkWrite has what that saves.
type group struct {
	db   *DB
	conn *sql.Conn
	tx   *sql.Tx
	stop context.CancelFunc // ends what database/sql has for tx
	size int
	// done is closed when it has ended; err is nil then if all is on disk.
	done chan struct{}
	err  error
}

// enter waits for a turn to write, in a group that is open or in a new one.
// Whoever has entered leaves.
func (db *DB) enter(ctx context.Context) (*group, error) {
	g, err := db.turns.wait(ctx)
	if err != nil {
		return nil, err
	}
	if g == nil {
		if g, err = db.begin(ctx); err != nil {
			db.turns.pass()
			return nil, err
		}
	}
	g.size++
	if err := g.exec("SAVEPOINT member"); err != nil {
		return nil, g.end(err)
	}
	return g, nil
}

// begin begins a group. However many wait, a file that is locked costs each not
// much more than one busy_timeout: when one has waited for it in vain, so have
// those who stood in the queue before it tried. A long queue that moves is
// waited out as long as each one's context allows.
func (db *DB) begin(ctx context.Context) (*group, error) {
	// The wait ends with the caller's context; the transaction does not, for it
	// will not be this caller's alone.
	base, stop := context.WithCancel(context.WithoutCancel(ctx))
	unlink := context.AfterFunc(ctx, stop)
	conn, err := db.write.Conn(base)
	if err != nil {
		stop()
		return nil, errors.Join(ctx.Err(), err)
	}
	try := db.turns.try()
	tx, err := conn.BeginTx(base, nil)
	switch {
	case err != nil:
		if errors.Is(err, storage.ErrUnavailable) {
			db.turns.fail(try)
		}
		stop()
		return nil, errors.Join(ctx.Err(), err, conn.Close())
	case !unlink():
		_ = tx.Rollback() // it may have been done already
		return nil, errors.Join(ctx.Err(), conn.Close())
	}
	return &group{db: db, conn: conn, tx: tx, stop: stop, done: make(chan struct{})}, nil
}

// leave ends one's turn, whose change is undone if err is not nil, and returns
// once the group has ended: err, or why the group is not on disk. What one was
// refused, too, may have been for what another wrote in the same transaction.
func (g *group) leave(err error) error {
	// The savepoint is gone where SQLite has rolled back everything, as it does
	// when the disk is full.
	if err != nil {
		if undo := g.exec("ROLLBACK TO member"); undo != nil {
			return errors.Join(err, g.end(undo))
		}
	}
	if release := g.exec("RELEASE member"); release != nil {
		return errors.Join(err, g.end(release))
	}
	if g.size >= maxGroup || !g.db.turns.handOver(g) {
		if failed := g.end(nil); failed != nil {
			return failed
		}
		return err
	}
	<-g.done
	if g.err != nil {
		return g.err
	}
	return err
}

// end commits, or rolls back for a failure, and tells all who wrote: what each
// of them is told is not what went wrong with another.
func (g *group) end(failure error) error {
	if failure == nil {
		failure = g.tx.Commit()
	} else {
		_ = g.tx.Rollback() // SQLite has done so, or the connection is gone
	}
	g.stop()
	_ = g.conn.Close() // gives it back
	if failure != nil {
		g.err = fmt.Errorf("%w: sqlite: rolled back: %v", storage.ErrUnavailable, failure) //nolint:errorlint // see above
	}
	close(g.done)
	g.db.turns.pass()
	return g.err
}

func (g *group) exec(query string) error {
	_, err := g.tx.ExecContext(context.Background(), query)
	return err
}
