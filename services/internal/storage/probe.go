package storage

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// probeEvery is how long the result of a write that succeeded is good for.
const probeEvery = time.Second

// Probe finds out whether a database can be written to, without writing each
// time that it is asked: a flood of questions is not one of writes. The zero
// value is ready for use.
type Probe struct {
	written atomic.Pointer[time.Time] // when write last succeeded
	writing singleflight.Group
}

// Do calls read if write succeeded within the last second, and write otherwise.
// One write runs at a time; callers that come meanwhile get its result. A caller
// whose ctx ends gets ctx's error, and the write goes on for the others: it
// bounds its own time.
func (p *Probe) Do(ctx context.Context, read, write func(ctx context.Context) error) error {
	if at := p.written.Load(); at != nil && time.Since(*at) < probeEvery {
		return read(ctx)
	}
	result := p.writing.DoChan("", func() (_ any, err error) {
		defer func() { // singleflight would panic where nobody recovers it
			if p := recover(); p != nil {
				err = fmt.Errorf("the write panicked: %v\n%s", p, debug.Stack())
			}
		}()
		err = write(context.WithoutCancel(ctx))
		if err == nil {
			now := time.Now()
			p.written.Store(&now)
		}
		return nil, err
	})
	select {
	case r := <-result:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}
