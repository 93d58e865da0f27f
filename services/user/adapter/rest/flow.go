package rest

import (
	"context"
	"time"
)

// flow is the requests of one kind that anybody may make, and of which each counts. An
// address that made so many within a window is slowed down.
type flow struct {
	pace  *pace
	named *throttle[attempt] // the accounts that were named, and from where
}

func newFlow(most int, window time.Duration, now func() time.Time) *flow {
	return &flow{newPace(most, window, now), newThrottle[attempt](1, window, now)}
}

// enter waits until a request that names a's account may be made. Whoever is known at
// the address with the account waits for nobody, once in a window. Its error is
// *errThrottled or ctx's.
func (f *flow) enter(ctx context.Context, a attempt, known bool) error {
	again := f.named.struck(a)
	f.named.add(a)
	f.pace.count(a.client)
	switch {
	case again:
		return f.pace.wait(ctx, a.client, suspected)
	case known:
		return nil
	}
	return f.pace.wait(ctx, a.client, unsuspected)
}
