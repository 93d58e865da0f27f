package auth

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// ServiceTokenType is the typ of every service token.
const ServiceTokenType = "service+jwt"

// ServiceTokenLife is how long a service token is valid. A token that claims a
// longer life is refused.
const ServiceTokenLife = 5 * time.Minute

// renewBefore is how long before its end a token is replaced. A call may spend
// some of that on its way, and clocks differ.
const renewBefore = time.Minute

// ServiceKey is a service's own private key. The service signs with it the
// tokens that it shows to other services, and the messages that it publishes.
// Nobody else has it: a receiver knows the public key alone.
type ServiceKey struct {
	service string
	private ed25519.PrivateKey
	kid     string

	mu     sync.Mutex
	tokens map[string]serviceToken // by audience
}

type serviceToken struct {
	text   string
	issued time.Time
}

// NewServiceKey returns a new key of service ("booking").
func NewServiceKey(service string) (*ServiceKey, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	return newServiceKey(service, private)
}

// ParseServiceKey returns the key of service in text: an Ed25519 key in PKCS #8,
// in base64.
func ParseServiceKey(service, text string) (*ServiceKey, error) {
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, errNotPrivate // the library's errors may show a part of the key
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	private, ok := key.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, errNotPrivate
	}
	return newServiceKey(service, private)
}

var errNotPrivate = errors.New("not a private Ed25519 key in base64 (PKCS #8)")

func newServiceKey(service string, private ed25519.PrivateKey) (*ServiceKey, error) {
	kid, err := thumbprint(private.Public())
	if err != nil {
		return nil, err
	}
	return &ServiceKey{service: service, private: private, kid: kid, tokens: map[string]serviceToken{}}, nil
}

// thumbprint is the id of a key, as RFC 7638 makes it of the public key: no two
// parties have to agree on names.
func thumbprint(public crypto.PublicKey) (string, error) {
	key, err := jwk.Import(public)
	if err != nil {
		return "", err
	}
	hash, err := key.Thumbprint(crypto.SHA256)
	return base64.RawURLEncoding.EncodeToString(hash), err
}

// Private returns the text that ParseServiceKey takes.
func (k *ServiceKey) Private() (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	return base64.StdEncoding.EncodeToString(der), err
}

// Public returns the entry by which ParseServiceKeys knows the key:
// "booking:MCow…".
func (k *ServiceKey) Public() (string, error) {
	der, err := x509.MarshalPKIXPublicKey(k.private.Public())
	return k.service + ":" + base64.StdEncoding.EncodeToString(der), err
}

// TokenFor returns a source of tokens that audience alone accepts. A token is
// shown until a minute before its end; BenchmarkServiceToken has what that saves.
func (k *ServiceKey) TokenFor(audience string) func() (string, error) {
	return func() (string, error) {
		now := time.Now()
		k.mu.Lock()
		defer k.mu.Unlock()
		// A clock that was set back makes a token of the future, which is refused.
		if t, ok := k.tokens[audience]; ok && !now.Before(t.issued) && now.Before(t.issued.Add(ServiceTokenLife-renewBefore)) {
			return t.text, nil
		}
		text, err := k.sign(audience, now)
		if err == nil {
			k.tokens[audience] = serviceToken{text, now}
		}
		return text, err
	}
}

func (k *ServiceKey) sign(audience string, now time.Time) (string, error) {
	t, err := jwt.NewBuilder().Issuer(k.service).Audience([]string{audience}).
		IssuedAt(now).Expiration(now.Add(ServiceTokenLife)).Build()
	if err != nil {
		return "", err
	}
	h := jws.NewHeaders()
	if err := errors.Join(h.Set(jws.TypeKey, ServiceTokenType), h.Set(jws.KeyIDKey, k.kid)); err != nil {
		return "", err
	}
	b, err := jwt.Sign(t, jwt.WithKey(jwa.EdDSA(), k.private, jws.WithProtectedHeaders(h)))
	return string(b), err
}

// Derive returns a secret for this purpose, which tells nothing of the key. It is
// the same in every process that has the key.
func (k *ServiceKey) Derive(purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, k.private.Seed(), nil, "boxoffice "+purpose, 32)
}

// Sign returns the signature of text, which no token bears whatever text is.
func (k *ServiceKey) Sign(text []byte) []byte { return ed25519.Sign(k.private, noToken(text)) }

// noToken has a line feed, which the signed part of a token never has.
func noToken(text []byte) []byte { return slices.Concat([]byte("boxoffice\n"), text) }

// ServiceKeys are the public keys by which services are known. They verify
// tokens and signatures, and make none.
type ServiceKeys struct {
	byID      map[string]publicKey
	byService map[string][]ed25519.PublicKey
}

type publicKey struct {
	service string
	key     ed25519.PublicKey
}

// ParseServiceKeys returns the keys in list, each as "booking:" and the public
// Ed25519 key in PKIX, in base64. A service may have several, of which each is
// as good as the other. Those in needed must have one.
func ParseServiceKeys(list []string, needed ...string) (*ServiceKeys, error) {
	k := &ServiceKeys{byID: map[string]publicKey{}, byService: map[string][]ed25519.PublicKey{}}
	for _, entry := range list {
		service, text, named := strings.Cut(strings.TrimSpace(entry), ":")
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil || !named || service == "" {
			return nil, errors.New("an entry is not a service's name, a colon and a public key in base64")
		}
		parsed, err := x509.ParsePKIXPublicKey(der)
		public, ok := parsed.(ed25519.PublicKey)
		if err != nil || !ok {
			return nil, fmt.Errorf("the key of %q is not a public Ed25519 key (PKIX)", service)
		}
		kid, err := thumbprint(public)
		if err != nil {
			return nil, err
		}
		if other, listed := k.byID[kid]; listed && other.service != service {
			return nil, fmt.Errorf("%q and %q have the same key", other.service, service)
		}
		k.byID[kid] = publicKey{service, public}
		k.byService[service] = append(k.byService[service], public)
	}
	for _, service := range needed {
		if len(k.byService[service]) == 0 {
			return nil, fmt.Errorf("there is no key of %q", service)
		}
	}
	return k, nil
}

