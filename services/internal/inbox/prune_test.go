package inbox_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
)

func TestPruningOutlivesAPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Hour)
		defer cancel()
		calls := 0
		_ = inbox.Prune(ctx, slog.New(slog.DiscardHandler), func(context.Context, time.Time) error {
			calls++
			panic("a defect")
		})
		if calls != 2 {
			t.Errorf("%d calls within a day and an hour, want 2", calls)
		}
	})
}
