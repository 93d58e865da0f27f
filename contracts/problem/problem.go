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
	Detail string  `json:"detail,omitempty" doc:"What happened, for people" example:"Not enough tickets are left."`
	Errors []Field `json:"errors,omitempty" nullable:"false" doc:"What is wrong with each field, for validation_failed"`

	// TraceID finds the request in the logs.
	TraceID string `json:"trace_id,omitempty" doc:"Finds the request in the logs" example:"0af7651916cd43dd8448eb211c80319c"`
	// BookingID names the booking that a refusal is about, where there is one.
	BookingID string `json:"booking_id,omitempty" doc:"The booking that this refusal is about" format:"uuid"`
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
	Message  string `json:"message" doc:"What is wrong with it" example:"expected string to be RFC 5322 email"`
}

// Invalid is a request whose fields are well-formed but not allowed, as an
// error of the domain: the answer is 422 validation_failed with these fields.
type Invalid []InvalidField

// InvalidField is one invalid part of a request, by the name that the domain has
// for it: "items[2].quantity". "" is the request as a whole. Only the REST adapter
// knows where it stood.
type InvalidField struct{ Name, Message string }

// Error joins the fields' messages.
func (v Invalid) Error() string {
	parts := make([]string, len(v))
	for i, f := range v {
		parts[i] = strings.TrimPrefix(f.Name+": "+f.Message, ": ")
	}
	return "invalid: " + strings.Join(parts, "; ")
}
