package outbox

import (
	"log/slog"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/retry"
)

// outage follows something that may be away: how long it is left alone, and
// one line in the log when it goes and one when it comes back.
type outage struct {
	log   *slog.Logger
	what  string
	limit time.Duration // of a pause

	failures int // in a row
	until    time.Time
}

// failed begins the outage or prolongs it, and returns when to try again.
func (o *outage) failed(now time.Time, err error) time.Time {
	if o.failures++; o.failures == 1 {
		o.log.Warn("an outage begins", "of", o.what, "error", err)
	}
	o.until = now.Add(retry.Pauses{First: 75 * time.Millisecond, Limit: o.limit * 3 / 4, Jitter: 33}.After(o.failures))
	return o.until
}

func (o *outage) ended() {
	if o.failures > 0 {
		o.log.Info("an outage has ended", "of", o.what)
	}
	o.failures, o.until = 0, time.Time{}
}

func (o *outage) active(now time.Time) bool { return now.Before(o.until) }
