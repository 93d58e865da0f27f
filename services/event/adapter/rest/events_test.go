package rest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCreateAndGet(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.do(t, http.MethodPost, "/events", organizer, draft()).is(t, http.StatusCreated, "")
	var created, got object
	a.json(t, &created)
	if want := path(created); a.header.Get("Location") != want || a.header.Get("ETag") != `"1.0"` {
		t.Errorf("location %q, etag %q", a.header.Get("Location"), a.header.Get("ETag"))
	}
	b := s.do(t, http.MethodGet, a.header.Get("Location"), "", nil).is(t, http.StatusOK, "")
	b.json(t, &got)
	if diff := cmp.Diff(created, got); diff != "" {
		t.Errorf("created and got differ:\n%s", diff)
	}
	want := draft(
		set("id", got["id"]), set("organizer_id", callers[organizer].UserID), set("status", "PUBLISHED"),
		set("cancellation_policy", object{"free_hours": 48., "fee_basis_points": 1000.}),
		set("created_at", "2031-05-06T07:08:09Z"), set("updated_at", "2031-05-06T07:08:09Z"),
		set("max_per_booking", 20.), set("transfers", true),
		set("starts_at", "2031-06-06T07:08:09Z"), set("ends_at", "2031-06-07T07:08:09Z"),
		set("ticket_types", []any{
			object{"id": typeID(got, 0), "name": "Standard", "price": object{"amount_minor": 2500., "currency": "EUR"}, "capacity": 10., "available": 10., "state": "ON_SALE"},
			object{"id": typeID(got, 1), "name": "VIP", "price": object{"amount_minor": 9900., "currency": "EUR"}, "capacity": 2., "available": 2., "state": "ON_SALE"},
		}))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNotModified(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	for _, p := range []string{path(e), path(e, "/availability")} {
		tag := s.do(t, http.MethodGet, p, "", nil).is(t, http.StatusOK, "").header.Get("ETag")
		for _, headers := range [][]string{
			{tag}, {"W/" + tag}, {"*"}, {`"x", ` + tag}, {`"x"`, tag}, {"", tag}, {`"a,b",` + tag + ","}, {` , "é" ,` + tag}, {tag + `,W/"x"`, ""},
		} {
			a := s.do(t, http.MethodGet, p, "", nil, lines("If-None-Match", headers...)...).is(t, http.StatusNotModified, "")
			if a.body != "" || a.header.Get("ETag") != tag {
				t.Errorf("a 304 has body %q, etag %q", a.body, a.header.Get("ETag"))
			}
		}
		for _, headers := range [][]string{
			{`"9.9"`}, {"nonsense"}, {`"`}, {","}, {""}, {"", ""}, {`"x,` + strings.Trim(tag, `"`) + `"`}, {"*", tag}, {"w/" + tag}, {tag + tag}, {tag + " " + tag},
		} {
			s.do(t, http.MethodGet, p, "", nil, lines("If-None-Match", headers...)...).is(t, http.StatusOK, "")
		}
	}
	tag := s.do(t, http.MethodGet, path(e), "", nil).header.Get("ETag")
	s.do(t, http.MethodPut, path(e, "/book"), "service booking", object{"booking_id": newUUID(), "tickets": 1}).is(t, http.StatusOK, "")
	a := s.do(t, http.MethodGet, path(e), "", nil, "If-None-Match", tag).is(t, http.StatusOK, "")
	if got := a.header.Get("ETag"); got != `"1.1"` {
		t.Errorf("after a sale the etag is %s", got)
	}
	// The clock changes both: sales close when the event starts.
	for _, p := range []string{path(e), path(e, "/availability")} {
		s.now = now
		tag = s.do(t, http.MethodGet, p, "", nil).header.Get("ETag")
		s.now = now.AddDate(0, 1, 0)
		s.do(t, http.MethodGet, p, "", nil, "If-None-Match", tag).is(t, http.StatusOK, "")
	}
}

// TestSales: a ticket type says when it is sold and whether it can be had now, and the
// ETag changes with that.
func TestSales(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	price := object{"amount_minor": 2500, "currency": "EUR"}
	e := s.create(t, set("summary", " Bach "), set("language", "PT-br"), set("ends_at", now.AddDate(0, 1, 20)), set("ticket_types", []object{
		{"name": "Early", "price": price, "capacity": 1, "description": "Seats near the bar", "sales_from": "2031-05-07T09:00:00+02:00", "sales_until": now.AddDate(0, 0, 2)},
		{"name": "Any day", "price": price, "capacity": 5, "sales_until": now.AddDate(0, 1, 19)},
		{"name": "Opening", "price": price, "capacity": 5, "description": nil, "sales_from": nil},
	}))
	if e["summary"] != "Bach" || e["language"] != "pt-BR" {
		t.Errorf("summary %v, language %v", e["summary"], e["language"])
	}
	early := e["ticket_types"].([]any)[0].(object)
	if early["description"] != "Seats near the bar" || early["sales_from"] != "2031-05-07T07:00:00Z" || early["sales_until"] != "2031-05-08T07:08:09Z" {
		t.Errorf("the first type is %v", early)
	}
	book := func(i int) answer {
		return s.do(t, http.MethodPut, path(e, "/book"), "service booking", object{"booking_id": newUUID(), "items": []object{{"ticket_type_id": typeID(e, i), "quantity": 1}}})
	}
	tags := map[string]bool{}
	at := func(when time.Time, open bool, want ...string) {
		t.Helper()
		s.now = when
		for _, p := range []string{path(e), path(e, "/availability")} {
			var got struct {
				SalesOpen   *bool                    `json:"sales_open"`
				TicketTypes []struct{ State string } `json:"ticket_types"`
			}
			a := s.do(t, http.MethodGet, p, "", nil).is(t, http.StatusOK, "")
			a.json(t, &got)
			for i, state := range want {
				if got.TicketTypes[i].State != state {
					t.Errorf("%s at %v: type %d is %s, want %s", p, when, i, got.TicketTypes[i].State, state)
				}
			}
			if got.SalesOpen != nil && *got.SalesOpen != open {
				t.Errorf("at %v sales are open: %t, want %t", when, *got.SalesOpen, open)
			}
			if p == path(e) {
				if tag := a.header.Get("ETag"); tags[tag] {
					t.Errorf("at %v the ETag is %s, as before", when, tag)
				} else {
					tags[tag] = true
				}
			}
		}
	}
	at(now, true, "NOT_YET", "ON_SALE", "ON_SALE")
	book(0).is(t, http.StatusConflict, "not_on_sale_yet")
	at(now.AddDate(0, 0, 1), true, "ON_SALE", "ON_SALE", "ON_SALE")
	book(0).is(t, http.StatusOK, "")
	at(now.AddDate(0, 0, 1), true, "SOLD_OUT", "ON_SALE", "ON_SALE")
	book(0).is(t, http.StatusConflict, "sold_out")
	at(now.AddDate(0, 0, 2), true, "CLOSED", "ON_SALE", "ON_SALE")
	book(0).is(t, http.StatusConflict, "sales_closed")
	at(now.AddDate(0, 1, 0), true, "CLOSED", "ON_SALE", "CLOSED")
	book(1).is(t, http.StatusOK, "")
	book(2).is(t, http.StatusConflict, "sales_closed")
	at(now.AddDate(0, 1, 19), false, "CLOSED", "CLOSED", "CLOSED")
	// What GET returned can be put back, and a tag with the clock's part is one to edit on.
	a := s.do(t, http.MethodGet, path(e), "", nil)
	s.do(t, http.MethodPut, path(e), organizer, a.body, "If-Match", a.header.Get("ETag")).is(t, http.StatusOK, "")
}

func TestAvailability(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	s.do(t, http.MethodPut, path(e, "/book"), "service booking", object{"booking_id": newUUID(), "tickets": 4}).is(t, http.StatusOK, "")
	check := func(open bool, available float64) {
		t.Helper()
		var got object
		s.do(t, http.MethodGet, path(e, "/availability"), "", nil).is(t, http.StatusOK, "").json(t, &got)
		if got["sales_open"] != open || got["available"] != available || got["capacity"] != 12. || got["event_id"] != e["id"] {
			t.Errorf("availability is %v", got)
		}
	}
	check(true, 8)
	s.do(t, http.MethodPut, path(e, "/book"), "service booking", object{"booking_id": newUUID(), "items": []object{
		{"ticket_type_id": typeID(e, 0), "quantity": 6}, {"ticket_type_id": typeID(e, 1), "quantity": 2},
	}}).is(t, http.StatusOK, "")
	check(false, 0)
}

func TestListPages(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	long := strings.Repeat("𝄞<", 100) // the longest title, in the longest cursor
	for i := range 5 {
		s.create(t, set("title", fmt.Sprintf("%d", i)), set("starts_at", now.AddDate(0, 2, 0)), set("ends_at", now.AddDate(0, 2, i+1)))
		s.create(t, set("title", long))
	}
	for _, sort := range []string{"starts_at", "-starts_at", "title"} {
		seen, next := map[string]bool{}, ""
		for pages := 1; ; pages++ {
			var page struct {
				Items      []object `json:"items"`
				NextCursor *string  `json:"next_cursor"`
			}
			s.do(t, http.MethodGet, "/events?limit=3&sort="+sort+"&cursor="+next, "", nil).is(t, http.StatusOK, "").json(t, &page)
			for _, e := range page.Items {
				seen[e["id"].(string)] = true
			}
			if page.NextCursor == nil {
				if pages != 4 || len(seen) != 10 {
					t.Errorf("sorted by %s, %d pages have %d events", sort, pages, len(seen))
				}
				break
			}
			next = *page.NextCursor
			for _, other := range []string{"starts_at", "-starts_at", "title"} {
				if other != sort {
					s.do(t, http.MethodGet, "/events?sort="+other+"&cursor="+next, "", nil).is(t, http.StatusUnprocessableEntity, "invalid_cursor")
				}
			}
		}
	}
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.create(t, set("title", "ΟΔΟΣ"))
	s.create(t, set("category", "Talk"), set("venue", object{"name": "Club", "city": "Łódź"}))
	s.create(t, set("starts_at", now.AddDate(1, 0, 0)), set("ends_at", now.AddDate(1, 0, 1)))
	for query, want := range map[string]int{
		"": 3, "q=" + url.QueryEscape("οδος"): 1, "q=" + url.QueryEscape("große strings"): 1, "category=TALK": 1, "city=" + url.QueryEscape("łÓDŹ"): 1, "city=None": 0, "category=%E2%80%8B": 0, "city=%20": 3,
		"month=2031-06": 2, "month=2032-05": 1, "month=2031-07": 0, "price_max=2500&currency=EUR": 3, "price_max=2499&currency=EUR": 0, "price_max=0&currency=EUR": 0,
		"month=2031-06&price_max=9000&currency=EUR&category=talk": 1, "price_max=&currency=&month=": 3,
		"from=" + now.AddDate(1, 0, 0).Format(time.RFC3339): 1, "to=" + now.AddDate(1, 0, 0).Format(time.RFC3339): 2, "q=lines&limit=2": 2,
	} {
		var page struct{ Items []object }
		a := s.do(t, http.MethodGet, "/events?"+query, "", nil).is(t, http.StatusOK, "")
		a.json(t, &page)
		if len(page.Items) != want {
			t.Errorf("%s finds %d, want %d", query, len(page.Items), want)
		}
		if want == 0 && !strings.Contains(a.body, `"items":[],"next_cursor":null`) {
			t.Errorf("an empty list is %s", a.body)
		}
	}
}

func TestFiltersThatAreNone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, query := range []string{
		"month=2031-13", "month=2031-6", "month=June", "price_max=-1&currency=EUR", "price_max=x&currency=EUR", "price_max=1&currency=eur",
		"price_max=1", "currency=EUR", "price_max=100000001&currency=EUR",
	} {
		s.do(t, http.MethodGet, "/events?"+query, "", nil).is(t, http.StatusUnprocessableEntity, "validation_failed")
	}
}

