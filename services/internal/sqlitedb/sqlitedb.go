// Package sqlitedb opens a service's SQLite file so that a committed
// transaction survives kill -9 and power loss, and so that one writer and many
// readers never wait for each other longer than they must.
package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// DB is one SQLite file: a single connection that writes, because SQLite has
// one writer at a time, and several that only read. Readers see the last
// commit and never block the writer (WAL). Those who write at the same time
// share a commit, and with it the sync of the disk.
//
// A file that is locked by another process, full, or away is
// storage.ErrUnavailable, from Read and from Write.
type DB struct {
	// Read is for queries. Its connections are query_only: a write fails.
	Read *sql.DB

	write *sql.DB
	slow  *sql.DB // the connections of lists and searches

	lists, searches *storage.Lane

	turns turns // of those who write

	probe storage.Probe

	path   string
	damage *damage
}

// Each lane has as many connections of its own.
const (
	listing   = 4
	searching = 2
)

// Open opens or creates the file at path (mode 0600, its folder 0700) and
// applies the goose migrations that lie at the top of migrations. A file that is
// damaged, as far as a look of a few seconds shows, is ErrDamaged. Run must run
// while the file is used.
func Open(ctx context.Context, path string, migrations fs.FS) (*DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	// SQLite creates files by the umask; creating ours first makes it, and the
	// -wal and -shm files that copy its mode, unreadable for others.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}

	d := &damage{found: make(chan struct{})}
	if err := check(ctx, path, d); err != nil {
		return nil, err
	}
	first, err := open(path, 1, true, "_txlock=immediate", d)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(migrate(ctx, first, migrations), first.Close()); err != nil {
		return nil, fmt.Errorf("sqlite: migrate %s: %w", path, err)
	}
	// What a savepoint may have to undo stays in memory: SQLite would write it to a
	// temporary file, beyond 64 KiB. The indexes that migrations sort may do so.
	write, err := open(path, 1, true, "_txlock=immediate&_pragma=temp_store(memory)", d)
	if err != nil {
		return nil, err
	}
	read, err := open(path, max(4, runtime.NumCPU()), false, "_pragma=query_only(1)", d)
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	slow, err := open(path, listing+searching, false, "_pragma=query_only(1)", d)
	if err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	return &DB{
		Read: read, write: write, slow: slow,
		path: path, damage: d,
		lists: storage.NewLane(listing), searches: storage.NewLane(searching),
	}, nil
}

func open(path string, conns int, shared bool, option string, d *damage) (*sql.DB, error) {
	// synchronous(FULL) syncs the log at every commit: NORMAL would lose the
	// last commits on power loss, and with them acknowledged bookings.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + option +
		"&_pragma=busy_timeout(2500)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
		"&_pragma=foreign_keys(1)&_time_format=sqlite"
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	db := sql.OpenDB(connector{c, shared, d})
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// migrate applies the migrations. Another process may do so with a new file at the same time:
// after a failure it looks once more whether something is left to do.
func migrate(ctx context.Context, db *sql.DB, migrations fs.FS) error {
	first := migrateOnce(ctx, db, migrations)
	if first == nil {
		return nil
	}
	if second := migrateOnce(ctx, db, migrations); second != nil {
		return errors.Join(first, second)
	}
	return nil
}

func migrateOnce(ctx context.Context, db *sql.DB, migrations fs.FS) error {
	// A provider creates its table of versions at its first try or never.
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations)
	if err == nil {
		_, err = p.Up(ctx)
	}
	return err
}

// Write runs fn in a transaction that holds the write lock from its start, so
// that what fn reads cannot change before it writes. When fn returns nil its
// changes are committed, else they are undone; when Write returns nil they are
// on disk. When ctx ends before fn does, they are undone and the error is its.
//
// The transaction may be that of others, too, who write at the same time: each
// sees what those before it did, and all are committed together. When that
// fails, nobody has changed anything and everybody's error is
// storage.ErrUnavailable, whatever fn returned. fn closes the rows that it
// opens, and must do no I/O of its own: every other write waits for it.
func (db *DB) Write(ctx context.Context, fn func(tx *sql.Tx) error) (err error) {
	g, err := db.enter(ctx)
	if err != nil {
		return err
	}
	err = errUnfinished
	defer func() {
		if err == nil && ctx.Err() != nil {
			err = fmt.Errorf("sqlite: rolled back: %w", ctx.Err())
		}
		err = g.leave(err)
	}()
	err = fn(g.tx)
	return err
}

