package eventapi

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// slow is an event service that answers when it is let, to the nth request that
// there are 100-n tickets.
type slow struct {
	*together
	asked, ended atomic.Int32 // requests, and those that were given up
	answer       chan struct{}
}

func newSlow() *slow {
	s := &slow{answer: make(chan struct{})}
	s.together = newTogether(func(ctx context.Context, _ string) (booking.Availability, error) {
		left := 100 - int(s.asked.Add(1))
		select {
		case <-s.answer:
			return booking.Availability{Types: []booking.TicketType{{Available: left}}}, nil
		case <-ctx.Done():
			s.ended.Add(1)
			return booking.Availability{}, ctx.Err()
		}
	})
	return s
}

func (s *slow) wantAsked(t *testing.T, n int32) {
	t.Helper()
	synctest.Wait()
	if got := s.asked.Load(); got != n {
		t.Errorf("asked %d times, want %d", got, n)
	}
}

// left is the answer, or an error.
type left struct {
	n   int
	err error
}

func (s *slow) ask(ctx context.Context) <-chan left {
	answered := make(chan left, 1)
	go func() {
		a, err := s.get(ctx, "e")
		l := left{err: err}
		if err == nil {
			l.n = a.Types[0].Available
		}
		answered <- l
	}()
	return answered
}

func TestWhoComesMeanwhileSharesTheNextAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		first := s.ask(t.Context())
		s.wantAsked(t, 1)
		var later []<-chan left
		for range 20 {
			later = append(later, s.ask(t.Context()))
		}
		s.wantAsked(t, 1)
		s.answer <- struct{}{}
		if got := <-first; got != (left{n: 99}) {
			t.Errorf("the first has %+v", got)
		}
		s.wantAsked(t, 2)
		s.answer <- struct{}{}
		for i, answered := range later {
			if got := <-answered; got != (left{n: 98}) {
				t.Errorf("%d has %+v, want what was asked after it came", i, got)
			}
		}
		s.wantAsked(t, 2)
		if len(s.events) > 0 {
			t.Error("something is left of what is over")
		}
	})
}

func TestOneWhoGivesUpLeavesTheOthersTheirAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		first := s.ask(t.Context())
		s.wantAsked(t, 1)
		ctx, giveUp := context.WithCancel(t.Context())
		second, third := s.ask(ctx), s.ask(t.Context())
		synctest.Wait()
		giveUp()
		if got := <-second; !errors.Is(got.err, booking.ErrOutcomeUnknown) || !errors.Is(got.err, context.Canceled) {
			t.Errorf("who gave up has %+v", got)
		}
		s.answer <- struct{}{}
		s.answer <- struct{}{}
		if got := <-first; got != (left{n: 99}) {
			t.Errorf("the first has %+v", got)
		}
		if got := <-third; got != (left{n: 98}) {
			t.Errorf("who stayed has %+v", got)
		}
	})
}

func TestARequestThatIsStuckHoldsUpNobodyForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		began := time.Now()
		stuck := s.ask(t.Context())
		s.wantAsked(t, 1)
		next := s.ask(t.Context())
		s.wantAsked(t, 1)
		<-time.After(tooLong) // by the bubble's clock
		s.wantAsked(t, 2)
		for range 2 {
			if got := <-stuck; !errors.Is(got.err, context.DeadlineExceeded) || time.Since(began) != answerTime {
				t.Errorf("who waits for what is stuck has %+v after %v", got, time.Since(began))
			}
			stuck, began = next, began.Add(tooLong)
		}
	})
}

// What nobody waits for is not asked, or ends.
func TestWhatNobodyWaitsForEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		ctx, giveUp := context.WithCancel(t.Context())
		first := s.ask(ctx)
		synctest.Wait()
		ctx, giveUpToo := context.WithCancel(t.Context())
		second := s.ask(ctx)
		synctest.Wait()
		giveUpToo()
		<-second
		giveUp()
		<-first
		s.wantAsked(t, 1)
		if n := s.ended.Load(); n != 1 || len(s.events) > 0 {
			t.Errorf("%d requests have ended, want 1; %d events are left", n, len(s.events))
		}
	})
}
