package usertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/user"
)

// OldAccount is an account as older versions stored it. Before user.EmailKeyVersion 1
// the key was the address in small letters; until 2, İ was another i.
type OldAccount struct {
	ID, Email, Key string
	CreatedAt      time.Time
	Version        int
}

func oldAccounts() []OldAccount {
	day := func(n int) time.Time { return time.Date(2030, 1, n, 0, 0, 0, 0, time.UTC) }
	all := []OldAccount{
		{"alone", "Ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example", day(1), 0},
		{"plain", "Zoe@Example.com", "zoe@example.com", day(1), 0},
		// The older one has the key already.
		{"a-older", "bob@bücher.example", "bob@bücher.example", day(1), 0},
		{"a-younger", "bob@xn--bcher-kva.example", "bob@xn--bcher-kva.example", day(2), 0},
		// The younger one has it; whichever comes first by id.
		{"b-older", "eve@xn--bcher-kva.example", "eve@xn--bcher-kva.example", day(1), 0},
		{"b-younger", "eve@bücher.example", "eve@bücher.example", day(2), 0},
		{"c-a-younger", "joe@bücher.example", "joe@bücher.example", day(2), 0},
		{"c-older", "joe@xn--bcher-kva.example", "joe@xn--bcher-kva.example", day(1), 0},
		// The one has the key of the other, which had to stand back.
		{"d-a-dotted", "İnan@bücher.example", "inan@bücher.example", day(1), 1},
		{"d-plain", "inan@xn--bcher-kva.example", "inan@xn--bcher-kva.example", day(2), 0},
	}
	for range 250 { // more than one piece
		who := id()
		all = append(all, OldAccount{who, who + "@xn--bcher-kva.example", who + "@xn--bcher-kva.example", day(3), 0})
	}
	return all
}

// Rekeying is a store's users, with how its keys are made anew.
type Rekeying interface {
	user.Users
	Rekey(ctx context.Context) (left []string, err error)
}

// TestRekey checks that what older versions stored is found by the keys of now. open
// returns a store in which those accounts are.
func TestRekey(t *testing.T, open func(t *testing.T, accounts []OldAccount) Rekeying) {
	accounts := oldAccounts()
	s := open(t, accounts)
	for range 2 { // the second time finds the same
		left, err := s.Rekey(t.Context())
		if want := []string{"a-younger", "b-younger", "c-a-younger"}; err != nil || !slices.Equal(left, want) {
			t.Errorf("without a key are %v (error %v), want %v", left, err, want)
		}
	}
	for email, want := range map[string]string{
		"ada@bücher.example": "alone", "ada@xn--bcher-kva.example": "alone", "zoe@example.com": "plain",
		"bob@bücher.example": "a-older", "bob@xn--bcher-kva.example": "a-older",
		"eve@bücher.example": "b-older", "eve@xn--bcher-kva.example": "b-older",
		"joe@bücher.example": "c-older", "joe@xn--bcher-kva.example": "c-older",
		"İnan@bücher.example": "d-a-dotted", "inan@bücher.example": "d-plain",
	} {
		if u, err := s.ByEmail(t.Context(), email); err != nil || u.ID != want {
			t.Errorf("%s finds %q (error %v), want %q", email, u.ID, err, want)
		}
	}
	for _, a := range accounts {
		if u, err := s.Get(t.Context(), a.ID); err != nil || u.Email != a.Email {
			t.Errorf("%s has the address %q (error %v), want %q", a.ID, u.Email, err, a.Email)
		}
		if err := s.Create(t.Context(), user.User{ID: id(), Email: a.Email}); !errors.Is(err, user.ErrEmailTaken) {
			t.Errorf("a second account with %s: error %v, want ErrEmailTaken", a.Email, err)
		}
	}
}

// TestOldRequests checks that a request for a mail is decided on once, whatever rules
// made its key. open returns an empty store, and what gives all requests in it keys
// that no rules of now make.
func TestOldRequests(t *testing.T, open func(t *testing.T) (s AccountMailsUnderTest, outdate func() error)) {
	s, outdate := open(t)
	u := s.account(t, "ada@example.com")
	s.request(t, user.Verification, u.Email, at)
	must(t, outdate())
	for _, want := range []int{1, 0} {
		mails := 0
		n, err := s.WorkOff(t.Context(), since(at), 10, func(r user.MailRequest, given user.User, _ int) (*user.AccountMail, events.Message, error) {
			mails++
			diff(t, stored(u), given)
			m := newMail(r, given)
			return &m, messageOf(m), nil
		})
		must(t, err)
		if n != want || mails != want {
			t.Errorf("%d requests were decided on, with %d mails, want %d", n, mails, want)
		}
	}
}
