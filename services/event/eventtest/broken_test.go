package eventtest_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/event/eventtest"
	inbox "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	outbox "github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// TestMain shortens the model's run: here it must fail, not find the smallest
// way to.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "20", "rapid.shrinktime": "100ms", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// others makes races sure. Each broken adapter has it to itself, in its process.
var others suitetest.Meeting

// broken is a good adapter to spoil, and its database.
type broken struct {
	*sqlite.Store
	db *sqlitedb.DB
}

func newBroken(t *testing.T) broken {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "event.db"), sqlite.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return broken{sqlite.New(db), db}
}

func (b broken) known(ctx context.Context, ids []string) ([]string, error) {
	return inbox.New(b.db).Known(ctx, ids)
}

func (b broken) exec(ctx context.Context, statement string, args ...any) error {
	return b.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return err
		}
		// What is broken shows itself: the store does not read again what has the
		// versions that it knows.
		_, err := tx.ExecContext(ctx, `UPDATE events SET inventory = inventory + 1`)
		return err
	})
}

// TestSuitesCatchBrokenAdapters: a suite that passes on one of these is
// worthless.
func TestSuitesCatchBrokenAdapters(t *testing.T) {
	t.Parallel()
	inventory := func(name, caughtBy string, spoil func(b broken) event.Inventory) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			eventtest.TestInventory(t, func(t *testing.T) eventtest.Adapter {
				b := newBroken(t)
				return eventtest.Adapter{Store: b, Inventory: spoil(b), Known: b.known, Outbox: outbox.New(b.db)}
			})
		}, caughtBy)
	}
	holdings := func(name, caughtBy string, spoil func(b broken) holdings) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			eventtest.TestHoldings(t, func(t *testing.T) eventtest.Adapter {
				b := newBroken(t)
				return eventtest.Adapter{Store: b, Inventory: b, Holdings: spoil(b), Known: b.known}
			})
		}, caughtBy)
	}
	store := func(name, caughtBy string, spoil func(b broken) event.Store) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			eventtest.TestStore(t, func(t *testing.T) eventtest.Adapter {
				b := newBroken(t)
				return eventtest.Adapter{Store: spoil(b), Inventory: b, Known: b.known, Outbox: outbox.New(b.db)}
			})
		}, caughtBy)
	}

	inventory("oversells_by_check_then_act", "64_workers_for_the_last_seats",
		func(b broken) event.Inventory { return eventtest.Racy(b, b) })
	inventory("ignores_that_it_is_a_repeat", "a_repeat_returns_the_same_reservation",
		func(b broken) event.Inventory { return forgetsRepeats{b} })
	inventory("looks_for_a_repeat_without_the_lock", "32_repeats_at_once_are_one_hold",
		func(b broken) event.Inventory { return unlockedRepeats{b} })
	inventory("quotes_todays_price_to_a_repeat", "a_repeat_returns_the_same_reservation",
		func(b broken) event.Inventory { return todaysPrice{b} })
	inventory("accepts_other_items", "other_tickets_or_another_event_is_a_mismatch",
		func(b broken) event.Inventory { return acceptsAnything{b} })
	inventory("takes_what_it_can", "all_the_tickets_or_none",
		func(b broken) event.Inventory { return takesSome{b} })
	inventory("gives_back_twice", "release_gives_back_exactly_once",
		func(b broken) event.Inventory { return givesTwice{b} })
	inventory("forgets_the_tombstone", "a_delayed_reserve_finds_its_attempt_released",
		func(b broken) event.Inventory { return noTombstone{b} })
	inventory("forgets_message_ids", "a_message_is_known_when_it_has_had_its_effect",
		func(b broken) event.Inventory { return forgetsMessages{b} })
	inventory("records_the_message_without_its_effect", "a_cancelled_context_changes_nothing",
		func(b broken) event.Inventory { return recordsFirst{b} })
	inventory("sells_what_is_released", "sell_after_release_changes_nothing",
		func(b broken) event.Inventory { return sellsReleased{b} })
	inventory("releases_one_attempt_alone", "release_closes_every_attempt_up_to_its_own",
		func(b broken) event.Inventory { return oneAttempt{b} })
	inventory("returns_at_every_call", "return_gives_back_once_for_each_id",
		func(b broken) event.Inventory { return returnsAgain{b} })
	inventory("returns_by_look_then_act", "racing_returns_of_one_id_give_back_once",
		func(b broken) event.Inventory { return &looksFirst{broken: b, seen: map[string]bool{}} })
	inventory("returns_what_it_has_not", "return_of_more_than_is_left_is_refused",
		func(b broken) event.Inventory { return returnsMore{b} })
	inventory("takes_any_return_for_a_repeat", "another_return_under_the_same_id_is_a_mismatch",
		func(b broken) event.Inventory { return takesAnyReturn{b} })
	inventory("forgets_what_came_back", "release_after_return_gives_back_the_rest",
		func(b broken) event.Inventory { return forgetsReturns{b} })
	inventory("returns_what_is_released", "return_of_what_is_released_changes_nothing",
		func(b broken) event.Inventory { return returnsReleased{b} })
	inventory("records_a_return_without_its_effect", "return_as_a_message_says",
		func(b broken) event.Inventory { return recordsReturns{b} })
	inventory("reserves_under_todays_policy", "a_repeat_returns_the_same_reservation",
		func(b broken) event.Inventory { return todaysPolicy{b} })
	inventory("ignores_the_limit_of_a_booking", "a_booking_gets_no_more_than_the_event_sells_to_one",
		func(b broken) event.Inventory { return ignoresLimit{b} })
	inventory("ignores_when_a_type_is_sold", "a_ticket_type_is_sold_while_its_sale_lasts",
		func(b broken) event.Inventory { return ignoresSales{b} })
	inventory("looks_for_tickets_before_the_clock", "refusals_have_an_order",
		func(b broken) event.Inventory { return looksForTicketsFirst{b} })
	inventory("sells_as_it_was_before_an_edit", "an_edit_of_a_sale_counts_at_once",
		func(b broken) event.Inventory { return &remembersSales{broken: b, known: map[string]*event.Event{}} })
	inventory("refuses_a_repeat_when_the_sale_has_ended", "an_edit_of_a_sale_counts_at_once",
		func(b broken) event.Inventory { return refusesRepeats{b} })
	inventory("lets_holds_expire", "random_operations_agree_with_a_model",
		func(b broken) event.Inventory { return &expires{broken: b} })

	holdings("lists_what_is_released", "what_is_released_is_not_listed", listsReleased)
	holdings("forgets_what_came_back", "only_what_is_left_is_counted", countsReturned)
	holdings("lists_what_is_empty", "only_what_is_left_is_counted", listsEmpty)
	holdings("calls_a_sale_a_hold", "who_has_tickets_is_listed", callsAllHeld)
	holdings("orders_attempts_as_text", "the_order_is_that_of_booking_and_attempt", ordersAsText)
	holdings("splits_a_booking", "a_booking_is_never_split", splitsBookings)
	holdings("leaves_out_what_is_empty_too_late", "a_short_page_is_the_last", filtersLate)
	holdings("begins_with_the_last_booking", "a_booking_is_never_split", repeatsBooking)
	holdings("pages_by_number", "paging_neither_repeats_nor_skips", pagesByNumber)
	holdings("answers_nil", "none_is_the_empty_slice", answersNil)
	holdings("takes_a_failure_for_nothing", "a_cancelled_context_is_an_error", hidesFailures)

	store("loses_updates", "racing_updates_are_not_lost",
		func(b broken) event.Store { return losesUpdates{b} })
	store("stores_what_edit_refused", "an_error_from_edit_changes_nothing",
		func(b broken) event.Store { return storesRefused{b} })
	store("deletes_what_is_sold", "delete_is_refused_while_a_ticket_is_sold_or_held",
		func(b broken) event.Store { return deletesSold{b} })
	suitetest.MustFail(t, "remembers_deleted_reservations", func(t *testing.T) {
		eventtest.TestStore(t, func(t *testing.T) eventtest.Adapter {
			b := newBroken(t)
			return eventtest.Adapter{Store: b, Inventory: remembersDeleted{b}, Known: b.known, Outbox: outbox.New(b.db)}
		})
	}, "what_was_reserved_at_a_deleted_event_goes_with_it")
	store("skips_a_row", "paging_neither_repeats_nor_skips",
		func(b broken) event.Store { return skipsRow{b} })
	store("pages_by_the_key_alone", "paging_neither_repeats_nor_skips",
		func(b broken) event.Store { return keyAlone{b} })
	store("sorts_by_code_points", "list_is_in_the_order_of_the_sort",
		func(b broken) event.Store { return sortsByCodePoints{b} })
	store("finds_any_of_the_terms", "each_term_begins_a_word",
		func(b broken) event.Store { return anyTerm{b} })
	store("finds_within_words", "each_term_begins_a_word",
		func(b broken) event.Store { return withinWords{b} })
	store("minds_accents", "terms_match_without_regard_to_case_and_accents",
		func(b broken) event.Store { return mindsAccents{b} })
	store("forgets_the_filters_of_a_search", "text_combines_with_filters,_sort_and_paging",
		func(b broken) event.Store { return searchesAlone{b} })
	store("starts_a_range_again", "filters,_sort_and_cursor_combine",
		func(b broken) event.Store { return startsRangeAgain{b} })
	store("finds_what_starts_in_the_month", "a_month_finds_what_runs_in_it",
		func(b broken) event.Store { return startsInMonth{b} })
	store("finds_by_the_first_price", "a_price_finds_what_costs_no_more",
		func(b broken) event.Store { return firstPrice{b} })
	store("forgets_the_month_of_a_search", "month_and_price_combine_with_filters,_sort_and_cursor",
		func(b broken) event.Store { return forgetsMonth{b} })
	store("folds_ASCII_alone", "category_and_city_match_by_their_fold",
		func(b broken) event.Store { return foldsASCII{b} })
	store("forgets_what_folds_to_nothing", "a_filter_without_a_character_to_be_found_by_finds_nothing",
		func(b broken) event.Store { return forgetsInvisible{b} })
	store("takes_spaces_for_a_filter", "a_filter_of_spaces_alone_does_not_restrict",
		func(b broken) event.Store { return mindsSpaces{b} })
	store("counts_creations_by_the_day", "an_organizer_creates_so_many_events_within_any_period",
		func(b broken) event.Store { return countsByDay{b} })
	store("counts_before_it_creates", "racing_creations_never_pass_the_limit",
		func(b broken) event.Store { return countsFirst{b} })
	store("counts_what_is_there", "a_deleted_event_counts_as_created",
		func(b broken) event.Store { return countsWhatIsThere{b} })
	store("counts_what_is_refused", "what_is_refused_counts_as_not_created",
		func(b broken) event.Store { return countsRefused{b} })
	store("counts_all_organizers_together", "creations_of_others_do_not_count",
		func(b broken) event.Store { return countsAll{b} })
	store("forgets_the_policy", "what_it_stores_is_what_Get_returns",
		func(b broken) event.Store { return forgetsPolicy{b} })
	store("cancels_without_a_message", "cancel_stores_the_event_and_its_message_together",
		func(b broken) event.Store { return cancelsSilently{b} })
	store("tells_of_what_was_refused", "an_error_from_cancel_changes_nothing",
		func(b broken) event.Store { return tellsFirst{b} })
	store("deletes_what_is_not_told", "delete_is_refused_while_the_message_is_open",
		func(b broken) event.Store { return deletesUntold{b} })
	store("keeps_the_renditions_of_the_image_before", "another_image_replaces_it",
		func(b broken) event.Store { return keepsRenditions{b} })
	store("removes_no_image", "without_a_picture_the_image_is_removed",
		func(b broken) event.Store { return removesNoImage{b} })
	store("loses_the_image_in_an_edit", "edits_leave_the_image_as_it_is",
		func(b broken) event.Store { return losesImages{b} })
	store("stores_an_image_that_was_refused", "an_error_from_edit_leaves_the_image",
		func(b broken) event.Store { return storesRefusedImages{b} })
	store("shows_the_image_of_a_deleted_event", "the_image_of_a_deleted_event_is_gone",
		func(b broken) event.Store { return &remembersImages{broken: b, seen: map[string]*event.Rendition{}} })
	store("cuts_to_milliseconds", "instants_are_kept_to_the_microsecond_in_UTC",
		func(b broken) event.Store { return milliseconds{b} })
}

