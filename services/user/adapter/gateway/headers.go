package gateway

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// passedIn and passedOut are the headers that cross the gateway. All others end
// here: X-Service-Token and dapr-* would lend clients an authority that is not
// theirs, the rest concerns one connection or nobody. Accept, too: there is one
// form of each answer, and a sidecar that is asked for a stream makes an error of
// every refusal.
var (
	passedIn = []string{
		"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Tracestate",
	}
	passedOut = []string{
		"Cache-Control", "Content-Length", "Content-Type", "Etag", "Retry-After", "Www-Authenticate",
	}
)

// maxHeader is how long a header that crosses may be, in bytes, and maxHeaders
// all that cross. An access token has less than 1 KiB.
const (
	maxHeader  = 4 << 10
	maxHeaders = 16 << 10
)

// impassable refuses r for a header that no service would take, and that would
// not come through a sidecar: there it would look as if the service were down.
func impassable(r *http.Request) *httpkit.Error {
	all := 0
	for _, name := range passedIn {
		for _, v := range r.Header[name] {
			all += len(v)
			if len(v) <= maxHeader && !strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c > '~' }) {
				continue
			}
			switch name {
			case "Authorization":
				return auth.InvalidToken()
			case "Content-Type":
				return httpkit.NewProblem(http.StatusUnsupportedMediaType, problem.UnsupportedMedia, "The body must be application/json.")
			case "Idempotency-Key":
				p := httpkit.NewProblem(http.StatusUnprocessableEntity, problem.ValidationFailed, "Some fields have values that are not allowed.")
				p.Errors = []problem.Field{{Location: "header." + name, Message: "must be 1 to 255 visible ASCII characters"}}
				return p
			default:
				return httpkit.NewProblem(http.StatusBadRequest, problem.BadRequest,
					"The header "+name+" must have at most 4096 characters of printable ASCII.")
			}
		}
	}
	if all > maxHeaders {
		return httpkit.NewProblem(http.StatusBadRequest, problem.BadRequest, "The headers are too long.")
	}
	return nil
}

// requestHeaders sets out to what of r the service behind may see.
func requestHeaders(out http.Header, r *http.Request) {
	for _, name := range passedIn {
		if v, ok := r.Header[name]; ok {
			out[name] = v
		}
	}
	out["User-Agent"] = nil // or Go sends its own
	if tp := traceParent(r); tp != "" {
		out.Set("Traceparent", tp)
	}
}

// traceParent is the client's own where it is valid, so that it finds its
// request behind the gateway, and else the one that this service logs.
func traceParent(r *http.Request) string {
	ours := httpkit.TraceParent(r.Context())
	theirs := r.Header.Get("Traceparent")
	const traceID = len("00-0af7651916cd43dd8448eb211c80319c-")
	if len(ours) > traceID && len(theirs) > traceID && ours[:traceID] == theirs[:traceID] {
		return theirs
	}
	return ours
}

// answerHeaders sets out to what of an answer of upstream the client may see.
func answerHeaders(out, in http.Header, upstream *url.URL) {
	for _, name := range passedOut {
		if v, ok := in[name]; ok {
			out[name] = v
		}
	}
	if loc := relative(in.Get("Location"), upstream); loc != "" {
		out.Set("Location", loc)
	}
}

// relative is a Location as the gateway's client can follow it: a path. One
// that leads elsewhere is "".
func relative(location string, upstream *url.URL) string {
	u, err := url.Parse(location)
	if err != nil || u.Host != "" && u.Host != upstream.Host || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
		return ""
	}
	u.Scheme, u.Host, u.User = "", "", nil
	return u.String()
}
