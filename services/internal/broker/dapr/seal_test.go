package dapr_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/broker/dapr"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
)

// A message that its publisher has not sealed has no effect: it is kept as one
// that could not be read.
func TestOnlyThePublisherIsHeard(t *testing.T) {
	t.Parallel()
	plain, err := cloudevent.Encode(aMessage())
	if err != nil {
		t.Fatal(err)
	}
	for what, b := range map[string][]byte{
		"no seal":              plain,
		"a consumer's own key": seal.Seal("bookings", plain, eventKey),
		"an unlisted key":      seal.Seal("bookings", plain, authtest.NewKey(t, "booking")),
		"another topic":        seal.Seal("events", plain, bookingKey),
	} {
		h := hear(t, dapr.Options{}, well)
		if status := h.post(t, "bookings", theToken, wrapped(b)); status != http.StatusNoContent {
			t.Errorf("%s: %d", what, status)
		}
		if len(h.heard) > 0 || len(h.letters) != 1 || h.letters[0].Type != broker.TypeMalformed || !strings.Contains(h.reasons[0], "seal") {
			t.Errorf("%s: heard %v, dead letters %v, %v", what, h.heard, h.letters, h.reasons)
		}
	}
	h := hear(t, dapr.Options{}, well)
	h.post(t, "bookings", theToken, wrapped(encode(t, aMessage())))
	if diff := cmp.Diff([]events.Message{aMessage()}, h.heard); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNobodyHearsATopicWithoutAPublisher(t *testing.T) {
	t.Parallel()
	s, err := dapr.NewSubscriber(dapr.Options{Token: "x", Seals: opener(t, "events")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Subscribe(broker.Subscription{Topic: "bookings", Consumer: "event"}); err == nil || errors.Is(err, broker.ErrReject) {
		t.Errorf("a subscription without a publisher: %v", err)
	}
}
