package usertest_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/argon2"
	"github.com/openboxoffice/boxoffice/services/user/adapter/jwt"
	"github.com/openboxoffice/boxoffice/services/user/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

// broken is one way to get an adapter wrong, and the promise that it breaks.
type broken[P any] struct {
	name     string
	spoil    func(P) P
	caughtBy string
}

func mustCatch[P any](t *testing.T, good func(t *testing.T) P, suite func(*testing.T, func(*testing.T) P), cases []broken[P]) {
	t.Helper()
	for _, b := range cases {
		suitetest.MustFail(t, b.name, func(t *testing.T) {
			suite(t, func(t *testing.T) P { return b.spoil(good(t)) })
		}, strings.ReplaceAll(b.caughtBy, " ", "_"))
	}
}

func store(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "user.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// users is a user.Users of which some methods are replaced.
type users struct {
	user.Users
	create func(ctx context.Context, u user.User) error
	update func(ctx context.Context, id string, change func(*user.User) error) (user.User, error)
}

func (s users) Create(ctx context.Context, u user.User) error {
	if s.create != nil {
		return s.create(ctx, u)
	}
	return s.Users.Create(ctx, u)
}

func (s users) Update(ctx context.Context, id string, change func(*user.User) error) (user.User, error) {
	if s.update != nil {
		return s.update(ctx, id, change)
	}
	return s.Users.Update(ctx, id, change)
}

func TestUsersSuiteCatches(t *testing.T) {
	t.Parallel()
	create := func(f func(good user.Users, ctx context.Context, u user.User) error) func(user.Users) user.Users {
		return func(good user.Users) user.Users {
			return users{Users: good, create: func(ctx context.Context, u user.User) error { return f(good, ctx, u) }}
		}
	}
	mustCatch(t, func(t *testing.T) user.Users { return store(t).Users }, usertest.TestUsers, []broken[user.Users]{
		{"forgets the lock", func(good user.Users) user.Users {
			return users{Users: good, update: func(ctx context.Context, id string, change func(*user.User) error) (user.User, error) {
				u, err := good.Get(ctx, id)
				if err != nil {
					return u, err
				}
				if err := change(&u); err != nil {
					return u, err
				}
				return good.Update(ctx, id, func(stored *user.User) error { *stored = u; return nil })
			}}
		}, "of many updates none is lost"},
		{"stores despite an error", func(good user.Users) user.Users {
			return users{Users: good, update: func(ctx context.Context, id string, change func(*user.User) error) (user.User, error) {
				var failed error
				u, err := good.Update(ctx, id, func(u *user.User) error { failed = change(u); return nil })
				return u, errors.Join(err, failed)
			}}
		}, "an error from change stores nothing"},
		{"says stored when the address is taken", create(func(good user.Users, ctx context.Context, u user.User) error {
			if err := good.Create(ctx, u); !errors.Is(err, user.ErrEmailTaken) {
				return err
			}
			return nil
		}), "of many with one address exactly one is stored"},
		{"folds ASCII alone", create(func(good user.Users, ctx context.Context, u user.User) error {
			err := good.Create(ctx, u)
			if errors.Is(err, user.ErrEmailTaken) && strings.ContainsFunc(u.Email, func(r rune) bool { return r > 127 }) {
				return nil
			}
			return err
		}), "case has no say in any script"},
		{"folds what is no capital letter", create(func(good user.Users, ctx context.Context, u user.User) error {
			u.Email = strings.ToLower(u.Email) // i for İ
			return good.Create(ctx, u)
		}), "similar email addresses are not the same"},
		{"drops a field", create(func(good user.Users, ctx context.Context, u user.User) error {
			u.Phone = ""
			return good.Create(ctx, u)
		}), "a user is stored whole"},
		{"cuts times to milliseconds", create(func(good user.Users, ctx context.Context, u user.User) error {
			u.CreatedAt = u.CreatedAt.Truncate(time.Millisecond)
			return good.Create(ctx, u)
		}), "times keep their microseconds and come back in UTC"},
		{"does not look at the context", create(func(good user.Users, ctx context.Context, u user.User) error {
			return good.Create(context.WithoutCancel(ctx), u)
		}), "an ended context changes nothing"},
	})
}

// sessions is a user.Sessions of which some methods are replaced. It knows
// which tokens it saw first, and which were used.
type sessions struct {
	user.Sessions
	mu      *sync.Mutex
	first   *[]user.TokenHash
	used    map[user.TokenHash]bool
	users   user.Users
	started map[string]user.Session
	account func(s sessions, ctx context.Context, id string) (user.User, error)
	byToken func(s sessions, ctx context.Context, token user.TokenHash) (user.Session, error)
	rotate  func(s sessions, ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) error
	revoke  func(s sessions, ctx context.Context, token user.TokenHash, now time.Time) error
	prune   func(s sessions, ctx context.Context, now time.Time) error
}

func (s sessions) Start(ctx context.Context, session user.Session, first user.RefreshToken) error {
	*s.first = append(*s.first, first.Hash)
	s.started[session.ID] = session
	return s.Sessions.Start(ctx, session, first)
}

func (s sessions) Account(ctx context.Context, id string) (user.User, error) {
	if s.account != nil {
		return s.account(s, ctx, id)
	}
	return s.Sessions.Account(ctx, id)
}

func (s sessions) ByToken(ctx context.Context, token user.TokenHash) (user.Session, error) {
	if s.byToken != nil {
		return s.byToken(s, ctx, token)
	}
	return s.Sessions.ByToken(ctx, token)
}

func (s sessions) Rotate(ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) error {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.used[old] = true
	}()
	if s.rotate != nil {
		return s.rotate(s, ctx, old, next, now)
	}
	return s.Sessions.Rotate(ctx, old, next, now)
}

