package notification_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/sqlite"
)

// network is the way of several processes to their database. It breaks as soon
// as one of them is about to record that a mail is sent.
type network struct {
	mu      sync.Mutex
	broken  bool
	sender  *process // the first that could not record a mail
	refused int      // of its mails
}

// process is one process's store.
type process struct {
	notification.Store
	network *network
	cut     bool
	claims  int // that were answered
}

var errGone = errors.New("no route to host")

func (p *process) Settle(ctx context.Context, n notification.Notification) error {
	p.network.mu.Lock()
	defer p.network.mu.Unlock()
	if n.Status == notification.Sent && p.network.sender == nil {
		p.network.sender, p.network.broken, p.cut = p, true, true
	}
	if p.network.broken || p.cut {
		if p == p.network.sender && n.Status == notification.Sent {
			p.network.refused++
		}
		return errGone
	}
	return p.Store.Settle(ctx, n)
}

func (p *process) Claim(ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
	p.network.mu.Lock()
	defer p.network.mu.Unlock()
	if p.network.broken || p.cut {
		return nil, errGone
	}
	p.claims++
	return p.Store.Claim(ctx, c, now, until, limit)
}

func (n *network) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

// outage sends a mail by one of three processes. Before it can record that,
// the database is away for longer than the lease, and when it is back, it is
// so for the two others first.
func outage(t *testing.T, store notification.Store) {
	o, c, n := &outside{}, &clock{now: time.Now()}, &network{}
	var services []*notification.Service
	var processes []*process
	for range 3 {
		p := &process{Store: store, network: n}
		s := newService(t, o, func(o *notification.Options) { o.Store, o.Now = p, c.Now })
		processes, services = append(processes, p), append(services, s)
		run(t, s)
	}
	answered := func(want int) bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		for _, p := range processes {
			if !p.cut && p.claims < want {
				return false
			}
		}
		return true
	}
	handle(t, services[0], message(t, events.TypeBookingConfirmed, booking("ada")))
	eventually(t, "the sender gives up to record it", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.refused >= 8
	})
	c.pass(time.Hour)
	n.set(func() {
		n.broken = false
		for _, p := range processes {
			p.claims = 0
		}
	})
	eventually(t, "the others look for what is due", func() bool { return answered(20) })
	n.set(func() { n.sender.cut = false })
	eventually(t, "the sender records it, before the grace ends", func() bool {
		return statuses(t, services[0])[notification.Sent] == 1
	})
	n.set(func() {
		for _, p := range processes {
			p.claims = 0
		}
	})
	c.pass(24 * time.Hour)
	eventually(t, "everybody looks for what is due", func() bool { return answered(20) })
	if mails, _ := o.sent(); len(mails) != 1 {
		t.Errorf("%d mails were sent, want 1", len(mails))
	}
}

func TestAnOutageLongerThanTheLeaseSendsNothingTwice(t *testing.T) {
	t.Parallel()
	outage(t, sqlite.New(openDB(t)))
}

// graceless is a store that gives an ended lease at once to whoever asks.
type graceless struct{ notification.Store }

func (g graceless) Claim(ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
	ns, err := g.Store.Claim(ctx, c, now, until, limit)
	if err != nil || len(ns) > 0 {
		return ns, err
	}
	return g.Store.Claim(ctx, c, now.Add(notification.Grace), until, limit)
}

func TestTheOutageCatchesAStoreWithoutGrace(t *testing.T) {
	t.Parallel()
	suitetest.MustFail(t, "graceless", func(t *testing.T) {
		t.Run("outage", func(t *testing.T) { outage(t, graceless{sqlite.New(openDB(t))}) })
	}, "outage")
}

func TestWhatAKilledProcessHadIsSentByAnother(t *testing.T) {
	t.Parallel()
	o, c, store := &outside{}, &clock{now: time.Now()}, sqlite.New(openDB(t))
	s := newService(t, o, func(o *notification.Options) { o.Store, o.Now = store, c.Now })
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	for _, channel := range []notification.Channel{notification.Email, notification.SMS} {
		ns, err := store.Claim(t.Context(), channel, c.Now(), c.Now().Add(time.Minute), 10) // and never heard of again
		if err != nil || len(ns) != 1 {
			t.Fatalf("claimed %d by %s, %v; want 1", len(ns), channel, err)
		}
	}
	run(t, s)
	eventually(t, "it is SENT", func() bool {
		c.pass(time.Second)
		return statuses(t, s)[notification.Sent] == 1
	})
}

// mute is a store whose first answers to a mail's Settle are lost, and counts.
type mute struct {
	notification.Store
	mu            sync.Mutex
	lose          int
	settles, sent int // of mails, and of those that say SENT
}

func (m *mute) Settle(ctx context.Context, n notification.Notification) error {
	err := m.Store.Settle(ctx, n)
	if n.Channel != notification.Email {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settles++
	if n.Status == notification.Sent {
		m.sent++
	}
	if m.settles <= m.lose {
		return errGone
	}
	return err
}

func (m *mute) counts() (settles, sent int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settles, m.sent
}

// lines is a log's, from many goroutines.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func TestAnOutcomeWhoseAnswerIsLostIsRecorded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		first error // of the mail server
		lose  int
		sent  int // how often it is recorded that it is sent
	}{
		"sent":                          {nil, 1, 2},
		"sent_and_not_heard_in_a_while": {nil, 10, 11},
		"to_be_tried_again":             {&notification.SendError{Reason: "busy"}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			o, log, c := &outside{mailErr: test.first}, &lines{}, &clock{now: time.Now()}
			var m *mute
			s := newService(t, o, func(o *notification.Options) {
				m = &mute{Store: o.Store, lose: test.lose}
				o.Store, o.Log = m, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelError}))
				o.Now, o.RetryBase, o.RetryMax = c.Now, time.Hour, time.Hour
			})
			stop := run(t, s)
			handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
			eventually(t, "an answer is heard", func() bool { settles, _ := m.counts(); return settles > test.lose })
			o.set(func(o *outside) { o.mailErr = nil })
			c.pass(2 * time.Hour)
			eventually(t, "it is SENT", func() bool { return statuses(t, s)[notification.Sent] == 1 })
			stop() // which records what is not known to be
			if _, sent := m.counts(); sent != test.sent {
				t.Errorf("that it is sent was recorded %d times, want %d", sent, test.sent)
			}
			if mails, _ := o.sent(); len(mails) != 1 {
				t.Errorf("%d mails were sent, want 1", len(mails))
			}
			if got := log.buf.String(); test.lose == 1 && got != "" {
				t.Errorf("the log has errors:\n%s", got)
			}
		})
	}
}
