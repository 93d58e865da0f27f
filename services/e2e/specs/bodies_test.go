package specs

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	// maxAnswer is how large the refusal of a body may be.
	maxAnswer = 32 << 10
	// maxCost is how many bytes may be allocated for each byte of a body, and
	// base how many for any request.
	maxCost = 24
	base    = 1 << 20
)

// callers are the secrets of the services that may call an operation.
var callers = map[string]string{
	"bookTickets": "b", "releaseTickets": "b", "returnTickets": "b", "receipts": "b", "takeMessage": "b",
}

// schema is what matters here of a JSON Schema.
type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Properties map[string]schema
}

// worst are the fields that may be worst: those that are no scalars, one that is,
// and one that there is not.
func (s schema) worst() (names []string) {
	scalars := 0
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		if p.Ref == "" && p.Type != nil && !strings.Contains(fmt.Sprint(p.Type), "array") {
			if scalars++; scalars > 1 {
				continue
			}
		}
		names = append(names, name)
	}
	return append(names, "unheard")
}

// passedOn reports whether another service than the user service has the
// operation.
func passedOn(id string) bool {
	for _, service := range services[:3] {
		if _, ok := bodyLimits[service][id]; ok {
			return true
		}
	}
	return false
}

// bodyLimits are the operations that have a body, by service, and how many bytes
// each takes. The user service's are also those that it passes on.
var bodyLimits = map[string]map[string]int{
	"event": {
		"bookTickets": 16 << 10, "cancelEvent": 8 << 10, "createEvent": 512 << 10, "receipts": 256 << 10,
		"releaseTickets": 4 << 10, "returnTickets": 16 << 10, "setImage": 8 << 20, "takeMessage": 256 << 10, "updateEvent": 512 << 10,
	},
	"booking": {
		"cancelTickets": 16 << 10, "changeHolder": 16 << 10, "correctBooking": 16 << 10, "createBooking": 16 << 10, "findBookings": 16 << 10, "hearStripe": 256 << 10, "payBooking": 4 << 10, "receipts": 256 << 10, "takeMessage": 256 << 10,
	},
	"notification": {"receipts": 256 << 10, "takeMessage": 256 << 10},
	"user": {
		"admitGuest": 16 << 10, "confirmPasswordReset": 8 << 10, "confirmPhone": 4 << 10, "requestPhone": 4 << 10, "confirmEmail": 4 << 10, "requestEmail": 16 << 10, "confirmVerification": 4 << 10,
		"requestPasswordReset": 16 << 10, "requestVerification": 16 << 10, "cancelEvent": 8 << 10, "changeHolder": 16 << 10, "cancelTickets": 16 << 10, "changeMe": 16 << 10, "correctBooking": 16 << 10, "createBooking": 16 << 10, "createEvent": 512 << 10, "findBookings": 16 << 10,
		"hearStripe": 256 << 10, "payBooking": 4 << 10, "register": 32 << 10, "revokeToken": 16 << 10, "setImage": 8 << 20, "token": 16 << 10, "updateEvent": 512 << 10,
	},
}

// TestWorstBodies sends to each operation that has a body the worst ones, as large
// as it takes them and larger. None costs much memory, or gets a large answer.
//
//nolint:paralleltest // it measures what the whole process allocates
func TestWorstBodies(t *testing.T) {
	handlers, token := running(t)
	for _, service := range services {
		t.Run(service, func(t *testing.T) { worstBodies(t, service, handlers[service], token) })
	}
}

