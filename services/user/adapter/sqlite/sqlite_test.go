package sqlite_test

import (
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

func open(t *testing.T) *sqlite.Store { return openAt(t, filepath.Join(t.TempDir(), "user.db")) }

func openAt(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
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

// Two processes on one file are two stores: they agree on one first key.
func TestStoresOnOneFileAgreeOnTheFirstKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "user.db")
	openAt(t, path)
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range ids {
		s := openAt(t, path)
		wg.Go(func() {
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