func (s sessions) wasUsed(token user.TokenHash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used[token]
}

func (s sessions) Revoke(ctx context.Context, token user.TokenHash, now time.Time) error {
	if s.revoke != nil {
		return s.revoke(s, ctx, token, now)
	}
	return s.Sessions.Revoke(ctx, token, now)
}

func (s sessions) Prune(ctx context.Context, now time.Time) error {
	if s.prune != nil {
		return s.prune(s, ctx, now)
	}
	return s.Sessions.Prune(ctx, now)
}

func TestSessionsSuiteCatches(t *testing.T) {
	t.Parallel()
	type under = usertest.SessionsUnderTest
	with := func(replace func(s *sessions)) func(under) under {
		return func(good under) under {
			s := sessions{Sessions: good.Sessions, users: good.Users, mu: new(sync.Mutex), first: new([]user.TokenHash), used: map[user.TokenHash]bool{}, started: map[string]user.Session{}}
			replace(&s)
			return under{s, good.Users}
		}
	}
	type rotate = func(s sessions, ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) error
	rotating := func(f rotate) func(under) under {
		return with(func(s *sessions) { s.rotate = f })
	}
	mustCatch(t, func(t *testing.T) under { s := store(t); return under{s.Sessions, s.Users} }, usertest.TestSessions, []broken[under]{
		{"remembers the account of before", with(func(s *sessions) {
			remembered := map[string]user.User{}
			s.account = func(s sessions, ctx context.Context, id string) (user.User, error) {
				if u, ok := remembered[id]; ok {
					return u, nil
				}
				u, err := s.Sessions.Account(ctx, id)
				if err == nil {
					remembered[id] = u
				}
				return u, err
			}
		}), "a session leads to its user as stored now"},
		{"looks at the session alone", with(func(s *sessions) {
			s.account = func(s sessions, ctx context.Context, id string) (user.User, error) {
				u, err := s.Sessions.Account(ctx, id)
				if errors.Is(err, user.ErrInvalidToken) && s.started[id].UserID != "" {
					return s.users.Get(ctx, s.started[id].UserID)
				}
				return u, err
			}
		}), "a session of an older password leads to nobody"},
		{"forgets that a session was revoked", with(func(s *sessions) {
			s.account = func(s sessions, ctx context.Context, id string) (user.User, error) {
				u, err := s.users.Get(ctx, s.started[id].UserID)
				if err == nil && u.PasswordVersion == s.started[id].PasswordVersion {
					return u, nil
				}
				return user.User{}, errors.Join(ctx.Err(), user.ErrInvalidToken)
			}
		}), "a revoked session leads to nobody"},
		{"takes a user who is gone for an error", with(func(s *sessions) {
			s.account = func(s sessions, ctx context.Context, id string) (user.User, error) {
				u, err := s.Sessions.Account(ctx, id)
				if s.started[id].UserID != "" && errors.Is(err, user.ErrInvalidToken) {
					return user.User{}, user.ErrNotFound
				}
				return u, err
			}
		}), "a session whose user is gone leads to nobody"},
		{"takes any successor", rotating(func(s sessions, ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) error {
			if err := s.Sessions.Rotate(ctx, old, next, now); !errors.Is(err, user.ErrTokenReused) {
				return err
			}
			return nil
		}), "of many with successors of their own exactly one succeeds"},
		{"revokes at the first repeat", rotating(func(s sessions, ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) error {
			if s.wasUsed(old) {
				return errors.Join(s.Sessions.Revoke(ctx, old, now), user.ErrTokenReused)
			}
			return s.Sessions.Rotate(ctx, old, next, now)
		}), "a repeat changes nothing while the successor is unused"},
		{"lets one of many have the successor", rotating(func(s sessions, ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) error {
			s.mu.Lock()
			taken := s.used[next.Hash]
			s.used[next.Hash] = true
			s.mu.Unlock()
			if taken {
				return user.ErrInvalidGrant
			}
			return s.Sessions.Rotate(ctx, old, next, now)
		}), "of many repeats at once all succeed"},
		{"repeats for ever", rotating(func(s sessions, ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) error {
			if s.wasUsed(old) {
				return nil
			}
			return s.Sessions.Rotate(ctx, old, next, now)
		}), "a repeat after the successor's use revokes the session"},
		{"rolls the revocation back", rotating(func(s sessions, ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) error {
			if s.wasUsed(next.Hash) {
				return user.ErrTokenReused // the revocation was rolled back with the refusal
			}
			return s.Sessions.Rotate(ctx, old, next, now)
		}), "a repeat after the successor's use revokes the session"},
		{"forgets expiry", rotating(func(s sessions, ctx context.Context, old user.TokenHash, next user.RefreshToken, _ time.Time) error {
			return s.Sessions.Rotate(ctx, old, next, time.Unix(0, 0))
		}), "an expired token is no grant"},
		{"repeats what has expired", rotating(func(s sessions, ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) error {
			if s.wasUsed(old) {
				return s.Sessions.Rotate(ctx, old, next, time.Unix(0, 0))
			}
			return s.Sessions.Rotate(ctx, old, next, now)
		}), "a repeat with an expired token is no grant and the session goes on"},
		{"forgets who it is", with(func(s *sessions) {
			s.byToken = func(s sessions, ctx context.Context, token user.TokenHash) (user.Session, error) {
				session, err := s.Sessions.ByToken(ctx, token)
				session.PasswordVersion = 0
				return session, err
			}
		}), "any token of a session leads to it"},
		{"does not look at the context when rotating", rotating(func(s sessions, ctx context.Context, old user.TokenHash, next user.RefreshToken, now time.Time) error {
			return s.Sessions.Rotate(context.WithoutCancel(ctx), old, next, now)
		}), "an ended context changes nothing"},
		{"revokes by the latest token alone", with(func(s *sessions) {
			s.revoke = func(s sessions, ctx context.Context, token user.TokenHash, now time.Time) error {
				if s.wasUsed(token) {
					return nil
				}
				return s.Sessions.Revoke(ctx, token, now)
			}
		}), "revoke ends the session of any of its tokens"},
		{"revokes everybody", with(func(s *sessions) {
			s.revoke = func(s sessions, ctx context.Context, _ user.TokenHash, now time.Time) error {
				for _, token := range *s.first {
					if err := s.Sessions.Revoke(ctx, token, now); err != nil {
						return err
					}
				}
				return nil
			}
		}), "the end of one session is no other's"},
		{"prunes too early", with(func(s *sessions) {
			s.prune = func(s sessions, ctx context.Context, now time.Time) error {
				return s.Sessions.Prune(ctx, now.Add(time.Hour))
			}
		}), "prune keeps used tokens until they expire"},
		{"never prunes", with(func(s *sessions) {
			s.prune = func(_ sessions, ctx context.Context, _ time.Time) error { return ctx.Err() }
		}), "prune forgets what has expired"},
	})
}

