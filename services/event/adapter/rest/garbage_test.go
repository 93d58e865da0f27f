package rest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestGarbage: whatever comes, the answer is a problem with a code, never a 5xx.
func TestGarbage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	refused := func(t *testing.T, a answer) {
		t.Helper()
		var p struct{ Code string }
		if a.status < 400 || a.status >= 500 {
			t.Fatalf("the answer is %d %.300s", a.status, a.body)
		}
		if a.json(t, &p); p.Code == "" {
			t.Fatalf("no code in %s", a.body)
		}
	}
	valid, err := json.Marshal(draft())
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string]string{
		"empty": "", "not JSON": "{", "null": "null", "array": "[]", "string": `"x"`, "number": "1",
		"bad UTF-8":     strings.Replace(string(valid), "Night", "Ni\xff\xfeght", 1),
		"NUL":           strings.Replace(string(valid), "Night", `Ni\u0000ght`, 1),
		"huge number":   strings.Replace(string(valid), "2500", "1e400", 1),
		"over int64":    strings.Replace(string(valid), "2500", "9223372036854775808", 1),
		"fraction":      strings.Replace(string(valid), "2500", "25.5", 1),
		"exponent":      strings.Replace(string(valid), `"capacity":10`, `"capacity":1e1`, 1),
		"unknown field": strings.Replace(string(valid), `"title"`, `"x":1,"title"`, 1),
		"trailing":      string(valid) + "{}",
		"10 MiB":        `{"title":"` + strings.Repeat("a", 10<<20) + `"}`,
		"deep":          strings.Repeat("[", 100_000),
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			refused(t, s.do(t, http.MethodPost, "/events", organizer, body))
			refused(t, s.do(t, http.MethodPut, path(e), organizer, body))
			refused(t, s.do(t, http.MethodPut, path(e, "/book"), "service booking", body))
			refused(t, s.do(t, http.MethodPut, path(e, "/release"), "service booking", body))
			refused(t, s.do(t, http.MethodPost, path(e, "/return"), "service booking", body))
		})
	}
	for _, query := range []string{
		"limit=-1", "limit=0", "limit=101", "limit=x", "limit=1e9", "limit=99999999999999999999", "sort=x", "cursor=x", "cursor=%00",
		"cursor=e30", "from=yesterday", "from=2030-13-01T00:00:00Z", "to=1", "q=%ff", "q=" + strings.Repeat("a", 201), "cursor=" + strings.Repeat("a", 3000),
		"category=" + strings.Repeat("a", 51), "%zz",
	} {
		t.Run(query, func(t *testing.T) { refused(t, s.do(t, http.MethodGet, "/events?"+query, "", nil)) })
	}
}

