// Package auth says who is calling: a user, by an access token of the user
// service, or another service, by a token that it has signed itself.
package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jws/jwsbb"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// What every access token says of itself (RFC 9068). A token that says
// anything else is refused.
const (
	Issuer    = "boxoffice"
	Audience  = "boxoffice"
	TokenType = "at+jwt"
)

// skew is how far the clocks of two processes may differ.
const skew = 5 * time.Second

// ErrInvalidToken says that a token is expired, forged, malformed or meant for
// somebody else.
var ErrInvalidToken = errors.New("invalid token")

// ErrKeysUnavailable says that no key set could be had yet.
var ErrKeysUnavailable = errors.New("the keys to verify access tokens cannot be had")

// RefetchInterval is the least time between two fetches of the key set, so that
// tokens with made-up key ids cannot make this service hammer another.
const RefetchInterval = 30 * time.Second

// refreshInterval is how old the key set may get before it is fetched again,
// so that a key withdrawn by its owner is forgotten here too.
const refreshInterval = 5 * time.Minute

// Verifier verifies access tokens against the key set at a URL. It fetches the
// set when first needed, when a token names a key that is not in it, and when
// it has grown old; the last good set is kept through an outage.
type Verifier struct {
	url  string
	http *http.Client
	log  *slog.Logger
	now  func() time.Time

	parser   Parser
	fetching sync.Mutex // held by the one who fetches

	mu      sync.Mutex // guards what follows
	keys    jwk.Set
	fetched time.Time // when keys came
	tried   time.Time // when they were last asked for
}

// NewVerifier returns a verifier with the key set at url, which it asks for by no
// proxy and following no redirect, unless Through sets another way.
func NewVerifier(url string, log *slog.Logger) *Verifier {
	return &Verifier{url: url, http: httpkit.NewHTTPClient(), log: log, now: time.Now}
}

// Through sets another way to the key set, before the verifier is used. It follows
// no redirect either.
func (v *Verifier) Through(way http.RoundTripper) *Verifier {
	v.http.Transport = way
	return v
}

// Verify returns whose token it is, ErrInvalidToken, or ErrKeysUnavailable.
func (v *Verifier) Verify(ctx context.Context, token string) (identity.Caller, error) {
	kid, err := keyID(token, TokenType)
	if err != nil {
		return identity.Caller{}, err
	}
	keys, err := v.keySet(ctx, kid)
	if err != nil {
		return identity.Caller{}, err
	}
	return v.parser.Parse(token, func(id string) (any, bool) { return keys.LookupKeyID(id) }, v.now())
}

// Parser verifies access tokens. Its zero value is ready. It remembers those that it
// has found good until they expire, and asks no less whether their key still counts;
// BenchmarkVerify has what that saves.
type Parser struct {
	good remembered[identity.Caller]
}

// maxUserTokens bounds those that are remembered: about 4 MB.
const maxUserTokens = 4096

// Parse verifies token and returns whose it is, or ErrInvalidToken. key returns the
// public key with an id, if there is one. Only EdDSA, and only that key, counts: what
// the token's header says of keys (jku, x5u, jwk) is ignored.
func (p *Parser) Parse(token string, key func(id string) (key any, ok bool), now time.Time) (identity.Caller, error) {
	kid, err := keyID(token, TokenType)
	if err != nil {
		return identity.Caller{}, err
	}
	public, ok := key(kid)
	if !ok {
		return identity.Caller{}, fmt.Errorf("%w: unknown key", ErrInvalidToken)
	}
	if c, ok := p.good.lookup(token, now); ok {
		return c, nil
	}
	c, expires, err := verified(token, public, now)
	if err == nil {
		p.good.add(token, c, expires, maxUserTokens)
	}
	return c, err
}

