package suitetest_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// Two run at a time.
func TestMustFailTakesAFailureForACatch(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one", "another"} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			t.Run("a", func(t *testing.T) { t.Parallel(); t.Error("nobody asks for a") })
			t.Run("b", func(t *testing.T) { t.Parallel(); t.Errorf("%s is broken", name) })
		}, "b")
	}
}
