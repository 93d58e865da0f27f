package mongodb

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// maxBatch is how many calls share a batch at most.
const maxBatch = 500

// maxUnderWay is how many batches are under way at most. With one, half of the callers
// always wait for the batch of the other half. With more than two the batches get
// small, and cost more requests than they save time.
const maxUnderWay = 2

// Batches lets calls that are made at a time share their requests. While maxUnderWay
// batches are under way, further calls wait; the next batch is for all of these. A
// call that is alone waits for nobody.
type Batches[In, Out any] struct {
	do func(ctx context.Context, calls []In) ([]Out, error)

	mu      sync.Mutex
	running int // batches under way
	waiting []*call[In, Out]
}

type call[In, Out any] struct {
	in   In
	out  Out
	err  error
	done chan struct{}
}

// NewBatches returns Batches of calls that do answers, each in its place. An error
// is every call's, unless a call has one alone, too: each of a batch that failed is
// then made alone. One that is storage.ErrUnavailable leaves open what took effect.
func NewBatches[In, Out any](do func(ctx context.Context, calls []In) ([]Out, error)) *Batches[In, Out] {
	return &Batches[In, Out]{do: do}
}

// Do makes a call. If ctx ends before a batch has it, or while it has, the call may
// have its effect nevertheless.
func (b *Batches[In, Out]) Do(ctx context.Context, in In) (Out, error) {
	c := &call[In, Out]{in: in, done: make(chan struct{})}
	if err := ctx.Err(); err != nil {
		return c.out, failed(err)
	}
	b.mu.Lock()
	b.waiting = append(b.waiting, c)
	start := b.running < maxUnderWay
	if start {
		b.running++
	}
	b.mu.Unlock()
	if start {
		go b.run(context.WithoutCancel(ctx)) // each request bounds its own time
	}
	select {
	case <-c.done:
		return c.out, c.err
	case <-ctx.Done():
		var none Out
		return none, failed(ctx.Err())
	}
}

// run works until no call waits.
func (b *Batches[In, Out]) run(ctx context.Context) {
	for {
		b.mu.Lock()
		n := min(len(b.waiting), maxBatch)
		calls := b.waiting[:n:n]
		b.waiting = b.waiting[n:]
		if n == 0 {
			b.running--
		}
		b.mu.Unlock()
		if n == 0 {
			return
		}
		if err := b.answer(ctx, calls); err != nil && n > 1 && !errors.Is(err, storage.ErrUnavailable) {
			for i := range calls {
				_ = b.answer(ctx, calls[i:i+1]) // the call has it
			}
		}
		for _, c := range calls {
			close(c.done)
		}
	}
}

// answer gives calls their answers. A panic is an error: whoever waits has a worker
// that knows what to do with it.
func (b *Batches[In, Out]) answer(ctx context.Context, calls []*call[In, Out]) (err error) {
	ins := make([]In, len(calls))
	for i, c := range calls {
		ins[i] = c.in
	}
	var outs []Out
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a batch panicked: %v\n%s", p, debug.Stack())
		}
		for i, c := range calls {
			if c.err = err; err == nil {
				c.out = outs[i]
			}
		}
	}()
	outs, err = b.do(ctx, ins)
	return err
}
