//go:build pact

package pacttest

import (
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"testing"

	"github.com/pact-foundation/pact-go/v2/consumer"
	pactlog "github.com/pact-foundation/pact-go/v2/log"
	"github.com/pact-foundation/pact-go/v2/matchers"
	message "github.com/pact-foundation/pact-go/v2/message/v4"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
)

// What an answer must have, for the consumer to read it. A map has these
// members, and may have others.
type (
	// Body is a JSON object of plain values, which must be just these, and of
	// matchers.
	Body = matchers.StructMatcher
	// Header holds the headers that matter, one value each.
	Header = matchers.MapMatcher
)

// Like is any value of the type that v has.
func Like(v any) matchers.Matcher { return matchers.Like(v) }

// Each is a list of one or more, each of them as v is.
func Each(v any) matchers.Matcher { return matchers.EachLike(v, 1) }

// Is is the text itself.
func Is(text string) matchers.Matcher { return matchers.String(text) }

// Text is a text that matches pattern.
func Text(example, pattern string) matchers.Matcher { return matchers.Regex(example, pattern) }

// UUID is a UUID in its one spelling.
func UUID(example string) matchers.Matcher {
	return Text(example, "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
}

// Time is RFC 3339 in UTC.
func Time(example string) matchers.Matcher {
	return Text(example, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)
}

// Integer is any number without a fraction.
func Integer(example int) matchers.Matcher { return matchers.Integer(example) }

// Money is an amount in minor units.
func Money(minor int) Body {
	return Body{"amount_minor": Integer(minor), "currency": Text("EUR", "^[A-Z]{3}$")}
}

// Venue is a venue of an event.
var Venue = Body{
	"name": Like("Philharmonie"), "address": Like("Herbert-von-Karajan-Str. 1"), "city": Like("Berlin"), "country": Like("DE"),
}

// Request is what the consumer sends. Nothing but what stands here may be in
// its query and its body.
type Request struct {
	Method, Path string
	Query        map[string]string
	Header       Header
	Body         any // JSON, where it is not nil
}

// Answer is what the consumer needs of the answer.
type Answer struct {
	Status int
	Header Header
	Body   any // JSON, where it is not nil
}

// Problem is a refusal. Its code is what consumers go by; the rest is for people.
func Problem(status int, code problem.Code) Answer {
	return Answer{
		Status: status, Header: Header{"Content-Type": Is(problem.ContentType)},
		Body: Body{"code": string(code)},
	}
}

// Pact is drawn up between two services.
type Pact struct{ consumer, provider, dir string }

// New returns the pact by which consumer relies on provider. It is written to
// PACTS_DIR; without, it is drawn up for nobody: a single test does not change
// the contract.
func New(t *testing.T, consumer, provider string) *Pact {
	t.Helper()
	dir := os.Getenv(dirEnv)
	if dir == "" {
		dir = t.TempDir()
	}
	quiet(t)
	return &Pact{consumer, provider, dir}
}

// quiet lets the library say only what it finds, here alone: its makers would
// be told of each run, and its log, the global one, complains of itself.
func quiet(t *testing.T) {
	t.Setenv("PACT_DO_NOT_TRACK", "true")
	if err := pactlog.SetLogLevel("ERROR"); err != nil {
		t.Fatal(err)
	}
	log.SetOutput(io.Discard)
}

var errFailed = errors.New("the consumer did not get what it needs")

// Exchange adds one request and its answer, in a state of the provider, and
// lets call make it: with the consumer's own adapter, at the address base.
func (p *Pact) Exchange(t *testing.T, state, name string, in Request, out Answer, call func(t *testing.T, base string)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		mock, err := consumer.NewV4Pact(consumer.MockHTTPProviderConfig{Consumer: p.consumer, Provider: p.provider, PactDir: p.dir})
		if err != nil {
			t.Fatal(err)
		}
		err = mock.AddInteraction().Given(state).UponReceiving(name).
			WithRequest(consumer.Method(in.Method), in.Path, func(b *consumer.V4RequestBuilder) {
				for k, v := range in.Query {
					b.Query(k, Is(v))
				}
				for k, v := range in.Header {
					b.Header(k, v)
				}
				if in.Body != nil {
					b.JSONBody(in.Body)
				}
			}).
			WillRespondWith(out.Status, func(b *consumer.V4ResponseBuilder) {
				for k, v := range out.Header {
					b.Header(k, v)
				}
				if out.Body != nil {
					b.JSONBody(out.Body)
				}
			}).
			ExecuteTest(t, func(mock consumer.MockServerConfig) error {
				call(t, "http://"+net.JoinHostPort(mock.Host, strconv.Itoa(mock.Port)))
				if t.Failed() {
					return errFailed
				}
				return nil
			})
		if err != nil {
			t.Fatalf("%s → %s: %v", p.consumer, p.provider, err)
		}
	})
}

// Envelope is a message of a type with its data, as a CloudEvent: with what no
// consumer can do without.
func Envelope(kind, id string, data Body) Body {
	return Body{
		"specversion": events.SpecVersion, "id": UUID(id), "source": Like("booking"), "type": kind,
		"datacontenttype": "application/json", "data": data,
	}
}

// Message adds a message, and lets handle consume it as it comes from the wire:
// with the consumer's own handler.
func (p *Pact) Message(t *testing.T, name string, envelope Body, handle func(t *testing.T, wire []byte)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		content, err := json.Marshal(envelope)
		if err != nil {
			t.Fatal(err)
		}
		pact, err := message.NewAsynchronousPact(message.Config{Consumer: p.consumer, Provider: p.provider, PactDir: p.dir})
		if err != nil {
			t.Fatal(err)
		}
		err = pact.AddAsynchronousMessage().ExpectsToReceive(name).
			WithContent(cloudevent.ContentType, content).
			ConsumedBy(func(m message.AsynchronousMessage) error {
				handle(t, m.Contents)
				if t.Failed() {
					return errFailed
				}
				return nil
			}).
			Verify(t)
		if err != nil {
			t.Fatalf("%s → %s: %v", p.consumer, p.provider, err)
		}
	})
}
