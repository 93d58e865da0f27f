package rest_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
)

var linkKeys = booking.LinkKeys{[]byte("a secret of at least 32 random bytes")}

// linkTo returns the keys of the links to a booking and to its second ticket.
func (a *api) linkTo(t *testing.T, id string) (buyer, holder string) {
	t.Helper()
	b, err := a.store.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return linkKeys.Buyer(&b), linkKeys.Holder(&b, b.Tickets()[1])
}

func TestALinkInPlaceOfAnAccessToken(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do(t, alice, http.MethodPost, "/bookings", book("")).body["id"].(string)
	other := a.do(t, alice, http.MethodPost, "/bookings", book("")).body["id"].(string)
	key, holder := a.linkTo(t, id)
	by := func(key string) []string { return []string{"Booking-Key", key} }
	tickets := a.do(t, alice, http.MethodGet, "/bookings/"+id+"/tickets", "")
	one := tickets.body["items"].([]any)[1]
	for name, c := range map[string]struct {
		method, path, body string
		key                []string
		status             int
		code               problem.Code
	}{
		"a booking":                      {"GET", "/bookings/" + id, "", by(key), 200, ""},
		"in capitals":                    {"GET", "/bookings/" + strings.ToUpper(id), "", by(key), 200, ""},
		"its tickets":                    {"GET", "/bookings/" + id + "/tickets", "", by(key), 200, ""},
		"another booking":                {"GET", "/bookings/" + other, "", by(key), 404, problem.BookingNotFound},
		"another's tickets":              {"GET", "/bookings/" + other + "/tickets", "", by(key), 404, problem.BookingNotFound},
		"no booking":                     {"GET", "/bookings/" + uuid.NewString(), "", by(key), 404, problem.BookingNotFound},
		"a forged one":                   {"GET", "/bookings/" + id, "", by(strings.Repeat("A", 22)), 404, problem.BookingNotFound},
		"a truncated one":                {"GET", "/bookings/" + id + "/tickets", "", by(key[:20]), 404, problem.BookingNotFound},
		"a long one":                     {"GET", "/bookings/" + id, "", by(strings.Repeat("A", 5000)), 404, problem.BookingNotFound},
		"two":                            {"GET", "/bookings/" + id, "", append(by(key), by(key)...), 404, problem.BookingNotFound},
		"an empty one":                   {"GET", "/bookings/" + id, "", by(""), 401, problem.Unauthenticated},
		"nothing":                        {"GET", "/bookings/" + id, "", nil, 401, problem.Unauthenticated},
		"a list":                         {"GET", "/bookings", "", by(key), 401, problem.Unauthenticated},
		"a user's list":                  {"GET", "/bookings/user/" + alice, "", by(key), 401, problem.Unauthenticated},
		"a new booking":                  {"POST", "/bookings", book(""), by(key), 401, problem.Unauthenticated},
		"a payment":                      {"POST", "/bookings/" + id + "/payment", `{}`, append(by(key), "Idempotency-Key", "k"), 401, problem.Unauthenticated},
		"an extension":                   {"POST", "/bookings/" + id + "/extension", "", append(by(key), "Idempotency-Key", "k"), 401, problem.Unauthenticated},
		"a correction":                   {"PATCH", "/bookings/" + id, `{"name":"Eve"}`, by(key), 401, problem.Unauthenticated},
		"a holder's, for the booking":    {"GET", "/bookings/" + id, "", by(holder), 404, problem.BookingNotFound},
		"a holder's, to cancel":          {"PUT", "/bookings/" + id + "/cancel", "", by(holder), 404, problem.BookingNotFound},
		"a holder's, to give back":       {"POST", "/bookings/" + id + "/cancellations", cancelling(1), append(by(holder), "Idempotency-Key", "k"), 404, problem.BookingNotFound},
		"a holder's, to pass it on":      {"PATCH", "/bookings/" + id + "/tickets/" + booking.TicketID(id, 2), `{"holder":{"name":"Eve"}}`, by(holder), 404, problem.BookingNotFound},
		"a holder's, to end the links":   {"DELETE", "/bookings/" + id + "/links", "", by(holder), 404, problem.BookingNotFound},
		"a holder's, for its own ticket": {"GET", "/bookings/" + id + "/tickets", "", by(holder), 200, ""},
		"a holder's, for another's":      {"GET", "/bookings/" + other + "/tickets", "", by(holder), 404, problem.BookingNotFound},
	} {
		r := a.do(t, "", c.method, c.path, c.body, c.key...)
		if code, _ := r.body["code"].(string); r.status != c.status || code != string(c.code) {
			t.Errorf("%s: %s, want %d %s", name, r, c.status, c.code)
		}
		if linked := r.status == 200 || c.code == problem.BookingNotFound; linked && r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: Cache-Control %q", name, r.header.Get("Cache-Control"))
		}
	}
	if r := a.do(t, "", http.MethodGet, "/bookings/"+id+"/tickets", "", by(key)...); r.raw != tickets.raw {
		t.Errorf("the buyer's link shows %s, want %s", r.raw, tickets.raw)
	}
	if d := cmp.Diff([]any{one}, a.do(t, "", http.MethodGet, "/bookings/"+id+"/tickets", "", by(holder)...).body["items"]); d != "" {
		t.Errorf("a holder's link shows (-want +got):\n%s", d)
	}
	// It changes something last.
	if r := a.do(t, "", http.MethodPatch, "/bookings/"+id+"/tickets/"+booking.TicketID(id, 2), `{"holder":{"name":"Grace"}}`, by(key)...); r.status != 200 || r.body["issue"] != 2.0 {
		t.Errorf("to pass a ticket on: %s", r)
	}
	if r := a.do(t, "", http.MethodGet, "/bookings/"+id+"/tickets", "", by(holder)...); r.status != 404 {
		t.Errorf("the link of the holder before: %s", r)
	}
	if r := a.do(t, "", http.MethodPost, "/bookings/"+id+"/cancellations", cancelling(1), append(by(key), "Idempotency-Key", "k")...); r.status != 201 {
		t.Errorf("to give back: %s", r)
	}
	if r := a.do(t, "", http.MethodPut, "/bookings/"+id+"/cancel", "", by(key)...); r.status != 200 || r.body["status"] != "CANCELLED" {
		t.Errorf("to cancel: %s", r)
	}
	if r := a.do(t, "", http.MethodDelete, "/bookings/"+id+"/links", "", by(key)...); r.status != 204 {
		t.Errorf("to end the links: %s", r)
	}
	if r := a.do(t, "", http.MethodGet, "/bookings/"+id, "", by(key)...); r.status != 404 {
		t.Errorf("the link after its end: %s", r)
	}
}

