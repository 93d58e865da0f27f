// Command event is the event service.
package main

import (
	"context"
	"log/slog"

	"github.com/openboxoffice/boxoffice/services/event/app"
	"github.com/openboxoffice/boxoffice/services/internal/process"
)

func main() {
	process.Main(process.Service[app.Config]{
		Name:    "event",
		Addr:    func(c app.Config) (addr, variable string) { return c.Addr, "EVENT_ADDR" },
		Migrate: app.Migrate,
		Open: func(ctx context.Context, cfg app.Config, log *slog.Logger) (process.App, error) {
			return app.New(ctx, cfg, app.Deps{Log: log})
		},
	})
}
