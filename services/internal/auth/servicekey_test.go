package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
)

// What `openssl genpkey -algorithm ed25519` made, and `openssl pkey -pubout`.
const (
	opensslPrivate = "MC4CAQAwBQYDK2VwBCIEIPIMD+zS4j5Skf2OvufNdAwItpdEcFqnxTRfmNZEIEaN"
	opensslPublic  = "MCowBQYDK2VwAyEAog8HH/PNqeir56+gEBs3aaJ4g0HnxyHP7YcuI8EgSt0="
)

func TestAKeyIsAsOpenSSLMakesIt(t *testing.T) {
	t.Parallel()
	key, err := auth.ParseServiceKey("booking", opensslPrivate+"\n")
	must(t, err)
	if got := authtest.Public(t, key); got != "booking:"+opensslPublic {
		t.Errorf("the public key is %s", got)
	}
	if got, err := key.Private(); err != nil || got != opensslPrivate {
		t.Errorf("the private key is not what it was (%v)", err)
	}
}

func TestADerivedSecretIsOfTheKeyAndThePurpose(t *testing.T) {
	t.Parallel()
	derive := func(key *auth.ServiceKey, purpose string) string {
		secret, err := key.Derive(purpose)
		must(t, err)
		if len(secret) != 32 {
			t.Errorf("the secret has %d bytes, want 32", len(secret))
		}
		return string(secret)
	}
	parse := func() *auth.ServiceKey {
		key, err := auth.ParseServiceKey("booking", opensslPrivate)
		must(t, err)
		return key
	}
	one := derive(parse(), "addresses")
	if derive(parse(), "addresses") != one {
		t.Error("the same key has another secret")
	}
	if derive(parse(), "links") == one {
		t.Error("another purpose has the same secret")
	}
	if derive(authtest.NewKey(t, "booking"), "addresses") == one {
		t.Error("another key has the same secret")
	}
}

// rawService is a service whose key a test may use for what ServiceKey never does.
func rawService(t testing.TB, service string) (private ed25519.PrivateKey, kid, entry string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(public)
	must(t, err)
	key, err := jwk.Import(public)
	must(t, err)
	hash, err := key.Thumbprint(crypto.SHA256)
	must(t, err)
	return private, base64.RawURLEncoding.EncodeToString(hash), service + ":" + base64.StdEncoding.EncodeToString(der)
}

func parseKeys(t testing.TB, list ...string) *auth.ServiceKeys {
	t.Helper()
	keys, err := auth.ParseServiceKeys(list)
	must(t, err)
	return keys
}

// serviceClaims is what a good token of booking for event says.
func serviceClaims() map[string]any {
	now := time.Now()
	return map[string]any{"iss": "booking", "aud": "event", "iat": now.Unix(), "exp": now.Add(auth.ServiceTokenLife).Unix()}
}

