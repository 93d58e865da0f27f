package user_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/user"
)

func guest() user.Guest {
	return user.Guest{Name: " Zoë ", Email: " Zoe@Example.com ", Phone: "+4915112345678", Locale: "DE-at"}
}

func TestAGuestIsAdmittedForTwoHours(t *testing.T) {
	t.Parallel()
	s := newService(t)
	g, err := s.AdmitGuest(t.Context(), guest())
	if err != nil {
		t.Fatal(err)
	}
	want := identity.Caller{UserID: g.GuestID, Email: "Zoe@Example.com", Name: "Zoë", Role: identity.Guest}
	for _, verify := range []func() (identity.Caller, error){
		func() (identity.Caller, error) { return s.Verify(t.Context(), g.AccessToken) },
		func() (identity.Caller, error) { return s.VerifyChange(t.Context(), g.AccessToken) },
	} {
		if c, err := verify(); err != nil || c != want {
			t.Errorf("%+v, %v, want %+v", c, err, want)
		}
	}
	if passed, err := s.PassOn(t.Context(), g.AccessToken); err != nil || passed != g.AccessToken {
		t.Errorf("the gateway passes on another token, or none: %v", err)
	}
	contact, err := s.Contact(t.Context(), g.GuestID)
	if err != nil {
		t.Fatal(err)
	}
	wantContact := user.Contact{UserID: g.GuestID, Email: "Zoe@Example.com", Name: "Zoë", Phone: "+4915112345678", Locale: "de-AT"}
	if d := cmp.Diff(wantContact, contact); d != "" {
		t.Errorf("contact (-want +got):\n%s", d)
	}
	s.pass(2*time.Hour - time.Second)
	if _, err := s.VerifyChange(t.Context(), g.AccessToken); err != nil {
		t.Errorf("a second before its end: %v", err)
	}
	s.pass(10 * time.Second) // clocks may differ by half of that
	_, err = s.Verify(t.Context(), g.AccessToken)
	wantErr(t, err, user.ErrInvalidToken)
}

// A guest is nobody's account, whatever the email address.
func TestAGuestWithAnAccountsAddressIsNotThatAccount(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	g := guest()
	g.Email = u.Email
	granted, err := s.AdmitGuest(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.VerifyChange(t.Context(), granted.AccessToken)
	if err != nil || c.UserID == u.ID || c.Role != identity.Guest {
		t.Errorf("%+v, %v", c, err)
	}
	again, err := s.AdmitGuest(t.Context(), g)
	if err != nil || again.GuestID == granted.GuestID {
		t.Errorf("the same guest twice: %v", err)
	}
}

func TestWhatAGuestSaysIsChecked(t *testing.T) {
	t.Parallel()
	s := newService(t)
	_, err := s.AdmitGuest(t.Context(), user.Guest{Name: "\u200b", Email: "nobody", Phone: "110", Locale: "nonsense of mine"})
	var wrong problem.Invalid
	if !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	var got []string
	for _, f := range wrong {
		got = append(got, f.Name)
	}
	if d := cmp.Diff([]string{"name", "email", "phone", "locale"}, got); d != "" {
		t.Errorf("fields (-want +got):\n%s", d)
	}
}

// A guest who is forgotten changes nothing any more.
func TestGuestsAreForgotten(t *testing.T) {
	t.Parallel()
	s := newService(t)
	g, err := s.AdmitGuest(t.Context(), guest())
	if err != nil {
		t.Fatal(err)
	}
	s.pass(user.GuestsKept)
	if err := s.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Contact(t.Context(), g.GuestID); err != nil {
		t.Errorf("forgotten too early: %v", err)
	}
	s.pass(time.Second)
	if err := s.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = s.Contact(t.Context(), g.GuestID)
	wantErr(t, err, user.ErrNotFound)
}