func TestASearchOfTooManyWordsSaysWhere(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var p struct{ Errors []struct{ Location string } }
	s.do(t, http.MethodGet, "/events?q=one+two+three+four+five+six+seven+eight+nine+ten+eleven", "", nil).
		is(t, http.StatusUnprocessableEntity, "validation_failed").json(t, &p)
	if len(p.Errors) != 1 || p.Errors[0].Location != "query.q" {
		t.Errorf("errors %v, want one at query.q", p.Errors)
	}
}

func TestOwnership(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	s.do(t, http.MethodPost, "/events", "", draft()).is(t, http.StatusUnauthorized, "unauthenticated")
	s.do(t, http.MethodPost, "/events", "forged", draft()).is(t, http.StatusUnauthorized, "invalid_token")
	s.do(t, http.MethodPost, "/events", customer, draft()).is(t, http.StatusForbidden, "forbidden")
	s.do(t, http.MethodPut, path(e), customer, e).is(t, http.StatusForbidden, "forbidden")
	s.do(t, http.MethodPut, path(e), rival, e).is(t, http.StatusForbidden, "forbidden")
	s.do(t, http.MethodPut, path(e), "", e).is(t, http.StatusUnauthorized, "unauthenticated")
	s.do(t, http.MethodDelete, path(e), rival, nil).is(t, http.StatusForbidden, "forbidden")
	s.do(t, http.MethodDelete, path(e), customer, nil).is(t, http.StatusForbidden, "forbidden")
	s.do(t, http.MethodPut, path(e), admin, e).is(t, http.StatusOK, "")
	s.do(t, http.MethodDelete, path(e), admin, nil).is(t, http.StatusNoContent, "")

	e = s.create(t)
	for p, method := range map[string]string{
		path(e, "/book"): http.MethodPut, path(e, "/release"): http.MethodPut, path(e, "/return"): http.MethodPost, "/reservations": http.MethodGet,
	} {
		var body any
		if method != http.MethodGet {
			body = object{"booking_id": newUUID()}
		}
		for token, code := range map[string]string{"": "unauthenticated", "services": "invalid_token", organizer: "unauthenticated", admin: "unauthenticated"} {
			s.do(t, method, p, token, body).is(t, http.StatusUnauthorized, code)
		}
		s.do(t, method, p, "service notification", body).is(t, http.StatusForbidden, "forbidden")
		s.do(t, method, p, "", body, "dapr-api-token", "service booking").is(t, http.StatusUnauthorized, "unauthenticated")
	}
}

