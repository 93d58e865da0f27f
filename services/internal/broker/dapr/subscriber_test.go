package dapr_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/broker/dapr"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inproc"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

const theToken = "a secret of two"

func aMessage() events.Message {
	return events.Message{
		SpecVersion: events.SpecVersion, ID: "m", Source: "booking", Type: events.TypeBookingConfirmed, Subject: "s",
		Time: time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC), DataContentType: "application/json",
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Data: []byte(`{"n": 9007199254740993}`),
	}
}

// booking publishes "bookings", and event hears it.
var bookingKey, eventKey = newKey("booking"), newKey("event")

func newKey(service string) *auth.ServiceKey {
	key, err := auth.NewServiceKey(service)
	if err != nil {
		panic(err)
	}
	return key
}

// opener is what a consumer knows of the publisher of topics.
func opener(t testing.TB, topics ...string) seal.Opener {
	t.Helper()
	keys, err := auth.ParseServiceKeys([]string{authtest.Public(t, bookingKey), authtest.Public(t, eventKey)})
	if err != nil {
		t.Fatal(err)
	}
	o := seal.Opener{Keys: keys, Publishers: map[string]string{}}
	for _, topic := range topics {
		o.Publishers[topic] = "booking"
	}
	return o
}

// encode returns m as it is published to "bookings".
func encode(t *testing.T, m events.Message) []byte {
	t.Helper()
	b, err := cloudevent.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return seal.Seal("bookings", b, bookingKey)
}

// wrapped is b as the sidecar delivers it.
func wrapped(b []byte) []byte {
	return fmt.Appendf(nil, `{"id":"of the sidecar","specversion":"1.0","type":"com.dapr.event.sent","data_base64":%q}`,
		base64.StdEncoding.EncodeToString(b))
}

// hearer is a consumer of "bookings".
type hearer struct {
	server *httptest.Server
	log    *bytes.Buffer
	stop   func()

	mu      sync.Mutex
	heard   []events.Message
	letters []events.Message
	reasons []string
}

