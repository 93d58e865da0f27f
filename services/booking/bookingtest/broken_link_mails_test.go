package bookingtest_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

type decide = func(booking.LinkRequest, []booking.Booking, int) (*booking.LinkMail, events.Message, error)

// spoiledLinks is a good adapter with spoiled parts.
type spoiledLinks struct {
	sqlite.LinkMails
	request func(context.Context, booking.LinkRequest, booking.Span, int) error
	workOff func(context.Context, booking.Span, int, decide) (int, error)
	get     func(context.Context, string) (booking.LinkMail, []booking.Booking, error)
	prune   func(context.Context, time.Time) error
}

func (s *spoiledLinks) Request(ctx context.Context, r booking.LinkRequest, within booking.Span, most int) error {
	return s.request(ctx, r, within, most)
}

func (s *spoiledLinks) WorkOff(ctx context.Context, within booking.Span, limit int, d decide) (int, error) {
	return s.workOff(ctx, within, limit, d)
}

func (s *spoiledLinks) Get(ctx context.Context, id string) (booking.LinkMail, []booking.Booking, error) {
	return s.get(ctx, id)
}

func (s *spoiledLinks) Prune(ctx context.Context, now time.Time) error { return s.prune(ctx, now) }

// TestLinkMailsSuiteCatchesBrokenAdapters: a suite that passes on one of these is
// worthless.
func TestLinkMailsSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	broken := func(name, caughtBy string, spoil func(s *spoiledLinks)) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			bookingtest.TestLinkMails(t, func(t *testing.T) bookingtest.LinkMailsUnderTest {
				store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "booking.db"))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = store.Close() })
				l := store.LinkMails()
				s := &spoiledLinks{l, l.Request, l.WorkOff, l.Get, l.Prune}
				spoil(s)
				return bookingtest.LinkMailsUnderTest{
					StoreUnderTest: bookingtest.StoreUnderTest{Store: store, Outbox: store.Outbox(), Spoil: func(*testing.T, string) {}}, LinkMails: s,
				}
			})
		}, caughtBy)
	}
	broken("stores_every_request", "of_one_client_only_the_first_so_many_are_stored", func(s *spoiledLinks) {
		s.request = func(ctx context.Context, r booking.LinkRequest, within booking.Span, _ int) error {
			return s.LinkMails.Request(ctx, r, within, 1000)
		}
	})
	broken("refuses_loudly", "of_one_client_only_the_first_so_many_are_stored", func(s *spoiledLinks) {
		calls := map[string]int{}
		s.request = func(ctx context.Context, r booking.LinkRequest, within booking.Span, most int) error {
			if calls[r.Client]++; calls[r.Client] > most {
				return errors.New("too many")
			}
			return s.LinkMails.Request(ctx, r, within, most)
		}
	})
	broken("forgets_the_trace", "a_request_is_worked_off_as_it_was_made", func(s *spoiledLinks) {
		s.request = func(ctx context.Context, r booking.LinkRequest, within booking.Span, most int) error {
			r.TraceParent = ""
			return s.LinkMails.Request(ctx, r, within, most)
		}
	})
	withFound := func(change func([]booking.Booking) []booking.Booking) func(s *spoiledLinks) {
		return func(s *spoiledLinks) {
			s.workOff = func(ctx context.Context, within booking.Span, limit int, d decide) (int, error) {
				return s.LinkMails.WorkOff(ctx, within, limit, func(r booking.LinkRequest, found []booking.Booking, recent int) (*booking.LinkMail, events.Message, error) {
					return d(r, change(found), recent)
				})
			}
		}
	}
	broken("finds_the_first_first", "found_are_the_last_that_were_made", withFound(func(found []booking.Booking) []booking.Booking {
		slices.Reverse(found)
		return found
	}))
	broken("finds_no_cancelled_bookings", "found_are_bookings_that_are_or_were_confirmed", withFound(func(found []booking.Booking) []booking.Booking {
		return slices.DeleteFunc(found, func(b booking.Booking) bool { return b.Status == booking.Cancelled })
	}))
	broken("hides_what_cannot_be_read", "a_booking_that_cannot_be_read_hides_no_other", withFound(func(found []booking.Booking) []booking.Booking { return found }))
	broken("tells_of_no_mails", "decide_is_told_how_many_mails_the_mailbox_was_sent", func(s *spoiledLinks) {
		s.workOff = func(ctx context.Context, within booking.Span, limit int, d decide) (int, error) {
			return s.LinkMails.WorkOff(ctx, within, limit, func(r booking.LinkRequest, found []booking.Booking, _ int) (*booking.LinkMail, events.Message, error) {
				return d(r, found, 0)
			})
		}
	})
	broken("tells_without_the_others", "of_many_at_once_each_is_decided_on_once_and_told_of_the_others", func(s *spoiledLinks) {
		s.workOff = func(ctx context.Context, within booking.Span, limit int, d decide) (int, error) {
			return s.LinkMails.WorkOff(ctx, within, limit, func(r booking.LinkRequest, found []booking.Booking, _ int) (*booking.LinkMail, events.Message, error) {
				return d(r, found, 0)
			})
		}
	})
	broken("stores_another_id", "mail_and_message_and_end_are_stored_together", func(s *spoiledLinks) {
		s.workOff = func(ctx context.Context, within booking.Span, limit int, d decide) (int, error) {
			return s.LinkMails.WorkOff(ctx, within, limit, func(r booking.LinkRequest, found []booking.Booking, recent int) (*booking.LinkMail, events.Message, error) {
				m, message, err := d(r, found, recent)
				if m != nil {
					message.ID = uuid.NewString()
				}
				return m, message, err
			})
		}
	})
	broken("swallows_errors", "after_an_error_of_decide_nothing_is_stored", func(s *spoiledLinks) {
		s.workOff = func(ctx context.Context, within booking.Span, limit int, d decide) (int, error) {
			return s.LinkMails.WorkOff(ctx, within, limit, func(r booking.LinkRequest, found []booking.Booking, recent int) (*booking.LinkMail, events.Message, error) {
				m, message, err := d(r, found, recent)
				if err != nil {
					m = nil
				}
				return m, message, nil
			})
		}
	})
	broken("knows_every_mail", "an_unknown_mail_is_ErrMailNotDue", func(s *spoiledLinks) {
		s.get = func(ctx context.Context, id string) (booking.LinkMail, []booking.Booking, error) {
			m, found, err := s.LinkMails.Get(ctx, id)
			if errors.Is(err, booking.ErrMailNotDue) {
				err = nil
			}
			return m, found, err
		}
	})
	broken("forgets_nothing", "what_counts_no_more_is_forgotten", func(s *spoiledLinks) {
		s.prune = func(context.Context, time.Time) error { return nil }
	})
	broken("forgets_what_waits", "requests_that_wait_stay", func(s *spoiledLinks) {
		s.prune = func(ctx context.Context, now time.Time) error {
			_, err := s.LinkMails.WorkOff(ctx, booking.Span{}, 100, func(booking.LinkRequest, []booking.Booking, int) (*booking.LinkMail, events.Message, error) {
				return nil, events.Message{}, nil
			})
			return errors.Join(err, s.LinkMails.Prune(ctx, now))
		}
	})
}
