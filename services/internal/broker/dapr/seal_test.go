package dapr_test

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/broker/dapr"
)

// A message without its publisher's seal, or changed since, has no effect: it is
// kept as one that could not be read.
func TestOnlyThePublisherIsHeard(t *testing.T) {
	t.Parallel()
	plain, err := cloudevent.Encode(aMessage())
	if err != nil {
		t.Fatal(err)
	}
	good := encode(t, aMessage())
	end := len(good) - 2
	for what, b := range map[string][]byte{
		"no seal":             plain,
		"an empty seal":       append(slices.Clone(plain[:len(plain)-1]), `,"hmac":""}`...),
		"no more than a seal": []byte(`,"hmac":"` + strings.Repeat("0", 64) + `"}`),
		"another secret":      dapr.Seal("bookings", theSecret+"x", plain),
		"no secret":           dapr.Seal("bookings", "", plain),
		"another topic":       dapr.Seal("events", theSecret, plain),
		"another seal":        slices.Concat(good[:end-1], []byte("x"), good[end:]),
		"in capitals":         slices.Concat(good[:end-64], bytes.ToUpper(good[end-64:end]), good[end:]),
		"another message":     bytes.Replace(good, []byte(aMessage().ID), []byte("other"), 1),
		"more after it":       append(slices.Clone(good), ' '),
		"sealed twice":        dapr.Seal("bookings", "x", good),
		"a second seal":       slices.Concat(plain[:len(plain)-1], good[len(plain)-1:len(good)-1], good[len(plain)-1:]),
	} {
		h := hear(t, dapr.Options{}, well)
		if status := h.post(t, "bookings", theToken, wrapped(b)); status != http.StatusNoContent {
			t.Errorf("%s: %d", what, status)
		}
		if len(h.heard) > 0 || len(h.letters) != 1 || h.letters[0].Type != dapr.TypeMalformed || !strings.Contains(h.reasons[0], "seal") {
			t.Errorf("%s: heard %v, dead letters %v, %v", what, h.heard, h.letters, h.reasons)
		}
	}
	h := hear(t, dapr.Options{}, well)
	h.post(t, "bookings", theToken, wrapped(good))
	if diff := cmp.Diff([]events.Message{aMessage()}, h.heard); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNobodyPublishesOrHearsWithoutASecret(t *testing.T) {
	t.Parallel()
	if _, err := dapr.NewPublisher("http://127.0.0.1:3500", "x", "", time.Second); err == nil {
		t.Error("a publisher without a secret")
	}
	s, err := dapr.NewSubscriber(dapr.Options{Token: "x", Secrets: map[string]string{"events": theSecret}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Subscribe(broker.Subscription{Topic: "bookings", Consumer: "event"}); err == nil || errors.Is(err, broker.ErrReject) {
		t.Errorf("a subscription without a secret: %v", err)
	}
}
