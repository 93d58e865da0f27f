package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

type user struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	Phone     string    `json:"phone"`
	Role      string    `json:"role"`
	CreatedAt time.Time `json:"created_at"`
}

func TestRegistration(t *testing.T) {
	t.Parallel()
	p := shared(t)
	a := newAccount(organizer)
	from := header("X-Forwarded-For", a.address)
	post := func(v obj) *answer { return p.call(t, http.MethodPost, gateway, "/users", from, body(v)) }
	with := func(field string, value any) obj {
		v := obj{"email": newAccount(customer).email, "password": a.password, "name": "Zoë 夜"}
		v[field] = value
		return v
	}

	var u user
	post(obj{"email": a.email, "password": a.password, "name": "Zoë 夜", "phone": "+4915112345678", "role": "organizer"}).
		want(t, http.StatusCreated).into(t, &u)
	if u.ID == "" || u.Email != a.email || u.Name != "Zoë 夜" || u.Phone != "+4915112345678" || u.Role != organizer || u.CreatedAt.IsZero() {
		t.Errorf("registered: %+v", u)
	}
	var plain user
	res := post(with("name", "Somebody")).want(t, http.StatusCreated)
	if res.into(t, &plain); plain.Role != customer {
		t.Errorf("without a role: %+v", plain)
	}
	if strings.Contains(strings.ToLower(string(res.body)), "password") {
		t.Errorf("an answer speaks of the password: %s", res.body)
	}

	taken := with("email", strings.ToUpper(a.email))
	post(taken).refused(t, http.StatusConflict, problem.EmailTaken)
	for _, email := range []any{"", "nobody", "a@b@c.example", "a b@c.example", "@c.example", "a@", "a@\r\nBcc: x@y.example", strings.Repeat("a", 300) + "@c.example", 7, nil} {
		post(with("email", email)).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	}
	for _, password := range []any{"", "short", "nine char", 1234567890, nil, strings.Repeat("x", 10_000)} {
		post(with("password", password)).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	}
	for _, password := range []string{"1234567890", "qwertyuiop", "Password123!", "aaaaaaaaaaaa"} {
		post(with("password", password)).refused(t, http.StatusUnprocessableEntity, problem.PasswordTooCommon)
	}
	for _, role := range []any{"admin", "ADMIN", "root", 1} {
		post(with("role", role)).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	}
	post(with("name", "")).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	post(with("name", "a\nb")).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	post(with("phone", "call me")).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	post(with("admin", true)).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	post(with("id", "0190")).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
}

func TestProfile(t *testing.T) {
	t.Parallel()
	p := shared(t)
	a := p.register(t, customer)
	var u user
	p.get(t, gateway, "/users/me", &u, as(a))
	if u.ID != a.id || u.Email != a.email || u.Role != customer {
		t.Errorf("me: %+v", u)
	}
	p.call(t, http.MethodGet, gateway, "/users/me").refused(t, http.StatusUnauthorized, problem.Unauthenticated)

	patch := func(v obj) *answer { return p.call(t, http.MethodPatch, gateway, "/users/me", as(a), body(v)) }
	patch(obj{"name": "Ünal", "phone": "+33612345678"}).want(t, http.StatusOK).into(t, &u)
	if u.Name != "Ünal" || u.Phone != "+33612345678" || u.ID != a.id {
		t.Errorf("changed: %+v", u)
	}
	patch(obj{"phone": "abc"}).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	patch(obj{"email": "other@e2e.example"}).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	patch(obj{"role": "admin"}).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)

	const next = "another long secret"
	patch(obj{"password": next}).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	patch(obj{"password": next, "current_password": "not this one"}).refused(t, http.StatusUnprocessableEntity, problem.WrongPassword)
	patch(obj{"password": "1234567890", "current_password": a.password}).refused(t, http.StatusUnprocessableEntity, problem.PasswordTooCommon)
	patch(obj{"password": next, "current_password": a.password}).want(t, http.StatusOK)
	// The change ended every session.
	p.token(t, a, "grant_type", "refresh_token", "refresh_token", a.refresh).oauthError(t, http.StatusBadRequest, "invalid_grant")
	p.token(t, a, "grant_type", "password", "username", a.email, "password", a.password).oauthError(t, http.StatusBadRequest, "invalid_grant")
	p.token(t, a, "grant_type", "password", "username", a.email, "password", next).want(t, http.StatusOK)
}

