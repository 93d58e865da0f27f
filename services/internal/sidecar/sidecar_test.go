package sidecar_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/sidecar"
)

const apiToken = "what the sidecar wants to see"

// beside returns the way by a sidecar that answers like this.
func beside(t *testing.T, answer http.HandlerFunc) *sidecar.Way {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	w, err := sidecar.Open(sidecar.Config{Port: uint16(port), APIToken: apiToken, AppToken: "x"}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestACallPassesTheSidecar(t *testing.T) {
	t.Parallel()
	services := authtest.New(t)
	w := beside(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.Header.Get("dapr-app-id") != "event" || r.Header.Get("dapr-api-token") != apiToken ||
			r.Header.Get("X-Service-Token") != services.Token("booking", "event") || r.RequestURI != "/events/a%2Fb/book" || string(b) != `{"n":1}` || r.ContentLength != 7 {
			t.Errorf("%s %s %v %s", r.Method, r.RequestURI, r.Header, b)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"ok":true}`)
	})
	c, err := w.Client("event", "EVENT_URL", "http://127.0.0.1:1", services.Own["booking"], time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var out struct{ OK bool }
	if err := c.Do(t.Context(), http.MethodPut, []string{"events", "a/b", "book"}, map[string]int{"n": 1}, &out); err != nil || !out.OK {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestOnlyTheServicesOwnAnswersAreAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status            int
		contentType, body string
		app               bool // the app has answered
		refusal           bool
	}{
		{200, "application/json", `{}`, true, false},
		{304, "", "", true, false},
		{409, problem.ContentType, `{"code":"sold_out"}`, true, false},
		{503, problem.ContentType, `{"code":"service_unavailable"}`, true, false},
		{400, "application/json", `{"error":"invalid_grant"}`, true, false},
		{503, "application/json", `{"error":"temporarily_unavailable"}`, true, false},
		{500, "application/json", `{"errorCode":"ERR_DIRECT_INVOKE","message":"failed to resolve"}`, false, false},
		{401, "text/plain", "invalid api token", false, true},
		{403, "application/json", `{"errorCode":"ERR_DIRECT_INVOKE"}`, false, true},
		{431, "", "", false, true},
	} {
		w := beside(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.contentType)
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://event/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := w.Transport.RoundTrip(req)
		if err == nil {
			if got, err := io.ReadAll(res.Body); string(got) != c.body || err != nil {
				t.Errorf("%d %s: the answer has the body %q, error %v", c.status, c.body, got, err)
			}
			_ = res.Body.Close()
		}
		var own *sidecar.Error
		if errors.As(err, &own) == c.app || err != nil && own.Refusal() != c.refusal {
			t.Errorf("%d %s %s: %v", c.status, c.contentType, c.body, err)
		}
		if err != nil && (!strings.Contains(err.Error(), `"event"`) || !strings.Contains(err.Error(), strconv.Itoa(c.status))) {
			t.Errorf("%v does not say whose answer is missing", err)
		}
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	status := http.StatusNoContent
	w := beside(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1.0/healthz/outbound" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(status)
	})
	check := w.Checks(map[string]func(context.Context) error{})["sidecar"]
	if err := check(t.Context()); err != nil {
		t.Error(err)
	}
	if status = http.StatusInternalServerError; check(t.Context()) == nil {
		t.Error("a sidecar that is not ready is")
	}
}

func TestWithoutASidecar(t *testing.T) {
	t.Parallel()
	key := authtest.NewKey(t, "booking")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name := range r.Header {
			if strings.HasPrefix(strings.ToLower(name), "dapr") {
				t.Errorf("the header %s", name)
			}
		}
		w.Header().Set("Content-Type", problem.ContentType)
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, `{"code":"sold_out"}`)
	}))
	t.Cleanup(s.Close)
	w, err := sidecar.Open(sidecar.Config{APIToken: apiToken}, nil, slog.New(slog.DiscardHandler))
	if err != nil || w.There() || len(w.Checks(map[string]func(context.Context) error{})) != 0 {
		t.Fatalf("%+v, %v", w, err)
	}
	c, err := w.Client("event", "EVENT_URL", s.URL, key, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	var p *problem.Problem
	if err := c.Do(t.Context(), http.MethodGet, nil, nil, nil); !errors.As(err, &p) || p.Code != problem.SoldOut {
		t.Errorf("%v", err)
	}
	if _, err := w.Client("event", "EVENT_URL", "", key, time.Minute); err == nil || !strings.Contains(err.Error(), "EVENT_URL is not set") {
		t.Errorf("without an address: %v", err)
	}
	if _, err := w.Client("event", "EVENT_URL", "secret:", key, time.Minute); err == nil || !strings.Contains(err.Error(), "EVENT_URL: ") {
		t.Errorf("with a wrong address: %v", err)
	}
	if _, err := w.Verifier("", slog.Default()); err == nil || !strings.Contains(err.Error(), "JWKS_URL is not set") {
		t.Errorf("without keys: %v", err)
	}
}

// Without tokens anybody on the machine could speak for the service, or to it.
func TestASidecarNeedsTokens(t *testing.T) {
	t.Parallel()
	for _, c := range []sidecar.Config{{Port: 1}, {Port: 1, APIToken: "x"}, {Port: 1, AppToken: "x"}} {
		if _, err := sidecar.Open(c, nil, slog.Default()); err == nil || !strings.Contains(err.Error(), "DAPR_API_TOKEN and APP_API_TOKEN") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// With the tokens of .env.example others could speak for the service, or to it.
func TestTheExamplesTokensAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		config sidecar.Config
		want   string
	}{
		{sidecar.Config{Port: 1, APIToken: "insecure-dapr-api-token", AppToken: "mine"}, "DAPR_API_TOKEN"},
		{sidecar.Config{Port: 1, APIToken: "mine", AppToken: "insecure-app-api-token"}, "APP_API_TOKEN"},
		{sidecar.Config{Port: 1, APIToken: "mine", AppToken: "mine"}, ""},
		{sidecar.Config{APIToken: "insecure-dapr-api-token", AppToken: "insecure-app-api-token"}, ""}, // nobody uses them
	} {
		err := c.config.RefuseExamples()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want+" is that of .env.example")) {
			t.Errorf("%+v: error %v, want one about %q", c.config, err, c.want)
		}
	}
}

// An outage of the sidecar is one of the services behind it.
func TestASidecarThatIsAway(t *testing.T) {
	t.Parallel()
	w, err := sidecar.Open(sidecar.Config{Port: 1, APIToken: "x", AppToken: "x"}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.Client("event", "EVENT_URL", "", authtest.NewKey(t, "booking"), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Do(t.Context(), http.MethodGet, nil, nil, nil); !errors.Is(err, httpkit.ErrUnavailable) {
		t.Error(err)
	}
}
