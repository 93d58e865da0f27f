package specs

import (
	"cmp"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// published are the messages, by the name in the document: their topic and type,
// the status that the booking in them always has, if there is one, and what they say.
var published = map[string]struct{ topic, kind, status, summary string }{
	"BookingConfirmed":       {events.TopicBookings, events.TypeBookingConfirmed, "CONFIRMED", "A booking is paid, and the tickets are the customer's"},
	"BookingItemsCancelled":  {events.TopicBookings, events.TypeBookingItemsCancelled, "CONFIRMED", "Some of a booking's tickets are refunded, and on sale again; the rest stands"},
	"BookingResendRequested": {events.TopicBookings, events.TypeBookingResendRequested, "", "The mail with a booking's tickets is asked for once more"},
	"BookingLinksRequested":  {events.TopicBookings, events.TypeBookingLinksRequested, "", "A mail with the links to a guest's bookings is asked for, of which this is the last that was made"},
	"BookingTicketsChanged":  {events.TopicBookings, events.TypeBookingTicketsChanged, "", "Tickets of a booking are not valid any more, because they are being given back, or have another holder"},
	"BookingCancelled":       {events.TopicBookings, events.TypeBookingCancelled, "CANCELLED", "A booking is refunded, and its tickets are on sale again"},
	"BookingFailed":          {events.TopicBookings, events.TypeBookingFailed, "FAILED", "A booking got as far as the payment, and came to nothing"},
	"AccountMailDue":         {events.TopicUsers, events.TypeAccountMail, "", "A user is to be sent a mail about the account"},
	"EventCancelled":         {events.TopicEvents, events.TypeEventCancelled, "", "An event is cancelled, and each of its bookings is to be"},
}

// topics are what each is about, who hears it, and the data of its messages.
var topics = map[string]struct {
	title, tell, teller, hear, hearers string // operations, and their summaries
	consumers                          []string
	data                               reflect.Type
}{
	events.TopicBookings: {
		"What became of bookings", "tell", "The booking service tells", "hear", "The event and the notification service hear",
		[]string{"event", "notification"}, reflect.TypeFor[events.Booking](),
	},
	events.TopicEvents: {
		"What became of events", "tellOfEvents", "The event service tells", "hearOfEvents", "The booking service hears",
		[]string{"booking"}, reflect.TypeFor[events.EventCancelled](),
	},
	events.TopicUsers: {
		"What users are to hear about their accounts", "tellOfUsers", "The user service tells", "hearOfUsers", "The notification service hears",
		[]string{"notification"}, reflect.TypeFor[events.AccountMail](),
	},
}

// said are the optional parts of a booking that a message of a kind has.
var said = map[string][]string{
	events.TypeBookingItemsCancelled: {"cancellation"},
	events.TypeBookingCancelled:      {"cancellation"},
	events.TypeBookingFailed:         {"reason"},
}

// messagesDocument makes the AsyncAPI document of the types in contracts/events.
func messagesDocument(t *testing.T) []byte {
	t.Helper()
	const components = "#/components/"
	type object = map[string]any
	ref := func(to string) object { return object{"$ref": to} }
	registry := huma.NewMapRegistry(components+"schemas/", huma.DefaultSchemaNamer)
	envelope := registry.Schema(reflect.TypeFor[events.Message](), true, "")

	registry.SchemaFromRef(envelope.Ref).Properties["signature"] = &huma.Schema{
		Type: huma.TypeString, Pattern: "^[A-Za-z0-9_-]{86}$", Examples: []any{strings.Repeat("0123456789abcdef", 5) + "01234A"},
		Description: "Between processes: the publisher's seal, the last attribute of the envelope. It is the signature, with the publisher's Ed25519 key, of `boxoffice`, a line feed, the topic, a line feed, and the envelope without this attribute, in base64url without padding.",
	}

	messages, channels, operations := object{}, object{}, object{}
	for topic, about := range topics {
		data := registry.Schema(about.data, true, "")
		ofChannel, all := object{}, []any{}
		for _, name := range slices.Sorted(maps.Keys(published)) {
			m := published[name]
			if m.topic != topic {
				continue
			}
			example := httpkit.Example(registry, envelope).(object)
			content := httpkit.Example(registry, data).(object)
			example["type"], example["data"] = m.kind, content
			is := []any{data}
			if m.topic == events.TopicBookings {
				content["status"] = cmp.Or(m.status, "CONFIRMED")
				if m.status != "" {
					is = append(is, object{"properties": object{"status": object{"const": m.status}}})
				}
				if m.status == "CANCELLED" || m.status == "FAILED" {
					content["tickets"].([]any)[0].(object)["status"] = "CANCELLED"
				}
				for _, part := range []string{"cancellation", "note", "reason"} {
					if !slices.Contains(said[m.kind], part) {
						delete(content, part)
					}
				}
				if c, ok := content["cancellation"].(object); ok {
					for part, minor := range map[string]int64{"price": 5000, "fee": 500, "refund": 4500} {
						c[part] = money.Amount{AmountMinor: minor, Currency: "EUR"}
					}
					content["refunded"] = c["refund"]
					delete(c, "refunded_before") // with it, price and refund would be others
					delete(c, "refund_due")
				}
			} else {
				example["source"], _, _ = strings.Cut(m.kind, ".")
			}
			messages[name] = object{
				"name": m.kind, "title": m.kind, "summary": m.summary, "contentType": cloudevent.ContentType,
				"payload": object{"allOf": []any{envelope, object{"properties": object{
					"type": object{"const": m.kind}, "data": object{"allOf": is},
				}}}},
				"examples": []any{object{"name": m.kind, "payload": example}},
			}
			ofChannel[name] = ref(components + "messages/" + name)
			all = append(all, ref("#/channels/"+topic+"/messages/"+name))
		}
		channels[topic] = object{"address": topic, "title": about.title, "messages": ofChannel}
		channel := ref("#/channels/" + topic)
		operations[about.tell] = object{"action": "send", "summary": about.teller, "channel": channel, "messages": all}
		operations[about.hear] = object{"action": "receive", "summary": about.hearers, "channel": channel, "messages": all}
	}
	b, err := json.Marshal(object{
		"asyncapi": "3.0.0",
		"info": object{
			"title": "Boxoffice messages", "version": httpkit.Version,
			"description": "CloudEvents 1.0 in structured JSON. A message may come more than once, under the same id, and later than one that was published after it. New types may be added to a topic: a consumer ignores those that it does not know.",
			"license":     object{"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
		},
		"defaultContentType": cloudevent.ContentType,
		"channels":           channels, "operations": operations,
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
	t.Parallel()
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
		topic := published[name].topic
		if kind, err := m.Check(topic, b); err != nil || kind != published[name].kind {
			t.Errorf("%s: %q, %v", name, kind, err)
		}
		for what, wrong := range wrong(topic, text) {
			if wrong == text {
				t.Fatalf("%s: nothing was replaced", what)
			}
			if _, err := m.Check(topic, []byte(wrong)); err == nil {
				t.Errorf("%s with %s is taken", name, what)
			}
		}
		for other := range topics {
			if _, err := m.Check(other, b); err == nil && other != topic {
				t.Errorf("%s is taken of another topic", name)
			}
		}
	}
}

// wrong are messages that are not as documented, made of one that is.
func wrong(topic, text string) map[string]string {
	all := map[string]string{
		"another type": strings.Replace(text, `"type":"`, `"type":"c`, 1),
		"no id":        strings.Replace(text, `"id":`, `"ident":`, 1),
		"no time":      strings.Replace(text, `"time":"2030`, `"time":"soon`, 1),
		"no JSON":      text[1:],
	}
	if topic == events.TopicUsers {
		all["no mail"] = strings.Replace(text, `"mail_id":`, `"mail":`, 1)
		all["another purpose"] = strings.Replace(text, `"purpose":"`, `"purpose":"no_`, 1)
		return all
	}
	maps.Copy(all, map[string]string{
		"no version": strings.Replace(text, `"version":`, `"version":"",":":`, 1),
		"no event":   strings.Replace(text, `"event":`, `"what":`, 1),
		"no policy":  strings.Replace(text, `"free_hours":`, `"hours":`, 1),
	})
	if topic == events.TopicBookings {
		maps.Copy(all, map[string]string{
			"another status":   strings.Replace(text, `"status":"`, `"status":"NOT_`, 1),
			"a field missing":  strings.Replace(text, `"user_email":`, `"user_mail":`, 1),
			"another currency": strings.Replace(text, `"EUR"`, `"euro"`, 1),
		})
	}
	return all
}
