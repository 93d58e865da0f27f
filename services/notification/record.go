package notification

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/retry"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

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
