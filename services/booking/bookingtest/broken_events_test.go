package bookingtest_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

func TestCancelledEventsSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	broken := func(name, caughtBy string, record func(*sqlite.Store, context.Context, string, booking.CancelledEvent) error) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			bookingtest.TestCancelledEvents(t, func(t *testing.T) bookingtest.StoreUnderTest {
				s := good(t)
				return bookingtest.StoreUnderTest{
					Store: s, Outbox: s.Outbox(), Inbox: s.Inbox(), AuditLog: s, CancelledEvents: records{s, record},
				}
			})
		}, caughtBy)
	}
	broken("records_later", "once_it_has_returned_nothing_is_confirmed_any_more",
		func(s *sqlite.Store, ctx context.Context, id string, e booking.CancelledEvent) error {
			go func() { _ = s.RecordCancelled(context.WithoutCancel(ctx), id, e) }()
			return nil
		})
	broken("forgets_the_event", "the_event_and_the_message_are_recorded_together",
		func(s *sqlite.Store, ctx context.Context, id string, e booking.CancelledEvent) error {
			e.EventID = "another"
			return s.RecordCancelled(ctx, id, e)
		})
	broken("forgets_the_message", "a_message_heard_before_changes_nothing",
		func(s *sqlite.Store, ctx context.Context, id string, e booking.CancelledEvent) error {
			return s.RecordCancelled(ctx, id+e.EventID, e)
		})
	broken("leaves_pending_bookings_waiting", "pending_bookings_of_the_event_that_nobody_drives_are_due_at_once",
		func(s *sqlite.Store, ctx context.Context, id string, e booking.CancelledEvent) error {
			e.RecordedAt = e.RecordedAt.Add(24 * time.Hour) // later than they are due
			return s.RecordCancelled(ctx, id, e)
		})
}

type records struct {
	*sqlite.Store
	record func(*sqlite.Store, context.Context, string, booking.CancelledEvent) error
}

func (r records) RecordCancelled(ctx context.Context, id string, e booking.CancelledEvent) error {
	return r.record(r.Store, ctx, id, e)
}

func TestAuditLogSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	broken := func(name, caughtBy string, spoil func(q *booking.AuditQuery, entries []booking.AuditEntry)) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			bookingtest.TestAuditLog(t, func(t *testing.T) bookingtest.StoreUnderTest {
				s := good(t)
				return bookingtest.StoreUnderTest{
					Store: s, Outbox: s.Outbox(), Inbox: s.Inbox(), AuditLog: spoilsAudit{s, spoil}, CancelledEvents: s,
				}
			})
		}, caughtBy)
	}
	broken("lists_the_oldest_first", "entries_are_newest_first",
		func(_ *booking.AuditQuery, entries []booking.AuditEntry) { slices.Reverse(entries) })
	broken("lists_everything", "the_entries_of_one_booking_or_one_event_are_theirs_alone",
		func(q *booking.AuditQuery, _ []booking.AuditEntry) { q.EventID = "" })
	broken("repeats_the_last", "pages_neither_repeat_nor_skip_while_entries_are_added",
		func(q *booking.AuditQuery, _ []booking.AuditEntry) {
			if q.Before > booking.AuditRowSteps {
				q.Before++
			}
		})
	broken("forgets_the_rest_of_a_change", "a_page_may_end_between_two_steps_of_one_change",
		func(q *booking.AuditQuery, _ []booking.AuditEntry) { q.Before -= q.Before % booking.AuditRowSteps })
}

type spoilsAudit struct {
	*sqlite.Store
	spoil func(*booking.AuditQuery, []booking.AuditEntry)
}

func (s spoilsAudit) Audit(ctx context.Context, q booking.AuditQuery) ([]booking.AuditEntry, error) {
	s.spoil(&q, nil)
	entries, err := s.Store.Audit(ctx, q)
	s.spoil(&booking.AuditQuery{}, entries)
	return entries, err
}

func TestRecordsSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	broken := func(name, caughtBy string, spoil func(*sqlite.Store) booking.Records) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			bookingtest.TestRecords(t, func(t *testing.T) bookingtest.StoreUnderTest {
				s, path := goodAt(t)
				return bookingtest.StoreUnderTest{Store: s, Records: spoil(s), Spoil: spoilAt(path)}
			})
		}, caughtBy)
	}
	broken("reads_timelines", "bookings_come_in_the_order_they_were_made_without_their_timelines", func(s *sqlite.Store) booking.Records { return readsTimelines{s} })
	broken("skips_one", "bookings_added_meanwhile_hide_none", func(s *sqlite.Store) booking.Records { return skipsOne{s} })
	broken("stops_at_an_unreadable_booking", "an_unreadable_booking_hides_no_other", func(s *sqlite.Store) booking.Records { return stopsAtUnreadable{s} })
	broken("stops_at_an_unreadable_report", "an_unreadable_report_hides_no_other", func(s *sqlite.Store) booking.Records { return stopsAtReport{s} })
	broken("keeps_the_first_report", "a_report_with_the_same_id_is_replaced", func(s *sqlite.Store) booking.Records { return keepsFirst{s} })
}

type readsTimelines struct{ *sqlite.Store }

func (s readsTimelines) BookingsAfter(ctx context.Context, id string, limit int) ([]booking.Booking, error) {
	page, err := s.Store.BookingsAfter(ctx, id, limit)
	for i := range page {
		whole, getErr := s.Get(ctx, page[i].ID)
		page[i], err = whole, errors.Join(err, getErr)
	}
	return page, err
}

type skipsOne struct{ *sqlite.Store }

func (s skipsOne) BookingsAfter(ctx context.Context, id string, limit int) ([]booking.Booking, error) {
	page, err := s.Store.BookingsAfter(ctx, id, limit+1)
	if len(page) > limit {
		page = append(page[:limit-1], page[limit])
	}
	return page, err
}

type stopsAtUnreadable struct{ *sqlite.Store }

func (s stopsAtUnreadable) BookingsAfter(ctx context.Context, id string, limit int) ([]booking.Booking, error) {
	page, err := s.Store.BookingsAfter(ctx, id, limit)
	for _, b := range page {
		err = errors.Join(err, b.Unreadable)
	}
	return page, err
}

type stopsAtReport struct{ *sqlite.Store }

func (s stopsAtReport) Reports(ctx context.Context, before string, limit int) ([]booking.Report, error) {
	page, err := s.Store.Reports(ctx, before, limit)
	for _, r := range page {
		if r.StartedAt.IsZero() {
			return nil, errors.New("it cannot be read")
		}
	}
	return page, err
}

type keepsFirst struct{ *sqlite.Store }

func (s keepsFirst) SaveReport(ctx context.Context, r booking.Report) error {
	have, err := s.Reports(ctx, "", 100)
	if slices.ContainsFunc(have, func(h booking.Report) bool { return h.ID == r.ID }) {
		return err
	}
	return s.Store.SaveReport(ctx, r)
}