func TestPutTakesWhatGetReturned(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	s.now = now.Add(time.Minute)
	// What the service sets itself is ignored, even where it is nonsense.
	forged := object{}
	for k, v := range e {
		forged[k] = v
	}
	forged["id"], forged["organizer_id"], forged["status"], forged["created_at"] = newUUID(), 7, "CANCELLED", nil
	forged["title"] = "Renamed"
	var got object
	a := s.do(t, http.MethodPut, path(e), organizer, forged).is(t, http.StatusOK, "")
	a.json(t, &got)
	e["title"], e["updated_at"] = "Renamed", "2031-05-06T07:09:09Z"
	if diff := cmp.Diff(e, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if a.header.Get("ETag") != `"2.0"` {
		t.Errorf("the etag is %s", a.header.Get("ETag"))
	}
	e["surprise"] = 1
	s.do(t, http.MethodPut, path(e), organizer, e).is(t, http.StatusUnprocessableEntity, "validation_failed")
}

func TestDoorsLimitAndTransfers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t, set("doors_at", "2031-06-06T08:00:00+02:00"), set("max_per_booking", 3), set("transfers", false))
	want := func(got object, doors, most, transfers any) {
		t.Helper()
		if got["doors_at"] != doors || got["max_per_booking"] != most || got["transfers"] != transfers {
			t.Errorf("doors_at %v, max_per_booking %v, transfers %v; want %v, %v, %v",
				got["doors_at"], got["max_per_booking"], got["transfers"], doors, most, transfers)
		}
	}
	want(e, "2031-06-06T06:00:00Z", 3., false)
	var left object
	s.do(t, http.MethodGet, path(e, "/availability"), "", nil).is(t, http.StatusOK, "").json(t, &left)
	if left["max_per_booking"] != 3. {
		t.Errorf("availability has max_per_booking %v, want 3", left["max_per_booking"])
	}
	s.do(t, http.MethodPut, path(e, "/book"), "service booking", object{"booking_id": newUUID(), "tickets": 4}).is(t, http.StatusConflict, "too_many_tickets")

	var same, without object
	s.do(t, http.MethodPut, path(e), organizer, e).is(t, http.StatusOK, "").json(t, &same)
	want(same, "2031-06-06T06:00:00Z", 3., false)
	s.do(t, http.MethodPut, path(e), organizer, draft(set("doors_at", nil))).is(t, http.StatusOK, "").json(t, &without)
	want(without, nil, 20., true)
}

