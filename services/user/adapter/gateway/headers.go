package gateway

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// answerHeaders are those of every answer that cross the gateway, besides what is
// documented of the operation. All others end here, as do a request's that are not
// documented: X-Service-Token and dapr-* would lend clients an authority that is not
// theirs, Client-Address another's address; the gateway sets its own. The rest
// concerns one connection or nobody. Accept, too: there is one
// form of each answer, and a sidecar that is asked for a stream makes an error of
// every refusal.
var answerHeaders = []string{"Cache-Control", "Content-Length", "Content-Type", "Retry-After", "Www-Authenticate"}

// maxHeader is how long a header that crosses may be, in bytes, and maxHeaders
// all that cross. An access token has less than 1 KiB.
const (
	maxHeader  = 4 << 10
	maxHeaders = 16 << 10
)

// crossing returns what of r's headers the service behind may see, or refuses r
// for one that no service would take, and that would not come through a sidecar:
// there it would look as if the service were down.
func (x *exchange) crossing(r *http.Request) (http.Header, *httpkit.Error) {
	h := http.Header{"User-Agent": nil} // or Go sends its own
	all := 0
	for _, name := range x.in {
		values := r.Header[name]
		bad := slices.ContainsFunc(values, impassable)
		size := 0
		for _, v := range values {
			size += len(v)
		}
		switch name {
		case "Authorization":
			if bad {
				return nil, auth.InvalidToken()
			}
		case "Content-Type":
			if bad {
				return nil, httpkit.NewProblem(http.StatusUnsupportedMediaType, problem.UnsupportedMedia, "The body must be "+strings.Join(x.bodyTypes, " or ")+".")
			}
		case "Idempotency-Key":
			if bad {
				return nil, httpkit.Invalid(problem.Field{Location: "header." + name, Message: "must be 1 to 255 visible ASCII characters"})
			}
		case httpkit.BookingKey:
			if bad {
				values = []string{"?"} // which opens nothing
			}
		case "If-Match":
			if bad {
				values = passableTags(values, `"?"`)
			}
		case "If-None-Match":
			if r.Method != http.MethodGet { // a change on a condition stays one
				if bad {
					values = passableTags(values, "*")
				}
				break
			}
			if bad || all+size > maxHeaders { // to read, the request is as good without
				continue
			}
		case "Tracestate": // the request is as good without
			if bad || all+size > maxHeaders {
				continue
			}
		}
		if all += size; all > maxHeaders {
			return nil, httpkit.NewProblem(http.StatusBadRequest, problem.BadRequest, "The headers are too long.")
		}
		if len(values) > 0 {
			h[name] = values
		}
	}
	if tp := traceParent(r); tp != "" {
		h.Set("Traceparent", tp)
	}
	return h, nil
}

func impassable(v string) bool { return len(v) > maxHeader || strings.ContainsFunc(v, unprintable) }

func unprintable(c rune) bool { return c < ' ' || c > '~' }

// passableTags returns If-Match or If-None-Match headers that pass and still name
// those of the ETags in values that an event may have: the others become none.
// tooLong takes the place of a value that is too long to pass; with it no change is
// made. Without a header a change would be made that was to be made on a condition;
// and whether it is met, or something comes before that, the service knows.
func passableTags(values []string, tooLong string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		if len(v) > maxHeader {
			v = tooLong
		}
		out[i] = strings.Map(func(c rune) rune {
			switch {
			case c == '\t': // as good as a space between two tags
				return ' '
			case unprintable(c):
				return '?'
			}
			return c
		}, v)
	}
	return out
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

// answer sets out to what of the headers of an answer of upstream the client may see.
func (x *exchange) answer(out, in http.Header, upstream *url.URL) {
	for _, name := range x.out {
		v, ok := in[name]
		if name == "Location" {
			v = []string{relative(in.Get(name), upstream)}
			ok = v[0] != ""
		}
		if ok {
			out[name] = v
		}
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
