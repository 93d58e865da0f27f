package rest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/user/adapter/rest"
)

func (s *server) guest(body any, from string) answer {
	s.t.Helper()
	return s.do(request{method: "POST", path: "/guests", body: body, from: from})
}

func TestGuest(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.guest(object{"name": "Zoë", "email": "zoe@example.com", "phone": "+4915112345678", "locale": "de"}, "")
	if a.status != 201 || a.field(t, "token_type") != "Bearer" || !strings.Contains(a.body, `"expires_in":7200`) || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	if strings.Contains(a.body, "refresh_token") {
		t.Errorf("a guest has a refresh token: %s", a.body)
	}
	token := a.field(t, "access_token")
	for _, r := range []request{
		{method: "GET", path: "/users/me"},
		{method: "PATCH", path: "/users/me", body: object{"name": "B"}},
		{method: "GET", path: "/users/me/sessions"},
		{method: "DELETE", path: "/users/me/sessions/01890a5d-ac96-774b-bcce-b302099a8057"},
		{method: "POST", path: "/admin/keys/rotate"},
	} {
		r.token = token
		wantProblem(t, r.method+" "+r.path, s.do(r), 403, problem.Forbidden)
	}
}

func TestGuestRefuses(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for field, values := range map[string][]any{
		"name":   {"", " ", "a\nb", "\u200b", strings.Repeat("x", 201), 7, nil},
		"email":  {"", "nobody", "a@b", "a@example.com\r\nBcc: b@example.com", strings.Repeat("x", 300) + "@example.com", 7, nil},
		"phone":  {"110", "+0", 7},
		"locale": {"nonsense of mine", "und", strings.Repeat("x-", 18), 7},
		"role":   {"admin"},
		"id":     {"01890a5d-ac96-774b-bcce-b302099a8057"},
	} {
		for _, value := range values {
			body := object{"name": "Zoë", "email": "zoe@example.com"}
			body[field] = value
			a := s.guest(body, "")
			wantProblem(t, field, a, 422, problem.ValidationFailed)
			if !strings.Contains(a.body, `"location":"body.`+field+`"`) {
				t.Errorf("%s %.20v: the field is not named: %s", field, value, a.body)
			}
		}
	}
}

func TestAFloodOfGuestsFromOneAddressLocksNobodyOut(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ask := func(from string) answer {
		return s.guest(object{"name": "Zoë", "email": "zoe@example.com"}, from)
	}
	const flood, other = "198.51.100.7:1", "198.51.100.8:1"
	for range rest.GuestsPerMinute {
		if a := ask(flood); a.status != 201 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if a := s.guest(object{"name": "Ada", "email": "ada@example.com"}, flood); a.status != 201 {
		t.Errorf("another guest there: %d %s", a.status, a.body)
	}
	if a := ask(other); a.status != 201 {
		t.Errorf("another address: %d %s", a.status, a.body)
	}
	s.pass(time.Minute)
	if a := ask(flood); a.status != 201 {
		t.Errorf("a minute later: %d %s", a.status, a.body)
	}
}
