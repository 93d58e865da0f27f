package mongodb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

var deadlock = mongo.CommandError{Code: 1, Message: "ERROR: deadlock detected (SQLSTATE 40P01)"}

func TestWhatTheDatabaseDidNotDoIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"a connection that broke":    mongo.CommandError{Labels: []string{"NetworkError"}},
		"one that is not made":       fmt.Errorf("handshake: %w", &net.OpError{Op: "dial", Err: errors.New("refused")}),
		"one that ends at once":      fmt.Errorf("handshake: %w", io.EOF),
		"a request out of time":      context.DeadlineExceeded,
		"a client that is closed":    mongo.ErrClientDisconnected,
		"a server that goes down":    mongo.CommandError{Code: 91},
		"no primary":                 mongo.CommandError{Code: 10107},
		"no primary, of a write":     mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: 189}},
		"a majority that is away":    mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: 64}},
		"a conflict":                 mongo.CommandError{Code: 112},
		"a conflict, of one write":   mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 112}}},
		"a deadlock":                 deadlock,
		"a deadlock, of one write":   mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 1, Message: deadlock.Message}}},
		"no majority to read yet":    mongo.CommandError{Code: 134},
		"no primary, as of old":      mongo.CommandError{Code: 10058},
		"no member to read from":     mongo.CommandError{Code: 133},
		"a request that is killed":   mongo.CommandError{Code: 11601},
		"a cursor that is gone":      mongo.CommandError{Code: 43},
		"a lock that is held":        mongo.CommandError{Code: 24},
		"a cache under pressure":     mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 365}}},
		"too many requests":          mongo.CommandError{Code: 462},
		"a disk that is full":        mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 14031}}},
		"writes that are blocked":    mongo.CommandError{Code: 371},
		"a user without the right":   mongo.CommandError{Code: 13},
		"a password that changed":    fmt.Errorf("handshake: %w", mongo.CommandError{Code: 18}),
		"an overload, by its name":   mongo.CommandError{Code: 999_999, Labels: []string{"SystemOverloadedError"}},
		"one to retry, by its name":  mongo.CommandError{Code: 999_999, Labels: []string{"RetryableError"}},
		"a write to retry, likewise": mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 999_999}}, Labels: []string{"RetryableWriteError"}},
	} {
		if got := failed(err); !errors.Is(got, storage.ErrUnavailable) || !strings.Contains(got.Error(), err.Error()) {
			t.Errorf("%s: %v", name, got)
		}
	}
	for name, err := range map[string]error{
		"none":                  nil,
		"the caller's end":      context.Canceled,
		"a mistake of ours":     mongo.CommandError{Code: 9, Message: "FailedToParse"},
		"a duplicate":           mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 11000}}},
		"a document too large":  mongo.WriteException{WriteErrors: mongo.WriteErrors{{Code: 10334}}},
		"one that is not known": mongo.CommandError{Code: 999_999, Labels: []string{"SomethingElse"}},
	} {
		if got := failed(err); errors.Is(got, storage.ErrUnavailable) || !errors.Is(got, err) && name == "the caller's end" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A request that met another one is made again, but not for ever, and none that
// may have had an effect is.
func TestConflictsAreTriedAgain(t *testing.T) {
	t.Parallel()
	c := Collection{db: &DB{timeout: 30 * time.Second}}
	made := 0
	request := func(refusals int, refusal error) func(context.Context) error {
		made = 0
		return func(context.Context) error {
			if made++; made <= refusals {
				return refusal
			}
			return nil
		}
	}
	for _, err := range []error{deadlock, mongo.CommandError{Code: writeConflict}} {
		if got := c.do(t.Context(), request(maxAttempts-1, err)); got != nil || made != maxAttempts {
			t.Errorf("after %d requests: %v", made, got)
		}
		if got := c.do(t.Context(), request(1000, err)); !errors.Is(got, storage.ErrUnavailable) || made != maxAttempts {
			t.Errorf("after %d requests: %v, want ErrUnavailable after %d", made, got, maxAttempts)
		}
	}
	if got := c.do(t.Context(), request(1, mongo.CommandError{Labels: []string{"NetworkError"}})); !errors.Is(got, storage.ErrUnavailable) || made != 1 {
		t.Errorf("of a connection that broke, after %d requests: %v", made, got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got := c.do(ended, request(1000, deadlock)); !errors.Is(got, context.Canceled) || made != 1 {
		t.Errorf("for a caller that has gone, after %d requests: %v", made, got)
	}
}

func TestTheDatabaseIsThePathOfTheURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"mongodb://u:p@h:1/event":                         "event",
		"mongodb://h/event?directConnection=true":         "event",
		"mongodb://u:p%2F@h1:1,h2:2/ev%65nt?replicaSet=r": "event",
		"mongodb://h/":     "",
		"mongodb://h":      "",
		"mongodb://h/?a=b": "",
		"":                 "",
	} {
		if got := databaseOf(url); got != want {
			t.Errorf("%s: %q, want %q", url, got, want)
		}
	}
}