func TestOnlyAServicesOwnTokenIsGood(t *testing.T) {
	t.Parallel()
	private, kid, entry := rawService(t, "booking")
	eventPrivate, eventKid, eventEntry := rawService(t, "event")
	unlisted, unlistedKid, _ := rawService(t, "booking")
	verify := parseKeys(t, entry, eventEntry).Verifier("event")

	public := private.Public().(ed25519.PublicKey)
	signed := func(alg jwa.SignatureAlgorithm, key any, claims, header map[string]any) string {
		token := jwt.New()
		for name, value := range claims {
			must(t, token.Set(name, value))
		}
		h := jws.NewHeaders()
		must(t, h.Set(jws.TypeKey, auth.ServiceTokenType))
		must(t, h.Set(jws.KeyIDKey, kid))
		for name, value := range header {
			must(t, h.Set(name, value))
		}
		b, err := jwt.Sign(token, jwt.WithKey(alg, key, jws.WithProtectedHeaders(h)))
		must(t, err)
		return string(b)
	}
	with := func(name string, value any) map[string]any {
		c := serviceClaims()
		if value == nil {
			delete(c, name)
		} else {
			c[name] = value
		}
		return c
	}
	booking := func(claims, header map[string]any) string { return signed(jwa.EdDSA(), private, claims, header) }
	good := booking(serviceClaims(), nil)
	if got, err := verify(good); err != nil || got != "booking" {
		t.Fatalf("a good token is of %q (%v)", got, err)
	}
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	now := time.Now()
	ownPublic, err := jwk.Import(unlisted.Public())
	must(t, err)

	for name, token := range map[string]string{
		"nothing":                       "",
		"no token":                      "secret",
		"another audience":              booking(with("aud", "notification"), nil),
		"no audience":                   booking(with("aud", nil), nil),
		"another service's name":        booking(with("iss", "notification"), nil),
		"no issuer":                     booking(with("iss", nil), nil),
		"expired":                       booking(with("exp", now.Add(-time.Minute).Unix()), nil),
		"no expiry":                     booking(with("exp", nil), nil),
		"no time of issue":              booking(with("iat", nil), nil),
		"issued in the future":          booking(with("iat", now.Add(time.Minute).Unix()), nil),
		"valid for too long":            booking(with("exp", now.Add(time.Hour).Unix()), nil),
		"not valid yet":                 booking(with("nbf", now.Add(time.Minute).Unix()), nil),
		"a user's typ":                  booking(serviceClaims(), map[string]any{"typ": auth.TokenType}),
		"typ JWT":                       booking(serviceClaims(), map[string]any{"typ": "JWT"}),
		"a header it calls critical":    booking(serviceClaims(), map[string]any{"crit": []string{"x"}, "x": 1}),
		"another service's key":         signed(jwa.EdDSA(), eventPrivate, serviceClaims(), map[string]any{"kid": eventKid}),
		"an unlisted key":               signed(jwa.EdDSA(), unlisted, serviceClaims(), map[string]any{"kid": unlistedKid}),
		"an unlisted key by its name":   signed(jwa.EdDSA(), unlisted, serviceClaims(), nil),
		"a key it brings along":         signed(jwa.EdDSA(), unlisted, serviceClaims(), map[string]any{"jwk": ownPublic}),
		"alg HS256 with the public key": signed(jwa.HS256(), []byte(public), serviceClaims(), nil),
		"alg none":                      b64([]byte(`{"alg":"none","typ":"service+jwt","kid":"`+kid+`"}`)) + "." + parts[1] + ".",
		"no key id":                     b64([]byte(`{"alg":"EdDSA","typ":"service+jwt"}`)) + "." + parts[1] + "." + parts[2],
		"no signature":                  parts[0] + "." + parts[1] + ".",
		"other claims":                  parts[0] + "." + b64([]byte(`{"iss":"booking","aud":"event","iat":1,"exp":200}`)) + "." + parts[2],
		"four parts":                    good + "." + parts[2],
	} {
		if got, err := verify(token); !errors.Is(err, auth.ErrInvalidToken) {
			t.Errorf("%s: a token of %q (%v)", name, got, err)
		}
	}
}

func TestAServiceTokenIsForOneAudience(t *testing.T) {
	t.Parallel()
	s := authtest.New(t)
	if got, err := s.Keys().Verifier("event")(s.Token("booking", "event")); err != nil || got != "booking" {
		t.Errorf("at event it is of %q (%v)", got, err)
	}
	if got, err := s.Keys().Verifier("notification")(s.Token("booking", "event")); !errors.Is(err, auth.ErrInvalidToken) {
		t.Errorf("at notification it is of %q (%v)", got, err)
	}
}

// A token is shown again until shortly before its end, and never after it.
func TestServiceTokensAreReusedAndRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := authtest.New(t)
		verify, token := s.Keys().Verifier("event"), s.Own["booking"].TokenFor("event")
		made := map[string]bool{}
		for range 60 {
			text, err := token()
			must(t, err)
			made[text] = true
			if _, err := verify(text); err != nil {
				t.Fatalf("a token that is shown is refused: %v", err)
			}
			<-time.After(20 * time.Second)
		}
		if len(made) != 5 { // 20 minutes, 4 each
			t.Errorf("%d tokens in 20 minutes", len(made))
		}
		for text := range made {
			if _, err := verify(text); !errors.Is(err, auth.ErrInvalidToken) && time.Since(expiry(t, text)) > 5*time.Second {
				t.Errorf("a token that has expired is good (%v)", err)
			}
		}
	})
}

func expiry(t testing.TB, token string) time.Time {
	t.Helper()
	parsed, err := jwt.ParseInsecure([]byte(token))
	must(t, err)
	at, _ := parsed.Expiration()
	return at
}

