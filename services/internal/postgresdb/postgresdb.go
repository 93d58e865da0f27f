// Package postgresdb opens a service's PostgreSQL database so that no call
// hangs, so that what PostgreSQL asks to be tried again is tried again where
// that is safe, and so that several replicas may start on it at once.
package postgresdb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Options says which database, and how to use it. Zero numbers and durations
// are the defaults.
type Options struct {
	// URL is postgres://user:password@host:port/database?sslmode=…
	URL string
	// MaxConns is how many connections the pool opens at most: 16.
	MaxConns int32
	// Timeout bounds each Read and Write, the wait for a connection and every
	// retry included, but for the commit, which has at most two thirds of it more: 3 s.
	// Connecting has two thirds of it, too.
	// A statement that the client has given up ends on the server, too.
	Timeout time.Duration
	// Name is shown by the server in pg_stat_activity.
	Name string
	// Tracer sees every query; nil for none.
	Tracer pgx.QueryTracer
}

const (
	defaultTimeout = 3 * time.Second
	pingTimeout    = time.Second
)

// DB is a pool of connections to one database.
type DB struct {
	pool    *pgxpool.Pool
	timeout time.Duration
	probe   storage.Probe
	lists   *storage.Lane
}

// listing is how many of the pool's connections lists have at a time.
const listing = 4

// Open applies the goose migrations that lie at the top of migrations, and
// opens the pool. A server that cannot be reached is storage.ErrUnavailable:
// Open may be called again.
func Open(ctx context.Context, o Options, migrations fs.FS) (*DB, error) {
	if o.MaxConns <= 0 {
		o.MaxConns = 16
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if err := Migrate(ctx, o.URL, migrations); err != nil {
		return nil, err
	}
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, errURL
	}
	cfg.MaxConns = o.MaxConns
	cfg.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false } // alive does
	cfg.AfterConnect = setTypes
	cfg.ConnConfig.Tracer = o.Tracer
	configure(cfg.ConnConfig, o.Timeout, map[string]string{
		"application_name":  o.Name,
		"statement_timeout": milliseconds(o.Timeout),
		"lock_timeout":      milliseconds(o.Timeout),
		// off would lose the last commits when the server crashes, and with them
		// acknowledged bookings.
		"synchronous_commit": "on",
		// A client that is cut off in a transaction keeps its locks no longer.
		"idle_in_transaction_session_timeout": milliseconds(2 * o.Timeout),
	})
	// Once says so in no statement. Whatever the URL and the server's default.
	cfg.ConnConfig.RuntimeParams["default_transaction_isolation"] = "read committed"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return &DB{pool: pool, timeout: o.Timeout, lists: storage.NewLane(listing)}, nil
}

// errURL does not quote the URL: it holds the password.
var errURL = errors.New("postgres: the URL is not postgres://user:password@host:port/database, with options that PostgreSQL knows")

// configure sets what the URL does not set itself.
func configure(cfg *pgx.ConnConfig, timeout time.Duration, params map[string]string) {
	cfg.ConnectTimeout = twoThirds(timeout)
	for name, value := range params {
		if _, set := cfg.RuntimeParams[name]; !set && value != "" {
			cfg.RuntimeParams[name] = value
		}
	}
}

func twoThirds(d time.Duration) time.Duration { return d / 3 * 2 }

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// setTypes makes times come back in UTC, wherever the process runs.
func setTypes(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// Connect returns a connection of its own, outside the pool, without a limit
// on how long it may wait. The caller closes it.
func (db *DB) Connect(ctx context.Context) (*pgx.Conn, error) {
	cfg := db.pool.Config().ConnConfig
	delete(cfg.RuntimeParams, "statement_timeout")
	return pgx.ConnectConfig(ctx, cfg)
}

// errReadOnly is a server that takes no changes: a standby, or one that is kept
// from them.
var errReadOnly = errors.New("postgres: the database is read-only")

// Ping answers nil when the database can be read and written to: a standby, or a
// full disk, is an error. It writes once a second at most, and to the log alone, so
// that nothing grows.
func (db *DB) Ping(ctx context.Context) error {
	return db.probe.Do(ctx, db.answers, db.takesWrites)
}

func (db *DB) answers(ctx context.Context) error {
	return db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error { return conn.Ping(ctx) })
}

func (db *DB) takesWrites(ctx context.Context) error {
	return db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var readOnly bool
		if err := tx.QueryRow(ctx, "SELECT current_setting('transaction_read_only')::boolean").Scan(&readOnly); err != nil {
			return err
		}
		if readOnly {
			return unavailable(errReadOnly)
		}
		_, err := tx.Exec(ctx, "SELECT pg_logical_emit_message(true, 'boxoffice', 'ready')")
		return err
	})
}

// Close closes all connections, once they are idle.
func (db *DB) Close() error {
	db.pool.Close()
	return nil
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", storage.ErrUnavailable, err) }
