package rest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBook(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	booking := newUUID()
	book := func(body object) answer {
		return s.do(t, http.MethodPut, path(e, "/book"), "service booking", body)
	}
	items := []object{{"ticket_type_id": typeID(e, 1), "quantity": 1}, {"ticket_type_id": typeID(e, 0), "quantity": 3}}
	var got object
	first := book(object{"booking_id": booking, "items": items}).is(t, http.StatusOK, "")
	first.json(t, &got)
	want := object{
		"booking_id": booking,
		"event": object{
			"id": e["id"], "organizer_id": e["organizer_id"], "title": e["title"], "starts_at": e["starts_at"], "ends_at": e["ends_at"], "time_zone": e["time_zone"], "venue": e["venue"],
			"cancellation_policy": e["cancellation_policy"],
		},
		"items": []any{
			object{"ticket_type_id": typeID(e, 1), "name": "VIP", "quantity": 1., "position": 2., "unit_price": object{"amount_minor": 9900., "currency": "EUR"}},
			object{"ticket_type_id": typeID(e, 0), "name": "Standard", "quantity": 3., "position": 1., "unit_price": object{"amount_minor": 2500., "currency": "EUR"}},
		},
		"total": object{"amount_minor": 17400., "currency": "EUR"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := book(object{"booking_id": booking, "attempt": 1, "items": items}).is(t, http.StatusOK, ""); again.body != first.body {
		t.Errorf("a repeat is answered\n%s\nafter\n%s", again.body, first.body)
	}
	book(object{"booking_id": booking, "items": items[:1]}).is(t, http.StatusConflict, "reservation_mismatch")
	book(object{"booking_id": newUUID(), "tickets": 8}).is(t, http.StatusConflict, "sold_out")
	book(object{"booking_id": newUUID(), "items": []object{{"ticket_type_id": newUUID(), "quantity": 1}}}).is(t, http.StatusUnprocessableEntity, "ticket_type_not_found")
	s.now = now.AddDate(0, 1, 0)
	book(object{"booking_id": newUUID(), "tickets": 1}).is(t, http.StatusConflict, "sales_closed")
	book(object{"booking_id": booking, "items": items}).is(t, http.StatusOK, "")
}

func TestBookRefusesNonsense(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	one, two := object{"ticket_type_id": typeID(e, 0), "quantity": 1}, object{"ticket_type_id": typeID(e, 1), "quantity": 1}
	for name, body := range map[string]object{
		"neither tickets nor items": {},
		"both":                      {"tickets": 1, "items": []object{one}},
		"no tickets":                {"tickets": 0},
		"negative tickets":          {"tickets": -1},
		"too many tickets":          {"tickets": 21},
		"huge":                      {"tickets": 1e300},
		"no items":                  {"items": []object{}},
		"null items":                {"items": nil},
		"a type twice":              {"items": []object{one, one}},
		"negative quantity":         {"items": []object{{"ticket_type_id": typeID(e, 0), "quantity": -1}}},
		"too many together":         {"items": []object{two, {"ticket_type_id": typeID(e, 0), "quantity": 20}}},
		"a type that is no UUID":    {"items": []object{{"ticket_type_id": "x", "quantity": 1}}},
		"attempt zero":              {"tickets": 1, "attempt": 0},
		"attempt out of range":      {"tickets": 1, "attempt": 1001},
		"booking that is no UUID":   {"tickets": 1, "booking_id": "x"},
		"unknown field":             {"tickets": 1, "user_id": newUUID()},
	} {
		t.Run(name, func(t *testing.T) {
			if _, ok := body["booking_id"]; !ok {
				body["booking_id"] = newUUID()
			}
			s.do(t, http.MethodPut, path(e, "/book"), "service booking", body).is(t, http.StatusUnprocessableEntity, "validation_failed")
		})
	}
}

// A repeat of "two tickets" means the type that was the first when they were
// reserved, whatever the organizer has done since.
func TestTicketsAreOfTheFirstType(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	body := object{"booking_id": newUUID(), "tickets": 2}
	first := s.do(t, http.MethodPut, path(e, "/book"), "service booking", body).is(t, http.StatusOK, "")
	types := e["ticket_types"].([]any)
	types[0], types[1] = types[1], types[0]
	s.do(t, http.MethodPut, path(e), organizer, e).is(t, http.StatusOK, "")
	again := s.do(t, http.MethodPut, path(e, "/book"), "service booking", body).is(t, http.StatusOK, "")
	if first.body != again.body {
		t.Errorf("a repeat is answered\n%s\nafter\n%s", again.body, first.body)
	}
	body["tickets"] = 1
	s.do(t, http.MethodPut, path(e, "/book"), "service booking", body).is(t, http.StatusConflict, "reservation_mismatch")
}

func TestRelease(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	booking := newUUID()
	do := func(operation string, attempt int) answer {
		body := object{"booking_id": booking, "attempt": attempt}
		if operation == "/book" {
			body["tickets"] = 10
		}
		return s.do(t, http.MethodPut, path(e, operation), "service booking", body)
	}
	do("/book", 1).is(t, http.StatusOK, "")
	for range 2 {
		do("/release", 1).is(t, http.StatusNoContent, "")
	}
	do("/book", 1).is(t, http.StatusConflict, "reservation_released")
	do("/book", 2).is(t, http.StatusOK, "")
	s.do(t, http.MethodPut, path(e, "/release"), "service booking", object{"booking_id": booking}).is(t, http.StatusNoContent, "")
	s.do(t, http.MethodDelete, path(e), organizer, nil).is(t, http.StatusConflict, "event_has_bookings")
	do("/release", 5).is(t, http.StatusNoContent, "")
	do("/book", 4).is(t, http.StatusConflict, "reservation_released")
	for _, bad := range []object{{}, {"booking_id": "x"}, {"booking_id": booking, "attempt": -1}, {"booking_id": booking, "tickets": 1}} {
		s.do(t, http.MethodPut, path(e, "/release"), "service booking", bad).is(t, http.StatusUnprocessableEntity, "validation_failed")
	}
	s.now = now.Add(time.Hour)
	s.do(t, http.MethodDelete, path(e), organizer, nil).is(t, http.StatusNoContent, "")
	do("/release", 5).is(t, http.StatusNotFound, "event_not_found")
}

func TestReturn(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	booking := newUUID()
	standard := func(n int) []object { return []object{{"ticket_type_id": typeID(e, 0), "quantity": n}} }
	back := func(returnID string, items []object) answer {
		body := object{"booking_id": booking, "attempt": 1, "return_id": returnID, "items": items}
		return s.do(t, http.MethodPost, path(e, "/return"), "service booking", body)
	}
	available := func(want float64) {
		t.Helper()
		var got object
		s.do(t, http.MethodGet, path(e, "/availability"), "", nil).is(t, http.StatusOK, "").json(t, &got)
		if n := got["ticket_types"].([]any)[0].(object)["available"]; n != want {
			t.Errorf("%v tickets are available, want %v", n, want)
		}
	}
	back(newUUID(), standard(1)).is(t, http.StatusConflict, "tickets_not_booked")
	s.do(t, http.MethodPut, path(e, "/book"), "service booking", object{"booking_id": booking, "tickets": 5}).is(t, http.StatusOK, "")
	first := newUUID()
	for _, again := range []string{first, first, strings.ToUpper(first)} {
		back(again, standard(2)).is(t, http.StatusNoContent, "")
		available(7)
	}
	back(first, standard(1)).is(t, http.StatusConflict, "reservation_mismatch")
	back(newUUID(), standard(4)).is(t, http.StatusConflict, "tickets_not_booked")
	back(newUUID(), []object{{"ticket_type_id": typeID(e, 1), "quantity": 1}}).is(t, http.StatusConflict, "tickets_not_booked")
	available(7)
	s.do(t, http.MethodPut, path(e, "/release"), "service booking", object{"booking_id": booking}).is(t, http.StatusNoContent, "")
	available(10)
	back(newUUID(), standard(3)).is(t, http.StatusNoContent, "")
	available(10)
	good := func() object {
		return object{"booking_id": booking, "attempt": 1, "return_id": newUUID(), "items": standard(1)}
	}
	for field, bad := range map[string]any{
		"booking_id": "x", "attempt": 0, "return_id": "x", "items": []object{}, "user_id": newUUID(),
	} {
		body := good()
		body[field] = bad
		s.do(t, http.MethodPost, path(e, "/return"), "service booking", body).is(t, http.StatusUnprocessableEntity, "validation_failed")
	}
	for _, missing := range []string{"booking_id", "return_id", "items"} {
		body := good()
		delete(body, missing)
		s.do(t, http.MethodPost, path(e, "/return"), "service booking", body).is(t, http.StatusUnprocessableEntity, "validation_failed")
	}
	back(newUUID(), append(standard(1), standard(1)...)).is(t, http.StatusUnprocessableEntity, "validation_failed")
	s.do(t, http.MethodPost, "/events/"+newUUID()+"/return", "service booking", good()).is(t, http.StatusNotFound, "event_not_found")
}

func TestReservations(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	bookings := []string{newUUID(), newUUID(), newUUID()}
	slices.Sort(bookings)
	for i, booking := range bookings {
		for attempt := 1; attempt <= 2; attempt++ {
			s.do(t, http.MethodPut, path(e, "/book"), "service booking",
				object{"booking_id": booking, "attempt": attempt, "tickets": 1}).is(t, http.StatusOK, "")
		}
		if i == 1 {
			s.do(t, http.MethodPut, path(e, "/release"), "service booking", object{"booking_id": booking}).is(t, http.StatusNoContent, "")
		}
	}
	holding := func(booking, attempt int) object {
		return object{"event_id": e["id"], "booking_id": bookings[booking], "attempt": float64(attempt), "state": "HELD", "tickets": 1.}
	}
	for query, want := range map[string][]any{
		"":                                       {holding(0, 1), holding(0, 2), holding(1, 2), holding(2, 1), holding(2, 2)},
		"?limit=1":                               {holding(0, 1), holding(0, 2)},
		"?after=&limit=3":                        {holding(0, 1), holding(0, 2), holding(1, 2)},
		"?limit=1000":                            {holding(0, 1), holding(0, 2), holding(1, 2), holding(2, 1), holding(2, 2)},
		"?after=" + bookings[0]:                  {holding(1, 2), holding(2, 1), holding(2, 2)},
		"?after=" + bookings[2]:                  {},
		"?after=" + strings.ToUpper(bookings[1]): {holding(2, 1), holding(2, 2)},
	} {
		var got object
		s.do(t, http.MethodGet, "/reservations"+query, "service booking", nil).is(t, http.StatusOK, "").json(t, &got)
		if diff := cmp.Diff(object{"items": want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
	for _, query := range []string{
		"limit=0", "limit=1001", "limit=-1", "limit=x", "after=x", "after=" + bookings[0][1:], "after=urn:uuid:" + bookings[0], "after=%7B" + bookings[0] + "%7D",
		"after=" + strings.ReplaceAll(bookings[0], "-", ""),
	} {
		s.do(t, http.MethodGet, "/reservations?"+query, "service booking", nil).is(t, http.StatusUnprocessableEntity, "validation_failed")
	}
}

// An id is the same in capital letters: in paths, bodies and queries.
func TestIDsInCapitals(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	booking, returned := newUUID(), newUUID()
	at := "/events/" + strings.ToUpper(e["id"].(string))
	items := func(quantity int) []object {
		return []object{{"ticket_type_id": strings.ToUpper(typeID(e, 1)), "quantity": quantity}}
	}
	for _, id := range []string{strings.ToUpper(booking), booking} {
		s.do(t, http.MethodPut, at+"/book", "service booking", object{"booking_id": id, "items": items(2)}).is(t, http.StatusOK, "")
	}
	for _, id := range []string{strings.ToUpper(returned), returned} {
		s.do(t, http.MethodPost, at+"/return", "service booking", object{"booking_id": strings.ToUpper(booking), "return_id": id, "items": items(1)}).
			is(t, http.StatusNoContent, "")
	}
	twice := append(items(1), object{"ticket_type_id": typeID(e, 1), "quantity": 1})
	s.do(t, http.MethodPut, at+"/book", "service booking", object{"booking_id": newUUID(), "items": twice}).is(t, http.StatusUnprocessableEntity, "validation_failed")
	var got object
	s.do(t, http.MethodGet, at, "", nil).is(t, http.StatusOK, "").json(t, &got)
	for _, tt := range got["ticket_types"].([]any) {
		tt.(object)["id"] = strings.ToUpper(tt.(object)["id"].(string))
	}
	s.do(t, http.MethodPut, at, organizer, got).is(t, http.StatusOK, "").json(t, &got)
	if first, second := typeID(got, 0), typeID(got, 1); first != typeID(e, 0) || second != typeID(e, 1) {
		t.Errorf("the ticket types are %s and %s, want %s and %s", first, second, typeID(e, 0), typeID(e, 1))
	}
	if left := got["ticket_types"].([]any)[1].(object)["available"]; left != 1. {
		t.Errorf("%v VIP tickets are left, want 1", left)
	}
}
