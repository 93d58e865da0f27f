package dapr

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// A publisher seals what it publishes with a secret that only it and its
// consumers have: an HMAC-SHA-256 of the topic and of the envelope's bytes, as the
// envelope's last attribute. So no message has an effect that another has sent,
// by whatever way it comes: RabbitMQ, or the sidecar's door for other sidecars,
// which asks for no credential where there is no mTLS, and shows the app token
// for whoever calls.

// sealed is what stands before the seal, in hexadecimal, and closed after it.
const (
	sealed = `,"hmac":"`
	closed = `"}`
)

// Seal returns the envelope, a JSON object without space after it, with the seal
// of who publishes to topic.
func Seal(topic, secret string, envelope []byte) []byte {
	end := len(envelope) - 1
	return slices.Concat(envelope[:end], []byte(sealed), mac(topic, secret, envelope), []byte(closed))
}

// unseal returns the envelope that was sealed, and reports whether it was.
func unseal(topic, secret string, b []byte) (envelope []byte, ok bool) {
	end := len(b) - len(closed)
	at := end - 2*sha256.Size
	from := at - len(sealed)
	if from < 0 || string(b[from:at]) != sealed || string(b[end:]) != closed {
		return nil, false
	}
	envelope = append(slices.Clone(b[:from]), '}')
	return envelope, hmac.Equal(b[at:end], mac(topic, secret, envelope))
}

func mac(topic, secret string, envelope []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(topic + "\n"))
	h.Write(envelope)
	return hex.AppendEncode(nil, h.Sum(nil))
}
