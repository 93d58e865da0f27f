package bookingtest_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

func TestMemoryCatalogPassesTheSuites(t *testing.T) {
	t.Parallel()
	open := func(*testing.T) bookingtest.HoldingsUnderTest {
		c := bookingtest.NewMemoryCatalog()
		return bookingtest.HoldingsUnderTest{
			CatalogUnderTest: bookingtest.CatalogUnderTest{Catalog: c, NewEvent: c.NewEvent, CloseSales: c.CloseSales, PutOffSales: c.PutOffSales, LimitBookings: c.LimitBookings}, Holdings: c,
		}
	}
	bookingtest.TestCatalog(t, func(t *testing.T) bookingtest.CatalogUnderTest { return open(t).CatalogUnderTest })
	bookingtest.TestHoldings(t, open)
}

func TestMemoryPaymentsPassTheSuite(t *testing.T) {
	t.Parallel()
	bookingtest.TestPayments(t, func(*testing.T) bookingtest.PaymentsUnderTest {
		p := bookingtest.NewMemoryPayments()
		return bookingtest.PaymentsUnderTest{
			Payments: p, Statements: p,
			Good: bookingtest.Good, Declined: bookingtest.Declined, Timeout: bookingtest.Timeout, Action: bookingtest.Acts,
			Act: p.ActOn, Forget: func() {},
			Ledger: func(id string) (captured, refunded int64) {
				captured, refunded, _ = p.Ledger(id)
				return captured, refunded
			},
		}
	})
}