func hear(t *testing.T, o dapr.Options, handle broker.Handler) *hearer {
	t.Helper()
	h := &hearer{log: &bytes.Buffer{}}
	o.Token, o.Seals = theToken, opener(t, "bookings")
	o.Attempts.Log = slog.New(slog.NewTextHandler(h.log, nil))
	s, err := dapr.NewSubscriber(o)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Subscribe(broker.Subscription{
		Topic: "bookings", Consumer: "event",
		Handle: func(ctx context.Context, m events.Message) error {
			h.mu.Lock()
			h.heard = append(h.heard, m)
			h.mu.Unlock()
			return handle(ctx, m)
		},
		DeadLetter: func(_ context.Context, m events.Message, reason string) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.letters, h.reasons = append(h.letters, m), append(h.reasons, reason)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Run(ctx)
	}()
	h.stop = func() { cancel(); <-ended }
	t.Cleanup(h.stop)
	mux := httpkit.NewRouter(slog.New(slog.DiscardHandler))
	s.Register(mux)
	h.server = httptest.NewServer(mux)
	t.Cleanup(h.server.Close)
	return h
}

func well(context.Context, events.Message) error { return nil }

func (h *hearer) post(t *testing.T, topic, token string, body []byte, header ...string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, h.server.URL+"/subscriptions/"+topic, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("dapr-api-token", token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if challenge := res.Header.Get("WWW-Authenticate"); (challenge != "") != (res.StatusCode == http.StatusUnauthorized) {
		t.Errorf("a %d has the challenge %q", res.StatusCode, challenge)
	}
	return res.StatusCode
}

func TestADeliveryIsAnsweredAfterItsEffect(t *testing.T) {
	t.Parallel()
	h := hear(t, dapr.Options{}, well)
	for name, body := range map[string][]byte{"wrapped": wrapped(encode(t, aMessage())), "as it is": encode(t, aMessage())} {
		h.heard = nil
		if status := h.post(t, "bookings", theToken, body); status != http.StatusNoContent {
			t.Errorf("%s: %d", name, status)
		}
		if diff := cmp.Diff([]events.Message{aMessage()}, h.heard); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOnlyTheSidecarDelivers(t *testing.T) {
	t.Parallel()
	h := hear(t, dapr.Options{}, well)
	for _, token := range []string{"", "x", theToken + "x", theToken[1:], strings.ToUpper(theToken)} {
		if status := h.post(t, "bookings", token, wrapped(encode(t, aMessage()))); status != http.StatusUnauthorized {
			t.Errorf("token %q: %d, want 401", token, status)
		}
	}
	if status := h.post(t, "bookings", theToken, encode(t, aMessage()), "dapr-caller-app-id", "user"); status != http.StatusUnauthorized {
		t.Errorf("a call that the sidecar passes on: %d, want 401", status)
	}
	if len(h.heard)+len(h.letters) > 0 {
		t.Errorf("heard %v, dead letters %v", h.heard, h.letters)
	}
	if n := strings.Count(h.log.String(), "that is not the sidecar's"); n != 6 {
		t.Errorf("%d of 6 are in the log: %s", n, h.log)
	}
	if strings.Contains(h.log.String(), theToken) {
		t.Error("the token is in the log")
	}
}

func TestWithoutATokenThereIsNoSubscriber(t *testing.T) {
	t.Parallel()
	if _, err := dapr.NewSubscriber(dapr.Options{}); err == nil {
		t.Error("no error")
	}
}

// The sidecar drops what is answered by 404, at a dead-letter topic for good.
func TestATopicThatNobodyHearsIsToBeDeliveredAgain(t *testing.T) {
	t.Parallel()
	h := hear(t, dapr.Options{}, well)
	if status := h.post(t, "elsewhere", theToken, wrapped(encode(t, aMessage()))); status != http.StatusServiceUnavailable {
		t.Errorf("%d, want 503", status)
	}
}

func TestWhatIsNotDoneIsToBeDeliveredAgain(t *testing.T) {
	t.Parallel()
	fails := func(context.Context, events.Message) error { return errors.New("not yet") }
	h := hear(t, dapr.Options{Hold: 20 * time.Millisecond}, fails)
	if status := h.post(t, "bookings", theToken, wrapped(encode(t, aMessage()))); status != http.StatusServiceUnavailable {
		t.Errorf("%d, want 503", status)
	}
	h.stop()
	if status := h.post(t, "bookings", theToken, wrapped(encode(t, aMessage()))); status != http.StatusServiceUnavailable {
		t.Errorf("after the end: %d, want 503", status)
	}
	if len(h.letters) > 0 {
		t.Errorf("dead letters %v", h.letters)
	}
}

func TestADeliveryWaitsForAllAttempts(t *testing.T) {
	t.Parallel()
	n := 0
	h := hear(t, dapr.Options{Attempts: inproc.Options{MaxAttempts: 4, Backoff: func(int) time.Duration { return time.Millisecond }}},
		func(context.Context, events.Message) error { n++; return errors.New("a defect") })
	if status := h.post(t, "bookings", theToken, wrapped(encode(t, aMessage()))); status != http.StatusNoContent {
		t.Errorf("%d, want 204", status)
	}
	if n != 4 || len(h.letters) != 1 || h.reasons[0] != "a defect" {
		t.Errorf("%d attempts, dead letters %v because %v", n, h.letters, h.reasons)
	}
}

func TestWhatCannotBeReadIsKept(t *testing.T) {
	t.Parallel()
	h := hear(t, dapr.Options{}, well)
	ids := map[string]bool{}
	for i, c := range []struct {
		body []byte
		kept map[string]string
	}{
		{wrapped([]byte("no JSON")), map[string]string{"body": "no JSON"}},
		{wrapped([]byte{0xff}), map[string]string{"body_base64": "/w=="}},
		{wrapped([]byte(`{"id":"m"}`)), map[string]string{"body": `{"id":"m"}`}},
		{[]byte("not wrapped"), map[string]string{"body": "not wrapped"}},
		{[]byte(`{"data_base64":7}`), map[string]string{"body": `{"data_base64":7}`}},
		{nil, map[string]string{"body": ""}},
	} {
		for range 2 { // a repeat is the same dead letter
			if status := h.post(t, "bookings", theToken, c.body); status != http.StatusNoContent {
				t.Errorf("%s: %d", c.body, status)
			}
		}
		if len(h.letters) != 2*i+2 {
			t.Fatalf("%s: %d dead letters", c.body, len(h.letters))
		}
		m, again := h.letters[2*i], h.letters[2*i+1]
		var kept map[string]string
		if err := json.Unmarshal(m.Data, &kept); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(c.kept, kept); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.body, diff)
		}
		if m.Type != broker.TypeMalformed || m.ID != again.ID || ids[m.ID] || !strings.Contains(h.reasons[2*i], "rejected") {
			t.Errorf("%s: id %s, again %s, type %s, reason %s", c.body, m.ID, again.ID, m.Type, h.reasons[2*i])
		}
		ids[m.ID] = true
		if _, err := cloudevent.Encode(m); err != nil {
			t.Errorf("it is no message: %v", err)
		}
	}
	if len(h.heard) > 0 {
		t.Errorf("handled: %v", h.heard)
	}
}

func TestALargeBodyIsADeadLetter(t *testing.T) {
	t.Parallel()
	h := hear(t, dapr.Options{}, well)
	if status := h.post(t, "bookings", theToken, bytes.Repeat([]byte("x"), httpkit.MaxBodyBytes+2)); status != http.StatusNoContent {
		t.Errorf("%d", status)
	}
	if len(h.letters) != 1 {
		t.Errorf("%d dead letters", len(h.letters))
	}
}

// A server's limits are for requests that are answered at once: a handler may take
// longer.
func TestAHandlerMayTakeLongerThanTheServersLimits(t *testing.T) {
	t.Parallel()
	const limit = 50 * time.Millisecond
	ended := make(chan error, 1)
	h := hear(t, dapr.Options{}, func(ctx context.Context, _ events.Message) error {
		select {
		case <-ctx.Done():
		case <-time.After(4 * limit):
		}
		ended <- context.Cause(ctx)
		return nil
	})
	limited := httptest.NewUnstartedServer(h.server.Config.Handler)
	limited.Config.ReadTimeout, limited.Config.WriteTimeout = limit, limit
	limited.Start()
	t.Cleanup(limited.Close)
	h.server = limited
	status := h.post(t, "bookings", theToken, wrapped(encode(t, aMessage())))
	if err := <-ended; err != nil || status != http.StatusNoContent {
		t.Errorf("answered %d, and the handler's context ended: %v; want 204 and no end", status, err)
	}
}
