package web

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// SessionLife is how long a cookie is good after it was sealed. Renewing the access
	// token of an account seals it anew, so that only an unused session ends.
	SessionLife = 30 * 24 * time.Hour
	// MaxCookie is how many bytes a sealed session has at most: browsers take 4 KiB with
	// the cookie's name and attributes.
	MaxCookie = 3584

	// renewBefore is how long before its end an access token is renewed. The page that
	// shows it may make several calls.
	renewBefore = time.Minute
	// renewTimeout bounds a renewal, which goes on when the visitor is gone: others may
	// wait for it.
	renewTimeout = 10 * time.Second
)

// ErrSessionTooLarge means that a session does not fit into a cookie, even without its
// links.
var ErrSessionTooLarge = errors.New("the session does not fit into a cookie")

// Sessions seals sessions into cookies, opens them, and keeps their tokens current.
type Sessions struct {
	keys     []sessionKey // the first is the one in use
	signIns  SignIns
	now      func() time.Time
	renewals singleflight.Group // by refresh token
}

// sessionKey seals with a key that is derived from one secret.
type sessionKey struct {
	id   [4]byte
	aead cipher.AEAD
}

// NewSessions returns sessions that are sealed with the first of secrets. Cookies sealed
// with the others, which are retired, are still opened. signIns renews tokens, and now is
// the clock.
func NewSessions(secrets [][]byte, signIns SignIns, now func() time.Time) (*Sessions, error) {
	if len(secrets) == 0 {
		return nil, errors.New("sessions need a key")
	}
	s := &Sessions{signIns: signIns, now: now}
	for _, secret := range secrets {
		k, err := newSessionKey(secret)
		if err != nil {
			return nil, err
		}
		s.keys = append(s.keys, k)
	}
	return s, nil
}

func newSessionKey(secret []byte) (k sessionKey, err error) {
	if len(secret) < 32 {
		return k, fmt.Errorf("a session key has %d bytes, not at least 32", len(secret))
	}
	derived, err := hkdf.Key(sha256.New, secret, nil, "boxoffice web session", 32+len(k.id))
	if err != nil {
		return k, err
	}
	block, err := aes.NewCipher(derived[:32])
	if err != nil {
		return k, err
	}
	copy(k.id[:], derived[32:])
	k.aead, err = cipher.NewGCMWithRandomNonce(block)
	return k, err
}

// cookieText is how a cookie is written. Strict: there is one cookie for its bytes.
var cookieText = base64.RawURLEncoding.Strict()

// Seal returns the cookie of a session. If it does not fit, the oldest links are left
// out. ErrSessionTooLarge if it does not fit without any: half a session is none.
func (s *Sessions) Seal(session Session) (cookie string, err error) {
	session.Links = session.Links[:min(len(session.Links), MaxLinks)]
	for {
		cookie := s.keys[0].seal(encodeSession(session, s.now()))
		switch {
		case len(cookie) <= MaxCookie:
			return cookie, nil
		case len(session.Links) == 0:
			return "", ErrSessionTooLarge
		}
		session.Links = session.Links[:len(session.Links)-1]
	}
}

// seal returns the key's id, a nonce, and the text encrypted. What a cookie costs an
// attacker to guess is the key alone, so its id may be seen.
func (k *sessionKey) seal(text []byte) string {
	return cookieText.EncodeToString(k.aead.Seal(slices.Clone(k.id[:]), nil, text, k.id[:])) //nolint:gosec // the nonce is random: see newSessionKey
}

// Open returns the session in a cookie. It is the zero Session for every cookie that is
// forged, tampered with, cut off, sealed with an unknown key, or older than SessionLife.
func (s *Sessions) Open(cookie string) Session {
	if len(cookie) > MaxCookie || strings.ContainsAny(cookie, "\r\n") { // which the decoder would pass over
		return Session{}
	}
	b, err := cookieText.DecodeString(cookie)
	if err != nil {
		return Session{}
	}
	for i := range s.keys {
		k := &s.keys[i]
		if len(b) < len(k.id) || [4]byte(b[:len(k.id)]) != k.id {
			continue
		}
		text, err := k.aead.Open(nil, nil, b[len(k.id):], k.id[:])
		if err != nil {
			continue
		}
		session, sealed, err := decodeSession(text)
		if err != nil || !s.now().Before(sealed.Add(SessionLife)) {
			return Session{}
		}
		return session
	}
	return Session{}
}

// Current returns a session whose tokens are good now, and whether it has changed, so that
// its cookie must be set anew. address is the visitor's.
//
//   - an access token that ends within a minute is renewed, once at a time for each session
//   - an account whose session is over is signed out
//   - a guest whose time is over is forgotten
//   - without an answer the session stays as it is; an error if its access token has
//     ended meanwhile
func (s *Sessions) Current(ctx context.Context, session Session, address netip.Addr) (_ Session, changed bool, err error) {
	now := s.now()
	if session.Guest != nil && !now.Before(session.Guest.ExpiresAt) {
		session.Guest, changed = nil, true
	}
	if session.Account == nil || now.Before(session.Account.ExpiresAt.Add(-renewBefore)) {
		return session, changed, nil
	}
	renewed, err := s.renew(ctx, session.Account.Refresh, address)
	switch {
	case err == nil:
		session.Account, changed = &renewed, true
	case errors.Is(err, ErrSignedOut):
		session.Account, changed, err = nil, true, nil
	case s.now().Before(session.Account.ExpiresAt):
		err = nil // it is good for this page
	}
	return session, changed, err
}

// renew renews the tokens of a session. Whoever asks meanwhile has the same answer.
func (s *Sessions) renew(ctx context.Context, refresh string, address netip.Addr) (Tokens, error) {
	renewal := s.renewals.DoChan(refresh, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewTimeout)
		defer cancel()
		return s.signIns.Renew(ctx, Caller{Address: address}, refresh)
	})
	select {
	case r := <-renewal:
		tokens, _ := r.Val.(Tokens)
		return tokens, r.Err
	case <-ctx.Done():
		return Tokens{}, fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
}
