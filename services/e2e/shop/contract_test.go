package shop

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/web/webtest"
)

// Web's adapter keeps the promises of its ports on the real platform. The tests stand
// here because nobody else may see all of it.

// contract runs a suite on a platform of its own.
func contract(t *testing.T, suite func(t *testing.T, open func(t *testing.T) webtest.World)) {
	t.Helper()
	p := start(t)
	suite(t, func(*testing.T) webtest.World { return p.world(p.ports) })
}

func TestCatalogContract(t *testing.T) {
	t.Parallel()
	contract(t, webtest.TestCatalog)
}

func TestCheckoutsContract(t *testing.T) {
	t.Parallel()
	contract(t, webtest.TestCheckouts)
}

func TestBookingsContract(t *testing.T) {
	t.Parallel()
	contract(t, webtest.TestBookings)
}

func TestLinksContract(t *testing.T) {
	t.Parallel()
	contract(t, webtest.TestLinks)
}

func TestSignInsContract(t *testing.T) {
	t.Parallel()
	contract(t, webtest.TestSignIns)
}

func TestAccountsContract(t *testing.T) {
	t.Parallel()
	contract(t, webtest.TestAccounts)
}

func TestProofsContract(t *testing.T) {
	t.Parallel()
	contract(t, webtest.TestProofs)
}
