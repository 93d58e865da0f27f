package notification

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/retry"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// A service leases ahead of its workers, so that one claim serves many
// deliveries, and what has just come needs none: ahead is for how many there is
// room for each worker, beside the one that it is at, and lead how long a lease
// may wait for a worker.
const (
	ahead = 8
	lead  = 5 * time.Second
)

// lane is how one channel's deliveries are claimed and sent: beside those of the
// other, which may be slow or hang.
type lane struct {
	channel Channel
	workers int
	wake    chan struct{}
	turns   *turns

	room   chan struct{} // as many as are leased here, by workers or ahead of them
	ready  chan leased
	behind atomic.Bool // more is due than there was room for
}

func newLane(c Channel, workers int, now time.Time) *lane {
	room := workers * (1 + ahead)
	return &lane{
		channel: c, workers: workers, wake: make(chan struct{}, 1), turns: newTurns(now),
		room: make(chan struct{}, room), ready: make(chan leased, room),
	}
}

// leased is a delivery that waits for a worker, leased since then.
type leased struct {
	Notification
	since   time.Time
	claimed bool // not from its birth
}

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

// recordLate records, until ctx ends, what was sent and could not be recorded
// then. It is no worker's business: after an outage of the database each may be
// busy with another delivery for longer than the Grace.
func (s *Service) recordLate(ctx context.Context) {
	tick := time.NewTicker(min(s.o.Poll, Grace/10))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.recordUnrecorded(ctx)
	}
}

