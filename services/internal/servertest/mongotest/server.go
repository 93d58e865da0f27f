package mongotest

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/internal/container"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/internal/lastwill"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/internal/outage"
)

const (
	startTimeout = 5 * time.Minute // pulling an image takes most of it
	dropTimeout  = 5 * time.Minute
)

// Server is a MongoDB server for tests.
type Server struct {
	machine machine // nil for a running server that is used as it is
	direct  string  // URI, past the proxy of cutOff
	uri     string  // that tests use
	info    Info
	// container: Kill kills, and the databases go with the server.
	// disposable: for one test, which may leave it down.
	container, disposable bool

	mu     sync.Mutex
	prefix string // of the databases' names; empty before the first
	made   int
}

// machine is what a server runs on.
type machine interface {
	Addr() string
	Kill(ctx context.Context) error
	Start(ctx context.Context) error
	Close(ctx context.Context) error
	Logs(ctx context.Context) string
}

// run starts a server in a container. Only a disposable one is there to be
// killed, and keeps its files on disk.
func run(ctx context.Context, disposable bool) (*Server, error) {
	spec := container.Spec{
		Image: cmp.Or(os.Getenv("TEST_MONGO_IMAGE"), defaultImage),
		Port:  27017,
	}
	if !disposable {
		spec.InMemory = "/data/db"
	}
	c, err := container.Run(ctx, spec)
	if err != nil {
		return nil, err
	}
	s, err := attach(ctx, "mongodb://"+c.Addr()+"/?directConnection=true")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, c.Logs(context.Background())), c.Close(context.Background()))
	}
	s.machine, s.container, s.disposable = c, true, disposable
	return s, nil
}

// attach uses a running server.
func attach(ctx context.Context, uri string) (*Server, error) {
	info, err := wait(ctx, uri)
	return &Server{direct: uri, uri: uri, info: info}, err
}

// cutOff uses a running server through a proxy.
func cutOff(ctx context.Context, uri string) (*Server, error) {
	s, err := attach(ctx, uri)
	if err != nil {
		return nil, err
	}
	host, upstream, err := host(uri)
	if err != nil {
		return nil, err
	}
	p, err := outage.New(upstream)
	if err != nil {
		return nil, err
	}
	s.machine, s.uri = p, by(uri, host, p.Addr())
	return s, nil
}

// host is the one host that a URI names, as it stands there and as an address.
func host(uri string) (host, addr string, err error) {
	parsed, err := connstring.Parse(uri)
	if err != nil {
		return "", "", errors.New("the URI is malformed") // err may quote it
	}
	if len(parsed.Hosts) != 1 {
		return "", "", errors.New("TEST_MONGO_URI names several hosts; one is needed to be cut off from it")
	}
	host, addr = parsed.Hosts[0], parsed.Hosts[0]
	if !strings.Contains(addr, ":") {
		addr += ":27017"
	}
	return host, addr, nil
}

// by is a URI with another host. Without directConnection the driver would go
// on to the address that a replica set's member gives for itself, past it.
func by(uri, host, other string) string {
	at := strings.LastIndex(uri, "@") + 1 // a user may be called like the host
	uri = uri[:at] + strings.Replace(uri[at:], host, other, 1)
	if !strings.Contains(strings.ToLower(uri), "directconnection=") {
		uri = with(uri, "directConnection=true")
	}
	return uri
}

// with adds an option to a URI.
func with(uri, option string) string {
	switch before, after, ok := strings.Cut(uri, "://"); {
	case strings.Contains(uri, "?"):
		return uri + "&" + option
	case ok && strings.Contains(after, "/"):
		return uri + "?" + option
	default:
		return before + "://" + after + "/?" + option
	}
}

// Info says which server this is.
func (s *Server) Info() Info { return s.info }

// Kill ends the server's processes at once, as kill -9 does; its files stay.
func (s *Server) Kill(ctx context.Context) error { return s.machine.Kill(ctx) }

// Start starts a killed server on the same files and port, and returns when it
// answers.
func (s *Server) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.machine.Start(ctx); err != nil {
		return err
	}
	if _, err := wait(ctx, s.direct); err != nil {
		return fmt.Errorf("%w\n%s", err, s.machine.Logs(context.Background()))
	}
	return nil
}

// Kills says whether Kill ends the server's processes: it does not where
// TEST_MONGO_URI names the server.
func (s *Server) Kills() bool { return s.container }

// wait returns when the server has said who it is, or ctx ends.
func wait(ctx context.Context, uri string) (info Info, err error) {
	err = connect(ctx, uri, func(client *mongo.Client) error {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			if info, err = ask(ctx, client); err == nil {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("it does not answer: %w", err)
			case <-tick.C:
			}
		}
	})
	return info, err
}

// New is what the function New is, on this server.
func (s *Server) New(t testing.TB) string {
	t.Helper()
	name, err := s.name()
	if err != nil {
		t.Fatalf("a database for this test: %v", err)
	}
	t.Cleanup(func() {
		if s.disposable {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), dropTimeout)
		defer cancel()
		err := connect(ctx, s.direct, func(client *mongo.Client) error { return client.Database(name).Drop(ctx) })
		if err != nil {
			t.Errorf("dropping the database of this test: %v", err)
		}
	})
	return of(s.uri, name)
}

// of is a URI with a database as its path. What stood there was where its user
// is known, unless an option says that.
func of(uri, database string) string {
	scheme, rest, _ := strings.Cut(uri, "://")
	rest, query, _ := strings.Cut(rest, "?")
	hosts, path, _ := strings.Cut(rest, "/")
	uri = scheme + "://" + hosts + "/" + database
	if query != "" {
		uri += "?" + query
	}
	if strings.Contains(hosts, "@") && !strings.Contains(strings.ToLower(query), "authsource=") {
		uri = with(uri, "authSource="+cmp.Or(path, "admin"))
	}
	return uri
}

// name returns one for a new database. MongoDB creates it with the first write.
func (s *Server) name() (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prefix == "" {
		prefix := "test_" + strings.ToLower(rand.Text()) + "_"
		if !s.container {
			if err := dropLater(s.direct, prefix); err != nil {
				return "", err
			}
		}
		s.prefix = prefix
	}
	s.made++
	return fmt.Sprint(s.prefix, s.made), nil
}

func connect(ctx context.Context, uri string, f func(client *mongo.Client) error) error {
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetServerSelectionTimeout(5 * time.Second))
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	return f(client)
}

// leftovers are databases on a server that outlives the tests.
type leftovers struct{ URI, Prefix string }

func dropLater(uri, prefix string) error {
	what, err := json.Marshal(leftovers{uri, prefix})
	if err != nil {
		return err
	}
	return dropAll(string(what))
}

// dropAll drops what a killed test left.
var dropAll = lastwill.Define("mongo databases", func(ctx context.Context, what string) error {
	var l leftovers
	if err := json.Unmarshal([]byte(what), &l); err != nil {
		return err
	}
	return connect(ctx, l.URI, func(client *mongo.Client) error {
		names, err := client.ListDatabaseNames(ctx, bson.M{})
		if err != nil {
			return err
		}
		var errs []error
		for _, name := range names {
			if strings.HasPrefix(name, l.Prefix) {
				errs = append(errs, client.Database(name).Drop(ctx))
			}
		}
		return errors.Join(errs...)
	})
})
