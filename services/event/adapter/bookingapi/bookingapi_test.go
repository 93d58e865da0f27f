package bookingapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/bookingapi"
	"github.com/openboxoffice/boxoffice/services/event/eventtest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// booking is the part of the booking service that this adapter calls.
func booking(t *testing.T) eventtest.BookingsFixture {
	t.Helper()
	var known sync.Map
	var down atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cancelled-events/{id}", func(w http.ResponseWriter, r *http.Request) {
		p, ok := known.Load(r.PathValue("id"))
		switch {
		case down.Load():
			w.WriteHeader(http.StatusBadGateway)
		case r.Header.Get("X-Service-Token") != "secret":
			answer(t, w, http.StatusUnauthorized, problem.Problem{Status: 401, Code: problem.InvalidToken})
		case !ok:
			answer(t, w, http.StatusNotFound, problem.Problem{Status: 404, Code: problem.EventNotFound})
		default:
			p := p.(event.Progress)
			answer(t, w, http.StatusOK, map[string]any{
				"event_id": r.PathValue("id"), "recorded_at": "2031-05-06T07:08:09Z", "done": p.Done,
				"pending": p.Pending, "confirmed": p.Confirmed, "cancelling": p.Cancelling, "cancelled": p.Cancelled,
				"refunds_due": p.RefundsDue,
			})
		}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return eventtest.BookingsFixture{
		Bookings: client(t, srv.URL, "secret"),
		Put:      func(id string, p event.Progress) { known.Store(id, p) },
		Down:     func() { down.Store(true) },
	}
}

func client(t *testing.T, url, token string) *bookingapi.Bookings {
	t.Helper()
	c, err := httpkit.NewClient(url, func() (string, error) { return token, nil }, bookingapi.Timeout)
	if err != nil {
		t.Fatal(err)
	}
	return bookingapi.New(c)
}

func answer(t *testing.T, w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	if status >= 400 {
		w.Header().Set("Content-Type", problem.ContentType)
	}
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		t.Error(err)
	}
}

func TestBookingsContract(t *testing.T) {
	t.Parallel()
	eventtest.TestBookings(t, booking)
}

// hasty takes no answer for not told.
type hasty struct{ event.Bookings }

func (h hasty) Progress(ctx context.Context, id string) (event.Progress, error) {
	p, err := h.Bookings.Progress(ctx, id)
	if err != nil {
		err = event.ErrNotTold
	}
	return p, err
}

// forgetful leaves out the refunds that somebody has to see to.
type forgetful struct{ event.Bookings }

func (f forgetful) Progress(ctx context.Context, id string) (event.Progress, error) {
	p, err := f.Bookings.Progress(ctx, id)
	p.RefundsDue = 0
	return p, err
}

func TestBookingsSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]struct {
		spoil    func(event.Bookings) event.Bookings
		caughtBy string
	}{
		"takes_an_outage_for_not_told": {
			func(b event.Bookings) event.Bookings { return hasty{b} }, "no_answer_is_ErrBookingUnavailable",
		},
		"forgets_the_refunds_due": {
			func(b event.Bookings) event.Bookings { return forgetful{b} }, "progress_says_how_far_it_is",
		},
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			eventtest.TestBookings(t, func(t *testing.T) eventtest.BookingsFixture {
				f := booking(t)
				f.Bookings = b.spoil(f.Bookings)
				return f
			})
		}, b.caughtBy)
	}
}

// What is not understood must not pass for "not told": a wrong service token,
// or an answer about something else.
func TestWhatIsNotUnderstoodIsAnOutage(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"a refused token": func(w http.ResponseWriter, _ *http.Request) {
			answer(t, w, http.StatusForbidden, problem.Problem{Status: 403, Code: problem.Forbidden})
		},
		"another event": func(w http.ResponseWriter, _ *http.Request) {
			answer(t, w, http.StatusOK, map[string]any{"event_id": uuid.NewString(), "done": true})
		},
	} {
		srv := httptest.NewServer(h)
		if p, err := client(t, srv.URL, "secret").Progress(t.Context(), uuid.NewString()); !errors.Is(err, event.ErrBookingUnavailable) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		srv.Close()
	}
}

// TestAReportIsAnsweredInTime: see storage.LaneTimeout.
func TestAReportIsAnsweredInTime(t *testing.T) {
	t.Parallel()
	if bookingapi.Timeout <= storage.LaneTimeout {
		t.Errorf("event waits %v, a lane answers after %v", bookingapi.Timeout, storage.LaneTimeout)
	}
}
