// Package stripemock runs stripe-mock, Stripe's own fake of its API, for tests. It
// holds requests to the API's OpenAPI document and answers with samples: it has no
// state, so that what it shows is the form of requests alone.
package stripemock

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stripe/stripe-mock/embedded"
	"github.com/stripe/stripe-mock/server"
)

// Exchange is a request, and how it was answered.
type Exchange struct {
	Method, Path, Version string
	Status                int
	Answer                string
}

// Mock is a stripe-mock that runs.
type Mock struct {
	URL string

	mu        sync.Mutex
	exchanges []Exchange
}

var stub = sync.OnceValues(func() (*server.StubServer, error) {
	fixtures, err := server.LoadFixtures(embedded.OpenAPIFixtures, "")
	if err != nil {
		return nil, err
	}
	document, err := server.LoadSpec(embedded.OpenAPISpec, "")
	if err != nil {
		return nil, err
	}
	return server.NewStubServer(fixtures, document, false, false)
})

// Start runs one until the test ends.
func Start(t testing.TB) *Mock {
	t.Helper()
	s, err := stub()
	if err != nil {
		t.Fatal(err)
	}
	m := &Mock{}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		s.HandleRequest(answer, r)
		m.mu.Lock()
		m.exchanges = append(m.exchanges, Exchange{r.Method, r.URL.Path, r.Header.Get("Stripe-Version"), answer.Code, answer.Body.String()})
		m.mu.Unlock()
		for name, v := range answer.Header() {
			w.Header()[name] = v
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(h.Close)
	m.URL = h.URL
	return m
}

// Exchanges are what was asked of it so far.
func (m *Mock) Exchanges() []Exchange {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Exchange(nil), m.exchanges...)
}
