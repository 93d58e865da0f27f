package wiring_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/internal/wiring"
)

// database notes in log when it is closed.
type database struct {
	name string
	log  *[]string
}

func (database) Ping(context.Context) error { return nil }

func (d database) Close() error {
	*d.log = append(*d.log, d.name)
	return nil
}

func open(t *testing.T) *wiring.App {
	t.Helper()
	services := authtest.New(t)
	a := &wiring.App{}
	if err := a.Open(wiring.Options{
		Name: "event", Addr: "127.0.0.1:0", ServiceKey: services.Private("event"), ServiceKeys: services.Public,
		Peers: []string{"booking"}, Log: slog.New(slog.DiscardHandler),
	}); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAFailedStartClosesWhatItHasOpened(t *testing.T) {
	t.Parallel()
	a, failed := open(t), errors.New("no more")
	var closed []string
	for _, name := range []string{"first", "second"} {
		if err := a.Opened(t.Context(), name, storage.Opened{DB: database{name, &closed}}, true); err != nil {
			t.Fatal(err)
		}
	}
	err := failed
	a.Undo("event", &err)
	if !errors.Is(err, failed) || !strings.HasPrefix(err.Error(), "event: ") {
		t.Errorf("error %q, want the service's name before the cause", err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
	if diff := cmp.Diff([]string{"second", "first"}, closed); diff != "" {
		t.Errorf("closed (-want +got):\n%s", diff)
	}
}

func TestAWorkerThatFailsEndsTheOthers(t *testing.T) {
	t.Parallel()
	a, failed := open(t), errors.New("the file is damaged")
	a.Works(func(ctx context.Context) error { <-ctx.Done(); return nil })
	if err := a.Opened(t.Context(), "database", storage.Opened{
		DB:  database{"file", new([]string)},
		Run: func(context.Context, *slog.Logger) error { return failed },
	}, false); err != nil {
		t.Fatal(err)
	}
	if err := a.Run(t.Context()); !errors.Is(err, failed) {
		t.Errorf("error %v, want %v", err, failed)
	}
}
