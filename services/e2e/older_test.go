package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/errgroup"

	contracts "github.com/openboxoffice/boxoffice/contracts/events"
	eventapp "github.com/openboxoffice/boxoffice/services/event/app"
	eventstores "github.com/openboxoffice/boxoffice/services/event/app/stores"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inlet"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
	"github.com/openboxoffice/boxoffice/services/internal/process"
	notificationapp "github.com/openboxoffice/boxoffice/services/notification/app"
	notificationstores "github.com/openboxoffice/boxoffice/services/notification/app/stores"
)

// olderEnv makes this test binary be an older consumer, which has a defect,
// instead of running tests.
const olderEnv = "E2E_OLDER_CONSUMER"

// older is a consumer with a defect: it rejects confirmations.
type older struct{ *inlet.Inlet }

func (o older) Subscribe(s broker.Subscription) error {
	handle := s.Handle
	s.Handle = func(ctx context.Context, m contracts.Message) error {
		if m.Type == contracts.TypeBookingConfirmed {
			return fmt.Errorf("%w: type %q", broker.ErrReject, m.Type)
		}
		return handle(ctx, m)
	}
	return o.Inlet.Subscribe(s)
}

// olderSeals opens what booking seals.
func olderSeals(list []string) (seal.Opener, error) {
	keys, err := auth.ParseServiceKeys(list)
	return seal.Opener{Keys: keys, Publishers: map[string]string{
		contracts.TopicBookings: string(bookings), contracts.TopicUsers: string(gateway),
	}}, err
}

// olderApp is a service's app whose messages come by an older inlet.
type olderApp struct {
	process.App
	inlet *inlet.Inlet
}

func (a olderApp) Handler() http.Handler {
	mux := chi.NewMux()
	a.inlet.Register(mux, nil, nil)
	mux.Mount("/", a.App.Handler())
	return mux
}

func (a olderApp) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.App.Run(ctx) })
	g.Go(func() error { return a.inlet.Run(ctx) })
	return g.Wait()
}

// runOlder is an older consumer's command. It does not return.
func runOlder(of service) {
	switch of {
	case events:
		process.Main(process.Service[eventstores.Config]{
			Name: string(of),
			Addr: func(c eventstores.Config) (addr, variable string) { return c.Addr, "EVENT_ADDR" },
			Open: func(ctx context.Context, cfg eventstores.Config, log *slog.Logger) (process.App, error) {
				seals, err := olderSeals(cfg.ServiceKeys)
				if err != nil {
					return nil, err
				}
				in, err := inlet.New(cfg.Sidecar, seals, log)
				if err != nil {
					return nil, err
				}
				app, err := eventapp.New(ctx, cfg.Config, eventapp.Deps{Log: log, OpenDatabase: cfg.Open, Subscriber: older{in}})
				return olderApp{app, in}, err
			},
		})
	case notifications:
		process.Main(process.Service[notificationstores.Config]{
			Name: string(of),
			Addr: func(c notificationstores.Config) (addr, variable string) { return c.Addr, "NOTIFICATION_ADDR" },
			Open: func(ctx context.Context, cfg notificationstores.Config, log *slog.Logger) (process.App, error) {
				seals, err := olderSeals(cfg.ServiceKeys)
				if err != nil {
					return nil, err
				}
				in, err := inlet.New(cfg.Sidecar, seals, log)
				if err != nil {
					return nil, err
				}
				app, err := notificationapp.New(ctx, cfg.Config, notificationapp.Deps{Log: log, OpenDatabase: cfg.Open, Subscriber: older{in}})
				return olderApp{app, in}, err
			},
		})
	}
}