// A new password takes effect at once on whatever changes money or tickets, at
// the gateway, although the access token of before has not expired.
func TestANewPasswordEndsWhatAccessTokensChange(t *testing.T) {
	t.Parallel()
	p := shared(t)
	e := p.publish(t, p.register(t, organizer), draft(10))
	a := p.register(t, customer)
	b := p.book(t, a, e, 1)
	p.call(t, http.MethodPatch, gateway, "/users/me", as(a), body(obj{"password": "another long secret", "current_password": a.password})).want(t, http.StatusOK)
	p.call(t, http.MethodPut, gateway, "/bookings/"+b.ID+"/cancel", as(a)).refused(t, http.StatusUnauthorized, problem.InvalidToken)
	p.call(t, http.MethodPatch, gateway, "/users/me", as(a), body(obj{"name": "Mallory"})).refused(t, http.StatusUnauthorized, problem.InvalidToken)
	// Reading lasts as long as the token.
	p.get(t, gateway, "/bookings/"+b.ID, &b, as(a))
	if b.Status != "CONFIRMED" {
		t.Errorf("the booking is %s, want CONFIRMED", b.Status)
	}
}

// A booking made after a change of the name has the new one, although the access
// token is older.
func TestABookingHasTheNameOfNow(t *testing.T) {
	t.Parallel()
	p := shared(t)
	e := p.publish(t, p.register(t, organizer), draft(10))
	a := p.register(t, customer)
	p.call(t, http.MethodPatch, gateway, "/users/me", as(a), body(obj{"name": "Ada Newname"})).want(t, http.StatusOK)
	b := p.book(t, a, e, 1)
	if m := p.awaitMail(t, b.ID, mail.confirms); !strings.Contains(m.text, "Ada Newname") || strings.Contains(m.text, a.name) {
		t.Errorf("the mail's text is %q, want one to Ada Newname", m.text)
	}
}

// token asks for a token with this form, from where a is.
func (p *platform) token(t testing.TB, a *account, pairs ...string) *answer {
	t.Helper()
	return p.call(t, http.MethodPost, gateway, "/token", header("X-Forwarded-For", a.address), form(pairs...))
}

// A user sees where they are logged in, and ends one session without the others.
func TestSessionsOfAUser(t *testing.T) {
	t.Parallel()
	p := shared(t)
	a, eve := p.register(t, customer), p.register(t, customer)
	another := *a
	phone := &another
	if err := p.login(phone); err != nil {
		t.Fatal(err)
	}
	list := func(as option) (ids []string, current string) {
		var page struct {
			Items []struct {
				ID      string `json:"id"`
				Current bool   `json:"current"`
			} `json:"items"`
		}
		p.get(t, gateway, "/users/me/sessions", &page, as)
		for _, s := range page.Items {
			ids = append(ids, s.ID)
			if s.Current {
				current = s.ID
			}
		}
		return ids, current
	}
	ids, onPhone := list(as(phone))
	if len(ids) != 2 || ids[0] != onPhone {
		t.Fatalf("sessions %v, on the phone %s: want two, that one first", ids, onPhone)
	}
	end := func(id string, as option) *answer {
		return p.call(t, http.MethodDelete, gateway, "/users/me/sessions/"+id, as)
	}
	end(onPhone, as(eve)).refused(t, http.StatusNotFound, problem.SessionNotFound)
	end(onPhone, as(a)).want(t, http.StatusNoContent)
	p.token(t, phone, "grant_type", "refresh_token", "refresh_token", phone.refresh).oauthError(t, http.StatusBadRequest, "invalid_grant")
	p.call(t, http.MethodPatch, gateway, "/users/me", as(phone), body(obj{"locale": "de"})).refused(t, http.StatusUnauthorized, problem.InvalidToken)
	p.call(t, http.MethodPatch, gateway, "/users/me", as(a), body(obj{"locale": "de"})).want(t, http.StatusOK)
	if ids, _ := list(as(a)); len(ids) != 1 || ids[0] == onPhone {
		t.Errorf("sessions %v, want the other one", ids)
	}
}
