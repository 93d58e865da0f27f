package web

import (
	"errors"
	"time"
)

// The outcomes that every port may report, besides a *Refusal.
var (
	// ErrNotFound means that the thing does not exist, or that this visitor may not
	// know that it does.
	ErrNotFound = errors.New("not found")
	// ErrSignedOut means that the platform does not accept the visitor's tokens any
	// more: the session was ended, or has expired.
	ErrSignedOut = errors.New("signed out")
	// ErrUnavailable means that the platform gave no answer. Whether it did what it
	// was asked is not known.
	ErrUnavailable = errors.New("the platform does not answer")
)

// Refusal is the platform's refusal of a request that it understood.
type Refusal struct {
	// Code is the problem's stable code; see contracts/problem.
	Code string
	// Detail is one English sentence.
	Detail string
	// Fields are the values that are not allowed, if Code is validation_failed.
	Fields []FieldError
	// RetryAfter is how long to wait before the next try, if the platform says so.
	RetryAfter time.Duration
	// BookingID is the booking that the refused request made, if it made one.
	BookingID string
}

// FieldError is one value that is not allowed.
type FieldError struct {
	// Field is the field's path in the request, as "email" or "items[1].quantity".
	Field string
	// Message is one English sentence.
	Message string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }

// Refused returns the code of the *Refusal in err, or "".
func Refused(err error) string {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Code
	}
	return ""
}
