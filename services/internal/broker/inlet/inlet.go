// Package inlet is how messages come to a service that runs as a process of its
// own: from the broker by its sidecar, or straight from their publishers where
// there is none.
package inlet

import (
	"context"
	"log/slog"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/dapr"
	"github.com/openboxoffice/boxoffice/services/internal/broker/httppush"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inproc"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
	"github.com/openboxoffice/boxoffice/services/internal/sidecar"
)

// Inlet is where a service subscribes.
type Inlet struct {
	broker.Subscriber
	// Run handles what comes, until ctx ends and no handler runs any more.
	Run func(ctx context.Context) error
	// Register adds the route by which messages come: only from the own sidecar
	// or, where there is none, from their publishers.
	Register func(mux chi.Router, api huma.API, guard *auth.Guard)
}

// handling is how many messages a process handles at a time. They wait for a
// database, which serves many at once, and share requests with it.
const handling = 32

// New returns the inlet of a process with this sidecar, or with none, for the
// topics whose publishers seals names.
func New(c sidecar.Config, seals seal.Opener, log *slog.Logger) (*Inlet, error) {
	attempts := inproc.Options{Log: log, Concurrency: handling}
	if !c.There() {
		b := inproc.New(attempts)
		return &Inlet{b, b.Run, func(_ chi.Router, api huma.API, guard *auth.Guard) {
			httppush.Register(api, guard, httppush.Options{Publisher: b, Seals: seals, Log: log})
		}}, nil
	}
	s, err := dapr.NewSubscriber(dapr.Options{Token: c.AppToken, Seals: seals, Attempts: attempts})
	if err != nil {
		return nil, err
	}
	return &Inlet{s, s.Run, func(mux chi.Router, _ huma.API, _ *auth.Guard) { s.Register(mux) }}, nil
}
