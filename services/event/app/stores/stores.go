// Package stores has the event service keep what it keeps where the environment
// says: in MongoDB or in a SQLite file.
package stores

import (
	"context"
	"time"

	"github.com/openboxoffice/boxoffice/services/event/adapter/mongo"
	"github.com/openboxoffice/boxoffice/services/event/app"
	"github.com/openboxoffice/boxoffice/services/event/app/onsqlite"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Config is the environment of the service as a process of its own.
type Config struct {
	app.Config

	// Store is where events are kept: "mongo", at MongoURL, whose path names
	// the database, or "sqlite", in the file DBPath.
	Store    string `env:"STORE" envDefault:"mongo"`
	MongoURL string `env:"EVENT_MONGO_URL"`
	DBPath   string `env:"EVENT_DB"`
	// MaxConns is how many connections to MongoDB are open at most, and
	// DBTimeout how long an operation there may take.
	MaxConns  int32         `env:"DB_MAX_CONNS" envDefault:"16"`
	DBTimeout time.Duration `env:"DB_TIMEOUT" envDefault:"3s"`
}

// Open opens what c.Store says, and brings its tables or indexes up to date.
func (c Config) Open(ctx context.Context) (*app.Database, error) {
	return storage.Choose(ctx, c.Store, !c.Private(c.Addr, c.Sidecar.There()),
		storage.Kind[*app.Database]{Name: "mongo", Variable: "EVENT_MONGO_URL", Where: c.MongoURL, Open: c.openMongo},
		storage.Kind[*app.Database]{Name: "sqlite", Variable: "EVENT_DB", Where: c.DBPath, Open: onsqlite.Open},
	)
}

func (c Config) openMongo(ctx context.Context, url string) (*app.Database, error) {
	s, err := mongo.Open(ctx, mongodb.Options{URL: url, MaxConns: c.MaxConns, Timeout: c.DBTimeout, Name: "event"})
	if err != nil {
		return nil, err
	}
	return &app.Database{
		Store: s, Inventory: s, Holdings: s, Inbox: s.Inbox(), Outbox: s.Outbox(),
		Opened: storage.Opened{DB: s}, Tidy: s.Run,
	}, nil
}
