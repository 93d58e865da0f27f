package sqlitedb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/openboxoffice/boxoffice/services/internal/retry"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// ErrDamaged is a file of which SQLite has found that it contradicts itself, or
// that is no database. It does not get better by itself.
var ErrDamaged = errors.New("the database file is damaged")

// damage is what SQLite finds wrong with a file, in whichever statement.
type damage struct {
	once  sync.Once
	found chan struct{} // closed when err is set
	err   error
}

// see passes an error of SQLite's on, by what it means, and notes damage.
func (d *damage) see(err error) error {
	if err == nil {
		return nil
	}
	var e *sqlite.Error
	if errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_CORRUPT || e.Code()&0xff == sqlite3.SQLITE_NOTADB) {
		err = fmt.Errorf("%w: sqlite: %w", ErrDamaged, err)
		d.once.Do(func() {
			d.err = err
			close(d.found)
		})
		return err
	}
	return unavailable(err)
}

// checkTime bounds what looking for damage adds to a start.
const checkTime = 5 * time.Second

// check looks for damage, as far as it gets in checkTime.
func check(ctx context.Context, path string, d *damage) error {
	db, err := open(path, 1, false, "_pragma=query_only(1)", d)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	var result string
	err = db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&result)
	switch {
	case errors.Is(err, ErrDamaged):
		return damaged(path, err)
	case err == nil && result != "ok":
		return damaged(path, fmt.Errorf("%w: %s", ErrDamaged, result))
	}
	return nil // what else is wrong, the migration meets, too
}

// damaged says what to do about it.
func damaged(path string, err error) error {
	return fmt.Errorf("%s: %w; stop the service and restore the file from a backup", path, err)
}

const (
	// checkpointEvery is how often Run looks at the size of the log, and maxLog how
	// large it may become: SQLite begins it anew at 4 MB by itself, but never
	// while reads overlap.
	checkpointEvery = 5 * time.Second
	maxLog          = 16 << 20
	// checkpointTime is how long a checkpoint waits for the reads that are under
	// way. No read in a lane takes as long. Whoever writes waits for the checkpoint,
	// and gives up later (busy_timeout).
	checkpointTime = storage.LaneLimit + 250*time.Millisecond
)

// checkpointPauses grow with each checkpoint that failed in a row: those who write
// have waited in vain.
var checkpointPauses = retry.Pauses{First: checkpointEvery, Limit: time.Minute}

// errNotCut is a checkpoint that a read has outlasted.
var errNotCut = errors.New("a read took longer than the checkpoint waits")

// Run keeps the write-ahead log small until ctx ends; then it returns nil. It
// returns ErrDamaged as soon as a statement of anybody finds the file damaged:
// then the service must end, for it could sell what it has sold already.
func (db *DB) Run(ctx context.Context, log *slog.Logger) error {
	failures := 0
	timer := time.NewTimer(checkpointEvery)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-db.damage.found:
			return damaged(db.path, db.damage.err)
		case <-timer.C:
			err := db.checkpoint(ctx, log, maxLog)
			if err == nil {
				failures = 0
			} else {
				failures++
			}
			pause := checkpointPauses.After(1 + failures)
			if err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "write-ahead log not cut", "file", db.path, "next_try", pause, "error", err)
			}
			timer.Reset(pause)
		}
	}
}

// checkpoint brings the log into the file and cuts it, if it is larger than
// limit. Reads that begin meanwhile read the file and not the log, so overlapping
// reads do not keep it from ending. If a read that is under way takes longer than
// checkpointTime the log stays as it is: errNotCut.
func (db *DB) checkpoint(ctx context.Context, log *slog.Logger, limit int64) error {
	size, err := db.logSize()
	if err != nil || size <= limit {
		return err
	}
	own, err := open(db.path, 1, false, "", db.damage)
	if err != nil {
		return err
	}
	defer func() { _ = own.Close() }()
	if _, err := own.ExecContext(ctx, fmt.Sprintf("PRAGMA busy_timeout = %d", checkpointTime.Milliseconds())); err != nil {
		return err
	}
	var busy, pages, moved int64
	if err := own.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return errNotCut
	}
	left, err := db.logSize()
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "write-ahead log cut", "file", db.path, "bytes_before", size, "bytes_after", left)
	return nil
}

// logSize is how many bytes the write-ahead log has.
func (db *DB) logSize() (int64, error) {
	st, err := os.Stat(db.path + "-wal")
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}
