// Package ticketcode is the code of a ticket: what its QR code holds, and what a door
// verifies without asking anybody. A code proves that the ticket was issued for the
// event. Whether the ticket is still valid, only the list of tickets says.
//
// A code is 80 bytes, written in Base45 (RFC 9285) as 120 characters, all of them of a
// QR code's alphanumeric mode:
//
//	bytes   what
//	0       the version of this layout, 1
//	1       the id of the key, see Keys
//	2–5     the event: the first bytes of the SHA-256 of its id, as text
//	6–13    the ticket: the last 8 bytes of its id, a UUID
//	14      the position of its ticket type in the event, from 1; 0 where it has none
//	15      the issue, from 1
//	16–79   the Ed25519 signature of bytes 0–15
package ticketcode

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Version is the version of the layout.
const Version = 1

const (
	signed = 16 // bytes that the signature is of
	size   = signed + ed25519.SignatureSize
	// Length is the number of characters of a code.
	Length = size / 2 * 3
)

// MinSecret is the least number of bytes of a secret.
const MinSecret = 32

// Why a door refuses a code. Of each code it is exactly one.
var (
	// ErrMalformed says that the text is not a code of this version.
	ErrMalformed = errors.New("not a ticket's code")
	// ErrOtherEvent is of a code for another event. Whether it is genuine, only that
	// event's keys tell.
	ErrOtherEvent = errors.New("a code of another event")
	// ErrUnknownKey is of a code that was signed with a key that the door does not
	// have: an invented one, or one that is newer than the door's list of keys.
	ErrUnknownKey = errors.New("a code of an unknown key")
	// ErrForged is of a code that nobody with the event's keys has signed.
	ErrForged = errors.New("a forged code")
)

// Tag is the part of a ticket's id that its code has: the last 8 bytes.
type Tag [8]byte

// TagOf returns the tag of a ticket's id, a UUID.
func TagOf(ticketID string) (tag Tag, err error) {
	id, err := parseUUID(ticketID)
	if err == nil {
		copy(tag[:], id[8:])
	}
	return tag, err
}

// Code is what a ticket's code says.
type Code struct {
	Ticket Tag
	// TicketType is the position of the ticket type in the event, from 1; 0 where the
	// event has it no more.
	TicketType uint8
	Issue      uint8 // from 1
}

// Keys are the secrets that all codes of a platform are signed with, of which each
// event has keys of its own. Only the first secret signs. The others are retired:
// what they signed still verifies.
//
// A key's id is a byte that is derived from its secret, so nobody has to assign
// ids. Two secrets may have one id: then both are tried.
type Keys struct {
	secrets [][]byte
	ids     []uint8
}

// NewKeys returns the keys of secrets, the one that signs first.
func NewKeys(secrets ...[]byte) (*Keys, error) {
	if len(secrets) == 0 {
		return nil, errors.New("there is no secret")
	}
	k := &Keys{secrets: secrets}
	for i, secret := range secrets {
		if len(secret) < MinSecret {
			return nil, fmt.Errorf("secret %d has %d bytes, not at least %d", i+1, len(secret), MinSecret)
		}
		id, err := derive(secret, "key id", 1)
		if err != nil {
			return nil, err
		}
		k.ids = append(k.ids, id[0])
	}
	return k, nil
}

func derive(secret []byte, purpose string, length int) ([]byte, error) {
	return hkdf.Key(sha256.New, secret, nil, "boxoffice ticketcode "+purpose, length)
}

