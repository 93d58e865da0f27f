// Package mongodb opens a service's MongoDB database so that what is
// acknowledged survives a failover, so that no call hangs, and so that several
// replicas may start on it at once.
package mongodb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
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
	// URL is mongodb://user:password@host:port/database?…
	URL string
	// MaxConns is how many connections the pool opens at most: 16.
	MaxConns int32
	// Timeout bounds each request, the wait for a connection and every retry
	// included, and each operation that Limit is asked for: 3 s.
	Timeout time.Duration
	// Name is shown by the server in its logs and in currentOp.
	Name string
	// Monitor sees every command; nil for none.
	Monitor *event.CommandMonitor
}

// DB is a client of one database.
type DB struct {
	database *mongo.Database
	timeout  time.Duration
	before   func(context.Context) error
	probe    *storage.Probe
	log      *slog.Logger

	lists, searches *storage.Lane
	unreadable      *reported
}

// errURL does not quote the URL: it holds the password.
var errURL = errors.New("mongo: the URL is not mongodb://user:password@host:port/database, with options that MongoDB knows")

// Open opens the database and creates those of indexes that it does not have
// yet. A server that cannot be reached is storage.ErrUnavailable: Open may be
// called again.
func Open(ctx context.Context, o Options, indexes []Index) (*DB, error) {
	if o.MaxConns <= 0 {
		o.MaxConns = 16
	}
	if o.Timeout <= 0 {
		o.Timeout = 3 * time.Second
	}
	name := databaseOf(o.URL)
	if name == "" {
		return nil, errURL
	}
	// With the journal by name: the majority of a standalone server is its
	// memory, and so is that of a replica set that is configured so.
	journal := true
	concern := &writeconcern.WriteConcern{W: writeconcern.WCMajority, Journal: &journal}
	client, err := mongo.Connect(options.Client().ApplyURI(o.URL).
		SetAppName(o.Name).SetMaxPoolSize(uint64(o.MaxConns)).SetMonitor(o.Monitor).
		SetTimeout(o.Timeout).SetServerSelectionTimeout(o.Timeout).SetConnectTimeout(o.Timeout).
		// Of the options in the URL none may weaken these: what is
		// acknowledged, and what is read, is not rolled back.
		SetWriteConcern(concern).SetReadConcern(readconcern.Majority()).
		SetReadPreference(readpref.Primary()).SetRetryWrites(true).SetRetryReads(true))
	if err != nil {
		return nil, errURL
	}
	db := &DB{
		log:      slog.Default(),
		database: client.Database(name), timeout: o.Timeout, probe: &storage.Probe{},
		lists: storage.NewLane(listing), searches: storage.NewLane(searching), unreadable: &reported{},
	}
	if err := db.prepare(ctx, indexes); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func (db *DB) prepare(ctx context.Context, indexes []Index) error {
	if err := db.Ping(ctx); err != nil {
		return err
	}
	if err := db.createIndexes(ctx, indexes); err != nil {
		return fmt.Errorf("mongo: create indexes: %w", failed(err))
	}
	return nil
}

// databaseOf is the path of a URL; net/url does not know those of several
// hosts.
func databaseOf(mongoURL string) string {
	_, rest, _ := strings.Cut(mongoURL, "://")
	_, path, _ := strings.Cut(rest, "/")
	path, _, _ = strings.Cut(path, "?")
	name, err := url.PathUnescape(path)
	if err != nil {
		return ""
	}
	return name
}

// Limit returns a context that ends when one operation must have: after the
// timeout, or max where that is less and not 0.
func (db *DB) Limit(ctx context.Context, max time.Duration) (context.Context, context.CancelFunc) {
	timeout := db.timeout
	if max > 0 && max < timeout {
		timeout = max
	}
	return context.WithTimeout(ctx, timeout)
}

// Ping answers nil when the database can be written to: a full disk, or the lack of
// a primary or of a majority, is an error. It writes one document, once a second at
// most.
func (db *DB) Ping(ctx context.Context) error {
	return db.probe.Do(ctx, db.answers, db.takesWrites)
}

func (db *DB) answers(ctx context.Context) error {
	ctx, cancel := db.Limit(ctx, 0)
	defer cancel()
	return failed(db.database.Client().Ping(ctx, readpref.Primary()))
}

func (db *DB) takesWrites(ctx context.Context) error {
	ctx, cancel := db.Limit(ctx, 0)
	defer cancel()
	_, err := db.database.Collection("readiness").UpdateOne(ctx,
		bson.D{{Key: "_id", Value: "ready"}}, bson.D{{Key: "$inc", Value: bson.D{{Key: "n", Value: int64(1)}}}}, options.UpdateOne().SetUpsert(true))
	return failed(err)
}

// Close ends the connections. What is under way is waited for, a little.
func (db *DB) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return db.database.Client().Disconnect(ctx)
}

// Before returns db with before called ahead of every request; its error is the
// request's, which is then not made. Tests stop a process at any step by it.
func (db *DB) Before(before func(context.Context) error) *DB {
	with := *db
	with.before = before
	return &with
}
