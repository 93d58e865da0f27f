// Package usertest is the contracts of the user service's ports: every adapter
// passes them, and each promise in ports.go has a subtest here.
package usertest

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/user"
)

// workers race for one thing.
const workers = 32

// at is when the tests take place: with microseconds, in no particular zone.
var at = time.Date(2031, 3, 30, 2, 30, 0, 123_456_000, time.FixedZone("", 2*3600))

type subtest[P any] struct {
	name string
	test func(t *testing.T, port P)
}

// run gives each subtest a port of its own.
func run[P any](t *testing.T, open func(t *testing.T) P, subtests []subtest[P]) {
	t.Helper()
	for _, s := range subtests {
		t.Run(s.name, func(t *testing.T) { s.test(t, open(t)) })
	}
}

func id() string { return uuid.Must(uuid.NewV7()).String() }

func newUser(email string) user.User {
	return user.User{
		ID: id(), Email: email, Name: "Zoë 周 \U0001F39F", Phone: "+4915112345678", PhoneVerifiedAt: at.Add(time.Microsecond), Locale: "de-AT", Role: identity.Organizer,
		PasswordHash: "a hash", PasswordVersion: 3, EmailVerifiedAt: at.Add(-time.Microsecond), CreatedAt: at, UpdatedAt: at.Add(time.Microsecond),
	}
}

func newKey(signsFrom time.Time) user.SigningKey {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err) // the system has no randomness
	}
	return user.SigningKey{ID: id(), Private: private, SignsFrom: signsFrom, CreatedAt: at}
}

func newToken(name string, expires time.Time) user.RefreshToken {
	return user.RefreshToken{Hash: user.HashToken(name), ExpiresAt: expires}
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// race runs f in as many goroutines as workers, at once, and returns how many
// had no error. The errors of the others must be want.
func race(t *testing.T, want error, f func(worker int) error) (won int) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, workers)
	start := make(chan struct{})
	for i := range workers {
		wg.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case want == nil || !errors.Is(err, want):
			t.Errorf("a worker that lost has the error %v, want %v", err, want)
		}
	}
	return won
}

// inUTC is the instant as a store gives it back.
func inUTC(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func diff(t *testing.T, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("stored and got differ (-want +got):\n%s", d)
	}
}

var long = strings.Repeat("長", 200)
