package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// begin waits for its turn and begins a transaction; release, after the commit
// or instead of it, gives the turn to the next. However many wait, a file that
// is locked costs each no more than one busy_timeout: when the first has waited
// for it in vain, so have the others. A long queue that moves is waited out as
// long as ctx allows.
func (db *DB) begin(ctx context.Context) (tx *sql.Tx, release func(), err error) {
	wait, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	outage := db.nextOutage()
	stop := context.AfterFunc(outage, func() {
		giveUp(fmt.Errorf("%w: sqlite: the file could not be locked", storage.ErrUnavailable))
	})
	defer stop()
	conn, err := db.write.Conn(wait)
	if err != nil {
		if wait.Err() != nil {
			err = context.Cause(wait)
		}
		return nil, nil, err
	}
	if tx, err = conn.BeginTx(ctx, nil); err != nil {
		if errors.Is(err, storage.ErrUnavailable) {
			db.tellOutage()
		}
		return nil, nil, errors.Join(err, conn.Close())
	}
	return tx, func() {
		_ = tx.Rollback() // of a func that panicked; else it has ended
		_ = conn.Close()  // gives it back
	}, nil
}

// nextOutage returns a context that ends when a transaction could not begin.
func (db *DB) nextOutage() context.Context {
	db.queue.Lock()
	defer db.queue.Unlock()
	if db.outage == nil {
		db.outage, db.tell = context.WithCancel(context.Background())
	}
	return db.outage
}

// tellOutage ends it for everybody who waits now.
func (db *DB) tellOutage() {
	db.queue.Lock()
	defer db.queue.Unlock()
	if db.outage != nil {
		db.tell()
		db.outage = nil
	}
}
