package argon2_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/adapter/argon2"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

func TestHasherContract(t *testing.T) {
	t.Parallel()
	usertest.TestHasher(t, func(*testing.T) user.Hasher { return argon2.New() })
}

func TestHashIsArgon2idAt19MiB(t *testing.T) {
	t.Parallel()
	hash, err := argon2.New().Hash(t.Context(), "a sparrow in the organ")
	if err != nil {
		t.Fatal(err)
	}
	if want := "$argon2id$v=19$m=19456,t=2,p=1$"; !strings.HasPrefix(hash, want) {
		t.Errorf("%q does not begin with %q", hash, want)
	}
}

// A hash of the reference implementation, so that this one is argon2id and not
// something that agrees with itself alone:
// printf password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32 -e
func TestKnowsTheReference(t *testing.T) {
	t.Parallel()
	const hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, err := argon2.New().Matches(t.Context(), hash, "password")
	if err != nil || !ok {
		t.Errorf("%t, %v", ok, err)
	}
}

// With every slot taken, who waits longer than it can is let go.
func TestWaitsForASlotAsLongAsTheContextLasts(t *testing.T) {
	t.Parallel()
	h := argon2.New()
	release := argon2.TakeAllSlots(h)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := h.Hash(ctx, "a sparrow in the organ"); ctx.Err() == nil || err == nil {
		t.Errorf("a hash without a slot: %v", err)
	}
	release()
	if _, err := h.Hash(t.Context(), "a sparrow in the organ"); err != nil {
		t.Error(err)
	}
}
