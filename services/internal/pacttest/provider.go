//go:build pact

package pacttest

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	pactmessage "github.com/pact-foundation/pact-go/v2/message"
	"github.com/pact-foundation/pact-go/v2/models"
	"github.com/pact-foundation/pact-go/v2/provider"

	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
)

// Provider is a service that keeps what its consumers expect.
type Provider struct {
	Name string
	// Consumers are those whose pacts must be there.
	Consumers []string
	// States are what a request may find. Each returns the service's handler
	// with nothing behind it but what the state says: a store of its own. It
	// is called for each request, by another goroutine than the test's, and
	// so returns what is wrong.
	States map[string]func(t testing.TB) (http.Handler, error)
	// Messages are the messages by what consumers call them, as they go over
	// the wire.
	Messages map[string]func(t testing.TB) ([]byte, error)
	// Issuer signs the access tokens; nil where nobody has any.
	Issuer *Issuer
	// Services have the keys by which the provider knows its callers.
	Services *authtest.Services
}

// Verify verifies every pact in dir that names the provider, in a subtest named
// like the consumer.
func (p Provider) Verify(t *testing.T, dir string) {
	t.Helper()
	release := os.Getenv(releaseEnv)
	consumers := p.Consumers
	if release != "" {
		consumers = nil // not all of them may have been there
	}
	files, err := Read(dir)
	if err == nil {
		files, err = of(files, p.Name, consumers, has(p.States), has(p.Messages))
	}
	if err != nil {
		t.Fatal(err)
	}
	if release != "" && len(files) == 0 {
		t.Logf("nobody relied on %s in %s", p.Name, release)
	}
	for _, f := range files {
		t.Run(f.Consumer.Name, func(t *testing.T) { p.verify(t, f) })
	}
}

func has[V any](m map[string]V) func(string) bool {
	return func(k string) bool { _, ok := m[k]; return ok }
}

func (p Provider) verify(t *testing.T, f File) {
	quiet(t)
	for _, filter := range []string{"PACT_URL", "PACT_DESCRIPTION", "PACT_PROVIDER_STATE", "PACT_BROKER_URL"} {
		t.Setenv(filter, "") // all of it, and nothing else
	}
	var current atomic.Pointer[http.Handler] // as the last state has set it up
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		(*current.Load()).ServeHTTP(w, r)
	}))
	defer server.Close()

	request := provider.VerifyRequest{
		Provider: p.Name, ProviderBaseURL: server.URL, PactFiles: []string{f.Path},
		StateHandlers: models.StateHandlers{}, MessageHandlers: pactmessage.Handlers{}, DisableColoredOutput: true,
	}
	for name, set := range p.States {
		request.StateHandlers[name] = func(setup bool, _ models.ProviderState) (models.ProviderStateResponse, error) {
			if !setup {
				return nil, nil
			}
			h, err := set(t)
			if err != nil {
				t.Errorf("the state %q cannot be set up: %v", name, err)
				return nil, err
			}
			if p.Issuer != nil {
				h = p.Issuer.sign(h)
			}
			h = p.identify(h)
			current.Store(&h)
			return nil, nil
		}
	}
	for name, build := range p.Messages {
		request.MessageHandlers[name] = func([]models.ProviderState) (pactmessage.Body, pactmessage.Metadata, error) {
			asked.Add(1)
			wire, err := build(t)
			if err != nil {
				t.Errorf("the message %q cannot be built: %v", name, err)
			}
			return wire, pactmessage.Metadata{"contentType": cloudevent.ContentType}, err
		}
	}
	if err := provider.NewVerifier().VerifyProvider(t, request); err != nil {
		t.Errorf("%s does not keep its pact with %s (%s); what differs stands above", p.Name, f.Consumer.Name, filepath.Base(f.Path))
	}
	if n := int(asked.Load()); n != len(f.Interactions) {
		t.Errorf("%s was asked %d times, for %d interactions", p.Name, n, len(f.Interactions))
	}
}

// identify returns h behind the exchange of services' names for their tokens; see
// ServiceToken.
func (p Provider) identify(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, ok := strings.CutPrefix(r.Header.Get("X-Service-Token"), tokenOf); ok {
			r.Header.Set("X-Service-Token", p.Services.Token(name, p.Name))
		}
		h.ServeHTTP(w, r)
	})
}

// brokenEnv tells a process that it is the one of MustFail.
const brokenEnv = "PACTTEST_BROKEN"

// MustFail runs test, in which something is broken on purpose, in a process of
// its own, where it must fail and say each of says.
func MustFail(t *testing.T, name string, test func(t *testing.T), says ...string) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		switch os.Getenv(brokenEnv) {
		case name:
			test(t)
			return
		case "":
		default:
			return
		}
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(t.Name()), "/", "$/^") + "$"
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern, "-test.count=1", "-test.timeout=10m") //nolint:gosec // it is this very binary
		cmd.Env = append(os.Environ(), brokenEnv+"="+name)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("what is broken was not noticed (%v):\n%s", err, out)
		}
		for _, text := range says {
			if !bytes.Contains(out, []byte(text)) {
				t.Errorf("the failure does not say %q:\n%s", text, out)
			}
		}
	})
}
