package user

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/internal/contact"
)

const (
	// GuestTokenLife is how long a guest's access token is good. There is no
	// refresh token.
	GuestTokenLife = 2 * time.Hour
	// GuestsKept is how long a guest is known, to send mails and SMS to. A booking
	// has the guest's name and email address itself.
	GuestsKept = 90 * 24 * time.Hour
)

// Guest is somebody who books without an account. Neither name nor email address
// is proven, and nobody is found by them.
type Guest struct {
	ID        string // UUIDv7, the user id of the guest's bookings
	Name      string
	Email     string
	Phone     string // E.164, or "" for none
	Locale    string // a BCP 47 tag, or "" where the guest has not said
	CreatedAt time.Time
}

// GuestGrant is what a guest is given.
type GuestGrant struct {
	GuestID     string
	AccessToken string
	ExpiresIn   time.Duration
}

// AdmitGuest makes a guest of g's name, email address, phone and locale, with a
// token to book with. What is not allowed is a problem.Invalid.
func (s *Service) AdmitGuest(ctx context.Context, g Guest) (GuestGrant, error) {
	email, badEmail := contact.Email("email", s.Normalize(g.Email))
	name, badName := contact.Name("name", s.Normalize(g.Name))
	phone, badPhone := contact.Phone("phone", g.Phone)
	locale, badLocale := contact.Locale("locale", g.Locale)
	if err := joined(badName, badEmail, badPhone, badLocale); err != nil {
		return GuestGrant{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return GuestGrant{}, err
	}
	g = Guest{ID: id.String(), Name: name, Email: email, Phone: phone, Locale: locale, CreatedAt: s.now()}
	access, err := s.sign(ctx, g.caller(), g.CreatedAt, GuestTokenLife)
	if err != nil {
		return GuestGrant{}, err
	}
	if err := s.Guests.Create(ctx, g); err != nil {
		return GuestGrant{}, err
	}
	s.Log.InfoContext(ctx, "guest admitted", "guest_id", g.ID)
	return GuestGrant{GuestID: g.ID, AccessToken: access, ExpiresIn: GuestTokenLife}, nil
}

// caller is who the guest's access token says is calling. A guest has no session
// but the token itself.
func (g Guest) caller() identity.Caller {
	return identity.Caller{UserID: g.ID, Email: g.Email, Name: g.Name, Role: identity.Guest}
}

// presentGuest returns how the guest c is now, or ErrInvalidToken where it is
// not known.
func (s *Service) presentGuest(ctx context.Context, c identity.Caller) (identity.Caller, error) {
	g, err := s.Guests.Get(ctx, c.UserID)
	switch {
	case errors.Is(err, ErrNotFound):
		return identity.Caller{}, ErrInvalidToken
	case err != nil:
		return identity.Caller{}, err
	}
	return g.caller(), nil
}
