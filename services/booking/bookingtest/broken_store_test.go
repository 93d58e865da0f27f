package bookingtest_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// good is an adapter to spoil.
func good(t *testing.T) *sqlite.Store {
	t.Helper()
	s, _ := goodAt(t)
	return s
}

func goodAt(t *testing.T) (s *sqlite.Store, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "booking.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, path
}

// spoilAt makes a booking or a report in the file at path unreadable.
func spoilAt(path string) func(t *testing.T, id string) {
	return func(t *testing.T, id string) {
		t.Helper()
		plantest.Fill(t, path, `UPDATE bookings SET items = '{' WHERE id = '`+id+`'`, `UPDATE reconciliations SET report = '{' WHERE id = '`+id+`'`)
	}
}

// TestStoreSuiteCatchesBrokenAdapters: a suite that passes on one of these is
// worthless.
func TestStoreSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	broken := func(name, caughtBy string, spoil func(*sqlite.Store) booking.Store) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			bookingtest.TestStore(t, func(t *testing.T) bookingtest.StoreUnderTest {
				s, path := goodAt(t)
				return bookingtest.StoreUnderTest{
					Store: spoil(s), Outbox: s.Outbox(), Inbox: s.Inbox(), AuditLog: s, CancelledEvents: s, StuckBookings: s,
					Spoil: spoilAt(path),
				}
			})
		}, caughtBy)
	}
	broken("ignores_the_lease", "by_another_lease_change_is_not_called", func(s *sqlite.Store) booking.Store { return ignoresLease{s} })
	broken("ignores_the_key", "a_key_in_use_is_taken_and_nothing_is_stored", func(s *sqlite.Store) booking.Store { return ignoresKey{s} })
	broken("stores_a_booking_whose_key_is_taken", "a_key_in_use_is_taken_and_nothing_is_stored", func(s *sqlite.Store) booking.Store { return storesTaken{s} })
	broken("checks_the_key_before_it_stores", "of_32_racing_creations_with_one_key_one_succeeds",
		func(s *sqlite.Store) booking.Store { return &racyKey{Store: s, used: map[string]bool{}} })
	broken("keeps_the_key_for_ever", "an_older_record_of_a_key_is_replaced", func(s *sqlite.Store) booking.Store { return eternalKey{s} })
	broken("never_frees_the_key", "an_update_frees_the_key", func(s *sqlite.Store) booking.Store {
		return edits{s, func(b *booking.Booking, _ error) error { b.Effects.FreeKey = false; return nil }}
	})
	broken("forgets_the_messages", "messages_are_committed_with_the_change", func(s *sqlite.Store) booking.Store {
		return edits{s, func(b *booking.Booking, err error) error { b.Effects.Messages = nil; return err }}
	})
	broken("forgets_which_links_have_ended", "an_update_stores_the_result_as_the_next_version", func(s *sqlite.Store) booking.Store {
		return edits{s, func(b *booking.Booking, err error) error { b.LinkVersion = 0; return err }}
	})
	broken("forgets_what_was_resent", "an_update_stores_the_result_as_the_next_version", func(s *sqlite.Store) booking.Store {
		return edits{s, func(b *booking.Booking, err error) error { b.Resends = nil; return err }}
	})
	broken("forgets_who_is_a_guest", "an_update_stores_the_result_as_the_next_version", func(s *sqlite.Store) booking.Store {
		return edits{s, func(b *booking.Booking, err error) error { b.Guest = false; return err }}
	})
	broken("rewrites_the_messages", "messages_are_committed_with_the_change", func(s *sqlite.Store) booking.Store {
		return edits{s, func(b *booking.Booking, err error) error {
			for i := range b.Effects.Messages {
				b.Effects.Messages[i].Data = []byte(`{"total":9007199254740993,"name":"Zoë 🎟️ é"}`)
			}
			return err
		}}
	})
	broken("commits_although_change_failed", "an_error_of_change_is_returned_and_nothing_is_stored",
		func(s *sqlite.Store) booking.Store { return commitsFailures{s} })
	broken("sends_the_messages_of_a_change_that_failed", "an_error_of_change_is_returned_and_nothing_is_stored",
		func(s *sqlite.Store) booking.Store { return sendsFailures{s} })
	broken("forgets_the_timeline", "an_update_stores_the_result_as_the_next_version", func(s *sqlite.Store) booking.Store {
		return edits{s, func(b *booking.Booking, err error) error { b.Timeline = b.Timeline[len(b.Timeline)-1:]; return err }}
	})
	broken("never_uses_the_key_of_a_change", "an_update_uses_a_key", func(s *sqlite.Store) booking.Store {
		return edits{s, func(b *booking.Booking, err error) error { b.Effects.Key = booking.Key{}; return err }}
	})
	broken("uses_the_key_before_it_frees", "an_update_frees_the_keys_before_it_uses_one", func(s *sqlite.Store) booking.Store { return usesThenFrees{s} })
	broken("confirms_whatever_became_of_the_event", "a_booking_of_a_cancelled_event_does_not_become_confirmed",
		func(s *sqlite.Store) booking.Store { return confirmsCancelled{s} })
	broken("tries_whatever_became_of_the_event", "a_booking_of_a_cancelled_event_gets_no_further_attempt_to_pay",
		func(s *sqlite.Store) booking.Store { return triesCancelled{s} })
	broken("extends_whatever_became_of_the_event", "a_booking_of_a_cancelled_event_gets_no_more_time_to_pay",
		func(s *sqlite.Store) booking.Store { return triesCancelled{s} })
	broken("leaves_time_to_pay_whatever_became_of_the_event", "a_booking_of_a_cancelled_event_that_awaits_its_customer_is_due_at_once",
		func(s *sqlite.Store) booking.Store { return leavesTime{s} })
	broken("reads_before_its_transaction", "32_racing_updates_lose_nothing", func(s *sqlite.Store) booking.Store { return losesUpdates{s} })
	broken("saves_whatever_the_version", "a_save_of_another_lease_or_version_stores_nothing", func(s *sqlite.Store) booking.Store { return savesAnyVersion{s} })
	broken("keeps_seconds_only", "everything_comes_back_as_it_was_stored", func(s *sqlite.Store) booking.Store { return keepsSeconds{s} })
	broken("claims_twice", "a_claimed_booking_is_left_alone_until_its_new_lease_ends", func(s *sqlite.Store) booking.Store { return claimsTwice{s} })
	broken("claims_in_two_steps", "32_racing_claimers_never_get_the_same_booking", func(s *sqlite.Store) booking.Store { return racyClaim{s} })
	broken("forgets_the_fees", "cancelled_bookings_that_kept_a_fee_since_their_event_was_cancelled_are_claimed",
		func(s *sqlite.Store) booking.Store { return forgetsFees{s} })
	broken("fails_for_one_that_cannot_be_read", "a_booking_that_cannot_be_read_keeps_no_other_from_being_claimed",
		func(s *sqlite.Store) booking.Store { return failsForOne{s} })
	broken("stores_what_is_not_admitted", "an_error_of_admit_is_returned_and_nothing_is_stored",
		func(s *sqlite.Store) booking.Store { return storesNotAdmitted{s} })
	broken("admits_before_it_looks_for_the_key", "a_key_that_is_taken_comes_before_an_error_of_admit",
		func(s *sqlite.Store) booking.Store { return admitsFirst{s} })
	broken("counts_an_address_before_its_transaction", "of_racing_creations_from_an_address_each_finds_those_before_it_in_the_account",
		func(s *sqlite.Store) booking.Store { return countsAddressBefore{s} })
	broken("keeps_the_address", "an_address_is_stored_while_its_booking_has_unpaid_tickets", func(s *sqlite.Store) booking.Store { return keepsAddress{s} })
	broken("forgets_the_address", "an_address_is_stored_while_its_booking_has_unpaid_tickets", func(s *sqlite.Store) booking.Store {
		return edits{s, func(b *booking.Booking, err error) error { b.Address = ""; return err }}
	})
	broken("takes_no_address_for_one", "a_booking_without_an_address_counts_for_none", func(s *sqlite.Store) booking.Store { return namesNoAddress{s} })
	broken("counts_before_its_transaction", "of_racing_creations_of_a_user_each_finds_those_before_it_in_the_account",
		func(s *sqlite.Store) booking.Store { return countsBefore{s} })
	for name, b := range map[string]struct {
		caughtBy string
		spoil    func(*booking.Account)
	}{
		"knows_no_tickets":           {"the_account_has_the_unpaid_tickets_of_the_user_and_the_event", func(a *booking.Account) { a.Tickets = 0 }},
		"knows_no_declines":          {"the_account_has_the_declined_payments_since_the_last_paid_booking", func(a *booking.Account) { a.Declined = 0 }},
		"forgets_the_last_try":       {"the_account_has_the_declined_payments_since_the_last_paid_booking", func(a *booking.Account) { a.LastTry = time.Time{} }},
		"knows_no_open_bookings":     {"the_account_has_the_bookings_that_are_open", func(a *booking.Account) { a.Open = 0 }},
		"knows_nothing_made":         {"the_account_has_the_bookings_that_the_user_has_made_whatever_became_of_them", func(a *booking.Account) { a.Made = 0 }},
		"forgets_which_was_first":    {"the_account_has_the_bookings_that_the_user_has_made_whatever_became_of_them", func(a *booking.Account) { a.FirstMade = "" }},
		"admits_one_more":            {"of_racing_creations_of_a_user_as_many_are_admitted_as_it_may_make", func(a *booking.Account) { a.Made-- }},
		"knows_no_checkouts":         {"the_account_has_the_checkouts_of_the_user_that_are_open", func(a *booking.Account) { a.Checkouts = 0 }},
		"knows_no_address":           {"the_account_has_the_open_bookings_from_the_address", func(a *booking.Account) { a.AddressOpen = 0 }},
		"knows_no_address's_tickets": {"the_account_has_the_unpaid_tickets_of_the_event_from_the_address", func(a *booking.Account) { a.AddressTickets = 0 }},
		"counts_declines_as_open":    {"the_account_has_the_bookings_that_are_open", func(a *booking.Account) { a.Open += a.Declined }},
	} {
		broken(name, b.caughtBy, func(s *sqlite.Store) booking.Store { return spoilsAccount{s, b.spoil} })
	}
	for name, b := range map[string]struct {
		caughtBy string
		spoil    func(*booking.Tries)
	}{
		"updates_knowing_no_declines":      {"the_tries_have_the_declined_payments_of_the_user_those_of_the_booking_too", func(t *booking.Tries) { t.Declined = 0 }},
		"updates_knowing_no_open_bookings": {"the_tries_have_the_other_bookings_that_are_open_and_attempts_in_them", func(t *booking.Tries) { t.Open = 0 }},
		"takes_the_booking_for_another":    {"the_tries_have_the_other_bookings_that_are_open_and_attempts_in_them", func(t *booking.Tries) { t.Open++ }},
	} {
		broken(name, b.caughtBy, func(s *sqlite.Store) booking.Store { return spoilsTries(s, b.spoil) })
	}
	broken("admits_every_update", "an_error_of_Admit_is_returned_and_nothing_is_stored", func(s *sqlite.Store) booking.Store {
		return edits{s, func(b *booking.Booking, err error) error { b.Effects.Admit = nil; return err }}
	})
	broken("counts_tries_before_its_transaction", "of_racing_updates_of_a_users_bookings_each_finds_those_before_it_in_the_tries",
		func(s *sqlite.Store) booking.Store { return triesBefore{s} })
	broken("brings_nothing_forward", "what_is_due_later_than_it_can_be_is_brought_forward",
		func(s *sqlite.Store) booking.Store { return neverForward{s} })
	broken("takes_the_lease_of_what_is_brought_forward", "what_is_due_later_than_it_can_be_is_brought_forward",
		func(s *sqlite.Store) booking.Store { return endsLeases{s} })
	broken("brings_forward_who_waits_as_who_drives", "what_is_due_later_than_it_can_be_is_brought_forward",
		func(s *sqlite.Store) booking.Store { return oneForAll{s} })
	broken("takes_the_hold_of_a_customer_who_has_time", "what_is_due_later_than_it_can_be_is_brought_forward",
		func(s *sqlite.Store) booking.Store { return takesHolds{s} })
	broken("keeps_the_hold_that_a_wrong_clock_stored", "what_is_due_later_than_it_can_be_is_brought_forward",
		func(s *sqlite.Store) booking.Store { return keepsHolds{s} })
	broken("pages_by_number", "pages_neither_repeat_nor_skip_while_bookings_are_added",
		func(s *sqlite.Store) booking.Store { return &pagesByNumber{Store: s} })
	broken("lists_none_where_one_cannot_be_read", "a_booking_that_cannot_be_read_hides_no_other_of_a_list",
		func(s *sqlite.Store) booking.Store { return listsNoneForOne{s} })
	broken("leaves_out_what_cannot_be_read", "a_booking_that_cannot_be_read_hides_no_other_of_a_list",
		func(s *sqlite.Store) booking.Store { return leavesOut{s} })
	broken("lists_what_was_never_confirmed", "the_bookings_of_an_event_that_are_or_were_confirmed_are_listed",
		func(s *sqlite.Store) booking.Store { return listsUnconfirmed{s} })
	broken("forgets_where_the_page_begins", "pages_of_an_event_neither_repeat_nor_skip", func(s *sqlite.Store) booking.Store { return repeatsPages{s} })
	broken("leaves_out_an_event_s_unreadable", "a_booking_of_an_event_that_cannot_be_read_hides_no_other",
		func(s *sqlite.Store) booking.Store { return leavesOut{s} })
	broken("lists_everybodys", "a_list_is_newest_first_and_one_users_alone", func(s *sqlite.Store) booking.Store { return &listsAll{Store: s} })
}

