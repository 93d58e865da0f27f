package html

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/openboxoffice/boxoffice/services/web"
)

// signView is the page of a login or of a registration.
type signView struct {
	Form form
	// To is where the visitor came from, and Other the other of the two pages.
	To, Other string
	Note      string
}

func (v *visit) signPage(status int, name, title string, f form) error {
	to := bare(local(f.Value("next")))
	if to == "/" {
		to = "/account"
	}
	other := map[string]string{"login": "/register", "register": "/login"}[name]
	view := signView{Form: f, To: to, Other: other + "?" + url.Values{"next": {to}}.Encode()}
	if v.r.URL.Query().Has("changed") {
		view.Note = v.text("Your password has been changed. Please sign in with it.")
	}
	return v.render(status, name, page{Title: title, Path: "/" + name, Section: "account", NoIndex: true, Data: view})
}

func (v *visit) login() error {
	if v.signedIn() {
		return v.see("/account")
	}
	return v.signPage(http.StatusOK, "login", v.text("Sign in"), with("next", v.r.URL.Query().Get("next")))
}

func (v *visit) loginSent() error {
	f := v.filled()
	tokens, err := v.SignIns.LogIn(v.ctx, v.caller(), f.get("email"), f.Value("password"))
	if err != nil {
		if v.refuse(&f, err, nil) {
			return v.signPage(http.StatusUnprocessableEntity, "login", v.text("Sign in"), f)
		}
		return err
	}
	return v.signIn(tokens, f.Value("next"))
}

// signIn keeps an account's tokens, and goes where the visitor wanted to.
func (v *visit) signIn(tokens web.Tokens, next string) error {
	if err := v.keep(v.session.SignedIn(tokens)); err != nil {
		return err
	}
	if next = bare(local(next)); next == "/" {
		next = "/account"
	}
	return v.see(next)
}

func (v *visit) register() error {
	if v.signedIn() {
		return v.see("/account")
	}
	return v.signPage(http.StatusOK, "register", v.text("Create an account"), with("next", v.r.URL.Query().Get("next")))
}

func (v *visit) registerSent() error {
	f := v.filled()
	r := web.Registration{Name: f.get("name"), Email: f.get("email"), Password: f.Value("password"), Locale: v.Locale}
	err := v.SignIns.Register(v.ctx, v.caller(), r)
	if err == nil {
		// The account is there. What follows may be done again.
		if err := v.Proofs.RequestVerification(v.ctx, v.caller(), r.Email); err != nil {
			v.Log.WarnContext(v.ctx, "no mail to a new account", "error", err)
		}
		tokens, err := v.SignIns.LogIn(v.ctx, v.caller(), r.Email, r.Password)
		if err != nil {
			return v.see("/login")
		}
		return v.signIn(tokens, f.Value("next"))
	}
	if v.refuse(&f, err, nil) {
		return v.signPage(http.StatusUnprocessableEntity, "register", v.text("Create an account"), f)
	}
	return err
}

// logout ends the session, here and at the platform.
func (v *visit) logout() error {
	if t := v.session.Account; t != nil {
		if err := v.SignIns.LogOut(v.ctx, v.caller(), t.Refresh); err != nil {
			// This browser forgets it all the same.
			v.Log.WarnContext(v.ctx, "the session could not be ended", "error", err)
		}
	}
	if err := v.keep(web.Session{Locale: v.session.Locale}); err != nil {
		return err
	}
	v.w.Header().Set("Clear-Site-Data", `"cache"`)
	return v.see("/")
}

// accountView is the page of an account.
type accountView struct {
	web.Account

	Bookings     []bookingRow
	More         string // the address of the next page of bookings
	Sessions     []web.AccountSession
	MoreSessions bool
	Profile      form
	Email        form
	Password     form
	Done         string
}

type bookingRow struct {
	web.Booking

	Number int
	Path   string
}

func (v *visit) accountPage() error {
	return v.showAccount(http.StatusOK, nil)
}