// running returns the handlers of the four services, and an admin's access token.
func running(t *testing.T) (handlers map[string]http.Handler, token string) {
	t.Helper()
	const email, password = "root@example.com", "a sparrow in the organ"
	environment := map[string]string{"ADMIN_EMAIL": email, "ADMIN_PASSWORD": password}
	user := newApp(t, "user", environment).Handler()
	s := httptest.NewServer(user)
	t.Cleanup(s.Close)
	environment["JWKS_URL"] = s.URL + "/.well-known/jwks.json"
	handlers = map[string]http.Handler{"user": user}
	for _, service := range services[:3] {
		handlers[service] = newApp(t, service, environment).Handler()
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/token", strings.NewReader(
		url.Values{"grant_type": {"password"}, "username": {email}, "password": {password}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	user.ServeHTTP(w, r)
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Token == "" {
		t.Fatalf("login: %d %s", w.Code, w.Body)
	}
	return handlers, answer.Token
}

func worstBodies(t *testing.T, service string, handler http.Handler, token string) {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/openapi.json", nil))
	var document struct {
		Paths map[string]map[string]struct {
			OperationID string
			RequestBody *struct {
				Content map[string]struct{ Schema schema }
				Limit   int `json:"x-max-bytes"` // httpkit.BodyLimit
			}
		}
		Components struct{ Schemas map[string]schema }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for path, methods := range document.Paths {
		for method, op := range methods {
			if op.RequestBody == nil {
				continue
			}
			got[op.OperationID] = op.RequestBody.Limit
			for mediaType, content := range op.RequestBody.Content {
				s := content.Schema
				for s.Ref != "" {
					s = document.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]]
				}
				bad := worstJSON(s.worst(), op.RequestBody.Limit)
				if mediaType == "application/x-www-form-urlencoded" {
					bad = worstForms(slices.Sorted(maps.Keys(s.Properties)), op.RequestBody.Limit)
				}
				if service == "user" && passedOn(op.OperationID) { // the others' own to look at
					bad = map[string]string{"too much": bad["too much"]}
				}
				for what, body := range bad {
					request := func() *http.Request {
						r := httptest.NewRequestWithContext(t.Context(), strings.ToUpper(method), parameter.ReplaceAllString(path, anID), strings.NewReader(body))
						r.Header.Set("Content-Type", mediaType)
						r.Header.Set("Authorization", "Bearer "+token)
						r.Header.Set("X-Service-Token", callers[op.OperationID])
						return r
					}
					measure(t, op.OperationID+" with "+what, handler, request, len(body))
				}
			}
		}
	}
	if diff := cmp.Diff(bodyLimits[service], got); diff != "" {
		t.Errorf("how large a body may be (-want +got):\n%s", diff)
	}
}

var parameter = regexp.MustCompile(`\{[^}]+\}`)

const anID = "01890a5d-ac96-774b-bcce-b302099a8057"

// worstJSON are bodies of limit bytes, and one of more.
func worstJSON(names []string, limit int) map[string]string {
	bodies := map[string]string{
		"many unknown fields":  filled(`{`, func(i int) string { return fmt.Sprintf(`"%d":0,`, i) }, `"x":0}`, limit),
		"unknown objects":      filled(`{`, func(i int) string { return fmt.Sprintf(`"%d":{},`, i) }, `"x":0}`, limit),
		"the same field":       filled(`{`, func(int) string { return `"a":0,` }, `"a":0}`, limit),
		"a long name":          filled(`{"`, func(int) string { return `<` }, `":0}`, limit),
		"many objects":         filled(`[`, func(int) string { return `{},` }, `{}]`, limit),
		"depth":                filled("", func(int) string { return `[` }, "", limit),
		"objects in objects":   filled("", func(int) string { return `{"a":` }, "", limit),
		"long names of fields": filled(`{`, func(i int) string { return fmt.Sprintf(`"%s%d":0,`, strings.Repeat("<", 190), i) }, `"x":0}`, limit),
		"too much":             filled(`{"x":"`, func(int) string { return "x" }, `"}`, 4*limit),
	}
	for _, name := range names {
		for what, part := range map[string]string{"objects": `{}`, "lists": `[]`, "numbers": `0`, "nulls": `null`, "texts": `""`, "unknown fields": `{"x":{}}`} {
			bodies[name+" of many "+what] = filled(`{"`+name+`":[`, func(int) string { return part + "," }, part+`]}`, limit)
		}
		bodies[name+" of fields"] = filled(`{"`+name+`":{`, func(i int) string { return fmt.Sprintf(`"%d":{},`, i) }, `"x":{}}}`, limit)
		bodies[name+" as a long text"] = filled(`{"`+name+`":"`, func(int) string { return "<" }, `"}`, limit)
		bodies[name+" of escapes"] = filled(`{"`+name+`":"`, func(int) string { return `\u0001` }, `"}`, limit)
		bodies[name+" as a long number"] = filled(`{"`+name+`":`, func(int) string { return "9" }, `}`, limit)
		bodies[name+" of depth"] = filled(`{"`+name+`":`, func(int) string { return `[` }, "", limit)
	}
	return bodies
}

// worstForms are forms of limit bytes, and one of more.
func worstForms(names []string, limit int) map[string]string {
	bodies := map[string]string{
		"many parameters": filled("", func(i int) string { return fmt.Sprintf("%d=&", i) }, "", limit),
		"no parameters":   filled("", func(int) string { return "&" }, "", limit),
		"too much":        filled("x=", func(int) string { return "x" }, "", 4*limit),
	}
	for _, name := range names {
		bodies["a long "+name] = filled(name+"=", func(int) string { return "%01" }, "", limit)
		bodies["many times "+name] = filled("", func(int) string { return name + "=x&" }, "", limit)
	}
	return bodies
}

// filled is start and end with as many parts between them as size takes.
func filled(start string, part func(i int) string, end string, size int) string {
	var b strings.Builder
	b.WriteString(start)
	for i := 0; ; i++ {
		next := part(i)
		if b.Len()+len(next)+len(end) > size {
			break
		}
		b.WriteString(next)
	}
	b.WriteString(end)
	return b.String()
}

// measure sends a body of size bytes, and looks at what it costs. What others
// allocate meanwhile counts too, so that it counts only if it comes again.
func measure(t *testing.T, what string, handler http.Handler, request func() *http.Request, size int) {
	t.Helper()
	var allocated uint64
	for range 3 {
		r, w := request(), httptest.NewRecorder()
		before := allAllocated()
		handler.ServeHTTP(w, r)
		allocated = allAllocated() - before
		if w.Code >= 500 {
			b, _ := io.ReadAll(io.LimitReader(w.Body, 200))
			t.Errorf("%s: %d %s", what, w.Code, b)
		}
		if w.Body.Len() > maxAnswer {
			t.Errorf("%s: %d bytes get an answer of %d", what, size, w.Body.Len())
		}
		if allocated <= uint64(size*maxCost+base) {
			return
		}
	}
	t.Errorf("%s: %d bytes allocate %d", what, size, allocated)
}

// allAllocated is how many bytes the process has ever allocated.
func allAllocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
