package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/imaging"
	"github.com/openboxoffice/boxoffice/services/event/adapter/rest"
	"github.com/openboxoffice/boxoffice/services/event/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/event/eventtest"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// The callers, by their access tokens.
const (
	organizer = "organizer"
	rival     = "rival"
	customer  = "customer"
	admin     = "admin"
)

var callers = map[string]identity.Caller{
	organizer: {UserID: "01920000-0000-7000-8000-000000000001", Role: identity.Organizer},
	rival:     {UserID: "01920000-0000-7000-8000-000000000002", Role: identity.Organizer},
	customer:  {UserID: "01920000-0000-7000-8000-000000000003", Role: identity.Customer},
	admin:     {UserID: "01920000-0000-7000-8000-000000000004", Role: identity.Admin},
}

var now = time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)

// server is the API on an empty database, at a time that stands still.
type server struct {
	handler http.Handler
	service *event.Service
	now     time.Time
	// progress is what booking says of cancelled events.
	progress func(eventID string) (event.Progress, error)
	// payments is the payment provider.
	payments event.Payments
	// pictures draws images.
	pictures event.Pictures
}

func (s *server) Draw(ctx context.Context, mediaType string, upload []byte) (*event.Picture, error) {
	return s.pictures.Draw(ctx, mediaType, upload)
}

func (s *server) Limits(ctx context.Context, currency string) (event.ChargeLimits, error) {
	return s.payments.Limits(ctx, currency)
}

func (s *server) Progress(_ context.Context, eventID string) (event.Progress, error) {
	return s.progress(eventID)
}

// eventsPerOrganizer is more than a test needs, but for that of the limit.
const eventsPerOrganizer = 50

func newServer(t testing.TB) *server {
	t.Helper()
	return newServerThatLogs(t, slog.New(slog.DiscardHandler))
}

func newServerThatLogs(t testing.TB, log *slog.Logger) *server {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "event.db"), sqlite.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	store := sqlite.New(db)
	s := &server{now: now, payments: eventtest.AnyPrice{}, pictures: imaging.New(), progress: func(string) (event.Progress, error) { return event.Progress{}, event.ErrNotTold }}
	s.service, err = event.New(event.Options{Store: store, Inventory: store, Holdings: store, Bookings: s, Payments: s, Pictures: s, Now: func() time.Time { return s.now }, EventsPerOrganizer: eventsPerOrganizer})
	if err != nil {
		t.Fatal(err)
	}
	mux := httpkit.NewRouter(log)
	rest.Register(httpkit.NewAPI(mux, "event", ""), s.service, &auth.Guard{
		Verify: func(_ context.Context, token string) (identity.Caller, error) {
			if c, ok := callers[token]; ok {
				return c, nil
			}
			return identity.Caller{}, auth.ErrInvalidToken
		},
		VerifyService: func(token string) (string, error) { // it is the service
			service, ok := strings.CutPrefix(token, "service ")
			if !ok {
				return "", auth.ErrInvalidToken
			}
			return service, nil
		},
	})
	s.handler = mux
	return s
}

// answer is what a request has come to.
type answer struct {
	status int
	header http.Header
	body   string
}

// json reads the body into v.
func (a answer) json(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
}

// is fails t unless the answer has this status and, where it is a refusal,
// this code.
func (a answer) is(t testing.TB, status int, code string) answer {
	t.Helper()
	var p struct {
		Code string `json:"code"`
	}
	if code != "" {
		a.json(t, &p)
		if ct := a.header.Get("Content-Type"); ct != "application/problem+json" {
			t.Errorf("the content type is %q", ct)
		}
	}
	if a.status != status || p.Code != code {
		t.Fatalf("the answer is %d %s, want %d %q", a.status, a.body, status, code)
	}
	return a
}

// do sends a request. body is a string, or anything as JSON; token is an
// access token, or a service's where it says so.
func (s *server) do(t testing.TB, method, path, token string, body any, headers ...string) answer {
	t.Helper()
	var in io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		in = strings.NewReader(b)
	default:
		j, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		in = bytes.NewReader(j)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, in)
	if body != nil && !slices.Contains(headers, "Content-Type") {
		r.Header.Set("Content-Type", "application/json")
	}
	switch {
	case strings.HasPrefix(token, "service"):
		r.Header.Set("X-Service-Token", token)
	case token != "":
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

type object = map[string]any

// draft is an event of two ticket types, a month ahead.
func draft(edits ...func(object)) object {
	d := object{
		"title": "Night of Strings", "description": "Two\nlines", "category": "Concert",
		"venue":     object{"name": "Große Halle", "address": "Straße 1", "city": "Köln", "country": "DE"},
		"starts_at": now.AddDate(0, 1, 0), "ends_at": now.AddDate(0, 1, 1), "time_zone": "Europe/Berlin",
		"cancellation_policy": object{"free_hours": 48, "fee_basis_points": 1000},
		"ticket_types": []object{
			{"name": "Standard", "price": object{"amount_minor": 2500, "currency": "EUR"}, "capacity": 10},
			{"name": "VIP", "price": object{"amount_minor": 9900, "currency": "EUR"}, "capacity": 2},
		},
	}
	for _, edit := range edits {
		edit(d)
	}
	return d
}

func set(field string, value any) func(object) { return func(o object) { o[field] = value } }

// create publishes an event and returns it as GET would.
func (s *server) create(t testing.TB, edits ...func(object)) object {
	t.Helper()
	var e object
	s.do(t, http.MethodPost, "/events", organizer, draft(edits...)).is(t, http.StatusCreated, "").json(t, &e)
	return e
}

// typeID is the id of an event's i-th ticket type.
func typeID(e object, i int) string { return e["ticket_types"].([]any)[i].(object)["id"].(string) }

func path(e object, more ...string) string {
	return "/events/" + e["id"].(string) + strings.Join(more, "")
}

func newUUID() string { return uuid.NewString() }
