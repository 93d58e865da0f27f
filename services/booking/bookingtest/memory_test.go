package bookingtest_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

func TestMemoryCatalogPassesTheSuites(t *testing.T) {
	open := func(*testing.T) bookingtest.HoldingsUnderTest {
		c := bookingtest.NewMemoryCatalog()
		return bookingtest.HoldingsUnderTest{
			CatalogUnderTest: bookingtest.CatalogUnderTest{Catalog: c, NewEvent: c.NewEvent, CloseSales: c.CloseSales}, Holdings: c,
		}
	}
	bookingtest.TestCatalog(t, func(t *testing.T) bookingtest.CatalogUnderTest { return open(t).CatalogUnderTest })
	bookingtest.TestHoldings(t, open)
}
