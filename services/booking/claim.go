package booking

import (
	"context"
	"errors"

	"github.com/openboxoffice/boxoffice/contracts/identity"
)

// ClaimBooking moves a guest's booking to the account of the caller, who shows its buyer's
// key. Nothing else moves a booking. Claiming it again answers the booking. From then on it counts for
// the limits of the account, and its mails go to the account's address: if that is another, the links of before
// end. The names on the tickets stay. ErrNotFound for every other key, as
// Buyer; ErrAlreadyClaimed for an account's booking; ErrPaymentInProgress until it is paid,
// and ErrInProgress while another request is worked on.
func (s *Service) ClaimBooking(ctx context.Context, caller identity.Caller, id, key string) (Booking, error) {
	_, err := s.Buyer(ctx, id, key)
	if errors.Is(err, ErrNotFound) {
		// The first request may have ended the link.
		b, err := s.Store.Get(ctx, id)
		if err == nil && b.UserID != caller.UserID {
			err = ErrNotFound
		}
		if err != nil {
			return Booking{}, err
		}
		return b, nil
	}
	if err != nil {
		return Booking{}, err
	}
	var mine Booking
	b, err := s.Store.Update(ctx, id, "", func(b *Booking) error {
		switch {
		case b.UserID == caller.UserID:
			mine = *b
			return errClaimed
		case !b.Guest:
			return ErrAlreadyClaimed
		case b.Status == Pending:
			return ErrPaymentInProgress
		}
		now := s.now()
		b.claim(caller)
		b.UpdatedAt = now
		b.note(now, caller.UserID, "claimed", "")
		return nil
	})
	switch {
	case errors.Is(err, errClaimed):
		return mine, nil
	case errors.Is(err, ErrLeaseLost):
		return Booking{}, ErrInProgress
	}
	return b, err
}

var errClaimed = errors.New("the booking is the caller's")

// claim makes b a booking of the caller's account. Its UserName stays: it is on the tickets.
func (b *Booking) claim(c identity.Caller) {
	if b.UserEmail != c.Email {
		b.endLinks()
	}
	b.UserID, b.UserEmail, b.Guest, b.Contact = c.UserID, c.Email, false, nil
}
