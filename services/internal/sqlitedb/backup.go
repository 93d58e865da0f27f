package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// holdTime bounds how long Backup keeps others from writing. It is shorter than
	// their busy_timeout, so a write waits and does not fail.
	holdTime = time.Second
	// lockTime is how long Backup tries to lock all files at once.
	lockTime = time.Minute
	// lockPause lies between two tries of one file. SQLite's own waits grow to
	// 100 ms, and in a sale a file is free for less than a millisecond at a time.
	lockPause = 200 * time.Microsecond
	// backupPages is how many pages are copied between two looks at the context.
	backupPages = 1024
)

// Backup copies the files at paths into the folder dir, under their own names
// (mode 0600), and returns the instant at which they were so. Other processes may
// use the files meanwhile.
//   - The copies show all files at one instant, as a power loss at that instant
//     would have left them: a transaction is in its copy if and only if it was
//     committed by then.
//   - To that end nobody writes to any of the files for a moment, a second at
//     most. While Backup copies, everybody reads and writes.
//   - A copy that is damaged is ErrDamaged.
//
// A file in WAL mode that is being copied keeps its log until the copy is done.
func Backup(ctx context.Context, dir string, paths ...string) (at time.Time, err error) {
	sources := make([]*source, 0, len(paths))
	defer func() {
		for _, s := range sources {
			err = errors.Join(err, s.close())
		}
	}()
	for _, path := range paths {
		s, err := openSource(ctx, path)
		if err != nil {
			return time.Time{}, err
		}
		sources = append(sources, s)
	}
	if at, err = snapshot(ctx, sources); err != nil {
		return time.Time{}, err
	}
	for _, s := range sources {
		target := filepath.Join(dir, filepath.Base(s.path))
		if err := s.copyTo(ctx, target); err != nil {
			return time.Time{}, fmt.Errorf("copy %s: %w", s.path, err)
		}
		if err := Check(ctx, target); err != nil {
			return time.Time{}, err
		}
	}
	return at, nil
}

// Check reads the whole file at path, which nobody may have open, and returns
// ErrDamaged if it contradicts itself.
func Check(ctx context.Context, path string) error {
	d := &damage{found: make(chan struct{})}
	db, err := openPlain(path, "mode=ro&immutable=1", d)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // it only reads
	var result string
	err = db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&result)
	if err == nil && result != "ok" {
		err = fmt.Errorf("%w: %s", ErrDamaged, result)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// openPlain opens the file at path, which must be there, and changes none of its
// settings.
func openPlain(path, options string, d *damage) (*sql.DB, error) {
	c, err := sqlite.NewConnector(fileURL(path) + "?" + options)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	return sql.OpenDB(connector{c, false, d}), nil
}

func fileURL(path string) string { return "file:" + (&url.URL{Path: path}).EscapedPath() }

// source is a file that is copied: lock holds off those who write, and read sees
// the file as it was when read began.
type source struct {
	path       string
	db         *sql.DB
	lock, read *sql.Conn
}

func openSource(ctx context.Context, path string) (_ *source, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	s := &source{path: path}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s: %w", path, err), s.close())
		}
	}()
	if s.db, err = openPlain(path, "mode=rw&_pragma=busy_timeout(0)", &damage{found: make(chan struct{})}); err != nil {
		return nil, err
	}
	if s.lock, err = s.db.Conn(ctx); err != nil {
		return nil, err
	}
	if s.read, err = s.db.Conn(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *source) close() error {
	var errs []error
	for _, c := range []*sql.Conn{s.lock, s.read} {
		if c != nil {
			// What is left of a transaction ends with its connection.
			_, _ = c.ExecContext(context.Background(), "ROLLBACK")
			errs = append(errs, c.Close())
		}
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(errs...)
}

// snapshot begins a read of every source at one instant, at which it has locked
// all of them. No process locks two of its files at a time, so the order cannot
// deadlock.
func snapshot(ctx context.Context, sources []*source) (at time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	for {
		at, err = trySnapshot(ctx, sources)
		if !busy(err) {
			return at, err
		}
		select {
		case <-ctx.Done():
			return at, fmt.Errorf("the files could not be locked all at once within %s: %w", lockTime, err)
		case <-time.After(holdTime): // for those who have waited
		}
	}
}

func trySnapshot(ctx context.Context, sources []*source) (at time.Time, err error) {
	defer func() {
		for _, s := range sources {
			_, rollback := s.lock.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
			if err == nil { // else some of them have not begun
				err = rollback
			}
			if err != nil {
				_, _ = s.read.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
			}
		}
	}()
	var held time.Time
	for _, s := range sources {
		for {
			_, err := s.lock.ExecContext(ctx, "BEGIN IMMEDIATE")
			if err == nil {
				break
			}
			if !busy(err) || !held.IsZero() && time.Since(held) > holdTime || ctx.Err() != nil {
				return at, fmt.Errorf("%s: %w", s.path, err)
			}
			select {
			case <-ctx.Done():
				return at, ctx.Err()
			case <-time.After(lockPause):
			}
		}
		if held.IsZero() {
			held = time.Now()
		}
	}
	at = time.Now()
	for _, s := range sources {
		if _, err := s.read.ExecContext(ctx, "BEGIN"); err != nil {
			return at, fmt.Errorf("%s: %w", s.path, err)
		}
		var n int
		if err := s.read.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&n); err != nil { // only now it has begun
			return at, fmt.Errorf("%s: %w", s.path, err)
		}
	}
	return at, nil
}

func busy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_BUSY || e.Code()&0xff == sqlite3.SQLITE_LOCKED)
}

// copyTo copies what read sees, page by page.
func (s *source) copyTo(ctx context.Context, target string) error {
	// SQLite creates files by the umask.
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return s.read.Raw(func(driverConn any) (err error) {
		c, ok := driverConn.(conn).fullConn.(interface {
			NewBackup(target string) (*sqlite.Backup, error)
		})
		if !ok {
			return fmt.Errorf("sqlite: %T makes no backups", driverConn)
		}
		b, err := c.NewBackup(fileURL(target))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, b.Finish()) }()
		for more := true; more; {
			if err := ctx.Err(); err != nil {
				return err
			}
			if more, err = b.Step(backupPages); err != nil {
				return err
			}
		}
		return nil
	})
}

// SchemaVersion returns the version of the last migration that was applied to
// the file at path, which nobody may have open.
func SchemaVersion(ctx context.Context, path string) (version int64, err error) {
	db, err := openPlain(path, "mode=ro&immutable=1", &damage{found: make(chan struct{})})
	if err != nil {
		return 0, err
	}
	defer func() { _ = db.Close() }() // it only reads
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version").Scan(&version)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return version, nil
}
