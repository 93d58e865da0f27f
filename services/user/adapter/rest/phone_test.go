package rest_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/rest"
)

func TestAPhoneIsProven(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	access, _ := s.ada()
	post := func(path string, body any) answer {
		return s.do(request{method: "POST", path: path, body: body, header: http.Header{"Authorization": {"Bearer " + access}}})
	}
	wantProblem(t, "without an account", s.post("/users/me/phone", object{"phone": "+491701234567"}), 401, problem.Unauthenticated)
	wantProblem(t, "no number", post("/users/me/phone", object{"phone": "0170"}), 422, problem.ValidationFailed)
	wantProblem(t, "before a code was sent", post("/users/me/phone/confirm", object{"code": "123456"}), 410, problem.LinkNotValid)
	if a := post("/users/me/phone", object{"phone": "+491701234567"}); a.status != 202 || a.body != "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	m := s.mail()
	code := m.field(t, "code")
	if m.status != 200 || m.field(t, "to") != "+491701234567" || m.field(t, "purpose") != "phone_change" {
		t.Fatalf("%d %s", m.status, m.body)
	}
	wrong := "123456"
	if code == wrong {
		wrong = "654321"
	}
	wantProblem(t, "no code", post("/users/me/phone/confirm", object{"code": "12"}), 422, problem.ValidationFailed)
	wantProblem(t, "a wrong code", post("/users/me/phone/confirm", object{"code": wrong}), 422, problem.WrongCode)
	a := post("/users/me/phone/confirm", object{"code": code})
	if a.status != 200 || a.field(t, "phone") != "+491701234567" || !strings.Contains(a.body, `"phone_verified":true`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	wantProblem(t, "the code again", post("/users/me/phone/confirm", object{"code": code}), 410, problem.LinkNotValid)
	for range 2 {
		post("/users/me/phone", object{"phone": "+491701234567"})
	}
	wantProblem(t, "a fourth code within the hour", post("/users/me/phone", object{"phone": "+491701234567"}), 429, problem.RateLimited)
}

// An account that asks for codes again and again is refused, and no other at its
// address.
func TestAFloodOfCodesIsOfOneAccount(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ada, _ := s.ada()
	ask := func(token string) answer {
		return s.do(request{method: "POST", path: "/users/me/phone", token: token, body: object{"phone": "none"}})
	}
	for range rest.PhoneRequestsPerMinute {
		wantProblem(t, "no number", ask(ada), 422, problem.ValidationFailed)
	}
	wantProblem(t, "one more", ask(ada), 429, problem.RateLimited)
	wantProblem(t, "another account", ask(s.account("bob@example.com")), 422, problem.ValidationFailed)
}

// account registers an account and logs it in.
func (s *server) account(email string) (access string) {
	s.t.Helper()
	s.register(email)
	return s.login(email, password, "").field(s.t, "access_token")
}

// An SMS costs money: however many accounts somebody makes, and whatever numbers they
// name, one address is sent few a day.
func TestCodesADayFromOneAddressAreFew(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ask := func(token, phone, from string) answer {
		return s.do(request{method: "POST", path: "/users/me/phone", token: token, body: object{"phone": phone}, from: from})
	}
	var last string // of the accounts
	for n := range rest.CodesPerDay {
		if n%user.MailsPerHour == 0 {
			last = s.account(fmt.Sprintf("user%d@example.com", n))
		}
		wantProblem(t, "no number, which counts for nothing", ask(last, "none", here), 422, problem.ValidationFailed)
		if a := ask(last, fmt.Sprintf("+4917000000%02d", n), here); a.status != 202 {
			t.Fatalf("code %d: %d %s", n+1, a.status, a.body)
		}
	}
	s.pass(time.Minute)
	last = s.account("one-more@example.com")
	refused := ask(last, "+491701234567", here)
	wantProblem(t, "one more", refused, 429, problem.RateLimited)
	if got, want := refused.header.Get("Retry-After"), strconv.Itoa(int((24*time.Hour - time.Minute).Seconds())); got != want {
		t.Errorf("Retry-After %s, want %s", got, want)
	}
	if a := ask(last, "+491701234567", elsewhere); a.status != 202 {
		t.Errorf("from another address: %d %s", a.status, a.body)
	}
	s.pass(24*time.Hour - time.Minute)
	if a := ask(s.account("later@example.com"), "+491701234567", here); a.status != 202 {
		t.Errorf("a day later: %d %s", a.status, a.body)
	}
}