// others makes races sure. Each broken adapter has it to itself, in its process.
var others suitetest.Meeting

type neverForward struct{ *sqlite.Store }

func (neverForward) BringForward(context.Context, time.Time, time.Time, time.Time) error { return nil }

type endsLeases struct{ *sqlite.Store }

func (s endsLeases) BringForward(ctx context.Context, stored, leased, parked time.Time) error {
	if err := s.Store.BringForward(ctx, stored, leased, parked); err != nil {
		return err
	}
	claimed, err := s.Claim(ctx, leased, booking.Lease{Token: "other", Until: leased}, 100)
	for _, b := range claimed {
		if _, err := s.Update(ctx, b.ID, "other", func(b *booking.Booking) error { b.Lease = booking.Lease{Until: leased}; return nil }); err != nil {
			return err
		}
	}
	return err
}

type oneForAll struct{ *sqlite.Store }

func (s oneForAll) BringForward(ctx context.Context, stored, leased, _ time.Time) error {
	return s.Store.BringForward(ctx, stored, leased, leased)
}

type takesHolds struct{ *sqlite.Store }

func (s takesHolds) BringForward(ctx context.Context, _, leased, parked time.Time) error {
	return s.Store.BringForward(ctx, time.Time{}, leased, parked)
}

type keepsHolds struct{ *sqlite.Store }

