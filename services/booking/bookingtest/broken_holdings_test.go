package bookingtest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// holdings is a booking.Holdings that is one function.
type holdings func(ctx context.Context, after string, limit int) ([]booking.Holding, error)

func (f holdings) Holdings(ctx context.Context, after string, limit int) ([]booking.Holding, error) {
	return f(ctx, after, limit)
}

func TestHoldingsSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	broken := func(name, caughtBy string, spoil func(good *bookingtest.MemoryCatalog) holdings) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			bookingtest.TestHoldings(t, func(*testing.T) bookingtest.HoldingsUnderTest {
				c := bookingtest.NewMemoryCatalog()
				return bookingtest.HoldingsUnderTest{
					CatalogUnderTest: bookingtest.CatalogUnderTest{Catalog: c, NewEvent: c.NewEvent, CloseSales: c.CloseSales, PutOffSales: c.PutOffSales, LimitBookings: c.LimitBookings}, Holdings: spoil(c),
				}
			})
		}, caughtBy)
	}
	changes := func(change func(after string, limit int, page []booking.Holding, err error) ([]booking.Holding, error)) func(*bookingtest.MemoryCatalog) holdings {
		return func(good *bookingtest.MemoryCatalog) holdings {
			return func(ctx context.Context, after string, limit int) ([]booking.Holding, error) {
				page, err := good.Holdings(ctx, after, limit)
				return change(after, limit, page, err)
			}
		}
	}
	broken("answers_nil", "none_is_the_empty_slice", changes(
		func(_ string, _ int, page []booking.Holding, err error) ([]booking.Holding, error) {
			return append([]booking.Holding(nil), page...), err
		}))
	broken("splits_a_booking", "a_booking_is_never_split", changes(
		func(_ string, limit int, page []booking.Holding, err error) ([]booking.Holding, error) {
			return page[:min(limit, len(page))], err
		}))
	broken("ignores_what_came_back", "who_has_tickets_is_listed_with_what_is_left", changes(
		func(_ string, _ int, page []booking.Holding, err error) ([]booking.Holding, error) {
			for i := range page {
				page[i].Tickets = max(page[i].Tickets, 3)
			}
			return page, err
		}))
	broken("pays_no_heed_to_the_order", "a_booking_is_never_split", changes(
		func(_ string, _ int, page []booking.Holding, err error) ([]booking.Holding, error) {
			if len(page) > 1 {
				page[0], page[1] = page[1], page[0]
			}
			return page, err
		}))
	broken("skips_a_booking", "paging_neither_repeats_nor_skips", changes(
		func(after string, _ int, page []booking.Holding, err error) ([]booking.Holding, error) {
			if after != "" && len(page) > 0 {
				page = page[1:]
			}
			return page, err
		}))
	broken("takes_no_answer_for_the_end", "a_cancelled_context_leaves_the_outcome_unknown", changes(
		func(_ string, _ int, page []booking.Holding, err error) ([]booking.Holding, error) {
			if errors.Is(err, booking.ErrOutcomeUnknown) {
				return []booking.Holding{}, nil
			}
			return page, err
		}))
}