// userSessions is a user.UserSessions of which some methods are replaced.
type userSessions struct {
	user.UserSessions
	list func(ctx context.Context, userID string, now time.Time, after string, limit int) ([]user.ActiveSession, error)
	end  func(ctx context.Context, userID, sessionID string, now time.Time) error
}

func (s userSessions) List(ctx context.Context, userID string, now time.Time, after string, limit int) ([]user.ActiveSession, error) {
	if s.list != nil {
		return s.list(ctx, userID, now, after, limit)
	}
	return s.UserSessions.List(ctx, userID, now, after, limit)
}

func (s userSessions) End(ctx context.Context, userID, sessionID string, now time.Time) error {
	if s.end != nil {
		return s.end(ctx, userID, sessionID, now)
	}
	return s.UserSessions.End(ctx, userID, sessionID, now)
}

func TestUserSessionsSuiteCatches(t *testing.T) {
	t.Parallel()
	type under = usertest.UserSessionsUnderTest
	type list = func(ctx context.Context, userID string, now time.Time, after string, limit int) ([]user.ActiveSession, error)
	listing := func(f func(good under) list) func(under) under {
		return func(good under) under {
			return under{userSessions{UserSessions: good.UserSessions, list: f(good)}, good.Sessions, good.Users}
		}
	}
	type end = func(ctx context.Context, userID, sessionID string, now time.Time) error
	ending := func(f func(good under) end) func(under) under {
		return func(good under) under {
			return under{userSessions{UserSessions: good.UserSessions, end: f(good)}, good.Sessions, good.Users}
		}
	}
	mustCatch(t, func(t *testing.T) under { s := store(t); return under{s.Sessions, s.Sessions, s.Users} }, usertest.TestUserSessions, []broken[under]{
		{"says when it began instead of when it ends", listing(func(good under) list {
			return func(ctx context.Context, userID string, now time.Time, after string, limit int) ([]user.ActiveSession, error) {
				all, err := good.List(ctx, userID, now, after, limit)
				for i := range all {
					all[i].ExpiresAt = all[i].StartedAt
				}
				return all, err
			}
		}), "a session is listed whole"},
		{"turns the order of sessions around", listing(func(good under) list {
			return func(ctx context.Context, userID string, now time.Time, after string, limit int) ([]user.ActiveSession, error) {
				all, err := good.List(ctx, userID, now, after, limit)
				slices.Reverse(all)
				return all, err
			}
		}), "those that began last come first"},
		{"lists what has expired", listing(func(good under) list {
			return func(ctx context.Context, userID string, _ time.Time, after string, limit int) ([]user.ActiveSession, error) {
				return good.List(ctx, userID, time.Unix(0, 0), after, limit)
			}
		}), "a session that is over is not listed"},
		{"begins each page anew once the place is gone", listing(func(good under) list {
			return func(ctx context.Context, userID string, now time.Time, after string, limit int) ([]user.ActiveSession, error) {
				all, err := good.List(ctx, userID, now, "", 1000)
				at := slices.IndexFunc(all, func(s user.ActiveSession) bool { return s.ID == after })
				return all[at+1:][:min(limit, len(all)-at-1)], err
			}
		}), "page after page neither repeats nor skips"},
		{"ends what is another's", ending(func(good under) end {
			return func(ctx context.Context, userID, sessionID string, now time.Time) error {
				err := good.End(ctx, userID, sessionID, now)
				if u, unknown := good.Sessions.Account(ctx, sessionID); errors.Is(err, user.ErrSessionNotFound) && unknown == nil {
					return good.End(ctx, u.ID, sessionID, now)
				}
				return err
			}
		}), "what is unknown or another's is not found and goes on"},
		{"does not find what it has ended", ending(func(good under) end {
			return func(ctx context.Context, userID, sessionID string, now time.Time) error {
				if _, err := good.Sessions.Account(ctx, sessionID); errors.Is(err, user.ErrInvalidToken) {
					return user.ErrSessionNotFound
				}
				return good.End(ctx, userID, sessionID, now)
			}
		}), "ending a session again changes nothing"},
		{"does not end it", ending(func(under) end {
			return func(ctx context.Context, _, _ string, _ time.Time) error { return ctx.Err() }
		}), "an ended session's tokens are no good"},
		{"does not look at the context when ending", ending(func(good under) end {
			return func(ctx context.Context, userID, sessionID string, now time.Time) error {
				return good.End(context.WithoutCancel(ctx), userID, sessionID, now)
			}
		}), "an ended context changes nothing"},
	})
}

