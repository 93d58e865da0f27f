package user

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
)

// Login starts a session. An unknown email address and a wrong password are the
// same ErrInvalidGrant, and the same work: one hash is compared, once. So is a password
// that everybody can read where others can reach the service, whatever account has it.
func (s *Service) Login(ctx context.Context, email, password string) (Grant, error) {
	u, err := s.Users.ByEmail(ctx, s.Normalize(email))
	hash := u.PasswordHash
	switch {
	case errors.Is(err, ErrNotFound):
		hash = s.decoy
	case err != nil:
		return Grant{}, err
	}
	switch ok, err := s.matches(ctx, hash, password); {
	case err != nil:
		return Grant{}, err
	case !ok || u.ID == "" || s.tooPublic(password):
		return Grant{}, ErrInvalidGrant
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Grant{}, err
	}
	now := s.now()
	token, first := refreshToken(random(), now)
	access, err := s.sign(ctx, caller(u, id.String()), now, AccessTokenLife)
	if err != nil {
		return Grant{}, err
	}
	session := Session{ID: id.String(), UserID: u.ID, PasswordVersion: u.PasswordVersion, Secret: random(), StartedAt: now}
	if err := s.Sessions.Start(ctx, session, first); err != nil {
		return Grant{}, err
	}
	return Grant{AccessToken: access, ExpiresIn: AccessTokenLife, RefreshToken: token}, nil
}

// Refresh uses up a refresh token for a new pair. A repeat is given the same
// refresh token while that is unused. A token that is unknown, expired, revoked,
// older than the user's password, or repeated later is ErrInvalidGrant.
func (s *Service) Refresh(ctx context.Context, token string) (Grant, error) {
	now := s.now()
	// Whatever may fail comes before the rotation: a client that hears of a
	// failure still has a token that is good.
	session, err := s.Sessions.ByToken(ctx, HashToken(token))
	if err != nil {
		return Grant{}, err
	}
	u, err := s.Users.Get(ctx, session.UserID)
	switch {
	case errors.Is(err, ErrNotFound):
		return Grant{}, ErrInvalidGrant
	case err != nil:
		return Grant{}, err
	case u.PasswordVersion != session.PasswordVersion:
		return Grant{}, ErrInvalidGrant
	}
	access, err := s.sign(ctx, caller(u, session.ID), now, AccessTokenLife)
	if err != nil {
		return Grant{}, err
	}
	next, stored := refreshToken(session.successor(token), now)
	switch err := s.Sessions.Rotate(ctx, HashToken(token), stored, now); {
	case errors.Is(err, ErrTokenReused):
		s.Log.WarnContext(ctx, "a refresh token was used after its successor; its session is revoked", "session_id", session.ID, "user_id", u.ID)
		return Grant{}, err
	case err != nil:
		return Grant{}, err
	}
	return Grant{AccessToken: access, ExpiresIn: AccessTokenLife, RefreshToken: next}, nil
}

// Revoke ends the session of a refresh token. One that is not known is no
// error.
func (s *Service) Revoke(ctx context.Context, token string) error {
	return s.Sessions.Revoke(ctx, HashToken(token), s.now())
}

// ListSessions returns up to limit of the user's sessions that are good now, the
// newest first, after the one with the id after, or from the newest where that
// is empty.
func (s *Service) ListSessions(ctx context.Context, userID, after string, limit int) ([]ActiveSession, error) {
	return s.UserSessions.List(ctx, userID, s.now(), after, limit)
}

// EndSession ends a session of the user's, or returns ErrSessionNotFound. Ending
// one again is no error.
func (s *Service) EndSession(ctx context.Context, userID, sessionID string) error {
	return s.UserSessions.End(ctx, userID, sessionID, s.now())
}

// Verify returns whose access token it is, or ErrInvalidToken. It does not look
// whether the session goes on: that is for what changes nothing.
func (s *Service) Verify(ctx context.Context, token string) (identity.Caller, error) {
	keys, err := s.recentKeys(ctx)
	if err != nil {
		return identity.Caller{}, err
	}
	return s.Tokens.Verify(token, keys, s.Now())
}

// VerifyChange returns whose access token it is, with the account's name, email
// address and role of now. A token whose session is over is ErrInvalidToken,
// although it has not expired: a new password, a logout and the account's end
// take effect at once on whatever changes something.
func (s *Service) VerifyChange(ctx context.Context, token string) (identity.Caller, error) {
	c, err := s.Verify(ctx, token)
	if err != nil {
		return identity.Caller{}, err
	}
	return s.present(ctx, c)
}

// present returns how c's account is now, or ErrInvalidToken where c's session
// is over.
func (s *Service) present(ctx context.Context, c identity.Caller) (identity.Caller, error) {
	if c.Role == identity.Guest {
		return s.presentGuest(ctx, c)
	}
	u, err := s.Sessions.Account(ctx, c.SessionID)
	if err != nil {
		return identity.Caller{}, err
	}
	if u.ID != c.UserID {
		return identity.Caller{}, ErrInvalidToken
	}
	return caller(u, c.SessionID), nil
}

// passedOnLife is how long a token made by PassOn is good: longer than any
// request takes.
const passedOnLife = time.Minute

// PassOn returns the access token that a service behind the gateway is shown in
// the place of token, for a request that may change something: token itself, or
// where the account has changed since it was signed, one that says how the
// account is now. Its errors are VerifyChange's.
func (s *Service) PassOn(ctx context.Context, token string) (string, error) {
	said, err := s.Verify(ctx, token)
	if err != nil {
		return "", err
	}
	now, err := s.present(ctx, said)
	switch {
	case err != nil:
		return "", err
	case now == said:
		return token, nil
	}
	return s.sign(ctx, now, s.now(), passedOnLife)
}

func caller(u User, sessionID string) identity.Caller {
	return identity.Caller{UserID: u.ID, Email: u.Email, EmailVerified: u.EmailVerified(), Name: u.Name, Role: u.Role, SessionID: sessionID}
}

func (s *Service) sign(ctx context.Context, c identity.Caller, now time.Time, life time.Duration) (string, error) {
	keys, err := s.Keys.All(ctx)
	if err != nil {
		return "", err
	}
	key, ok := signing(keys, now)
	if !ok {
		return "", errors.New("there is no key to sign with")
	}
	return s.Tokens.Sign(c, key, now, now.Add(life))
}
