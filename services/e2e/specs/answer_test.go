package specs

import (
	"net/http"
	"net/url"
	"testing"
)

// TestCheck tells answers that are documented from those that are not.
func TestCheck(t *testing.T) {
	t.Parallel()
	const soldOut = `{"title":"Conflict","status":409,"code":"sold_out"}`
	const json, refusal = "application/json", "application/problem+json"
	api, err := NewAPI("booking")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		method, path string
		status       int
		media, body  string
		ok           bool
	}{
		"as documented":               {"POST", "/bookings", 409, refusal, soldOut, true},
		"another operation's code":    {"POST", "/bookings", 409, refusal, `{"title":"Conflict","status":409,"code":"booking_not_cancellable"}`, false},
		"another status":              {"POST", "/bookings", 418, refusal, soldOut, false},
		"a status that is not its":    {"POST", "/bookings", 409, refusal, `{"title":"Conflict","status":410,"code":"sold_out"}`, false},
		"another type":                {"POST", "/bookings", 409, json, soldOut, false},
		"a code that nobody knows":    {"POST", "/bookings", 409, refusal, `{"title":"Conflict","status":409,"code":"x"}`, false},
		"a field that nobody knows":   {"POST", "/bookings", 409, refusal, `{"title":"Conflict","status":409,"code":"sold_out","x":1}`, false},
		"a field is missing":          {"GET", "/bookings", 200, json, `{"items":[]}`, false},
		"all fields":                  {"GET", "/bookings?limit=1", 200, json + "; charset=utf-8", `{"items":[],"next_cursor":null}`, true},
		"no JSON":                     {"GET", "/bookings", 200, json, `{`, false},
		"a body where there is none":  {"GET", "/bookings/01890a5d-ac96-774b-bcce-b302099a8057", 304, json, `{}`, false},
		"no such path":                {"GET", "/nothing", 404, refusal, `{"title":"Not Found","status":404,"code":"route_not_found"}`, true},
		"no such path, and a success": {"GET", "/nothing", 200, json, `{}`, false},
		"no such method":              {"DELETE", "/bookings", 405, refusal, `{"title":"Method Not Allowed","status":405,"code":"method_not_allowed"}`, true},
		"HEAD":                        {"HEAD", "/bookings", 200, json, ``, true},
		"HEAD of another status":      {"HEAD", "/bookings", 201, json, ``, false},
		"health":                      {"GET", "/healthz", 200, json, `{"status":"ok"}`, true},
		"no challenge":                {"GET", "/bookings", 401, refusal, `{"title":"Unauthorized","status":401,"code":"unauthenticated"}`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse("http://127.0.0.1" + tt.path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = api.Check(Answer{
				Method: tt.method, URL: u, Status: tt.status, Header: http.Header{"Content-Type": {tt.media}}, Body: []byte(tt.body),
			})
			if (err == nil) != tt.ok {
				t.Errorf("Check returned %v", err)
			}
		})
	}
}
