package user

import (
	"time"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// User is an account.
type User struct {
	ID    string // UUIDv7
	Email string // as its owner writes it; EmailKey compares it
	Name  string
	Phone string // E.164, or "" for none
	// PhoneVerifiedAt is when the user proved to have Phone; zero for never.
	PhoneVerifiedAt time.Time
	// Locale is the language in which we write to the user, a BCP 47 tag, or ""
	// where the user has not said.
	Locale string
	Role   identity.Role

	PasswordHash string
	// PasswordVersion grows with every change of the password. A session of an
	// older version is over.
	PasswordVersion int64

	// EmailVerifiedAt is when the user proved to have the mailbox of Email; zero for
	// never.
	EmailVerifiedAt time.Time

	CreatedAt, UpdatedAt time.Time
}

// EmailVerified reports whether the user has proven to have the mailbox.
func (u User) EmailVerified() bool { return !u.EmailVerifiedAt.IsZero() }

// PhoneVerified reports whether the user has proven to have the phone.
func (u User) PhoneVerified() bool { return !u.PhoneVerifiedAt.IsZero() }

// setPhone gives the user a phone, which is proven at a time; the zero time for one
// that is not. The one of before stays as proven as it was.
func (u *User) setPhone(phone string, proven time.Time) {
	if phone != u.Phone || !proven.IsZero() {
		u.Phone, u.PhoneVerifiedAt = phone, proven
	}
}

// Registration is what somebody says who wants an account.
type Registration struct {
	Email, Password, Name string
	Phone, Locale         string        // "" for none
	Role                  identity.Role // "" is a customer
}

// Change is what a user wants changed. Nil leaves a field as it is.
type Change struct {
	Name     *string
	Phone    *string // "" removes it
	Locale   *string // "" removes it
	Password *string

	// CurrentPassword must be right where Password is given.
	CurrentPassword string
}

// Contact is where a user wants to hear from us.
type Contact struct {
	UserID, Email, Name, Phone, Locale string
}

// checkRole returns the role of a new account. Nobody registers as an admin.
func checkRole(role identity.Role) (identity.Role, problem.Invalid) {
	switch role {
	case "":
		return identity.Customer, nil
	case identity.Customer, identity.Organizer:
		return role, nil
	default:
		return "", invalid("role", "must be customer or organizer")
	}
}

func invalid(name, message string) problem.Invalid {
	return problem.Invalid{{Name: name, Message: message}}
}
