package event_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/event"
)

// Where mails reach people, an organizer publishes with a verified address.
func TestWhoMayPublish(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	needed, err := event.New(event.Options{Store: w.store, Inventory: w.store, Holdings: w.store, Payments: w.payments, Now: w.Now, VerifiedOrganizers: true})
	if err != nil {
		t.Fatal(err)
	}
	organizer := identity.Caller{UserID: "o", Role: identity.Organizer}
	verified, admin := organizer, identity.Caller{UserID: "a", Role: identity.Admin}
	verified.EmailVerified = true
	for what, c := range map[string]struct {
		service *event.Service
		caller  identity.Caller
		want    error
	}{
		"an organizer where nobody needs to be verified": {w.Service, organizer, nil},
		"an organizer who is not verified":               {needed, organizer, event.ErrEmailNotVerified},
		"one who is":                                     {needed, verified, nil},
		"an admin":                                       {needed, admin, nil},
	} {
		if _, err := c.service.Create(t.Context(), c.caller, draft()); err != c.want { //nolint:errorlint // it is that one
			t.Errorf("%s: error %v, want %v", what, err, c.want)
		}
	}
}
