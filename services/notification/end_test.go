package notification_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// settling is a store whose Settle a test can replace, and that keeps what is
// settled from then on.
type settling struct {
	notification.Store
	mu      sync.Mutex
	instead func(context.Context, notification.Notification) error
	settled []notification.Notification
}

func (s *settling) Settle(ctx context.Context, n notification.Notification) error {
	s.mu.Lock()
	instead := s.instead
	if instead != nil {
		s.settled = append(s.settled, n)
	}
	s.mu.Unlock()
	if instead != nil {
		return instead(ctx, n)
	}
	return s.Store.Settle(ctx, n)
}

func (s *settling) do(instead func(context.Context, notification.Notification) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instead, s.settled = instead, nil
}

func (s *settling) seen() []notification.Notification {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.settled)
}

// endOf runs a service with one worker, and returns it with what ends it.
func endOf(t *testing.T, o *outside, mailer notification.Mailer) (*settling, *notification.Service, func() <-chan error) {
	t.Helper()
	store := &settling{}
	s := newService(t, o, func(o *notification.Options) {
		store.Store = o.Store
		o.Store, o.Mailer, o.Workers, o.Poll = store, mailer, 1, time.Hour
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	synctest.Wait()
	return store, s, func() <-chan error { cancel(); return done }
}

func TestTheEndTakesAsLongAsItSaysWhileTheDatabaseHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{}
		store, s, end := endOf(t, o, busy{mailerOf{o}})
		for range 4 {
			handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
		}
		synctest.Wait()
		store.do(func(ctx context.Context, _ notification.Notification) error { <-ctx.Done(); return ctx.Err() })
		begin := time.Now()
		if err := <-end(); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took > 40*time.Second { // of the bubble; SendTimeout is 20 s, recordTime 15 s
			t.Errorf("it took %v", took)
		}
	})
}

func TestTheEndRecordsWhatIsSentBeforeItGivesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{}
		mailer := slow{mailerOf{o}, make(chan struct{}, 100), make(chan struct{}, 100)}
		store, s, end := endOf(t, o, mailer)
		store.do(func(ctx context.Context, n notification.Notification) error {
			if n.Status == notification.Sent {
				return errGone
			}
			return store.Store.Settle(ctx, n)
		})
		mailer.finish <- struct{}{}
		for range 4 {
			handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
		}
		<-mailer.begun
		<-mailer.begun // the one before is sent, and not recorded
		synctest.Wait()
		store.do(store.Store.Settle)
		done := end()
		synctest.Wait() // the second is still being sent
		seen := store.seen()
		back := 0
		for _, n := range seen {
			if n.Status.Open() && n.Attempts == 0 {
				back++
			}
		}
		if len(seen) == 0 || seen[0].Status != notification.Sent || back < 2 {
			t.Errorf("settled were %v; want the one that is sent, then those that go back", seen)
		}
		close(mailer.finish)
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestTheEndGivesNothingMoreBackOnceTheDatabaseRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		asks func(n int) bool
	}{
		"refuses":    {errors.New("disk full"), func(n int) bool { return n == 1 }},
		"lease_lost": {notification.ErrLeaseLost, func(n int) bool { return n > 2 }},
		"settled":    {notification.ErrSettled, func(n int) bool { return n > 2 }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &outside{}
				mailer := slow{mailerOf{o}, make(chan struct{}, 100), make(chan struct{})}
				store, s, end := endOf(t, o, mailer)
				for range 4 {
					handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
				}
				<-mailer.begun
				synctest.Wait()
				store.do(func(context.Context, notification.Notification) error { return c.err })
				done := end()
				synctest.Wait() // the first is still being sent
				if seen := store.seen(); !c.asks(len(seen)) {
					t.Errorf("it asked %d times", len(seen))
				}
				close(mailer.finish)
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
