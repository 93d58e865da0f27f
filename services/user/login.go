package user

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
)

// Login starts a session. An unknown email address and a wrong password are the
// same ErrInvalidGrant, and the same work: one hash is compared, once.
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
	case !ok || u.ID == "":
		return Grant{}, ErrInvalidGrant
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Grant{}, err
	}
	now := s.now()
	token, first := refreshToken(random(), now)
	access, err := s.sign(ctx, u, now)
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
	access, err := s.sign(ctx, u, now)
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

// Verify returns whose access token it is, or ErrInvalidToken.
func (s *Service) Verify(ctx context.Context, token string) (identity.Caller, error) {
	keys, err := s.PublishedKeys(ctx)
	if err != nil {
		return identity.Caller{}, err
	}
	return s.Tokens.Verify(token, keys, s.Now())
}

func (s *Service) sign(ctx context.Context, u User, now time.Time) (string, error) {
	keys, err := s.Keys.All(ctx)
	if err != nil {
		return "", err
	}
	key, ok := signing(keys, now)
	if !ok {
		return "", errors.New("there is no key to sign with")
	}
	c := identity.Caller{UserID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role}
	return s.Tokens.Sign(c, key, now, now.Add(AccessTokenLife))
}
