// Command event is the event service.
package main

import (
	"context"
	"log/slog"

	"github.com/openboxoffice/boxoffice/services/event/app"
	"github.com/openboxoffice/boxoffice/services/event/app/stores"
	"github.com/openboxoffice/boxoffice/services/internal/process"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

func main() {
	process.Main(process.Service[stores.Config]{
		Name:    "event",
		Addr:    func(c stores.Config) (addr, variable string) { return c.Addr, "EVENT_ADDR" },
		Migrate: func(ctx context.Context, cfg stores.Config) error { return storage.Migrate(ctx, cfg.Open) },
		Open: func(ctx context.Context, cfg stores.Config, log *slog.Logger) (process.App, error) {
			return app.New(ctx, cfg.Config, app.Deps{Log: log, OpenDatabase: cfg.Open})
		},
	})
}
