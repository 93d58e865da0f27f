package httpkit

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.opentelemetry.io/otel/trace"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Error is a problem on its way to the client. A huma handler returns it; a
// plain handler gives it to WriteProblem.
type Error struct {
	problem.Problem

	// Headers are added to the answer: Retry-After, WWW-Authenticate.
	Headers http.Header `json:"-"`
}

// NewProblem returns an error that is answered with this status and code.
func NewProblem(status int, code problem.Code, detail string) *Error {
	return &Error{Problem: problem.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail,
	}}
}

// Unauthorized returns the 401 with this code. The challenge says what credentials
// are asked for: every 401 has one (RFC 9110 §15.5.2).
func Unauthorized(code problem.Code, detail, challenge string) *Error {
	return NewProblem(http.StatusUnauthorized, code, detail).withHeader("WWW-Authenticate", challenge)
}

// WithRetryAfter tells the client to come back in so many seconds.
func (e *Error) WithRetryAfter(seconds int) *Error {
	return e.withHeader("Retry-After", strconv.Itoa(seconds))
}

// Seconds rounds up, for WithRetryAfter, so that a client does not return too early.
func Seconds(d time.Duration) int { return max(1, int((d+time.Second-1)/time.Second)) }

func (e *Error) withHeader(name, value string) *Error {
	if e.Headers == nil {
		e.Headers = http.Header{}
	}
	e.Headers.Set(name, value)
	return e
}

// Error, GetStatus, GetHeaders and ContentType are what huma asks of an error.
func (e *Error) Error() string { return e.Problem.Error() }

// GetStatus returns the HTTP status.
func (e *Error) GetStatus() int { return e.Status }

// GetHeaders returns the headers to add to the answer.
func (e *Error) GetHeaders() http.Header { return e.Headers }

// ContentType returns the media type of the answer.
func (e *Error) ContentType(string) string { return problem.ContentType }

// WriteProblem answers r with p.
func WriteProblem(w http.ResponseWriter, r *http.Request, p *Error) {
	if sc := trace.SpanContextFromContext(r.Context()); sc.HasTraceID() {
		p.TraceID = sc.TraceID().String()
	}
	for k, vs := range p.Headers {
		w.Header()[k] = vs
	}
	w.Header().Set("Content-Type", problem.ContentType)
	w.WriteHeader(p.Status)
	// The client may be gone; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(p)
}

// Errors says how a service answers its domain's errors: a *problem.Refusal has
// its code.
type Errors struct {
	// RetryAfter is the Retry-After of answers to a refusal, in seconds.
	RetryAfter map[*problem.Refusal]int
	// Locations says where fields stood that are not in the body, by their names:
	// "header.Idempotency-Key".
	Locations map[string]string
}

// To returns the answer for err, for a huma handler to return. It knows
// *problem.Refusal, problem.Invalid and *Error; storage.ErrUnavailable and the end
// of the context are 503; anything else is logged and answered 500 without a word
// of what it was.
func (t Errors) To(ctx context.Context, err error) error {
	var invalid problem.Invalid
	var refused *problem.Refusal
	var ready *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ready):
		return ready
	case errors.As(err, &invalid):
		return Invalid(t.located(invalid)...)
	case errors.As(err, &refused):
		p := NewProblem(refused.Code.Status(), refused.Code, refused.Error())
		if seconds := t.RetryAfter[refused]; seconds > 0 {
			p.WithRetryAfter(seconds)
		}
		return p
	}
	if errors.Is(err, storage.ErrBusy) {
		return NewProblem(http.StatusServiceUnavailable, problem.Unavailable,
			"There are too many searches and lists at the moment. Try again.").WithRetryAfter(2)
	}
	if errors.Is(err, storage.ErrUnavailable) {
		logger(ctx).WarnContext(ctx, "refused for want of the database", "error", err)
		return NewProblem(http.StatusServiceUnavailable, problem.Unavailable,
			"The database does not answer. Try again.").WithRetryAfter(1)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return NewProblem(http.StatusServiceUnavailable, problem.Unavailable,
			"The request took too long or was given up.").WithRetryAfter(1)
	}
	logger(ctx).ErrorContext(ctx, "unexpected error", "error", err)
	return internalError()
}

