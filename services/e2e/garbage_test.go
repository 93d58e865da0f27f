package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// Whatever is sent to whatever route, the answer is a refusal with a code, and
// the platform goes on as before.
func TestGarbage(t *testing.T) {
	t.Parallel()
	p := start(t, options{})
	o, c := p.register(t, organizer), p.register(t, customer)
	e := p.publish(t, o, draft(10_000))
	routes := garbageRoutes(p, o, c, e)

	t.Run("bodies", func(t *testing.T) { garbageBodies(t, p, routes) })
	t.Run("large bodies", func(t *testing.T) { largeBodies(t, p, routes) })
	t.Run("media types", func(t *testing.T) { garbageMediaTypes(t, p, routes) })
	t.Run("queries", func(t *testing.T) { garbageQueries(t, p, routes) })
	t.Run("paths", func(t *testing.T) { garbagePaths(t, p, routes) })
	t.Run("methods", func(t *testing.T) { garbageMethods(t, p, routes) })
	t.Run("tokens", func(t *testing.T) { garbageTokens(t, p, c, routes) })
	t.Run("forms", func(t *testing.T) { garbageForms(t, p) })
	t.Run("generated", func(t *testing.T) { generatedGarbage(t, p, routes) })

	p.book(t, c, e, 1)
	for _, s := range services {
		p.get(t, s, "/readyz", nil)
	}
	logs, err := p.logs()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(logs) {
		if strings.Contains(line, `"level":"ERROR"`) || strings.Contains(line, "goroutine ") {
			t.Errorf("garbage makes an error of ours: %s", line)
		}
	}
}

// route is an operation, and who may ask for it with what.
type route struct {
	method string
	at     service
	path   string // {id} is a UUID
	caller option
	body   obj // nil for none
}

