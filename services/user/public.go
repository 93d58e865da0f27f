package user

import (
	"context"
	"errors"
	"slices"

	"github.com/openboxoffice/boxoffice/contracts/identity"
)

// PublicLogin is an account whose password everybody can read. It is for
// platforms that nobody but their own machine can reach.
type PublicLogin struct {
	Role                  identity.Role
	Email, Password, Name string
}

// The public logins: those of the sample data, and the admin of .env.example.
var (
	SampleOrganizer = PublicLogin{identity.Organizer, "organizer@example.com", "organizer-sample-1", "Olga Organizer"}
	SampleCustomer  = PublicLogin{identity.Customer, "customer@example.com", "customer-sample-1", "Carl Customer"}
	SampleAdmin     = PublicLogin{identity.Admin, "admin@example.com", "admin-sample-1", "Ada Admin"}

	exampleAdmin = PublicLogin{identity.Admin, "admin@boxoffice.example", "insecure-admin-password", "Administrator"}
	publicLogins = []PublicLogin{SampleOrganizer, SampleCustomer, SampleAdmin, exampleAdmin}
)

// tooPublic reports whether password is good for nothing here, because others can
// reach the service, and everybody can read it.
func (s *Service) tooPublic(password string) bool {
	password = s.Normalize(password)
	return !s.Private && slices.ContainsFunc(publicLogins, func(l PublicLogin) bool { return l.Password == password })
}

// isPublicLogin reports whether it is one of the public logins.
func isPublicLogin(email, password string) bool {
	return slices.ContainsFunc(publicLogins, func(l PublicLogin) bool { return l.Email == email && l.Password == password })
}

// WithPublicPassword returns the email address of a public login that still has its
// password, or "". Other accounts that have one of these passwords it does not look
// for: Login knows.
func (s *Service) WithPublicPassword(ctx context.Context) (string, error) {
	for _, l := range publicLogins {
		u, err := s.Users.ByEmail(ctx, l.Email)
		switch {
		case errors.Is(err, ErrNotFound):
			continue
		case err != nil:
			return "", err
		}
		switch known, err := s.matches(ctx, u.PasswordHash, l.Password); {
		case err != nil:
			return "", err
		case known:
			return l.Email, nil
		}
	}
	return "", nil
}
