package html_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	nethtml "golang.org/x/net/html"

	"github.com/openboxoffice/boxoffice/services/web"
)

func TestLogin(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.AddAccount(web.Account{Name: "Ana", Email: "ana@example.org"}, "correct horse")
	b := s.browser()
	page := b.get("/account").want(http.StatusOK, "Sign in")
	page.valid()
	wrong := page.form("/login").with("email", "ana@example.org", "password", "wrong").send().
		want(http.StatusUnprocessableEntity, "Address and password do not belong together.")
	wrong.valid()
	for n := range wrong.doc().Descendants() {
		if attr(n, "name") == "password" && attr(n, "value") != "" || attr(n, "name") == "email" && attr(n, "value") != "ana@example.org" {
			t.Errorf("%s is %q", attr(n, "name"), attr(n, "value"))
		}
	}
	s.Fail("LogIn", 1, &web.Refusal{Code: "rate_limited", RetryAfter: 4 * time.Minute})
	page.form("/login").send().want(http.StatusUnprocessableEntity, "Please come back in 5 minutes.")
	page.form("/login").with("email", "ana@example.org", "password", "correct horse").send().want(http.StatusOK, "You have not booked anything yet.")
	if a := b.get("/login"); a.path != "/account" {
		t.Errorf("who is signed in is at %s", a.path)
	}
}

// After the login the visitor is where they wanted to go, and never elsewhere.
func TestNext(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.AddAccount(web.Account{Name: "Ana", Email: "ana@example.org"}, "correct horse")
	for next, want := range map[string]string{
		"/events?q=a%26b": "/events?q=a%26b", "/account": "/account", "": "/account", "/": "/account", "/de/events": "/events",
		"https://evil.example": "/account", "//evil.example": "/account", "/\\evil.example": "/account", "/%2Fevil.example": "/account", "/\t/evil.example": "/account", "javascript:alert(1)": "/account",
	} {
		for _, form := range []string{"/login", "/register"} {
			b := s.browser()
			page := b.get(form + "?" + url.Values{"next": {next}}.Encode())
			f := page.form(form).with("email", "ana@example.org", "password", "correct horse")
			if form == "/register" {
				f.with("name", "Ben", "email", strings.ReplaceAll(url.QueryEscape(next), "%", "_")+"ben@example.org")
			}
			if got := b.do(http.MethodPost, f.action, f.values).Header().Get("Location"); got != want {
				t.Errorf("%s: next=%q leads to %q, want %q", form, next, got, want)
			}
			f.with("next", next)
			if form == "/login" {
				if got := s.browser().do(http.MethodPost, f.action, f.values).Header().Get("Location"); got != want {
					t.Errorf("a form with next=%q leads to %q, want %q", next, got, want)
				}
			}
		}
	}
}

func TestRegister(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	page := b.get("/de/register").want(http.StatusOK, "Konto anlegen")
	page.valid()
	f := page.form("/register").with("name", "Ana", "email", "ana@example.org", "password", "short")
	wrong := f.send().want(http.StatusUnprocessableEntity, "Bitte wählen Sie ein Passwort mit mindestens 10 Zeichen.")
	wrong.valid()
	f.with("password", "password123").send().want(http.StatusUnprocessableEntity, "Dieses Passwort probieren alle zuerst.")
	f.with("password", "correct horse").send().want(http.StatusOK, "Konto", "Ihre E-Mail-Adresse ist noch nicht bestätigt.")
	s.browser().get("/register").form("/register").with("name", "Eve", "email", "Ana@Example.org", "password", "another horse").send().
		want(http.StatusUnprocessableEntity, "There is an account with this address already.")
	// The address is confirmed by a button: programs that look through mails press none.
	link := "/verify/" + s.Mails("ana@example.org")[0].Token
	confirm := s.browser().get(link).want(http.StatusOK, "Confirm your email address")
	confirm.valid()
	b.get("/account").want(http.StatusOK, "not confirmed yet")
	confirm.form(link).send().want(http.StatusOK, "Your email address is confirmed.")
	b.get("/account").want(http.StatusOK).without("not confirmed yet")
	confirm.form(link).send().want(http.StatusGone, "This link does not work.", "was used already")
}

func TestVerificationAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	page := b.get("/register").form("/register").with("name", "Ana", "email", "ana@example.org", "password", "correct horse").send()
	before := len(s.Mails("ana@example.org"))
	if before == 0 {
		t.Error("no mail to a new account")
	}
	page.form("/account/verification").send().want(http.StatusOK, "A mail with a link is on its way.")
	if got := len(s.Mails("ana@example.org")); got != before+1 {
		t.Errorf("%d mails more", got-before)
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.signedIn()
	_, id := b.booked(s.program.OnSale, 1)
	before := map[string]string{}
	for name, value := range b.cookies {
		before[name] = value
	}
	f := b.get("/account").form("/logout")
	a := b.do(http.MethodPost, f.action, nil)
	if got := a.Header().Get("Clear-Site-Data"); a.Code != http.StatusSeeOther || got != `"cache"` {
		t.Errorf("%d, Clear-Site-Data is %q", a.Code, got)
	}
	for _, at := range []string{"/account", "/b/" + id, "/b/" + id + "/tickets.pdf"} {
		b.get(at).without("Ana Costa")
	}
	// The old cookie is worth nothing: the session has ended at the platform, too.
	b.cookies = before
	b.get("/account").want(http.StatusOK, "Sign in").without("Ana Costa")
	// Without the platform this browser forgets all the same.
	s.AddAccount(web.Account{Name: "Ben", Email: "ben@example.org"}, "correct horse")
	b = s.browser()
	b.get("/login").form("/login").with("email", "ben@example.org", "password", "correct horse").send()
	s.Fail("LogOut", 1, web.ErrUnavailable)
	b.post("/logout", nil).want(http.StatusOK)
	b.get("/account").want(http.StatusOK, "Sign in")
}

// Whose session was ended in another tab is asked to sign in, and comes back.
func TestSignedOutElsewhere(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	account := s.AddAccount(web.Account{Name: "Ben", Email: "ben@example.org"}, "correct horse")
	b := s.browser()
	b.get("/login").form("/login").with("email", "ben@example.org", "password", "correct horse").send()
	s.EndSessions(account.ID)
	page := b.get("/account").want(http.StatusOK, "Sign in")
	if !strings.HasPrefix(page.path, "/login?next=%2Faccount") {
		t.Errorf("it leads to %s", page.path)
	}
	page.form("/login").with("email", "ben@example.org", "password", "correct horse").send().want(http.StatusOK, "Account")
}

// Tokens are renewed when they end, and the page comes all the same.
func TestRenewal(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.signedIn()
	for range 3 {
		s.Advance(20 * time.Minute)
		b.get("/account").want(http.StatusOK, "Ana Costa")
	}
	if got := len(s.Calls("Renew")); got != 3 {
		t.Errorf("renewed %d times", got)
	}
	s.Advance(20 * time.Minute)
	s.Fail("Renew", 1, web.ErrUnavailable)
	b.get("/account").want(http.StatusServiceUnavailable)
	b.get("/account").want(http.StatusOK, "Ana Costa")
}