// What was found good is not good for ever.
func TestARememberedTokenExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := authtest.New(t)
		verify, text := s.Keys().Verifier("event"), s.Token("booking", "event")
		if _, err := verify(text); err != nil {
			t.Fatal(err)
		}
		<-time.After(auth.ServiceTokenLife + 6*time.Second)
		if _, err := verify(text); !errors.Is(err, auth.ErrInvalidToken) {
			t.Errorf("after its end: %v", err)
		}
	})
}

// The steps of a rotation: nobody is refused at any of them, until the old key is
// taken off the list.
func TestAKeyIsReplacedWithoutAnOutage(t *testing.T) {
	t.Parallel()
	before, after, event := authtest.NewKey(t, "booking"), authtest.NewKey(t, "booking"), authtest.NewKey(t, "event")
	oldEntry, newEntry, eventEntry := authtest.Public(t, before), authtest.Public(t, after), authtest.Public(t, event)
	for _, step := range []struct {
		name     string
		listed   []string
		old, new bool
	}{
		{"before", []string{oldEntry, eventEntry}, true, false},
		{"the new key is listed, too", []string{oldEntry, newEntry, eventEntry}, true, true},
		{"in any order", []string{newEntry, eventEntry, oldEntry}, true, true},
		{"the old key is listed no more", []string{newEntry, eventEntry}, false, true},
	} {
		keys := parseKeys(t, step.listed...)
		for key, want := range map[*auth.ServiceKey]bool{before: step.old, after: step.new} {
			token, err := key.TokenFor("event")()
			must(t, err)
			if _, err := keys.Verifier("event")(token); (err == nil) != want {
				t.Errorf("%s: a token of the new key %t: %v", step.name, key == after, err)
			}
			if got := keys.Signed("booking", []byte("text"), key.Sign([]byte("text"))); got != want {
				t.Errorf("%s: a signature of the new key %t: %t", step.name, key == after, got)
			}
			private, err := key.Private()
			must(t, err)
			if _, _, err := auth.OpenServiceKeys("booking", private, step.listed, "event"); (err == nil) != want {
				t.Errorf("%s: the start with the new key %t: %v", step.name, key == after, err)
			}
		}
	}
}

func TestASignatureIsOfOneServiceAndNoToken(t *testing.T) {
	t.Parallel()
	s := authtest.New(t)
	text, keys := []byte("text"), s.Keys()
	signature := s.Own["booking"].Sign(text)
	if !keys.Signed("booking", text, signature) {
		t.Error("booking's own signature is refused")
	}
	if keys.Signed("event", text, signature) {
		t.Error("booking's signature is event's")
	}
	if keys.Signed("booking", []byte("other"), signature) || keys.Signed("booking", text, nil) || keys.Signed("nobody", text, signature) {
		t.Error("a signature is good for what it was not made for")
	}
	// A signature of any text is no signature of a token with that text.
	token := s.Token("booking", "event")
	end := strings.LastIndex(token, ".")
	forged := token[:end+1] + base64.RawURLEncoding.EncodeToString(s.Own["booking"].Sign([]byte(token[:end])))
	if _, err := keys.Verifier("event")(forged); !errors.Is(err, auth.ErrInvalidToken) {
		t.Errorf("a signed text is a token (%v)", err)
	}
}

