package inbox

import (
	"context"
	"log/slog"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// Prune forgets, now and once a day until ctx ends, the ids that are older than
// Retention: forget deletes those recorded before t.
func Prune(ctx context.Context, log *slog.Logger, forget func(ctx context.Context, t time.Time) error) {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		err := worker.Try(ctx, log, "pruning", func() error { return forget(ctx, time.Now().Add(-Retention)) })
		if err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "old message ids not pruned", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