// Piece is how many rows one statement of Sweep changes at most: about as many as
// take a millisecond.
const Piece = 500

// Sweep runs a DELETE or UPDATE that takes Piece rows at most, until it takes fewer. Each
// time is a Write of its own: whoever writes meanwhile has a turn in between.
func (db *DB) Sweep(ctx context.Context, query string, args ...any) error {
	for {
		var n int64
		err := db.Write(ctx, func(tx *sql.Tx) error {
			res, err := tx.ExecContext(ctx, query, args...)
			if err != nil {
				return err
			}
			n, err = res.RowsAffected()
			return err
		})
		if err != nil || n < Piece {
			return err
		}
	}
}

// Brief runs fn, which reads what a few keys find, on one of the connections of
// Read. When ctx ends before there is one, the error is its; the statements of fn
// are not interrupted: to be ready for that costs more than they do.
func (db *DB) Brief(ctx context.Context, fn func(ctx context.Context, c *sql.Conn) error) error {
	c, err := db.Read.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // it goes back to the others
	return fn(context.WithoutCancel(ctx), c)
}

// List runs fn, which reads a list or a report, in a transaction that only
// reads. It takes no connection from Read. storage.ErrBusy means that too many
// lists are being read, or that fn took too long and was interrupted.
func (db *DB) List(ctx context.Context, fn func(ctx context.Context, tx *sql.Tx) error) error {
	return db.apart(ctx, db.lists, fn)
}

// Search is List for what is dearer than a list, and takes nothing from lists
// either.
func (db *DB) Search(ctx context.Context, fn func(ctx context.Context, tx *sql.Tx) error) error {
	return db.apart(ctx, db.searches, fn)
}

func (db *DB) apart(ctx context.Context, lane *storage.Lane, fn func(ctx context.Context, tx *sql.Tx) error) error {
	return lane.Do(ctx, func(ctx context.Context) error {
		tx, err := db.slow.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer tx.Rollback()
		return fn(ctx, tx)
	})
}

// errUnfinished is the outcome of a fn that panics.
var errUnfinished = errors.New("sqlite: the write did not end")

// Ping answers nil when the database can be read and written to: a full disk, or a
// lock of somebody else's, is an error. It writes once a second at most, and the
// same bytes each time.
func (db *DB) Ping(ctx context.Context) error {
	return db.probe.Do(ctx, db.answers, db.takesWrites)
}

func (db *DB) answers(ctx context.Context) error {
	var one int
	return db.Read.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

// probeTimeout bounds a Ping that waits for many who write.
const probeTimeout = 5 * time.Second

func (db *DB) takesWrites(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	if err := db.answers(ctx); err != nil {
		return err
	}
	return db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "PRAGMA user_version = 0") // nobody uses it; it is written all the same
		return err
	})
}

// Close closes all connections. Transactions that are not committed are lost.
func (db *DB) Close() error {
	return errors.Join(db.Read.Close(), db.slow.Close(), db.write.Close())
}

// Pragma reads one setting back from the connection that writes.
func (db *DB) Pragma(ctx context.Context, name string) (string, error) {
	var v string
	err := db.write.QueryRowContext(ctx, "PRAGMA "+name).Scan(&v)
	return v, err
}

// IsUniqueViolation reports whether err is a broken UNIQUE or PRIMARY KEY.
func IsUniqueViolation(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) &&
		(e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
}

// Time is how an instant is stored: microseconds since 1970 UTC, so that it
// sorts and compares as a number. Finer fractions are cut off.
func Time(t time.Time) int64 { return t.UnixMicro() }

// FromTime is the inverse of Time, in UTC.
func FromTime(v int64) time.Time { return time.UnixMicro(v).UTC() }

// NullTime is Time for an instant that may be absent: the zero time is NULL.
func NullTime(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

// FromNullTime is the inverse of NullTime.
func FromNullTime(v sql.NullInt64) time.Time {
	if !v.Valid {
		return time.Time{}
	}
	return FromTime(v.Int64)
}
