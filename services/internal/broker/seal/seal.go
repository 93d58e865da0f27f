// Package seal binds a message between processes to its publisher: by the
// publisher's signature of the topic and of the envelope's bytes, as the
// envelope's last attribute. A consumer has the public key alone, with which it
// can verify a message and make none. Therefore no message has an effect that
// another than its publisher has sent, by whatever way it comes: RabbitMQ, a
// consumer's port, or the sidecar's door for other sidecars, which asks for no
// credential where there is no mTLS.
package seal

import (
	"crypto/ed25519"
	"encoding/base64"
	"slices"

	"github.com/openboxoffice/boxoffice/services/internal/auth"
)

// before and after stand around the signature in a sealed envelope.
const (
	before = `,"signature":"`
	after  = `"}`
)

// encoding is of one form alone: a sealed envelope has one spelling.
var encoding = base64.RawURLEncoding.Strict()

// Seal returns the envelope, a JSON object without space after it, sealed by the
// key of the service that publishes it to topic.
func Seal(topic string, envelope []byte, key *auth.ServiceKey) []byte {
	signature := encoding.EncodeToString(key.Sign(signed(topic, envelope)))
	return slices.Concat(envelope[:len(envelope)-1], []byte(before), []byte(signature), []byte(after))
}

// Opener opens what the publishers seal.
type Opener struct {
	// Keys are the public keys by which the publishers are known.
	Keys *auth.ServiceKeys
	// Publishers says which service publishes to a topic.
	Publishers map[string]string
}

// Open returns the envelope in b, and reports whether the publisher of topic has
// sealed it. Of what bears no seal it returns b.
func (o Opener) Open(topic string, b []byte) (envelope []byte, ok bool) {
	end := len(b) - len(after)
	at := end - encoding.EncodedLen(ed25519.SignatureSize)
	from := at - len(before)
	if from < 0 || string(b[from:at]) != before || string(b[end:]) != after {
		return b, false
	}
	signature, err := encoding.DecodeString(string(b[at:end]))
	if err != nil {
		return b, false
	}
	envelope = append(slices.Clone(b[:from]), '}')
	return envelope, o.Keys.Signed(o.Publishers[topic], signed(topic, envelope), signature)
}

func signed(topic string, envelope []byte) []byte {
	return slices.Concat([]byte(topic+"\n"), envelope)
}
