// Package problem is the error body of every service: RFC 9457
// application/problem+json with a stable, machine-readable code.
package problem

import "strings"

// ContentType is the media type of a Problem.
const ContentType = "application/problem+json"

// Problem is the body of every answer that is not a success. Clients switch on
// Code: it never changes its meaning. Title and Detail are for people and may.
type Problem struct {
	Type   string  `json:"type,omitempty" doc:"Always about:blank: the code says what happened" example:"about:blank"`
	Title  string  `json:"title" doc:"The status in words" example:"Conflict"`
	Status int     `json:"status" doc:"HTTP status code" example:"409"`
	Code   Code    `json:"code" doc:"Stable machine-readable code" example:"sold_out"`
	Detail string  `json:"detail,omitempty" doc:"What happened, for people"`
	Errors []Field `json:"errors,omitempty" doc:"What is wrong with each field, for validation_failed"`

	// TraceID finds the request in the logs.
	TraceID string `json:"trace_id,omitempty" doc:"Finds the request in the logs"`
	// BookingID names the booking that a refusal is about, where there is one.
	BookingID string `json:"booking_id,omitempty" doc:"The booking that this refusal is about"`
}

// Error makes a Problem an error, so that an HTTP client can return it.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return string(p.Code)
	}
	return string(p.Code) + ": " + p.Detail
}

// Field is one invalid part of a request.
type Field struct {
	Location string `json:"location,omitempty" doc:"Where: body.email, query.limit" example:"body.email"`
	Message  string `json:"message" doc:"What is wrong with it"`
}

// Code is a stable machine-readable error code.
type Code string

// Codes that every service uses.
const (
	ValidationFailed    Code = "validation_failed"      // 422: a field has a value that is not allowed
	InvalidCursor       Code = "invalid_cursor"         // 422: the cursor is not one that this list gave out
	MalformedBody       Code = "malformed_body"         // 400: the body is not JSON in UTF-8
	BodyTooLarge        Code = "body_too_large"         // 413: over 1 MiB
	UnsupportedMedia    Code = "unsupported_media_type" // 415
	NotAcceptable       Code = "not_acceptable"         // 406
	RouteNotFound       Code = "route_not_found"        // 404: no such path
	MethodNotAllowed    Code = "method_not_allowed"     // 405
	Unauthenticated     Code = "unauthenticated"        // 401: no credential
	InvalidToken        Code = "invalid_token"          // 401: a token that is expired, forged or malformed
	Forbidden           Code = "forbidden"              // 403: it belongs to somebody else, or needs another role
	RateLimited         Code = "rate_limited"           // 429, with Retry-After
	PreconditionFailed  Code = "precondition_failed"    // 412: somebody else edited it first
	Internal            Code = "internal_error"         // 500
	UpstreamUnavailable Code = "upstream_unavailable"   // 503: the service or provider behind does not answer
	Unavailable         Code = "service_unavailable"    // 503: this service cannot work now (its database, a drain)
	BadRequest          Code = "bad_request"            // 400: any other malformed request
)

// Codes of the user service.
const (
	EmailTaken        Code = "email_taken"         // 409
	PasswordTooCommon Code = "password_too_common" // 422
	WrongPassword     Code = "wrong_password"      // 422: the current password in a change is not right
	UserNotFound      Code = "user_not_found"      // 404
)

// Codes of the event service.
const (
	EventNotFound       Code = "event_not_found"       // 404
	SoldOut             Code = "sold_out"              // 409
	SalesClosed         Code = "sales_closed"          // 409: cancelled, or it has started
	ReservationReleased Code = "reservation_released"  // 409: this attempt was closed before it came
	ReservationMismatch Code = "reservation_mismatch"  // 409: the same booking and attempt with other items
	TicketTypeNotFound  Code = "ticket_type_not_found" // 422: the event has no such ticket type
	CapacityBelowSold   Code = "capacity_below_sold"   // 409
	EventHasBookings    Code = "event_has_bookings"    // 409
	TicketTypeInUse     Code = "ticket_type_in_use"    // 409
)

// Codes of the booking service.
const (
	BookingNotFound      Code = "booking_not_found"       // 404
	PaymentDeclined      Code = "payment_declined"        // 402
	PaymentAbandoned     Code = "payment_abandoned"       // 402: the payment never completed; nothing was charged
	IdempotencyKeyReused Code = "idempotency_key_reused"  // 422: the same key with another body
	BookingInProgress    Code = "booking_in_progress"     // 409, with Retry-After: the same key is being worked on
	NotCancellable       Code = "booking_not_cancellable" // 409: pending, failed, or the event has started
)

// Codes of the notification service, and of dead letters everywhere.
const (
	DeadLetterNotFound Code = "dead_letter_not_found" // 404
	ReplayFailed       Code = "replay_failed"         // 409: the handler refused the message again
)

// Invalid is a request whose fields are well-formed but not allowed, as an
// error of the domain: the answer is 422 validation_failed with these fields.
type Invalid []Field

// Error joins the fields' messages.
func (v Invalid) Error() string {
	parts := make([]string, len(v))
	for i, f := range v {
		parts[i] = f.Location + ": " + f.Message
	}
	return "invalid: " + strings.Join(parts, "; ")
}