// private returns the event's private key of a secret.
func private(secret []byte, eventID string) (ed25519.PrivateKey, error) {
	seed, err := derive(secret, "event "+eventID, ed25519.SeedSize)
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// Signer returns what signs the codes of the event's tickets. The event's id is a UUID,
// in lower case.
func (k *Keys) Signer(eventID string) (*Signer, error) {
	tag, err := tagOfEvent(eventID)
	if err != nil {
		return nil, err
	}
	key, err := private(k.secrets[0], eventID)
	if err != nil {
		return nil, err
	}
	return &Signer{head: [6]byte{Version, k.ids[0], tag[0], tag[1], tag[2], tag[3]}, key: key}, nil
}

// PublicKeys returns what verifies the codes of the event's tickets: the key that
// signs, then the retired ones.
func (k *Keys) PublicKeys(eventID string) ([]PublicKey, error) {
	if _, err := parseUUID(eventID); err != nil {
		return nil, err
	}
	public := make([]PublicKey, len(k.secrets))
	for i, secret := range k.secrets {
		key, err := private(secret, eventID)
		if err != nil {
			return nil, err
		}
		public[i] = PublicKey{ID: k.ids[i], Key: key.Public().(ed25519.PublicKey)}
	}
	return public, nil
}

// Signer signs the codes of one event. It is safe for concurrent use.
type Signer struct {
	head [6]byte
	key  ed25519.PrivateKey
}

// Sign returns the text of a code. It is the same for the same code.
func (s *Signer) Sign(c Code) string {
	b := make([]byte, 0, size)
	b = append(b, s.head[:]...)
	b = append(b, c.Ticket[:]...)
	b = append(b, c.TicketType, c.Issue)
	return encode(append(b, ed25519.Sign(s.key, b)...))
}

// PublicKey verifies codes of one event, and can make none.
type PublicKey struct {
	ID  uint8             `json:"id" doc:"The second byte of the codes that the key verifies"`
	Key ed25519.PublicKey `json:"key" doc:"Ed25519, 32 bytes in base64" example:"Tv0xSX8tUCAPV6hRiSUqcLLj2rAs3iFOPbWXqdQNUaI="`
}

// Verifier is a door's: it reads the codes of one event. It is safe for concurrent use.
type Verifier struct {
	tag  [4]byte
	keys map[uint8][]ed25519.PublicKey
}

// NewVerifier returns a verifier of the event's codes by its public keys.
func NewVerifier(eventID string, public []PublicKey) (*Verifier, error) {
	tag, err := tagOfEvent(eventID)
	if err != nil {
		return nil, err
	}
	v := &Verifier{tag: tag, keys: map[uint8][]ed25519.PublicKey{}}
	for _, p := range public {
		if len(p.Key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("the public key %d has %d bytes, not %d", p.ID, len(p.Key), ed25519.PublicKeySize)
		}
		v.keys[p.ID] = append(v.keys[p.ID], p.Key)
	}
	return v, nil
}

// Verify returns what the code in text says, or why it is refused: ErrMalformed,
// ErrOtherEvent, ErrUnknownKey or ErrForged. Text may be anything that a scanner reads,
// of any length.
func (v *Verifier) Verify(text string) (Code, error) {
	if len(text) != Length {
		return Code{}, ErrMalformed
	}
	b, err := decode(text)
	if err != nil || b[0] != Version {
		return Code{}, ErrMalformed
	}
	if [4]byte(b[2:6]) != v.tag {
		return Code{}, ErrOtherEvent
	}
	keys, known := v.keys[b[1]]
	if !known {
		return Code{}, ErrUnknownKey
	}
	for _, key := range keys {
		if ed25519.Verify(key, b[:signed], b[signed:]) {
			return Code{Ticket: Tag(b[6:14]), TicketType: b[14], Issue: b[15]}, nil
		}
	}
	return Code{}, ErrForged
}

func tagOfEvent(eventID string) (tag [4]byte, err error) {
	if _, err := parseUUID(eventID); err != nil {
		return tag, err
	}
	sum := sha256.Sum256([]byte(eventID))
	return [4]byte(sum[:]), nil
}

var errID = errors.New("not a UUID in lower case")

// parseUUID reads a UUID as all services write it. Another spelling of an event's id
// would be another event here.
func parseUUID(text string) (id [16]byte, err error) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' || strings.ToLower(text) != text {
		return id, errID
	}
	digits := text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
	if n, err := hex.Decode(id[:], []byte(digits)); err != nil || n != len(id) {
		return id, errID
	}
	return id, nil
}
