package httppush_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inproc"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
)

// taken records what a consumer's broker is given.
type taken struct {
	mu       sync.Mutex
	err      error // what it says
	topics   []string
	messages []events.Message
	traces   []string
}

func (k *taken) Publish(ctx context.Context, topic string, batch ...events.Message) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range batch {
		k.topics = append(k.topics, topic)
		k.messages = append(k.messages, m)
		k.traces = append(k.traces, trace.SpanContextFromContext(ctx).TraceID().String())
	}
	return k.err
}

// ids are those of the messages given so far.
func (k *taken) ids() (ids []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, m := range k.messages {
		ids = append(ids, m.ID)
	}
	return ids
}

func message(id string) events.Message {
	return events.Message{
		SpecVersion: "1.0", ID: id, Source: "booking", Type: events.TypeBookingConfirmed, Subject: "b1",
		Time: time.Date(2026, 3, 29, 1, 30, 0, 123456000, time.UTC), DataContentType: "application/json",
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		Data:        []byte(`{ "id" : "` + id + `", "n": 9007199254740993 }`),
	}
}

func envelope(t *testing.T, m events.Message) string {
	t.Helper()
	b, err := cloudevent.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sealed is m as booking publishes it to "bookings".
func sealed(t *testing.T, m events.Message) string {
	t.Helper()
	return sealedBy(services["booking"], envelope(t, m))
}

func sealedBy(key *auth.ServiceKey, envelope string) string {
	return string(seal.Seal("bookings", []byte(envelope), key))
}

// post returns the answer and, where it is not a success, its problem.
func post(t *testing.T, url string, header map[string]string, body io.Reader) (*http.Response, problem.Problem) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var p problem.Problem
	if res.StatusCode >= 300 {
		if err := json.Unmarshal(b, &p); err != nil || res.Header.Get("Content-Type") != problem.ContentType || p.TraceID == "" {
			t.Errorf("%d is no problem: %s", res.StatusCode, b)
		}
	} else if len(b) > 0 {
		t.Errorf("%d has a body: %s", res.StatusCode, b)
	}
	return res, p
}

func asBooking(t testing.TB) map[string]string {
	t.Helper()
	return map[string]string{"X-Service-Token": token(t, "booking", "event"), "Content-Type": cloudevent.ContentType}
}

