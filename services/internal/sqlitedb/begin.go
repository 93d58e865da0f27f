package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// begin waits for its turn and begins a transaction; release, after the commit
// or instead of it, gives the turn to the next. However many wait, a file that
// is locked costs each not much more than one busy_timeout: when one has waited
// for it in vain, so have those who stood in the queue before it tried. A long
// queue that moves is waited out as long as ctx allows.
func (db *DB) begin(ctx context.Context) (tx *sql.Tx, release func(), err error) {
	wait, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	leave := db.queue.join(giveUp)
	defer leave()
	conn, err := db.write.Conn(wait)
	if err != nil {
		if wait.Err() != nil {
			err = context.Cause(wait)
		}
		return nil, nil, err
	}
	try := db.queue.try()
	if tx, err = conn.BeginTx(ctx, nil); err != nil {
		if errors.Is(err, storage.ErrUnavailable) {
			db.queue.fail(try)
		}
		return nil, nil, errors.Join(err, conn.Close())
	}
	return tx, func() {
		_ = tx.Rollback() // of a func that panicked; else it has ended
		_ = conn.Close()  // gives it back
	}, nil
}

// queue is those who wait to write.
type queue struct {
	sync.Mutex
	tried   int // how often one has tried to begin
	waiting map[*waiter]struct{}
}

// waiter waits since the tries were as many.
type waiter struct {
	since  int
	giveUp context.CancelCauseFunc
}

func (q *queue) join(giveUp context.CancelCauseFunc) (leave func()) {
	q.Lock()
	defer q.Unlock()
	w := &waiter{q.tried, giveUp}
	if q.waiting == nil {
		q.waiting = map[*waiter]struct{}{}
	}
	q.waiting[w] = struct{}{}
	return func() {
		q.Lock()
		defer q.Unlock()
		delete(q.waiting, w)
	}
}

// try counts one more, and returns which it is.
func (q *queue) try() int {
	q.Lock()
	defer q.Unlock()
	q.tried++
	return q.tried
}

// fail tells it to those who joined before that try: they have waited as long.
func (q *queue) fail(try int) {
	q.Lock()
	defer q.Unlock()
	for w := range q.waiting {
		if w.since < try {
			w.giveUp(fmt.Errorf("%w: sqlite: the file could not be locked", storage.ErrUnavailable))
		}
	}
}
