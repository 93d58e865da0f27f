package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
)

var errFull = errors.New("the disk is full")

// ignored is an inbox.Store of which only Ignore is used.
type ignored struct {
	inbox.Store
	at   map[string]time.Time
	full bool
}

func (s *ignored) Ignore(_ context.Context, id string, at time.Time) error {
	if s.full {
		return errFull
	}
	s.at[id] = at
	return nil
}

func TestIgnoreUnknown(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC)
	errMalformed, errUnknown, errBroken := errors.New("malformed"), errors.New("what is that?"), errors.New("broken")
	for name, test := range map[string]struct {
		id      string
		typeof  string
		handled error // by the service
		full    bool
		want    error // nil acknowledges it
		ignored map[string]time.Time
	}{
		"known":                    {id: "1"},
		"failed":                   {id: "1", handled: errBroken, want: errBroken},
		"malformed":                {id: "1", handled: errMalformed, want: broker.ErrReject},
		"unknown":                  {id: "1", typeof: "v9", handled: fmt.Errorf("%w: v9", errUnknown), ignored: map[string]time.Time{"1": at}},
		"without a type":           {id: "1", handled: errUnknown, want: broker.ErrReject},
		"could not be read":        {id: "1", typeof: broker.TypeMalformed, handled: errUnknown, want: broker.ErrReject},
		"unknown, without an id":   {typeof: "v9", handled: errUnknown, want: broker.ErrReject},
		"unknown, and a full disk": {id: "1", typeof: "v9", handled: errUnknown, full: true, want: errFull},
	} {
		s := &ignored{at: map[string]time.Time{}, full: test.full}
		handle := broker.Handling(func(context.Context, events.Message) error { return test.handled }, errMalformed, errUnknown)
		err := inbox.IgnoreUnknown(s, slog.New(slog.DiscardHandler), func() time.Time { return at }, handle)(t.Context(), events.Message{ID: test.id, Type: test.typeof})
		if !errors.Is(err, test.want) {
			t.Errorf("%s: error %v, want %v", name, err, test.want)
		}
		if test.ignored == nil {
			test.ignored = map[string]time.Time{}
		}
		if diff := cmp.Diff(test.ignored, s.at); diff != "" {
			t.Errorf("%s: ignored (-want +got):\n%s", name, diff)
		}
	}
}
