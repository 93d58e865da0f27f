package bookingtest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// catalog is a good adapter to spoil.
type catalog struct {
	*bookingtest.MemoryCatalog
	mu   sync.Mutex
	seen map[string]int
	more map[string]int // tickets of the first type that an event gained

	answer  func(ctx context.Context, eventID string) (booking.Availability, error)
	reserve func(context.Context, booking.Reservation) (booking.Reserved, error)
	release func(ctx context.Context, eventID, bookingID string, attempt int) error
	back    func(context.Context, booking.Return) error
}

func newCatalog() *catalog {
	good := bookingtest.NewMemoryCatalog()
	return &catalog{
		MemoryCatalog: good, seen: map[string]int{}, more: map[string]int{},
		answer: good.Availability, reserve: good.Reserve, release: good.Release, back: good.Return,
	}
}

func (c *catalog) Availability(ctx context.Context, eventID string) (booking.Availability, error) {
	a, err := c.answer(ctx, eventID)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		a.Types[0].Available += c.more[eventID]
	}
	return a, err
}

func (c *catalog) Reserve(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
	return c.reserve(ctx, r)
}

func (c *catalog) Release(ctx context.Context, eventID, bookingID string, attempt int) error {
	return c.release(ctx, eventID, bookingID, attempt)
}

func (c *catalog) Return(ctx context.Context, r booking.Return) error { return c.back(ctx, r) }

func (c *catalog) gain(eventID string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.more[eventID] += n
}

// anew reserves as if this were another booking.
func (c *catalog) anew(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
	c.mu.Lock()
	c.seen[r.BookingID]++
	r.BookingID += string(rune('a' + c.seen[r.BookingID]))
	c.mu.Unlock()
	return c.MemoryCatalog.Reserve(ctx, r)
}

