package user

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/contact"
)

// Options is what a Service is made of. All but Now are required.
type Options struct {
	Users    Users
	Sessions Sessions
	// UserSessions are those of Sessions.
	UserSessions UserSessions
	Guests       Guests
	AccountMails AccountMails
	Keys         Keys
	Hasher       Hasher
	Tokens       Tokens
	Log          *slog.Logger

	// Normalize is Unicode normalization form C: the same text typed on two
	// machines must be the same email address and the same password.
	Normalize func(string) string
	// Now is the clock, time.Now where nil.
	Now func() time.Time

	// WebURL is the web site that links in mails lead to, without a slash at its
	// end; "" where there is none.
	WebURL string
	// TraceParent is the W3C Trace Context of what ctx is about. Committed is called
	// after messages were stored. Both may be nil.
	TraceParent func(ctx context.Context) string
	Committed   func()

	// Private says that nobody but this machine can reach the service. Elsewhere
	// none of the passwords that everybody can read is good for anything.
	Private bool
}

// Service is the use cases.
type Service struct {
	Options

	// decoy is a hash that no password has. Unknown accounts are compared with
	// it, so that they take as long as known ones.
	decoy string

	// requested wakes WorkOff.
	requested chan struct{}

	// recent are the keys that were read last. See recentKeys.
	recent struct {
		sync.Mutex
		keys []SigningKey
		read time.Time
	}
}

// New returns a Service that has a key to sign with.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Service{Options: o, requested: make(chan struct{}, 1)}
	var err error
	if s.decoy, err = o.Hasher.Hash(ctx, rand.Text()); err != nil {
		return nil, fmt.Errorf("make the decoy hash: %w", err)
	}
	if err := s.firstKey(ctx); err != nil {
		return nil, fmt.Errorf("make the first signing key: %w", err)
	}
	return s, nil
}

// now is the clock as precise as what is stored.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

// Register makes an account. What is not allowed is a problem.Invalid,
// ErrPasswordTooCommon or ErrEmailTaken.
func (s *Service) Register(ctx context.Context, r Registration) (User, error) {
	role, wrong := checkRole(r.Role)
	if wrong != nil {
		// The other fields are told along with it.
		_, err := s.check(r)
		return User{}, joinInvalid(wrong, err)
	}
	return s.create(ctx, r, role)
}

// EnsureAdmin makes an admin with this email address, unless there is an
// account with it already: that is left as it is.
func (s *Service) EnsureAdmin(ctx context.Context, email, password string) error {
	r := Registration{Email: email, Password: password, Name: "Administrator"}
	if _, err := s.check(r); err != nil {
		return err
	}
	u, err := s.Users.ByEmail(ctx, s.Normalize(email))
	if errors.Is(err, ErrNotFound) {
		u, err = s.create(ctx, r, identity.Admin)
		if errors.Is(err, ErrEmailTaken) {
			return nil // another process was faster
		}
	}
	if err == nil && u.Role != identity.Admin {
		s.Log.WarnContext(ctx, "the admin's email address belongs to an account that is no admin; it is left as it is", "user_id", u.ID)
	}
	return err
}

// check returns the account that r asks for, without id, role and hash.
func (s *Service) check(r Registration) (User, error) {
	email, badEmail := contact.Email("email", s.Normalize(r.Email))
	name, badName := contact.Name("name", s.Normalize(r.Name))
	phone, badPhone := contact.Phone("phone", r.Phone)
	locale, badLocale := contact.Locale("locale", r.Locale)
	errPassword := s.checkPassword(r.Password, email)
	var badPassword problem.Invalid
	errors.As(errPassword, &badPassword)
	if err := joined(badEmail, badPassword, badName, badPhone, badLocale); err != nil {
		return User{}, err
	}
	return User{Email: email, Name: name, Phone: phone, Locale: locale}, errPassword
}

// checkPassword returns what is wrong with a new password of the account email.
func (s *Service) checkPassword(password, email string) error {
	if err := checkPassword(s.Normalize(password), email); err != nil {
		return err
	}
	if s.tooPublic(password) {
		return ErrPasswordTooCommon
	}
	return nil
}

