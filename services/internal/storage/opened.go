package storage

import (
	"context"
	"io"
	"log/slog"
	"time"
)

// Opened is a database that a service has opened.
type Opened struct {
	DB
	// Run maintains a SQLite file; nil for a database server.
	Run func(ctx context.Context, log *slog.Logger) error
	// EndLeases frees what killed processes worked on; nil where the database is
	// never one process's alone.
	EndLeases func(ctx context.Context, now time.Time) error
}

// DB says whether the database can work, until it is closed.
type DB interface {
	Ping(ctx context.Context) error
	io.Closer
}

// Migrate opens the database, which brings it up to date, and closes it.
func Migrate[D io.Closer](ctx context.Context, open func(context.Context) (D, error)) error {
	db, err := open(ctx)
	if err != nil {
		return err
	}
	return db.Close()
}
