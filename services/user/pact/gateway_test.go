//go:build pact

// Package pact_test is what user expects of other services, and that it keeps
// what they expect of it.
package pact_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
	"github.com/openboxoffice/boxoffice/services/user/adapter/gateway"
)

// The examples.
const (
	eventID     = "01970000-0000-7000-8000-0000000000e1"
	noEventID   = "01970000-0000-7000-8000-0000000000e0"
	typeID      = "01970000-0000-7000-8000-0000000000a1"
	bookingID   = "01970000-0000-7000-8000-0000000000b1"
	ticketID    = "3db81985-47ce-5b7e-b4e5-05f1665aac01" // its first
	organizerID = "01970000-0000-7000-8000-0000000000d1"

	refundID       = "01970000-0000-7000-8000-0000000000f2"
	cancellationID = "01970000-0000-7000-8000-0000000000c1"
)

var (
	asOrganizer = pacttest.Header{"Authorization": pacttest.Is("Bearer organizer")}
	asJSON      = pacttest.Header{"Content-Type": pacttest.Is("application/json")}
	asUser      = pacttest.Header{"Authorization": pacttest.Is("Bearer customer")}
	byLink      = pacttest.Header{"Booking-Key": pacttest.Is("link-to-booking")}
	asAdmin     = pacttest.Header{"Authorization": pacttest.Is("Bearer admin")}
)

// through makes the request of a client to the gateway before the service at
// base, and requires that the client has the answer that the service gave: the
// status, the headers named, and the members of the body. The gateway reads
// none of it; who does are its clients.
func through(in pacttest.Request, out pacttest.Answer) func(*testing.T, string) {
	return func(t *testing.T, base string) {
		t.Helper()
		g, err := gateway.New(gateway.Options{
			Upstreams: gateway.Upstreams{Event: base, Booking: base, Notification: base},
			Key:       authtest.NewKey(t, "user"), PassOn: unchanged, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		mux := httpkit.NewRouter(slog.New(slog.DiscardHandler))
		g.Register(mux, httpkit.NewAPI(mux, "user", ""))

		query := url.Values{}
		for k, v := range in.Query {
			query.Set(k, v)
		}
		var body io.Reader
		if in.Body != nil {
			b, err := json.Marshal(in.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = strings.NewReader(string(b))
		}
		r := httptest.NewRequestWithContext(t.Context(), in.Method, in.Path+"?"+query.Encode(), body)
		for k, v := range in.Header {
			r.Header.Set(k, text(t, v))
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)

		if w.Code != out.Status {
			t.Fatalf("%s %s: %d %s, want %d", in.Method, in.Path, w.Code, w.Body, out.Status)
		}
		for k, v := range out.Header {
			if got, want := w.Header().Get(k), text(t, v); got != want {
				t.Errorf("%s is %q, want %q", k, got, want)
			}
		}
		if out.Body == nil {
			if w.Body.Len() > 0 {
				t.Errorf("the answer has the body %s, want none", w.Body)
			}
			return
		}
		var members map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &members); err != nil {
			t.Fatalf("the answer is no object: %v in %s", err, w.Body)
		}
		for k := range out.Body.(pacttest.Body) {
			if _, there := members[k]; !there {
				t.Errorf("the answer has lost its %q: %s", k, w.Body)
			}
		}
	}
}

// unchanged passes each token on as it is: in a pact it is a name.
func unchanged(_ context.Context, token string) (string, error) { return token, nil }

// text is the example of a matcher of a text.
func text(t *testing.T, m interface{ GetValue() any }) string {
	t.Helper()
	b, err := json.Marshal(m.GetValue())
	var s string
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}