func TestMistakesInKeysAreNamed(t *testing.T) {
	t.Parallel()
	s := authtest.New(t)
	private, booking := s.Private("booking"), authtest.Public(t, s.Own["booking"])
	public := strings.TrimPrefix(booking, "booking:")
	elliptical, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	other, err := x509.MarshalPKCS8PrivateKey(elliptical)
	must(t, err)
	otherPublic, err := x509.MarshalPKIXPublicKey(elliptical.Public())
	must(t, err)
	for name, c := range map[string]struct {
		private string
		public  []string
		want    string
	}{
		"no key":                  {"", s.Public, "BOOKING_SERVICE_KEY: not a private Ed25519 key"},
		"no base64":               {"insecure-token", s.Public, "BOOKING_SERVICE_KEY: not a private Ed25519 key"},
		"a seed":                  {base64.StdEncoding.EncodeToString(make([]byte, 32)), s.Public, "BOOKING_SERVICE_KEY: not a private Ed25519 key"},
		"a public key":            {public, s.Public, "BOOKING_SERVICE_KEY: not a private Ed25519 key"},
		"a key of another kind":   {base64.StdEncoding.EncodeToString(other), s.Public, "BOOKING_SERVICE_KEY: not a private Ed25519 key"},
		"no list":                 {private, nil, `SERVICE_KEYS: there is no key of "event"`},
		"a key without a name":    {private, []string{public}, "SERVICE_KEYS: an entry is not"},
		"an empty entry":          {private, append(slices.Clone(s.Public), ""), "SERVICE_KEYS: an entry is not"},
		"no base64 in the list":   {private, []string{"booking:?"}, "SERVICE_KEYS: an entry is not"},
		"a private key alone":     {private, []string{private}, "SERVICE_KEYS: an entry is not"},
		"a private key in it":     {private, []string{"booking:" + private}, `SERVICE_KEYS: the key of "booking" is not a public`},
		"another kind in it":      {private, []string{"booking:" + base64.StdEncoding.EncodeToString(otherPublic)}, `SERVICE_KEYS: the key of "booking" is not a public`},
		"one key of two services": {private, append(slices.Clone(s.Public), "event:"+public), "have the same key"},
		"no key of a caller":      {private, []string{booking}, `SERVICE_KEYS: there is no key of "event"`},
		"the own is not listed":   {private, []string{authtest.Public(t, s.Own["event"])}, "SERVICE_KEYS: the key in BOOKING_SERVICE_KEY is not listed"},
		"it is another's":         {s.Private("event"), s.Public, "SERVICE_KEYS: the key in BOOKING_SERVICE_KEY is not listed"},
	} {
		_, _, err := auth.OpenServiceKeys("booking", c.private, c.public, "event")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), private) {
			t.Errorf("%s: the error shows the private key", name)
		}
	}
}

// A token has what the contract says, and nothing else.
func TestAServiceTokensClaims(t *testing.T) {
	t.Parallel()
	s := authtest.New(t)
	token, err := jwt.ParseInsecure([]byte(s.Token("booking", "event")))
	must(t, err)
	issuer, _ := token.Issuer()
	audience, _ := token.Audience()
	issued, _ := token.IssuedAt()
	expires, _ := token.Expiration()
	if issuer != "booking" || !slices.Equal(audience, []string{"event"}) || expires.Sub(issued) != 5*time.Minute {
		t.Errorf("iss %q, aud %q, valid for %v", issuer, audience, expires.Sub(issued))
	}
	names := token.Keys()
	slices.Sort(names)
	if diff := cmp.Diff([]string{"aud", "exp", "iat", "iss"}, names); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

// BenchmarkServiceToken is what a call costs its caller: with a token that is
// shown again, and with one that is new.
func BenchmarkServiceToken(b *testing.B) {
	key := authtest.NewKey(b, "booking")
	b.Run("again", func(b *testing.B) {
		token := key.TokenFor("event")
		b.ReportAllocs()
		for b.Loop() {
			if _, err := token(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			if _, err := key.TokenFor(strconv.Itoa(n))(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkVerifyServiceToken is what a call costs its receiver: with a token
// that has been seen, and with one that has not.
func BenchmarkVerifyServiceToken(b *testing.B) {
	s := authtest.New(b)
	keys, token := s.Keys(), s.Token("booking", "event")
	b.Run("again", func(b *testing.B) {
		verify := keys.Verifier("event")
		b.ReportAllocs()
		for b.Loop() {
			if _, err := verify(token); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := keys.Verifier("event")(token); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Each key of .env.example is known as one, however it is written, and of
// whichever service it is said to be.
func TestTheKeysOfTheExampleAreRefused(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^SERVICE_KEYS=(.*)$`).FindSubmatch(text)
	if line == nil {
		t.Fatal("there is no SERVICE_KEYS")
	}
	entries := strings.Split(string(line[1]), ",")
	if len(entries) != 5 {
		t.Fatalf("there are %d keys, want 5", len(entries))
	}
	refuse := func(list ...string) error {
		t.Helper()
		keys, err := auth.ParseServiceKeys(list)
		if err != nil {
			t.Fatal(err)
		}
		return keys.RefuseExamples()
	}
	own := authtest.New(t).Public
	for _, entry := range entries {
		service, key, _ := strings.Cut(entry, ":")
		for _, written := range []string{entry, " " + entry + " ", "another:" + key, service + ":" + key[:20] + "\n" + key[20:]} {
			if err := refuse(append(own, written)...); err == nil || !strings.Contains(err.Error(), "SERVICE_KEYS") {
				t.Errorf("%q among others: error %v", written, err)
			}
		}
	}
	if err := refuse(own...); err != nil {
		t.Errorf("keys of one's own: %v", err)
	}
}