func (s keepsHolds) BringForward(ctx context.Context, stored, leased, parked time.Time) error {
	return s.Store.BringForward(ctx, stored.Add(1000*time.Hour), leased, parked)
}

type ignoresLease struct{ *sqlite.Store }

func (s ignoresLease) Update(ctx context.Context, id, _ string, change func(*booking.Booking) error) (booking.Booking, error) {
	b, err := s.Get(ctx, id)
	if err != nil {
		return b, err
	}
	return s.Store.Update(ctx, id, b.Lease.Token, change)
}

type ignoresKey struct{ *sqlite.Store }

func (s ignoresKey) Create(ctx context.Context, b booking.Booking, _ booking.Key, admit func(booking.Account) error) error {
	return s.Store.Create(ctx, b, booking.Key{}, admit)
}

type storesTaken struct{ *sqlite.Store }

func (s storesTaken) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	err := s.Store.Create(ctx, b, key, admit)
	if errors.Is(err, booking.ErrKeyTaken) {
		return errors.Join(err, s.Store.Create(ctx, b, booking.Key{}, admit))
	}
	return err
}

type racyKey struct {
	*sqlite.Store
	mu   sync.Mutex
	used map[string]bool
}

func (s *racyKey) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	s.mu.Lock()
	used := s.used[b.UserID+key.Value]
	s.mu.Unlock()
	if used {
		return s.Store.Create(ctx, b, key, admit)
	}
	others.Wait()
	s.mu.Lock()
	s.used[b.UserID+key.Value] = true
	s.mu.Unlock()
	if err := s.Store.Create(ctx, b, key, admit); !errors.Is(err, booking.ErrKeyTaken) {
		return err
	}
	return s.Store.Create(ctx, b, booking.Key{}, admit)
}