// located returns fields of the domain with their locations.
func (t Errors) located(invalid problem.Invalid) []problem.Field {
	fields := make([]problem.Field, len(invalid))
	for i, f := range invalid {
		location, elsewhere := t.Locations[f.Name]
		if !elsewhere {
			location = strings.TrimSuffix("body."+f.Name, ".")
		}
		fields[i] = problem.Field{Location: location, Message: f.Message}
	}
	return fields
}

// Invalid refuses a request for what is wrong with its fields. It names maxErrors
// of them at most, and none by more than maxText characters: a request does not
// get a multiple of its own size back.
func Invalid(fields ...problem.Field) *Error {
	p := NewProblem(http.StatusUnprocessableEntity, problem.ValidationFailed, "Some fields have values that are not allowed.")
	for _, f := range fields[:min(len(fields), maxErrors)] {
		p.Errors = append(p.Errors, problem.Field{Location: clip(f.Location), Message: clip(f.Message)})
	}
	return p
}

const maxText = 200

// clip returns at most maxText characters of text.
func clip(text string) string {
	n := 0
	for i := range text {
		if n++; n > maxText {
			return text[:i] + "…"
		}
	}
	return text
}

// problems is next with problems in the place of its errors, which it writes as
// text.
func problems(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ww := &refusing{ResponseWriter: w}
		next.ServeHTTP(ww, r)
		switch status := ww.refused; {
		case status == 0:
		case status == http.StatusNotFound:
			WriteProblem(w, r, notFound())
		case status < http.StatusInternalServerError:
			WriteProblem(w, r, NewProblem(status, problem.BadRequest, "This cannot be had so."))
		default:
			WriteProblem(w, r, internalError())
		}
	}
}

// refusing keeps an error from being written, and remembers its status.
type refusing struct {
	http.ResponseWriter

	refused int
}

func (w *refusing) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		w.refused = status
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *refusing) Write(b []byte) (int, error) {
	if w.refused != 0 {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

func notFound() *Error {
	return NewProblem(http.StatusNotFound, problem.RouteNotFound, "There is nothing at this path.")
}

func internalError() *Error {
	return NewProblem(http.StatusInternalServerError, problem.Internal, "Something went wrong on our side. The trace id finds it in our logs.")
}

// addTrace is the huma transformer that gives every problem its trace id.
func addTrace(ctx huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*Error)
	if !ok {
		return v, nil
	}
	if sc := trace.SpanContextFromContext(ctx.Context()); sc.HasTraceID() {
		p.TraceID = sc.TraceID().String()
	}
	return p, nil
}

// fromHuma makes a problem of what huma's own validation says. Bodies that are no
// JSON boundBody has refused before; one that is not there is for huma to refuse.
func fromHuma(status int, msg string, errs ...error) huma.StatusError {
	if status == http.StatusInternalServerError {
		return internalError()
	}
	var fields []problem.Field
	for _, err := range errs[:min(len(errs), maxErrors)] {
		var d *huma.ErrorDetail
		if errors.As(err, &d) {
			// Never d.Value: it may be a password.
			f := problem.Field{Location: d.Location, Message: d.Message}
			if location, message, ok := inBody(d.Message); ok {
				f = problem.Field{Location: location, Message: message}
			}
			fields = append(fields, f)
		}
	}
	switch {
	case status == http.StatusUnprocessableEntity:
		return Invalid(fields...)
	case status != http.StatusBadRequest:
		return NewProblem(status, problem.BadRequest, msg)
	case len(fields) > 0: // a number that no float64 can hold
		msg = "The body is not valid JSON: " + clip(fields[0].Message)
	}
	return NewProblem(status, problem.MalformedBody, msg)
}

func init() {
	// huma keeps these in package variables: this is the one place that sets
	// them, before any API is made.
	huma.ValidateStrictCasing = true // "N" is not "n", but a field that is not known
	huma.NewError = fromHuma
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		if status == http.StatusInternalServerError {
			return unanswered(ctx, errors.Join(errs...))
		}
		return fromHuma(status, msg, errs...)
	}
}

// unanswered is the answer to an error that a handler has returned as it was.
func unanswered(ctx huma.Context, err error) huma.StatusError {
	p := internalError()
	errors.As(Errors{}.To(ctx.Context(), err), &p)
	for name, values := range p.Headers { // huma adds those of errors that are answers already
		ctx.SetHeader(name, values[0])
	}
	return p
}