// guests is a user.Guests of which some methods are replaced.
type guests struct {
	user.Guests
	create func(ctx context.Context, g user.Guest) error
	prune  func(ctx context.Context, before time.Time) error
}

func (s guests) Create(ctx context.Context, g user.Guest) error {
	if s.create != nil {
		return s.create(ctx, g)
	}
	return s.Guests.Create(ctx, g)
}

func (s guests) Prune(ctx context.Context, before time.Time) error {
	if s.prune != nil {
		return s.prune(ctx, before)
	}
	return s.Guests.Prune(ctx, before)
}

func TestGuestsSuiteCatches(t *testing.T) {
	t.Parallel()
	create := func(f func(good user.Guests, ctx context.Context, g user.Guest) error) func(user.Guests) user.Guests {
		return func(good user.Guests) user.Guests {
			return guests{Guests: good, create: func(ctx context.Context, g user.Guest) error { return f(good, ctx, g) }}
		}
	}
	mustCatch(t, func(t *testing.T) user.Guests { return store(t).Guests }, usertest.TestGuests, []broken[user.Guests]{
		{"drops the locale", create(func(good user.Guests, ctx context.Context, g user.Guest) error {
			g.Locale = ""
			return good.Create(ctx, g)
		}), "a guest is stored whole"},
		{"takes one address for one guest", func(good user.Guests) user.Guests {
			seen := map[string]bool{}
			return guests{Guests: good, create: func(ctx context.Context, g user.Guest) error {
				if seen[g.Email] {
					return user.ErrEmailTaken
				}
				seen[g.Email] = true
				return good.Create(ctx, g)
			}}
		}, "guests with the same name and address are two"},
		{"never prunes guests", func(good user.Guests) user.Guests {
			return guests{Guests: good, prune: func(ctx context.Context, _ time.Time) error { return ctx.Err() }}
		}, "prune forgets those made before"},
		{"does not look at the context of a guest", create(func(good user.Guests, ctx context.Context, g user.Guest) error {
			return good.Create(context.WithoutCancel(ctx), g)
		}), "an ended context changes nothing"},
	})
}

