package rest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/user/adapter/rest"
)

// mail works off what was asked for, and returns what the newest mail says to
// notification.
func (s *server) mail() answer {
	s.t.Helper()
	if err := s.service.WorkOffNow(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	late := s.clock().Add(time.Hour)
	entries, err := s.store.Outbox().Claim(s.t.Context(), late, late, 100)
	if err != nil || len(entries) == 0 {
		s.t.Fatalf("%d messages, %v", len(entries), err)
	}
	var m events.AccountMail
	if err := json.Unmarshal(entries[len(entries)-1].Message.Data, &m); err != nil {
		s.t.Fatal(err)
	}
	if err := s.store.Outbox().Close(s.t.Context(), []string{m.MailID}, late); err != nil {
		s.t.Fatal(err)
	}
	return s.accountMail(m.MailID, s.services.Token("notification", "user"))
}

func (s *server) accountMail(id, token string) answer {
	s.t.Helper()
	return s.do(request{method: "GET", path: "/account-mails/" + id, header: http.Header{"X-Service-Token": {token}}})
}

func (s *server) post(path string, body any) answer {
	s.t.Helper()
	return s.do(request{method: "POST", path: path, body: body})
}

func TestVerification(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	access, _ := s.ada()
	if a := s.post("/users/verification", object{"email": "ada@example.com"}); a.status != 202 || a.body != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	m := s.mail()
	token := m.field(t, "token")
	if m.status != 200 || m.field(t, "to") != "ada@example.com" || m.field(t, "operation") != "POST /users/verification/confirm" || m.field(t, "purpose") != "verification" {
		t.Fatalf("%d %s", m.status, m.body)
	}
	id := m.field(t, "id")
	wantProblem(t, "a mail for booking", s.accountMail(id, s.services.Token("booking", "user")), 403, problem.Forbidden)
	wantProblem(t, "a mail for a user", s.do(request{method: "GET", path: "/account-mails/" + id, token: access}), 401, problem.Unauthenticated)
	wantProblem(t, "an unknown mail", s.accountMail("01890a5d-ac96-774b-bcce-b302099a8057", s.services.Token("notification", "user")), 404, problem.MailNotDue)
	if a := s.post("/users/verification/confirm", object{"token": token}); a.status != 204 || a.body != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.do(request{method: "GET", path: "/users/me", token: access}); !strings.Contains(a.body, `"email_verified":true`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	wantProblem(t, "twice", s.post("/users/verification/confirm", object{"token": token}), 410, problem.LinkNotValid)
	wantProblem(t, "a mail about what is verified", s.accountMail(id, s.services.Token("notification", "user")), 404, problem.MailNotDue)
}

func TestPasswordReset(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	_, refresh := s.ada()
	const next = "an organ in the sparrow"
	for _, email := range []string{"ada@example.com", "nobody@example.com"} {
		if a := s.post("/password-reset", object{"email": email}); a.status != 202 || a.body != "" {
			t.Errorf("%s: %d %s", email, a.status, a.body)
		}
	}
	m := s.mail()
	token := m.field(t, "token")
	if m.field(t, "operation") != "POST /password-reset/confirm" {
		t.Errorf("%s", m.body)
	}
	wantProblem(t, "a common password", s.post("/password-reset/confirm", object{"token": token, "password": "password123"}), 422, problem.PasswordTooCommon)
	wantProblem(t, "to verify", s.post("/users/verification/confirm", object{"token": token}), 410, problem.LinkNotValid)
	if a := s.post("/password-reset/confirm", object{"token": token, "password": next}); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	wantOAuth(t, "an old session", s.refresh(refresh), 400, "invalid_grant")
	wantOAuth(t, "the old password", s.login("ada@example.com", password, ""), 400, "invalid_grant")
	if a := s.login("ada@example.com", next, ""); a.status != 200 {
		t.Errorf("the new password: %d %s", a.status, a.body)
	}
	wantProblem(t, "twice", s.post("/password-reset/confirm", object{"token": token, "password": next}), 410, problem.LinkNotValid)
	s.post("/password-reset", object{"email": "ada@example.com"})
	late := s.mail().field(t, "token")
	s.pass(time.Hour)
	wantProblem(t, "late", s.post("/password-reset/confirm", object{"token": late, "password": next}), 410, problem.LinkNotValid)
}

func TestAccountMailsRefuse(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, c := range []struct {
		path  string
		body  object
		field string
	}{
		{"/users/verification", object{"email": "nobody"}, "email"},
		{"/users/verification", object{"email": nil}, "email"},
		{"/users/verification", object{"email": "a@example.com", "token": "x"}, "token"},
		{"/password-reset", object{"email": "a@example.com\r\nBcc: b@example.com"}, "email"},
		{"/password-reset", object{"email": 7}, "email"},
		{"/users/verification/confirm", object{"token": "nonsense"}, "token"},
		{"/users/verification/confirm", object{"token": 7}, "token"},
		{"/password-reset/confirm", object{"token": "nonsense", "password": "an organ in the sparrow"}, "token"},
		{"/password-reset/confirm", object{"token": strings.Repeat("A", 43), "password": "short"}, "password"},
	} {
		a := s.post(c.path, c.body)
		wantProblem(t, c.path, a, 422, problem.ValidationFailed)
		if !strings.Contains(a.body, `"location":"body.`+c.field+`"`) {
			t.Errorf("%s %v: %s is not named: %s", c.path, c.body, c.field, a.body)
		}
	}
}

// Whoever asks for mails without end, and shows tokens of none, keeps nobody at the same
// address from a mail, or from using its token.
func TestAFloodOfMailRequestsLocksNobodyOut(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.ada()
	for range rest.MailRequestsPerMinute {
		if a := s.post("/password-reset", object{"email": "nobody@example.com"}); a.status != 202 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if a := s.post("/users/verification", object{"email": "ada@example.com"}); a.status != 202 {
		t.Errorf("another one: %d %s", a.status, a.body)
	}
	for range 100 {
		wantProblem(t, "a guess", s.post("/users/verification/confirm", object{"token": strings.Repeat("A", 43)}), 410, problem.LinkNotValid)
	}
	if a := s.post("/users/verification/confirm", object{"token": s.mail().field(t, "token")}); a.status != 204 {
		t.Errorf("a good token: %d %s", a.status, a.body)
	}
}

// An account that asks for other addresses again and again is refused, and no other at
// its address.
func TestAFloodOfAddressesIsOfOneAccount(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ada, _ := s.ada()
	s.register("bob@example.com")
	ask := func(token string) answer {
		return s.do(request{method: "POST", path: "/users/me/email", token: token, body: object{"email": "nobody", "password": password}})
	}
	for range rest.EmailRequestsPerMinute {
		wantProblem(t, "no address", ask(ada), 422, problem.ValidationFailed)
	}
	wantProblem(t, "one more", ask(ada), 429, problem.RateLimited)
	wantProblem(t, "another account", ask(s.login("bob@example.com", password, "").field(t, "access_token")), 422, problem.ValidationFailed)
}

func TestAnotherEmailAddress(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	access, _ := s.ada()
	s.register("bob@example.com")
	post := func(path string, body any) answer {
		return s.do(request{method: "POST", path: path, token: access, body: body})
	}
	ask := func(email, password string) answer {
		return post("/users/me/email", object{"email": email, "password": password})
	}
	wantProblem(t, "a wrong password", ask("new@example.com", "wrong"), 422, problem.WrongPassword)
	wantProblem(t, "a taken address", ask("bob@example.com", password), 409, problem.EmailTaken)
	for field, body := range map[string]object{
		"email": {"email": "nobody", "password": password}, "password": {"email": "new@example.com", "password": 7}, "name": {"email": "new@example.com", "password": password, "name": "x"},
	} {
		a := post("/users/me/email", body)
		wantProblem(t, field, a, 422, problem.ValidationFailed)
		if !strings.Contains(a.body, `"location":"body.`+field+`"`) {
			t.Errorf("%s is not named: %s", field, a.body)
		}
	}
	if a := ask("new@example.com", password); a.status != 202 || a.body != "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	m := s.mail()
	if m.field(t, "to") != "new@example.com" || m.field(t, "operation") != "POST /users/me/email/confirm" {
		t.Fatalf("%d %s", m.status, m.body)
	}
	token := m.field(t, "token")
	eve := s.login("bob@example.com", password, "").field(t, "access_token")
	wantProblem(t, "by another", s.do(request{method: "POST", path: "/users/me/email/confirm", token: eve, body: object{"token": token}}), 410, problem.LinkNotValid)
	wantProblem(t, "without a login", s.post("/users/me/email/confirm", object{"token": token}), 401, problem.Unauthenticated)
	wantProblem(t, "nonsense", post("/users/me/email/confirm", object{"token": "nonsense"}), 422, problem.ValidationFailed)
	if a := post("/users/me/email/confirm", object{"token": token}); a.status != 200 || a.field(t, "email") != "new@example.com" || !strings.Contains(a.body, `"email_verified":true`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	wantProblem(t, "twice", post("/users/me/email/confirm", object{"token": token}), 410, problem.LinkNotValid)
	if m := s.mail(); m.field(t, "to") != "ada@example.com" || m.field(t, "purpose") != "email_changed" || strings.Contains(m.body, "token") || strings.Contains(m.body, "operation") {
		t.Errorf("the old address is told %s", m.body)
	}
	guest := s.guest(object{"name": "Zoë", "email": "zoe@example.com"}, "").field(t, "access_token")
	for _, path := range []string{"/users/me/email", "/users/me/email/confirm"} {
		wantProblem(t, "a guest", s.do(request{method: "POST", path: path, token: guest, body: object{"token": token, "email": "x@example.com", "password": password}}), 403, problem.Forbidden)
	}
	for range 2 {
		ask("more@example.com", password)
	}
	wantProblem(t, "too many", ask("more@example.com", password), 429, problem.RateLimited)
}
