package config

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
)

// minSecret is the least number of bytes of a secret.
const minSecret = 32

// insecure is how the secrets of .env.example begin.
const insecure = "insecure-"

// RefuseExample returns an error where secret, of this variable, is that of .env.example.
// It is for services that others can reach. The error tells no secret.
func RefuseExample(variable, secret string) error {
	if !strings.HasPrefix(secret, insecure) {
		return nil
	}
	return fmt.Errorf("%s is that of .env.example, which everybody can read: choose another before other machines can reach the services", variable)
}

// NewSecret returns a new secret, as Secrets takes it.
func NewSecret() string {
	secret := make([]byte, minSecret)
	_, _ = rand.Read(secret) // it never fails
	return base64.StdEncoding.EncodeToString(secret)
}

// Secrets returns the secrets in list, the value of variable (TICKET_KEY): each is at
// least 32 random bytes in base64. The first is the one in use. The others are retired:
// what was made with them is still accepted. A platform that others can reach is public,
// and refuses the secrets of .env.example. An error names the variable, and tells no
// secret.
func Secrets(variable string, list []string, public bool) ([][]byte, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("%s is not set", variable)
	}
	secrets := make([][]byte, len(list))
	for i, text := range list {
		secret, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		switch {
		case err != nil: // which may show a part of the secret
			return nil, fmt.Errorf("%s: secret %d of %d is not base64", variable, i+1, len(list))
		case len(secret) < minSecret:
			return nil, fmt.Errorf("%s: secret %d of %d has %d bytes, not at least %d", variable, i+1, len(list), len(secret), minSecret)
		case public && bytes.HasPrefix(secret, []byte(insecure)):
			return nil, RefuseExample(fmt.Sprintf("%s: secret %d of %d", variable, i+1, len(list)), string(secret))
		}
		secrets[i] = secret
	}
	return secrets, nil
}
