package stripetest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	stripego "github.com/stripe/stripe-go/v85"
)

// event is one that was sent, or is to be.
type event struct {
	id      string
	payload []byte
	held    bool
}

// Webhooks says where events go, and how badly.
type Webhooks struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
	// Repeat is how often besides the first time each event is sent.
	Repeat int `json:"repeat"`
	// Before delivers each event before the API gives its answer.
	Before bool `json:"before"`
	// Hold keeps events back until ReleaseEvents.
	Hold bool `json:"hold"`
	// Unrelated sends with each event another, about nothing of ours.
	Unrelated bool `json:"unrelated"`
}

// SetWebhooks changes where and how events are sent from now on: also those that
// nobody has taken yet.
func (s *Server) SetWebhooks(w Webhooks) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = w
}

// Events returns the events made, oldest first.
func (s *Server) Events() []json.RawMessage {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]json.RawMessage, len(s.events))
	for i, e := range s.events {
		all[i] = e.payload
	}
	return all
}

// ReleaseEvents sends what was held back, the last first.
func (s *Server) ReleaseEvents() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range slices.Backward(s.events) {
		if e.held {
			e.held = false
			s.send(e, s.mode)
		}
	}
}

// tell makes an event of what has become of an object. s.mu is held, and is let
// go while it is delivered before the answer.
func (s *Server) tell(kind string, object map[string]any) {
	s.makeEvent(kind, object)
	if s.mode.Unrelated {
		s.makeEvent("customer.updated", map[string]any{"id": newID("cus"), "object": "customer", "metadata": map[string]string{}})
	}
}

func (s *Server) makeEvent(kind string, object map[string]any) {
	e := &event{id: newID("evt"), held: s.mode.Hold}
	var err error
	if e.payload, err = json.Marshal(map[string]any{
		"id": e.id, "object": "event", "type": kind, "api_version": stripego.APIVersion, "created": time.Now().Unix(),
		"livemode": false, "pending_webhooks": 1, "data": map[string]any{"object": object},
	}); err != nil {
		panic(err) // maps, strings and numbers
	}
	s.events = append(s.events, e)
	if s.mode.URL == "" || e.held {
		return
	}
	mode := s.mode
	if mode.Before {
		s.mu.Unlock()
		s.deliver(e, mode)
		s.mu.Lock()
		mode.Repeat--
	}
	s.send(e, mode)
}

func (s *Server) send(e *event, mode Webhooks) {
	for range mode.Repeat + 1 {
		mode := mode // each has its own
		s.work(func() {
			// Stripe tries for three days; tests have less time, and more hurry.
			for deadline := time.Now().Add(5 * time.Minute); !s.deliver(e, mode) && time.Now().Before(deadline); {
				if !s.wait(200 * time.Millisecond) {
					return
				}
				s.mu.Lock()
				mode = s.mode
				s.mu.Unlock()
			}
		})
	}
}

// deliver posts the event once, and reports whether it was taken.
func (s *Server) deliver(e *event, mode Webhooks) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-s.closing:
			cancel()
		case <-stop:
		}
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, mode.URL, bytes.NewReader(e.payload))
	if err != nil {
		return true // no URL that anything could be posted to
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Stripe-Signature", Sign(e.payload, mode.Secret, time.Now()))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode/100 == 2
}

// Sign returns the Stripe-Signature of a payload.
func Sign(payload []byte, secret string, at time.Time) string {
	return stripego.GenerateTestSignedPayload(&stripego.UnsignedPayload{Payload: payload, Secret: secret, Timestamp: at}).Header
}