func verified(token string, key any, now time.Time) (identity.Caller, time.Time, error) {
	t, err := jwt.Parse([]byte(token),
		jwt.WithKey(jwa.EdDSA(), key),
		jwt.WithValidate(true),
		jwt.WithIssuer(Issuer),
		jwt.WithAudience(Audience),
		jwt.WithRequiredClaim(jwt.ExpirationKey),
		jwt.WithRequiredClaim(jwt.SubjectKey),
		jwt.WithAcceptableSkew(skew),
		jwt.WithClock(jwt.ClockFunc(func() time.Time { return now })),
	)
	if err != nil {
		return identity.Caller{}, time.Time{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	var c identity.Caller
	var role string
	c.UserID, _ = t.Subject()
	for _, claim := range []struct {
		name string
		dst  *string
	}{{"email", &c.Email}, {"name", &c.Name}, {"role", &role}} {
		if err := t.Get(claim.name, claim.dst); err != nil {
			return identity.Caller{}, time.Time{}, fmt.Errorf("%w: no %s", ErrInvalidToken, claim.name)
		}
	}
	c.Role = identity.Role(role)
	if t.Has("sid") {
		if err := t.Get("sid", &c.SessionID); err != nil {
			return identity.Caller{}, time.Time{}, fmt.Errorf("%w: sid", ErrInvalidToken)
		}
	}
	if t.Has("email_verified") {
		if err := t.Get("email_verified", &c.EmailVerified); err != nil {
			return identity.Caller{}, time.Time{}, fmt.Errorf("%w: email_verified", ErrInvalidToken)
		}
	}
	expires, _ := t.Expiration()
	return c, expires, nil
}

// keyID reads the header of a compact token of this type without trusting it. It
// reads three fields and no more: the rest is for whoever verifies the token.
func keyID(token, tokenType string) (string, error) {
	header, _, _, err := jwsbb.SplitCompactString(token)
	if err != nil {
		return "", fmt.Errorf("%w: malformed", ErrInvalidToken)
	}
	h := jwsbb.HeaderParseCompact(header)
	alg, errAlg := jwsbb.HeaderGetString(h, jws.AlgorithmKey)
	typ, errTyp := jwsbb.HeaderGetString(h, jws.TypeKey)
	kid, errKid := jwsbb.HeaderGetString(h, jws.KeyIDKey)
	if errors.Join(errAlg, errTyp, errKid) != nil || alg != jwa.EdDSA().String() || typ != tokenType || kid == "" {
		return "", fmt.Errorf("%w: alg, typ or kid", ErrInvalidToken)
	}
	return kid, nil
}

// keySet returns a set for kid: the one it has, or a newer one. Only a caller
// whose key is not known waits for a fetch.
func (v *Verifier) keySet(ctx context.Context, kid string) (jwk.Set, error) {
	keys, known, old := v.lookup(kid)
	if known {
		if old && v.fetching.TryLock() {
			go func() {
				defer v.fetching.Unlock()
				_ = worker.Try(ctx, v.log, "fetching keys", func() error { // logged, and tried again
					v.refresh(context.WithoutCancel(ctx))
					return nil
				})
			}()
		}
		return keys, nil
	}
	v.fetching.Lock()
	defer v.fetching.Unlock()
	// Somebody else may have fetched it while this caller waited.
	if keys, known, _ = v.lookup(kid); !known {
		v.refresh(ctx)
		keys, _, _ = v.lookup(kid)
	}
	if keys == nil {
		return nil, ErrKeysUnavailable
	}
	return keys, nil
}

// lookup returns the set there is, whether kid is in it, and whether it is due
// for a refresh.
func (v *Verifier) lookup(kid string) (keys jwk.Set, known, old bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.keys == nil {
		return nil, false, true
	}
	_, known = v.keys.LookupKeyID(kid)
	return v.keys, known, v.now().Sub(v.fetched) >= refreshInterval
}

// refresh fetches the set, unless it was asked for a moment ago. The caller
// holds v.fetching.
func (v *Verifier) refresh(ctx context.Context) {
	v.mu.Lock()
	// Without any key set nobody can be let in, so then it may ask every second.
	wait := RefetchInterval
	if v.keys == nil {
		wait = time.Second
	}
	now := v.now()
	due, have := now.Sub(v.tried) >= wait, v.keys != nil
	if due {
		v.tried = now
	}
	v.mu.Unlock()
	if !due {
		return
	}
	keys, err := v.fetch(ctx)
	if err != nil {
		v.log.WarnContext(ctx, "key set not fetched", "error", err, "have_older", have)
		return
	}
	v.mu.Lock()
	v.keys, v.fetched = keys, now
	v.mu.Unlock()
}

func (v *Verifier) fetch(ctx context.Context) (jwk.Set, error) {
	// Not the caller's cancellation: the set is for everybody who waits.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.url, nil)
	if err != nil {
		return nil, err
	}
	res, err := v.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // there is nothing to do about it
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %s", res.Status)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	keys, err := jwk.Parse(b)
	if err != nil {
		return nil, err
	}
	if keys.Len() == 0 {
		return nil, errors.New("the key set is empty")
	}
	return keys, nil
}