func TestTake(t *testing.T) {
	t.Parallel()
	k := &taken{}
	s := serve(t, k, quiet, "bookings", "events")
	want := []events.Message{message("m1"), message("m2"), message("m3")}
	want[1].TraceParent, want[1].Subject, want[1].Time = "", "", time.Time{}
	header := asBooking(t)
	for i, m := range want {
		if i == 2 {
			header["Content-Type"] += "; charset=utf-8"
		}
		res, p := post(t, s.URL+"/messages/bookings", header, strings.NewReader(sealed(t, m)))
		if res.StatusCode != http.StatusAccepted {
			t.Errorf("%s: %d %v, want 202", m.ID, res.StatusCode, p)
		}
	}
	// Compared after the last request: what came with the first is still there.
	if diff := cmp.Diff(want, k.messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"bookings", "bookings", "bookings"}, k.topics); diff != "" {
		t.Errorf("topics (-want +got):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	k := &taken{}
	s := serve(t, k, quiet, "bookings")
	plain, good := envelope(t, message("m1")), sealed(t, message("m1"))
	with := func(name, value string) func(h map[string]string) {
		return func(h map[string]string) { h[name] = value }
	}
	without := func(name string) func(h map[string]string) {
		return func(h map[string]string) { delete(h, name) }
	}
	same := func(map[string]string) {}
	for name, c := range map[string]struct {
		topic  string
		header func(h map[string]string)
		body   string
		status int
		code   problem.Code
		field  string
	}{
		"no token":               {"bookings", without("X-Service-Token"), good, 401, problem.Unauthenticated, ""},
		"unknown token":          {"bookings", with("X-Service-Token", "no-secret"), good, 401, problem.InvalidToken, ""},
		"another service":        {"bookings", with("X-Service-Token", token(t, "user", "event")), good, 403, problem.Forbidden, ""},
		"for another service":    {"bookings", with("X-Service-Token", token(t, "booking", "notification")), good, 401, problem.InvalidToken, ""},
		"no seal":                {"bookings", same, plain, 403, problem.Forbidden, ""},
		"a consumer's own seal":  {"bookings", same, sealedBy(services["event"], plain), 403, problem.Forbidden, ""},
		"an unlisted key's seal": {"bookings", same, sealedBy(authtest.NewKey(t, "booking"), plain), 403, problem.Forbidden, ""},
		"a changed message":      {"bookings", same, strings.Replace(good, `"b1"`, `"b2"`, 1), 403, problem.Forbidden, ""},
		"a user": {"bookings", func(h map[string]string) {
			delete(h, "X-Service-Token")
			h["Authorization"] = "Bearer admin"
		}, good, 401, problem.Unauthenticated, ""},
		"a user in the header of services": {"bookings", with("X-Service-Token", "admin"), good, 401, problem.InvalidToken, ""},
		"no token, no sense":               {"elsewhere", without("X-Service-Token"), "{", 401, problem.Unauthenticated, ""},
		"unknown topic":                    {"elsewhere", same, good, 404, problem.RouteNotFound, ""},
		"part of a topic":                  {"booking", same, good, 404, problem.RouteNotFound, ""},
		"no topic":                         {"", same, good, 404, problem.RouteNotFound, ""},
		"topic in a topic":                 {"bookings/bookings", same, good, 404, problem.RouteNotFound, ""},
		"escaped topic":                    {"bookings%2Fx", same, good, 404, problem.RouteNotFound, ""},
		"plain JSON":                       {"bookings", with("Content-Type", "application/json"), good, 415, problem.UnsupportedMedia, ""},
		"a batch":                          {"bookings", with("Content-Type", "application/cloudevents-batch+json"), "[" + good + "]", 415, problem.UnsupportedMedia, ""},
		"no type":                          {"bookings", without("Content-Type"), good, 415, problem.UnsupportedMedia, ""},
		"a broken type":                    {"bookings", with("Content-Type", ";;"), good, 415, problem.UnsupportedMedia, ""},
		"no body":                          {"bookings", same, "", 400, problem.MalformedBody, ""},
		"half a body":                      {"bookings", same, good[:len(good)/2], 400, problem.MalformedBody, ""},
		"no UTF-8":                         {"bookings", same, "{\"id\":\"\xff\"}", 400, problem.MalformedBody, ""},
		"deep":                             {"bookings", same, strings.Repeat("[", 100_000), 400, problem.MalformedBody, ""},
		"two":                              {"bookings", same, good + good, 400, problem.MalformedBody, ""},
		"no object":                        {"bookings", same, "[]", 422, problem.ValidationFailed, "body"},
		"no id":                            {"bookings", same, strings.Replace(good, `"id":"m1",`, "", 1), 422, problem.ValidationFailed, "body.id"},
		"old version":                      {"bookings", same, strings.Replace(good, `"1.0"`, `"0.3"`, 1), 422, problem.ValidationFailed, "body.specversion"},
		"bad time":                         {"bookings", same, strings.Replace(good, `2026-03`, `2026-13`, 1), 422, problem.ValidationFailed, "body.time"},
		"a byte more than 256 KiB":         {"bookings", same, good + strings.Repeat(" ", 256<<10+1-len(good)), 413, problem.BodyTooLarge, ""},
		"10 MiB":                           {"bookings", same, good + strings.Repeat(" ", 10<<20), 413, problem.BodyTooLarge, ""},
	} {
		h := asBooking(t)
		c.header(h)
		// Once with a length and once in chunks of none known.
		for _, body := range []io.Reader{strings.NewReader(c.body), io.MultiReader(strings.NewReader(c.body))} {
			res, p := post(t, s.URL+"/messages/"+c.topic, h, body)
			if res.StatusCode != c.status || p.Code != c.code {
				t.Errorf("%s: %d %v, want %d %s", name, res.StatusCode, &p, c.status, c.code)
			}
			if c.field != "" && (len(p.Errors) != 1 || p.Errors[0].Location != c.field) {
				t.Errorf("%s: %v, want %s", name, p.Errors, c.field)
			}
		}
	}
	if ids := k.ids(); len(ids) > 0 {
		t.Errorf("taken nevertheless: %v", ids)
	}
	const overhead = len(`,"signature":""`) + 86
	wide := strings.Replace(plain, "{", "{"+strings.Repeat(" ", 256<<10-len(plain)-overhead), 1)
	if res, p := post(t, s.URL+"/messages/bookings", asBooking(t), strings.NewReader(sealedBy(services["booking"], wide))); res.StatusCode != http.StatusAccepted {
		t.Errorf("256 KiB: %d %v, want 202", res.StatusCode, &p)
	}
}

func TestABrokerThatDoesNotTakeIsAskedAgain(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"full":     fmt.Errorf("%w: event", inproc.ErrFull),
		"stopped":  inproc.ErrStopped,
		"ended":    context.Canceled,
		"rejected": broker.ErrReject,
		"other":    errors.New("a defect"),
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			s := serve(t, &taken{err: err}, slog.New(slog.NewTextHandler(&log, nil)), "bookings")
			res, p := post(t, s.URL+"/messages/bookings", asBooking(t), strings.NewReader(sealed(t, message("m1"))))
			s.Close() // what is logged after the answer is in the log now
			if res.StatusCode != 503 || p.Code != problem.Unavailable || res.Header.Get("Retry-After") != "1" {
				t.Errorf("%d %v, Retry-After %q; want 503 and 1", res.StatusCode, &p, res.Header.Get("Retry-After"))
			}
			if strings.Contains(p.Detail, err.Error()) {
				t.Errorf("the answer tells internals: %s", p.Detail)
			}
			if got := log.String(); !strings.Contains(got, err.Error()) || !strings.Contains(got, "id=m1") ||
				strings.Contains(got, "9007199254740993") || strings.Contains(got, token(t, "booking", "event")) {
				t.Errorf("the log does not say why, or says too much:\n%s", got)
			}
		})
	}
}