// TestDraftRules: each of these edits makes a draft that is refused, and says where.
func TestDraftRules(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ticket := func(edits ...func(object)) object {
		o := object{"name": "Standard", "price": object{"amount_minor": 100, "currency": "EUR"}, "capacity": 1}
		for _, edit := range edits {
			edit(o)
		}
		return o
	}
	types := func(types ...object) func(object) { return set("ticket_types", types) }
	price := func(amount any, currency string) func(object) {
		return set("price", object{"amount_minor": amount, "currency": currency})
	}
	many := make([]object, 21)
	for i := range many {
		many[i] = ticket(set("name", strings.Repeat("x", i+1)))
	}
	for _, c := range []struct {
		location string
		edit     func(object)
	}{
		{"body.title", set("title", "")},
		{"body.title", set("title", " \t ")},
		{"body.title", set("title", strings.Repeat("é", 201))},
		{"body.title", set("title", "two\r\nBcc: lines")},
		{"body.title", set("title", "bell\a")},
		{"body.title", set("title", "\u202e")},
		{"body.title", set("title", "\u200b")},
		{"body.title", set("title", "\u3164\u2800 \u00ad")},
		{"body.title", set("title", "\u202eturned around")},
		{"body.venue.name", set("venue", object{"name": "\u200f"})},
		{"body.venue.city", set("venue", object{"name": "x", "city": "\u2060"})},
		{"body.category", set("category", "\u115f")},
		{"body.ticket_types[0].name", types(ticket(set("name", "\uffa0")))},
		{"body.ticket_types[1].name", types(ticket(), ticket(set("name", "STAND\u00ADARD")))},
		{"body.title", set("title", "line\u2028separator")},
		{"body.summary", set("summary", strings.Repeat("é", 301))},
		{"body.summary", set("summary", "two\nlines")},
		{"body.summary", set("summary", "\u200b")},
		{"body.language", set("language", "English")},
		{"body.language", set("language", "und")},
		{"body.language", set("language", "de; DROP")},
		{"body.language", set("language", strings.Repeat("x", 36))},
		{"body.description", set("description", strings.Repeat("x", 10001))},
		{"body.description", set("description", "escape\x1b[0m")},
		{"body.category", set("category", strings.Repeat("x", 51))},
		{"body.venue.name", set("venue", object{"name": ""})},
		{"body.venue.city", set("venue", object{"name": "x", "city": "a\nb"})},
		{"body.venue.address", set("venue", object{"name": "x", "address": strings.Repeat("x", 301)})},
		{"body.starts_at", set("starts_at", now)},
		{"body.starts_at", set("starts_at", now.AddDate(-1, 0, 0))},
		{"body.ends_at", set("ends_at", now.AddDate(0, 1, 0))},
		{"body.doors_at", set("doors_at", now.AddDate(0, 1, 0).Add(time.Second))},
		{"body.doors_at", set("doors_at", now.AddDate(0, 1, 0).Add(-24*time.Hour-time.Second))},
		{"body.doors_at", set("doors_at", "soon")},
		{"body.max_per_booking", set("max_per_booking", 0)},
		{"body.max_per_booking", set("max_per_booking", 21)},
		{"body.transfers", set("transfers", "no")},
		{"body.starts_at", set("starts_at", "2031-06-06T07:08:09+24:00")},
		{"body.starts_at", set("starts_at", "2031-06-06T07:08:00,5Z")},
		{"body.ends_at", set("ends_at", "2031-02-30T07:08:09Z")},
		{"body.ends_at", set("ends_at", 1)},
		{"body.ends_at", set("ends_at", "9999-12-31T23:59:59-12:00")},
		{"body.time_zone", set("time_zone", "")},
		{"body.time_zone", set("time_zone", "Local")},
		{"body.time_zone", set("time_zone", "europe/berlin")},
		{"body.time_zone", set("time_zone", "EUROPE/BERLIN")},
		{"body.time_zone", set("time_zone", "Europe//Berlin")},
		{"body.time_zone", set("time_zone", "./Europe/Berlin")},
		{"body.time_zone", set("time_zone", "Europe/Berlin\nEurope/Rome")},
		{"body.time_zone", set("time_zone", "Berlin")},
		{"body.time_zone", set("time_zone", "posix/Europe/Berlin")},
		{"body.time_zone", set("time_zone", "Factory")},
		{"body.time_zone", set("time_zone", "localtime")},
		{"body.time_zone", set("time_zone", "../../etc/passwd")},
		{"body.time_zone", set("time_zone", "Mars/Olympus")},
		{"body.ticket_types", types()},
		{"body.ticket_types", types(many...)},
		{"body.ticket_types[0].name", types(ticket(set("name", "")))},
		{"body.ticket_types[1].name", types(ticket(), ticket(set("name", "STANDARD")))},
		{"body.ticket_types[0].description", types(ticket(set("description", strings.Repeat("é", 501))))},
		{"body.ticket_types[0].description", types(ticket(set("description", "two\nlines")))},
		{"body.ticket_types[0].sales_from", types(ticket(set("sales_from", "soon")))},
		{"body.ticket_types[0].sales_from", types(ticket(set("sales_from", now.AddDate(0, 1, 0))))},
		{"body.ticket_types[0].sales_from", types(ticket(set("sales_from", now), set("sales_until", now)))},
		{"body.ticket_types[1].sales_from", types(ticket(), ticket(set("name", "VIP"), set("sales_from", now), set("sales_until", now.Add(-time.Hour))))},
		{"body.ticket_types[0].sales_until", types(ticket(set("sales_until", now.AddDate(0, 1, 1).Add(time.Microsecond))))},
		{"body.ticket_types[0].capacity", types(ticket(set("capacity", 0)))},
		{"body.ticket_types[0].capacity", types(ticket(set("capacity", 1_000_001)))},
		{"body.ticket_types[0].price.amount_minor", types(ticket(price(-1, "EUR")))},
		{"body.ticket_types[0].price.amount_minor", types(ticket(price(100_000_001, "EUR")))},
		{"body.ticket_types[0].price.currency", types(ticket(price(1, "eur")))},
		{"body.ticket_types[0].price.currency", types(ticket(price(1, "XXX")))},
		{"body.ticket_types[0].price.currency", types(ticket(price(1, " E ")))},
		{"body.ticket_types[1].price.currency", types(ticket(), ticket(set("name", "VIP"), price(1, "USD")))},
		{"body.ticket_types[0].id", types(ticket(set("id", newUUID())))},
		{"body.ticket_types[0].available", types(ticket(set("available", 1)))},
		{"body.organizer_id", set("organizer_id", newUUID())},
	} {
		var p struct{ Errors []struct{ Location string } }
		a := s.do(t, http.MethodPost, "/events", organizer, draft(c.edit)).is(t, http.StatusUnprocessableEntity, "validation_failed")
		a.json(t, &p)
		found := false
		for _, f := range p.Errors {
			found = found || f.Location == c.location
		}
		if !found {
			t.Errorf("%s is not among %+v", c.location, p.Errors)
		}
	}
	// What lies just within the limits.
	s.create(t, set("title", strings.Repeat("é", 200)), set("description", strings.Repeat("é\n", 5000)), set("category", ""),
		set("summary", strings.Repeat("é", 300)), set("language", "zh-Hant-TW"), set("venue", object{"name": "x"}), set("time_zone", "UTC"), types(many[:20]...))
	s.create(t, types(ticket(set("description", strings.Repeat("é", 500)), set("sales_from", now.AddDate(0, 1, 0)), set("sales_until", now.AddDate(0, 1, 1)))))
	s.create(t, set("ends_at", "9998-12-31T23:59:59Z"), types(ticket(price(0, "JPY"), set("capacity", 1_000_000))))
}

