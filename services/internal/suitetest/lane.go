package suitetest

import (
	"context"
	"errors"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Apart fails t unless list reads in the lane of lists, and byKey outside of it. hold
// runs a function in that lane.
func Apart(t *testing.T, hold func(ctx context.Context, read func()) error, list, byKey func(ctx context.Context) error) {
	t.Helper()
	release, ended, held := make(chan struct{}), make(chan error), make(chan struct{})
	places := 0
	for full := false; !full; {
		go func() {
			ended <- hold(t.Context(), func() {
				held <- struct{}{}
				<-release
			})
		}()
		select {
		case <-held:
			places++
		case err := <-ended:
			full = !errors.Is(err, context.DeadlineExceeded) // on a busy machine it may have had its place for too long
			if !errors.Is(err, storage.ErrBusy) {
				t.Errorf("after %d lists another one is answered %v, want ErrBusy", places, err)
			}
		}
	}
	if err := list(t.Context()); !errors.Is(err, storage.ErrBusy) {
		t.Errorf("while lists have all places the list is answered %v, want ErrBusy", err)
	}
	if err := byKey(t.Context()); err != nil {
		t.Errorf("while lists have all places a read by key is answered %v", err)
	}
	close(release)
	for range places {
		if err := <-ended; err != nil && !errors.Is(err, storage.ErrBusy) { // it may have had its place for too long
			t.Errorf("a list that had a place is answered %v", err)
		}
	}
	Ask(t, list)
}
