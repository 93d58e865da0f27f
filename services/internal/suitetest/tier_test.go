package suitetest_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

func TestAmountGoesByTheTier(t *testing.T) { //nolint:paralleltest // it sets the environment
	for env, want := range map[string]int{"": 10, "0": 10, "1": 500} {
		t.Setenv("TEST_LONG", env)
		if testing.Short() && want == 10 {
			want = 2
		}
		if got := suitetest.Amount(10, 500); got != want {
			t.Errorf("TEST_LONG=%q: %d, want %d", env, got, want)
		}
	}
}
