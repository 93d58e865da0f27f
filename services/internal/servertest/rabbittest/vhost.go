package rabbittest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/internal/lastwill"
)

const deleteTimeout = 30 * time.Second

// VHost is a virtual host: exchanges and queues of a test's own.
type VHost struct {
	server *Server
	name   string
}

// New is what the function New is, on this server.
func (s *Server) New(t testing.TB) *VHost {
	t.Helper()
	v := &VHost{s, "test_" + strings.ToLower(rand.Text())}
	if !s.container {
		if err := deleteLater(s, v.name); err != nil {
			t.Fatal(err)
		}
	}
	u := s.management.User.Username()
	for _, step := range []struct {
		path []string
		in   any
	}{
		{[]string{"vhosts", v.name}, struct{}{}},
		{[]string{"permissions", v.name, u}, map[string]string{"configure": ".*", "write": ".*", "read": ".*"}},
	} {
		if err := s.call(t.Context(), http.MethodPut, step.path, step.in, nil); err != nil {
			t.Fatalf("a virtual host for this test: %v", err)
		}
	}
	t.Cleanup(func() {
		if s.disposable {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), deleteTimeout)
		defer cancel()
		if err := s.call(ctx, http.MethodDelete, []string{"vhosts", v.name}, nil, nil); err != nil {
			t.Errorf("deleting the virtual host of this test: %v", err)
		}
	})
	return v
}

// URL is where AMQP is spoken, with user and password:
// amqp://user:password@127.0.0.1:5672/vhost.
func (v *VHost) URL() string { return v.at(v.server.addr) }

func (v *VHost) at(addr string) string {
	return (&url.URL{Scheme: "amqp", User: v.server.management.User, Host: addr, Path: "/" + v.name}).String()
}

// Binding is that a queue gets what is published to an exchange.
type Binding struct{ Exchange, Queue string }

// Bindings are those there are, at this very moment.
func (v *VHost) Bindings(t testing.TB) map[Binding]bool {
	t.Helper()
	var all []struct{ Source, Destination string }
	if err := v.server.call(t.Context(), http.MethodGet, []string{"bindings", v.name}, nil, &all); err != nil {
		t.Fatal(err)
	}
	bindings := map[Binding]bool{}
	for _, b := range all {
		if b.Source != "" { // each queue is bound to the nameless exchange
			bindings[Binding{b.Source, b.Destination}] = true
		}
	}
	return bindings
}

// Queue is how a queue was declared, and what is in it.
type Queue struct {
	Name       string
	Type       string
	Durable    bool
	AutoDelete bool `json:"auto_delete"`
	Messages   int  // as they were some seconds ago
}

// Queues are those there are.
func (v *VHost) Queues(t testing.TB) (queues []Queue) {
	t.Helper()
	if err := v.server.call(t.Context(), http.MethodGet, []string{"queues", v.name}, nil, &queues); err != nil {
		t.Fatal(err)
	}
	return queues
}

// Publish gives an exchange a persistent message, whatever bytes it is of. It
// fails the test if no queue got it.
func (v *VHost) Publish(t testing.TB, exchange string, body []byte) {
	t.Helper()
	var answer struct{ Routed bool }
	if err := v.server.call(t.Context(), http.MethodPost, []string{"exchanges", v.name, exchange, "publish"}, map[string]any{
		"properties": map[string]any{"delivery_mode": 2}, "routing_key": "",
		"payload": base64.StdEncoding.EncodeToString(body), "payload_encoding": "base64",
	}, &answer); err != nil {
		t.Fatal(err)
	}
	if !answer.Routed {
		t.Fatalf("no queue is bound to the exchange %s", exchange)
	}
}

// Take takes the messages of a queue, up to a hundred, for good.
func (v *VHost) Take(t testing.TB, queue string) (bodies [][]byte) {
	t.Helper()
	var messages []struct{ Payload string }
	if err := v.server.call(t.Context(), http.MethodPost, []string{"queues", v.name, queue, "get"}, map[string]any{
		"count": 100, "ackmode": "ack_requeue_false", "encoding": "base64",
	}, &messages); err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		body, err := base64.StdEncoding.DecodeString(m.Payload)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	return bodies
}

// Declare makes a queue that outlives a restart, bound to a fanout exchange that
// is made with it: what a sidecar does for a subscription.
func (v *VHost) Declare(t testing.TB, b Binding) {
	t.Helper()
	for _, step := range []struct {
		method string
		path   []string
		in     any
	}{
		{http.MethodPut, []string{"exchanges", v.name, b.Exchange}, map[string]any{"type": "fanout", "durable": true, "auto_delete": false}},
		{http.MethodPut, []string{"queues", v.name, b.Queue}, map[string]any{
			"durable": true, "auto_delete": false, "arguments": map[string]any{"x-queue-type": "quorum"}}},
		{http.MethodPost, []string{"bindings", v.name, "e", b.Exchange, "q", b.Queue}, struct{}{}},
	} {
		if err := v.server.call(t.Context(), step.method, step.path, step.in, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// leftover is a virtual host on a server that outlives the tests.
type leftover struct{ Management, Name string }

func deleteLater(s *Server, name string) error {
	what, err := json.Marshal(leftover{s.management.String(), name})
	if err != nil {
		return err
	}
	return remove(string(what))
}

// remove deletes what a killed test left.
var remove = lastwill.Define("rabbitmq virtual host", func(ctx context.Context, what string) error {
	var l leftover
	if err := json.Unmarshal([]byte(what), &l); err != nil {
		return err
	}
	u, err := url.Parse(l.Management)
	if err != nil {
		return err
	}
	return (&Server{management: u}).call(ctx, http.MethodDelete, []string{"vhosts", l.Name}, nil, nil)
})

// Full makes a queue refuse what comes once it holds so many messages, until the
// function that it returns is called: as one does whose disk is full.
func (v *VHost) Full(t testing.TB, queue string, messages int) (relieve func()) {
	t.Helper()
	limit := func(messages int) {
		t.Helper()
		if err := v.server.call(t.Context(), http.MethodPut, []string{"policies", v.name, "full"}, map[string]any{
			"pattern": "^" + queue + "$", "apply-to": "queues",
			"definition": map[string]any{"max-length": messages, "overflow": "reject-publish"},
		}, nil); err != nil {
			t.Fatal(err)
		}
	}
	limit(messages)
	// A quorum queue keeps to a limit that was taken away, and not to one that
	// was changed.
	return func() { limit(1_000_000) }
}
