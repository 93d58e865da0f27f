package storage

import (
	"sync/atomic"
	"time"
)

// Recent remembers when a database last stored something. One that has done so
// within a second need not be asked whether it can: a flood of questions is not
// one of writes. The zero value remembers nothing.
type Recent struct{ at atomic.Int64 }

// started makes instants small numbers, by a clock that no one sets.
var started = time.Now()

// Note says that something has been stored just now.
func (r *Recent) Note() { r.at.Store(int64(time.Since(started))) }

// Lately reports whether something was stored within the last second.
func (r *Recent) Lately() bool {
	at := r.at.Load()
	return at != 0 && time.Since(started)-time.Duration(at) < time.Second
}
