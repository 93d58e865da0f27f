package userapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/userapi"
	"github.com/openboxoffice/boxoffice/services/notification/notificationtest"
)

// users is the part of the user service that this adapter calls.
func users(t *testing.T) notificationtest.ContactsFixture {
	t.Helper()
	var known sync.Map
	var down atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}/contact", func(w http.ResponseWriter, r *http.Request) {
		c, ok := known.Load(r.PathValue("id"))
		switch {
		case down.Load():
			w.WriteHeader(http.StatusBadGateway)
		case r.Header.Get("X-Service-Token") != "secret":
			answer(t, w, http.StatusUnauthorized, problem.Problem{Status: 401, Code: problem.InvalidToken})
		case !ok:
			answer(t, w, http.StatusNotFound, problem.Problem{Status: 404, Code: problem.UserNotFound})
		default:
			c := c.(notification.Contact)
			body := map[string]string{"user_id": r.PathValue("id"), "email": c.Email, "name": c.Name}
			if c.Phone != "" {
				body["phone"] = c.Phone
			}
			if c.Locale != "" {
				body["locale"] = c.Locale
			}
			answer(t, w, http.StatusOK, body)
		}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return notificationtest.ContactsFixture{
		Contacts: client(t, srv.URL, "secret"),
		Put:      func(id string, c notification.Contact) { known.Store(id, c) },
		Down:     func() { down.Store(true) },
	}
}

// mails is the part of the user service that says what mails about accounts say.
func mails(t *testing.T) notificationtest.AccountMailsFixture {
	t.Helper()
	var known sync.Map
	var down atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("GET /account-mails/{id}", func(w http.ResponseWriter, r *http.Request) {
		m, ok := known.Load(r.PathValue("id"))
		switch {
		case down.Load():
			w.WriteHeader(http.StatusBadGateway)
		case r.Header.Get("X-Service-Token") != "secret":
			answer(t, w, http.StatusUnauthorized, problem.Problem{Status: 401, Code: problem.InvalidToken})
		case !ok:
			answer(t, w, http.StatusNotFound, problem.Problem{Status: 404, Code: problem.MailNotDue})
		default:
			m := m.(notification.AccountMail)
			body := map[string]any{"id": r.PathValue("id"), "to": m.To, "name": m.Name, "expires_at": m.ExpiresAt}
			for name, value := range map[string]string{"url": m.URL, "locale": m.Locale, "token": m.Token, "operation": m.Operation, "code": m.Code} {
				if value != "" {
					body[name] = value
				}
			}
			answer(t, w, http.StatusOK, body)
		}
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return notificationtest.AccountMailsFixture{
		AccountMails: client(t, srv.URL, "secret"),
		Put:          func(id string, m notification.AccountMail) { known.Store(id, m) },
		Down:         func() { down.Store(true) },
	}
}

func TestAccountMailsContract(t *testing.T) {
	t.Parallel()
	notificationtest.TestAccountMails(t, mails)
}

func client(t *testing.T, url, token string) *userapi.Users {
	t.Helper()
	c, err := httpkit.NewClient(url, func() (string, error) { return token, nil }, userapi.Timeout)
	if err != nil {
		t.Fatal(err)
	}
	return userapi.New(c)
}

func answer(t *testing.T, w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	if status >= 400 {
		w.Header().Set("Content-Type", problem.ContentType)
	}
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		t.Error(err)
	}
}

func TestContactsContract(t *testing.T) {
	t.Parallel()
	notificationtest.TestContacts(t, users)
}

// hasty takes no answer for no contact.
type hasty struct{ notification.Contacts }

func (h hasty) Contact(ctx context.Context, id string) (notification.Contact, error) {
	c, err := h.Contacts.Contact(ctx, id)
	if err != nil {
		err = notification.ErrNoContact
	}
	return c, err
}

type speechless struct{ notification.Contacts }

func (s speechless) Contact(ctx context.Context, id string) (notification.Contact, error) {
	c, err := s.Contacts.Contact(ctx, id)
	c.Locale = ""
	return c, err
}

func TestContactsSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil    func(notification.Contacts) notification.Contacts
		caughtBy string
	}{
		"takes_an_outage_for_an_unknown_user": {func(c notification.Contacts) notification.Contacts { return hasty{c} }, "no_answer_is_another_error"},
		"drops_the_language":                  {func(c notification.Contacts) notification.Contacts { return speechless{c} }, "a_user_has_a_contact"},
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			notificationtest.TestContacts(t, func(t *testing.T) notificationtest.ContactsFixture {
				f := users(t)
				f.Contacts = c.spoil(f.Contacts)
				return f
			})
		}, c.caughtBy)
	}
}

// A wrong service token is ours to put right: it must not pass for a user
// without a phone.
func TestARefusedServiceTokenIsNoUnknownUser(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(t, w, http.StatusForbidden, problem.Problem{Status: 403, Code: problem.Forbidden})
	}))
	defer srv.Close()
	if c, err := client(t, srv.URL, "wrong").Contact(t.Context(), "u1"); err == nil || c != (notification.Contact{}) {
		t.Errorf("Contact = %+v, %v", c, err)
	}
}

type hastyMails struct{ notification.AccountMails }

func (h hastyMails) AccountMail(ctx context.Context, id string) (notification.AccountMail, error) {
	m, err := h.AccountMails.AccountMail(ctx, id)
	if err != nil {
		err = notification.ErrNotDue
	}
	return m, err
}

type tokenless struct{ notification.AccountMails }

func (s tokenless) AccountMail(ctx context.Context, id string) (notification.AccountMail, error) {
	m, err := s.AccountMails.AccountMail(ctx, id)
	m.Token = ""
	return m, err
}

func TestAccountMailsSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil    func(notification.AccountMails) notification.AccountMails
		caughtBy string
	}{
		"takes_an_outage_for_a_mail_that_is_not_due": {func(m notification.AccountMails) notification.AccountMails { return hastyMails{m} }, "no_answer_is_another_error"},
		"drops_the_token": {func(m notification.AccountMails) notification.AccountMails { return tokenless{m} }, "a_mail_is_told_whole"},
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			notificationtest.TestAccountMails(t, func(t *testing.T) notificationtest.AccountMailsFixture {
				f := mails(t)
				f.AccountMails = c.spoil(f.AccountMails)
				return f
			})
		}, c.caughtBy)
	}
}
