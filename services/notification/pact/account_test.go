//go:build pact

package pact_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/broker/cloudevent"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/messaging"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/userapi"
)

const mailID = "01970000-0000-7000-8000-0000000000f2"

// accountMails is what notification reads of a message about an account, and asks
// when it sends the mail.
func accountMails(t *testing.T, pact *pacttest.Pact) {
	t.Helper()
	for _, m := range []struct {
		name    string
		purpose notification.Kind
		channel notification.Channel
	}{
		{"a user asks to verify an address", notification.Verification, notification.Email},
		{"a user asks to set a new password", notification.PasswordReset, notification.Email},
		{"a user asks to prove a phone", notification.PhoneChange, notification.SMS},
	} {
		name, purpose := m.name, m.purpose
		envelope := pacttest.Envelope(events.TypeAccountMail, mailID, pacttest.Body{
			"mail_id": pacttest.UUID(mailID), "user_id": pacttest.UUID(pacttest.CustomerID), "purpose": string(purpose),
		})
		envelope["source"] = "user"
		pact.Message(t, name, envelope, func(t *testing.T, wire []byte) {
			store, service, _, _ := newService(t)
			message, err := cloudevent.Decode(wire)
			if err != nil {
				t.Fatal(err)
			}
			if err := messaging.UsersHandler(service)(t.Context(), message); err != nil {
				t.Fatal(err)
			}
			now := time.Now().Add(time.Minute)
			mails, err := store.Claim(t.Context(), m.channel, now, now.Add(time.Minute), 10)
			if err != nil || len(mails) != 1 || mails[0].Kind != purpose || mails[0].UserID != pacttest.CustomerID {
				t.Errorf("the mails are %+v (%v)", mails, err)
			}
		})
	}

	ask := pacttest.Request{
		Method: http.MethodGet, Path: "/account-mails/" + mailID,
		Header: pacttest.Header{"X-Service-Token": pacttest.Is(pacttest.ServiceToken("notification"))},
	}
	answers := func(want notification.AccountMail, wantErr error) func(*testing.T, string) {
		return func(t *testing.T, base string) {
			t.Helper()
			client, err := httpkit.NewClient(base, pacttest.As("notification"), userapi.Timeout)
			if err != nil {
				t.Fatal(err)
			}
			got, err := userapi.New(client).AccountMail(t.Context(), mailID)
			if diff := cmp.Diff(want, got); diff != "" || !errors.Is(err, wantErr) {
				t.Errorf("error %v, want %v (-want +got):\n%s", err, wantErr, diff)
			}
		}
	}
	const token = "AZcAAAAAcACAAAAAAAAA8vx0nYQXl2aLrL9dNYQdyVE"
	asJSON := pacttest.Header{"Content-Type": pacttest.Is("application/json")}
	with := func(more pacttest.Body) pacttest.Body {
		body := pacttest.Body{"to": pacttest.Like("ada@example.com"), "name": pacttest.Like("Ada Lovelace"), "expires_at": pacttest.Time("2040-06-21T18:00:00Z")}
		for k, v := range more {
			body[k] = v
		}
		return body
	}
	mail := notification.AccountMail{To: "ada@example.com", Name: "Ada Lovelace", ExpiresAt: time.Date(2040, 6, 21, 18, 0, 0, 0, time.UTC)}
	linked, shown := mail, mail
	linked.URL, linked.Locale = "https://tickets.example/verify/"+token, "de-AT"
	coded := mail
	coded.To, coded.Code = "+4915112345678", "081542"
	shown.Token, shown.Operation = token, "POST /users/verification/confirm"
	pact.Exchange(t, "an account mail is due", "a request for what a mail about an account says", ask, pacttest.Answer{
		Status: 200, Header: asJSON, Body: with(pacttest.Body{
			"url": pacttest.Text(linked.URL, `^https://[^/]+/verify/[A-Za-z0-9_-]{43}$`), "locale": pacttest.Text(linked.Locale, locale),
		}),
	}, answers(linked, nil))
	pact.Exchange(t, "an account mail is due where there is no web site", "a request for what a mail without a link says", ask, pacttest.Answer{
		Status: 200, Header: asJSON, Body: with(pacttest.Body{
			"token": pacttest.Text(token, `^[A-Za-z0-9_-]{43}$`), "operation": pacttest.Like(shown.Operation),
		}),
	}, answers(shown, nil))
	pact.Exchange(t, "a code for a phone is due", "a request for what an SMS with a code says", ask, pacttest.Answer{
		Status: 200, Header: asJSON, Body: with(pacttest.Body{"to": pacttest.Text(coded.To, `^\+[0-9]{7,15}$`), "code": pacttest.Text(coded.Code, `^[0-9]{6}$`)}),
	}, answers(coded, nil))
	pact.Exchange(t, "there is no such user", "a request for what a mail says that is not due", ask,
		pacttest.Problem(http.StatusNotFound, problem.MailNotDue), answers(notification.AccountMail{}, notification.ErrNotDue))
}