func garbageRoutes(p *platform, o, c *account, e event) []route {
	publish := draft(5)
	order := obj{"event_id": e.ID, "tickets": 1, "payment": obj{"token": "tok_visa"}, "user_id": c.id}
	items := obj{"event_id": e.ID, "items": []obj{{"ticket_type_id": e.TicketTypes[0].ID, "quantity": 1}}}
	nobody := func(*http.Request) {}
	routes := []route{
		{http.MethodPost, gateway, "/users", nobody, obj{"email": "a@b.example", "password": "a long secret of mine", "name": "A", "phone": "+491511234567", "role": customer}},
		{http.MethodGet, gateway, "/users/me", as(c), nil},
		{http.MethodPatch, gateway, "/users/me", as(c), obj{"name": "B", "phone": "+491511234567", "password": "another long secret", "current_password": "not this one"}},
		{http.MethodGet, gateway, "/users/{id}/contact", as(c), nil},
		{http.MethodPut, events, "/events/{id}/book", as(c), obj{"booking_id": e.ID, "tickets": 1, "attempt": 1}},
		{http.MethodPut, events, "/events/{id}/release", as(c), obj{"booking_id": e.ID, "attempt": 1}},
		{http.MethodPost, events, "/events/{id}/return", as(c), obj{"booking_id": e.ID, "attempt": 1, "return_id": e.ID, "items": items["items"]}},
		{http.MethodGet, events, "/reservations", as(c), nil},
		{http.MethodGet, bookings, "/bookings/user/{id}", as(c), nil},
		{http.MethodGet, bookings, "/payments/sandbox/ledger", as(p.admin), nil},
		{http.MethodGet, notifications, "/notifications/test", as(c), nil},
		{http.MethodPost, notifications, "/notifications/test", as(c), nil},
	}
	for _, s := range []service{events, bookings, notifications} {
		routes = append(
			routes,
			route{http.MethodPost, s, "/receipts", as(c), obj{"ids": []string{e.ID}}},
			route{http.MethodGet, s, "/dead-letters", as(p.admin), nil},
			route{http.MethodPost, s, "/dead-letters/{id}/replay", as(p.admin), nil},
		)
	}
	for _, behind := range []map[service]service{
		{events: gateway, bookings: gateway, notifications: gateway},
		{events: events, bookings: bookings, notifications: notifications},
	} {
		routes = append(
			routes,
			route{http.MethodGet, behind[events], "/events", nobody, nil},
			route{http.MethodPost, behind[events], "/events", as(o), publish},
			route{http.MethodGet, behind[events], "/events/{id}", nobody, nil},
			route{http.MethodPut, behind[events], "/events/{id}", as(o), publish},
			route{http.MethodDelete, behind[events], "/events/{id}", as(o), nil},
			route{http.MethodGet, behind[events], "/events/{id}/availability", nobody, nil},
			route{http.MethodPost, behind[events], "/events/{id}/cancel", as(o), obj{"note": "The singer is ill."}},
			route{http.MethodGet, behind[events], "/events/{id}/cancellation", as(o), nil},
			route{http.MethodPost, behind[bookings], "/bookings", as(c), order},
			route{http.MethodPost, behind[bookings], "/bookings", as(c), items},
			route{http.MethodGet, behind[bookings], "/bookings", as(c), nil},
			route{http.MethodGet, behind[bookings], "/bookings/{id}", as(c), nil},
			route{http.MethodPut, behind[bookings], "/bookings/{id}/cancel", as(c), nil},
			route{http.MethodPost, behind[bookings], "/bookings/{id}/cancellations", as(c), obj{"items": items["items"]}},
			route{http.MethodPost, behind[bookings], "/bookings/{id}/cancellations", as(c), obj{"tickets": []string{uuid.NewString()}}},
			route{http.MethodGet, behind[bookings], "/bookings/{id}/tickets", as(c), nil},
			route{http.MethodGet, behind[bookings], "/bookings/{id}/tickets.pdf", as(c), nil},
			route{http.MethodGet, behind[bookings], "/bookings/{id}/tickets/" + uuid.NewString() + "/qr.svg", as(c), nil},
			route{http.MethodGet, behind[bookings], "/bookings/{id}/calendar.ics", as(c), nil},
			route{http.MethodPatch, behind[bookings], "/bookings/{id}/tickets/" + uuid.NewString(), as(c), obj{"holder": obj{"name": "Ada", "email": "ada@example.com"}}},
			route{http.MethodGet, behind[bookings], "/admin/audit", as(p.admin), nil},
			route{http.MethodGet, behind[bookings], "/admin/reconciliations", as(p.admin), nil},
			route{http.MethodGet, behind[bookings], "/admin/stuck-bookings", as(p.admin), nil},
			route{http.MethodPost, behind[bookings], "/admin/stuck-bookings/{id}/retry", as(p.admin), nil},
			route{http.MethodGet, behind[notifications], "/notifications", as(c), nil},
		)
	}
	return routes
}

// withID is the path with an id that nothing has.
func (r route) withID() string { return strings.Replace(r.path, "{id}", uuid.NewString(), 1) }

// try sends something to the route, from an address that nobody is tired of.
func (p *platform) try(r route, path string, options ...option) (*answer, error) {
	options = append([]option{r.caller, header("X-Forwarded-For", nextAddress())}, options...)
	return p.send(r.method, r.at, path, options...)
}

// mustRefuse fails the test unless the answer is a 4xx problem.
func mustRefuse(t *testing.T, what string, r route, res *answer, err error) {
	t.Helper()
	if err == nil && (res.status < 400 || res.status > 499) {
		err = fmt.Errorf("%d %.300s", res.status, res.body)
	}
	if err == nil {
		_, err = res.problem()
	}
	if err != nil {
		t.Errorf("%s %s%s with %s: %v", r.method, r.at, r.path, what, err)
	}
}

// mayRefuse fails the test unless the answer is a success or a 4xx problem.
func mayRefuse(t *testing.T, what string, r route, res *answer, err error) {
	t.Helper()
	if err == nil && res.status < 400 {
		return
	}
	mustRefuse(t, what, r, res, err)
}
