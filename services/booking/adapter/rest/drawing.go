package rest

import (
	"context"
	"errors"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// drawingLane keeps drawing documents apart from other requests: 20 pages cost tens of
// milliseconds of a processor. What finds no place within half a second is refused.
type drawingLane struct{ *storage.Lane }

// newDrawingLane returns a lane on which half of the processors draw at most.
func newDrawingLane() drawingLane {
	return drawingLane{storage.NewLane(max(1, runtime.NumCPU()/2))}
}

// lull waits until no more goroutines wait for a processor than there are processors, for
// lullPatience at most: a mail can wait, and a sale cannot. What a payment provider keeps
// waiting does not count.
func lull(ctx context.Context, waiting func() int) {
	tick := time.NewTicker(lullPatience / 50)
	defer tick.Stop()
	for began := time.Now(); waiting() > runtime.NumCPU() && time.Since(began) < lullPatience; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// lullPatience is how long a mail waits for others: so four workers get at least 16 a
// second drawn.
const lullPatience = 250 * time.Millisecond

// runnable returns how many goroutines of this process wait for a processor.
func runnable() int {
	sample := []metrics.Sample{{Name: "/sched/goroutines/runnable:goroutines"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0 // another version of Go does not count them
	}
	return int(sample[0].Value.Uint64())
}

// do draws when there is a place. Drawing is not interrupted. ErrTooMuchToDraw says that none became free in time.
func (l drawingLane) do(ctx context.Context, draw func() error) error {
	var drawn error
	err := l.Do(ctx, func(context.Context) error {
		drawn = draw()
		return nil
	})
	if errors.Is(err, storage.ErrBusy) {
		return booking.ErrTooMuchToDraw
	}
	return errors.Join(err, drawn)
}
