package sqlitedb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// unavailable returns err, as storage.ErrUnavailable too where SQLite did not
// do what it was asked and may do it later.
func unavailable(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff { // the rest says which kind of these
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, // somebody else is at it
		sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, // the disk
		sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY: // the volume
		return fmt.Errorf("%w: sqlite: %w", storage.ErrUnavailable, err)
	}
	return err
}

// What follows stands between database/sql and SQLite's driver and passes every
// error through damage.see. Here it is done once for all statements of all
// adapters; none can forget it.

type connector struct {
	driver.Connector
	// shared says that a transaction is not one caller's alone, see DB.Write:
	// SQLite undoes all of it when it interrupts a statement, so that none is.
	shared bool
	damage *damage
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	raw, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, c.damage.see(err)
	}
	full, ok := raw.(fullConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("sqlite: %T lacks a method", raw), raw.Close())
	}
	return conn{fullConn: full, shared: c.shared, damage: c.damage, prepared: map[string]*prepared{}}, nil
}

// fullConn is what SQLite's connections can do. The methods that are not
// overridden below give no error of SQLite's.
type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// conn keeps what it has prepared, as long as it is open: parsing a statement
// anew costs more than running it. BenchmarkBooking of booking's adapter takes twice
// the CPU without.
type conn struct {
	fullConn
	shared   bool
	damage   *damage
	prepared map[string]*prepared // by query
}

// prepared is a statement, which has the rows of one execution at a time.
type prepared struct {
	stmt
	busy bool
}

// maxPrepared bounds what a connection keeps. The services have fewer queries;
// what comes after that is parsed each time.
const maxPrepared = 256

// prepare returns the statement of the query, or nil where it is busy or one
// too many.
func (c conn) prepare(ctx context.Context, query string) (*prepared, error) {
	if p := c.prepared[query]; p != nil {
		if p.busy {
			return nil, nil //nolint:nilnil // see above
		}
		return p, nil
	}
	if len(c.prepared) == maxPrepared {
		return nil, nil //nolint:nilnil // see above
	}
	s, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	p := &prepared{stmt: s.(stmt)}
	c.prepared[query] = p
	return p, nil
}

func (c conn) Close() error {
	var errs []error
	for _, p := range c.prepared {
		errs = append(errs, p.Close())
	}
	return errors.Join(append(errs, c.fullConn.Close())...)
}

func (c conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	t, err := c.fullConn.BeginTx(ctx, opts)
	if err != nil {
		return nil, c.damage.see(err)
	}
	return tx{t, c.damage}, nil
}

func (c conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	raw, err := c.fullConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, c.damage.see(err)
	}
	full, ok := raw.(fullStmt)
	if !ok {
		return nil, errors.Join(fmt.Errorf("sqlite: %T lacks a method", raw), raw.Close())
	}
	return stmt{full, c.damage}, nil
}

func (c conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	trace(ctx, query, args)
	if c.shared {
		ctx = context.WithoutCancel(ctx)
	}
	p, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	if p != nil {
		return p.ExecContext(ctx, args)
	}
	res, err := c.fullConn.ExecContext(ctx, query, args)
	return res, c.damage.see(err)
}

func (c conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	trace(ctx, query, args)
	if c.shared {
		ctx = context.WithoutCancel(ctx)
	}
	p, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	if p == nil {
		r, err := c.fullConn.QueryContext(ctx, query, args)
		if err != nil {
			return nil, c.damage.see(err)
		}
		return rows{r, nil, c.damage}, nil
	}
	r, err := p.fullStmt.QueryContext(ctx, args)
	if err != nil {
		return nil, c.damage.see(err)
	}
	p.busy = true
	return rows{r, p, c.damage}, nil
}

func (c conn) Ping(ctx context.Context) error { return c.damage.see(c.fullConn.Ping(ctx)) }

type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type stmt struct {
	fullStmt
	damage *damage
}

func (s stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	res, err := s.fullStmt.ExecContext(ctx, args)
	return res, s.damage.see(err)
}

func (s stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	r, err := s.fullStmt.QueryContext(ctx, args)
	if err != nil {
		return nil, s.damage.see(err)
	}
	return rows{r, nil, s.damage}, nil
}

type tx struct {
	driver.Tx
	damage *damage
}

func (t tx) Commit() error   { return t.damage.see(t.Tx.Commit()) }
func (t tx) Rollback() error { return t.damage.see(t.Tx.Rollback()) }

type rows struct {
	driver.Rows
	of     *prepared // nil for a statement of their own
	damage *damage
}

func (r rows) Close() error {
	if r.of != nil {
		r.of.busy = false
	}
	return r.damage.see(r.Rows.Close())
}

func (r rows) Next(dest []driver.Value) error {
	err := r.Rows.Next(dest)
	if err == io.EOF { //nolint:errorlint // the driver's contract: io.EOF itself
		return io.EOF
	}
	return r.damage.see(err)
}
