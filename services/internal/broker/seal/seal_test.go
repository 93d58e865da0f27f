package seal_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/broker/seal"
)

var (
	publishers = map[string]string{"bookings": "booking", "events": "event"}
	plain      = []byte(`{"specversion":"1.0","id":"m","source":"booking","type":"t","data":{}}`)
)

func TestOnlyThePublisherSeals(t *testing.T) {
	t.Parallel()
	services := authtest.New(t)
	opener := seal.Opener{Keys: services.Keys(), Publishers: publishers}
	booking := services.Own["booking"]
	good := seal.Seal("bookings", plain, booking)
	if envelope, ok := opener.Open("bookings", good); !ok || !bytes.Equal(envelope, plain) {
		t.Fatalf("a good seal: %t, of %s", ok, envelope)
	}
	if !bytes.HasPrefix(good, plain[:len(plain)-1]) {
		t.Errorf("the envelope is changed: %s", good)
	}
	const length = 86
	end := len(good) - len(`"}`)
	for name, b := range map[string][]byte{
		"nothing":                nil,
		"no seal":                plain,
		"an empty seal":          append(slices.Clone(plain[:len(plain)-1]), `,"signature":""}`...),
		"no more than a seal":    []byte(`,"signature":"` + strings.Repeat("0", length) + `"}`),
		"a consumer's own key":   seal.Seal("bookings", plain, services.Own["notification"]),
		"an unlisted key":        seal.Seal("bookings", plain, authtest.NewKey(t, "booking")),
		"another topic":          seal.Seal("events", plain, booking),
		"another signature":      slices.Concat(good[:end-length], []byte(strings.Repeat("A", length)), good[end:]),
		"another last character": slices.Concat(good[:end-1], []byte("_"), good[end:]),
		"another message":        bytes.Replace(good, []byte(`"id":"m"`), []byte(`"id":"n"`), 1),
		"more after it":          append(slices.Clone(good), ' '),
		"sealed by another, too": seal.Seal("bookings", good, services.Own["event"]),
		"a second seal":          slices.Concat(plain[:len(plain)-1], good[len(plain)-1:len(good)-1], good[len(plain)-1:]),
	} {
		if _, ok := opener.Open("bookings", b); ok {
			t.Errorf("%s: opened", name)
		}
	}
	if _, ok := opener.Open("elsewhere", seal.Seal("elsewhere", plain, booking)); ok {
		t.Error("a topic that nobody publishes: opened")
	}
}

// What lies in a broker while a key is replaced is good for as long as the old
// key is listed.
func TestAMessageOutlivesItsPublishersKey(t *testing.T) {
	t.Parallel()
	before, after := authtest.NewKey(t, "booking"), authtest.NewKey(t, "booking")
	old, fresh := seal.Seal("bookings", plain, before), seal.Seal("bookings", plain, after)
	for _, step := range []struct {
		listed     []string
		old, fresh bool
	}{
		{[]string{authtest.Public(t, before)}, true, false},
		{[]string{authtest.Public(t, before), authtest.Public(t, after)}, true, true},
		{[]string{authtest.Public(t, after)}, false, true},
	} {
		keys, err := auth.ParseServiceKeys(step.listed)
		if err != nil {
			t.Fatal(err)
		}
		opener := seal.Opener{Keys: keys, Publishers: publishers}
		if _, ok := opener.Open("bookings", old); ok != step.old {
			t.Errorf("%d keys: sealed by the old key: %t", len(step.listed), ok)
		}
		if _, ok := opener.Open("bookings", fresh); ok != step.fresh {
			t.Errorf("%d keys: sealed by the new key: %t", len(step.listed), ok)
		}
	}
}

// BenchmarkSeal is what a message costs its publisher, and each of its consumers.
func BenchmarkSeal(b *testing.B) {
	services := authtest.New(b)
	b.Run("seal", func(b *testing.B) {
		for b.Loop() {
			seal.Seal("bookings", plain, services.Own["booking"])
		}
	})
	b.Run("open", func(b *testing.B) {
		opener, sealed := seal.Opener{Keys: services.Keys(), Publishers: publishers}, seal.Seal("bookings", plain, services.Own["booking"])
		for b.Loop() {
			if _, ok := opener.Open("bookings", sealed); !ok {
				b.Fatal("not opened")
			}
		}
	})
}
