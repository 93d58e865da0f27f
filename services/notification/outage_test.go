package notification_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/mailfolder"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/smtp"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/sqlite"
)

const sender = "Boxoffice <tickets@boxoffice.example>"

func TestMailServerDownThenUp(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	mailer, err := smtp.New("smtp://"+addr+"?tls=none", sender)
	if err != nil {
		t.Fatal(err)
	}
	s := newService(t, &outside{}, func(o *notification.Options) { o.Mailer = mailer })
	run(t, s)
	const bookings = 20
	for range bookings {
		handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	}
	eventually(t, "every mail was tried in vain", func() bool {
		for _, n := range all(t, s) {
			if n.Attempts == 0 || n.Status != notification.Pending || n.Error != "the mail server cannot be reached" {
				return false
			}
		}
		return true
	})

	ids := serveSMTP(t, addr)
	eventually(t, "all are SENT", func() bool { return statuses(t, s)[notification.Sent] == bookings })
	got := ids()
	for id, n := range got {
		if n != 1 {
			t.Errorf("%s arrived %d times", id, n)
		}
	}
	if len(got) != bookings {
		t.Errorf("%d mails arrived, want %d", len(got), bookings)
	}
}

// serveSMTP runs a mail server at addr and returns what counts the Message-IDs
// that it has taken.
func serveSMTP(t *testing.T, addr string) func() map[string]int {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	box := &mailbox{ids: map[string]int{}}
	srv := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return box, nil }))
	done := make(chan struct{})
	go func() { _ = srv.Serve(ln); close(done) }()
	t.Cleanup(func() {
		_ = srv.Close()
		_ = ln.Close()
		<-done
	})
	return func() map[string]int {
		box.mu.Lock()
		defer box.mu.Unlock()
		out := map[string]int{}
		for id, n := range box.ids {
			out[id] = n
		}
		return out
	}
}

type mailbox struct {
	mu  sync.Mutex
	ids map[string]int
}

func (*mailbox) Reset()                                 {}
func (*mailbox) Logout() error                          { return nil }
func (*mailbox) Mail(string, *gosmtp.MailOptions) error { return nil }
func (*mailbox) Rcpt(string, *gosmtp.RcptOptions) error { return nil }
func (b *mailbox) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ids[m.Header.Get("Message-Id")]++
	return nil
}

// forgetful is a store whose process is always killed right before it records
// that a delivery is sent.
type forgetful struct{ notification.Store }

func (f forgetful) Settle(ctx context.Context, n notification.Notification) error {
	if n.Status == notification.Sent {
		return notification.ErrLeaseLost
	}
	return f.Store.Settle(ctx, n)
}

func TestAKillBeforeTheRecordWritesNoSecondFile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mail")
	store := sqlite.New(openDB(t))
	start := func(store notification.Store) (s *notification.Service, stop func()) {
		folder, err := mailfolder.New(dir, sender)
		if err != nil {
			t.Fatal(err)
		}
		s = newService(t, &outside{}, func(o *notification.Options) { o.Store, o.Mailer = store, folder })
		return s, run(t, s)
	}
	files := func() map[string]time.Time {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]time.Time{}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && filepath.Ext(e.Name()) == ".eml" {
				out[e.Name()] = info.ModTime()
			}
		}
		return out
	}

	killed, stop := start(forgetful{store})
	for range 5 {
		handle(t, killed, message(t, events.TypeBookingConfirmed, booking("ada")))
	}
	eventually(t, "the mails are in the folder", func() bool { return len(files()) == 5 })
	stop()
	before := files()
	if n := statuses(t, killed)[notification.Pending]; n != 5 {
		t.Fatalf("%d are PENDING, want all 5", n)
	}

	if err := store.EndLeases(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	restarted, _ := start(store)
	eventually(t, "all are SENT", func() bool { return statuses(t, restarted)[notification.Sent] == 5 })
	after := files()
	for name, at := range before {
		if !after[name].Equal(at) {
			t.Errorf("%s was written again", name)
		}
	}
	if len(after) != 5 {
		t.Errorf("%d files, want 5", len(after))
	}
}

// stubborn is a store that cannot record an outcome the first few times.
type stubborn struct {
	notification.Store
	mu    sync.Mutex
	times int
}

func (s *stubborn) Settle(ctx context.Context, n notification.Notification) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times > 0 {
		s.times--
		return errors.New("database is locked")
	}
	return s.Store.Settle(ctx, n)
}

func TestAnOutcomeThatCannotBeRecordedAtOnceIsRecordedLater(t *testing.T) {
	t.Parallel()
	o := &outside{}
	s := newService(t, o, func(o *notification.Options) { o.Store = &stubborn{Store: o.Store, times: 4} })
	run(t, s)
	handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	eventually(t, "it is SENT", func() bool { return statuses(t, s)[notification.Sent] == 1 })
	if mails, _ := o.sent(); len(mails) != 1 {
		t.Errorf("%d mails were sent, want 1", len(mails))
	}
}

// slow is a Mailer that takes its time, and whatever its context says, finishes.
type slow struct {
	notification.Mailer
	begun, finish chan struct{}
}

func (s slow) Send(ctx context.Context, m notification.Mail) error {
	s.begun <- struct{}{}
	<-s.finish
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Mailer.Send(ctx, m)
}

func TestTheEndFinishesAndRecordsWhatHasBegun(t *testing.T) {
	t.Parallel()
	o := &outside{}
	mailer := slow{mailerOf{o}, make(chan struct{}, 100), make(chan struct{})}
	s := newService(t, o, func(o *notification.Options) { o.Mailer, o.Workers = mailer, 2 })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for range 5 {
		handle(t, s, message(t, events.TypeBookingConfirmed, booking("ada")))
	}
	<-mailer.begun
	<-mailer.begun
	cancel()
	close(mailer.finish)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	mails, _ := o.sent()
	got := statuses(t, s)
	if len(mails) != 2 || got[notification.Sent] != 2 || got[notification.Pending] != 3 {
		t.Errorf("%d mails were sent, recorded are %v; want the two that had begun", len(mails), got)
	}
}