func TestAccount(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.signedIn()
	page := b.get("/account").want(http.StatusOK, "You have not booked anything yet.", "This browser")
	page.valid()
	wrong := page.form("/profile").with("name", " ").send().want(http.StatusUnprocessableEntity, "Please enter a name")
	wrong.valid()
	page.form("/profile").with("name", "Ana Lima").send().want(http.StatusOK, "Your name has been changed.", "Ana Lima")

	page.form("/account/email").with("email", "new@example.org", "password", "wrong").send().want(http.StatusUnprocessableEntity, "The current password is not right.")
	page.form("/account/email").with("email", "new@", "password", "correct horse").send().want(http.StatusUnprocessableEntity, "Please enter a whole email address").valid()
	page.form("/account/email").with("email", "new@example.org", "password", "correct horse").send().want(http.StatusOK, "the mail that we have sent to the new address")
	link := "/email/" + s.Mails("new@example.org")[0].Token
	s.browser().get(link).want(http.StatusOK, "Please sign in first")
	confirm := b.get(link).want(http.StatusOK, "Confirm your new email address")
	s.browser().post(link, nil).want(http.StatusOK, "Please sign in first")
	confirm.form(link).send().want(http.StatusOK, "Your new email address is confirmed.")
	b.get("/account").want(http.StatusOK, "new@example.org")

	page.form("/password").with("current", "wrong", "password", "another horse").send().want(http.StatusUnprocessableEntity, "The current password is not right.")
	page.form("/password").with("current", "correct horse", "password", "short").send().want(http.StatusUnprocessableEntity, "at least 10 characters").valid()
	other := s.browser()
	other.get("/login").form("/login").with("email", "new@example.org", "password", "correct horse").send().want(http.StatusOK, "Account")
	b.get("/account").want(http.StatusOK, "Another browser")
	page.form("/password").with("current", "correct horse", "password", "another horse").send().want(http.StatusOK, "signed out everywhere else").without("Another browser")
	other.get("/account").want(http.StatusOK, "Sign in")
}

func TestEndingSessions(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.signedIn()
	other := s.browser()
	other.get("/login").form("/login").with("email", "ana@example.org", "password", "correct horse").send()
	page := b.get("/account").want(http.StatusOK, "Another browser")
	n := find(page.doc(), func(n *nethtml.Node) bool { return strings.Contains(attr(n, "action"), "/account/sessions/") })
	b.post(attr(n, "action"), nil).want(http.StatusOK, "The session has been ended.").without("Another browser")
	b.post(attr(n, "action"), nil).want(http.StatusOK)
	other.get("/account").want(http.StatusOK, "Sign in")
}

func TestBookingsOfAnAccount(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.signedIn()
	for range 25 {
		b.booked(s.program.Free, 1)
	}
	page := b.get("/account").want(http.StatusOK, "Older bookings")
	older := find(page.doc(), func(n *nethtml.Node) bool { return n.Data == "a" && textOf(n) == "Older bookings" })
	rest := b.get(attr(older, "href")).want(http.StatusOK).without("Older bookings")
	if got := strings.Count(page.body+rest.body, `href="/b/0`); got != 25 {
		t.Errorf("%d bookings are listed", got)
	}
	b.get("/account?cursor=nonsense").want(http.StatusOK, "Older bookings")
}

func TestPasswordReset(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.signedIn()
	f := s.browser().get("/password-reset").want(http.StatusOK, "Reset your password").form("/password-reset")
	f.with("email", "x").send().want(http.StatusUnprocessableEntity, "Please enter a whole email address")
	known := f.with("email", "ana@example.org").send().want(http.StatusOK, "a mail with a link is on its way")
	if unknown := f.with("email", "nobody@example.org").send(); unknown.text() != known.text() {
		t.Error("the page tells whether there is an account")
	}
	link := "/password-reset/" + s.Mails("ana@example.org")[0].Token
	page := s.browser().get(link).want(http.StatusOK, "Choose a new password")
	page.valid()
	page.form(link).with("password", "short").send().want(http.StatusUnprocessableEntity, "at least 10 characters").valid()
	login := page.form(link).with("password", "another horse").send().want(http.StatusOK, "Your password has been changed. Please sign in with it.")
	login.form("/login").with("email", "ana@example.org", "password", "another horse").send().want(http.StatusOK, "Account")
	b.get("/account").want(http.StatusOK, "Sign in")
	page.form(link).with("password", "one more horse").send().want(http.StatusGone, "This link does not work.")
}
