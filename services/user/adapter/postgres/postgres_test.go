//go:build integration

package postgres_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/postgres"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

// open returns a store in a database of its own.
func open(t *testing.T) *postgres.Store { return openAt(t, pgtest.New(t, postgres.Migrate)) }

func openAt(t *testing.T, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgresdb.Options{URL: url, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestUsersContract(t *testing.T) {
	t.Parallel()
	usertest.TestUsers(t, func(t *testing.T) user.Users { return open(t).Users })
}

func TestSessionsContract(t *testing.T) {
	t.Parallel()
	usertest.TestSessions(t, func(t *testing.T) usertest.SessionsUnderTest {
		s := open(t)
		return usertest.SessionsUnderTest{Sessions: s.Sessions, Users: s.Users}
	})
}

func TestUserSessionsContract(t *testing.T) {
	t.Parallel()
	usertest.TestUserSessions(t, func(t *testing.T) usertest.UserSessionsUnderTest {
		s := open(t)
		return usertest.UserSessionsUnderTest{UserSessions: s.Sessions, Sessions: s.Sessions, Users: s.Users}
	})
}

func TestGuestsContract(t *testing.T) {
	t.Parallel()
	usertest.TestGuests(t, func(t *testing.T) user.Guests { return open(t).Guests })
}

func TestAccountMailsContract(t *testing.T) {
	t.Parallel()
	usertest.TestAccountMails(t, func(t *testing.T) usertest.AccountMailsUnderTest {
		s := open(t)
		return usertest.AccountMailsUnderTest{AccountMails: s.AccountMails, Users: s.Users, Outbox: s.Outbox()}
	})
}

func TestKeysContract(t *testing.T) {
	t.Parallel()
	usertest.TestKeys(t, func(t *testing.T) user.Keys { return open(t).Keys })
}

// Two processes on one database are two stores: they agree on one first key.
func TestStoresOnOneDatabaseAgreeOnTheFirstKey(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, nil)
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() { // each migrates, too
			s, err := postgres.Open(t.Context(), postgresdb.Options{URL: url, Timeout: time.Minute})
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { _ = s.Close() })
			now := time.Now()
			k, err := s.Keys.Add(t.Context(), user.SigningKey{ID: string(rune('a' + i)), Private: make([]byte, 64), SignsFrom: now, CreatedAt: now}, time.Time{})
			if err != nil {
				t.Error(err)
			}
			ids[i] = k.ID
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("the stores were told of different keys: %v", ids)
		}
	}
}

// Each pruner takes one of a session's tokens, and neither sees the other's
// work: the session is forgotten all the same.
func TestPrunersAtOnceLeaveNoSessionBehind(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t, postgres.Migrate)
	stores := []*postgres.Store{openAt(t, url), openAt(t, url), openAt(t, url)}
	now := time.Now()
	const sessions, tokens = 20, 4
	name := func(session, token int) user.TokenHash { return user.HashToken(fmt.Sprint(session, "/", token)) }
	for i := range sessions {
		session := user.Session{ID: fmt.Sprint(i), UserID: "u", Secret: []byte{1}, StartedAt: now}
		if err := stores[0].Sessions.Start(t.Context(), session, user.RefreshToken{Hash: name(i, 0), ExpiresAt: now.Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		for j := range tokens {
			if err := stores[0].Sessions.Rotate(t.Context(), name(i, j), user.RefreshToken{Hash: name(i, j+1), ExpiresAt: now.Add(time.Minute)}, now); err != nil {
				t.Fatal(err)
			}
		}
	}
	var wg sync.WaitGroup
	for _, s := range stores {
		wg.Go(func() {
			if err := s.Sessions.Prune(t.Context(), now.Add(time.Hour)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range sessions { // their ids are free again
		session := user.Session{ID: fmt.Sprint(i), UserID: "u", Secret: []byte{1}, StartedAt: now}
		if err := stores[0].Sessions.Start(t.Context(), session, user.RefreshToken{Hash: name(i, 0), ExpiresAt: now}); err != nil {
			t.Error(err)
		}
	}
}
