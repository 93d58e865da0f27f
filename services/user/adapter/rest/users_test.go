package rest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/rest"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	a := s.do(request{method: "POST", path: "/users", body: object{
		"email": " Ada@Example.com", "password": password, "name": "Ada", "phone": "+4915112345678", "role": "organizer",
	}})
	if a.status != 201 || a.header.Get("Location") != "/users/me" || strings.Contains(a.body, "password") {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	got := object{}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	want := object{
		"id": got["id"], "email": "Ada@Example.com", "name": "Ada", "phone": "+4915112345678", "role": "organizer",
		"email_verified": false, "phone_verified": false, "locale": nil, "created_at": s.clock().UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	a = s.do(request{method: "POST", path: "/users", body: object{"email": "b@example.com", "password": password, "name": "B", "phone": nil}})
	if a.status != 201 || a.field(t, "role") != "customer" || !strings.Contains(a.body, `"phone":null`) {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.ada()
	with := func(change object) object {
		o := object{"email": "new@example.com", "password": password, "name": "New"}
		for k, v := range change {
			o[k] = v
		}
		return o
	}
	for _, c := range []struct {
		body   any
		status int
		code   problem.Code
	}{
		{with(object{"email": "ADA@EXAMPLE.COM"}), 409, problem.EmailTaken},
		{with(object{"email": "no address"}), 422, problem.ValidationFailed},
		{with(object{"email": "a@example.com\r\nBcc: b@example.com"}), 422, problem.ValidationFailed},
		{with(object{"email": nil}), 422, problem.ValidationFailed},
		{with(object{"email": 7}), 422, problem.ValidationFailed},
		{with(object{"password": "short"}), 422, problem.ValidationFailed},
		{with(object{"password": strings.Repeat("x1", 200)}), 422, problem.ValidationFailed},
		{with(object{"password": "Password123"}), 422, problem.PasswordTooCommon},
		{with(object{"name": ""}), 422, problem.ValidationFailed},
		{with(object{"name": "\t"}), 422, problem.ValidationFailed},
		{with(object{"name": strings.Repeat("x", 201)}), 422, problem.ValidationFailed},
		{with(object{"phone": "110"}), 422, problem.ValidationFailed},
		{with(object{"phone": 110}), 422, problem.ValidationFailed},
		{with(object{"locale": "nonsense of mine"}), 422, problem.ValidationFailed},
		{with(object{"locale": "und"}), 422, problem.ValidationFailed},
		{with(object{"locale": strings.Repeat("x-", 18)}), 422, problem.ValidationFailed},
		{with(object{"locale": 7}), 422, problem.ValidationFailed},
		{with(object{"role": "admin"}), 422, problem.ValidationFailed},
		{with(object{"role": "Customer"}), 422, problem.ValidationFailed},
		{with(object{"id": "01890a5d-ac96-774b-bcce-b302099a8057"}), 422, problem.ValidationFailed},
		{object{}, 422, problem.ValidationFailed},
		{"[]", 422, problem.ValidationFailed},
		{"{", 400, problem.MalformedBody},
		{"", 400, problem.MalformedBody},
		{"{\"email\":\"\xff\"}", 400, problem.MalformedBody},
		{`{"email":"` + strings.Repeat("x", 10<<20), 413, problem.BodyTooLarge},
	} {
		a := s.do(request{method: "POST", path: "/users", body: c.body})
		wantProblem(t, fmt.Sprintf("%.80v", c.body), a, c.status, c.code)
	}
	if a := s.login("new@example.com", password, ""); a.status != 400 {
		t.Errorf("an account came of what was refused: %d %s", a.status, a.body)
	}
}

func TestMe(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	access, _ := s.ada()
	a := s.do(request{method: "GET", path: "/users/me", token: access})
	if a.status != 200 || a.field(t, "email") != "ada@example.com" || a.field(t, "role") != "customer" {
		t.Errorf("%d %s", a.status, a.body)
	}
	patch := func(body any) answer {
		return s.do(request{method: "PATCH", path: "/users/me", token: access, body: body})
	}
	if a := patch(object{"name": "Countess", "phone": "+4915112345678"}); a.status != 200 || a.field(t, "name") != "Countess" || a.field(t, "phone") != "+4915112345678" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := patch(object{"name": "Ada"}); a.status != 200 || a.field(t, "phone") != "+4915112345678" {
		t.Errorf("the phone did not stay: %d %s", a.status, a.body)
	}
	for _, none := range []any{nil, ""} {
		patch(object{"phone": "+4915112345678"})
		if a := patch(object{"phone": none}); a.status != 200 || !strings.Contains(a.body, `"phone":null`) {
			t.Errorf("phone %v: %d %s", none, a.status, a.body)
		}
	}
	if a := patch(object{"locale": "DE_at"}); a.status != 200 || a.field(t, "locale") != "de-AT" {
		t.Errorf("a locale is not stored in its canonical form: %d %s", a.status, a.body)
	}
	if a := patch(object{"name": "Ada"}); a.field(t, "locale") != "de-AT" {
		t.Errorf("the locale did not stay: %s", a.body)
	}
	for _, none := range []any{nil, ""} {
		patch(object{"locale": "en"})
		if a := patch(object{"locale": none}); a.status != 200 || !strings.Contains(a.body, `"locale":null`) {
			t.Errorf("locale %v: %d %s", none, a.status, a.body)
		}
	}
	if a := patch(object{"locale": "zz-nonsense"}); !strings.Contains(a.body, `"location":"body.locale"`) {
		t.Errorf("the field is not named: %d %s", a.status, a.body)
	}
	if a := patch(object{}); a.status != 200 {
		t.Errorf("nothing to change: %d %s", a.status, a.body)
	}
	for _, c := range []struct {
		body   any
		status int
		code   problem.Code
	}{
		{object{"name": nil}, 422, problem.ValidationFailed},
		{object{"name": ""}, 422, problem.ValidationFailed},
		{object{"phone": "x"}, 422, problem.ValidationFailed},
		{object{"email": "b@example.com"}, 422, problem.ValidationFailed},
		{object{"role": "admin"}, 422, problem.ValidationFailed},
		{object{"password": "an organ in the sparrow"}, 422, problem.ValidationFailed},
		{object{"password": nil}, 422, problem.ValidationFailed},
		{object{"password": "an organ in the sparrow", "current_password": "wrong"}, 422, problem.WrongPassword},
		{object{"password": "password123", "current_password": password}, 422, problem.PasswordTooCommon},
		{object{"password": "short", "current_password": password}, 422, problem.ValidationFailed},
		{"{", 400, problem.MalformedBody},
	} {
		wantProblem(t, fmt.Sprint(c.body), patch(c.body), c.status, c.code)
	}
}

func TestPasswordChange(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	access, refresh := s.ada()
	const next = "an organ in the sparrow"
	a := s.do(request{method: "PATCH", path: "/users/me", token: access, body: object{"password": next, "current_password": password}})
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	wantProblem(t, "a change with the old access token",
		s.do(request{method: "PATCH", path: "/users/me", token: access, body: object{"name": "Mallory"}}), 401, problem.InvalidToken)
	if a := s.do(request{method: "GET", path: "/users/me", token: access}); a.status != 200 {
		t.Errorf("reading with the old access token: %d %s", a.status, a.body)
	}
	wantOAuth(t, "an old session", s.refresh(refresh), 400, "invalid_grant")
	wantOAuth(t, "the old password", s.login("ada@example.com", password, ""), 400, "invalid_grant")
	if a := s.login("ada@example.com", next, ""); a.status != 200 {
		t.Errorf("the new password: %d %s", a.status, a.body)
	}
}

// A stolen access token is not good for guessing the password.
func TestGuessingTheCurrentPasswordIsThrottled(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	access, _ := s.ada()
	guess := func() answer {
		return s.do(request{method: "PATCH", path: "/users/me", token: access, body: object{"password": "an organ in the sparrow", "current_password": "wrong"}})
	}
	for range rest.FailuresPerAccount {
		wantProblem(t, "guess", guess(), 422, problem.WrongPassword)
	}
	a := guess()
	wantProblem(t, "one guess more", a, 429, problem.RateLimited)
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestWhoIsNotLetIn(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	access, _ := s.ada()
	head, rest, _ := strings.Cut(access, ".")
	for _, path := range []string{"GET /users/me", "PATCH /users/me", "POST /admin/keys/rotate"} {
		method, path, _ := strings.Cut(path, " ")
		do := func(header string) answer {
			return s.do(request{method: method, path: path, body: "{}", header: http.Header{"Authorization": {header}}})
		}
		wantProblem(t, path, s.do(request{method: method, path: path, body: "{}"}), 401, problem.Unauthenticated)
		wantProblem(t, path, do("Basic YWRhOmFkYQ=="), 401, problem.Unauthenticated)
		wantProblem(t, path, do("Bearer x.y.z"), 401, problem.InvalidToken)
		wantProblem(t, path, do("Bearer eyJhbGciOiJub25lIn0."+rest), 401, problem.InvalidToken) // alg none
		wantProblem(t, path, do("Bearer "+head+"."+rest+"A"), 401, problem.InvalidToken)
	}
	wantProblem(t, "a customer", s.do(request{method: "POST", path: "/admin/keys/rotate", token: access}), 403, problem.Forbidden)
	s.pass(16 * time.Minute)
	wantProblem(t, "an expired token", s.do(request{method: "GET", path: "/users/me", token: access}), 401, problem.InvalidToken)
}

func TestTokenOfAnAccountThatIsGone(t *testing.T) {
	t.Parallel()
	s, other := newServer(t), newServer(t)
	access, _ := s.ada()
	keys, err := s.store.Keys.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The same keys, no such account.
	key := keys[0]
	key.SignsFrom = key.SignsFrom.Add(time.Second)
	if _, err := other.store.Keys.Add(t.Context(), key, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, r := range []request{{method: "GET"}, {method: "PATCH", body: object{"name": "B"}}} {
		r.path, r.token = "/users/me", access
		wantProblem(t, r.method, other.do(r), 401, problem.InvalidToken)
	}
}

func TestContactIsForNotificationAlone(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	access, _ := s.ada()
	id := s.do(request{method: "GET", path: "/users/me", token: access}).field(t, "id")
	get := func(id, token string) answer {
		return s.do(request{method: "GET", path: "/users/" + id + "/contact", header: http.Header{"X-Service-Token": {token}}})
	}
	notification := s.services.Token("notification", "user")
	a := get(id, notification)
	if want := fmt.Sprintf(`{"user_id":%q,"email":"ada@example.com","name":"Ada"}`, id); a.status != 200 || strings.TrimSpace(a.body) != want {
		t.Errorf("%d %s, want %s", a.status, a.body, want)
	}
	wantProblem(t, "booking", get(id, s.services.Token("booking", "user")), 403, problem.Forbidden)
	wantProblem(t, "for booking", get(id, s.services.Token("notification", "booking")), 401, problem.InvalidToken)
	wantProblem(t, "nobody", get(id, "x"), 401, problem.InvalidToken)
	wantProblem(t, "a user", s.do(request{method: "GET", path: "/users/" + id + "/contact", token: access}), 401, problem.Unauthenticated)
	wantProblem(t, "unknown", get("01890a5d-ac96-774b-bcce-b302099a8057", notification), 404, problem.UserNotFound)
	wantProblem(t, "no uuid", get("me", notification), 422, problem.ValidationFailed)
}

// Without the database nothing is changed, and no session called over.
func TestAChangeWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	access, _ := s.ada()
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	a := s.do(request{method: "PATCH", path: "/users/me", token: access, body: object{"name": "B"}})
	wantProblem(t, "a change", a, 503, problem.UpstreamUnavailable)
}

// Whose role was taken away has it no longer, whatever his token says.
func TestARoleThatWasTakenAway(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if err := s.service.EnsureAdmin(t.Context(), "root@example.com", password); err != nil {
		t.Fatal(err)
	}
	access := s.login("root@example.com", password, "").field(t, "access_token")
	u, err := s.store.Users.ByEmail(t.Context(), "root@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.Users.Update(t.Context(), u.ID, func(u *user.User) error { u.Role = identity.Customer; return nil }); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, "rotating keys", s.do(request{method: "POST", path: "/admin/keys/rotate", token: access}), 403, problem.Forbidden)
}

func TestKeysRotate(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.pass(-2 * time.Minute) // the verifier below has a clock of its own
	if err := s.service.EnsureAdmin(t.Context(), "root@example.com", password); err != nil {
		t.Fatal(err)
	}
	admin := s.login("root@example.com", password, "").field(t, "access_token")
	a := s.do(request{method: "POST", path: "/admin/keys/rotate", token: admin})
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	set := s.do(request{method: "GET", path: "/.well-known/jwks.json"})
	if set.status != 200 || set.header.Get("Cache-Control") != "public, max-age=30" || !strings.Contains(set.body, a.field(t, "key_id")) {
		t.Errorf("%d %v %s", set.status, set.header, set.body)
	}
	if strings.Contains(set.body, `"d"`) {
		t.Error("the key set has private keys")
	}
	// The other services verify by it, with what they know of it.
	s.pass(2 * time.Minute)
	token := s.login("root@example.com", password, "").field(t, "access_token")
	ts := serve(t, s.handler)
	if c, err := auth.NewVerifier(ts+"/.well-known/jwks.json", s.service.Log).Verify(t.Context(), token); err != nil || !c.IsAdmin() {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestAHundredRegistrationsAMinutePass(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	bad := func() answer {
		return s.do(request{method: "POST", path: "/users", body: object{"email": "x", "password": password, "name": "A"}})
	}
	s.pass(time.Hour) // a window of its own
	for range rest.RegistrationsPerMinute {
		if a := bad(); a.status != 422 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if rest.RegistrationsPerMinute < 100 {
		t.Error("fewer than 100 pass")
	}
	if a := s.register("late@example.com"); a.status != 201 {
		t.Errorf("another account: %d %s", a.status, a.body)
	}
}

func (s *server) refresh(token string) answer {
	s.t.Helper()
	return s.do(request{method: "POST", path: "/token", body: url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}})
}
