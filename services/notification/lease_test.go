package notification_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// deaf is a store that records no sent mail while it is deaf, and counts.
type deaf struct {
	notification.Store
	mu              sync.Mutex
	hears           bool
	refused, claims int // of mails
}

func (d *deaf) Settle(ctx context.Context, n notification.Notification) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n.Status == notification.Sent && !d.hears {
		d.refused++
		return errors.New("disk full")
	}
	return d.Store.Settle(ctx, n)
}

func (d *deaf) Claim(ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
	ns, err := d.Store.Claim(ctx, c, now, until, limit)
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.ContainsFunc(ns, func(n notification.Notification) bool { return n.Channel == notification.Email }) {
		d.claims++
	}
	return ns, err
}

func (d *deaf) hear() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hears = true
}

func (d *deaf) counts() (refused, claims int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refused, d.claims
}

func TestWhatIsSentAndCannotBeRecordedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	o, c := &outside{}, &clock{now: time.Now()}
	var d *deaf
	s := newService(t, o, func(o *notification.Options) {
		d = &deaf{Store: o.Store}
		o.Store, o.Now = d, c.Now
	})
	run(t, s)
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	eventually(t, "one lease after the other ends", func() bool {
		c.pass(time.Hour)
		refused, claims := d.counts()
		return refused >= 20 && claims >= 5
	})
	d.hear()
	eventually(t, "it is SENT", func() bool {
		c.pass(time.Hour)
		return statuses(t, s)[notification.Sent] == 1
	})
	if mails, _ := o.sent(); len(mails) != 1 {
		t.Errorf("%d mails were sent, want 1", len(mails))
	}
	if n := all(t, s)[0]; n.Attempts != 1 || n.Subject == "" || n.Booking == "" {
		t.Errorf("it is %+v", n)
	}
}

func TestTheEndRecordsWhatCouldNotBeRecorded(t *testing.T) {
	t.Parallel()
	o := &outside{}
	var d *deaf
	s := newService(t, o, func(o *notification.Options) {
		d = &deaf{Store: o.Store}
		o.Store, o.Workers = d, 1
	})
	stop := run(t, s)
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	eventually(t, "it is not recorded", func() bool { refused, _ := d.counts(); return refused > 0 })
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("bob")))
	eventually(t, "the worker has gone on to the next", func() bool { mails, _ := o.sent(); return len(mails) > 1 })
	d.hear()
	stop()
	mails, _ := o.sent()
	if n := statuses(t, s)[notification.Sent]; n != len(mails) {
		t.Errorf("%d are recorded as SENT, of %d", n, len(mails))
	}
}

func TestALeaseThatEndsUnderALivingWorkerSendsNothingTwice(t *testing.T) {
	t.Parallel()
	// Alone, the worker finds each new lease when it is done; else others do before.
	for name, workers := range map[string]int{"alone": 1, "of_four": 4} {
		t.Run(name, func(t *testing.T) {
			o, c := &outside{}, &clock{now: time.Now()}
			mailer := slow{mailerOf{o}, make(chan struct{}, 100), make(chan struct{})}
			var d *deaf
			s := newService(t, o, func(o *notification.Options) {
				d = &deaf{Store: o.Store, hears: true}
				o.Store, o.Now, o.Mailer, o.Workers = d, c.Now, mailer, workers
			})
			stop := run(t, s)
			handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
			<-mailer.begun
			eventually(t, "its lease ends over and over", func() bool {
				c.pass(time.Hour)
				_, claims := d.counts()
				return claims > workers
			})
			close(mailer.finish)
			stop()
			if mails, _ := o.sent(); len(mails) != 1 || len(mailer.begun) != 0 {
				t.Errorf("%d mails were sent in %d attempts, want 1", len(mails), len(mailer.begun)+1)
			}
			if n := statuses(t, s)[notification.Sent]; n != 1 {
				t.Errorf("%d are SENT, want 1", n)
			}
		})
	}
}

// A clock that was wrong by a day for a moment delays no mail for a day: neither
// one whose worker died then, nor one that was to be tried again.
func TestAClockThatIsSetBackDelaysNothingForLong(t *testing.T) {
	t.Parallel()
	o, c := &outside{}, &clock{now: time.Date(2027, 3, 2, 9, 0, 0, 0, time.UTC)}
	var store notification.Store
	s := newService(t, o, func(o *notification.Options) { store, o.Now = o.Store, c.Now })
	for range 2 {
		handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	}
	now := c.Now()
	claimed, err := store.Claim(t.Context(), notification.Email, now, now.Add(time.Minute), 2)
	if err != nil || len(claimed) != 2 {
		t.Fatalf("%d are claimed (%v), want 2", len(claimed), err)
	}
	again := claimed[0]
	again.Attempts, again.Error, again.Due = 1, "busy", now.Add(time.Minute)
	if err := store.Settle(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	c.pass(-24 * time.Hour)

	run(t, s)
	start := c.Now()
	eventually(t, "both are sent", func() bool {
		c.pass(10 * time.Second)
		return statuses(t, s)[notification.Sent] == 2
	})
	if took := c.Now().Sub(start); took > 12*time.Hour {
		t.Errorf("it took %v", took)
	}
}

// forwarding is a store that reports each call of BringForward.
type forwarding struct {
	notification.Store
	done chan struct{}
}

func (f forwarding) BringForward(ctx context.Context, leased, waiting time.Time) error {
	err := f.Store.BringForward(ctx, leased, waiting)
	select {
	case f.done <- struct{}{}:
	default:
	}
	return err
}

// Neither a process with a shorter timeout nor one whose clock is behind ends the
// lease of another that is sending: the mail would come twice.
func TestAnotherProcessEndsNoLiveLease(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*notification.Options){
		"a shorter timeout": func(o *notification.Options) { o.SendTimeout = 15 * time.Second },
		"a clock that is five minutes behind": func(o *notification.Options) {
			o.Now = func() time.Time { return time.Now().Add(-5 * time.Minute) }
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			o := &outside{}
			var store notification.Store
			first := newService(t, o, func(o *notification.Options) { store = o.Store })
			handle(t, first, message(t, events.TypeBookingConfirmed, booking("ada")))
			now := time.Now()
			until := now.Add(4*notification.MaxSendTimeout + 35*time.Second)
			if claimed, err := store.Claim(t.Context(), notification.Email, now, until, 1); err != nil || len(claimed) != 1 {
				t.Fatalf("%d are claimed (%v), want 1", len(claimed), err)
			}
			done := make(chan struct{}, 1)
			run(t, newService(t, o, func(o *notification.Options) {
				o.Store = forwarding{store, done}
				change(o)
			}))
			<-done
			// The first claim that finds a lease ended starts the grace, the second has it.
			for _, before := range []time.Duration{2 * notification.Grace, notification.Grace} {
				at := until.Add(-before)
				if claimed, err := store.Claim(t.Context(), notification.Email, at, at.Add(time.Hour), 1); err != nil || len(claimed) > 0 {
					t.Errorf("%d are claimed (%v) before the lease has ended", len(claimed), err)
				}
			}
		})
	}
}