// ignoresSales sells at all times before the event starts.
type ignoresSales struct{ broken }

func (b ignoresSales) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	r, err := b.Store.Reserve(ctx, k, want, now)
	if errors.Is(err, event.ErrNotOnSaleYet) {
		return &event.Reservation{Key: k, State: event.Held}, nil
	}
	return r, err
}

type looksForTicketsFirst struct{ broken }

func (b looksForTicketsFirst) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	r, err := b.Store.Reserve(ctx, k, want, now)
	if e, unread := b.Get(ctx, k.EventID); unread == nil && errors.Is(err, event.ErrNotOnSaleYet) {
		for _, w := range want {
			if t := e.TicketType(w.TicketTypeID); t != nil && t.Available < w.Quantity {
				return nil, event.ErrSoldOut
			}
		}
	}
	return r, err
}

// remembersSales decides by the event as it was at its first reservation.
type remembersSales struct {
	broken
	mu    sync.Mutex
	known map[string]*event.Event
}

func (b *remembersSales) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known[k.EventID] == nil {
		b.known[k.EventID], _ = b.Get(ctx, k.EventID)
	}
	r, err := b.Store.Reserve(ctx, k, want, now)
	if e := b.known[k.EventID]; e != nil && errors.Is(err, event.ErrNotOnSaleYet) {
		copied := *e
		copied.TicketTypes = append([]event.TicketType(nil), e.TicketTypes...)
		if _, refused := copied.Reserve(want, now); refused == nil {
			return &event.Reservation{Key: k, State: event.Held}, nil
		}
	}
	return r, err
}