// storesNotAdmitted asks when it has stored.
type storesNotAdmitted struct{ *sqlite.Store }

func (s storesNotAdmitted) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	var refused error
	err := s.Store.Create(ctx, b, key, func(a booking.Account) error {
		if admit != nil {
			refused = admit(a)
		}
		return nil
	})
	return errors.Join(err, refused)
}

// ask returns the error of admit, for the account as it is now.
func ask(ctx context.Context, s *sqlite.Store, b booking.Booking, admit func(booking.Account) error) error {
	if admit == nil {
		return nil
	}
	admitted := errors.New("admitted")
	b.ID += "?" // it is not stored
	err := s.Create(ctx, b, booking.Key{}, func(a booking.Account) error {
		if err := admit(a); err != nil {
			return err
		}
		return admitted
	})
	if errors.Is(err, admitted) {
		return nil
	}
	return err
}

type admitsFirst struct{ *sqlite.Store }

func (s admitsFirst) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	if err := ask(ctx, s.Store, b, admit); err != nil {
		return err
	}
	return s.Store.Create(ctx, b, key, admit)
}

type countsBefore struct{ *sqlite.Store }

func (s countsBefore) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	if err := ask(ctx, s.Store, b, admit); err != nil {
		return err
	}
	if admit != nil {
		others.Wait()
	}
	return s.Store.Create(ctx, b, key, nil)
}