// showAccount shows the account. change puts what was typed into one of its forms.
func (v *visit) showAccount(status int, change func(*accountView)) error {
	by, err := v.account()
	if err != nil {
		return err
	}
	view := accountView{}
	if view.Account, err = v.Accounts.Me(v.ctx, by); err != nil {
		return v.gone(err)
	}
	cursor := ""
	if v.r.Method == http.MethodGet {
		cursor = v.r.URL.Query().Get("cursor")
	}
	bookings, next, err := v.Bookings.Bookings(v.ctx, by, cursor)
	if web.Refused(err) == "invalid_cursor" {
		return v.see("/account")
	}
	if err != nil {
		return v.gone(err)
	}
	for _, b := range bookings {
		if b.Event.Title == "" || b.Status == web.Failed {
			continue // nothing came of it
		}
		row := bookingRow{Booking: b, Path: "/b/" + b.ID}
		if b.Status == web.Pending {
			row.Path = "/checkout/" + b.ID
		}
		for _, i := range b.Items {
			row.Number += i.Quantity
		}
		view.Bookings = append(view.Bookings, row)
	}
	if next != "" {
		view.More = "/account?" + url.Values{"cursor": {next}}.Encode()
	}
	sessions, more, err := v.Accounts.Sessions(v.ctx, by, "")
	if err != nil {
		return v.gone(err)
	}
	view.Sessions, view.MoreSessions = sessions, more != ""
	view.Profile, view.Email, view.Password = with("name", view.Name), with(), with()
	switch v.r.URL.Query().Get("done") {
	case "profile":
		view.Done = v.text("Your name has been changed.")
	case "email":
		view.Done = v.text("Please open the link in the mail that we have sent to the new address. Until then, the old one stays.")
	case "password":
		view.Done = v.text("Your password has been changed, and you are signed out everywhere else.")
	case "verification":
		view.Done = v.text("A mail with a link is on its way.")
	case "session":
		view.Done = v.text("The session has been ended.")
	}
	if change != nil {
		change(&view)
	}
	return v.render(status, "account", page{Title: v.text("Account"), Path: "/account", Section: "account", Data: view})
}

// gone forgets an account whose session was ended elsewhere.
func (v *visit) gone(err error) error {
	if !errors.Is(err, web.ErrSignedOut) {
		return err
	}
	session := v.session
	session.Account = nil
	if kept := v.keep(session); kept != nil {
		return kept
	}
	return err
}

// changes sends a form about the account. put says to which form what was wrong belongs.
func (v *visit) changes(done string, put func(*accountView, form), change func(by web.Caller, f form) error) error {
	by, err := v.account()
	if err != nil {
		return err
	}
	f := v.filled()
	err = change(by, f)
	switch {
	case err == nil:
		return v.see("/account?done=" + done)
	case v.refuse(&f, err, map[string]string{"current_password": "current"}):
		return v.showAccount(http.StatusUnprocessableEntity, func(view *accountView) { put(view, f) })
	}
	return v.gone(err)
}

func (v *visit) profileSent() error {
	return v.changes("profile", func(view *accountView, f form) { view.Profile = f }, func(by web.Caller, f form) error {
		name := f.get("name")
		_, err := v.Accounts.Change(v.ctx, by, web.Profile{Name: &name})
		return err
	})
}

func (v *visit) emailSent() error {
	return v.changes("email", func(view *accountView, f form) { view.Email = f }, func(by web.Caller, f form) error {
		return v.Accounts.ChangeEmail(v.ctx, by, f.get("email"), f.Value("password"))
	})
}

// passwordSent changes the password, which ends all sessions, and signs in again.
func (v *visit) passwordSent() error {
	return v.changes("password", func(view *accountView, f form) { view.Password = f }, func(by web.Caller, f form) error {
		to, current := f.Value("password"), f.Value("current")
		me, err := v.Accounts.Me(v.ctx, by)
		if err == nil {
			_, err = v.Accounts.Change(v.ctx, by, web.Profile{Password: &to, CurrentPassword: &current})
		}
		if err != nil {
			return err
		}
		tokens, err := v.SignIns.LogIn(v.ctx, v.caller(), me.Email, to)
		if err != nil {
			return nil //nolint:nilerr // the password is changed; the next page asks for it
		}
		return v.keep(v.session.SignedIn(tokens))
	})
}

func (v *visit) verificationSent() error {
	return v.changes("verification", func(view *accountView, f form) { view.Email = f }, func(by web.Caller, _ form) error {
		me, err := v.Accounts.Me(v.ctx, by)
		if err != nil {
			return err
		}
		return v.Proofs.RequestVerification(v.ctx, by, me.Email)
	})
}

func (v *visit) sessionEnded() error {
	return v.changes("session", func(view *accountView, f form) { view.Password = f }, func(by web.Caller, _ form) error {
		err := v.Accounts.EndSession(v.ctx, by, v.param("session"))
		if errors.Is(err, web.ErrNotFound) {
			return nil // it has ended already
		}
		return err
	})
}

