package specs

import (
	"encoding/json"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/asyncapi"
	"github.com/openboxoffice/boxoffice/contracts/openapi"
)

// TestBreaking plants changes in the documents that there are: those that break
// clients must be found, and no others.
func TestBreaking(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	schema := func(d object, name string) object { return at(d, "components", "schemas", name) }
	without := func(l any, i int) []any { return append(append([]any{}, list(l)[:i]...), list(l)[i+1:]...) }
	booking, user, messages := openapi.Document("booking"), openapi.Document("user"), asyncapi.Document
	tests := map[string]struct {
		document []byte
		change   func(d object)
		breaks   bool
	}{
		"nothing":                       {booking, func(object) {}, false},
		"nothing at the gateway":        {user, func(object) {}, false},
		"nothing in messages":           {messages, func(object) {}, false},
		"a path removed":                {booking, func(d object) { delete(at(d, "paths"), "/bookings/{id}") }, true},
		"a path removed at the gateway": {user, func(d object) { delete(at(d, "paths"), "/events/{id}") }, true},
		"an operation removed":          {booking, func(d object) { delete(at(d, "paths", "/bookings"), "get") }, true},
		"a field of an answer removed":  {booking, func(d object) { remove(schema(d, "BookingBody"), "event_id") }, true},
		"a field of a request removed":  {booking, func(d object) { remove(schema(d, "CreateBody"), "payment") }, true},
		"a field of a message removed":  {messages, func(d object) { remove(schema(d, "Booking"), "user_email") }, true},
		"a value of a request removed":  {user, func(d object) { cut(at(schema(d, "RegistrationBody"), "properties", "role")) }, true},
		"a value of an answer removed":  {booking, func(d object) { cut(at(schema(d, "BookingBody"), "properties", "status")) }, true},
		"a code removed":                {booking, func(d object) { cut(code(d, "/bookings", "post", "409")) }, true},
		"a field of a request now required": {booking, func(d object) {
			s := schema(d, "CreateBody")
			s["required"] = append(list(s["required"]), "payment")
		}, true},
		"a new field of a request, required": {booking, func(d object) {
			s := schema(d, "CreateBody")
			at(s, "properties")["seat"], s["required"] = object{"type": "string"}, append(list(s["required"]), "seat")
		}, true},
		"a parameter removed": {user, func(d object) {
			op := at(d, "paths", "/events", "get")
			op["parameters"] = without(op["parameters"], 0)
		}, true},
		"a parameter now required": {booking, func(d object) { list(at(d, "paths", "/bookings", "post")["parameters"])[0].(object)["required"] = true }, true},
		"a field of an answer no longer sure": {booking, func(d object) {
			s := schema(d, "BookingBody")
			s["required"] = without(s["required"], 0)
		}, true},
		"a message removed": {messages, func(d object) { delete(at(d, "channels", "bookings", "messages"), "BookingFailed") }, true},

		"a new path":                 {booking, func(d object) { at(d, "paths")["/new"] = at(d, "paths", "/bookings") }, false},
		"a new field of an answer":   {booking, func(d object) { at(schema(d, "BookingBody"), "properties")["seat"] = object{"type": "string"} }, false},
		"a new field of a request":   {booking, func(d object) { at(schema(d, "CreateBody"), "properties")["seat"] = object{"type": "string"} }, false},
		"a new value of an answer":   {booking, func(d object) { grow(at(schema(d, "BookingBody"), "properties", "status")) }, false},
		"a new code":                 {booking, func(d object) { grow(code(d, "/bookings", "post", "409")) }, false},
		"a new value of a request":   {user, func(d object) { grow(at(schema(d, "RegistrationBody"), "properties", "role")) }, false},
		"a new field of a message":   {messages, func(d object) { at(schema(d, "Booking"), "properties")["seat"] = object{"type": "string"} }, false},
		"a better word":              {booking, func(d object) { at(d, "paths", "/bookings", "get")["summary"] = "List" }, false},
		"a field no longer required": {booking, func(d object) { schema(d, "CreateBody")["required"] = []any{} }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var d object
			if err := json.Unmarshal(tt.document, &d); err != nil {
				t.Fatal(err)
			}
			tt.change(d)
			changed, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			found, err := breaking(tt.document, changed)
			if err != nil {
				t.Fatal(err)
			}
			if (len(found) > 0) != tt.breaks {
				t.Errorf("found %q", found)
			}
		})
	}
}

// remove takes a property from a schema.
func remove(schema map[string]any, property string) {
	delete(at(schema, "properties"), property)
	var required []any
	for _, name := range list(schema["required"]) {
		if name != property {
			required = append(required, name)
		}
	}
	schema["required"] = required
}

// cut takes a value from an enum, and grow adds one.
func cut(schema map[string]any)  { schema["enum"] = list(schema["enum"])[1:] }
func grow(schema map[string]any) { schema["enum"] = append(list(schema["enum"]), "NEW") }

// code is the schema of the code in a refusal.
func code(d map[string]any, path, method, status string) map[string]any {
	content := at(d, "paths", path, method, "responses", status, "content", "application/problem+json", "schema")
	return at(list(content["allOf"])[1].(map[string]any), "properties", "code")
}