// accountMails is a user.AccountMails of which some methods are replaced.
type accountMails struct {
	user.AccountMails
	request func(ctx context.Context, r user.MailRequest) error
	workOff func(ctx context.Context, since time.Time, limit int, decide decision) (int, error)
	use     func(ctx context.Context, id string, now, since time.Time, change changeOfUse) (user.User, error)
	prune   func(ctx context.Context, before time.Time) error
	send    func(ctx context.Context, userID string, p user.Purpose, email string, since time.Time, make func(user.User, int) (*user.AccountMail, events.Message, error)) error
}

type changeOfUse = func(user.AccountMail, *user.User, int) (*user.AccountMail, events.Message, error)

type decision = func(r user.MailRequest, u user.User, recent int) (*user.AccountMail, events.Message, error)

func (s accountMails) Request(ctx context.Context, r user.MailRequest) error {
	if s.request != nil {
		return s.request(ctx, r)
	}
	return s.AccountMails.Request(ctx, r)
}

func (s accountMails) WorkOff(ctx context.Context, since time.Time, limit int, decide decision) (int, error) {
	if s.workOff != nil {
		return s.workOff(ctx, since, limit, decide)
	}
	return s.AccountMails.WorkOff(ctx, since, limit, decide)
}

func (s accountMails) Use(ctx context.Context, id string, now, since time.Time, change changeOfUse) (user.User, error) {
	if s.use != nil {
		return s.use(ctx, id, now, since, change)
	}
	return s.AccountMails.Use(ctx, id, now, since, change)
}

func (s accountMails) Prune(ctx context.Context, before time.Time) error {
	if s.prune != nil {
		return s.prune(ctx, before)
	}
	return s.AccountMails.Prune(ctx, before)
}

func (s accountMails) Send(ctx context.Context, userID string, p user.Purpose, email string, since time.Time, make func(user.User, int) (*user.AccountMail, events.Message, error)) error {
	if s.send != nil {
		return s.send(ctx, userID, p, email, since, make)
	}
	return s.AccountMails.Send(ctx, userID, p, email, since, make)
}