// proofView is the page of a link in a mail about an account.
type proofView struct {
	Head, Text, Button string
	Problem            string
	Form               form
	Password           bool // asks for a new one
	Path               string
	Link, LinkText     string
}

func (v *visit) proofPage(status int, view proofView) error {
	return v.render(status, "proof", page{Title: view.Head, Path: "/", Data: view})
}

// A link does nothing by itself: programs that look through mails open it, too.

func (v *visit) verify() error {
	return v.proofPage(http.StatusOK, proofView{
		Head: v.text("Confirm your email address"), Text: v.text("One more click, and we know that this address is yours."), Button: v.text("Confirm"),
		Path: "/verify/" + url.PathEscape(v.param("token")),
	})
}

func (v *visit) verifySent() error {
	return v.proven(v.Proofs.ConfirmVerification(v.ctx, v.caller(), v.param("token")), v.text("Your email address is confirmed."))
}

func (v *visit) newEmail() error {
	view := proofView{
		Head: v.text("Confirm your new email address"), Text: v.text("From then on we write to this address, and you sign in with it."), Button: v.text("Confirm"),
		Path: "/email/" + url.PathEscape(v.param("token")),
	}
	if !v.signedIn() {
		view.Text, view.Path = v.text("Please sign in first, then open the link in the mail again."), ""
		view.Link, view.LinkText = "/login", v.text("Sign in")
	}
	return v.proofPage(http.StatusOK, view)
}

func (v *visit) newEmailSent() error {
	if err := v.refresh(); err != nil {
		return err
	}
	by, err := v.account()
	if err == nil {
		err = v.Proofs.ConfirmEmail(v.ctx, by, v.param("token"))
	}
	if errors.Is(err, web.ErrSignedOut) {
		return v.newEmailSignedOut()
	}
	return v.proven(err, v.text("Your new email address is confirmed."))
}

func (v *visit) newEmailSignedOut() error {
	session := v.session
	session.Account = nil
	if err := v.keep(session); err != nil {
		return err
	}
	return v.newEmail()
}

// proven says what a link has proved, or why it has not.
func (v *visit) proven(err error, head string) error {
	view := proofView{Head: head, Link: "/account", LinkText: v.text("To your account")}
	if text, known := v.refusalOf(err); known {
		view.Head, view.Problem = v.text("This link does not work."), text
		return v.proofPage(http.StatusGone, view)
	}
	if err != nil {
		return err
	}
	return v.proofPage(http.StatusOK, view)
}

// resetView asks for the address of an account whose password is forgotten.
type resetView struct {
	Form form
	Sent bool
}

func (v *visit) showReset(status int, view resetView) error {
	return v.render(status, "reset", page{Title: v.text("Reset your password"), Path: "/password-reset", Section: "account", NoIndex: true, Data: view})
}

func (v *visit) reset() error { return v.showReset(http.StatusOK, resetView{Form: with()}) }

func (v *visit) resetSent() error {
	f := v.filled()
	email := f.get("email")
	if !strings.Contains(email, "@") {
		f.wrong["email"] = v.wrongText("email")
		return v.showReset(http.StatusUnprocessableEntity, resetView{Form: f})
	}
	if err := v.Proofs.RequestPasswordReset(v.ctx, v.caller(), email); err != nil {
		if v.refuse(&f, err, nil) {
			return v.showReset(http.StatusUnprocessableEntity, resetView{Form: f})
		}
		return err
	}
	return v.showReset(http.StatusOK, resetView{Form: f, Sent: true})
}

func (v *visit) passwordOf(f form, status int) error {
	return v.proofPage(status, proofView{
		Head: v.text("Choose a new password"), Text: v.text("You will be signed out everywhere."), Button: v.text("Save the password"),
		Path: "/password-reset/" + url.PathEscape(v.param("token")), Password: true, Form: f, Problem: f.Problem,
	})
}

func (v *visit) newPassword() error { return v.passwordOf(with(), http.StatusOK) }

func (v *visit) newPasswordSent() error {
	f := v.filled()
	err := v.Proofs.ResetPassword(v.ctx, v.caller(), v.param("token"), f.Value("password"))
	switch {
	case err == nil:
		session := v.session
		session.Account = nil
		if err := v.keep(session); err != nil {
			return err
		}
		return v.see("/login?changed")
	case web.Refused(err) == "link_not_valid":
		return v.proven(err, "")
	case v.refuse(&f, err, nil):
		return v.passwordOf(f, http.StatusUnprocessableEntity)
	}
	return err
}
