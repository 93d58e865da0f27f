package gateway

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

type service string

const (
	event        service = "event"
	booking      service = "booking"
	notification service = "notification"
)

// operation is one thing that clients may do at a service behind.
type operation struct {
	id       string
	method   string
	segments []string // of the path; {name} is a UUID
	service  service
	query    []string // the parameters that are passed on: all that are documented
}

var (
	page       = []string{"limit", "cursor"}
	operations = []operation{
		{id: "listEvents", method: http.MethodGet, segments: []string{"events"}, service: event, query: append([]string{"q", "category", "city", "from", "to", "sort"}, page...)},
		{id: "getEvent", method: http.MethodGet, segments: []string{"events", "{id}"}, service: event},
		{id: "getAvailability", method: http.MethodGet, segments: []string{"events", "{id}", "availability"}, service: event},
		{id: "createEvent", method: http.MethodPost, segments: []string{"events"}, service: event},
		{id: "updateEvent", method: http.MethodPut, segments: []string{"events", "{id}"}, service: event},
		{id: "deleteEvent", method: http.MethodDelete, segments: []string{"events", "{id}"}, service: event},
		{id: "cancelEvent", method: http.MethodPost, segments: []string{"events", "{id}", "cancel"}, service: event},
		{id: "getCancellation", method: http.MethodGet, segments: []string{"events", "{id}", "cancellation"}, service: event},
		{id: "createBooking", method: http.MethodPost, segments: []string{"bookings"}, service: booking},
		{id: "listBookings", method: http.MethodGet, segments: []string{"bookings"}, service: booking, query: page},
		{id: "getBooking", method: http.MethodGet, segments: []string{"bookings", "{id}"}, service: booking},
		{id: "listBookingsOfUser", method: http.MethodGet, segments: []string{"bookings", "user", "{user_id}"}, service: booking, query: page},
		{id: "cancelBooking", method: http.MethodPut, segments: []string{"bookings", "{id}", "cancel"}, service: booking},
		{id: "cancelTickets", method: http.MethodPost, segments: []string{"bookings", "{id}", "cancellations"}, service: booking},
		{id: "hearStripe", method: http.MethodPost, segments: []string{"payments", "stripe", "webhook"}, service: booking},
		{id: "listAuditLog", method: http.MethodGet, segments: []string{"admin", "audit"}, service: booking, query: append([]string{"booking_id", "event_id"}, page...)},
		{id: "listReconciliations", method: http.MethodGet, segments: []string{"admin", "reconciliations"}, service: booking, query: page},
		{id: "reconcile", method: http.MethodPost, segments: []string{"admin", "reconciliations"}, service: booking, query: []string{"days"}},
		{id: "listStuckBookings", method: http.MethodGet, segments: []string{"admin", "stuck-bookings"}, service: booking, query: page},
		{id: "retryStuckBooking", method: http.MethodPost, segments: []string{"admin", "stuck-bookings", "{id}", "retry"}, service: booking},
		{id: "listNotifications", method: http.MethodGet, segments: []string{"notifications"}, service: notification, query: append([]string{"status", "booking_id"}, page...)},
	}
)

// path is the pattern of the operation's path.
func (o operation) path() string { return "/" + strings.Join(o.segments, "/") }

// target builds the URL behind base that r asks for: of known words, parsed
// ids, and known parameters.
func (o operation) target(base *url.URL, r *http.Request) (*url.URL, *httpkit.Error) {
	segments := make([]string, len(o.segments))
	for i, s := range o.segments {
		segments[i] = s
		name, ok := parameter(s)
		if !ok {
			continue
		}
		text := chi.URLParam(r, name)
		id, err := uuid.Parse(text)
		if err != nil || len(text) != len(id.String()) { // Parse takes other forms, too
			p := httpkit.NewProblem(http.StatusUnprocessableEntity, problem.ValidationFailed, "Some fields have values that are not allowed.")
			p.Errors = []problem.Field{{Location: "path." + name, Message: "must be a UUID"}}
			return nil, p
		}
		segments[i] = id.String()
	}
	sent, known := r.URL.Query(), url.Values{}
	for _, name := range o.query {
		if vs, ok := sent[name]; ok {
			known[name] = vs
		}
	}
	u := base.JoinPath(segments...)
	if u.RawQuery = known.Encode(); len(u.RawQuery) > maxQuery {
		return nil, httpkit.NewProblem(http.StatusBadRequest, problem.BadRequest, "The query is too long.")
	}
	return u, nil
}

// maxQuery is how long a query that crosses may be, in bytes, escaped: more than
// any of the services takes, and less than a sidecar does.
const maxQuery = 8 << 10

// parameter returns the name in {name}.
func parameter(segment string) (string, bool) {
	name, ok := strings.CutPrefix(segment, "{")
	return strings.TrimSuffix(name, "}"), ok
}