func TestAccountMailsSuiteCatches(t *testing.T) {
	t.Parallel()
	type under = usertest.AccountMailsUnderTest
	with := func(replace func(good user.AccountMails, s *accountMails)) func(under) under {
		return func(good under) under {
			s := accountMails{AccountMails: good.AccountMails}
			replace(good.AccountMails, &s)
			return under{AccountMails: s, Users: good.Users, Outbox: good.Outbox}
		}
	}
	deciding := func(f func(good user.AccountMails, ctx context.Context, since time.Time, limit int, decide decision) (int, error)) func(under) under {
		return with(func(good user.AccountMails, s *accountMails) {
			s.workOff = func(ctx context.Context, since time.Time, limit int, decide decision) (int, error) {
				return f(good, ctx, since, limit, decide)
			}
		})
	}
	open := func(t *testing.T) under {
		s := store(t)
		return under{AccountMails: s.AccountMails, Users: s.Users, Outbox: s.Outbox()}
	}
	mustCatch(t, open, usertest.TestAccountMails, []broken[under]{
		{"drops the secret", deciding(func(good user.AccountMails, ctx context.Context, since time.Time, limit int, decide decision) (int, error) {
			return good.WorkOff(ctx, since, limit, func(r user.MailRequest, u user.User, recent int) (*user.AccountMail, events.Message, error) {
				m, message, err := decide(r, u, recent)
				if m != nil {
					without := *m
					without.Secret = []byte{}
					m = &without
				}
				return m, message, err
			})
		}), "a mail is stored whole with its message"},
		{"refuses a second request", with(func(good user.AccountMails, s *accountMails) {
			seen := map[string]bool{}
			s.request = func(ctx context.Context, r user.MailRequest) error {
				key := string(r.Purpose) + user.EmailKey(r.Email)
				if seen[key] {
					return nil // for ever
				}
				seen[key] = true
				return good.Request(ctx, r)
			}
		}), "of those with one purpose and address the first is kept"},
		{"counts all mails as recent", deciding(func(good user.AccountMails, ctx context.Context, _ time.Time, limit int, decide decision) (int, error) {
			return good.WorkOff(ctx, time.Time{}, limit, decide)
		}), "decide is told of recent mails"},
		{"takes all at once", deciding(func(good user.AccountMails, ctx context.Context, since time.Time, _ int, decide decision) (int, error) {
			return good.WorkOff(ctx, since, 1000, decide)
		}), "those that have waited longest come first"},
		{"ends requests despite an error", deciding(func(good user.AccountMails, ctx context.Context, since time.Time, limit int, decide decision) (int, error) {
			var failed error
			n, err := good.WorkOff(ctx, since, limit, func(r user.MailRequest, u user.User, recent int) (*user.AccountMail, events.Message, error) {
				m, message, err := decide(r, u, recent)
				failed = errors.Join(failed, err)
				return m, message, nil
			})
			return n, errors.Join(err, failed)
		}), "an error from decide stores nothing"},
		{"marks a mail despite an error", with(func(good user.AccountMails, s *accountMails) {
			s.use = func(ctx context.Context, id string, now, since time.Time, change changeOfUse) (user.User, error) {
				var failed error
				u, err := good.Use(ctx, id, now, since, func(m user.AccountMail, u *user.User, told int) (*user.AccountMail, events.Message, error) {
					next, message, err := change(m, u, told)
					failed = err
					return next, message, nil
				})
				return u, errors.Join(err, failed)
			}
		}), "an error from change stores nothing"},
		{"does not mark a mail", with(func(good user.AccountMails, s *accountMails) {
			s.use = func(ctx context.Context, id string, now, since time.Time, change changeOfUse) (user.User, error) {
				return good.Use(ctx, id, time.Time{}, since, change)
			}
		}), "use stores what change makes and marks the mail"},
		{"lets one mail be used by many", with(func(good user.AccountMails, s *accountMails) {
			s.use = func(ctx context.Context, id string, now, since time.Time, change changeOfUse) (user.User, error) {
				return good.Use(ctx, id, now, since, func(m user.AccountMail, u *user.User, told int) (*user.AccountMail, events.Message, error) {
					m.UsedAt = time.Time{}
					return change(m, u, told)
				})
			}
		}), "of many uses each sees what the others have stored"},
		{"keeps the old address", with(func(good user.AccountMails, s *accountMails) {
			s.use = func(ctx context.Context, id string, now, since time.Time, change changeOfUse) (user.User, error) {
				return good.Use(ctx, id, now, since, func(m user.AccountMail, u *user.User, told int) (*user.AccountMail, events.Message, error) {
					email := u.Email
					next, message, err := change(m, u, told)
					u.Email = email
					return next, message, err
				})
			}
		}), "use gives another address"},
		{"says changed when the address is taken", with(func(good user.AccountMails, s *accountMails) {
			s.use = func(ctx context.Context, id string, now, since time.Time, change changeOfUse) (user.User, error) {
				u, err := good.Use(ctx, id, now, since, change)
				if errors.Is(err, user.ErrEmailTaken) {
					return u, nil
				}
				return u, err
			}
		}), "an address that is taken stores nothing"},
		{"forgets the mail that a use leads to", with(func(good user.AccountMails, s *accountMails) {
			s.use = func(ctx context.Context, id string, now, since time.Time, change changeOfUse) (user.User, error) {
				return good.Use(ctx, id, now, since, func(m user.AccountMail, u *user.User, told int) (*user.AccountMail, events.Message, error) {
					_, _, err := change(m, u, told)
					return nil, events.Message{}, err
				})
			}
		}), "use stores the mail that change returns"},
		{"sends despite an error", with(func(good user.AccountMails, s *accountMails) {
			s.send = func(ctx context.Context, userID string, p user.Purpose, email string, since time.Time, make func(user.User, int) (*user.AccountMail, events.Message, error)) error {
				var failed error
				err := good.Send(ctx, userID, p, email, since, func(u user.User, recent int) (*user.AccountMail, events.Message, error) {
					m, message, err := make(u, recent)
					failed = err
					return m, message, nil
				})
				return errors.Join(err, failed)
			}
		}), "an error from make stores nothing"},
		{"counts nothing when it sends", with(func(good user.AccountMails, s *accountMails) {
			s.send = func(ctx context.Context, userID string, p user.Purpose, email string, since time.Time, make func(user.User, int) (*user.AccountMail, events.Message, error)) error {
				return good.Send(ctx, userID, p, email, since.Add(24*time.Hour), make)
			}
		}), "send stores the mail with its message"},
		{"counts by account alone", with(func(good user.AccountMails, s *accountMails) {
			s.send = func(ctx context.Context, userID string, p user.Purpose, _ string, since time.Time, make func(user.User, int) (*user.AccountMail, events.Message, error)) error {
				return good.Send(ctx, userID, p, "nobody@example.com", since, make)
			}
		}), "mails to one mailbox count, whoever asks"},
		{"tells a use of nothing", with(func(good user.AccountMails, s *accountMails) {
			s.use = func(ctx context.Context, id string, now, since time.Time, change changeOfUse) (user.User, error) {
				return good.Use(ctx, id, now, since, func(m user.AccountMail, u *user.User, _ int) (*user.AccountMail, events.Message, error) {
					return change(m, u, 0)
				})
			}
		}), "use is told of the mails to the mailbox that is replaced"},
		{"counts before the use", with(func(good user.AccountMails, s *accountMails) {
			var meeting suitetest.Meeting
			s.use = func(ctx context.Context, id string, now, since time.Time, change changeOfUse) (user.User, error) {
				counted, looked := 0, errors.New("looked")
				if u, err := good.Use(ctx, id, now, since, func(_ user.AccountMail, _ *user.User, told int) (*user.AccountMail, events.Message, error) {
					counted = told
					return nil, events.Message{}, looked
				}); !errors.Is(err, looked) {
					return u, err
				}
				meeting.Wait()
				return good.Use(ctx, id, now, since, func(m user.AccountMail, u *user.User, _ int) (*user.AccountMail, events.Message, error) {
					return change(m, u, counted)
				})
			}
		}), "of many uses each is told of the mails to its mailbox"},
		{"counts before it takes its turn", with(func(good user.AccountMails, s *accountMails) {
			var meeting suitetest.Meeting
			s.send = func(ctx context.Context, userID string, p user.Purpose, email string, since time.Time, make func(user.User, int) (*user.AccountMail, events.Message, error)) error {
				counted, looked := 0, errors.New("looked")
				if err := good.Send(ctx, userID, p, email, since, func(_ user.User, recent int) (*user.AccountMail, events.Message, error) {
					counted = recent
					return nil, events.Message{}, looked
				}); !errors.Is(err, looked) {
					return err
				}
				meeting.Wait()
				return good.Send(ctx, userID, p, email, since, func(u user.User, _ int) (*user.AccountMail, events.Message, error) {
					return make(u, counted)
				})
			}
		}), "of many who send to one mailbox each is told of the others"},
		{"counts once for all that it decides on", deciding(func(good user.AccountMails, ctx context.Context, since time.Time, limit int, decide decision) (int, error) {
			counted := -1
			return good.WorkOff(ctx, since, limit, func(r user.MailRequest, u user.User, recent int) (*user.AccountMail, events.Message, error) {
				if counted < 0 {
					counted = recent
				}
				return decide(r, u, counted)
			})
		}), "of many requests for one mailbox each is told of the others"},
		{"never prunes mails", with(func(_ user.AccountMails, s *accountMails) {
			s.prune = func(ctx context.Context, _ time.Time) error { return ctx.Err() }
		}), "prune forgets what has expired"},
		{"does not look at the context when requesting", with(func(good user.AccountMails, s *accountMails) {
			s.request = func(ctx context.Context, r user.MailRequest) error {
				return good.Request(context.WithoutCancel(ctx), r)
			}
		}), "an ended context changes nothing"},
	})
}

