package stripetest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	stripego "github.com/stripe/stripe-go/v85"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
)

// shop is what hears from the provider.
type shop struct {
	*httptest.Server
	mu    sync.Mutex
	ids   []string
	types []string
	fail  int // how many events are still refused
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e, err := stripego.ConstructEvent(body, r.Header.Get("Stripe-Signature"), "whsec")
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil {
			t.Error(err)
		}
		if s.fail > 0 {
			s.fail--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		s.ids, s.types = append(s.ids, e.ID), append(s.types, string(e.Type))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shop) heard() (types []string, distinct int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.types), len(slices.Compact(slices.Sorted(slices.Values(s.ids))))
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not so in a minute: %s", what)
		}
	}
}

// ask makes a request of the API, and returns its answer.
func ask(t *testing.T, base, path string, form url.Values) map[string]any {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer sk_test")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// create creates an intent, and returns its path.
func create(t *testing.T, base string) string {
	t.Helper()
	i := ask(t, base, "/v1/payment_intents", url.Values{"amount": {"100"}, "currency": {"eur"}, "metadata[booking_id]": {"b"}})
	return fmt.Sprint("/v1/payment_intents/", i["id"])
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p, base := stripetest.Start(t, stripetest.Options{})
	card := url.Values{"payment_method": {stripetest.Visa}}

	path := create(t, base) // nobody is told
	s.fail = 2
	p.SetWebhooks(stripetest.Webhooks{URL: s.URL, Secret: "whsec", Repeat: 2, Unrelated: true})
	ask(t, base, path+"/confirm", card)
	// Two of ours and two of others, each three times, whatever was refused.
	until(t, "each event has come three times", func() bool { types, n := s.heard(); return len(types) == 12 && n == 4 })

	p.SetWebhooks(stripetest.Webhooks{URL: s.URL, Secret: "whsec", Before: true})
	create(t, base)
	if types, _ := s.heard(); types[len(types)-1] != "payment_intent.created" {
		t.Errorf("before the answer came %v", types)
	}
	until(t, "it has come once", func() bool { types, _ := s.heard(); return len(types) == 13 })

	p.SetWebhooks(stripetest.Webhooks{URL: s.URL, Secret: "whsec", Hold: true})
	path = create(t, base)
	ask(t, base, path+"/confirm", card)
	if types, _ := s.heard(); len(types) != 13 {
		t.Errorf("what was held back has come: %v", types[13:])
	}
	p.ReleaseEvents()
	until(t, "what was held back has come", func() bool { types, n := s.heard(); return len(types) == 16 && n == 8 })
}

// What a test says over HTTP is what it says in Go.
func TestControl(t *testing.T) {
	t.Parallel()
	p, base := stripetest.Start(t, stripetest.Options{})
	post := func(path, body string, want int) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/_test/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s %s: %s, want %d", path, body, res.Status, want)
		}
	}
	path := create(t, base)
	ask(t, base, path+"/confirm", url.Values{"payment_method": {stripetest.Authentication}})
	post("customer", `{"booking_id":"b","succeed":true}`, 204)
	post("customer", `{"booking_id":"b","succeed":true}`, 409)
	if b := p.Books()["b"]; b.Captured != 100 {
		t.Errorf("the books say %+v", b)
	}
	refund := func() any {
		out := ask(t, base, "/v1/refunds", url.Values{"payment_intent": {strings.TrimPrefix(path, "/v1/payment_intents/")}, "amount": {"10"}})
		return out["status"]
	}
	post("refuse-refunds", `{"times":1}`, 204)
	if got := []any{refund(), refund()}; got[0] != nil || got[1] != "succeeded" {
		t.Errorf("refunds are %v", got)
	}
	post("faults", `{"operation":"create","kind":"status","status":500}`, 204)
	if e := ask(t, base, "/v1/payment_intents", url.Values{"amount": {"1"}, "currency": {"eur"}}); e["error"] == nil {
		t.Errorf("no fault: %v", e)
	}
	for _, name := range []string{"forget-keys", "release-events", "mend"} {
		post(name, "", 204)
	}
	post("fail-refunds", `{"booking_id":"b"}`, 204)
	post("capture", `{"booking_id":"nobody"}`, 409)
	post("webhooks", `{"hold":true}`, 204)
	post("webhooks", `nonsense`, 400)
}
