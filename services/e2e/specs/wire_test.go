package specs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMessagesOnTheWire lets the four services talk over HTTP, and checks each
// message as the consumers get it.
func TestMessagesOnTheWire(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.call("user", "POST", "/users", "", `{"email":"o@example.com","password":"an organ in the loft","name":"O","role":"organizer"}`, nil)
	w.call("user", "POST", "/users", "", `{"email":"c@example.com","password":"a sparrow in the organ","name":"C"}`, nil)
	var event, booking struct{ ID string }
	organizer := w.login("o@example.com", "an organ in the loft")
	w.call("user", "POST", "/events", organizer, `{"title":"T","venue":{"name":"V"},
		"cancellation_policy":{"free_hours":48,"fee_basis_points":1000},"starts_at":"2100-01-01T20:00:00Z","ends_at":"2100-01-01T22:00:00Z","time_zone":"UTC",
		"ticket_types":[{"name":"S","price":{"amount_minor":2500,"currency":"EUR"},"capacity":10}]}`, &event)
	customer := w.login("c@example.com", "a sparrow in the organ")
	w.call("user", "POST", "/bookings", customer, fmt.Sprintf(`{"event_id":%q,"tickets":2}`, event.ID), &booking)
	w.call("user", "PUT", "/bookings/"+booking.ID+"/cancel", customer, "", nil)
	w.call("user", "POST", "/bookings", customer, fmt.Sprintf(`{"event_id":%q,"tickets":1,"payment":{"token":"tok_declined"}}`, event.ID), nil)
	var inPart struct {
		ID    string
		Items []struct {
			TicketTypeID string `json:"ticket_type_id"`
		}
	}
	w.call("user", "POST", "/bookings", customer, fmt.Sprintf(`{"event_id":%q,"tickets":2}`, event.ID), &inPart)
	w.call("user", "POST", "/bookings/"+inPart.ID+"/cancellations", customer,
		fmt.Sprintf(`{"items":[{"ticket_type_id":%q,"quantity":1}]}`, inPart.Items[0].TicketTypeID), &inPart, "Idempotency-Key", "one-of-two")
	w.call("user", "POST", "/bookings/"+inPart.ID+"/resend", customer, "", nil, "Idempotency-Key", "once-more")
	var guest struct {
		Token string `json:"access_token"`
	}
	w.call("user", "POST", "/guests", "", `{"email":"g@example.com","name":"G"}`, &guest)
	w.call("user", "POST", "/bookings", guest.Token, fmt.Sprintf(`{"event_id":%q,"tickets":1}`, event.ID), nil)
	w.call("user", "POST", "/bookings/links", "", `{"email":"g@example.com"}`, nil)
	w.call("user", "POST", "/events/"+event.ID+"/cancel", organizer, `{"note":"The singer is ill."}`, &event)
	w.call("user", "POST", "/users/verification", "", `{"email":"c@example.com"}`, nil)

	documented, err := NewMessages()
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]bool{}, map[string]bool{}
	for _, m := range published {
		for _, consumer := range topics[m.topic].consumers {
			want[consumer+" "+m.kind] = true
		}
	}
	for len(got) < len(want) {
		select {
		case m := <-w.messages:
			kind, err := documented.Check(m.topic, m.body)
			if err != nil {
				t.Fatal(err)
			}
			got[m.to+" "+kind] = true
		case <-time.After(5 * time.Minute):
			t.Fatalf("no more messages:\n%s", cmp.Diff(want, got))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// wire is the four services, and what they are sent.
type wire struct {
	*testing.T
	servers     map[string]*httptest.Server
	messages    chan message
	environment map[string]string // of each service
}

type message struct {
	to, topic string
	body      []byte
}

func newWire(t *testing.T) *wire {
	t.Helper()
	w := &wire{T: t, servers: map[string]*httptest.Server{}, messages: make(chan message, 100)}
	handlers := map[string]http.Handler{}
	started := make(chan struct{})
	environment := serviceKeys(t)
	environment["ADMIN_EMAIL"], environment["ADMIN_PASSWORD"] = "admin@example.com", "a bat behind the organ"
	w.environment = environment
	for _, service := range services {
		w.servers[service] = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			<-started
			if topic, ok := strings.CutPrefix(r.URL.Path, "/messages/"); ok {
				b, err := io.ReadAll(r.Body)
				if err != nil {
					panic(http.ErrAbortHandler)
				}
				r.Body = io.NopCloser(bytes.NewReader(b))
				w.messages <- message{service, topic, b}
			}
			handlers[service].ServeHTTP(rw, r)
		}))
		environment[strings.ToUpper(service)+"_URL"] = w.servers[service].URL
	}
	environment["JWKS_URL"] = w.servers["user"].URL + "/.well-known/jwks.json"
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	for _, service := range services {
		app := newApp(t, service, environment)
		handlers[service] = app.Handler()
		running.Go(func() {
			if err := app.Run(ctx); err != nil {
				t.Errorf("%s has stopped: %v", service, err)
			}
		})
	}
	close(started)
	t.Cleanup(func() { // before the services are closed
		cancel()
		running.Wait()
		for _, s := range w.servers {
			s.Close()
		}
	})
	return w
}

func (w *wire) login(email, password string) (token string) {
	w.Helper()
	res, err := http.PostForm(w.servers["user"].URL+"/token", url.Values{"grant_type": {"password"}, "username": {email}, "password": {password}})
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	var grant struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&grant); err != nil || grant.AccessToken == "" {
		w.Fatalf("log in as %s: %s, %v", email, res.Status, err)
	}
	return grant.AccessToken
}

// call makes a request. With out, it must succeed.
func (w *wire) call(service, method, path, token, body string, out any, header ...string) {
	w.Helper()
	for again := time.After(time.Minute); ; {
		status, b := w.try(service, method, path, token, body, header...)
		if status == http.StatusServiceUnavailable { // a busy machine: clients ask again
			select {
			case <-again:
			case <-time.After(100 * time.Millisecond):
				continue
			}
		}
		if out == nil {
			return
		}
		if err := json.Unmarshal(b, out); err != nil || status >= 300 {
			w.Fatalf("%s %s: %d: %s", method, path, status, b)
		}
		return
	}
}

// try makes a request once.
func (w *wire) try(service, method, path, token, body string, header ...string) (status int, answer []byte) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, w.servers[service].URL+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	return res.StatusCode, b
}
