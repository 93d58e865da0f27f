package user_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/jwt"
	"github.com/openboxoffice/boxoffice/services/user/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

// service is a Service on SQLite with a clock to set and its hashes counted.
type service struct {
	*user.Service
	clock    *time.Time
	compared *atomic.Int64
	outbox   outbox.Store
}

// counting counts the passwords that are compared.
type counting struct {
	user.Hasher
	compared *atomic.Int64
}

func (c counting) Matches(ctx context.Context, hash, password string) (bool, error) {
	c.compared.Add(1)
	return c.Hasher.Matches(ctx, hash, password)
}

func newService(t *testing.T) service {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "user.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	now := time.Date(2031, 1, 2, 3, 4, 5, 678_000, time.UTC)
	s := service{clock: &now, compared: new(atomic.Int64), outbox: store.Outbox()}
	s.Service, err = user.New(t.Context(), user.Options{
		Users: store.Users, Sessions: store.Sessions, UserSessions: store.Sessions, Guests: store.Guests, AccountMails: store.AccountMails, Keys: store.Keys,
		Hasher: counting{usertest.QuickHasher{}, s.compared}, Tokens: &jwt.Tokens{}, Log: slog.New(slog.DiscardHandler),
		Normalize: norm.NFC.String, Now: func() time.Time { return *s.clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s service) pass(d time.Duration) { *s.clock = s.clock.Add(d) }

func (s service) registered(t *testing.T) user.User {
	t.Helper()
	u, err := s.Register(t.Context(), registration())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (s service) login(t *testing.T) user.Grant {
	t.Helper()
	g, err := s.Login(t.Context(), "ada@example.com", password)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	g, err := s.Login(t.Context(), " ADA@EXAMPLE.COM ", password)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Verify(t.Context(), g.AccessToken)
	session, errSession := s.Sessions.ByToken(t.Context(), user.HashToken(g.RefreshToken))
	if errSession != nil {
		t.Fatal(errSession)
	}
	want := identity.Caller{UserID: u.ID, Email: u.Email, Name: u.Name, Role: identity.Customer, SessionID: session.ID}
	if err != nil || c != want || g.ExpiresIn != 15*time.Minute {
		t.Errorf("%+v, %v, expires in %v", c, err, g.ExpiresIn)
	}
	s.pass(16 * time.Minute)
	_, err = s.Verify(t.Context(), g.AccessToken)
	wantErr(t, err, user.ErrInvalidToken)
}

// An unknown account and a wrong password are the same answer and the same
// work.
func TestLoginTellsNothingOfAccounts(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.registered(t)
	long := string(make([]byte, 1<<20))
	for _, c := range []struct{ email, password string }{
		{"ada@example.com", "wrong"}, {"bob@example.com", password}, {"no address", password}, {"", ""},
		{"ada@example.com", ""}, {"ada@example.com", long}, {"bob@example.com", long}, {"ada@example.com", password + " "},
	} {
		s.compared.Store(0)
		_, err := s.Login(t.Context(), c.email, c.password)
		if !errors.Is(err, user.ErrInvalidGrant) || err.Error() != user.ErrInvalidGrant.Error() {
			t.Errorf("%q %.20q: %v", c.email, c.password, err)
		}
		if n := s.compared.Load(); n != 1 {
			t.Errorf("%q %.20q: %d hashes compared, want 1", c.email, c.password, n)
		}
	}
}

// The same text typed on two machines may be composed differently.
func TestUnicodeFormsAreTheSame(t *testing.T) {
	t.Parallel()
	s := newService(t)
	r := registration()
	r.Email, r.Password = "jose\u0301@example.com", "contrasen\u0303a muy rara"
	if _, err := s.Register(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Login(t.Context(), "jos\u00e9@example.com", "contrase\u00f1a muy rara"); err != nil {
		t.Error(err)
	}
	r.Email = "Jos\u00c9@example.com"
	_, err := s.Register(t.Context(), r)
	wantErr(t, err, user.ErrEmailTaken)
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.registered(t)
	first := s.login(t)
	s.pass(29 * 24 * time.Hour)
	second, err := s.Refresh(t.Context(), first.RefreshToken)
	if err != nil || second.RefreshToken == first.RefreshToken {
		t.Fatal(second, err)
	}
	if _, err := s.Verify(t.Context(), second.AccessToken); err != nil {
		t.Error(err)
	}
	s.pass(31 * 24 * time.Hour)
	_, err = s.Refresh(t.Context(), second.RefreshToken)
	wantErr(t, err, user.ErrInvalidGrant)

	stolen, other := s.login(t), s.login(t)
	thief, err := s.Refresh(t.Context(), stolen.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	thief, err = s.Refresh(t.Context(), thief.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Refresh(t.Context(), stolen.RefreshToken)
	wantErr(t, err, user.ErrTokenReused)
	_, err = s.Refresh(t.Context(), thief.RefreshToken)
	wantErr(t, err, user.ErrInvalidGrant)
	if other, err = s.Refresh(t.Context(), other.RefreshToken); err != nil {
		t.Fatal(err)
	}
	if err := s.Revoke(t.Context(), other.RefreshToken); err != nil {
		t.Fatal(err)
	}
	_, err = s.Refresh(t.Context(), other.RefreshToken)
	wantErr(t, err, user.ErrInvalidGrant)
}

// Two windows refresh with the same token at once, or an answer is lost: both
// are given the same successor, with which either goes on.
func TestARepeatedRefreshIsGivenTheSameToken(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.registered(t)
	old := s.login(t).RefreshToken
	first, err := s.Refresh(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	s.pass(time.Hour)
	repeated, err := s.Refresh(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	if repeated.RefreshToken != first.RefreshToken {
		t.Errorf("the repeat's refresh token is %q, want %q", repeated.RefreshToken, first.RefreshToken)
	}
	if _, err := s.Verify(t.Context(), repeated.AccessToken); err != nil {
		t.Errorf("the repeat's access token: %v", err)
	}
	if _, err := s.Refresh(t.Context(), repeated.RefreshToken); err != nil {
		t.Errorf("the successor: %v", err)
	}
}

// Whoever knows a token and not the session's secret cannot tell the next.
func TestSuccessorsAreTheSessionsOwn(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.registered(t)
	old := s.login(t).RefreshToken
	next, err := s.Refresh(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	session, err := s.Sessions.ByToken(t.Context(), user.HashToken(old))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, session.Secret)
	mac.Write([]byte(old))
	if want := base64.RawURLEncoding.EncodeToString(mac.Sum(nil)); next.RefreshToken != want || len(session.Secret) != 32 {
		t.Errorf("the successor is %q, want %q of a secret of 32 bytes, not %d", next.RefreshToken, want, len(session.Secret))
	}
}

// A refresh that fails for want of the database has used nothing up.
func TestAFailedRefreshUsesNothingUp(t *testing.T) {
	t.Parallel()
	away := errors.New("the database is away")
	for name, fail := range map[string]func(o *user.Options){
		"the account cannot be read": func(o *user.Options) { o.Users = failingUsers{o.Users, away} },
		"the keys cannot be read":    func(o *user.Options) { o.Keys = failingKeys{o.Keys, away} },
		"it cannot be signed":        func(o *user.Options) { o.Tokens = failingTokens{o.Tokens, away} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			s.registered(t)
			token := s.login(t).RefreshToken
			options := s.Options
			fail(&options)
			broken, err := user.New(t.Context(), options)
			if err != nil {
				t.Fatal(err)
			}
			_, err = broken.Refresh(t.Context(), token)
			wantErr(t, err, away)
			// Another successor would be refused, had it been used.
			if err := s.Sessions.Rotate(t.Context(), user.HashToken(token), user.RefreshToken{ExpiresAt: s.Now().Add(time.Hour)}, s.Now()); err != nil {
				t.Errorf("the token after the failure: %v", err)
			}
		})
	}
}

type failingUsers struct {
	user.Users
	err error
}

func (s failingUsers) Get(context.Context, string) (user.User, error) { return user.User{}, s.err }

type failingKeys struct {
	user.Keys
	err error
}

func (s failingKeys) All(context.Context) ([]user.SigningKey, error) { return nil, s.err }

type failingTokens struct {
	user.Tokens
	err error
}

func (s failingTokens) Sign(identity.Caller, user.SigningKey, time.Time, time.Time) (string, error) {
	return "", s.err
}

// Whatever ends a session ends at once what its access tokens may change. What
// they may read lasts until they expire.
func TestAnAccessTokenOfAnEndedSessionChangesNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, s service, u user.User, g user.Grant) error{
		"a new password": func(t *testing.T, s service, u user.User, _ user.Grant) error {
			next := "an organ in the sparrow"
			_, err := s.Change(t.Context(), u.ID, user.Change{Password: &next, CurrentPassword: password})
			return err
		},
		"a logout": func(t *testing.T, s service, _ user.User, g user.Grant) error {
			return s.Revoke(t.Context(), g.RefreshToken)
		},
		"a stolen refresh token": func(t *testing.T, s service, _ user.User, g user.Grant) error {
			next, err := s.Refresh(t.Context(), g.RefreshToken)
			if err != nil {
				return err
			}
			if _, err := s.Refresh(t.Context(), next.RefreshToken); err != nil {
				return err
			}
			if _, err := s.Refresh(t.Context(), g.RefreshToken); !errors.Is(err, user.ErrTokenReused) {
				return fmt.Errorf("error %w, want ErrTokenReused", err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			u, g := s.registered(t), s.login(t)
			if _, err := s.VerifyChange(t.Context(), g.AccessToken); err != nil {
				t.Fatal(err)
			}
			if err := end(t, s, u, g); err != nil {
				t.Fatal(err)
			}
			_, err := s.VerifyChange(t.Context(), g.AccessToken)
			wantErr(t, err, user.ErrInvalidToken)
			_, err = s.PassOn(t.Context(), g.AccessToken)
			wantErr(t, err, user.ErrInvalidToken)
			if _, err := s.Verify(t.Context(), g.AccessToken); err != nil {
				t.Errorf("reading: %v", err)
			}
		})
	}
}

func TestATokenThatNamesNoSessionChangesNothing(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	g := s.login(t)
	mine, err := s.Verify(t.Context(), g.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := s.PublishedKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]identity.Caller{
		"none":               {UserID: u.ID, Role: u.Role},
		"an unknown one":     {UserID: u.ID, Role: u.Role, SessionID: u.ID},
		"somebody else's":    {UserID: mine.SessionID, Role: u.Role, SessionID: mine.SessionID},
		"the user's, in all": mine,
	} {
		token, err := s.Tokens.Sign(c, keys[0], s.Now(), s.Now().Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.VerifyChange(t.Context(), token)
		if c == mine && err != nil || c != mine && !errors.Is(err, user.ErrInvalidToken) {
			t.Errorf("a token of %s: error %v", name, err)
		}
	}
}

// What a service behind is told of a caller is the account as it is now, although
// the caller's token is older.
func TestATokenIsPassedOnWithTheAccountOfNow(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u, g := s.registered(t), s.login(t)
	passed, err := s.PassOn(t.Context(), g.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if passed != g.AccessToken {
		t.Error("the token of an account that has not changed was not passed on as it is")
	}
	want, err := s.Verify(t.Context(), g.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	want.Name, want.Role, want.EmailVerified = "Countess", identity.Organizer, true
	if _, err := s.Users.Update(t.Context(), u.ID, func(u *user.User) error {
		u.Name, u.Role, u.EmailVerifiedAt = want.Name, want.Role, s.Now()
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if passed, err = s.PassOn(t.Context(), g.AccessToken); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Verify(t.Context(), passed); err != nil || got != want {
		t.Errorf("passed on: %+v, %v, want %+v", got, err, want)
	}
	if got, err := s.VerifyChange(t.Context(), g.AccessToken); err != nil || got != want {
		t.Errorf("verified: %+v, %v, want %+v", got, err, want)
	}
	s.pass(2 * time.Minute)
	_, err = s.Verify(t.Context(), passed)
	wantErr(t, err, user.ErrInvalidToken) // it outlives no request
}

// A request that may change something costs one query, not one more for the keys.
func TestKeysAreReadOnceInAWhile(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.registered(t)
	g := s.login(t)
	counted := &countingKeys{Keys: s.Keys}
	s.Keys = counted
	for range 10 {
		if _, err := s.VerifyChange(t.Context(), g.AccessToken); err != nil {
			t.Fatal(err)
		}
	}
	if counted.n != 1 {
		t.Errorf("the keys were read %d times, want 1", counted.n)
	}
	s.pass(30 * time.Second)
	if _, err := s.VerifyChange(t.Context(), g.AccessToken); err != nil {
		t.Fatal(err)
	}
	if counted.n != 2 {
		t.Errorf("half a minute later the keys were read %d times, want 2", counted.n)
	}
}

type countingKeys struct {
	user.Keys
	n int
}

func (s *countingKeys) All(ctx context.Context) ([]user.SigningKey, error) {
	s.n++
	return s.Keys.All(ctx)
}

func TestRefreshTellsWhatChanged(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u, g, name := s.registered(t), s.login(t), "Countess"
	if _, err := s.Change(t.Context(), u.ID, user.Change{Name: &name}); err != nil {
		t.Fatal(err)
	}
	g, err := s.Refresh(t.Context(), g.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := s.Verify(t.Context(), g.AccessToken); err != nil || c.Name != name {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestPasswordChangeEndsAllSessions(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u, a, b := s.registered(t), s.login(t), s.login(t)
	next := "an organ in the sparrow"
	_, err := s.Change(t.Context(), u.ID, user.Change{Password: &next, CurrentPassword: "wrong password"})
	wantErr(t, err, user.ErrWrongPassword)
	if a, err = s.Refresh(t.Context(), a.RefreshToken); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Change(t.Context(), u.ID, user.Change{Password: &next, CurrentPassword: password}); err != nil {
		t.Fatal(err)
	}
	for _, g := range []user.Grant{a, b} {
		_, err := s.Refresh(t.Context(), g.RefreshToken)
		wantErr(t, err, user.ErrInvalidGrant)
	}
	_, err = s.Login(t.Context(), u.Email, password)
	wantErr(t, err, user.ErrInvalidGrant)
	g, err := s.Login(t.Context(), u.Email, next)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Refresh(t.Context(), g.RefreshToken); err != nil {
		t.Error(err)
	}
}

// Of many who know the password and change it at once, one does.
func TestPasswordChangesRace(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	var changed atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			next := fmt.Sprint("an organ in the sparrow ", i)
			_, err := s.Change(t.Context(), u.ID, user.Change{Password: &next, CurrentPassword: password})
			if err == nil {
				changed.Add(1)
			} else {
				wantErr(t, err, user.ErrWrongPassword)
			}
		})
	}
	wg.Wait()
	if n := changed.Load(); n != 1 {
		t.Errorf("%d changed the password, want 1", n)
	}
}

func TestChangeIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := newService(t)
	u := s.registered(t)
	text := func(s string) *string { return &s }
	for want, c := range map[string]user.Change{
		"name":             {Name: text(""), Phone: text("+4915112345678")},
		"phone":            {Name: text("B"), Phone: text("1")},
		"current_password": {Name: text("B"), Password: text("an organ in the sparrow")},
		"password":         {Name: text("B"), Password: text("short"), CurrentPassword: password},
		"too common":       {Name: text("B"), Password: text("password123"), CurrentPassword: password},
		user.ErrWrongPassword.Error(): {
			Name: text("B"), Password: text("password123"), CurrentPassword: "something else",
		},
	} {
		_, err := s.Change(t.Context(), u.ID, c)
		if refusal(err) != want {
			t.Errorf("%s, want %s", refusal(err), want)
		}
		if got, err := s.Get(t.Context(), u.ID); err != nil || got != u {
			t.Errorf("after %s: %+v, %v", want, got, err)
		}
	}
	_, err := s.Change(t.Context(), "01890a5d-ac96-774b-bcce-b302099a8057", user.Change{})
	wantErr(t, err, user.ErrNotFound)
}

func TestAdminIsMadeOnce(t *testing.T) {
	t.Parallel()
	s := newService(t)
	for _, pw := range []string{password, "quite another password"} {
		if err := s.EnsureAdmin(t.Context(), "root@example.com", pw); err != nil {
			t.Fatal(err)
		}
	}
	g, err := s.Login(t.Context(), "root@example.com", password)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := s.Verify(t.Context(), g.AccessToken); err != nil || !c.IsAdmin() {
		t.Errorf("%+v, %v", c, err)
	}
	u := s.registered(t)
	if err := s.EnsureAdmin(t.Context(), "ADA@example.com", password); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(t.Context(), u.ID); err != nil || got != u {
		t.Errorf("an account that was there became %+v, %v", got, err)
	}
	wantErr(t, s.EnsureAdmin(t.Context(), "new@example.com", "password123"), user.ErrPasswordTooCommon)
}