func TestAQueueThatIsFullTakesAgainWhenItHasRoom(t *testing.T) {
	t.Parallel()
	b := inproc.New(inproc.Options{Log: quiet, Capacity: 1})
	handled := make(chan string, 2)
	if err := b.Subscribe(broker.Subscription{
		Topic: "bookings", Consumer: "event",
		Handle:     func(_ context.Context, m events.Message) error { handled <- m.ID; return nil },
		DeadLetter: func(context.Context, events.Message, string) error { return nil },
	}); err != nil {
		t.Fatal(err)
	}
	s := serve(t, b, quiet, "bookings")
	status := func(id string) int {
		res, _ := post(t, s.URL+"/messages/bookings", asBooking(t), strings.NewReader(sealed(t, message(id))))
		return res.StatusCode
	}
	// Nothing runs yet, so the first stays in the queue.
	for i, want := range []int{202, 202, 503} {
		if got := status([]string{"m1", "m1", "m2"}[i]); got != want {
			t.Errorf("message %d: %d, want %d", i, got, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	if got := <-handled; got != "m1" {
		t.Errorf("handled %s, want m1", got)
	}
	deadline := time.Now().Add(time.Minute)
	for status("m2") != 202 {
		if time.Now().After(deadline) {
			t.Fatal("the queue never has room again")
		}
	}
	if got := <-handled; got != "m2" {
		t.Errorf("handled %s, want m2", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := status("m3"); got != 503 {
		t.Errorf("after the end: %d, want 503", got)
	}
}

func TestTheDocumentShowsTheEnvelope(t *testing.T) {
	t.Parallel()
	s := serve(t, &taken{}, quiet, "bookings")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var doc struct {
		Paths map[string]map[string]struct {
			Security    []map[string][]string
			RequestBody struct {
				Required bool
				Content  map[string]struct {
					Schema map[string]any
				}
			}
			Responses map[string]any
		}
		Components struct {
			Schemas map[string]struct {
				Properties map[string]any
			}
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	op := doc.Paths["/messages/{topic}"]["post"]
	body := op.RequestBody.Content[cloudevent.ContentType]
	if !op.RequestBody.Required || body.Schema["$ref"] != "#/components/schemas/Message" ||
		doc.Components.Schemas["Message"].Properties["specversion"] == nil {
		t.Errorf("request body %+v", op.RequestBody)
	}
	if op.Responses["202"] == nil || len(op.Security) != 1 || op.Security[0]["service"] == nil {
		t.Errorf("responses %v, security %v", op.Responses, op.Security)
	}
}
