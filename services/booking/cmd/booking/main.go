// Command booking is the booking service.
package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/openboxoffice/boxoffice/services/booking/app"
	"github.com/openboxoffice/boxoffice/services/booking/app/stores"
	"github.com/openboxoffice/boxoffice/services/internal/process"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

func main() {
	process.Main(process.Service[stores.Config]{
		Name:    "booking",
		Addr:    func(c stores.Config) (addr, variable string) { return c.Addr, "BOOKING_ADDR" },
		Migrate: func(ctx context.Context, cfg stores.Config) error { return storage.Migrate(ctx, cfg.Open) },
		Open: func(ctx context.Context, cfg stores.Config, log *slog.Logger) (process.App, error) {
			return app.New(ctx, cfg.Config, app.Deps{Log: log, OpenDatabase: cfg.Open})
		},
		Commands: map[string]process.Command[stores.Config]{
			"reconcile": {Help: "compare the payment provider, the bookings and the other services, and repair what is safe", Do: reconcile},
		},
	})
}

func reconcile(ctx context.Context, cfg stores.Config, log *slog.Logger, out io.Writer) error {
	return app.Reconcile(ctx, cfg.Config, app.Deps{Log: log, OpenDatabase: cfg.Open}, out)
}
