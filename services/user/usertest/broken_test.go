package usertest_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/user/adapter/sqlite"
)

// broken is one way to get an adapter wrong, and the promise that it breaks.
type broken[P any] struct {
	name     string
	spoil    func(P) P
	caughtBy string
}

func mustCatch[P any](t *testing.T, good func(t *testing.T) P, suite func(*testing.T, func(*testing.T) P), cases []broken[P]) {
	t.Helper()
	for _, b := range cases {
		suitetest.MustFail(t, b.name, func(t *testing.T) {
			suite(t, func(t *testing.T) P { return b.spoil(good(t)) })
		}, strings.ReplaceAll(b.caughtBy, " ", "_"))
	}
}

func store(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "user.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