// countsAddressBefore lets two that race have the same count.
type countsAddressBefore struct{ *sqlite.Store }

func (s countsAddressBefore) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	if b.Address == "" || admit == nil {
		return s.Store.Create(ctx, b, key, admit)
	}
	return countsBefore(s).Create(ctx, b, key, admit)
}

// keepsAddress has it in the booking's event, where no change takes it away.
type keepsAddress struct{ *sqlite.Store }

func (s keepsAddress) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	address := ""
	b, err := s.Store.Update(ctx, id, lease, func(b *booking.Booking) error { address = b.Address; return change(b) })
	b.Address = address
	return b, err
}

// namesNoAddress stores bookings without an address as if all came from one address.
type namesNoAddress struct{ *sqlite.Store }

func (s namesNoAddress) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	if b.Address == "" {
		b.Address = "unknown"
	}
	return s.Store.Create(ctx, b, key, admit)
}

type spoilsAccount struct {
	*sqlite.Store
	spoil func(*booking.Account)
}

func (s spoilsAccount) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	if admit == nil {
		return s.Store.Create(ctx, b, key, nil)
	}
	return s.Store.Create(ctx, b, key, func(a booking.Account) error {
		s.spoil(&a)
		return admit(a)
	})
}

type eternalKey struct{ *sqlite.Store }

func (s eternalKey) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	if _, err := s.ByKey(ctx, b.UserID, key, b.CreatedAt.Add(-booking.KeyLifetime)); !errors.Is(err, booking.ErrNotFound) {
		return booking.ErrKeyReused
	}
	return s.Store.Create(ctx, b, key, admit)
}

// edits spoils what a change has made of the booking, or its error.
type edits struct {
	*sqlite.Store
	spoil func(*booking.Booking, error) error
}

func (s edits) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	return s.Store.Update(ctx, id, lease, func(b *booking.Booking) error { return s.spoil(b, change(b)) })
}

// spoilsTries tells Admit something else than there is.
func spoilsTries(s *sqlite.Store, spoil func(*booking.Tries)) booking.Store {
	return edits{s, func(b *booking.Booking, err error) error {
		if admit := b.Effects.Admit; admit != nil {
			b.Effects.Admit = func(t booking.Tries) error {
				spoil(&t)
				return admit(t)
			}
		}
		return err
	}}
}

// triesBefore counts the tries before the transaction of the update.
type triesBefore struct{ *sqlite.Store }

func (s triesBefore) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	var counted *booking.Tries
	b, err := s.Store.Update(ctx, id, lease, func(b *booking.Booking) error {
		err := change(b)
		if b.Effects.Admit != nil {
			b.Effects.Admit = func(t booking.Tries) error {
				counted = &t
				return errors.New("nothing is stored yet")
			}
		}
		return err
	})
	if counted == nil {
		return b, err
	}
	return spoilsTries(s.Store, func(t *booking.Tries) { *t = *counted }).Update(ctx, id, lease, change)
}