func (s *Service) create(ctx context.Context, r Registration, role identity.Role) (User, error) {
	u, err := s.check(r)
	if err != nil {
		return User{}, err
	}
	// Before the hash, which costs; Create has the last word.
	switch _, err := s.Users.ByEmail(ctx, u.Email); {
	case err == nil:
		return User{}, ErrEmailTaken
	case !errors.Is(err, ErrNotFound):
		return User{}, err
	}
	if u.PasswordHash, err = s.Hasher.Hash(ctx, s.Normalize(r.Password)); err != nil {
		return User{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return User{}, err
	}
	u.ID, u.Role, u.PasswordVersion = id.String(), role, 1
	u.CreatedAt = s.now()
	u.UpdatedAt = u.CreatedAt
	if s.Private && isPublicLogin(r.Email, r.Password) {
		u.EmailVerifiedAt = u.CreatedAt // nobody has its mailbox, and it publishes the sample events
	}
	if err := s.Users.Create(ctx, u); err != nil {
		return User{}, err
	}
	s.Log.InfoContext(ctx, "user registered", "user_id", u.ID, "role", u.Role)
	return u, nil
}

// Get returns the user with this id, or ErrNotFound.
func (s *Service) Get(ctx context.Context, id string) (User, error) { return s.Users.Get(ctx, id) }

// Contact returns where the user or guest with this id wants to hear from us, or
// ErrNotFound.
func (s *Service) Contact(ctx context.Context, id string) (Contact, error) {
	u, err := s.Users.Get(ctx, id)
	if errors.Is(err, ErrNotFound) {
		g, err := s.Guests.Get(ctx, id)
		return Contact{UserID: g.ID, Email: g.Email, Name: g.Name, Phone: g.Phone, Locale: g.Locale}, err
	}
	return Contact{UserID: u.ID, Email: u.Email, Name: u.Name, Phone: u.Phone, Locale: u.Locale}, err
}

// Change changes the user with this id: all of c or nothing. A new password
// ends every session. What is not allowed is a problem.Invalid,
// ErrPasswordTooCommon, or ErrWrongPassword.
func (s *Service) Change(ctx context.Context, id string, c Change) (User, error) {
	u, err := s.Users.Get(ctx, id)
	if err != nil {
		return User{}, err
	}
	name, phone, locale, errPassword := u.Name, u.Phone, u.Locale, error(nil)
	var badName, badPhone, badLocale, badPassword problem.Invalid
	if c.Name != nil {
		name, badName = contact.Name("name", s.Normalize(*c.Name))
	}
	if c.Phone != nil {
		phone, badPhone = contact.Phone("phone", *c.Phone)
	}
	if c.Locale != nil {
		locale, badLocale = contact.Locale("locale", *c.Locale)
	}
	switch {
	case c.Password == nil:
	case c.CurrentPassword == "":
		badPassword = invalid("current_password", "is needed to change the password")
	default:
		errPassword = s.checkPassword(*c.Password, u.Email)
		errors.As(errPassword, &badPassword)
	}
	if err := joined(badName, badPhone, badLocale, badPassword); err != nil {
		return User{}, err
	}
	var hash string
	if c.Password != nil {
		// First whether this is the user at all: only then what is wrong with
		// the new password.
		switch ok, err := s.matches(ctx, u.PasswordHash, c.CurrentPassword); {
		case err != nil:
			return User{}, err
		case !ok:
			return User{}, ErrWrongPassword
		case errPassword != nil:
			return User{}, errPassword
		}
		if hash, err = s.Hasher.Hash(ctx, s.Normalize(*c.Password)); err != nil {
			return User{}, err
		}
	}
	return s.Users.Update(ctx, id, func(stored *User) error {
		if c.Name != nil {
			stored.Name = name
		}
		if c.Phone != nil {
			stored.setPhone(phone, time.Time{})
		}
		if c.Locale != nil {
			stored.Locale = locale
		}
		if hash != "" {
			// Somebody else who knew the current password changed it meanwhile.
			if stored.PasswordVersion != u.PasswordVersion {
				return ErrWrongPassword
			}
			stored.PasswordHash = hash
			stored.PasswordVersion++
		}
		stored.UpdatedAt = s.now()
		return nil
	})
}

// matches compares a password with a hash. One that is too long to be anybody's
// is not hashed at that length.
func (s *Service) matches(ctx context.Context, hash, password string) (bool, error) {
	password = s.Normalize(password)
	if len(password) > MaxPasswordBytes {
		password = ""
	}
	return s.Hasher.Matches(ctx, hash, password)
}

// joinInvalid adds what is wrong with other fields to wrong.
func joinInvalid(wrong problem.Invalid, err error) error {
	var more problem.Invalid
	errors.As(err, &more)
	return joined(wrong, more)
}
