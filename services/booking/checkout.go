package booking

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

const (
	// maxAttempts is how often a customer may try to pay for a booking, and
	// maxExtensions how often a checkout gets its full time anew.
	maxAttempts   = 5
	maxExtensions = 2
	// maxLastPayment bounds lastPayment.
	maxLastPayment = 30 * time.Second
)

// lastPayment is how long before the end of a checkout no payment begins any more. A
// short CheckoutTTL leaves three quarters of it for payments.
func (s *Service) lastPayment() time.Duration { return min(maxLastPayment, s.CheckoutTTL/4) }

// Pay makes an attempt to pay for a booking that is a Checkout, for its owner or an
// admin. The booking it returns is Confirmed, or Pending where the customer has to act
// or the outcome is not known yet. ErrPaymentDeclined ends the attempt alone: the tickets
// are held until the checkout expires. A booking that is free needs no token. A request
// whose key, which must be there, the caller has used answers what became of the first
// one, or ErrKeyReused. Nothing is charged with ErrNotFound, ErrForbidden,
// ErrEventCancelled, ErrCheckoutExpired, ErrCheckoutAbandoned, ErrPaymentInProgress,
// ErrTooManyAttempts, ErrPaymentUnavailable, ErrAlreadyPaid, and *PausedError.
//
// It goes on when ctx is cancelled.
func (s *Service) Pay(ctx context.Context, caller identity.Caller, id, token, key string) (Booking, error) {
	ctx = context.WithoutCancel(ctx)
	if v := append(validRequired(key), validToken(token)...); v != nil {
		return Booking{}, v
	}
	k := Key{Value: key, Fingerprint: fingerprint(struct{ Pay, Token string }{id, token})}
	attempt := k.hash(caller.UserID)
	work, cancel := context.WithTimeout(ctx, s.PaymentTimeout)
	defer cancel()
	begin := func(b *Booking, now time.Time) error {
		if b.attemptWith(attempt) != nil {
			return ErrInProgress // another repeat was faster
		}
		b.Lease = s.newLease()
		if now.Add(s.lastPayment()).After(b.Checkout.ExpiresAt) {
			return ErrCheckoutExpired
		}
		if !b.Total.IsZero() {
			b.Effects.Admit = func(t Tries) error { return t.paused(now) }
		}
		return b.beginAttempt(Attempt{At: now, Key: attempt, Outcome: PaymentOpen}, caller.UserID)
	}
	b, repeated, err := s.change(ctx, caller, id, k, begin)
	if err == nil && repeated && b.Status == Pending && b.attemptWith(attempt) == nil {
		// The first request has come to nothing: it died, or the provider was away.
		b, err = s.edit(ctx, id, begin)
		repeated = false
	}
	if err != nil {
		return Booking{}, err
	}
	if !repeated {
		g := s.sagaOf(ctx, b, caller.UserID)
		g.charges, g.token, g.held = true, token, true
		s.drive(ctx, work, &g)
		var known bool
		if b, known = s.known(ctx, &g); !known {
			return Booking{}, g.unknown()
		}
		if b.Status == Pending && errors.Is(g.err, ErrPaymentUnavailable) {
			return Booking{}, g.err
		}
	}
	b, err = b.attemptBy(attempt)
	return b.seenBy(caller), err
}

// Extend gives a Checkout its full time from now on, for its owner or an admin, at most
// twice: ErrNoMoreExtensions. A request whose key, which must be there, the caller has
// used extends nothing more. Its other errors are those of Pay.
func (s *Service) Extend(ctx context.Context, caller identity.Caller, id, key string) (Booking, error) {
	ctx = context.WithoutCancel(ctx)
	if v := validRequired(key); v != nil {
		return Booking{}, v
	}
	k := Key{Value: key, Fingerprint: fingerprint(struct{ Extend string }{id})}
	b, _, err := s.change(ctx, caller, id, k, func(b *Booking, now time.Time) error {
		return b.extend(now.Add(s.CheckoutTTL), now, caller.UserID)
	})
	return b.seenBy(caller), err
}

// change makes a change of a checkout that a request with a key asks for, unless one has
// asked for it before. Nothing is done any more once the event is cancelled. It reads nothing
// before it makes the change: only one that was in vain has to be explained.
func (s *Service) change(ctx context.Context, caller identity.Caller, id string, key Key, change func(b *Booking, now time.Time) error) (b Booking, repeated bool, err error) {
	b, err = s.edit(ctx, id, func(b *Booking, now time.Time) error {
		if !caller.Owns(b.UserID) {
			return ErrForbidden
		}
		b.Effects.Key, b.Effects.KeyUser = key, caller.UserID
		return change(b, now)
	})
	if err == nil {
		return b, false, nil
	}
	now, hidden := s.Get(ctx, caller, id)
	if hidden != nil {
		return Booking{}, false, hidden
	}
	if b, earlier := s.Store.ByKey(ctx, caller.UserID, key, s.now()); !errors.Is(earlier, ErrNotFound) {
		return b, earlier == nil, earlier
	}
	if _, off := s.CancelledEvents.CancelledEvent(ctx, now.EventID); off == nil {
		err = ErrEventCancelled
	}
	return Booking{}, false, err
}