type refusesRepeats struct{ broken }

func (b refusesRepeats) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	e, err := b.Get(ctx, k.EventID)
	if err != nil {
		return nil, err
	}
	for _, w := range want {
		if t := e.TicketType(w.TicketTypeID); t != nil && now.Before(t.SalesFrom) {
			return nil, event.ErrNotOnSaleYet
		}
	}
	return b.Store.Reserve(ctx, k, want, now)
}

type forgetsRepeats struct{ broken }

func (b forgetsRepeats) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	if _, err := b.Store.Reservation(ctx, k); err == nil {
		k.BookingID = uuid.NewString()
	}
	return b.Store.Reserve(ctx, k, want, now)
}

type unlockedRepeats struct{ broken }

func (b unlockedRepeats) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	_, err := b.Store.Reservation(ctx, k)
	others.Wait()
	r, e := b.Store.Reserve(ctx, k, want, now)
	if errors.Is(err, event.ErrReservationNotFound) && e == nil {
		// It has seen no reservation, so it takes the tickets, again.
		return r, b.exec(ctx, `UPDATE ticket_types SET available = available - 1 WHERE event_id = ?`, k.EventID)
	}
	return r, e
}

type todaysPrice struct{ broken }

func (b todaysPrice) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	r, err := b.Store.Reserve(ctx, k, want, now)
	if err != nil {
		return nil, err
	}
	e, err := b.Get(ctx, k.EventID)
	if err != nil {
		return nil, err
	}
	for i := range r.Items {
		r.Items[i].UnitPrice = e.TicketType(r.Items[i].TicketTypeID).Price
	}
	return r, nil
}