type commitsFailures struct{ *sqlite.Store }

func (s commitsFailures) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	var failed error
	b, err := s.Store.Update(ctx, id, lease, func(b *booking.Booking) error { failed = change(b); return nil })
	return b, errors.Join(failed, err)
}

type sendsFailures struct{ *sqlite.Store }

func (s sendsFailures) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	var messages []events.Message
	b, err := s.Store.Update(ctx, id, lease, func(b *booking.Booking) error {
		err := change(b)
		messages = b.Effects.Messages
		return err
	})
	if err != nil && messages != nil {
		b := booking.Booking{ID: messages[0].ID, Status: booking.Failed, Effects: booking.Effects{Messages: messages}}
		return b, errors.Join(err, s.Create(ctx, b, booking.Key{}, nil))
	}
	return b, err
}

type losesUpdates struct{ *sqlite.Store }

func (s losesUpdates) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	b, err := s.Get(ctx, id)
	if err != nil {
		return b, err
	}
	if b.Lease.Token != lease {
		return b, booking.ErrLeaseLost
	}
	if err := change(&b); err != nil {
		return b, err
	}
	others.Wait()
	return s.Store.Update(ctx, id, lease, func(stored *booking.Booking) error { *stored = b; return nil })
}

// savesAnyVersion looks at the lease alone.
type savesAnyVersion struct{ *sqlite.Store }

func (s savesAnyVersion) Save(ctx context.Context, before, after booking.Booking) (booking.Booking, error) {
	now, err := s.Get(ctx, before.ID)
	if err == nil {
		before.Version = now.Version
	}
	return s.Store.Save(ctx, before, after)
}

type keepsSeconds struct{ *sqlite.Store }

func (s keepsSeconds) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	b.CreatedAt = b.CreatedAt.Truncate(time.Second)
	return s.Store.Create(ctx, b, key, admit)
}

type claimsTwice struct{ *sqlite.Store }

func (s claimsTwice) Claim(ctx context.Context, now time.Time, lease booking.Lease, limit int) ([]booking.Booking, error) {
	return s.Store.Claim(ctx, now, booking.Lease{Token: lease.Token, Until: now}, limit)
}

// racyClaim takes bookings over after it has looked for them: first claimed
// for a moment, to see them, then for good, whoever was there in between.
type racyClaim struct{ *sqlite.Store }

func (s racyClaim) Claim(ctx context.Context, now time.Time, lease booking.Lease, limit int) ([]booking.Booking, error) {
	found, err := s.Store.Claim(ctx, now, booking.Lease{Token: "found", Until: now}, limit)
	for i := range found {
		b, err := s.Get(ctx, found[i].ID)
		if err != nil {
			return nil, err
		}
		if found[i], err = s.Update(ctx, b.ID, b.Lease.Token, func(b *booking.Booking) error { b.Lease = lease; return nil }); err != nil {
			found[i].Lease = lease
		}
	}
	return slices.Clip(found), err
}

// forgetsFees claims no booking that is Cancelled.
type forgetsFees struct{ *sqlite.Store }

func (s forgetsFees) Claim(ctx context.Context, now time.Time, lease booking.Lease, limit int) ([]booking.Booking, error) {
	claimed, err := s.Store.Claim(ctx, now, lease, limit)
	return slices.DeleteFunc(claimed, func(b booking.Booking) bool { return b.Status == booking.Cancelled }), err
}

type usesThenFrees struct{ *sqlite.Store }

func (s usesThenFrees) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	frees := false
	b, err := s.Store.Update(ctx, id, lease, func(b *booking.Booking) error {
		err := change(b)
		frees = b.Effects.FreeKey
		b.Effects.FreeKey = frees && b.Effects.Key.Value == ""
		return err
	})
	if err == nil && frees {
		_, err = s.Store.Update(ctx, id, b.Lease.Token, func(b *booking.Booking) error {
			b.Version--
			b.Effects.FreeKey = true
			return nil
		})
	}
	return b, err
}

type failsForOne struct{ *sqlite.Store }