// An access token says who calls. A key besides adds nothing, and takes nothing.
func TestAnAccessTokenCountsBeforeALink(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do(t, alice, http.MethodPost, "/bookings", book("")).body["id"].(string)
	key, _ := a.linkTo(t, id)
	for name, c := range map[string]struct {
		as, key string
		status  int
	}{
		"the owner's, and a good key":   {alice, key, 200},
		"the owner's, and a forged key": {alice, strings.Repeat("A", 22), 200},
		"a stranger's, and a good key":  {bob, key, 403},
		"an admin's, and a good key":    {"admin", key, 200},
	} {
		for _, path := range []string{"/bookings/" + id, "/bookings/" + id + "/tickets"} {
			if r := a.do(t, c.as, http.MethodGet, path, "", "Booking-Key", c.key); r.status != c.status {
				t.Errorf("%s, %s: %s", name, path, r)
			}
		}
	}
}

func TestClaim(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do(t, guest, http.MethodPost, "/bookings", book("")).body["id"].(string)
	key, holder := a.linkTo(t, id)
	path := "/bookings/" + id + "/claim"
	for _, c := range []struct {
		name, as, key string
		status        int
		code          problem.Code
	}{
		{"by the link alone", "", key, 401, problem.Unauthenticated},
		{"by a guest", guest, key, 403, problem.Forbidden},
		{"by the account alone", alice, "", 404, problem.BookingNotFound},
		{"by a holder's link", alice, holder, 404, problem.BookingNotFound},
		{"by both", alice, key, 200, ""},
		{"once more", alice, key, 200, ""},
		{"by another account", bob, key, 409, problem.AlreadyClaimed},
	} {
		r := a.do(t, c.as, http.MethodPost, path, "", "Booking-Key", c.key)
		if code, _ := r.body["code"].(string); r.status != c.status || code != string(c.code) || r.status == 200 && r.body["user_id"] != alice {
			t.Errorf("%s: %s, want %d %s", c.name, r, c.status, c.code)
		}
	}
	if r := a.do(t, alice, http.MethodGet, "/bookings", ""); !strings.Contains(r.raw, id) {
		t.Errorf("the account's list: %s", r)
	}
}

func TestResend(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do(t, alice, http.MethodPost, "/bookings", book("")).body["id"].(string)
	key, holder := a.linkTo(t, id)
	path := "/bookings/" + id + "/resend"
	for name, c := range map[string]struct {
		as, key string
		status  int
		code    problem.Code
	}{
		"a stranger":  {bob, "", 403, problem.Forbidden},
		"a holder":    {"", holder, 404, problem.BookingNotFound},
		"nobody":      {"", "", 401, problem.Unauthenticated},
		"the buyer":   {"", key, 202, ""},
		"the account": {alice, "", 202, ""},
		"an admin":    {"admin", "", 202, ""},
	} {
		r := a.do(t, c.as, http.MethodPost, path, "", "Booking-Key", c.key, "Idempotency-Key", strings.ReplaceAll(name, " ", "-"))
		if code, _ := r.body["code"].(string); r.status != c.status || code != string(c.code) {
			t.Errorf("%s: %s, want %d %s", name, r, c.status, c.code)
		}
	}
	for _, key := range []string{"4", "5"} {
		a.do(t, alice, http.MethodPost, path, "", "Idempotency-Key", key)
	}
	r := a.do(t, alice, http.MethodPost, path, "", "Idempotency-Key", "6")
	if wait, err := strconv.Atoi(r.header.Get("Retry-After")); r.status != 429 || r.body["code"] != string(problem.RateLimited) || err != nil || wait < 86000 || wait > 86400 {
		t.Errorf("the sixth: %s, Retry-After %q", r, r.header.Get("Retry-After"))
	}
	if r := a.do(t, alice, http.MethodPost, path, ""); r.status != 422 {
		t.Errorf("without a key: %s", r)
	}
}