func TestPutTicketTypes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	s.do(t, http.MethodPut, path(e, "/book"), "service booking", object{"booking_id": newUUID(), "tickets": 4}).is(t, http.StatusOK, "")
	price := object{"amount_minor": 1, "currency": "EUR"}
	put := func(types ...object) answer {
		return s.do(t, http.MethodPut, path(e), organizer, draft(set("ticket_types", types)))
	}
	standard := func(capacity int) object {
		return object{"id": typeID(e, 0), "name": "Standard", "price": price, "capacity": capacity}
	}
	put(standard(3)).is(t, http.StatusConflict, "capacity_below_sold")
	put(object{"name": "New", "price": price, "capacity": 3}).is(t, http.StatusConflict, "ticket_type_in_use")
	put(standard(4), object{"id": newUUID(), "name": "New", "price": price, "capacity": 3}).is(t, http.StatusUnprocessableEntity, "ticket_type_not_found")
	put(standard(4), standard(4)).is(t, http.StatusUnprocessableEntity, "validation_failed")
	other := s.create(t)
	put(standard(4), object{"id": typeID(other, 1), "name": "New", "price": price, "capacity": 3}).is(t, http.StatusUnprocessableEntity, "ticket_type_not_found")

	var got struct {
		TicketTypes []struct {
			ID                  string
			Capacity, Available int
		} `json:"ticket_types"`
	}
	put(object{"name": "New", "price": price, "capacity": 3}, standard(4)).is(t, http.StatusOK, "").json(t, &got)
	if tt := got.TicketTypes; len(tt) != 2 || tt[0].Available != 3 || tt[1].ID != typeID(e, 0) || tt[1].Available != 0 || tt[0].ID == typeID(e, 1) {
		t.Errorf("ticket types are %+v", got.TicketTypes)
	}
	s.do(t, http.MethodDelete, path(e), organizer, nil).is(t, http.StatusConflict, "event_has_bookings")
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	put := func(headers ...string) answer {
		return s.do(t, http.MethodPut, path(e), organizer, e, lines("If-Match", headers...)...)
	}
	put(`"1.0"`).is(t, http.StatusOK, "")        // → 2
	put(`"2.77"`).is(t, http.StatusOK, "")       // → 3; a sale does not count
	put(`"9.0", "3.0"`).is(t, http.StatusOK, "") // → 4
	put(`"9.0"`, `"4.0"`).is(t, http.StatusOK, "")
	put(``, `"5.0"`).is(t, http.StatusOK, "")
	put(`"a,b",,"6.0",`, ` `).is(t, http.StatusOK, "")
	put(`W/"9.0","7.0"`).is(t, http.StatusOK, "")
	put(`*`).is(t, http.StatusOK, "")     // → 9
	put(``, `*`).is(t, http.StatusOK, "") // → 10
	for _, none := range [][]string{
		{`"1.0"`}, {``}, {` `}, {``, ``}, {`,`}, {``, `"1.0"`}, {`"1.0"`, ``}, // the lost race
		{`"nonsense"`}, {`"x,10.0"`}, {`",10.0,"`}, {`"é"`}, {`""`}, // tags, but none of ours
		{`W/"10.0"`}, {`"1.0"`, `W/"10.0"`}, // a weak one
	} {
		put(none...).is(t, http.StatusPreconditionFailed, "precondition_failed")
		s.do(t, http.MethodDelete, path(e), organizer, nil, lines("If-Match", none...)...).is(t, http.StatusPreconditionFailed, "precondition_failed")
	}
	for _, bad := range [][]string{{`10.0`}, {`"10.0`}, {`"10.0" "7.0"`}, {`"10.0""7.0"`}, {`W/10.0`}, {`w/"10.0"`}, {`"10.0"`, `*`}, {`*`, `*`}, {`"10 0"`}, {`W/`}, {`"`}} {
		put(bad...).is(t, http.StatusUnprocessableEntity, "validation_failed")
		s.do(t, http.MethodDelete, path(e), organizer, nil, lines("If-Match", bad...)...).is(t, http.StatusUnprocessableEntity, "validation_failed")
	}
	s.do(t, http.MethodDelete, path(e), organizer, nil, "If-Match", `"10.0"`).is(t, http.StatusNoContent, "")
}

