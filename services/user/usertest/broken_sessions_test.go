package usertest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

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
