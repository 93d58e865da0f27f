package dapr_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/internal/broker/dapr"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

func publisher(t *testing.T, timeout time.Duration, sidecar http.HandlerFunc) *dapr.Publisher {
	t.Helper()
	s := httptest.NewServer(sidecar)
	t.Cleanup(s.Close)
	p, err := dapr.NewPublisher(s.URL, "the app's", bookingKey, timeout)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPublishIsOneCall(t *testing.T) {
	t.Parallel()
	type call struct{ Method, URL, Token, Type, Trace, Body string }
	var got []call
	p := publisher(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got = append(got, call{
			r.Method, r.URL.String(), r.Header.Get("dapr-api-token"), r.Header.Get("Content-Type"), r.Header.Get("traceparent"), string(b),
		})
		w.WriteHeader(http.StatusNoContent)
	})
	if err := p.Publish(t.Context(), "bookings", aMessage()); err != nil {
		t.Fatal(err)
	}
	want := []call{{
		"POST", "/v1.0/publish/bookings/bookings?metadata.rawPayload=true", "the app's", "application/cloudevents+json",
		aMessage().TraceParent, string(encode(t, aMessage())),
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhatTheSidecarRefusesIsNotPublished(t *testing.T) {
	t.Parallel()
	for _, status := range []int{300, 400, 401, 403, 404, 500, 503} {
		p := publisher(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"errorCode":"ERR_PUBSUB","message":"m"}`)
		})
		err := p.Publish(t.Context(), "bookings", aMessage())
		if !errors.Is(err, httpkit.ErrUnavailable) || !strings.Contains(err.Error(), "ERR_PUBSUB") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestASidecarThatDoesNotAnswerIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	p := publisher(t, 20*time.Millisecond, func(http.ResponseWriter, *http.Request) { <-release })
	if err := p.Publish(t.Context(), "bookings", aMessage()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want DeadlineExceeded", err)
	}
}

func TestNothingIsCalledForWhatIsNoMessage(t *testing.T) {
	t.Parallel()
	called := false
	p := publisher(t, time.Minute, func(http.ResponseWriter, *http.Request) { called = true })
	m := aMessage()
	m.ID = ""
	if err := p.Publish(t.Context(), "bookings", m); err == nil || called {
		t.Errorf("error %v, called %t", err, called)
	}
}

func TestNewPublisherWantsAURL(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"", "127.0.0.1:3500", "ftp://127.0.0.1", "http://"} {
		if _, err := dapr.NewPublisher(base, "", bookingKey, time.Second); err == nil {
			t.Errorf("%q: no error", base)
		}
	}
}
