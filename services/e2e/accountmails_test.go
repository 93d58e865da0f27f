package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// tokenLine finds the token in a mail about an account: at the end of a link to the shop, or,
// if the shop has no address, on a line of its own.
var tokenLine = regexp.MustCompile(`(?m)^(?:https?://\S+/)?([A-Za-z0-9_-]{43})\r?$`)

// tokenFrom waits for the mail to a about subject, and returns its token.
func (p *platform) tokenFrom(t testing.TB, a *account, subject string) (token string) {
	t.Helper()
	eventually(t, func() error {
		mails, err := p.mails()
		if err != nil {
			return final{err}
		}
		for _, m := range mails {
			if found := tokenLine.FindStringSubmatch(m.text); found != nil && strings.Contains(m.to, a.email) && m.subject == subject {
				token = found[1]
				return nil
			}
		}
		return errNoMail
	})
	return token
}

// verify lets a prove to have the mailbox.
func (p *platform) verify(t testing.TB, a *account) {
	t.Helper()
	post := func(path string, v obj) *answer {
		return p.call(t, http.MethodPost, gateway, path, header("X-Forwarded-For", a.address), body(v))
	}
	post("/users/verification", obj{"email": a.email}).want(t, http.StatusAccepted)
	post("/users/verification/confirm", obj{"token": p.tokenFrom(t, a, "Confirm your email address")}).want(t, http.StatusNoContent)
}

// Where mails reach people, an organizer publishes once the address is verified, with
// the token from before.
func TestOrganizersVerifyTheirAddress(t *testing.T) {
	t.Parallel()
	server := newMailServer(t)
	server.up(t, false)
	p := start(t, options{smtpURL: "smtp://" + server.address + "?tls=none"})
	p.system = mailed{p.system, server}
	o := p.register(t, organizer)
	post := func() *answer { return p.call(t, http.MethodPost, gateway, "/events", as(o), body(draft(10))) }
	post().refused(t, http.StatusForbidden, problem.EmailNotVerified)
	p.verify(t, o)
	var e event
	post().want(t, http.StatusCreated).into(t, &e)
	p.call(t, http.MethodPut, gateway, "/events/"+e.ID, as(o), body(draft(20))).want(t, http.StatusOK)
	p.publish(t, p.admin, draft(10))
}

// An account's owner proves to have the mailbox, and comes back without the password.
func TestAccountMails(t *testing.T) {
	t.Parallel()
	p := shared(t)
	a := p.register(t, customer)
	post := func(path string, v obj) *answer {
		return p.call(t, http.MethodPost, gateway, path, header("X-Forwarded-For", a.address), body(v))
	}
	for _, path := range []string{"/users/verification", "/password-reset"} {
		post(path, obj{"email": a.email}).want(t, http.StatusAccepted)
		post(path, obj{"email": "nobody-" + uuid.NewString() + "@e2e.example"}).want(t, http.StatusAccepted)
		post(path, obj{"email": "nobody"}).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	}
	verification, reset := p.tokenFrom(t, a, "Confirm your email address"), p.tokenFrom(t, a, "Choose a new password")

	post("/users/verification/confirm", obj{"token": reset}).refused(t, http.StatusGone, problem.LinkNotValid)
	post("/users/verification/confirm", obj{"token": "nonsense"}).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	post("/users/verification/confirm", obj{"token": verification}).want(t, http.StatusNoContent)
	var me struct {
		Verified bool `json:"email_verified"`
	}
	if p.get(t, gateway, "/users/me", &me, as(a)); !me.Verified {
		t.Error("the address is not verified")
	}
	post("/users/verification/confirm", obj{"token": verification}).refused(t, http.StatusGone, problem.LinkNotValid)

	const next = "another long secret"
	post("/password-reset/confirm", obj{"token": reset, "password": "1234567890"}).refused(t, http.StatusUnprocessableEntity, problem.PasswordTooCommon)
	post("/password-reset/confirm", obj{"token": reset, "password": next}).want(t, http.StatusNoContent)
	post("/password-reset/confirm", obj{"token": reset, "password": next}).refused(t, http.StatusGone, problem.LinkNotValid)
	p.token(t, a, "grant_type", "refresh_token", "refresh_token", a.refresh).oauthError(t, http.StatusBadRequest, "invalid_grant")
	p.call(t, http.MethodPatch, gateway, "/users/me", as(a), body(obj{"name": "Mallory"})).refused(t, http.StatusUnauthorized, problem.InvalidToken)
	p.token(t, a, "grant_type", "password", "username", a.email, "password", a.password).oauthError(t, http.StatusBadRequest, "invalid_grant")
	p.token(t, a, "grant_type", "password", "username", a.email, "password", next).want(t, http.StatusOK)
}