// A change on a condition that does not hold is not made. Sales do not count.
func TestIfNoneMatchOfAChange(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	changes := func(headers []string, status int, code string) {
		t.Helper()
		for what, change := range map[string]struct {
			method, path string
			body         any
		}{
			"PUT": {http.MethodPut, path(e), e}, "DELETE": {http.MethodDelete, path(e), nil}, "cancel": {http.MethodPost, path(e, "/cancel"), nil},
		} {
			t.Log(what, headers)
			s.do(t, change.method, change.path, organizer, change.body, headers...).is(t, status, code)
		}
	}
	for _, named := range [][]string{
		{"*"}, {`"1.0"`}, {`W/"1.0"`}, {`"1.7"`}, {`"9.0", "1.0"`}, {`"9.0"`, `"1.0"`}, {"", "*"},
	} {
		changes(lines("If-None-Match", named...), http.StatusPreconditionFailed, "precondition_failed")
		changes(append(lines("If-None-Match", named...), "If-Match", `"1.0"`), http.StatusPreconditionFailed, "precondition_failed")
	}
	changes([]string{"If-None-Match", `"9.0"`, "If-Match", `"9.0"`}, http.StatusPreconditionFailed, "precondition_failed")
	for _, bad := range []string{"1.0", `"1.0`, `"9.0" "1.0"`, `*, "1.0"`} {
		changes(lines("If-None-Match", bad), http.StatusUnprocessableEntity, "validation_failed")
	}
	for _, none := range [][]string{{`"9.0"`}, {""}, {`"9.0"`, `W/"8.0"`}} {
		e["title"] = none[0] + " is another"
		s.do(t, http.MethodPut, path(e), organizer, e, lines("If-None-Match", none...)...).is(t, http.StatusOK, "")
	}
	s.do(t, http.MethodDelete, path(e), organizer, nil, "If-None-Match", `"9.0"`, "If-Match", `"4.0"`).is(t, http.StatusNoContent, "")
}

