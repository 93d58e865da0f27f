package stripe_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// fullEvents keeps nothing while it is full.
type fullEvents struct {
	booking.PaymentEvents
	full bool
}

func (e *fullEvents) Keep(ctx context.Context, event booking.PaymentEvent) (bool, error) {
	if e.full {
		return false, errors.New("the disk is full")
	}
	return e.PaymentEvents.Keep(ctx, event)
}

func TestStripesWebhook(t *testing.T) {
	t.Parallel()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "b.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	events := &fullEvents{PaymentEvents: store.PaymentEvents()}
	log := slog.New(slog.DiscardHandler)
	s := booking.New(booking.Options{Store: store, PaymentEvents: events, Log: log})
	webhook, err := stripe.NewWebhook("whsec")
	if err != nil {
		t.Fatal(err)
	}
	serve := func(webhook *stripe.Webhook, body, signature string) (int, string) {
		mux := httpkit.NewRouter(log)
		stripe.Register(httpkit.NewAPI(mux, "t", ""), s, webhook)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/payments/stripe/webhook", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		if signature != "" {
			r.Header.Set("Stripe-Signature", signature)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	event := func(id, kind string) string {
		return `{"id":"` + id + `","type":"` + kind + `","data":{"object":{"metadata":{"booking_id":"b1"}}}}`
	}
	sign := func(body string) string { return stripetest.Sign([]byte(body), "whsec", time.Now()) }
	unhandled := func() (ids []string) {
		all, err := store.PaymentEvents().Unhandled(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range all {
			ids = append(ids, e.ID)
		}
		return ids
	}

	first, other := event("evt_1", "payment_intent.succeeded"), event("evt_2", "product.created")
	events.full = true
	if code, body := serve(webhook, first, sign(first)); code != 503 || !strings.Contains(body, `"service_unavailable"`) {
		t.Errorf("what cannot be kept: %d %s", code, body)
	}
	events.full = false
	for _, body := range []string{first, other, first} {
		if code, answer := serve(webhook, body, sign(body)); code != 200 || answer != "" {
			t.Errorf("%s: %d %s", body, code, answer)
		}
	}
	if got := unhandled(); len(got) != 1 || got[0] != "evt_1" {
		t.Errorf("to be handled are %v", got)
	}
	forged := event("evt_3", "payment_intent.succeeded")
	for _, signature := range []string{"", "x", sign(first), stripetest.Sign([]byte(forged), "other", time.Now())} {
		if code, body := serve(webhook, forged, signature); code != 400 || !strings.Contains(body, `"invalid_signature"`) {
			t.Errorf("signed %q: %d %s", signature, code, body)
		}
	}
	huge := event("evt_4", strings.Repeat("x", 2<<20))
	if code, body := serve(webhook, huge, sign(huge)); code != 413 || !strings.Contains(body, `"body_too_large"`) {
		t.Errorf("a huge one: %d %s", code, body)
	}
	if code, body := serve(nil, first, sign(first)); code != 404 || !strings.Contains(body, `"route_not_found"`) {
		t.Errorf("where Stripe is not the provider: %d %s", code, body)
	}
	if got := unhandled(); len(got) != 1 {
		t.Errorf("to be handled are %v", got)
	}
}
