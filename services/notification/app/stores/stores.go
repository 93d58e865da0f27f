// Package stores has the notification service keep what it keeps where the environment
// says: in MongoDB or in a SQLite file.
package stores

import (
	"context"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/mongo"
	"github.com/openboxoffice/boxoffice/services/notification/app"
	"github.com/openboxoffice/boxoffice/services/notification/app/onsqlite"
)

// Config is the environment of the service as a process of its own.
type Config struct {
	app.Config

	// Store is where notifications are kept: "mongo", at MongoURL, whose path names
	// the database, or "sqlite", in the file DBPath.
	Store    string `env:"STORE" envDefault:"mongo"`
	MongoURL string `env:"NOTIFICATION_MONGO_URL"`
	DBPath   string `env:"NOTIFICATION_DB"`
	// MaxConns is how many connections to MongoDB are open at most, and
	// DBTimeout how long an operation there may take.
	MaxConns  int32         `env:"DB_MAX_CONNS" envDefault:"16"`
	DBTimeout time.Duration `env:"DB_TIMEOUT" envDefault:"3s"`
}

// Open opens what c.Store says, and brings its tables or indexes up to date.
func (c Config) Open(ctx context.Context) (*app.Database, error) {
	return storage.Choose(ctx, c.Store, !c.Private(c.Addr, c.Sidecar.There()),
		storage.Kind[*app.Database]{Name: "mongo", Variable: "NOTIFICATION_MONGO_URL", Where: c.MongoURL, Open: c.openMongo},
		storage.Kind[*app.Database]{Name: "sqlite", Variable: "NOTIFICATION_DB", Where: c.DBPath, Open: onsqlite.Open},
	)
}

func (c Config) openMongo(ctx context.Context, url string) (*app.Database, error) {
	s, err := mongo.Open(ctx, mongodb.Options{URL: url, MaxConns: c.MaxConns, Timeout: c.DBTimeout, Name: "notification"})
	if err != nil {
		return nil, err
	}
	return &app.Database{
		Store: s, Inbox: s.Inbox(),
		Opened: storage.Opened{DB: s}, PruneInbox: s.Inbox().Prune, PruneQuotas: s.PruneQuotas,
	}, nil
}