func (s failsForOne) Claim(ctx context.Context, now time.Time, lease booking.Lease, limit int) ([]booking.Booking, error) {
	claimed, err := s.Store.Claim(ctx, now, lease, limit)
	if unreadable, _ := s.Stuck(ctx, "", 1); len(unreadable) > 0 {
		return nil, errors.New("unexpected end of JSON input")
	}
	return claimed, err
}

type pagesByNumber struct {
	*sqlite.Store
	offset int
}

func (s *pagesByNumber) List(ctx context.Context, q booking.Query) ([]booking.Booking, error) {
	if q.After == "" {
		s.offset = 0
	} else {
		s.offset += q.Limit
	}
	all, err := s.Store.List(ctx, booking.Query{UserID: q.UserID, Limit: 1000})
	from := min(s.offset, len(all))
	return all[from:min(from+q.Limit, len(all))], err
}

type listsNoneForOne struct{ *sqlite.Store }

func (s listsNoneForOne) List(ctx context.Context, q booking.Query) ([]booking.Booking, error) {
	page, err := s.Store.List(ctx, q)
	for _, b := range page {
		err = errors.Join(err, b.Unreadable)
	}
	return page, err
}

type leavesOut struct{ *sqlite.Store }

func (s leavesOut) List(ctx context.Context, q booking.Query) ([]booking.Booking, error) {
	page, err := s.Store.List(ctx, q)
	return slices.DeleteFunc(page, func(b booking.Booking) bool { return b.Unreadable != nil }), err
}

func (s leavesOut) OfEvent(ctx context.Context, eventID, after string, limit int) ([]booking.Booking, error) {
	page, err := s.Store.OfEvent(ctx, eventID, after, limit)
	return slices.DeleteFunc(page, func(b booking.Booking) bool { return b.Unreadable != nil }), err
}

type listsUnconfirmed struct{ *sqlite.Store }

func (s listsUnconfirmed) OfEvent(ctx context.Context, eventID, after string, limit int) ([]booking.Booking, error) {
	all, err := s.BookingsAfter(ctx, after, 1000)
	all = slices.DeleteFunc(all, func(b booking.Booking) bool { return b.EventID != eventID })
	return all[:min(limit, len(all))], err
}

type repeatsPages struct{ *sqlite.Store }

func (s repeatsPages) OfEvent(ctx context.Context, eventID, _ string, limit int) ([]booking.Booking, error) {
	return s.Store.OfEvent(ctx, eventID, "", limit)
}

type listsAll struct {
	*sqlite.Store
	users []string
}

func (s *listsAll) Create(ctx context.Context, b booking.Booking, key booking.Key, admit func(booking.Account) error) error {
	s.users = append(s.users, b.UserID)
	return s.Store.Create(ctx, b, key, admit)
}

func (s *listsAll) List(ctx context.Context, q booking.Query) ([]booking.Booking, error) {
	var all []booking.Booking
	for _, user := range s.users {
		some, err := s.Store.List(ctx, booking.Query{UserID: user, Limit: q.Limit})
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all[:min(q.Limit, len(all))], nil
}

// confirmsCancelled looks for the event, if at all, under another id.
type confirmsCancelled struct{ *sqlite.Store }

// triesCancelled looks for the event's cancellation only where a booking is confirmed.
type triesCancelled struct{ *sqlite.Store }

func (s triesCancelled) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	return s.Store.Update(ctx, id, lease, func(b *booking.Booking) error {
		before := b.Clone()
		err := change(b)
		if b.Status != booking.Confirmed && booking.NeedsEvent(&before, b) {
			b.EventID = "another"
		}
		return err
	})
}

// leavesTime does not look for the event's cancellation where a booking is left to its
// customer.
type leavesTime struct{ *sqlite.Store }

func (s leavesTime) Save(ctx context.Context, before, after booking.Booking) (booking.Booking, error) {
	if after.AwaitsCustomer() {
		after.EventID = "another"
	}
	return s.Store.Save(ctx, before, after)
}

func (s confirmsCancelled) Update(ctx context.Context, id, lease string, change func(*booking.Booking) error) (booking.Booking, error) {
	event := ""
	b, err := s.Store.Update(ctx, id, lease, func(b *booking.Booking) error {
		err := change(b)
		event, b.EventID = b.EventID, "another"
		return err
	})
	b.EventID = event
	return b, err
}
