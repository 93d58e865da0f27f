package user

import (
	"errors"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// What the use cases and the ports refuse. A field that is not allowed is a
// problem.Invalid instead.
var (
	ErrNotFound          = problem.NewRefusal(problem.UserNotFound, "there is no such user")
	ErrEmailTaken        = problem.NewRefusal(problem.EmailTaken, "this email address has an account already")
	ErrPasswordTooCommon = problem.NewRefusal(problem.PasswordTooCommon, "this password is among those that everybody tries first")
	ErrWrongPassword     = problem.NewRefusal(problem.WrongPassword, "the current password is not right")

	// ErrAdminAddress says that an admin's address is that of the configuration.
	ErrAdminAddress = problem.NewRefusal(problem.Forbidden, "an admin keeps the email address of the configuration")

	ErrSessionNotFound = problem.NewRefusal(problem.SessionNotFound, "the user has no such session")

	// ErrLinkNotValid is deliberately one for all: a token that is unknown, forged,
	// used, or too old, or whose account has changed.
	ErrLinkNotValid = problem.NewRefusal(problem.LinkNotValid, "the token was used, has expired, or was never sent")
	ErrWrongCode    = problem.NewRefusal(problem.WrongCode, "this is not the code that was sent last")
	ErrTooManyMails = problem.NewRefusal(problem.RateLimited, "too many such messages were sent within an hour")
	ErrMailNotDue   = problem.NewRefusal(problem.MailNotDue, "there is no such mail, or no reason to send it any more")

	// ErrInvalidGrant is deliberately one for all: an unknown email address, a
	// wrong password, and a refresh token that is unknown, expired or revoked.
	ErrInvalidGrant = errors.New("the credentials are not valid")
	// ErrTokenReused is an ErrInvalidGrant: the refresh token was used, and so
	// was its successor. One of its two users has stolen it.
	ErrTokenReused = errors.Join(errors.New("the refresh token was used before, and its successor, too"), ErrInvalidGrant)

	// ErrInvalidToken is an access token that is expired, forged or malformed, or
	// whose session is over.
	ErrInvalidToken = errors.New("the access token is not valid")
)
