package suitetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Ask calls ask until it returns no storage.ErrUnavailable, for five minutes: on a
// busy machine a database that works may not answer within an adapter's time
// limit. It fails t with any other error.
func Ask(t testing.TB, ask func(ctx context.Context) error) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); ; {
		err := ask(t.Context())
		switch {
		case err == nil:
			return
		case !errors.Is(err, storage.ErrUnavailable) || time.Now().After(deadline):
			t.Fatal(err)
		}
	}
}
