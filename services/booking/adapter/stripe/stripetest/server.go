// Package stripetest is a payment provider that speaks the part of Stripe's API
// that is used, remembers what Stripe remembers, keeps books to compare with, and
// misbehaves when told to: by the token of a means of payment, or by a fault. It
// is for tests alone; services/e2e/stripe makes a process of it.
//
// What Stripe does not have is under /_test/, see control.go.
package stripetest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// The means of payment it knows besides pm_card_visa and pm_card_mastercard,
// which succeed: Stripe's own for tests, and some that misbehave. A token of a
// card, tok_visa, stands for pm_card_visa, and so on.
const (
	Visa              = "pm_card_visa"
	Declined          = "pm_card_chargeDeclined"
	InsufficientFunds = "pm_card_chargeDeclinedInsufficientFunds"
	Authentication    = "pm_card_authenticationRequired" // the customer has to act: see Server.Act
	TimeoutAfter      = "pm_timeout_after"               // is charged, but the answer never comes
	TimeoutBefore     = "pm_timeout_before"              // is not charged, and the answer never comes
	Slow              = "pm_slow"                        // is processing for Options.Slow, then charged, whoever waits
	AmountTooSmall    = "pm_amount_too_small"            // has a minimum above every amount, found when it is confirmed
	LateSuccess       = "pm_late_success"                // no answer; once cancelled it is charged after Options.Late all the same
)

// Options of a Server.
type Options struct {
	Key  string        // the secret key to show; "" takes any
	Slow time.Duration // 12 s, which is longer than a booking waits
	Late time.Duration // 1 s
	// KeepInvalid remembers refused parameters under their keys, too. Stripe says
	// that it does once it has begun with a request, and not when that is.
	KeepInvalid bool

	// WebhookURL is where events go, signed with WebhookSecret; "" for nowhere.
	WebhookURL, WebhookSecret string
}

// Server is the provider. It keeps everything in memory.
type Server struct {
	o       Options
	mux     *http.ServeMux
	closing chan struct{}
	workers sync.WaitGroup

	mu      sync.Mutex
	intents []*intent // oldest first
	refunds []*refund
	keys    map[string]*kept
	faults  []*Fault
	refuse  int // how many refunds are still to be refused; below 0 all
	events  []*event
	mode    Webhooks
	busy    int // workers that are not done
	done    func(operation string)
}

// New returns a provider without books. Close it.
func New(o Options) *Server {
	o.Slow, o.Late = cmp.Or(o.Slow, 12*time.Second), cmp.Or(o.Late, time.Second)
	s := &Server{
		o: o, mux: http.NewServeMux(), closing: make(chan struct{}), keys: map[string]*kept{},
		mode: Webhooks{URL: o.WebhookURL, Secret: o.WebhookSecret},
	}
	for pattern, op := range map[string]operation{
		"POST /v1/payment_intents":              {"create", s.createIntent},
		"GET /v1/payment_intents":               {"list", s.listIntents},
		"GET /v1/payment_intents/{id}":          {"retrieve", s.getIntent},
		"POST /v1/payment_intents/{id}":         {"update", s.updateIntent},
		"POST /v1/payment_intents/{id}/confirm": {"confirm", s.confirmIntent},
		"POST /v1/payment_intents/{id}/cancel":  {"cancel", s.cancelIntent},
		"POST /v1/payment_methods":              {"method", s.createMethod},
		"POST /v1/refunds":                      {"refund", s.createRefund},
		"GET /v1/refunds":                       {"refunds", s.listRefunds},
		"GET /v1/refunds/{id}":                  {"get_refund", s.getRefund},
	} {
		s.mux.HandleFunc(pattern, s.serve(op))
	}
	s.control()
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		write(w, refuse(404, "invalid_request_error", "", "", "Unrecognized request URL: "+r.URL.Path))
	})
	return s
}

// Start serves a provider until the test ends.
func Start(t testing.TB, o Options) (s *Server, url string) {
	t.Helper()
	s = New(o)
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		h.Close()
	})
	return s, h.URL
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close ends what hangs, is slow, late, or being delivered.
func (s *Server) Close() {
	close(s.closing)
	s.workers.Wait()
}

// later does something after a while, unless the server is closed before. s.mu is
// held.
func (s *Server) later(d time.Duration, do func()) {
	s.work(func() {
		if s.wait(d) {
			do()
		}
	})
}

// work does something meanwhile. s.mu is held.
func (s *Server) work(do func()) {
	s.busy++
	s.workers.Go(func() {
		do()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.busy--
	})
}

// Quiet reports whether nothing is to come that nobody asks for: no charge that
// is late, and no event that is not delivered yet.
func (s *Server) Quiet() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy == 0
}

// Done has f called each time that an operation, by the name that faults know it
// by, is done and on the books, and before its answer is given.
func (s *Server) Done(f func(operation string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = f
}

// wait waits, and reports whether the server is still open.
func (s *Server) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.closing:
		return false
	}
}

// answer is one of the API's.
type answer struct {
	status int
	body   any
	unsaid bool // not remembered under a key: nothing was begun
	hang   bool // never to be given
}

func ok(body any) answer { return answer{status: http.StatusOK, body: body} }

// refuse is an error as Stripe writes it.
func refuse(status int, kind, code, param, message string) answer {
	e := map[string]any{"type": kind, "message": message}
	if code != "" {
		e["code"] = code
	}
	if param != "" {
		e["param"] = param
	}
	return answer{status: status, body: map[string]any{"error": e}}
}

// invalid refuses parameters before anything is begun.
func invalid(code, param, message string) answer {
	a := refuse(400, "invalid_request_error", code, param, message)
	a.unsaid = true
	return a
}

func write(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", newID("req"))
	w.WriteHeader(a.status)
	b, err := json.Marshal(a.body)
	if err != nil {
		panic(err) // maps, strings and numbers
	}
	_, _ = w.Write(b)
}

// metadata reads metadata[…] of a form.
func metadata(r *http.Request) map[string]string {
	out := map[string]string{}
	for name, v := range r.Form {
		if key, ok := strings.CutPrefix(name, "metadata["); ok {
			out[strings.TrimSuffix(key, "]")] = v[0]
		}
	}
	return out
}
