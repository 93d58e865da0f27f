package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
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

// An SMS costs money: an address asks for few.
func TestCodesForPhonesAreFewFromOneAddress(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	access, _ := s.ada()
	post := func() answer {
		return s.do(request{method: "POST", path: "/users/me/phone", body: object{"phone": "none"}, header: http.Header{"Authorization": {"Bearer " + access}}})
	}
	for range rest.PhoneRequestsPerMinute {
		wantProblem(t, "no number", post(), 422, problem.ValidationFailed)
	}
	wantProblem(t, "one more", post(), 429, problem.RateLimited)
}