// OpenServiceKeys reads a service's own key, of its variable (BOOKING_SERVICE_KEY),
// and those by which it knows the services in needed, of SERVICE_KEYS. An error
// names the variable. The own key must be listed, too: otherwise the others would
// refuse all that the service says.
func OpenServiceKeys(service, private string, public []string, needed ...string) (*ServiceKey, *ServiceKeys, error) {
	variable := strings.ToUpper(service) + "_SERVICE_KEY"
	own, err := ParseServiceKey(service, private)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", variable, err)
	}
	keys, err := ParseServiceKeys(public, needed...)
	if err != nil {
		return nil, nil, fmt.Errorf("SERVICE_KEYS: %w", err)
	}
	if keys.byID[own.kid].service != service {
		return nil, nil, fmt.Errorf("SERVICE_KEYS: the key in %s is not listed for %q", variable, service)
	}
	return own, keys, nil
}

// exampleKeys are the public keys of .env.example.
var exampleKeys = []string{
	"MCowBQYDK2VwAyEA/f2Q6CF5BNxGh2EUq6KZysz5R/ohQ6lce3Qruqcc7ws=",
	"MCowBQYDK2VwAyEA8LmISq2oUgTBw4Ou75LSKNjn1XfFjmo33UW1HmLaovQ=",
	"MCowBQYDK2VwAyEAci4cE8KZ3GaomfTOiLG5fBm3SCoJ6+5CKP7UIA8RAMw=",
	"MCowBQYDK2VwAyEAmSNfmg/5fRWIgkmw0hCwcMcAFRtuJ43DfUaKdAFtAeA=",
	"MCowBQYDK2VwAyEAZhWvJY/AXECg7xUd8wISl3MShQEN4QYCxhKnTaXAW/Q=",
}

// RefuseExamples returns an error where one of k is a key of .env.example: with
// its private half everybody is that service. It is for services that others can
// reach.
func (k *ServiceKeys) RefuseExamples() error {
	for _, listed := range k.byID {
		der, err := x509.MarshalPKIXPublicKey(listed.key)
		if err != nil {
			return err
		}
		if slices.Contains(exampleKeys, base64.StdEncoding.EncodeToString(der)) {
			return fmt.Errorf("SERVICE_KEYS: the key of %q is that of .env.example, whose private half everybody can read: choose another before other machines can reach the services", listed.service)
		}
	}
	return nil
}

// Signed reports whether service signed text. See ServiceKey.Sign.
func (k *ServiceKeys) Signed(service string, text, signature []byte) bool {
	text = noToken(text)
	return slices.ContainsFunc(k.byService[service], func(public ed25519.PublicKey) bool {
		return ed25519.Verify(public, text, signature)
	})
}

// Verifier returns what tells whose a token is that was shown to audience, or
// ErrInvalidToken. It remembers the tokens that it has found good until they
// expire; BenchmarkVerifyServiceToken has what that saves.
func (k *ServiceKeys) Verifier(audience string) func(token string) (service string, err error) {
	v := &serviceVerifier{keys: k, audience: audience}
	return v.verify
}

type serviceVerifier struct {
	keys     *ServiceKeys
	audience string
	good     remembered[string] // the services
}

// maxServiceTokens bounds those that are remembered. Each process of a caller shows
// two at most.
const maxServiceTokens = 256

func (v *serviceVerifier) verify(token string) (string, error) {
	if service, ok := v.good.lookup(token, time.Now()); ok {
		return service, nil
	}
	service, expires, err := v.parse(token)
	if err != nil {
		return "", err
	}
	v.good.add(token, service, expires, maxServiceTokens)
	return service, nil
}

func (v *serviceVerifier) parse(token string) (service string, expires time.Time, err error) {
	kid, err := keyID(token, ServiceTokenType)
	if err != nil {
		return "", time.Time{}, err
	}
	of, ok := v.keys.byID[kid]
	if !ok {
		return "", time.Time{}, fmt.Errorf("%w: unknown key", ErrInvalidToken)
	}
	t, err := jwt.Parse([]byte(token),
		jwt.WithKey(jwa.EdDSA(), of.key),
		jwt.WithValidate(true),
		jwt.WithIssuer(of.service),
		jwt.WithAudience(v.audience),
		jwt.WithRequiredClaim(jwt.ExpirationKey),
		jwt.WithRequiredClaim(jwt.IssuedAtKey),
		jwt.WithAcceptableSkew(skew),
	)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("%w: %w", ErrInvalidToken, err)
	}
	issued, _ := t.IssuedAt()
	expires, _ = t.Expiration()
	if expires.Sub(issued) > ServiceTokenLife {
		return "", time.Time{}, fmt.Errorf("%w: it is valid for too long", ErrInvalidToken)
	}
	return of.service, expires, nil
}
