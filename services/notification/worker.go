package notification

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// Run sends what is due until ctx ends. Then it starts nothing new, finishes and
// records what it has begun, and gives the rest back. This takes at most
// Options.SendTimeout and about recordTime, however long the database hangs. It
// returns nil.
func (s *Service) Run(ctx context.Context) error {
	var workers, recorder, dispatchers, ends sync.WaitGroup
	recorder.Go(func() { s.recordLate(ctx) })
	recorder.Go(func() { s.forget(ctx) })
	recorder.Go(func() { _ = worker.Every(ctx, s.o.Log, forwardEvery, "bringing due times forward", s.bringForward) })
	s.running.Store(true)
	for _, l := range s.lanes {
		for range l.workers {
			workers.Go(func() { s.work(ctx, l) })
		}
		dispatchers.Go(func() { s.dispatch(ctx, l) })
	}
	dispatchers.Wait()
	s.running.Store(false)
	end := time.Now().Add(s.o.SendTimeout + recordTime)
	recorder.Wait()
	rest, stop := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer stop()
	s.recordUnrecorded(rest)
	for _, l := range s.lanes {
		ends.Go(func() { s.giveRestBack(rest, l) })
	}
	ends.Wait()
	workers.Wait()
	for _, l := range s.lanes {
		l.vacate(cap(l.room))
	}
	// The last chance to record what could not be recorded before.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(time.Until(end), lastTime))
	defer cancel()
	for _, n := range s.ledger.unrecorded() {
		_, recorded := s.settle(last, n)
		s.ledger.end(n, recorded)
	}
	return nil
}

// giveRestBack gives back what no worker has begun, until everything that is
// leased has been through a worker or through here. What it does not come to
// before ctx ends is sent a lease later.
func (s *Service) giveRestBack(ctx context.Context, l *lane) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var left []error
	for taken := 0; taken < cap(l.room); {
		select {
		case l.room <- struct{}{}:
			taken++
		case n := <-l.ready:
			if err := s.giveBack(ctx, n); err != nil {
				cancel() // the next would fare no better
				left = append(left, err)
			}
			l.vacate(1)
		}
	}
	if len(left) > 0 {
		s.o.Log.WarnContext(ctx, "leases are left to end by themselves", "count", len(left), "error", left[0])
	}
}

// dispatch claims what is due, as much at a time as there is room for, until
// ctx ends.
func (s *Service) dispatch(ctx context.Context, l *lane) {
	tick := time.NewTicker(s.o.Poll)
	defer tick.Stop()
	for {
		room := 0
		for ; room < cap(l.room)/2; room++ { // claims are few and large
			select {
			case <-ctx.Done():
				l.vacate(room)
				return
			case l.room <- struct{}{}:
			}
		}
		for room < cap(l.room) && l.occupy() {
			room++
		}
		since := time.Now()
		claimed := s.claim(ctx, l, room)
		for _, n := range claimed {
			l.ready <- leased{n, since, true}
		}
		l.vacate(room - len(claimed))
		more := len(claimed) == room
		l.behind.Store(more)
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-tick.C:
		}
	}
}

// bringForward runs every forwardEvery. clocksDiffer is how far the clocks of two
// processes may differ before one ends what the other stored.
const (
	forwardEvery = 10 * time.Second
	clocksDiffer = 15 * time.Minute
)

// bringForward sees to it that no delivery waits for a time that
// a wrong clock has set.
func (s *Service) bringForward(ctx context.Context) error {
	latest := s.o.Now().Add(clocksDiffer + Behind)
	return s.o.Store.BringForward(ctx, latest.Add(leaseOf(MaxSendTimeout)), latest.Add(max(Grace, s.longestPause())))
}

// work delivers what is ready until ctx ends. From then on it begins nothing.
func (s *Service) work(ctx context.Context, l *lane) {
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-l.ready:
			switch {
			case ctx.Err() != nil:
				l.ready <- n // for giveRestBack; it has room there until it vacates it
				return
			case time.Since(n.since) > lead:
				s.giveLateBack(ctx, n)
			default:
				l.turns.serve(n.Turn)
				s.deliver(ctx, n, n.claimed || time.Since(n.since) > Behind)
			}
			l.vacate(1)
		}
	}
}

// giveLateBack gives back what has waited too long for a worker.
func (s *Service) giveLateBack(ctx context.Context, n leased) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	if err := s.giveBack(ctx, n); err != nil {
		s.log(n.Notification).WarnContext(ctx, "a lease is left to end by itself", "error", err)
	}
}

// giveBack ends n's lease, if n is stored, so that it can be claimed at once.
// What this process has begun needs the lease, to record what became of it.
func (s *Service) giveBack(ctx context.Context, l leased) error {
	n := l.Notification
	switch sent, ok := s.ledger.begin(n, l.since); {
	case !ok:
		return nil
	case sent != nil:
		s.ledger.end(*sent, false)
		return nil
	}
	s.ledger.end(n, true) // before another worker can have it
	if err := ctx.Err(); err != nil {
		return err
	}
	n.Due = s.o.Now()
	switch err := worker.Try(ctx, s.o.Log, "delivery", func() error { return s.o.Store.Settle(ctx, n) }, "notification_id", n.ID); {
	case err == nil:
		s.Wake()
	case !errors.Is(err, ErrLeaseLost) && !errors.Is(err, ErrSettled): // those are of n alone
		return err
	}
	return nil
}

func (s *Service) claim(ctx context.Context, l *lane, limit int) []Notification {
	now := s.o.Now()
	var claimed []Notification
	err := worker.Try(ctx, s.o.Log, "delivery", func() (err error) {
		claimed, err = s.o.Store.Claim(ctx, l.channel, now, now.Add(s.lease()), limit)
		return err
	})
	if err != nil && ctx.Err() == nil {
		s.o.Log.ErrorContext(ctx, "cannot claim deliveries", "error", err)
	}
	return claimed
}
