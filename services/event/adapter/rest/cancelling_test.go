package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/event"
)

func TestPolicyIsOptionalAndAlwaysShown(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	free := object{"free_hours": 0., "fee_basis_points": 0.}
	for name, e := range map[string]object{
		"absent": s.create(t, func(d object) { delete(d, "cancellation_policy") }),
		"null":   s.create(t, set("cancellation_policy", nil)),
	} {
		if diff := cmp.Diff(any(free), e["cancellation_policy"]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	e := s.create(t)
	k := newUUID()
	var held, again struct{ Event object }
	book := object{"booking_id": k, "tickets": 1}
	s.do(t, http.MethodPut, path(e, "/book"), "service booking", book).is(t, http.StatusOK, "").json(t, &held)
	want := any(object{"free_hours": 48., "fee_basis_points": 1000.})
	if diff := cmp.Diff(want, held.Event["cancellation_policy"]); diff != "" {
		t.Errorf("of a reservation (-want +got):\n%s", diff)
	}
	// It holds for what was booked before, and PUT replaces it like all else.
	var got object
	delete(e, "cancellation_policy")
	s.do(t, http.MethodPut, path(e), organizer, e).is(t, http.StatusOK, "").json(t, &got)
	if diff := cmp.Diff(any(free), got["cancellation_policy"]); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	s.do(t, http.MethodPut, path(e, "/book"), "service booking", book).is(t, http.StatusOK, "").json(t, &again)
	if diff := cmp.Diff(want, again.Event["cancellation_policy"]); diff != "" {
		t.Errorf("of a reservation from before (-want +got):\n%s", diff)
	}
	for _, p := range []any{
		object{"free_hours": 48}, object{"fee_basis_points": 1}, object{}, 7, []any{},
		object{"free_hours": 8761, "fee_basis_points": 0}, object{"free_hours": -1, "fee_basis_points": 0},
		object{"free_hours": 0, "fee_basis_points": 10001}, object{"free_hours": 0, "fee_basis_points": -1},
		object{"free_hours": 1.5, "fee_basis_points": 0}, object{"free_hours": 0, "fee_basis_points": 0, "more": 1},
	} {
		s.do(t, http.MethodPost, "/events", organizer, draft(set("cancellation_policy", p))).is(t, http.StatusUnprocessableEntity, "validation_failed")
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	for token, code := range map[string]string{"": "unauthenticated", "forged": "invalid_token"} {
		s.do(t, http.MethodPost, path(e, "/cancel"), token, nil).is(t, http.StatusUnauthorized, code)
		s.do(t, http.MethodGet, path(e, "/cancellation"), token, nil).is(t, http.StatusUnauthorized, code)
	}
	for _, token := range []string{customer, rival} {
		s.do(t, http.MethodPost, path(e, "/cancel"), token, nil).is(t, http.StatusForbidden, "forbidden")
		s.do(t, http.MethodGet, path(e, "/cancellation"), token, nil).is(t, http.StatusForbidden, "forbidden")
	}
	none := "/events/" + newUUID()
	s.do(t, http.MethodPost, none+"/cancel", organizer, nil).is(t, http.StatusNotFound, "event_not_found")
	s.do(t, http.MethodGet, none+"/cancellation", organizer, nil).is(t, http.StatusNotFound, "event_not_found")
	s.do(t, http.MethodGet, path(e, "/cancellation"), organizer, nil).is(t, http.StatusNotFound, "event_not_cancelled")
	for _, body := range []any{
		object{"note": strings.Repeat("x", 501)}, object{"note": "a\tb"}, object{"note": 7}, object{"more": 1}, "[]",
	} {
		s.do(t, http.MethodPost, path(e, "/cancel"), organizer, body).is(t, http.StatusUnprocessableEntity, "validation_failed")
	}
	s.do(t, http.MethodPost, path(e, "/cancel"), organizer, "{").is(t, http.StatusBadRequest, "malformed_body")

	var got, again object
	a := s.do(t, http.MethodPost, path(e, "/cancel"), organizer, object{"note": " The singer is ill. "}).is(t, http.StatusOK, "")
	a.json(t, &got)
	e["status"] = "CANCELLED"
	for _, ticketType := range e["ticket_types"].([]any) {
		ticketType.(object)["state"] = "CLOSED"
	}
	if diff := cmp.Diff(e, got); diff != "" || a.header.Get("ETag") != `"2.0"` {
		t.Errorf("etag %s (-want +got):\n%s", a.header.Get("ETag"), diff)
	}
	for _, body := range []any{nil, "{}", object{"note": nil}, object{"note": "Another word"}} {
		s.do(t, http.MethodPost, path(e, "/cancel"), admin, body).is(t, http.StatusOK, "").json(t, &again)
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("cancelled again with %v (-first +again):\n%s", body, diff)
		}
	}
	s.do(t, http.MethodPut, path(e), organizer, e).is(t, http.StatusConflict, "event_cancelled")
	s.do(t, http.MethodDelete, path(e), organizer, nil).is(t, http.StatusConflict, "event_has_bookings")
	s.do(t, http.MethodPut, path(e, "/book"), "service booking", object{"booking_id": newUUID(), "tickets": 1}).is(t, http.StatusConflict, "sales_closed")

	cancellation := func(token string) (got object) {
		t.Helper()
		s.do(t, http.MethodGet, path(e, "/cancellation"), token, nil).is(t, http.StatusOK, "").json(t, &got)
		return got
	}
	want := object{
		"event_id": e["id"], "cancelled_at": "2031-05-06T07:08:09Z", "note": "The singer is ill.", "told": false, "done": false,
	}
	if diff := cmp.Diff(want, cancellation(organizer)); diff != "" {
		t.Errorf("before booking has heard (-want +got):\n%s", diff)
	}
	s.progress = func(id string) (event.Progress, error) {
		if id != e["id"] {
			t.Errorf("booking is asked about %s", id)
		}
		return event.Progress{Pending: 1, Confirmed: 2, Cancelling: 3, Cancelled: 4, RefundsDue: 5}, nil
	}
	want["told"], want["bookings"] = true, object{"pending": 1., "confirmed": 2., "cancelling": 3., "cancelled": 4., "refunds_due": 5.}
	if diff := cmp.Diff(want, cancellation(admin)); diff != "" {
		t.Errorf("on its way (-want +got):\n%s", diff)
	}
	s.progress = func(string) (event.Progress, error) { return event.Progress{Cancelled: 9, Done: true}, nil }
	want["done"], want["bookings"] = true, object{"pending": 0., "confirmed": 0., "cancelling": 0., "cancelled": 9., "refunds_due": 0.}
	if diff := cmp.Diff(want, cancellation(organizer)); diff != "" {
		t.Errorf("done (-want +got):\n%s", diff)
	}
	s.progress = func(string) (event.Progress, error) { return event.Progress{}, event.ErrBookingUnavailable }
	a = s.do(t, http.MethodGet, path(e, "/cancellation"), organizer, nil).is(t, http.StatusServiceUnavailable, "upstream_unavailable")
	if a.header.Get("Retry-After") == "" {
		t.Error("an outage has no Retry-After")
	}
}
