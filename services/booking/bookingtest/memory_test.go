package bookingtest_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

func TestMemoryCatalogPassesTheSuite(t *testing.T) {
	bookingtest.TestCatalog(t, func(*testing.T) bookingtest.CatalogUnderTest {
		c := bookingtest.NewMemoryCatalog()
		return bookingtest.CatalogUnderTest{Catalog: c, NewEvent: c.NewEvent, CloseSales: c.CloseSales}
	})
}
