package rest_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/event"
)

// charges is a payment provider with these limits.
type charges func(currency string) (event.ChargeLimits, error)

func (c charges) Limits(_ context.Context, currency string) (event.ChargeLimits, error) {
	return c(currency)
}

func TestPricesThatCannotBePaid(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	s.payments = charges(func(currency string) (event.ChargeLimits, error) {
		if currency != "KWD" {
			return event.ChargeLimits{}, event.ErrCurrencyNotSupported
		}
		return event.ChargeLimits{Step: 10, Minimum: 100, Maximum: 99_990}, nil
	})
	at := func(minor int, currency string) object {
		return draft(set("ticket_types", []object{{"name": "Standard", "price": object{"amount_minor": minor, "currency": currency}, "capacity": 10}}))
	}
	for _, request := range [][2]string{{http.MethodPost, "/events"}, {http.MethodPut, path(e)}} {
		for message, body := range map[string]object{
			"must be a multiple of 0.010 KWD, as the payment provider charges no fractions of that":                           at(4555, "KWD"),
			"must be 0 or at least 0.100 KWD, which is the least that the payment provider charges":                           at(90, "KWD"),
			"must be a currency that the payment provider charges":                                                            at(2500, "USD"),
			"must be at most 4.990 KWD, as the payment provider charges at most 99.990 KWD for a booking of up to 20 tickets": at(5000, "KWD"),
		} {
			var p struct {
				Errors []struct{ Location, Message string } `json:"errors"`
			}
			s.do(t, request[0], request[1], organizer, body).is(t, http.StatusUnprocessableEntity, "validation_failed").json(t, &p)
			if len(p.Errors) != 1 || p.Errors[0].Message != message {
				t.Errorf("%s: %+v, want %q", request[0], p.Errors, message)
			}
		}
	}

	s.payments = charges(func(string) (event.ChargeLimits, error) { return event.ChargeLimits{}, event.ErrBookingUnavailable })
	for _, request := range [][2]string{{http.MethodPost, "/events"}, {http.MethodPut, path(e)}} {
		a := s.do(t, request[0], request[1], organizer, at(4550, "KWD")).is(t, http.StatusServiceUnavailable, "upstream_unavailable")
		if a.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", request[0])
		}
	}
	var now object
	s.do(t, http.MethodGet, path(e), "", nil).is(t, http.StatusOK, "").json(t, &now)
	if diff := cmp.Diff(e, now); diff != "" {
		t.Errorf("the event was changed (-before +now):\n%s", diff)
	}
	s.do(t, http.MethodPut, path(e), organizer, now).is(t, http.StatusOK, "") // as it was read
	var found struct{ Items []object }
	s.do(t, http.MethodGet, "/events", "", nil).is(t, http.StatusOK, "").json(t, &found)
	if len(found.Items) != 1 {
		t.Errorf("%d events were published, want 1", len(found.Items))
	}
}