// keys is a user.Keys of which some methods are replaced.
type keys struct {
	user.Keys
	add func(ctx context.Context, key user.SigningKey, unlessAfter time.Time) (user.SigningKey, error)
	all func(ctx context.Context) ([]user.SigningKey, error)
}

func (s keys) Add(ctx context.Context, key user.SigningKey, unlessAfter time.Time) (user.SigningKey, error) {
	if s.add != nil {
		return s.add(ctx, key, unlessAfter)
	}
	return s.Keys.Add(ctx, key, unlessAfter)
}

func (s keys) All(ctx context.Context) ([]user.SigningKey, error) {
	if s.all != nil {
		return s.all(ctx)
	}
	return s.Keys.All(ctx)
}

func TestKeysSuiteCatches(t *testing.T) {
	t.Parallel()
	never := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	mustCatch(t, func(t *testing.T) user.Keys { return store(t).Keys }, usertest.TestKeys, []broken[user.Keys]{
		{"looks before it adds", func(good user.Keys) user.Keys {
			looked := &atomic.Int64{}
			return keys{Keys: good, add: func(ctx context.Context, key user.SigningKey, unlessAfter time.Time) (user.SigningKey, error) {
				stored, err := good.All(ctx)
				if err != nil {
					return key, err
				}
				looked.Add(1)
				for deadline := time.Now().Add(10 * time.Second); looked.Load() < 2 && time.Now().Before(deadline); {
					runtime.Gosched() // until another has looked, too
				}
				if n := len(stored); n > 0 && stored[n-1].SignsFrom.After(unlessAfter) {
					return stored[n-1], nil
				}
				return good.Add(ctx, key, never)
			}}
		}, "of many exactly one is stored and all are told of it"},
		{"always adds", func(good user.Keys) user.Keys {
			return keys{Keys: good, add: func(ctx context.Context, key user.SigningKey, _ time.Time) (user.SigningKey, error) {
				return good.Add(ctx, key, never)
			}}
		}, "a later key is returned in its place"},
		{"tells everybody of his own key", func(good user.Keys) user.Keys {
			return keys{Keys: good, add: func(ctx context.Context, key user.SigningKey, unlessAfter time.Time) (user.SigningKey, error) {
				_, err := good.Add(ctx, key, unlessAfter)
				return key, err
			}}
		}, "a later key is returned in its place"},
		{"turns the order around", func(good user.Keys) user.Keys {
			return keys{Keys: good, all: func(ctx context.Context) ([]user.SigningKey, error) {
				stored, err := good.All(ctx)
				slices.Reverse(stored)
				return stored, err
			}}
		}, "keys come in the order of SignsFrom"},
	})
}

