package dapr_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
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

func TestABatchIsOneCall(t *testing.T) {
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
	m, other := aMessage(), aMessage()
	other.ID = "other"
	if err := p.Publish(t.Context(), "bookings", m, other, m); err != nil { // an ID twice is one message
		t.Fatal(err)
	}
	type entry struct {
		ID    string `json:"entryId"`
		Event string `json:"event"`
		Type  string `json:"contentType"`
	}
	body, err := json.Marshal([]entry{
		{m.ID, string(encode(t, m)), "text/plain"}, {"other", string(encode(t, other)), "text/plain"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []call{{
		"POST", "/v1.0/publish/bulk/bookings/bookings?metadata.rawPayload=true", "the app's", "application/json",
		m.TraceParent, string(body) + "\n",
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

// A sidecar answers 500 when some are published, and names the others.
func TestOnlyFailedEntriesAreReported(t *testing.T) {
	t.Parallel()
	p := publisher(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"failedEntries":[{"entryId":"b","error":"the channel is closed"}],"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE"}`)
	})
	var batch []events.Message
	for _, id := range []string{"a", "b", "", "c"} {
		m := aMessage()
		m.ID = id
		batch = append(batch, m)
	}
	err := p.Publish(t.Context(), "bookings", batch...)
	for id, failed := range map[string]bool{"a": false, "b": true, "": true, "c": false} {
		if why := broker.Failure(err, id); (why != nil) != failed {
			t.Errorf("message %q: %v, want an error: %t", id, why, failed)
		}
	}
	if why := broker.Failure(err, "b"); !errors.Is(why, httpkit.ErrUnavailable) || !strings.Contains(why.Error(), "the channel is closed") {
		t.Errorf("the error of the failed entry: %v", why)
	}
}

func TestALargeBatchIsSeveralCalls(t *testing.T) {
	t.Parallel()
	var calls, entries int
	p := publisher(t, time.Minute, func(w http.ResponseWriter, r *http.Request) {
		var got []map[string]string
		b, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(b, &got); err != nil || len(b) > 4<<20 {
			t.Errorf("a call of %d bytes: %v", len(b), err)
		}
		calls, entries = calls+1, entries+len(got)
		w.WriteHeader(http.StatusNoContent)
	})
	var batch []events.Message
	for i := range 30 {
		m := aMessage()
		m.ID = strconv.Itoa(i)
		m.Data = []byte(`["` + strings.Repeat("x", 200_000) + `"]`)
		batch = append(batch, m)
	}
	if err := p.Publish(t.Context(), "bookings", batch...); err != nil {
		t.Fatal(err)
	}
	if calls != 6 || entries != 30 {
		t.Errorf("%d calls with %d messages, want 6 with 30", calls, entries)
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
