// Package mongo is the notification.Store, and the service's inbox, in a
// MongoDB database.
//
// A message is one document whose _id is the message's id, with the deliveries
// that it led to inside: that the message is known and what it led to cannot
// come apart. Every write is one conditional update of one document, so no
// transaction is needed, and whatever speaks MongoDB's protocol will do.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Options says which database, and how to use it. Zero numbers and durations
// are the defaults.
type Options struct {
	// URI is mongodb://user:password@host:port/?…
	URI string
	// Database is the database's name.
	Database string
	// MaxConns is how many connections the pool opens at most: 16.
	MaxConns uint64
	// Timeout bounds each operation, the wait for a connection and the
	// driver's retries included: 3 s.
	Timeout time.Duration
	// Name is shown by the server in its logs and in currentOp.
	Name string
	// Monitor sees every command; nil for none.
	Monitor *event.CommandMonitor
}

// indexTimeout bounds the creation of the indexes, which takes its time where
// they are new and the collections are not.
const indexTimeout = 10 * time.Minute

// DB is a client of one database.
type DB struct {
	client      *mongo.Client
	messages    *mongo.Collection
	deadLetters *mongo.Collection
	// The same, as a majority of the servers has them: what is read there is
	// never rolled back.
	committed, committedDeadLetters *mongo.Collection
}

// errURI does not quote the URI: it holds the password.
var errURI = errors.New("mongo: the URI is not mongodb://user:password@host:port/, with options that MongoDB knows")

// Open opens the database and creates the indexes that it does not have yet;
// several replicas may do so at once. A server that cannot be reached is
// storage.ErrUnavailable: Open may be called again.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.MaxConns == 0 {
		o.MaxConns = 16
	}
	if o.Timeout <= 0 {
		o.Timeout = 3 * time.Second
	}
	client, err := mongo.Connect(options.Client().ApplyURI(o.URI).
		SetAppName(o.Name).SetMaxPoolSize(o.MaxConns).SetMonitor(o.Monitor).
		SetTimeout(o.Timeout).SetServerSelectionTimeout(o.Timeout).SetConnectTimeout(o.Timeout).
		// Of the options in the URI none may weaken these.
		SetWriteConcern(writeconcern.Majority()).SetReadPreference(readpref.Primary()).
		SetRetryWrites(true).SetRetryReads(true))
	if err != nil {
		return nil, errURI
	}
	database := client.Database(o.Database, options.Database().SetReadConcern(readconcern.Local()))
	majority := options.Collection().SetReadConcern(readconcern.Majority())
	db := &DB{
		client:      client,
		messages:    database.Collection("messages"),
		deadLetters: database.Collection("dead_letters"),

		committed:            database.Collection("messages", majority),
		committedDeadLetters: database.Collection("dead_letters", majority),
	}
	if err := db.prepare(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (db *DB) prepare(ctx context.Context) error {
	if err := db.Ping(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, indexTimeout)
	defer cancel()
	if err := db.createIndexes(ctx); err != nil {
		return fmt.Errorf("mongo: create indexes: %w", failed(err))
	}
	return nil
}

// Ping answers nil when the database can be written to.
func (db *DB) Ping(ctx context.Context) error { return failed(db.client.Ping(ctx, readpref.Primary())) }

// Close ends the connections. What is under way is waited for, a little.
func (db *DB) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return db.client.Disconnect(ctx)
}

// Codes of errors that say nothing about what was asked: the server goes down,
// is no primary any more, or could not wait for the majority.
var passing = []int{
	6, 7, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436, // the driver's retryable ones
	50,  // MaxTimeMSExpired
	64,  // WriteConcernTimeout, formerly WriteConcernFailed
	100, // UnsatisfiableWriteConcern
	112, // WriteConflict
}

// failed is err, as storage.ErrUnavailable where the server did not do what it
// was asked and may do it later. The caller's own cancellation stays what it is.
func failed(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if mongo.IsNetworkError(err) || mongo.IsTimeout(err) || errors.Is(err, mongo.ErrClientDisconnected) {
		return fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
	}
	var server mongo.ServerError
	if errors.As(err, &server) {
		for _, code := range passing {
			if server.HasErrorCode(code) {
				return fmt.Errorf("%w: %w", storage.ErrUnavailable, err)
			}
		}
	}
	return err
}

// all reads what a query finds.
func all[T any](ctx context.Context, c *mongo.Collection, filter bson.D, o *options.FindOptionsBuilder) ([]T, error) {
	found := []T{}
	cursor, err := c.Find(ctx, filter, o)
	if err != nil {
		return nil, failed(err)
	}
	if err := cursor.All(ctx, &found); err != nil {
		return nil, failed(err)
	}
	return found, nil
}
