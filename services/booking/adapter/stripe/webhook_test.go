package stripe_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
)

const told = `{"id":"evt_1","object":"event","type":"payment_intent.succeeded","api_version":"2019-01-01","data":{"object":{"id":"pi_1","object":"payment_intent","metadata":{"booking_id":"b1"}}}}`

func TestWebhookSignatures(t *testing.T) {
	t.Parallel()
	w, err := stripe.NewWebhook("whsec_new", "whsec_old")
	if err != nil {
		t.Fatal(err)
	}
	sign := func(secret string, at time.Time) string { return stripetest.Sign([]byte(told), secret, at) }
	now := time.Now()
	for name, signature := range map[string]string{
		"the new secret": sign("whsec_new", now), "the old secret": sign("whsec_old", now), "four minutes ago": sign("whsec_new", now.Add(-4*time.Minute)),
		"two signatures": sign("whsec_new", now) + ",v1=" + strings.Repeat("0", 64),
	} {
		e, err := w.Event([]byte(told), signature)
		if err != nil || e != (booking.PaymentEvent{ID: "evt_1", Type: "payment_intent.succeeded", BookingID: "b1"}) {
			t.Errorf("%s: %+v, %v", name, e, err)
		}
	}
	for name, signature := range map[string]string{
		"none": "", "nonsense": "x", "another secret": sign("whsec_other", now), "six minutes ago": sign("whsec_new", now.Add(-6*time.Minute)),
		"another scheme": strings.Replace(sign("whsec_new", now), "v1=", "v0=", 1),
		"another time":   "t=1," + sign("whsec_new", now)[strings.Index(sign("whsec_new", now), "v1="):],
	} {
		if _, err := w.Event([]byte(told), signature); !errors.Is(err, stripe.ErrInvalidSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	changed := strings.Replace(told, "b1", "b2", 1)
	if _, err := w.Event([]byte(changed), sign("whsec_new", now)); !errors.Is(err, stripe.ErrInvalidSignature) {
		t.Errorf("a body that was changed: %v", err)
	}
}

// Only what has come to its end is acted on: a booking that waits for its customer
// is not to be settled because it has begun to wait.
func TestWebhookTypes(t *testing.T) {
	t.Parallel()
	w, err := stripe.NewWebhook("s")
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[string]string{
		"payment_intent.succeeded": "b1", "payment_intent.payment_failed": "b1", "payment_intent.canceled": "b1",
		"payment_intent.requires_action": "", "payment_intent.created": "", "payment_intent.processing": "", "charge.succeeded": "",
		"customer.updated": "", "whatever.comes": "",
	} {
		body := []byte(strings.Replace(told, "payment_intent.succeeded", kind, 1))
		e, err := w.Event(body, stripetest.Sign(body, "s", time.Now()))
		if err != nil || e.BookingID != want || e.Type != kind {
			t.Errorf("%s: %+v, %v", kind, e, err)
		}
	}
	for _, body := range []string{`{}`, `[]`, `x`, ``} {
		if _, err := w.Event([]byte(body), stripetest.Sign([]byte(body), "s", time.Now())); !errors.Is(err, stripe.ErrInvalidSignature) {
			t.Errorf("%q: %v", body, err)
		}
	}
	for _, secrets := range [][]string{nil, {""}, {"a", ""}} {
		if _, err := stripe.NewWebhook(secrets...); err == nil {
			t.Errorf("%q will do for secrets", secrets)
		}
	}
}
