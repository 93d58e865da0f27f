// Command event is the event service.
package main

import (
	"context"
	"log/slog"

	"github.com/openboxoffice/boxoffice/services/event/app"
	"github.com/openboxoffice/boxoffice/services/event/app/stores"
	"github.com/openboxoffice/boxoffice/services/internal/process"
)

func main() {
	process.Main(process.Service[stores.Config]{
		Name:    "event",
		Addr:    func(c stores.Config) (addr, variable string) { return c.Addr, "EVENT_ADDR" },
		Migrate: stores.Migrate,
		Open: func(ctx context.Context, cfg stores.Config, log *slog.Logger) (process.App, error) {
			return app.New(ctx, cfg.Config, app.Deps{Log: log, OpenDatabase: cfg.Open})
		},
	})
}
