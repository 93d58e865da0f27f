// Package stores has the booking service keep what it keeps where the environment
// says: in PostgreSQL or in a SQLite file.
package stores

import (
	"context"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/booking/app"
	"github.com/openboxoffice/boxoffice/services/booking/app/onsqlite"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Config is the environment of the service as a process of its own.
type Config struct {
	app.Config

	// Store is where bookings are kept: "postgres", at PostgresURL, or
	// "sqlite", in the file DBPath.
	Store       string `env:"STORE" envDefault:"postgres"`
	PostgresURL string `env:"BOOKING_POSTGRES_URL"`
	DBPath      string `env:"BOOKING_DB"`
	// MaxConns is how many connections to PostgreSQL are open at most, and
	// DBTimeout how long an operation there may take.
	MaxConns  int32         `env:"DB_MAX_CONNS" envDefault:"16"`
	DBTimeout time.Duration `env:"DB_TIMEOUT" envDefault:"3s"`
}

// Open opens what c.Store says, and brings its tables up to date.
func (c Config) Open(ctx context.Context) (*app.Database, error) {
	return storage.Choose(ctx, c.Store, !c.Private(c.Addr, c.Sidecar.There()),
		storage.Kind[*app.Database]{Name: "postgres", Variable: "BOOKING_POSTGRES_URL", Where: c.PostgresURL, Open: c.openPostgres},
		storage.Kind[*app.Database]{Name: "sqlite", Variable: "BOOKING_DB", Where: c.DBPath, Open: onsqlite.Open},
	)
}

func (c Config) openPostgres(ctx context.Context, url string) (*app.Database, error) {
	s, err := postgres.Open(ctx, postgresdb.Options{URL: url, MaxConns: c.MaxConns, Timeout: c.DBTimeout, Name: "booking"})
	if err != nil {
		return nil, err
	}
	return &app.Database{
		Store: s, Stuck: s, Cancelled: s, Audit: s, Records: s, PaymentEvents: s.PaymentEvents(), LinkMails: s.LinkMails(),
		Outbox: s.Outbox(), Archive: s.Archive(), Inbox: s.Inbox(),
		Opened: storage.Opened{DB: s}, PruneKeys: s.Prune, PrunePaymentEvents: s.PaymentEvents().Prune, Listen: s.Listen,
	}, nil
}
