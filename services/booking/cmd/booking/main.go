// Command booking is the booking service.
package main

import (
	"context"
	"log/slog"

	"github.com/openboxoffice/boxoffice/services/booking/app"
	"github.com/openboxoffice/boxoffice/services/internal/process"
)

func main() {
	process.Main(process.Service[app.Config]{
		Name:    "booking",
		Addr:    func(c app.Config) (addr, variable string) { return c.Addr, "BOOKING_ADDR" },
		Migrate: app.Migrate,
		Open: func(ctx context.Context, cfg app.Config, log *slog.Logger) (process.App, error) {
			return app.New(ctx, cfg, app.Deps{Log: log})
		},
		Commands: map[string]process.Command[app.Config]{
			"reconcile": {Help: "compare the payment provider, the bookings and the other services, and repair what is safe", Do: app.Reconcile},
		},
	})
}