// A phone is proven by the code of an SMS, and by nothing that is guessed.
func TestAPhoneIsProvenByACode(t *testing.T) {
	t.Parallel()
	p := shared(t)
	a := p.register(t, customer)
	post := func(path string, v obj) *answer {
		return p.call(t, http.MethodPost, gateway, path, as(a), body(v))
	}
	post("/users/me/phone", obj{"phone": "nobody"}).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	post("/users/me/phone/confirm", obj{"code": "123456"}).refused(t, http.StatusGone, problem.LinkNotValid)
	const phone = "+491701234567"
	post("/users/me/phone", obj{"phone": phone}).want(t, http.StatusAccepted)
	eventually(t, func() error {
		sent, err := all[notification](p, gateway, "/notifications?status=SENT", as(a))
		if err != nil {
			return final{err}
		}
		if !slices.ContainsFunc(sent, func(n notification) bool { return n.Channel == "sms" && n.To == phone }) {
			return errors.New("no SMS is sent")
		}
		return nil
	})
	for i := range 5 {
		post("/users/me/phone/confirm", obj{"code": fmt.Sprintf("12345%d", i)}).refused(t, http.StatusUnprocessableEntity, problem.WrongCode)
	}
	post("/users/me/phone/confirm", obj{"code": "123456"}).refused(t, http.StatusGone, problem.LinkNotValid)
	var me struct {
		Phone    *string `json:"phone"`
		Verified bool    `json:"phone_verified"`
	}
	if p.get(t, gateway, "/users/me", &me, as(a)); me.Verified || me.Phone != nil && *me.Phone == phone {
		t.Errorf("the phone is %v, proven: %v", me.Phone, me.Verified)
	}
}

// An account takes another address, by a mail to it, and the old one is told.
func TestAnotherEmailAddress(t *testing.T) {
	t.Parallel()
	p := shared(t)
	a, eve := p.register(t, customer), p.register(t, customer)
	post := func(by *account, path string, v obj) *answer {
		return p.call(t, http.MethodPost, gateway, path, as(by), body(v))
	}
	moved := *a
	moved.email = "moved-" + uuid.NewString() + "@e2e.example"
	post(a, "/users/me/email", obj{"email": moved.email, "password": "not this one"}).refused(t, http.StatusUnprocessableEntity, problem.WrongPassword)
	post(a, "/users/me/email", obj{"email": eve.email, "password": a.password}).refused(t, http.StatusConflict, problem.EmailTaken)
	post(a, "/users/me/email", obj{"email": moved.email, "password": a.password}).want(t, http.StatusAccepted)
	token := p.tokenFrom(t, &moved, "Confirm your new email address")
	post(eve, "/users/me/email/confirm", obj{"token": token}).refused(t, http.StatusGone, problem.LinkNotValid)
	post(a, "/users/me/email/confirm", obj{"token": token}).want(t, http.StatusOK)
	eventually(t, func() error {
		mails, err := p.mails()
		if err != nil {
			return final{err}
		}
		for _, m := range mails {
			if strings.Contains(m.to, a.email) && m.subject == "Your email address was changed" {
				return nil
			}
		}
		return errNoMail
	})
	p.token(t, a, "grant_type", "password", "username", a.email, "password", a.password).oauthError(t, http.StatusBadRequest, "invalid_grant")
	p.token(t, a, "grant_type", "password", "username", moved.email, "password", a.password).want(t, http.StatusOK)
	// New bookings have the new address, although the token was issued before.
	e := p.publish(t, p.register(t, organizer), draft(5))
	b := p.book(t, a, e, 1)
	admin := *p.admin
	admin.id, admin.email = a.id, moved.email
	p.awaitNotification(t, gateway, &admin, b.ID, "Booking confirmed: "+e.Title)
}
