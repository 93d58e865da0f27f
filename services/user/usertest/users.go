package usertest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/user"
)

// TestUsers is the contract of user.Users. open returns an empty store.
func TestUsers(t *testing.T, open func(t *testing.T) user.Users) {
	run(t, open, []subtest[user.Users]{
		{"a user is stored whole", usersWhole},
		{"times keep their microseconds and come back in UTC", usersTimes},
		{"an email address is taken in any case", usersEmailTaken},
		{"case has no say in any script", usersUnicode},
		{"similar email addresses are not the same", usersSimilar},
		{"of many with one address exactly one is stored", usersRace},
		{"an unknown user is not found", usersUnknown},
		{"update stores what change makes", usersUpdate},
		{"an error from change stores nothing", usersUpdateFails},
		{"of many updates none is lost", usersUpdateRace},
		{"id email and creation time stay", usersUpdateKeeps},
		{"an ended context changes nothing", usersCancelled},
	})
}

func stored(u user.User) user.User {
	u.CreatedAt, u.UpdatedAt = inUTC(u.CreatedAt), inUTC(u.UpdatedAt)
	if u.EmailVerified() {
		u.EmailVerifiedAt = inUTC(u.EmailVerifiedAt)
	}
	if u.PhoneVerified() {
		u.PhoneVerifiedAt = inUTC(u.PhoneVerifiedAt)
	}
	return u
}

func usersWhole(t *testing.T, s user.Users) {
	u, bare := newUser("Ada.Lovelace+Tickets@Example.com"), user.User{ID: id(), Email: "b@example.com", CreatedAt: at, UpdatedAt: at}
	u.Name = long
	must(t, s.Create(t.Context(), u))
	must(t, s.Create(t.Context(), bare))
	for _, want := range []user.User{u, bare} {
		got, err := s.Get(t.Context(), want.ID)
		must(t, err)
		diff(t, stored(want), got)
		got, err = s.ByEmail(t.Context(), want.Email)
		must(t, err)
		diff(t, stored(want), got)
	}
}

func usersTimes(t *testing.T, s user.Users) {
	u := newUser("a@example.com")
	must(t, s.Create(t.Context(), u))
	got, err := s.Get(t.Context(), u.ID)
	must(t, err)
	if !got.CreatedAt.Equal(at) || got.CreatedAt.Location() != time.UTC {
		t.Errorf("%v came back as %v", at, got.CreatedAt)
	}
	later := at.Add(1_000_001 * time.Microsecond)
	got, err = s.Update(t.Context(), u.ID, func(u *user.User) error { u.UpdatedAt = later; return nil })
	must(t, err)
	if !got.UpdatedAt.Equal(later) || got.UpdatedAt.Location() != time.UTC {
		t.Errorf("%v came back as %v", later, got.UpdatedAt)
	}
}

func usersEmailTaken(t *testing.T, s user.Users) {
	u := newUser("Ada@Example.com")
	must(t, s.Create(t.Context(), u))
	for _, email := range []string{"Ada@Example.com", "ada@example.com", "ADA@EXAMPLE.COM"} {
		other := newUser(email)
		wantErr(t, s.Create(t.Context(), other), user.ErrEmailTaken)
		_, err := s.Get(t.Context(), other.ID)
		wantErr(t, err, user.ErrNotFound)
		got, err := s.ByEmail(t.Context(), email)
		must(t, err)
		diff(t, stored(u), got)
	}
}

func usersUnicode(t *testing.T, s user.Users) {
	for _, pair := range [][2]string{
		{"JÜRGEN@MÜNCHEN.example", "jürgen@münchen.example"},
		{"ΣΊΣΥΦΩΝ@example.com", "σίσυφων@example.com"},
		{"ИВАН@example.com", "иван@example.com"},
	} {
		u := newUser(pair[0])
		must(t, s.Create(t.Context(), u))
		wantErr(t, s.Create(t.Context(), newUser(pair[1])), user.ErrEmailTaken)
		got, err := s.ByEmail(t.Context(), pair[1])
		must(t, err)
		diff(t, stored(u), got)
	}
}

func usersSimilar(t *testing.T, s user.Users) {
	for _, email := range []string{
		"anna@example.com", "änna@example.com", "anna@example.org", "annaa@example.com", "an_a@example.com", "an%a@example.com",
		"inan@example.com", "İnan@example.com", "ınan@example.com", // i, its Turkish capital, and the i without a dot
	} {
		must(t, s.Create(t.Context(), newUser(email)))
	}
}