// TestCatalogSuiteCatchesBrokenAdapters: a suite that passes on one of these
// is worthless.
func TestCatalogSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	broken := func(name, caughtBy string, spoil func(c *catalog)) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			bookingtest.TestCatalog(t, func(*testing.T) bookingtest.CatalogUnderTest {
				c := newCatalog()
				spoil(c)
				return bookingtest.CatalogUnderTest{Catalog: c, NewEvent: c.NewEvent, CloseSales: c.CloseSales, PutOffSales: c.PutOffSales, LimitBookings: c.LimitBookings}
			})
		}, caughtBy)
	}
	broken("answers_with_what_it_knew_a_moment_ago", "availability_is_never_of_before_it_was_asked", func(c *catalog) {
		var mu sync.Mutex
		known, since := map[string]booking.Availability{}, time.Time{}
		c.answer = func(ctx context.Context, eventID string) (booking.Availability, error) {
			mu.Lock()
			defer mu.Unlock()
			a, ok := known[eventID]
			if !ok || time.Since(since) > 50*time.Millisecond {
				var err error
				if a, err = c.MemoryCatalog.Availability(ctx, eventID); err != nil {
					return a, err
				}
				known[eventID], since = a, time.Now()
			}
			a.Types = slices.Clone(a.Types) // of which gain is added
			return a, nil
		}
	})
	broken("oversells_by_check_then_act", "32_buyers_race_for_the_last_ticket", func(c *catalog) {
		c.reserve = func(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
			a, err := c.Availability(ctx, r.EventID)
			if err == nil && a.Types[0].Available >= r.Items[0].Quantity {
				if a.Types[0].Available == r.Items[0].Quantity {
					others.Wait()
				}
				reserved, err := c.MemoryCatalog.Reserve(ctx, r)
				if errors.Is(err, booking.ErrSoldOut) {
					c.gain(r.EventID, -1)
					return reserved, nil
				}
				return reserved, err
			}
			return c.MemoryCatalog.Reserve(ctx, r)
		}
	})
	broken("forgets_that_it_reserved", "a_repeat_gives_the_same_answer_whatever_has_become_of_the_event", func(c *catalog) {
		c.reserve = c.anew
	})
	broken("reserves_again_in_a_race", "32_racing_repeats_hold_once", func(c *catalog) { c.reserve = c.anew })
	broken("asks_the_event_before_the_reservation", "a_repeat_gives_the_same_answer_whatever_has_become_of_the_event", func(c *catalog) {
		c.reserve = func(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
			if a, err := c.Availability(ctx, r.EventID); err == nil && a.Types[0].Available == 0 {
				return booking.Reserved{}, booking.ErrSoldOut
			}
			return c.MemoryCatalog.Reserve(ctx, r)
		}
	})
	broken("reserves_a_part", "a_reservation_holds_all_or_nothing", func(c *catalog) {
		c.reserve = func(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
			reserved, err := c.MemoryCatalog.Reserve(ctx, r)
			if errors.Is(err, booking.ErrSoldOut) {
				r.Items = r.Items[:1]
				_, _ = c.MemoryCatalog.Reserve(ctx, r)
			}
			return reserved, err
		}
	})
	broken("forgets_its_tombstones", "a_release_needs_no_reservation_and_refuses_a_late_one", func(c *catalog) {
		c.reserve = func(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
			reserved, err := c.MemoryCatalog.Reserve(ctx, r)
			if errors.Is(err, booking.ErrReservationReleased) {
				return c.anew(ctx, r)
			}
			return reserved, err
		}
	})
	givesBackTwice := func(c *catalog) {
		c.release = func(ctx context.Context, eventID, bookingID string, attempt int) error {
			c.mu.Lock()
			c.seen[bookingID]++
			again := c.seen[bookingID] > 1
			c.mu.Unlock()
			if again {
				c.gain(eventID, 1)
			}
			return c.MemoryCatalog.Release(ctx, eventID, bookingID, attempt)
		}
	}
	broken("gives_back_twice", "a_release_gives_back_once", givesBackTwice)
	broken("gives_back_twice_in_a_race", "32_racing_releases_give_back_once", givesBackTwice)
	broken("releases_every_attempt", "a_release_covers_the_attempts_up_to_its_own", func(c *catalog) {
		c.release = func(ctx context.Context, eventID, bookingID string, _ int) error {
			return c.MemoryCatalog.Release(ctx, eventID, bookingID, 100)
		}
	})
	broken("knows_every_event", "what_is_not_there_is_not_found", func(c *catalog) {
		c.release = func(ctx context.Context, eventID, bookingID string, attempt int) error {
			if err := c.MemoryCatalog.Release(ctx, eventID, bookingID, attempt); !errors.Is(err, booking.ErrEventNotFound) {
				return err
			}
			return nil
		}
	})
	returnsTwice := func(c *catalog) {
		c.back = func(ctx context.Context, r booking.Return) error {
			r.CancellationID = uuid.NewString()
			return c.MemoryCatalog.Return(ctx, r)
		}
	}
	broken("returns_twice", "a_return_gives_back_once_for_its_cancellation", returnsTwice)
	broken("returns_twice_in_a_race", "32_racing_returns_give_back_once", returnsTwice)
	broken("returns_what_is_released", "a_release_gives_back_what_returns_have_left", func(c *catalog) {
		c.back = func(ctx context.Context, r booking.Return) error {
			err := c.MemoryCatalog.Return(ctx, r)
			if err == nil && r.Items[0].Quantity == 3 {
				c.gain(r.EventID, 3)
			}
			return err
		}
	})
	broken("returns_more_than_is_left", "a_return_of_more_than_is_left_is_refused", func(c *catalog) {
		c.back = func(ctx context.Context, r booking.Return) error {
			err := c.MemoryCatalog.Return(ctx, r)
			if errors.Is(err, booking.ErrReturnRefused) {
				c.gain(r.EventID, r.Items[0].Quantity)
				return nil
			}
			return err
		}
	})
	broken("releases_on_return", "a_return_gives_some_tickets_back_and_keeps_the_rest", func(c *catalog) {
		c.back = func(ctx context.Context, r booking.Return) error {
			return c.MemoryCatalog.Release(ctx, r.EventID, r.BookingID, r.Attempt)
		}
	})
	broken("answers_in_its_own_order", "a_reservation_holds_what_it_asks_for_at_the_price_of_now", func(c *catalog) {
		c.reserve = func(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
			reserved, err := c.MemoryCatalog.Reserve(ctx, r)
			if n := len(reserved.Items); n > 1 {
				reserved.Items = append([]events.Item{reserved.Items[n-1]}, reserved.Items[:n-1]...)
			}
			return reserved, err
		}
	})
	broken("ignores_that_sales_are_closed", "when_sales_are_closed_nothing_is_held", func(c *catalog) {
		c.reserve = func(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
			reserved, err := c.MemoryCatalog.Reserve(ctx, r)
			if errors.Is(err, booking.ErrSalesClosed) {
				return booking.Reserved{}, nil
			}
			return reserved, err
		}
	})
	broken("sells_before_the_sale_begins", "before_the_sale_begins_nothing_is_held", func(c *catalog) {
		c.reserve = func(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
			reserved, err := c.MemoryCatalog.Reserve(ctx, r)
			if errors.Is(err, booking.ErrNotOnSaleYet) {
				return booking.Reserved{}, nil
			}
			return reserved, err
		}
	})
	broken("ignores_the_limit_of_a_booking", "a_booking_holds_no_more_than_the_event_sells_to_one", func(c *catalog) {
		c.reserve = func(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
			reserved, err := c.MemoryCatalog.Reserve(ctx, r)
			if errors.Is(err, booking.ErrTooManyForBooking) {
				return booking.Reserved{}, nil
			}
			return reserved, err
		}
	})
	broken("takes_no_answer_for_sold_out", "a_cancelled_context_changes_nothing", func(c *catalog) {
		c.reserve = func(ctx context.Context, r booking.Reservation) (booking.Reserved, error) {
			reserved, err := c.MemoryCatalog.Reserve(ctx, r)
			if errors.Is(err, booking.ErrOutcomeUnknown) {
				err = booking.ErrSoldOut
			}
			return reserved, err
		}
	})
}
