package specs

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// published are the messages, by the name in the document: their type, the
// status that the booking in them has, and what they say.
var published = map[string]struct{ kind, status, summary string }{
	"BookingConfirmed":      {events.TypeBookingConfirmed, "CONFIRMED", "A booking is paid, and the tickets are the customer's"},
	"BookingItemsCancelled": {events.TypeBookingItemsCancelled, "CONFIRMED", "Some tickets of a booking are refunded and on sale again, and the rest stands"},
	"BookingCancelled":      {events.TypeBookingCancelled, "CANCELLED", "A booking is refunded, and its tickets are on sale again"},
	"BookingFailed":         {events.TypeBookingFailed, "FAILED", "A booking got as far as the payment, and came to nothing"},
}

// messagesDocument makes the AsyncAPI document of the types in contracts/events.
func messagesDocument(t *testing.T) []byte {
	t.Helper()
	const components, channel = "#/components/", "#/channels/" + events.TopicBookings
	type object = map[string]any
	ref := func(to string) object { return object{"$ref": to} }
	registry := huma.NewMapRegistry(components+"schemas/", huma.DefaultSchemaNamer)
	envelope := registry.Schema(reflect.TypeFor[events.Message](), true, "")
	data := registry.Schema(reflect.TypeFor[events.Booking](), true, "")

	registry.SchemaFromRef(envelope.Ref).Properties["hmac"] = &huma.Schema{
		Type: huma.TypeString, Pattern: "^[0-9a-f]{64}$", Examples: []any{strings.Repeat("0123456789abcdef", 4)},
		Description: "By a broker: the publisher's seal, the last attribute of the envelope. It is the HMAC-SHA-256, by the publisher's secret, of the topic, a line feed, and the envelope without this attribute.",
	}

	messages, ofChannel, all := object{}, object{}, []any{}
	for _, name := range slices.Sorted(maps.Keys(published)) {
		m := published[name]
		example := httpkit.Example(registry, envelope).(object)
		booking := httpkit.Example(registry, data).(object)
		example["type"], example["data"], booking["status"] = m.kind, booking, m.status
		if m.status != "FAILED" {
			delete(booking, "reason")
		}
		if m.kind != events.TypeBookingCancelled && m.kind != events.TypeBookingItemsCancelled {
			delete(booking, "cancellation")
		}
		delete(booking, "note")                            // but for an event that is cancelled
		if c, ok := booking["cancellation"].(object); ok { // sums that come out even
			amount := func(minor int) object { return object{"amount_minor": minor, "currency": "EUR"} }
			c["price"], c["fee"], c["refund"] = amount(5000), amount(500), amount(4500)
			booking["refunded"] = c["refund"]
			delete(c, "refund_due")
		}
		messages[name] = object{
			"name": m.kind, "title": m.kind, "summary": m.summary, "contentType": cloudevent.ContentType,
			"payload": object{"allOf": []any{envelope, object{"properties": object{
				"type": object{"const": m.kind},
				"data": object{"allOf": []any{data, object{"properties": object{"status": object{"const": m.status}}}}},
			}}}},
			"examples": []any{object{"name": m.kind, "payload": example}},
		}
		ofChannel[name] = ref(components + "messages/" + name)
		all = append(all, ref(channel+"/messages/"+name))
	}
	b, err := json.Marshal(object{
		"asyncapi": "3.0.0",
		"info": object{
			"title": "Boxoffice messages", "version": httpkit.Version,
			"description": "CloudEvents 1.0 in structured JSON. A message may come more than once, under the same id, and later than one that was published after it.",
			"license":     object{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
		},
		"defaultContentType": cloudevent.ContentType,
		"channels": object{events.TopicBookings: object{
			"address": events.TopicBookings, "title": "What became of bookings", "messages": ofChannel,
		}},
		"operations": object{
			"tell": object{"action": "send", "summary": "The booking service tells", "channel": ref(channel), "messages": all},
			"hear": object{"action": "receive", "summary": "The event and the notification service hear", "channel": ref(channel), "messages": all},
		},
		"components": object{"messages": messages, "schemas": registry.Map()},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMessageExamples checks the examples, and that the schemas are narrow
// enough to be worth something.
func TestMessageExamples(t *testing.T) {
	m, err := NewMessages()
	if err != nil {
		t.Fatal(err)
	}
	for name := range published {
		payload := list(at(m.root, "components", "messages", name)["examples"])[0].(map[string]any)["payload"]
		b, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		if kind, err := m.Check(events.TopicBookings, b); err != nil || kind != published[name].kind {
			t.Errorf("%s: %q, %v", name, kind, err)
		}
		for what, wrong := range map[string]string{
			"another status":   strings.Replace(text, `"status":"`, `"status":"NOT_`, 1),
			"another type":     strings.Replace(text, `"type":"booking.`, `"type":"cooking.`, 1),
			"a field missing":  strings.Replace(text, `"user_email":`, `"user_mail":`, 1),
			"no id":            strings.Replace(text, `"id":`, `"ident":`, 1),
			"no version":       strings.Replace(text, `"version":5`, `"version":"5"`, 1),
			"another currency": strings.Replace(text, `"EUR"`, `"euro"`, 1),
			"no time":          strings.Replace(text, `"time":"2030`, `"time":"soon`, 1),
			"no JSON":          text[1:],
		} {
			if wrong == text {
				t.Fatalf("%s: nothing was replaced", what)
			}
			if _, err := m.Check(events.TopicBookings, []byte(wrong)); err == nil {
				t.Errorf("%s with %s is taken", name, what)
			}
		}
		if _, err := m.Check(events.TopicEvents, b); err == nil {
			t.Errorf("%s is taken of another topic", name)
		}
	}
}