// edit makes a change of a checkout that nobody drives.
func (s *Service) edit(ctx context.Context, id string, change func(b *Booking, now time.Time) error) (Booking, error) {
	if s.paused.Load() {
		return Booking{}, ErrSalesPaused
	}
	b, err := s.Store.Update(ctx, id, "", func(b *Booking) error {
		now := s.now()
		if err := b.checkoutOver(now); err != nil {
			return err
		}
		b.UpdatedAt = now
		return change(b, now)
	})
	switch {
	case errors.Is(err, ErrLeaseLost):
		err = ErrPaymentInProgress
	case errors.Is(err, ErrKeyTaken):
		err = ErrInProgress
	}
	return b, err
}

// checkoutOver says why nothing can be done about the payment of b any more, if that is so.
func (b *Booking) checkoutOver(now time.Time) error {
	switch {
	case b.Status == Failed, b.Status == Pending && b.Reason != "":
		return refusal(b.Reason)
	case b.Status != Pending, !b.Payment.Captured.IsZero():
		return ErrAlreadyPaid
	case b.Checkout == nil || !b.Acknowledged:
		return ErrPaymentInProgress // of the request that made it
	case !now.Before(b.Checkout.ExpiresAt):
		return ErrCheckoutExpired
	}
	return nil
}

// beginAttempt begins an attempt to pay, which replaces one that waits for the customer.
func (b *Booking) beginAttempt(a Attempt, by string) error {
	c := b.Checkout
	switch last := c.Latest(); {
	case b.Total.IsZero():
		return nil
	case last == nil:
	case last.Outcome == PaymentOpen:
		return ErrPaymentInProgress
	case len(c.Attempts) == maxAttempts:
		return ErrTooManyAttempts
	case last.Outcome == PaymentAction:
		last.Outcome = PaymentDeclined
	}
	c.Attempts = append(c.Attempts, a)
	b.Payment.Status, b.Payment.Action = PaymentOpen, nil
	b.noteOnce(a.At, by, stepAttempt, "")
	return nil
}

// stepAttempt is the step of an attempt to pay for a checkout.
const stepAttempt = "attempt"

// attemptBy answers what became of the attempt with this key. One that was declined stays
// so, whatever became of the booking.
func (b Booking) attemptBy(key string) (Booking, error) {
	switch a := b.attemptWith(key); {
	case a != nil && a.Outcome == PaymentDeclined:
		return b, ErrPaymentDeclined
	case a == nil, b.Status != Pending:
		return replay(b)
	case a.Outcome == PaymentOpen && !a.Told:
		return b, ErrInProgress
	}
	return b, nil
}

// attemptWith returns the attempt with this key, or nil.
func (b *Booking) attemptWith(key string) *Attempt {
	if b.Checkout == nil {
		return nil
	}
	n := slices.IndexFunc(b.Checkout.Attempts, func(a Attempt) bool { return a.Key == key })
	if n < 0 {
		return nil
	}
	return &b.Checkout.Attempts[n]
}

// extend moves the end of a checkout. If recovery is due earlier, because an attempt has to
// be looked at or the event was cancelled, that time stays.
func (b *Booking) extend(until, now time.Time, by string) error {
	c := b.Checkout
	if c.Extensions == maxExtensions {
		return ErrNoMoreExtensions
	}
	if b.Payment.Status != PaymentOpen && b.Lease.Until.Equal(c.ExpiresAt) {
		b.Lease.Until = until
	}
	c.Extensions++
	c.ExpiresAt, b.Payment.Deadline = until, until
	b.note(now, by, "extended", "")
	return nil
}

// abandon ends a checkout that its customer does not want any more. ErrAlreadyPaid if it
// turns out to be paid: then it is Confirmed.
func (s *Service) abandon(ctx context.Context, caller identity.Caller, id string) (Booking, error) {
	lease := s.newLease()
	b, err := s.Store.Update(ctx, id, "", func(b *Booking) error {
		now := s.now()
		switch {
		case b.Status == Confirmed:
			return ErrAlreadyPaid
		case b.Status != Pending || !b.Acknowledged, b.Reason != "" && b.Reason != problem.CheckoutAbandoned:
			return ErrNotCancellable
		case b.Reason == "":
			b.Reason = problem.CheckoutAbandoned
			b.note(now, caller.UserID, "abandoned", "")
		}
		b.Lease, b.UpdatedAt = lease, now
		return nil
	})
	switch {
	case errors.Is(err, ErrLeaseLost):
		return Booking{}, ErrPaymentInProgress
	case err != nil:
		return Booking{}, err
	}
	work, cancel := context.WithTimeout(ctx, s.PaymentTimeout)
	defer cancel()
	g := s.sagaOf(ctx, b, caller.UserID)
	s.drive(ctx, work, &g)
	if g.b.Status == Confirmed {
		return g.b, ErrAlreadyPaid
	}
	return g.b.seenBy(caller), nil
}

// validRequired is validKey for requests that need a key.
func validRequired(key string) problem.Invalid {
	if key == "" {
		return problem.Invalid{{Name: "idempotency_key", Message: "is required"}}
	}
	return validKey(key)
}