// hasher and tokens are made of functions.
type hasher struct {
	hash    func(ctx context.Context, password string) (string, error)
	matches func(ctx context.Context, hash, password string) (bool, error)
}

func (h hasher) Hash(ctx context.Context, password string) (string, error) {
	return h.hash(ctx, password)
}

func (h hasher) Matches(ctx context.Context, hash, password string) (bool, error) {
	return h.matches(ctx, hash, password)
}

func TestHasherSuiteCatches(t *testing.T) {
	t.Parallel()
	cut := func(password string) string { return password[:min(len(password), 72)] }
	mustCatch(t, func(*testing.T) user.Hasher { return argon2.New() }, usertest.TestHasher, []broken[user.Hasher]{
		{"cuts passwords as bcrypt does", func(good user.Hasher) user.Hasher {
			return hasher{
				func(ctx context.Context, password string) (string, error) { return good.Hash(ctx, cut(password)) },
				func(ctx context.Context, hash, password string) (bool, error) {
					return good.Matches(ctx, hash, cut(password))
				},
			}
		}, "a hash matches its password alone"},
		{"has one salt", func(good user.Hasher) user.Hasher {
			var mu sync.Mutex
			known := map[string]string{}
			return hasher{func(ctx context.Context, password string) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				if known[password] == "" {
					hash, err := good.Hash(ctx, password)
					if err != nil {
						return "", err
					}
					known[password] = hash
				}
				return known[password], ctx.Err()
			}, good.Matches}
		}, "the same password has another hash each time"},
		{"takes what is no hash for a mismatch", func(good user.Hasher) user.Hasher {
			return hasher{good.Hash, func(ctx context.Context, hash, password string) (bool, error) {
				ok, _ := good.Matches(ctx, hash, password)
				return ok, ctx.Err()
			}}
		}, "what is no hash is an error"},
	})
}

type tokens struct {
	user.Tokens
	verify func(token string, keys []user.SigningKey, now time.Time) (identity.Caller, error)
	signed func(token string, key user.SigningKey)
}

func (s tokens) Sign(c identity.Caller, key user.SigningKey, now, expires time.Time) (string, error) {
	token, err := s.Tokens.Sign(c, key, now, expires)
	if s.signed != nil {
		s.signed(token, key)
	}
	return token, err
}

func (s tokens) Verify(token string, keys []user.SigningKey, now time.Time) (identity.Caller, error) {
	return s.verify(token, keys, now)
}

func TestTokensSuiteCatches(t *testing.T) {
	t.Parallel()
	mustCatch(t, func(*testing.T) user.Tokens { return &jwt.Tokens{} }, usertest.TestTokens, []broken[user.Tokens]{
		{"forgets expiry of tokens", func(good user.Tokens) user.Tokens {
			return tokens{Tokens: good, verify: func(token string, keys []user.SigningKey, now time.Time) (identity.Caller, error) {
				c, err := good.Verify(token, keys, now)
				if err != nil {
					return good.Verify(token, keys, now.Add(-5*time.Minute))
				}
				return c, nil
			}}
		}, "an expired token is invalid"},
		{"takes the token's word for its key", func(good user.Tokens) user.Tokens {
			known := map[string]user.SigningKey{}
			return tokens{
				Tokens: good,
				signed: func(token string, key user.SigningKey) { known[token] = key },
				verify: func(token string, keys []user.SigningKey, now time.Time) (identity.Caller, error) {
					if k, ok := known[token]; ok {
						keys = []user.SigningKey{k}
					}
					return good.Verify(token, keys, now)
				},
			}
		}, "a token of another key is invalid"},
		{"forgets that the address is verified", func(good user.Tokens) user.Tokens {
			return tokens{Tokens: good, verify: func(token string, keys []user.SigningKey, now time.Time) (identity.Caller, error) {
				c, err := good.Verify(token, keys, now)
				c.EmailVerified = false
				return c, err
			}}
		}, "a token says who the caller is"},
		{"knows one key", func(good user.Tokens) user.Tokens {
			return tokens{Tokens: good, verify: func(token string, keys []user.SigningKey, now time.Time) (identity.Caller, error) {
				return good.Verify(token, keys[:min(1, len(keys))], now)
			}}
		}, "any key of the set verifies"},
	})
}
