package dapr

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/broker/inproc"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// Options configures a Subscriber. Zero values are the defaults, but for Token
// and Seals.
type Options struct {
	// Token is what the own sidecar shows, APP_API_TOKEN.
	Token string
	// Seals opens what the publishers of the topics have sealed.
	Seals seal.Opener
	// Attempts is how often, with what pauses, and how many at a time.
	Attempts inproc.Options
	// Hold is how long the sidecar waits for its answer before it is told to
	// deliver again what is still being worked on: 10 min. RabbitMQ ends a
	// consumer that owes an answer for longer than half an hour.
	Hold time.Duration
}

// Subscriber is the broker.Subscriber of a service with a sidecar. What it has
// subscribed to the sidecar delivers if components/subscriptions.yaml says the
// same.
type Subscriber struct {
	o      Options
	log    *slog.Logger
	queue  *inproc.Broker
	mu     sync.Mutex
	topics map[string]bool
}

var _ broker.Subscriber = (*Subscriber)(nil)

// NewSubscriber returns a Subscriber that works while Run runs.
func NewSubscriber(o Options) (*Subscriber, error) {
	if o.Token == "" {
		return nil, errors.New("without APP_API_TOKEN anybody could deliver messages")
	}
	if o.Hold <= 0 {
		o.Hold = 10 * time.Minute
	}
	if o.Attempts.Log == nil {
		o.Attempts.Log = slog.Default()
	}
	return &Subscriber{o: o, log: o.Attempts.Log, queue: inproc.New(o.Attempts), topics: map[string]bool{}}, nil
}

// Subscribe implements broker.Subscriber. A message that cannot be read, or that
// its publisher has not sealed, goes to s.DeadLetter as one of broker.TypeMalformed.
func (s *Subscriber) Subscribe(sub broker.Subscription) error {
	if s.o.Seals.Publishers[sub.Topic] == "" {
		return fmt.Errorf("nobody is known to publish to %q", sub.Topic)
	}
	handle := sub.Handle
	if handle != nil {
		sub.Handle = func(ctx context.Context, m events.Message) error {
			if m.Type == broker.TypeMalformed {
				return fmt.Errorf("%w: %s", broker.ErrReject, m.Subject)
			}
			return handle(ctx, m)
		}
	}
	if err := s.queue.Subscribe(sub); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.topics[sub.Topic] = true
	return nil
}

// Run works on what is delivered until ctx ends, and waits for the handlers that
// run. What is not done by then is delivered again, to whoever is there.
func (s *Subscriber) Run(ctx context.Context) error { return s.queue.Run(ctx) }

// Register adds the route by which the sidecar delivers: POST
// /subscriptions/{topic}. It answers 204 when the message is done with, 503 when
// the sidecar is to deliver it again, as it is when nobody here hears the topic,
// and 401 to whoever is not the sidecar. Never 404: by that the sidecar drops
// what comes from a dead-letter topic.
func (s *Subscriber) Register(mux chi.Router) {
	mux.Post("/subscriptions/{topic}", func(w http.ResponseWriter, r *http.Request) {
		if refusal := s.take(w, r); refusal != nil {
			httpkit.WriteProblem(w, r, refusal)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func (s *Subscriber) take(w http.ResponseWriter, r *http.Request) *httpkit.Error {
	ctx, topic := r.Context(), chi.URLParam(r, "topic")
	log := s.log.With("topic", topic)
	// The sidecar shows its token with calls, too, that it passes on for others;
	// those it marks.
	if !equal(r.Header.Get("dapr-api-token"), s.o.Token) || r.Header.Get("dapr-caller-app-id") != "" {
		log.WarnContext(ctx, "a delivery that is not the sidecar's was refused", "remote", r.RemoteAddr, "caller", r.Header.Get("dapr-caller-app-id"))
		return httpkit.Unauthorized(problem.Unauthenticated, "Only the own sidecar delivers messages.", `dapr-api-token realm="boxoffice"`)
	}
	s.mu.Lock()
	heard := s.topics[topic]
	s.mu.Unlock()
	if !heard {
		log.ErrorContext(ctx, "the sidecar delivers a topic that nobody here hears")
		return again()
	}
	body, err := io.ReadAll(r.Body)
	if tooLarge := (&http.MaxBytesError{}); errors.As(err, &tooLarge) {
		err = nil // no message of ours is: what there is of it becomes a dead letter
	}
	if err != nil {
		return again()
	}
	m := s.read(topic, body)
	if m.Type == broker.TypeMalformed {
		log.ErrorContext(ctx, "a message cannot be read", "id", m.ID, "error", m.Subject)
	}
	// A server's own limits are for requests that are answered at once.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.o.Hold + time.Minute))
	ctx, cancel := context.WithTimeout(ctx, s.o.Hold)
	defer cancel()
	if err := s.queue.Deliver(ctx, topic, m); err != nil {
		log.WarnContext(ctx, "a message is to be delivered again", "id", m.ID, "type", m.Type, "error", err)
		return again()
	}
	return nil
}

func again() *httpkit.Error {
	return httpkit.NewProblem(http.StatusServiceUnavailable, problem.Unavailable, "The message has not been handled yet. Deliver it again.")
}

// read returns the message of a delivery: a CloudEvent or, as
// components/subscriptions.yaml has it, one that is wrapped in another, which the
// sidecar makes of bytes that it does not read.
func (s *Subscriber) read(topic string, body []byte) events.Message {
	var wrapper struct {
		Data []byte `json:"data_base64"`
	}
	if err := json.Unmarshal(body, &wrapper); err == nil && wrapper.Data != nil {
		body = wrapper.Data
	}
	envelope, ok := s.o.Seals.Open(topic, body)
	if !ok {
		return malformed(body, errors.New("it does not bear its publisher's seal"))
	}
	m, err := cloudevent.Decode(envelope)
	if err != nil {
		return malformed(body, err)
	}
	return m
}

func malformed(body []byte, why error) events.Message {
	data := map[string]string{"body_base64": base64.StdEncoding.EncodeToString(body)}
	if utf8.Valid(body) {
		data = map[string]string{"body": string(body)}
	}
	b, err := json.Marshal(data)
	if err != nil {
		b = nil // of strings: it does not fail
	}
	reason := []rune(why.Error())
	hash := sha256.Sum256(body)
	return events.Message{
		SpecVersion: events.SpecVersion, ID: broker.TypeMalformed + "-" + hex.EncodeToString(hash[:]), Source: "sidecar", Type: broker.TypeMalformed,
		Subject: string(reason[:min(len(reason), 200)]), Time: time.Now().UTC(), DataContentType: "application/json", Data: b,
	}
}

// equal compares in a time that tells nothing of either.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
