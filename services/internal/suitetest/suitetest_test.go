package suitetest_test

import (
	"os"
	"os/exec"
	"strings"
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

// caseEnv names the case that a process of this test is about.
const caseEnv = "SUITETEST_CASE"

func TestMustFailTakesNothingElseForACatch(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		b    func(t *testing.T)
		said string
	}{
		"passes": {func(*testing.T) {}, "the suite passes on the broken adapter"},
		"panics": {func(*testing.T) { panic("a nil pointer, say") }, "panics, which is no catch"},
	} {
		if of := os.Getenv(caseEnv); of != "" {
			if of == name {
				suitetest.MustFail(t, name, func(t *testing.T) {
					t.Run("a", func(t *testing.T) { t.Error("nobody asks for a") })
					t.Run("b", c.b)
				}, "b")
			}
			continue
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), caseEnv+"="+name)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.said) {
			t.Errorf("%s: %v, and it does not say %q:\n%s", name, err, c.said, out)
		}
	}
}