type todaysPolicy struct{ broken }

func (b todaysPolicy) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	r, err := b.Store.Reserve(ctx, k, want, now)
	if err != nil {
		return nil, err
	}
	e, err := b.Get(ctx, k.EventID)
	if err != nil {
		return nil, err
	}
	r.Event.CancellationPolicy = e.CancellationPolicy
	return r, nil
}

type acceptsAnything struct{ broken }

func (b acceptsAnything) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	r, err := b.Store.Reserve(ctx, k, want, now)
	if errors.Is(err, event.ErrReservationMismatch) {
		return b.Reservation(ctx, k)
	}
	return r, err
}

type takesSome struct{ broken }

func (b takesSome) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	r, err := b.Store.Reserve(ctx, k, want, now)
	if errors.Is(err, event.ErrSoldOut) && len(want) > 1 {
		_, _ = b.Store.Reserve(ctx, k, want[:1], now)
	}
	return r, err
}

type givesTwice struct{ broken }

func (b givesTwice) Release(ctx context.Context, k event.Key) error {
	r, err := b.Reservation(ctx, k)
	if err == nil && r.State == event.Released {
		return b.exec(ctx, `UPDATE ticket_types SET available = min(capacity, available + ?) WHERE event_id = ? AND id = ?`,
			r.Items[0].Quantity, k.EventID, r.Items[0].TicketTypeID)
	}
	return b.Store.Release(ctx, k)
}