// A cancellation cannot be undone: it is not made on a condition that does not hold.
func TestIfMatchOfACancellation(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	cancel := func(headers ...string) answer {
		return s.do(t, http.MethodPost, path(e, "/cancel"), organizer, object{"note": "Ill"}, headers...)
	}
	s.do(t, http.MethodPut, path(e), organizer, e).is(t, http.StatusOK, "") // → 2
	for _, stale := range []string{`"1.0"`, ``, `W/"2.0"`, `"x"`} {
		cancel("If-Match", stale).is(t, http.StatusPreconditionFailed, "precondition_failed")
	}
	for _, bad := range []string{"garbage", "2.0", `"2.0`} {
		cancel("If-Match", bad).is(t, http.StatusUnprocessableEntity, "validation_failed")
	}
	s.do(t, http.MethodPost, path(e, "/cancel"), rival, nil, "If-Match", `"1.0"`).is(t, http.StatusForbidden, "forbidden")
	var got object
	if s.do(t, http.MethodGet, path(e), "", nil).is(t, http.StatusOK, "").json(t, &got); got["status"] != "PUBLISHED" {
		t.Fatalf("its status is %v", got["status"])
	}
	cancel("If-Match", `"2.5"`).is(t, http.StatusOK, "") // a sale does not count; → 3
	cancel("If-Match", `"2.0"`).is(t, http.StatusPreconditionFailed, "precondition_failed")
	cancel("If-Match", `"3.0"`).is(t, http.StatusOK, "")
}