// An event that has started may still be corrected, but not moved into the past.
func TestEditAfterStart(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	s.now = now.AddDate(0, 1, 0).Add(time.Minute)
	e["title"] = "Corrected"
	s.do(t, http.MethodPut, path(e), organizer, e).is(t, http.StatusOK, "")
	e["starts_at"] = now.AddDate(0, 0, 1)
	s.do(t, http.MethodPut, path(e), organizer, e).is(t, http.StatusUnprocessableEntity, "validation_failed")
}

// FuzzCursor: no cursor, however made, is ever answered 5xx.
func FuzzCursor(f *testing.F) {
	s := newServer(f)
	for range 3 {
		s.create(f)
	}
	for _, sort := range []string{"starts_at", "-starts_at", "title"} {
		var page struct {
			NextCursor string `json:"next_cursor"`
		}
		s.do(f, http.MethodGet, "/events?limit=1&sort="+sort, "", nil).json(f, &page)
		f.Add(page.NextCursor, sort)
	}
	f.Add("e30", "starts_at")
	f.Add("", "")
	f.Add("eyJzIjoidGl0bGUiLCJpIjpudWxsfQ", "title")
	f.Fuzz(func(t *testing.T, cursor, sort string) {
		q := url.Values{"cursor": {cursor}, "sort": {sort}}
		if a := s.do(t, http.MethodGet, "/events?"+q.Encode(), "", nil); a.status >= 500 {
			t.Errorf("the answer is %d %s", a.status, a.body)
		}
	})
}

// FuzzEventBody: no body is ever answered 5xx, and what is accepted can be
// read, and written back as it was read.
func FuzzEventBody(f *testing.F) {
	s := newServer(f)
	valid, err := json.Marshal(draft())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(valid))
	f.Add(`{"title":1}`)
	f.Add(strings.Replace(string(valid), "Europe/Berlin", "Asia/Kathmandu", 1))
	f.Add(strings.Replace(string(valid), "2500", "1E2", 1))
	f.Fuzz(func(t *testing.T, body string) {
		a := s.do(t, http.MethodPost, "/events", organizer, body)
		if a.status >= 500 {
			t.Fatalf("the answer is %d %s", a.status, a.body)
		}
		if a.status == http.StatusCreated {
			got := s.do(t, http.MethodGet, a.header.Get("Location"), "", nil).is(t, http.StatusOK, "")
			s.do(t, http.MethodPut, a.header.Get("Location"), organizer, got.body).is(t, http.StatusOK, "")
		}
	})
}
