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

// provider is the part of the booking service that answers with charge limits.
func provider(t *testing.T) eventtest.PaymentsFixture {
	t.Helper()
	var charged sync.Map
	var down atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("GET /charge-limits/{currency}", func(w http.ResponseWriter, r *http.Request) {
		l, ok := charged.Load(r.PathValue("currency"))
		switch {
		case down.Load():
			w.WriteHeader(http.StatusBadGateway)
		case r.Header.Get("X-Service-Token") != "secret":
			answer(t, w, http.StatusUnauthorized, problem.Problem{Status: 401, Code: problem.InvalidToken})
		case !ok:
			answer(t, w, http.StatusNotFound, problem.Problem{Status: 404, Code: problem.CurrencyNotSupported})
		default:
			l := l.(event.ChargeLimits)
			answer(t, w, http.StatusOK, map[string]any{
				"currency": r.PathValue("currency"), "step_minor": l.Step, "minimum_minor": l.Minimum, "maximum_minor": l.Maximum,
			})
		}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return eventtest.PaymentsFixture{
		Payments: client(t, srv.URL, "secret"),
		Put:      func(currency string, l event.ChargeLimits) { charged.Store(currency, l) },
		Down:     func() { down.Store(true) },
	}
}

func TestPaymentsContract(t *testing.T) {
	t.Parallel()
	eventtest.TestPayments(t, provider)
}

// limits is an event.Payments of one function.
type limits func(ctx context.Context, currency string) (event.ChargeLimits, error)

func (l limits) Limits(ctx context.Context, currency string) (event.ChargeLimits, error) {
	return l(ctx, currency)
}

func TestPaymentsSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]struct {
		spoil    func(event.Payments) limits
		caughtBy string
	}{
		"knows_the_limits_of_euros_alone": {func(p event.Payments) limits {
			return func(ctx context.Context, currency string) (event.ChargeLimits, error) {
				if currency == "KWD" {
					currency = "EUR"
				}
				return p.Limits(ctx, currency)
			}
		}, "limits_are_those_of_the_currency"},
		"charges_every_currency": {func(p event.Payments) limits {
			return func(ctx context.Context, currency string) (event.ChargeLimits, error) {
				l, err := p.Limits(ctx, currency)
				if errors.Is(err, event.ErrCurrencyNotSupported) {
					return event.ChargeLimits{Step: 1, Minimum: 1, Maximum: 1_000_000}, nil
				}
				return l, err
			}
		}, "a_currency_that_is_not_charged_is_ErrCurrencyNotSupported"},
		"takes_an_outage_for_a_refusal": {func(p event.Payments) limits {
			return func(ctx context.Context, currency string) (event.ChargeLimits, error) {
				l, err := p.Limits(ctx, currency)
				if errors.Is(err, event.ErrBookingUnavailable) {
					err = event.ErrCurrencyNotSupported
				}
				return l, err
			}
		}, "no_answer_is_ErrBookingUnavailable"},
		"remembers_what_it_was_told": {func(p event.Payments) limits {
			var known sync.Map
			return func(ctx context.Context, currency string) (event.ChargeLimits, error) {
				if l, ok := known.Load(currency); ok {
					return l.(event.ChargeLimits), nil
				}
				l, err := p.Limits(ctx, currency)
				if err == nil {
					known.Store(currency, l)
				}
				return l, err
			}
		}, "no_answer_is_ErrBookingUnavailable"},
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			eventtest.TestPayments(t, func(t *testing.T) eventtest.PaymentsFixture {
				f := provider(t)
				f.Payments = b.spoil(f.Payments)
				return f
			})
		}, b.caughtBy)
	}
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

// A refused service token, or an answer about another event or currency, is an
// outage. It is neither "not told" nor limits.
func TestWhatIsNotUnderstoodIsAnOutage(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]http.HandlerFunc{
		"a refused token": func(w http.ResponseWriter, _ *http.Request) {
			answer(t, w, http.StatusForbidden, problem.Problem{Status: 403, Code: problem.Forbidden})
		},
		"another currency, and event": func(w http.ResponseWriter, _ *http.Request) {
			answer(t, w, http.StatusOK, map[string]any{
				"event_id": uuid.NewString(), "done": true, "currency": "JPY", "step_minor": 1, "minimum_minor": 1, "maximum_minor": 2,
			})
		},
		"no step": func(w http.ResponseWriter, _ *http.Request) {
			answer(t, w, http.StatusOK, map[string]any{"currency": "EUR", "step_minor": 0, "minimum_minor": 1, "maximum_minor": 2})
		},
		"no path": func(w http.ResponseWriter, _ *http.Request) {
			answer(t, w, http.StatusNotFound, problem.Problem{Status: 404, Code: problem.RouteNotFound})
		},
	} {
		srv := httptest.NewServer(h)
		if p, err := client(t, srv.URL, "secret").Progress(t.Context(), uuid.NewString()); !errors.Is(err, event.ErrBookingUnavailable) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if l, err := client(t, srv.URL, "secret").Limits(t.Context(), "EUR"); !errors.Is(err, event.ErrBookingUnavailable) {
			t.Errorf("%s: %+v, %v", name, l, err)
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
