package inbox

import (
	"context"
	"log/slog"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// Prune forgets, now and once a day until ctx ends, the ids that are older than
// Retention: forget deletes those recorded before t. Then it returns nil.
func Prune(ctx context.Context, log *slog.Logger, forget func(ctx context.Context, t time.Time) error) error {
	return worker.Every(ctx, log, 24*time.Hour, "pruning message ids", func(ctx context.Context) error {
		return forget(ctx, time.Now().Add(-Retention))
	})
}