// A read compares the whole tag, because a sale changes its answer.
func TestIfMatchOfARead(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	for _, p := range []string{path(e), path(e, "/availability")} {
		tag := s.do(t, http.MethodGet, p, "", nil).is(t, http.StatusOK, "").header.Get("ETag")
		for _, headers := range [][]string{{tag}, {"*"}, {`"x", ` + tag}, {`"x"`, tag}, {"", tag}} {
			s.do(t, http.MethodGet, p, "", nil, lines("If-Match", headers...)...).is(t, http.StatusOK, "")
			s.do(t, http.MethodGet, p, "", nil, append(lines("If-Match", headers...), "If-None-Match", tag)...).is(t, http.StatusNotModified, "")
		}
		for _, headers := range [][]string{{`"1.7"`}, {`"9.0"`}, {""}, {"W/" + tag}, {`"x"`, "W/" + tag}} {
			a := s.do(t, http.MethodGet, p, "", nil, append(lines("If-Match", headers...), "If-None-Match", tag)...)
			a.is(t, http.StatusPreconditionFailed, "precondition_failed")
		}
		for _, bad := range []string{"garbage", strings.Trim(tag, `"`), "*, " + tag} {
			s.do(t, http.MethodGet, p, "", nil, "If-Match", bad).is(t, http.StatusUnprocessableEntity, "validation_failed")
		}
	}
}

// lines are the headers of that name.
func lines(name string, values ...string) (headers []string) {
	for _, v := range values {
		headers = append(headers, name, v)
	}
	return headers
}

func TestUnknownEvents(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	all := func(id string, status int, code string) {
		t.Helper()
		p := "/events/" + id
		s.do(t, http.MethodGet, p, "", nil).is(t, status, code)
		s.do(t, http.MethodGet, p+"/availability", "", nil).is(t, status, code)
		s.do(t, http.MethodPut, p, organizer, draft()).is(t, status, code)
		s.do(t, http.MethodDelete, p, organizer, nil).is(t, status, code)
		s.do(t, http.MethodPut, p+"/book", "service booking", object{"booking_id": newUUID(), "tickets": 1}).is(t, status, code)
		s.do(t, http.MethodPut, p+"/release", "service booking", object{"booking_id": newUUID()}).is(t, status, code)
	}
	all(newUUID(), http.StatusNotFound, "event_not_found")
	for _, id := range []string{"x", "%00", "..%2f..", strings.Repeat("a", 500), "{" + e["id"].(string) + "}", strings.ReplaceAll(e["id"].(string), "-", "")} {
		all(id, http.StatusUnprocessableEntity, "validation_failed")
	}
	s.do(t, http.MethodGet, "/events/"+strings.ToUpper(e["id"].(string)), "", nil).is(t, http.StatusOK, "")
}

// An account publishes so many events within a day, and hears when the next may come.
func TestEventsOfAnOrganizerAreLimited(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for range eventsPerOrganizer {
		e := s.create(t)
		s.do(t, http.MethodDelete, path(e), organizer, nil).is(t, http.StatusNoContent, "") // which makes no room
	}
	s.now = s.now.Add(23 * time.Hour)
	refused := s.do(t, http.MethodPost, "/events", organizer, draft()).is(t, http.StatusTooManyRequests, "rate_limited")
	if after := refused.header.Get("Retry-After"); after != "3600" {
		t.Errorf("Retry-After: %s, want 3600", after)
	}
	s.do(t, http.MethodPost, "/events", rival, draft()).is(t, http.StatusCreated, "")
	s.now = s.now.Add(time.Hour)
	s.create(t)
}