func usersRace(t *testing.T, s user.Users) {
	won := race(t, user.ErrEmailTaken, func(worker int) error {
		email := "last@example.com"
		if worker%2 == 0 {
			email = strings.ToUpper(email)
		}
		return s.Create(t.Context(), newUser(email))
	})
	if won != 1 {
		t.Errorf("%d of %d got the address, want 1", won, workers)
	}
}

func usersUnknown(t *testing.T, s user.Users) {
	must(t, s.Create(t.Context(), newUser("a@example.com")))
	for _, unknown := range []string{id(), "", "b@example.com", "a@example.com\x00", "\xff"} { // not every database can store them all
		_, err := s.Get(t.Context(), unknown)
		wantErr(t, err, user.ErrNotFound)
		_, err = s.ByEmail(t.Context(), unknown)
		wantErr(t, err, user.ErrNotFound)
	}
	_, err := s.Update(t.Context(), id(), func(*user.User) error { t.Error("change is called for nobody"); return nil })
	wantErr(t, err, user.ErrNotFound)
}

func usersUpdate(t *testing.T, s user.Users) {
	u, other := newUser("a@example.com"), newUser("b@example.com")
	must(t, s.Create(t.Context(), u))
	must(t, s.Create(t.Context(), other))
	want := u
	want.Name, want.Phone, want.Locale, want.Role = "Grace", "", "sr-Latn-RS", identity.Admin
	want.PasswordHash, want.PasswordVersion, want.UpdatedAt = "other", 4, at.Add(time.Hour)
	want.EmailVerifiedAt, want.PhoneVerifiedAt = time.Time{}, at.Add(time.Minute+time.Microsecond)
	got, err := s.Update(t.Context(), u.ID, func(given *user.User) error {
		diff(t, stored(u), *given)
		*given = want
		return nil
	})
	must(t, err)
	diff(t, stored(want), got)
	got, err = s.Get(t.Context(), u.ID)
	must(t, err)
	diff(t, stored(want), got)
	got, err = s.Get(t.Context(), other.ID)
	must(t, err)
	diff(t, stored(other), got)
}

func usersUpdateFails(t *testing.T, s user.Users) {
	u := newUser("a@example.com")
	must(t, s.Create(t.Context(), u))
	boom := errors.New("boom")
	_, err := s.Update(t.Context(), u.ID, func(u *user.User) error { u.Name = "changed"; return boom })
	wantErr(t, err, boom)
	got, err := s.Get(t.Context(), u.ID)
	must(t, err)
	diff(t, stored(u), got)
}

func usersUpdateRace(t *testing.T, s user.Users) {
	u := newUser("a@example.com")
	must(t, s.Create(t.Context(), u))
	race(t, nil, func(int) error {
		_, err := s.Update(t.Context(), u.ID, func(u *user.User) error { u.PasswordVersion++; return nil })
		return err
	})
	got, err := s.Get(t.Context(), u.ID)
	must(t, err)
	if want := u.PasswordVersion + workers; got.PasswordVersion != want {
		t.Errorf("version %d after %d updates, want %d", got.PasswordVersion, workers, want)
	}
}

func usersUpdateKeeps(t *testing.T, s user.Users) {
	u := newUser("a@example.com")
	must(t, s.Create(t.Context(), u))
	got, err := s.Update(t.Context(), u.ID, func(u *user.User) error {
		u.ID, u.Email, u.CreatedAt = id(), "b@example.com", at.Add(time.Hour)
		return nil
	})
	must(t, err)
	diff(t, stored(u), got)
	got, err = s.ByEmail(t.Context(), "a@example.com")
	must(t, err)
	diff(t, stored(u), got)
}

func usersCancelled(t *testing.T, s user.Users) {
	u := newUser("a@example.com")
	must(t, s.Create(t.Context(), u))
	ctx, other := cancelled(t), newUser("b@example.com")
	wantErr(t, s.Create(ctx, other), ctx.Err())
	_, err := s.Update(ctx, u.ID, func(u *user.User) error { u.Name = "changed"; return nil })
	wantErr(t, err, ctx.Err())
	_, err = s.Get(t.Context(), other.ID)
	wantErr(t, err, user.ErrNotFound)
	got, err := s.Get(t.Context(), u.ID)
	must(t, err)
	diff(t, stored(u), got)
}
