package bookingtest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

func TestStuckBookingsSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	broken := func(name, caughtBy string, spoil func(*sqlite.Store) booking.StuckBookings) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			bookingtest.TestStuckBookings(t, func(t *testing.T) bookingtest.StoreUnderTest {
				s := good(t)
				return bookingtest.StoreUnderTest{Store: s, StuckBookings: spoil(s)}
			})
		}, caughtBy)
	}
	broken("sets_aside_for_no_time", "a_booking_set_aside_is_not_claimed_before_its_time", func(s *sqlite.Store) booking.StuckBookings { return noTime{s} })
	broken("loses_the_error", "a_booking_set_aside_is_listed_with_its_error", func(s *sqlite.Store) booking.StuckBookings { return losesError{s} })
	broken("lists_for_ever", "a_booking_is_listed_until_somebody_has_changed_it", func(s *sqlite.Store) booking.StuckBookings { return &listsForEver{Store: s} })
	broken("ignores_the_lease", "by_another_lease_nothing_is_set_aside", func(s *sqlite.Store) booking.StuckBookings { return setsAnyAside{s} })
	broken("sets_aside_again", "who_does_not_drive_a_booking_sets_it_aside_once", func(s *sqlite.Store) booking.StuckBookings { return setsAsideAgain{s} })
	broken("repeats_pages", "pages_go_by_the_ids", func(s *sqlite.Store) booking.StuckBookings { return firstPageOnly{s} })
	broken("never_retries", "a_retry_makes_a_booking_due", func(s *sqlite.Store) booking.StuckBookings { return neverRetries{s} })
	broken("takes_the_lease", "a_retry_leaves_the_lease_of_a_driven_booking", func(s *sqlite.Store) booking.StuckBookings { return takesLease{s} })
	broken("retries_anything", "a_retry_of_a_booking_that_is_not_set_aside_finds_none", func(s *sqlite.Store) booking.StuckBookings { return retriesAnything{s} })
}

type noTime struct{ *sqlite.Store }

func (s noTime) SetAside(ctx context.Context, id, lease string, stuck booking.Stuck) error {
	stuck.RetryAt = stuck.Since
	return s.Store.SetAside(ctx, id, lease, stuck)
}

type losesError struct{ *sqlite.Store }

func (s losesError) SetAside(ctx context.Context, id, lease string, stuck booking.Stuck) error {
	stuck.Error = "panic"
	return s.Store.SetAside(ctx, id, lease, stuck)
}

type listsForEver struct {
	*sqlite.Store
	listed []booking.StuckBooking
}

func (s *listsForEver) Stuck(ctx context.Context, after string, limit int) ([]booking.StuckBooking, error) {
	page, err := s.Store.Stuck(ctx, after, limit)
	if len(page) > 0 {
		s.listed = page
	}
	return s.listed, err
}

type setsAsideAgain struct{ *sqlite.Store }

func (s setsAsideAgain) SetAside(ctx context.Context, id, lease string, stuck booking.Stuck) error {
	err := s.Store.SetAside(ctx, id, lease, stuck)
	if !errors.Is(err, booking.ErrLeaseLost) || lease != "" {
		return err
	}
	claimed, err := s.Claim(ctx, stuck.Since.Add(time.Hour), booking.Lease{Token: "t", Until: stuck.RetryAt}, 1)
	if err != nil || len(claimed) == 0 {
		return errors.Join(err, booking.ErrLeaseLost)
	}
	return s.Store.SetAside(ctx, id, "t", stuck)
}

type setsAnyAside struct{ *sqlite.Store }

func (s setsAnyAside) SetAside(ctx context.Context, id, _ string, stuck booking.Stuck) error {
	b, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	return s.Store.SetAside(ctx, id, b.Lease.Token, stuck)
}

type firstPageOnly struct{ *sqlite.Store }

func (s firstPageOnly) Stuck(ctx context.Context, _ string, limit int) ([]booking.StuckBooking, error) {
	return s.Store.Stuck(ctx, "", limit)
}

type neverRetries struct{ *sqlite.Store }

func (neverRetries) RetryStuck(context.Context, string, time.Time) error { return nil }

type takesLease struct{ *sqlite.Store }

func (s takesLease) RetryStuck(ctx context.Context, id string, now time.Time) error {
	b, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	return s.SetAside(ctx, id, b.Lease.Token, booking.Stuck{Since: now, RetryAt: now})
}

type retriesAnything struct{ *sqlite.Store }

func (s retriesAnything) RetryStuck(ctx context.Context, id string, now time.Time) error {
	_ = s.Store.RetryStuck(ctx, id, now)
	return nil
}