type noTombstone struct{ broken }

func (b noTombstone) Release(ctx context.Context, k event.Key) error {
	if _, err := b.Reservation(ctx, k); errors.Is(err, event.ErrReservationNotFound) {
		return nil
	}
	return b.Store.Release(ctx, k)
}

type forgetsMessages struct{ broken }

func (b forgetsMessages) Sell(ctx context.Context, _ string, k event.Key) error {
	return b.Store.Sell(ctx, uuid.NewString(), k)
}

func (b forgetsMessages) GiveBack(ctx context.Context, _ string, k event.Key) error {
	return b.Store.GiveBack(ctx, uuid.NewString(), k)
}

type recordsFirst struct{ broken }

func (b recordsFirst) Sell(ctx context.Context, messageID string, k event.Key) error {
	if err := b.exec(context.WithoutCancel(ctx), `INSERT INTO inbox VALUES (?, 0) ON CONFLICT DO NOTHING`, messageID); err != nil {
		return err
	}
	return b.Store.Sell(ctx, uuid.NewString(), k)
}

// remembersDeleted finds the reservations of deleted events until they are swept.
type remembersDeleted struct{ broken }

func (a remembersDeleted) Reservation(ctx context.Context, k event.Key) (*event.Reservation, error) {
	r, err := a.Store.Reservation(ctx, k)
	if !errors.Is(err, event.ErrReservationNotFound) {
		return r, err
	}
	var state event.State
	if a.db.Read.QueryRowContext(ctx, `SELECT state FROM reservations WHERE booking_id = ? AND attempt = ? AND event_id = ?`,
		k.BookingID, k.Attempt, k.EventID).Scan(&state) != nil {
		return nil, err
	}
	return &event.Reservation{Key: k, State: state}, nil
}

type sellsReleased struct{ broken }

func (b sellsReleased) Sell(ctx context.Context, messageID string, k event.Key) error {
	if err := b.Store.Sell(ctx, messageID, k); err != nil {
		return err
	}
	return b.exec(ctx, `UPDATE reservations SET state = 'SOLD' WHERE booking_id = ? AND attempt = ?`, k.BookingID, k.Attempt)
}

type oneAttempt struct{ broken }

func (b oneAttempt) Release(ctx context.Context, k event.Key) error {
	earlier := k
	earlier.Attempt--
	r, err := b.Reservation(ctx, earlier)
	held := err == nil && r.State != event.Released
	if err := b.Store.Release(ctx, k); err != nil || !held {
		return err
	}
	if err := b.exec(ctx, `UPDATE ticket_types SET available = available - ? WHERE event_id = ? AND id = ?`,
		r.Items[0].Quantity, k.EventID, r.Items[0].TicketTypeID); err != nil {
		return err
	}
	return b.exec(ctx, `UPDATE reservations SET state = ? WHERE booking_id = ? AND attempt = ?`, r.State, k.BookingID, earlier.Attempt)
}

// expires gives a hold back when the next one comes.
type expires struct {
	broken
	mu   sync.Mutex
	keys []event.Key
}

func (b *expires) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	r, err := b.Store.Reserve(ctx, k, want, now)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keys = append(b.keys, k)
	if len(b.keys) > 1 {
		oldest := b.keys[0]
		b.keys = b.keys[1:]
		return r, b.Release(ctx, oldest)
	}
	return r, nil
}
