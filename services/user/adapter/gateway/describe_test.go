package gateway

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// TestWhatIsDocumentedCrosses sends each operation all that its service documents,
// and more, and looks at what arrives and at what comes back.
func TestWhatIsDocumentedCrosses(t *testing.T) {
	t.Parallel()
	behind := &oneService{}
	mux := newTestMux(t, behind)
	for _, o := range operations {
		d := read(o.service).Paths[o.path][strings.ToLower(o.method)]
		target := strings.NewReplacer("{id}", anID, "{user_id}", anID, "{ticket_id}", anID, "{nonce}", "UQ4SCMBVQKQLZ5NUJKO6PKW2QE", "{width}", "960").Replace(o.path)
		header, query := http.Header{"Authorization": {"Bearer x"}, "If-Range": {"x"}, "Content-Type": {"application/json"}}, url.Values{"unknown": {"x"}}
		var want []string
		for _, p := range d.Parameters {
			switch p.In {
			case "query":
				query.Set(p.Name, "x")
				want = append(want, "?"+p.Name)
			case "header":
				header.Set(p.Name, "x")
				want = append(want, http.CanonicalHeaderKey(p.Name))
			}
		}
		if len(d.Security) > 0 {
			want = append(want, "Authorization")
		}
		if d.RequestBody != nil {
			header.Set("Content-Type", slices.Sorted(maps.Keys(d.RequestBody.Content))[0])
			want = append(want, "Content-Type", "{}")
		}
		behind.answer = http.Header{"Content-Type": {"application/json"}, "X-Undocumented": {"x"}}
		wantBack := []string{"Content-Type"}
		for _, r := range d.Responses {
			for name := range r.Headers {
				name = http.CanonicalHeaderKey(name)
				if behind.answer[name] == nil {
					behind.answer.Set(name, "/x")
					wantBack = append(wantBack, name)
				}
			}
		}
		r := httptest.NewRequestWithContext(t.Context(), o.method, target+"?"+query.Encode(), strings.NewReader("{}"))
		r.Header = header
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", o.id, w.Code, w.Body)
			continue
		}
		if diff := cmp.Diff(sorted(want), sorted(behind.arrived)); diff != "" {
			t.Errorf("%s: documented (-) and arrived (+):\n%s", o.id, diff)
		}
		w.Header().Del("X-Content-Type-Options") // the gateway's own
		if diff := cmp.Diff(sorted(wantBack), slices.Sorted(maps.Keys(w.Header()))); diff != "" {
			t.Errorf("%s: documented (-) and come back (+):\n%s", o.id, diff)
		}
	}
}

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

const anID = "01890a5d-ac96-774b-bcce-b302099a8057"

// oneService notes what of a request arrives, and answers with these headers.
type oneService struct {
	arrived []string
	answer  http.Header
}

// RoundTrip implements http.RoundTripper.
func (s *oneService) RoundTrip(r *http.Request) (*http.Response, error) {
	s.arrived = nil
	for name := range r.URL.Query() {
		s.arrived = append(s.arrived, "?"+name)
	}
	for name, values := range r.Header {
		if len(values) > 0 && !slices.Contains([]string{"Traceparent", "Client-Address", "X-Service-Token"}, name) { // the gateway's own
			s.arrived = append(s.arrived, name)
		}
	}
	if r.Body != nil {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		s.arrived = append(s.arrived, string(b))
	}
	return &http.Response{StatusCode: http.StatusOK, Header: s.answer, Body: http.NoBody}, nil
}

func newTestMux(t *testing.T, transport http.RoundTripper) *chi.Mux {
	t.Helper()
	g, err := New(Options{
		Upstreams: Upstreams{Event: "http://event:1", Booking: "http://booking:1", Notification: "http://notification:1", Transport: transport},
		Key:       authtest.New(t).Own["user"],
		PassOn:    func(_ context.Context, token string) (string, error) { return token, nil },
		Log:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := httpkit.NewRouter(g.log)
	g.Register(mux, httpkit.NewAPI(mux, "Test", ""))
	return mux
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		schema    schema
		good, bad []string
	}{
		"a UUID":    {schema{"type": "string", "format": "uuid"}, []string{anID}, []string{"", "x", "{" + anID + "}"}},
		"no format": {schema{"type": "string"}, []string{anID}, []string{"x"}},
		"a slug":    {schema{"type": "string", "pattern": "[a-z0-9-]{1,60}"}, []string{"a", "night-of-jazz-2"}, []string{"", "A", "a/b", "..", "a\n", strings.Repeat("a", 61)}},
		"a width":   {schema{"type": "integer", "minimum": 1.0, "maximum": 2000.0}, []string{"1", "320", "2000"}, []string{"0", "2001", "-1", "+1", "01", "1e2", "", "x"}},
	} {
		pattern, err := patternOf(parameterDoc{Schema: c.schema})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, text := range c.good {
			if value, must := pattern(text); value != text {
				t.Errorf("%s: %q becomes %q, %q", name, text, value, must)
			}
		}
		for _, text := range c.bad {
			if value, must := pattern(text); must == "" {
				t.Errorf("%s: %q passes as %q", name, text, value)
			}
		}
	}
	for _, s := range []schema{{"type": "integer"}, {"type": "integer", "minimum": 0.0}, {"type": "string", "format": "date"}, {"type": "boolean"}, {"type": "string", "pattern": "("}} {
		if _, err := patternOf(parameterDoc{Schema: s}); err == nil {
			t.Errorf("%v is taken", s)
		}
	}
}

// The gateway shows a token of its own, which must open nothing to its clients.
func TestNoOperationForServicesAlonePasses(t *testing.T) {
	t.Parallel()
	defer func() {
		if said := fmt.Sprint(recover()); !strings.Contains(said, "PUT /events/{id}/book of the event service is for other services alone") {
			t.Errorf("the gateway says %q", said)
		}
	}()
	api := httpkit.NewAPI(httpkit.NewRouter(slog.New(slog.DiscardHandler)), "Test", "")
	describe(api, operation{id: "bookTickets", method: http.MethodPut, path: "/events/{id}/book", service: event}, read(event))
}
