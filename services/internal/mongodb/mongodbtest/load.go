package mongodbtest

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// load is workers that write without a pause.
type load struct {
	t                            *testing.T
	tried, refused, acknowledged atomic.Int64
	slowest                      atomic.Int64 // nanoseconds
	patience                     time.Duration
	end, wrong                   sync.Once
	done, ended                  chan struct{}
}

func start(t *testing.T, a Adapter) *load {
	l := &load{t: t, patience: cmp.Or(a.Patience, patience), done: make(chan struct{}), ended: make(chan struct{})}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for {
				select {
				case <-l.done:
					return
				default:
					l.one(a.Write)
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(l.ended)
	}()
	t.Cleanup(l.stop)
	return l
}

func (l *load) one(write func(ctx context.Context) error) {
	begin := time.Now()
	err := write(l.t.Context())
	took := time.Since(begin)
	if took > hung {
		l.t.Errorf("a call took %v, with a timeout of %v: %v", took, timeout, err)
	}
	for {
		slowest := l.slowest.Load()
		if int64(took) <= slowest || l.slowest.CompareAndSwap(slowest, int64(took)) {
			break
		}
	}
	l.tried.Add(1)
	switch {
	case err == nil:
		l.acknowledged.Add(1)
		return
	case l.t.Context().Err() != nil:
		return // the test is over
	case !errors.Is(err, storage.ErrUnavailable):
		l.wrong.Do(func() { l.t.Errorf("refused with %v, want ErrUnavailable", err) })
	}
	l.refused.Add(1)
}

// refuses returns when so many more calls were refused, acknowledges when so
// many more were acknowledged.
func (l *load) refuses(n int64)      { l.t.Helper(); l.more(&l.refused, n, "refused") }
func (l *load) acknowledges(n int64) { l.t.Helper(); l.more(&l.acknowledged, n, "acknowledged") }

func (l *load) more(count *atomic.Int64, n int64, what string) {
	l.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline, want := time.Now().Add(l.patience), count.Load()+n; count.Load() < want; <-tick.C {
		if time.Now().After(deadline) {
			l.t.Fatalf("not %d calls more are %s in %v", n, what, l.patience)
		}
	}
}

// stop returns when all calls have.
func (l *load) stop() {
	l.end.Do(func() { close(l.done) })
	select {
	case <-l.ended:
	case <-time.After(l.patience):
		l.t.Errorf("there are calls that hang, %v after the last one began", l.patience)
	}
}

// patience ends what hangs. It is long, because a stand-in on a busy machine
// takes its time.
const patience = 5 * time.Minute
