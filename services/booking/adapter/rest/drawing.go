package rest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

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

const (
	// rushWindow and rushRequests say when there is a rush: from so many requests for each
	// processor on. One costs a sixth of what a mail's tickets do, so that about four times as many
	// would leave no processor for those.
	rushWindow   = 250 * time.Millisecond
	rushRequests = 10
	// lullPatience is how long a mail waits for the end of a rush: so four workers get 8 a
	// second drawn, and take 5 % of two processors.
	lullPatience = 500 * time.Millisecond
)

// rush counts requests to book and to pay. Tickets can be drawn after a sale: requests that
// wait for the payment provider keep none of them back.
type rush struct {
	mu            sync.Mutex
	began         time.Time // of the window
	now, previous int       // requests in it, and in the one before
}

// counted is the middleware that counts.
func (r *rush) counted(ctx huma.Context, next func(huma.Context)) {
	r.count(1)
	next(ctx)
}

// count adds n requests, and returns how many there were in the larger of the last two
// windows.
func (r *rush) count(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch since := time.Since(r.began); {
	case since >= 2*rushWindow:
		r.began, r.previous, r.now = time.Now(), 0, 0
	case since >= rushWindow:
		r.began, r.previous, r.now = time.Now(), r.now, 0
	}
	r.now += n
	return max(r.now, r.previous)
}

// lull waits until there is no rush, for lullPatience at most.
func (r *rush) lull(ctx context.Context) {
	tick := time.NewTicker(rushWindow / 10)
	defer tick.Stop()
	for began := time.Now(); r.count(0) >= rushRequests*runtime.NumCPU() && time.Since(began) < lullPatience; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
