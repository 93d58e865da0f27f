package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// The gateway builds the inner URL of ids that it has parsed: no way of writing
// a path gets a client anywhere else.
func TestGatewayPaths(t *testing.T) {
	t.Parallel()
	p := shared(t)
	o := p.register(t, organizer)
	e := p.publish(t, o, draft(5))
	id := e.ID
	reserve := body(obj{"booking_id": uuid.NewString(), "tickets": 1})
	for _, path := range []string{
		"/events/" + id + "/book", "/events/" + id + "/book/", "/events/" + id + "%2Fbook", "/events/" + id + "%2fbook",
		"/events/" + id + "%252Fbook", "/events/" + id + "/%62ook", "/events/" + id + "/availability/../book",
		"/events/" + id + "/availability/%2e%2e/book", "/events/" + id + "%00/book", "/events/" + id + "%3f/book", "/events/" + id + "/book%3fx",
		"/events/" + id + ";/book", "/events/" + id + "/BOOK", "/events//" + id + "/book", "//events/" + id + "/book", "/./events/" + id + "/book",
		"/events/" + id + "/release", "/events/" + id + "/return", "/reservations", "/events/../reservations", "/bookings/..%2fevents%2f" + id + "%2fbook", "/bookings/../events/" + id + "/book/cancel",
		"/bookings/%2e%2e%2fevents%2f" + id + "%2fbook%3f/cancel", "/events/../receipts", "/events/..%2freceipts", "/receipts", "/notifications/../receipts",
		"/bookings/" + id + "%2f..%2f..%2fpayments%2fsandbox%2fledger", "/bookings/user%2f" + o.id + "/cancel", "/events/" + id + "\\book",
		"/users/" + o.id + "/contact", "/users/me/../" + o.id + "/contact", "/users/" + o.id + "%2fcontact",
	} {
		for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodGet} {
			res, err := p.send(method, gateway, path, as(p.admin), header("X-Service-Token", "made-up"), reserve)
			if err != nil {
				t.Errorf("%s %s: %v", method, path, err)
				continue
			}
			if res.status < 400 || res.status >= 500 {
				t.Errorf("%s %s: %d %s", method, path, res.status, res.body)
			} else if _, err := res.problem(); err != nil {
				t.Error(err)
			}
		}
	}
	if a := p.available(t, id); a.Available != 5 {
		t.Errorf("%d of 5 available, and nobody has booked", a.Available)
	}
}

// What the services answer comes through the gateway as it is.
func TestGatewayPassesThrough(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c, o := p.register(t, customer), p.register(t, organizer)
	e := p.publish(t, o, draft(5))
	b := p.book(t, c, e, 1)
	for path, behind := range map[string]service{
		"/events?limit=2&q=abend&sort=-starts_at": events, "/events/" + e.ID: events, "/events/" + e.ID + "/availability": events,
		"/bookings?limit=1": bookings, "/bookings/" + b.ID: bookings,
		"/events/" + uuid.NewString(): events, "/events?limit=0": events, "/bookings/" + uuid.NewString(): bookings, "/bookings?cursor=x": bookings,
		"/notifications?status=x": notifications,
	} {
		const trace = "0af7651916cd43dd8448eb211c80319c"
		options := []option{as(c), header("traceparent", "00-"+trace+"-b7ad6b7169203331-01")}
		through, direct := p.call(t, http.MethodGet, gateway, path, options...), p.call(t, http.MethodGet, behind, path, options...)
		if strings.HasPrefix(path, "/events?") && through.status == http.StatusOK {
			continue // others publish at the same time
		}
		if through.status != direct.status || string(through.body) != string(direct.body) {
			t.Errorf("%s: through the gateway %d %s\n directly %d %s", path, through.status, through.body, direct.status, direct.body)
		}
		for _, h := range []string{"Content-Type", "ETag", "Location", "Retry-After"} {
			if through.header.Get(h) != direct.header.Get(h) {
				t.Errorf("%s: %s is %q through the gateway, else %q", path, h, through.header.Get(h), direct.header.Get(h))
			}
		}
		if through.status >= 400 {
			if refusal, err := through.problem(); err != nil {
				t.Error(err)
			} else if refusal.TraceID != trace {
				t.Errorf("%s: the trace id is %q, want the caller's", path, refusal.TraceID)
			}
		}
	}
}

func TestEveryServiceTellsAboutItself(t *testing.T) {
	t.Parallel()
	p := shared(t)
	for s, paths := range map[service][]string{
		gateway:       {"/users", "/token", "/token/revoke", "/users/me", "/bookings", "/events"},
		events:        {"/events", "/events/{id}", "/events/{id}/availability", "/events/{id}/book", "/events/{id}/release", "/events/{id}/return", "/reservations", "/receipts", "/dead-letters"},
		bookings:      {"/bookings", "/bookings/{id}", "/bookings/{id}/cancel", "/bookings/user/{user_id}", "/payments/sandbox/ledger"},
		notifications: {"/notifications", "/notifications/test", "/receipts", "/dead-letters"},
	} {
		var doc struct {
			OpenAPI string         `json:"openapi"`
			Paths   map[string]any `json:"paths"`
		}
		p.get(t, s, "/openapi.json", &doc)
		if !strings.HasPrefix(doc.OpenAPI, "3.1") {
			t.Errorf("%s: OpenAPI %q", s, doc.OpenAPI)
		}
		for _, path := range paths {
			if doc.Paths[path] == nil {
				t.Errorf("%s: the OpenAPI document lacks %s", s, path)
			}
		}
		docs := p.call(t, http.MethodGet, s, "/docs").want(t, http.StatusOK)
		for _, outside := range []string{`src="http`, `href="http`, `src="//`, `href="//`} {
			if strings.Contains(string(docs.body), outside) {
				t.Errorf("%s: /docs loads from elsewhere: %s", s, docs.body)
			}
		}
		p.get(t, s, "/healthz", nil)
		p.get(t, s, "/readyz", nil)
		p.call(t, http.MethodGet, s, "/no/such/path").refused(t, http.StatusNotFound, problem.RouteNotFound)
		p.call(t, http.MethodDelete, s, "/healthz").refused(t, http.StatusMethodNotAllowed, problem.MethodNotAllowed)
	}
}
