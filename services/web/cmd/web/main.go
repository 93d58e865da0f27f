// Command web is the web service: the shop.
package main

import (
	"context"
	"log/slog"

	"github.com/openboxoffice/boxoffice/services/internal/process"
	"github.com/openboxoffice/boxoffice/services/web/app"
)

func main() {
	process.Main(process.Service[app.Config]{
		Name: "web",
		Addr: func(c app.Config) (addr, variable string) { return c.Addr, "WEB_ADDR" },
		Open: func(ctx context.Context, cfg app.Config, log *slog.Logger) (process.App, error) {
			return app.New(ctx, cfg, app.Deps{Log: log})
		},
	})
}
