package usertest_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/user"
	"github.com/openboxoffice/boxoffice/services/user/usertest"
)

func TestQuickHasherPassesTheSuite(t *testing.T) {
	t.Parallel()
	usertest.TestHasher(t, func(*testing.T) user.Hasher { return usertest.QuickHasher{} })
}
