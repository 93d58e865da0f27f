package httpkit

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

const (
	// MaxBodyBytes bounds every body that is read whole, 1 MiB. An operation's own
	// limit is lower.
	MaxBodyBytes = 1 << 20

	// BodyTimeout is how long a body may take to arrive.
	BodyTimeout = 5 * time.Second

	// BodyLimit is the extension of a request body in an OpenAPI document that
	// says how many bytes the operation takes.
	BodyLimit = "x-max-bytes"

	jsonType = "application/json"
)

// ReadBody reads the body of r, which must be of the media type want, not
// compressed, at most limit bytes long, and there within the timeout. JSON may
// come without a Content-Type. The connection has no read deadline after a body
// that it returns: with one, a handler that takes longer would lose its context.
func ReadBody(w http.ResponseWriter, r *http.Request, want string, limit int64, timeout time.Duration) ([]byte, *Error) {
	in, wrong := OpenBody(w, r, limit, timeout, want)
	if wrong != nil || r.ContentLength == 0 {
		return nil, wrong
	}
	body, err := io.ReadAll(in)
	if err != nil {
		return nil, in.Refusal()
	}
	return body, nil
}

// Body is a request's body, which is read as it arrives.
type Body struct {
	from       io.Reader
	connection *http.ResponseController
	limit      int64
	refusal    atomic.Pointer[Error]
}

// OpenBody returns the body of r to be read as it arrives, for one that nobody
// should keep whole. It must be of one of the media types, and not compressed; JSON
// may come without a Content-Type. Reading fails after limit bytes, or if its end is
// not there within the timeout, and then Refusal answers the request.
func OpenBody(w http.ResponseWriter, r *http.Request, limit int64, timeout time.Duration, types ...string) (*Body, *Error) {
	switch {
	case r.ContentLength == 0:
		return &Body{from: http.NoBody}, nil
	case !slices.ContainsFunc(types, func(want string) bool { return isType(r.Header.Values("Content-Type"), want) }):
		return nil, NewProblem(http.StatusUnsupportedMediaType, problem.UnsupportedMedia, "The body must be "+strings.Join(types, " or ")+".")
	case isEncoded(r.Header.Values("Content-Encoding")):
		return nil, NewProblem(http.StatusUnsupportedMediaType, problem.UnsupportedMedia, "The body must not be compressed.").
			withHeader("Accept-Encoding", "identity")
	case r.ContentLength > limit:
		return nil, tooLarge(limit)
	}
	whole := r.Body
	if bounded, ok := whole.(*boundedBody); ok {
		whole = bounded.whole
	}
	b := &Body{from: http.MaxBytesReader(w, whole, limit), connection: http.NewResponseController(w), limit: limit}
	// What has no connection has no deadline, and needs none.
	_ = b.connection.SetReadDeadline(time.Now().Add(timeout))
	return b, nil
}

// Read implements io.Reader. Its error says of itself that it is no fault of
// whoever the body is passed on to; see Breaking.
func (b *Body) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		if b.connection != nil {
			_ = b.connection.SetReadDeadline(time.Time{})
		}
	default:
		b.refusal.Store(b.refused(err))
		return n, &badBody{err}
	}
	return n, err
}

// Close implements io.Closer. The server closes the request's body itself.
func (b *Body) Close() error { return nil }

// Refusal answers a request whose body could not be read; nil as long as it can.
func (b *Body) Refusal() *Error { return b.refusal.Load() }

func (b *Body) refused(err error) *Error {
	var timedOut interface{ Timeout() bool }
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge(b.limit)
	case errors.As(err, &timedOut) && timedOut.Timeout():
		return NewProblem(http.StatusRequestTimeout, problem.RequestTimeout, "The body did not arrive in time.")
	}
	return NewProblem(http.StatusBadRequest, problem.MalformedBody, "The body could not be read.")
}

// badBody is the error of a body that its sender has not sent as they should.
type badBody struct{ cause error }

func (e *badBody) Error() string { return "the request's body: " + e.cause.Error() }

func (e *badBody) Unwrap() error { return e.cause }

// Refusal is for isRefusal.
func (*badBody) Refusal() bool { return true }

// isType reports whether Content-Type lines name the media type want, in upper
// or lower case, with whatever parameters.
func isType(lines []string, want string) bool {
	if len(lines) == 0 || len(lines) == 1 && lines[0] == "" {
		return want == jsonType
	}
	if len(lines) > 1 {
		return false
	}
	got, _, err := mime.ParseMediaType(lines[0])
	return got == want && (err == nil || errors.Is(err, mime.ErrInvalidMediaParameter))
}

// isEncoded reports whether Content-Encoding lines name an encoding.
func isEncoded(lines []string) bool {
	for coding := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
			return true
		}
	}
	return false
}

func tooLarge(limit int64) *Error {
	size := strconv.FormatInt(limit, 10) + " bytes"
	if limit%(1<<10) == 0 {
		size = strconv.FormatInt(limit>>10, 10) + " KiB"
	}
	return NewProblem(http.StatusRequestEntityTooLarge, problem.BodyTooLarge, "The body is larger than "+size+".")
}

// boundBody makes an operation that has a body read it by ReadBody and, where it
// is JSON, check it before huma does: huma looks at every element of a list that
// is too long, and keeps an error for each. It comes after the operation's other
// middlewares, so that nobody's body is read who may not send it.
func boundBody(doc *huma.OpenAPI, op *huma.Operation) {
	body := op.RequestBody
	if body == nil || len(body.Content) != 1 || body.Extensions[BodyLimit] != nil {
		return
	}
	var mediaType string
	var schema *huma.Schema
	for name, media := range body.Content {
		mediaType, schema = name, media.Schema
	}
	raw := schema.Format == "binary" // the handler decodes it
	limit := op.MaxBodyBytes
	if !raw {
		limit = bodyLimit(doc.Components.Schemas, schema)
	}
	body.Extensions = map[string]any{BodyLimit: limit}
	timeout := op.BodyReadTimeout
	if timeout == 0 {
		timeout = BodyTimeout
	}
	// huma reads what is in memory then.
	op.MaxBodyBytes, op.BodyReadTimeout = limit+1, -1
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		r, w := humachi.Unwrap(ctx)
		b, refusal := ReadBody(w, r, mediaType, limit, timeout)
		if refusal == nil && !raw && len(b) > 0 {
			refusal = checkJSON(b, doc.Components.Schemas, schema)
		}
		if refusal != nil {
			WriteProblem(w, r, refusal)
			return
		}
		next(&bodyContext{humaContext: ctx, mediaType: mediaType, body: b})
	})
}

type humaContext = huma.Context

// bodyContext is a huma.Context whose body is in memory, and of the type that it
// must have.
type bodyContext struct {
	humaContext

	mediaType string
	body      []byte
}

// Unwrap is for humachi.Unwrap.
func (c *bodyContext) Unwrap() huma.Context { return c.humaContext }

// BodyReader implements huma.Context.
func (c *bodyContext) BodyReader() io.Reader { return bytes.NewReader(c.body) }

// Header implements huma.Context.
func (c *bodyContext) Header(name string) string {
	if name == "Content-Type" {
		return c.mediaType
	}
	return c.humaContext.Header(name)
}
