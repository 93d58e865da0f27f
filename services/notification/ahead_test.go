package notification_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// watched is a store that keeps how deliveries are claimed and settled.
type watched struct {
	notification.Store
	mu       sync.Mutex
	claimed  map[string]bool // bookings
	returned int             // leases that ended without an attempt
	lose     int             // answers to Enqueue that are lost
}

func (w *watched) Enqueue(ctx context.Context, r notification.Record) (notification.Outcome, error) {
	stored, err := w.Store.Enqueue(ctx, r)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lose > 0 {
		w.lose--
		return notification.Ignored, errGone
	}
	return stored, err
}

func (w *watched) Claim(ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
	ns, err := w.Store.Claim(ctx, c, now, until, limit)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range ns {
		w.claimed[n.BookingID] = true
	}
	return ns, err
}

func (w *watched) Settle(ctx context.Context, n notification.Notification) error {
	err := w.Store.Settle(ctx, n)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && n.Status.Open() && n.Attempts == 0 {
		w.returned++
	}
	return err
}

// newWatched is newService on a watched store, which is not polled.
func newWatched(t *testing.T, o *outside, change ...func(*notification.Options)) (*notification.Service, *watched) {
	w := &watched{claimed: map[string]bool{}}
	watch := func(o *notification.Options) {
		w.Store = o.Store
		o.Store, o.Poll = w, time.Hour
	}
	return newService(t, o, append([]func(*notification.Options){watch}, change...)...), w
}

func TestWhatAWorkerCanHaveAtOnceIsNotClaimed(t *testing.T) {
	t.Parallel()
	o := &outside{}
	s, w := newWatched(t, o)
	run(t, s)
	eventually(t, "a mail goes out that nobody has claimed", func() bool {
		b := booking("ada")
		before, _ := o.sent()
		handle(t, s, message(t, events.TypeBookingConfirmed, b))
		eventually(t, "its mail is sent", func() bool { mails, _ := o.sent(); return len(mails) > len(before) })
		w.mu.Lock()
		defer w.mu.Unlock()
		return !w.claimed[b.BookingID]
	})
}

func TestAMessageWhoseAnswerIsLostGoesOutAtOnce(t *testing.T) {
	t.Parallel()
	o := &outside{}
	s, w := newWatched(t, o, func(o *notification.Options) { o.Poll = time.Millisecond })
	run(t, s)
	for lost := range 20 {
		w.mu.Lock()
		w.lose = 1
		w.mu.Unlock()
		m := message(t, events.TypeBookingConfirmed, booking("ada"))
		if err := s.Handle(t.Context(), m); err == nil {
			t.Fatal("no error")
		}
		handle(t, s, m)
		eventually(t, "its mail is sent, before a lease ends", func() bool { mails, _ := o.sent(); return len(mails) == lost+1 })
	}
}

// panicking is a store that stores, and panics before it answers.
type panicking struct{ notification.Store }

func (p panicking) Enqueue(ctx context.Context, r notification.Record) (notification.Outcome, error) {
	_, _ = p.Store.Enqueue(ctx, r)
	panic("a defect")
}

func TestAPanicKeepsNoRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{}
		s := newService(t, o, func(o *notification.Options) {
			o.Store, o.Poll, o.Workers = panicking{o.Store}, time.Hour, 1
		})
		stop := run(t, s)
		synctest.Wait()
		const bookings = 9 // more than there is room for
		for range bookings {
			func() {
				defer func() { _ = recover() }() // as a broker does
				_ = s.Handle(t.Context(), message(t, events.TypeBookingConfirmed, booking("ada")))
			}()
		}
		s.Wake()
		<-time.After(time.Second) // long before a lease would end
		if mails, _ := o.sent(); len(mails) != bookings {
			t.Errorf("%d mails were sent, want %d", len(mails), bookings)
		}
		stop()
	})
}

// busy is a mailer that takes its time for each mail.
type busy struct{ notification.Mailer }

func (b busy) Send(ctx context.Context, m notification.Mail) error {
	<-time.After(7 * time.Second) // of the bubble
	return b.Mailer.Send(ctx, m)
}

func TestWhatWaitsTooLongForAWorkerGoesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := &outside{}
		s, w := newWatched(t, o, func(o *notification.Options) { o.Mailer, o.Workers = busy{mailerOf{o.Contacts.(*outside)}}, 1 })
		stop := run(t, s)
		synctest.Wait()
		const bookings = 6
		for range bookings {
			handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
		}
		<-time.After(8 * time.Second)
		w.mu.Lock()
		if w.returned == 0 {
			t.Error("nothing has gone back after one mail")
		}
		w.mu.Unlock()
		<-time.After((bookings + 1) * 7 * time.Second) // long before a lease would end
		if mails, _ := o.sent(); len(mails) != bookings {
			t.Errorf("%d mails were sent, want %d", len(mails), bookings)
		}
		stop()
	})
}

func TestTheEndGivesBackWhatHasNotBegun(t *testing.T) {
	t.Parallel()
	o := &outside{}
	mailer := slow{mailerOf{o}, make(chan struct{}, 100), make(chan struct{})}
	s, w := newWatched(t, o, func(o *notification.Options) { o.Mailer, o.Workers = mailer, 1 })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for range 4 {
		handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	}
	<-mailer.begun
	cancel()
	close(mailer.finish)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	mails, _ := o.sent()
	now := time.Now()
	ns, err := w.Claim(t.Context(), notification.Email, now, now.Add(time.Hour), 100)
	left := 0
	for _, n := range ns {
		if n.Channel == notification.Email {
			left++
		}
	}
	if err != nil || len(mails)+left != 4 {
		t.Errorf("%d mails were sent, and %d can be claimed at once (%v), want 4 together", len(mails), left, err)
	}
}
