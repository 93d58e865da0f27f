package ticketcode

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

const (
	eventID  = "0195e9d2-7c1a-7abc-8def-0123456789ab"
	otherID  = "0195e9d2-7c1a-7abc-8def-0123456789ac"
	ticketID = "6f6cb5f4-2a0f-5f9e-9d51-0a1b2c3d4e5f"
)

var (
	newSecret = bytes.Repeat([]byte{1}, MinSecret)
	oldSecret = bytes.Repeat([]byte{2}, MinSecret)
)

func keys(t testing.TB, secrets ...[]byte) *Keys {
	t.Helper()
	k, err := NewKeys(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func signer(t testing.TB, k *Keys, eventID string) *Signer {
	t.Helper()
	s, err := k.Signer(eventID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func verifier(t testing.TB, k *Keys, eventID string) *Verifier {
	t.Helper()
	public, err := k.PublicKeys(eventID)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(eventID, public)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func someCode(t testing.TB) Code {
	t.Helper()
	tag, err := TagOf(ticketID)
	if err != nil {
		t.Fatal(err)
	}
	return Code{Ticket: tag, TicketType: 2, Issue: 3}
}

// vector is an entry of testdata/vectors.json, which another implementation wrote, and by
// which any is held to the same bytes.
type vector struct {
	Secret     []byte    `json:"secret"`
	EventID    string    `json:"event_id"`
	TicketID   string    `json:"ticket_id"`
	TicketType uint8     `json:"ticket_type"`
	Issue      uint8     `json:"issue"`
	PublicKey  PublicKey `json:"public_key"`
	Text       string    `json:"text"`
}

func TestGoldenVectors(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) == 0 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, want := range vectors {
		k := keys(t, want.Secret)
		public, err := k.PublicKeys(want.EventID)
		if err != nil || public[0].ID != want.PublicKey.ID || !public[0].Key.Equal(want.PublicKey.Key) {
			t.Errorf("the public key of %s is %d %s, %v", want.EventID, public[0].ID, base64.StdEncoding.EncodeToString(public[0].Key), err)
		}
		tag, err := TagOf(want.TicketID)
		if err != nil {
			t.Fatal(err)
		}
		code := Code{tag, want.TicketType, want.Issue}
		if got := signer(t, k, want.EventID).Sign(code); got != want.Text {
			t.Errorf("%+v is %s, want %s", code, got, want.Text)
		}
		if got, err := verifier(t, k, want.EventID).Verify(want.Text); got != code || err != nil {
			t.Errorf("%s says %+v, %v", want.Text, got, err)
		}
	}
}

func TestTheLayout(t *testing.T) {
	t.Parallel()
	k := keys(t, newSecret)
	text := signer(t, k, eventID).Sign(someCode(t))
	if len(text) != 120 || strings.Trim(text, base45) != "" {
		t.Errorf("%q has %d characters", text, len(text))
	}
	b, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := tagOfEvent(eventID)
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte{1, k.ids[0]}, tag[:]...)
	want = append(want, 0x9d, 0x51, 0x0a, 0x1b, 0x2c, 0x3d, 0x4e, 0x5f, 2, 3)
	if !bytes.Equal(b[:16], want) {
		t.Errorf("it begins %x, want %x", b[:16], want)
	}
	public, err := k.PublicKeys(eventID)
	if err != nil || !ed25519.Verify(public[0].Key, b[:16], b[16:]) {
		t.Errorf("bytes 16 to 79 are not the signature of the others (%v)", err)
	}
}

func TestACodeIsReadBack(t *testing.T) {
	t.Parallel()
	k := keys(t, newSecret, oldSecret)
	s, v := signer(t, k, eventID), verifier(t, k, eventID)
	for _, c := range []Code{{}, {Tag{255, 255, 255, 255, 255, 255, 255, 255}, 255, 255}, {Tag{7: 1}, 0, 1}, someCode(t)} {
		if got, err := v.Verify(s.Sign(c)); got != c || err != nil {
			t.Errorf("%+v is read as %+v, %v", c, got, err)
		}
	}
	if s.Sign(someCode(t)) != signer(t, k, eventID).Sign(someCode(t)) {
		t.Error("two signatures of one code differ")
	}
}

func TestARetiredSecretVerifiesAndDoesNotSign(t *testing.T) {
	t.Parallel()
	before, after := keys(t, oldSecret), keys(t, newSecret, oldSecret)
	old, now := signer(t, before, eventID).Sign(someCode(t)), signer(t, after, eventID).Sign(someCode(t))
	if old == now {
		t.Error("the retired secret signs")
	}
	for _, text := range []string{old, now} {
		if got, err := verifier(t, after, eventID).Verify(text); got != someCode(t) || err != nil {
			t.Errorf("%s says %+v, %v", text, got, err)
		}
	}
	// A door whose keys are older than the secret must say so, and not "forged".
	if _, err := verifier(t, before, eventID).Verify(now); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("a door that knows the old key alone says %v", err)
	}
}

// The ids of 300 secrets are not all different, and nothing depends on it.
func TestSecretsMayShareAnID(t *testing.T) {
	t.Parallel()
	seen := map[uint8][]byte{}
	for i := range 300 {
		secret := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 16)
		id := keys(t, secret).ids[0]
		other, shared := seen[id]
		seen[id] = secret
		if !shared {
			continue
		}
		both := verifier(t, keys(t, secret, other), eventID)
		for _, s := range [][]byte{secret, other} {
			if _, err := both.Verify(signer(t, keys(t, s), eventID).Sign(someCode(t))); err != nil {
				t.Errorf("one of two secrets with the id %d: %v", id, err)
			}
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	k := keys(t, newSecret, oldSecret)
	good := signer(t, k, eventID).Sign(someCode(t))
	raw, err := decode(good)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(at int, to byte) string {
		b := bytes.Clone(raw)
		b[at] = to
		return encode(b)
	}
	stolen := keys(t, bytes.Repeat([]byte{9}, MinSecret))
	stolen.ids[0] = k.ids[0] // whoever forges a code copies the id
	for what, c := range map[string]struct {
		text string
		want error
	}{
		"nothing":                     {"", ErrMalformed},
		"a URL":                       {"https://tickets.example/b/1", ErrMalformed},
		"one character less":          {good[1:], ErrMalformed},
		"one character more":          {good + "0", ErrMalformed},
		"a megabyte":                  {strings.Repeat("A", 1<<20), ErrMalformed},
		"lower case":                  {strings.ToLower(good), ErrMalformed},
		"a number over 16 bits":       {":::" + good[3:], ErrMalformed},
		"bytes that are no text":      {strings.Repeat("\xff", Length), ErrMalformed},
		"another version":             {changed(0, 2), ErrMalformed},
		"another event":               {signer(t, k, otherID).Sign(someCode(t)), ErrOtherEvent},
		"another event's tag":         {changed(2, raw[2]+1), ErrOtherEvent},
		"an unknown key":              {changed(1, raw[1]+7), ErrUnknownKey},
		"another ticket":              {changed(13, raw[13]+1), ErrForged},
		"another type":                {changed(14, raw[14]+1), ErrForged},
		"another issue":               {changed(15, raw[15]+1), ErrForged},
		"another signature":           {changed(16, raw[16]+1), ErrForged},
		"the retired key's id":        {changed(1, k.ids[1]), ErrForged},
		"a key of one's own":          {signer(t, stolen, eventID).Sign(someCode(t)), ErrForged},
		"no signature":                {encode(append(bytes.Clone(raw[:16]), make([]byte, 64)...)), ErrForged},
		"another form of a signature": {encode(append(bytes.Clone(raw[:48]), plusOrder(raw[48:])...)), ErrForged},
	} {
		if got, err := verifier(t, k, eventID).Verify(c.text); got != (Code{}) || !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v; want %v", what, got, err, c.want)
		}
	}
}

// plusOrder adds the group's order to the second half of an Ed25519 signature. Lenient
// verifiers take the sum for the same signature.
func plusOrder(s []byte) []byte {
	order := []byte{
		0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
	}
	sum, carry := make([]byte, len(s)), 0
	for i := range s {
		carry += int(s[i]) + int(order[i])
		sum[i] = byte(carry)
		carry >>= 8
	}
	return sum
}

func TestAnotherEventsKeysAreOthers(t *testing.T) {
	t.Parallel()
	k := keys(t, newSecret)
	one, errOne := k.PublicKeys(eventID)
	other, errOther := k.PublicKeys(otherID)
	if err := errors.Join(errOne, errOther); err != nil {
		t.Fatal(err)
	}
	if one[0].Key.Equal(other[0].Key) {
		t.Error("two events have one key")
	}
}

func TestKeysAreRefused(t *testing.T) {
	t.Parallel()
	for want, secrets := range map[string][][]byte{
		"there is no secret":                     nil,
		"secret 1 has 0 bytes, not at least 32":  {nil},
		"secret 2 has 31 bytes, not at least 32": {newSecret, newSecret[1:]},
	} {
		if _, err := NewKeys(secrets...); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := NewVerifier(eventID, []PublicKey{{ID: 7, Key: make([]byte, 31)}}); err == nil {
		t.Error("a public key of 31 bytes is taken")
	}
}

func TestOnlyOneSpellingOfAnIDIsTaken(t *testing.T) {
	t.Parallel()
	k := keys(t, newSecret)
	for _, id := range []string{
		"", strings.ToUpper(eventID), "{" + eventID + "}", strings.ReplaceAll(eventID, "-", ""), "urn:uuid:" + eventID,
		eventID + "0", strings.ReplaceAll(eventID, "a", "g"), strings.Repeat("-", 36), "0195e9d27c1a-7abc-8def-0123456789ab0", strings.Repeat("é", 18),
	} {
		_, errSigner := k.Signer(id)
		_, errKeys := k.PublicKeys(id)
		_, errVerifier := NewVerifier(id, nil)
		_, errTag := TagOf(id)
		for what, err := range map[string]error{"Signer": errSigner, "PublicKeys": errKeys, "NewVerifier": errVerifier, "TagOf": errTag} {
			if !errors.Is(err, errID) {
				t.Errorf("%s of %q: %v", what, id, err)
			}
		}
	}
}

// The examples of RFC 9285, as far as their bytes are even.
func TestBase45(t *testing.T) {
	t.Parallel()
	for plain, text := range map[string]string{"AB": "BB8", "Hello!": "%69 VD92E", "base-4": "UJCLQE7W5", "": "", "\xff\xff": "FGW"} {
		if got := encode([]byte(plain)); got != text {
			t.Errorf("%q is %q, want %q", plain, got, text)
		}
		if got, err := decode(text); string(got) != plain || err != nil {
			t.Errorf("%q is of %q, %v; want %q", text, got, err, plain)
		}
	}
	for _, text := range []string{"A", "AB", "GGW", "a00", "00é", "0_0", ":::"} {
		if got, err := decode(text); err == nil {
			t.Errorf("%q is of %q", text, got)
		}
	}
}

// Whatever a scanner reads, a code that verifies is one that was signed.
func FuzzVerify(f *testing.F) {
	k := keys(f, newSecret, oldSecret)
	s, v := signer(f, k, eventID), verifier(f, k, eventID)
	f.Add(s.Sign(someCode(f)))
	f.Add(signer(f, keys(f, oldSecret), eventID).Sign(someCode(f)))
	f.Add(signer(f, k, otherID).Sign(someCode(f)))
	f.Add("")
	f.Add(strings.Repeat(":", Length))
	f.Fuzz(func(t *testing.T, text string) {
		code, err := v.Verify(text)
		if err != nil {
			known := 0
			for _, refusal := range []error{ErrMalformed, ErrOtherEvent, ErrUnknownKey, ErrForged} {
				if errors.Is(err, refusal) {
					known++
				}
			}
			if known != 1 || code != (Code{}) {
				t.Errorf("%q says %+v, %v", text, code, err)
			}
			return
		}
		if old := signer(t, keys(t, oldSecret), eventID); text != s.Sign(code) && text != old.Sign(code) {
			t.Errorf("%q was never signed", text)
		}
	})
}

func FuzzBase45(f *testing.F) {
	f.Add("BB8")
	f.Add(":::")
	f.Fuzz(func(t *testing.T, text string) {
		b, err := decode(text)
		if err == nil && encode(b) != text {
			t.Errorf("%q and %q are of the same bytes", text, encode(b))
		}
	})
}

func BenchmarkSign(b *testing.B) {
	s, c := signer(b, keys(b, newSecret), eventID), someCode(b)
	for b.Loop() {
		s.Sign(c)
	}
}

func BenchmarkSigner(b *testing.B) {
	k := keys(b, newSecret)
	for b.Loop() {
		if _, err := k.Signer(eventID); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	k := keys(b, newSecret, oldSecret)
	v, text := verifier(b, k, eventID), signer(b, k, eventID).Sign(someCode(b))
	for b.Loop() {
		if _, err := v.Verify(text); err != nil {
			b.Fatal(err)
		}
	}
}
