package booking

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
)

// A booking's tickets are mailed again so often within resendsWithin.
const (
	maxResends    = 5
	resendsWithin = 24 * time.Hour
)

// Resend asks for the mail with the tickets of a booking once more, for its owner or an
// admin. A request whose key, which must be there, the caller has used asks for no
// other. ErrNotFound, ErrForbidden, ErrNoValidTickets; a *PausedError after so many
// requests; ErrInProgress while another request is worked on.
func (s *Service) Resend(ctx context.Context, caller identity.Caller, id, key string) error {
	if v := validRequired(key); v != nil {
		return v
	}
	if _, err := s.Get(ctx, caller, id); err != nil {
		return err
	}
	k := Key{Value: key, Fingerprint: fingerprint(struct{ Resend string }{id})}
	if _, err := s.Store.ByKey(ctx, caller.UserID, k, s.now()); !errors.Is(err, ErrNotFound) {
		return err
	}
	_, err := s.Store.Update(ctx, id, "", func(b *Booking) error {
		now := s.now()
		if err := b.resend(now); err != nil {
			return err
		}
		b.UpdatedAt = now
		b.Effects.Key, b.Effects.KeyUser = k, caller.UserID
		b.noteOnce(now, actor(caller), stepResend, "")
		return b.tell(events.TypeBookingResendRequested, nil, "", s.TraceParent(ctx))
	})
	switch {
	case err == nil:
		s.Committed()
	case errors.Is(err, ErrKeyTaken): // by the same request, which was faster
		err = nil
	case errors.Is(err, ErrLeaseLost):
		err = ErrInProgress
	}
	return err
}

// stepResend is the step of Resend.
const stepResend = "resend_requested"

// resend counts a request at now, or refuses it.
func (b *Booking) resend(now time.Time) error {
	if b.Status != Confirmed {
		return ErrNoValidTickets
	}
	// A request of a clock that was ahead counts no longer than others.
	recent := slices.DeleteFunc(slices.Clone(b.Resends), func(at time.Time) bool { return now.Sub(at).Abs() >= resendsWithin })
	if len(recent) >= maxResends {
		wait := recent[len(recent)-maxResends].Add(resendsWithin).Sub(now)
		return &PausedError{Reason: ErrTooManyResends, Wait: min(wait, resendsWithin)}
	}
	b.Resends = append(recent, now)
	return nil
}
