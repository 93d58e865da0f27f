//go:build pact

// Package pact_test is what notification expects of other services, and that it
// keeps what they expect of it.
package pact_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/userapi"
)

// locale is how BCP 47 tags look.
const locale = `^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$`

func TestConsumerOfUser(t *testing.T) {
	pact := pacttest.New(t, "notification", "user")
	ask := pacttest.Request{
		Method: http.MethodGet, Path: "/users/" + pacttest.CustomerID + "/contact",
		Header: pacttest.Header{"X-Service-Token": pacttest.Is(pacttest.ServiceToken("notification"))},
	}
	contact := func(want notification.Contact, wantErr error) func(*testing.T, string) {
		return func(t *testing.T, base string) {
			t.Helper()
			client, err := httpkit.NewClient(base, pacttest.As("notification"), userapi.Timeout)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := userapi.New(client).Contact(t.Context(), pacttest.CustomerID); got != want || !errors.Is(err, wantErr) {
				t.Errorf("the contact is %+v, %v; want %+v, %v", got, err, want, wantErr)
			}
		}
	}
	ada := notification.Contact{Email: "ada@example.com", Name: "Ada Lovelace"}
	body := pacttest.Body{"user_id": pacttest.CustomerID, "email": pacttest.Like(ada.Email), "name": pacttest.Like(ada.Name)}
	asJSON := pacttest.Header{"Content-Type": pacttest.Is("application/json")}
	pact.Exchange(t, "there is a user with no phone", "a request for the contact of a user without a phone", ask,
		pacttest.Answer{Status: 200, Header: asJSON, Body: body}, contact(ada, nil))

	ada.Phone, ada.Locale = "+4915112345678", "de-AT"
	reachable := pacttest.Body{"phone": pacttest.Text(ada.Phone, `^\+[1-9][0-9]{6,14}$`), "locale": pacttest.Text(ada.Locale, locale)}
	for k, v := range body {
		reachable[k] = v
	}
	pact.Exchange(t, "there is a user with a phone", "a request for the contact of a user", ask,
		pacttest.Answer{Status: 200, Header: asJSON, Body: reachable}, contact(ada, nil))
	pact.Exchange(t, "there is no such user", "a request for the contact of a user who is gone", ask,
		pacttest.Problem(http.StatusNotFound, problem.UserNotFound), contact(notification.Contact{}, notification.ErrNoContact))
	accountMails(t, pact)
	pact.Keys(t)
}
