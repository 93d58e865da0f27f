package storage_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// hang reads until it is ended.
func hang(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func TestALaneAdmitsAFew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lane := storage.NewLane(2)
		for range 2 {
			go lane.Do(t.Context(), hang) //nolint:errcheck // the other test looks at it
		}
		synctest.Wait()
		began := time.Now()
		if err := lane.Do(t.Context(), hang); !errors.Is(err, storage.ErrBusy) || !errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("a third read is answered %v, want ErrBusy", err)
		}
		if waited := time.Since(began); waited != 500*time.Millisecond {
			t.Errorf("it waited %v, want 500ms", waited)
		}
		if err := lane.Do(t.Context(), func(context.Context) error { return nil }); err == nil {
			t.Error("a fourth read is admitted while two are under way")
		}
		time.Sleep(2 * time.Second) // the first have been ended
		if err := lane.Do(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Errorf("a read after them is answered %v", err)
		}
	})
}

func TestALaneEndsWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lane, began := storage.NewLane(1), time.Now()
		if err := lane.Do(t.Context(), hang); !errors.Is(err, storage.ErrBusy) {
			t.Errorf("a read that hangs is answered %v, want ErrBusy", err)
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("it took %v, want 2s", took)
		}
	})
}

func TestALaneLeavesTheCallersEndToTheCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lane := storage.NewLane(1)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		if err := lane.Do(ctx, hang); !errors.Is(err, context.Canceled) || errors.Is(err, storage.ErrBusy) {
			t.Errorf("the error is %v, want that of the context", err)
		}
		go lane.Do(t.Context(), hang) //nolint:errcheck // it takes the place
		synctest.Wait()
		if err := lane.Do(ctx, hang); !errors.Is(err, context.Canceled) {
			t.Errorf("without a place the error is %v, want that of the context", err)
		}
	})
}
