package user

import "errors"

// What the use cases and the ports refuse. A field that is not allowed is a
// problem.Invalid instead.
var (
	ErrNotFound          = errors.New("there is no such user")
	ErrEmailTaken        = errors.New("this email address has an account already")
	ErrPasswordTooCommon = errors.New("this password is among those that everybody tries first")
	ErrWrongPassword     = errors.New("the current password is not right")

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
