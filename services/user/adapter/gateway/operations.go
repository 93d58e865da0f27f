package gateway

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
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
	query    []string // the parameters that are passed on
	public   bool     // needs no access token
	bodyDoc  string   // what the body is; "" is none
	headers  []string // the request headers that matter
	summary  string
}

var (
	page       = []string{"limit", "cursor"}
	operations = []operation{
		{
			id: "listEvents", method: http.MethodGet, segments: []string{"events"}, service: event, public: true,
			query:   append([]string{"q", "category", "city", "from", "to", "sort"}, page...),
			summary: "Find events",
		},
		{
			id: "getEvent", method: http.MethodGet, segments: []string{"events", "{id}"}, service: event, public: true,
			headers: []string{"If-None-Match"}, summary: "Get an event",
		},
		{
			id: "getAvailability", method: http.MethodGet, segments: []string{"events", "{id}", "availability"}, service: event, public: true,
			headers: []string{"If-None-Match"}, summary: "Get how many tickets are left",
		},
		{
			id: "createEvent", method: http.MethodPost, segments: []string{"events"}, service: event,
			bodyDoc: "An event with its ticket types", summary: "Publish an event, as an organizer",
		},
		{
			id: "replaceEvent", method: http.MethodPut, segments: []string{"events", "{id}"}, service: event,
			bodyDoc: "The event as it should be", headers: []string{"If-Match"}, summary: "Change an event of one's own",
		},
		{
			id: "deleteEvent", method: http.MethodDelete, segments: []string{"events", "{id}"}, service: event,
			headers: []string{"If-Match"}, summary: "Delete an event of one's own that has no bookings",
		},
		{
			id: "createBooking", method: http.MethodPost, segments: []string{"bookings"}, service: booking,
			bodyDoc: "{event_id, tickets | items: [{ticket_type_id, quantity}], payment?: {token}}", headers: []string{"Idempotency-Key"},
			summary: "Book tickets",
		},
		{
			id: "listBookings", method: http.MethodGet, segments: []string{"bookings"}, service: booking,
			query: page, summary: "List one's own bookings",
		},
		{
			id: "getBooking", method: http.MethodGet, segments: []string{"bookings", "{id}"}, service: booking,
			summary: "Get a booking of one's own",
		},
		{
			id: "listBookingsOfUser", method: http.MethodGet, segments: []string{"bookings", "user", "{user_id}"}, service: booking,
			query: page, summary: "List a user's bookings",
		},
		{
			id: "cancelBooking", method: http.MethodPut, segments: []string{"bookings", "{id}", "cancel"}, service: booking,
			summary: "Cancel a booking",
		},
		{
			id: "listNotifications", method: http.MethodGet, segments: []string{"notifications"}, service: notification,
			query: append([]string{"status", "booking_id"}, page...), summary: "List one's own notifications",
		},
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
	u.RawQuery = known.Encode()
	return u, nil
}

// parameter returns the name in {name}.
func parameter(segment string) (string, bool) {
	name, ok := strings.CutPrefix(segment, "{")
	return strings.TrimSuffix(name, "}"), ok
}

// describe is the operation for the document.
func (o operation) describe(api huma.API) *huma.Operation {
	op := &huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path(), Summary: o.summary, Tags: []string{string(o.service) + "s"},
		Description: "Passed on to the " + string(o.service) + " service, whose own document says more.",
		Responses: map[string]*huma.Response{
			"2XX": {Description: "As the " + string(o.service) + " service answers", Content: map[string]*huma.MediaType{
				"application/json": {Schema: &huma.Schema{}},
			}},
			"default": {Description: "Refused: code says why", Content: map[string]*huma.MediaType{
				problem.ContentType: {Schema: &huma.Schema{Ref: "#/components/schemas/Error"}},
			}},
		},
	}
	text := &huma.Schema{Type: huma.TypeString}
	for _, s := range o.segments {
		if name, ok := parameter(s); ok {
			op.Parameters = append(op.Parameters, &huma.Param{
				Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString, Format: "uuid"},
			})
		}
	}
	for _, name := range o.query {
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "query", Schema: text})
	}
	for _, name := range o.headers {
		op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "header", Schema: text})
	}
	if o.bodyDoc != "" {
		op.RequestBody = &huma.RequestBody{Required: true, Description: o.bodyDoc, Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}},
		}}
	}
	if !o.public {
		op.Security = []map[string][]string{{httpkit.SchemeBearer: {}}}
	}
	return op
}
