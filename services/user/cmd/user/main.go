// Command user is the user service, which is the platform's gateway too.
package main

import (
	"context"
	"log/slog"

	"github.com/openboxoffice/boxoffice/services/internal/process"
	"github.com/openboxoffice/boxoffice/services/user/app"
)

func main() {
	process.Main(process.Service[app.Config]{
		Name:    "user",
		Addr:    func(c app.Config) (addr, variable string) { return c.Addr, "USER_ADDR" },
		Migrate: app.Migrate,
		Open: func(ctx context.Context, cfg app.Config, log *slog.Logger) (process.App, error) {
			return app.New(ctx, cfg, app.Deps{Log: log})
		},
	})
}