// recordUnrecorded tries once to record each that was sent and is not recorded.
// What fails was reported when it failed first.
func (s *Service) recordUnrecorded(ctx context.Context) {
	for _, n := range s.ledger.unrecorded() {
		s.ledger.end(n, s.record(ctx, n) == nil)
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

// occupy takes room for a delivery, if there is any.
func (l *lane) occupy() bool {
	select {
	case l.room <- struct{}{}:
		return true
	default:
		return false
	}
}

func (l *lane) vacate(n int) {
	for range n {
		<-l.room
	}
}

// reserve takes room for a delivery that is about to be stored, if a worker can
// have it at once. Then it may be stored with a lease, and is for hand, or vacate.
func (s *Service) reserve(l *lane) bool {
	if l.behind.Load() || !l.occupy() { // what is older comes first
		return false
	}
	// Asked last: from when it has stopped, Run waits until nothing is reserved.
	if !s.running.Load() {
		l.vacate(1)
		return false
	}
	return true
}

// hand gives the workers what was reserved for and is stored.
func (s *Service) hand(ns []Notification, since time.Time) {
	for _, n := range ns {
		s.lanes[n.Channel].ready <- leased{n, since, false}
	}
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

// deliver makes one attempt at l and records its outcome. It
// returns n as it was recorded. The end of ctx does not cut it off: between a
// server's "taken" and our record of it lies the one place where a mail could
// go out twice. What this process has sent it never sends again: it records it
// as soon as the store lets it. Where n has waited, check asks the store once
// more whether it is outdated.
func (s *Service) deliver(ctx context.Context, l leased, check bool) Notification {
	ctx = context.WithoutCancel(ctx)
	n := l.Notification
	sent, ok := s.ledger.begin(n, l.since)
	switch {
	case !ok:
		return n
	case sent != nil:
		n.Status, n.Attempts, n.Error, n.SentAt = sent.Status, sent.Attempts, sent.Error, sent.SentAt
	case check && s.outdated(ctx, n):
		n.Error = Replaced
		if n.Status = Outdated; n.To == "" {
			n.Status = Dropped
		}
	default:
		n = s.attemptSafely(ctx, n)
	}
	ctx, cancel := context.WithTimeout(ctx, recordTime)
	defer cancel()
	lease, recorded := s.settle(ctx, n)
	if !recorded {
		s.ledger.end(n, false)
		return n
	}
	if unused := s.ledger.endRecorded(n, lease); unused != "" && n.Status.Open() {
		again := n
		again.Lease = unused
		err := worker.Try(ctx, s.o.Log, "delivery", func() error { return s.o.Store.Settle(ctx, again) }, "notification_id", n.ID)
		if err != nil {
			s.log(n).WarnContext(ctx, "a lease is left to end by itself", "error", err)
		}
	}
	return n
}

// attemptSafely is attempt, of which a panic is a failure like others.
func (s *Service) attemptSafely(ctx context.Context, n Notification) Notification {
	after := n
	err := worker.Try(ctx, s.o.Log, "delivery", func() error {
		after = s.attempt(ctx, n)
		return nil
	}, "notification_id", n.ID)
	if err == nil {
		return after
	}
	after = s.outcome(n, &SendError{Reason: "the attempt failed unexpectedly"})
	if n.Status == Resolving && after.Status == Failed {
		after.Status = Dropped // nobody was named to send it to
	}
	return after
}

// outdated reports whether n is known to be outdated. While the database does
// not answer, n is sent, as it may be sent a moment before it is outdated.
func (s *Service) outdated(ctx context.Context, n Notification) (outdated bool) {
	ctx, cancel := context.WithTimeout(ctx, Behind)
	defer cancel()
	err := worker.Try(ctx, s.o.Log, "delivery", func() (err error) {
		outdated, err = s.o.Store.Outdated(ctx, n)
		return err
	}, "notification_id", n.ID)
	if err != nil {
		s.log(n).WarnContext(ctx, "cannot ask whether a notification is outdated", "error", err)
	}
	return outdated
}

// attempt is n after one attempt at it.
func (s *Service) attempt(ctx context.Context, n Notification) Notification {
	ctx, cancel := context.WithTimeout(ctx, s.o.SendTimeout)
	defer cancel()
	if n.Kind.aboutAccount() {
		return s.attemptAccountMail(ctx, n)
	}
	if n.Status == Resolving {
		if n = s.resolve(ctx, n); n.Status != Pending {
			return n
		}
	}
	name := ""
	if n.Channel == Email && n.Booking != "" {
		contact, err := s.o.Contacts.Contact(ctx, n.UserID)
		// Until the first attempt to send, those to ask are counted.
		asking := n.Attempts == 0 || n.Error == noAddress
		if err != nil && !errors.Is(err, ErrNoContact) && asking && n.Attempts < contactTries {
			n.Attempts++
			n.Error = noAddress
			return s.later(n)
		}
		if asking {
			n.Attempts, n.Error = 0, ""
		}
		name = line(contact.Name)
		if to, ok := address(contact.Email); ok {
			n.To = to
		}
	}
	c, err := s.write(n, name)
	switch {
	case err != nil:
		return s.outcome(n, &SendError{Reason: "the notification cannot be written", Permanent: true})
	case n.Channel == SMS:
		return s.outcome(n, s.o.SMS.Send(ctx, Text{ID: n.ID, To: n.To, Body: c.SMS}))
	}
	return s.outcome(n, s.o.Mailer.Send(ctx, Mail{
		ID: n.ID, To: n.To, Subject: c.Subject, Text: c.Text, HTML: c.HTML, Attachment: attachment(n.BookingID, c.Calendar), Date: n.CreatedAt,
	}))
}

// contactTries is how often the user service is asked for a mail's name and
// address before it goes to those that the booking was made with.
const contactTries = 3

// noAddress is the Error of a mail while the user service is asked in vain.
const noAddress = "the address could not be asked for"

// write is what n says, as of now, to a customer of this name. An empty name is
// that of the booking.
func (s *Service) write(n Notification, name string) (Content, error) {
	if n.Booking == "" {
		return Content{Subject: n.Subject, Text: n.Text, HTML: n.HTML, SMS: n.Text, Calendar: n.Calendar}, nil
	}
	var b events.Booking
	if err := json.Unmarshal([]byte(n.Booking), &b); err != nil {
		return Content{}, fmt.Errorf("read the booking of notification %s: %w", n.ID, err)
	}
	b.UserName = cmp.Or(name, b.UserName)
	c, err := render(n.Kind, b, n.Overtaken)
	if err == nil && n.Channel == Email {
		c.Calendar = calendar(n.Kind, b, s.o.Organizer)
	}
	return c, err
}

// outcome is n after an attempt that ended with err.
func (s *Service) outcome(n Notification, err error) Notification {
	n.Attempts++
	if err == nil {
		n.Status, n.Error, n.SentAt = Sent, "", s.o.Now()
		return n
	}
	failure := &SendError{Reason: "the attempt did not succeed"}
	errors.As(err, &failure)
	n.Error = failure.Reason
	if failure.Permanent || n.Attempts >= s.o.MaxAttempts {
		n.Status = Failed
		return n
	}
	return s.later(n)
}

// later is n, of which an attempt has failed, to be tried again after a pause.
func (s *Service) later(n Notification) Notification {
	pause := s.pause(n.Attempts)
	n.Due = s.o.Now().Add(pause)
	n.Turn = s.lanes[n.Channel].turns.again(n.Turn, pause)
	return n
}

// resolve asks for the phone of an SMS. With one the SMS is pending, to be sent
// now; without one nobody ever sees it.
func (s *Service) resolve(ctx context.Context, n Notification) Notification {
	c, err := s.o.Contacts.Contact(ctx, n.UserID)
	switch {
	case errors.Is(err, ErrNoContact), err == nil && c.Phone == "":
		n.Status = Dropped
	case err == nil:
		n.Status, n.To, n.Attempts, n.Error = Pending, c.Phone, 0, ""
	default:
		n.Attempts++
		n.Error = "the phone number could not be asked for"
		n = s.later(n)
		if n.Attempts >= s.o.MaxAttempts {
			n.Status = Dropped // an SMS a day late helps nobody, and the mail says it all
		}
	}
	return n
}

// settleTries is how often recording an outcome is tried while the database
// does not let us, and recordTime how long, before the worker goes on to the
// next delivery. lastTime is for the last chance to, where a mailer or a database
// has used up the time of Run's end.
const (
	settleTries = 8
	recordTime  = 15 * time.Second
	lastTime    = 2 * time.Second
)

var settlePauses = retry.Pauses{First: 50 * time.Millisecond, Limit: 400 * time.Millisecond}

// settle records n's outcome, and reports whether it did, and under which lease.
func (s *Service) settle(ctx context.Context, n Notification) (lease string, recorded bool) {
	for try := 1; ; try++ {
		n.Lease = s.ledger.lease(n.ID)
		err := s.record(ctx, n)
		lost := errors.Is(err, ErrLeaseLost) && n.Lease == s.ledger.lease(n.ID)
		switch {
		case err == nil:
			return n.Lease, true
		case lost && n.Status.Open():
			// It was recorded, and the answer lost, or is somebody else's. It is tried again in any case.
			s.log(n).WarnContext(ctx, "an attempt's lease is lost")
			return n.Lease, false
		case lost, try == settleTries, ctx.Err() != nil:
			// It comes up again when its lease ends.
			s.log(n).ErrorContext(ctx, "an attempt's outcome is not recorded", "error", err)
			return n.Lease, false
		}
		settlePauses.Wait(ctx, try) // the last try is made when ctx has ended
	}
}

// record tries once to record n's outcome. What is settled already is recorded:
// most likely by us, who did not hear the answer.
func (s *Service) record(ctx context.Context, n Notification) error {
	err := worker.Try(ctx, s.o.Log, "delivery", func() error { return s.o.Store.Settle(ctx, n) }, "notification_id", n.ID)
	if err != nil && !errors.Is(err, ErrSettled) {
		return err
	}
	s.report(ctx, n)
	return nil
}

func (s *Service) log(n Notification) *slog.Logger {
	return s.o.Log.With("notification_id", n.ID, "booking_id", n.BookingID, "channel", n.Channel,
		"status", n.Status, "attempts", n.Attempts)
}

func (s *Service) report(ctx context.Context, n Notification) {
	log := s.log(n)
	switch {
	case n.Status == Sent:
		log.InfoContext(ctx, "notification sent")
	case n.Status == Outdated, n.Status == Dropped && (n.Error == Replaced || n.Error == notDue):
		log.InfoContext(ctx, "notification not sent", "reason", n.Error)
	case n.Status == Failed, n.Status == Dropped && n.Error != "":
		log.ErrorContext(ctx, "notification given up", "reason", n.Error)
	case n.Status.Open() && n.Error != "":
		log.WarnContext(ctx, "notification to be tried again", "reason", n.Error, "due", n.Due)
	}
}
