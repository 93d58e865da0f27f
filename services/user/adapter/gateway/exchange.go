package gateway

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// exchange is all of an operation that crosses the gateway: what the service behind
// documents, and nothing else.
type exchange struct {
	operation

	parts     []part   // of the path
	query     []string // the parameters
	in, out   []string // the headers of requests and of answers
	forUsers  bool     // there may be an access token
	bodyTypes []string // the media types of the body; none where it has none
	bodyLimit int64    // in bytes
	timeout   time.Duration
}

// How long an answer may take. Booking takes up to 10 s for a payment.
const (
	readTimeout  = 5 * time.Second
	writeTimeout = 15 * time.Second
)

// newExchange returns what o's service documents of it as d.
func newExchange(o operation, d described) (*exchange, error) {
	x := &exchange{operation: o, timeout: o.timeout}
	if x.timeout == 0 {
		x.timeout = writeTimeout
		if auth.ReadsOnly(o.method) {
			x.timeout = readTimeout
		}
	}
	for _, schemes := range d.Security {
		if _, ok := schemes[httpkit.SchemeBearer]; ok {
			x.forUsers = true
		}
		if _, ok := schemes[httpkit.SchemeBookingKey]; ok {
			x.in = append(x.in, httpkit.BookingKey)
		}
	}
	if x.forUsers {
		x.in = append(x.in, "Authorization")
	}
	if d.RequestBody != nil {
		x.in = append(x.in, "Content-Type")
		x.bodyTypes, x.bodyLimit = slices.Sorted(maps.Keys(d.RequestBody.Content)), d.RequestBody.Limit
	}
	patterns := map[string]pattern{}
	for _, p := range d.Parameters {
		var err error
		switch p.In {
		case "path":
			patterns[p.Name], err = patternOf(p)
		case "query":
			x.query = append(x.query, p.Name)
		case "header":
			x.in = append(x.in, http.CanonicalHeaderKey(p.Name))
		default:
			err = fmt.Errorf("it is in a %s", p.In)
		}
		if err != nil {
			return nil, fmt.Errorf("the parameter %s: %w", p.Name, err)
		}
	}
	x.in = append(x.in, "Tracestate")
	x.out = slices.Clone(answerHeaders)
	for _, r := range d.Responses {
		for name := range r.Headers {
			x.out = append(x.out, http.CanonicalHeaderKey(name))
		}
	}
	slices.Sort(x.out)
	x.out = slices.Compact(x.out)
	for segment := range strings.SplitSeq(strings.TrimPrefix(o.path, "/"), "/") {
		name, ok := parameter(segment)
		if ok && patterns[name] == nil {
			return nil, fmt.Errorf("the parameter %s is not documented", name)
		}
		x.parts = append(x.parts, part{segment, name, patterns[name]})
	}
	return x, nil
}

// streams reports whether the body goes on as it arrives. JSON is read whole before:
// a broken one never reaches a service, and a request can be repeated on another
// connection where the kept one turns out to be closed.
func (x *exchange) streams() bool {
	return len(x.bodyTypes) > 0 && !slices.Equal(x.bodyTypes, []string{"application/json"})
}

// part is one of a path's.
type part struct {
	segment string  // as documented
	name    string  // of a parameter
	pattern pattern // nil for a word
}

// pattern returns a parameter's value in its one spelling, or says what it must be.
type pattern func(text string) (value, must string)

// patternOf returns the pattern of a parameter of a path.
func patternOf(p parameterDoc) (pattern, error) {
	if p.isUUID() {
		return anUUID, nil
	}
	if p.Schema["type"] == huma.TypeInteger {
		return aNumber(p.Schema)
	}
	expression, ok := p.Schema["pattern"].(string)
	if !ok {
		return nil, errors.New("no pattern is documented")
	}
	re, err := regexp.Compile("^(?:" + expression + ")$")
	if err != nil {
		return nil, err
	}
	return func(text string) (string, string) {
		if !re.MatchString(text) {
			return "", "must match " + expression
		}
		return text, ""
	}, nil
}

func aNumber(s schema) (pattern, error) {
	least, from := s["minimum"].(float64)
	most, to := s["maximum"].(float64)
	if !from || !to || least < 0 {
		return nil, errors.New("its bounds are not documented")
	}
	return func(text string) (string, string) {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil || float64(n) < least || float64(n) > most || strconv.FormatUint(n, 10) != text {
			return "", fmt.Sprintf("must be a whole number from %.0f to %.0f", least, most)
		}
		return text, ""
	}, nil
}

func anUUID(text string) (value, must string) {
	id, err := uuid.Parse(text)
	if err != nil || len(text) != len(id.String()) { // Parse takes other forms, too
		return "", "must be a UUID"
	}
	return id.String(), ""
}

// target builds the URL behind base that r asks for: of known words, checked
// parameters of the path, and known ones of the query.
func (x *exchange) target(base *url.URL, r *http.Request) (*url.URL, *httpkit.Error) {
	segments := make([]string, len(x.parts))
	for i, p := range x.parts {
		segments[i] = p.segment
		if p.pattern == nil {
			continue
		}
		value, must := p.pattern(chi.URLParam(r, p.name))
		if must != "" {
			return nil, httpkit.Invalid(problem.Field{Location: "path." + p.name, Message: must})
		}
		segments[i] = url.PathEscape(value)
	}
	sent, known := r.URL.Query(), url.Values{}
	for _, name := range x.query {
		if vs, ok := sent[name]; ok {
			known[name] = vs
		}
	}
	u := base.JoinPath(segments...)
	if u.RawQuery = known.Encode(); len(u.RawQuery) > maxQuery {
		return nil, httpkit.NewProblem(http.StatusBadRequest, problem.BadRequest, "The query is too long.")
	}
	return u, nil
}

// maxQuery is how long a query that crosses may be, in bytes, escaped: more than
// any of the services takes, and less than a sidecar does.
const maxQuery = 8 << 10

// parameter returns the name in {name}.
func parameter(segment string) (string, bool) {
	name, ok := strings.CutPrefix(segment, "{")
	if !ok {
		return "", false
	}
	return strings.TrimSuffix(name, "}"), true
}
