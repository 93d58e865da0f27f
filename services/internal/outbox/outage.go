package outbox

import (
	"log/slog"
	"math/rand/v2"
	"time"
)

// outage follows something that may be away: how long it is left alone, and
// one line in the log when it goes and one when it comes back.
type outage struct {
	log   *slog.Logger
	what  string
	limit time.Duration // of a pause

	pause time.Duration // zero while all is well
	until time.Time
}

// failed begins the outage or prolongs it, and returns when to try again.
func (o *outage) failed(now time.Time, err error) time.Time {
	if o.pause == 0 {
		o.log.Warn("an outage begins", "of", o.what, "error", err)
		o.pause = 50 * time.Millisecond
	}
	o.pause = min(2*o.pause, o.limit)
	// Jitter, so that those who wait for the same thing do not come at once.
	o.until = now.Add(o.pause/2 + rand.N(o.pause/2)) //nolint:gosec // not a secret
	return o.until
}

func (o *outage) ended() {
	if o.pause > 0 {
		o.log.Info("an outage has ended", "of", o.what)
	}
	o.pause, o.until = 0, time.Time{}
}

func (o *outage) active(now time.Time) bool { return now.Before(o.until) }
