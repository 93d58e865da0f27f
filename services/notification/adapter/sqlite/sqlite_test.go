package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	inboxsqlite "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/notification/notificationtest"
)

func open(t *testing.T) *sqlitedb.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "notification.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestStoreContract(t *testing.T) {
	t.Parallel()
	notificationtest.TestStore(t, func(t *testing.T) notification.Store { return sqlite.New(open(t)) })
}

// broken is a store with some of its methods replaced by defective ones.
type broken struct {
	notification.Store
	enqueue  func(notification.Store, context.Context, notification.Record) (notification.Outcome, error)
	claim    func(notification.Store, context.Context, notification.Channel, time.Time, time.Time, int) ([]notification.Notification, error)
	settle   func(notification.Store, context.Context, notification.Notification) error
	forget   func(notification.Store, context.Context, time.Time, int) (int, error)
	outdated func(notification.Store, context.Context, notification.Notification) (bool, error)
	forward  func(notification.Store, context.Context, time.Time, time.Time) error
	list     func(notification.Store, context.Context, notification.Filter) ([]notification.Notification, error)
	raw      func(*sqlitedb.DB, notification.Store) func(context.Context, notification.Notification) error // settles past the store
}

func (b broken) Enqueue(ctx context.Context, r notification.Record) (notification.Outcome, error) {
	if b.enqueue == nil {
		return b.Store.Enqueue(ctx, r)
	}
	return b.enqueue(b.Store, ctx, r)
}

func (b broken) Claim(ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
	if b.claim == nil {
		return b.Store.Claim(ctx, c, now, until, limit)
	}
	return b.claim(b.Store, ctx, c, now, until, limit)
}

func (b broken) Settle(ctx context.Context, n notification.Notification) error {
	if b.settle == nil {
		return b.Store.Settle(ctx, n)
	}
	return b.settle(b.Store, ctx, n)
}

func (b broken) BringForward(ctx context.Context, leased, waiting time.Time) error {
	if b.forward == nil {
		return b.Store.BringForward(ctx, leased, waiting)
	}
	return b.forward(b.Store, ctx, leased, waiting)
}

func (b broken) Outdated(ctx context.Context, n notification.Notification) (bool, error) {
	if b.outdated == nil {
		return b.Store.Outdated(ctx, n)
	}
	return b.outdated(b.Store, ctx, n)
}

func (b broken) Forget(ctx context.Context, t time.Time, limit int) (int, error) {
	if b.forget == nil {
		return b.Store.Forget(ctx, t, limit)
	}
	return b.forget(b.Store, ctx, t, limit)
}

func (b broken) List(ctx context.Context, f notification.Filter) ([]notification.Notification, error) {
	if b.list == nil {
		return b.Store.List(ctx, f)
	}
	return b.list(b.Store, ctx, f)
}

func TestStoreSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	type store = notification.Store
	for name, b := range map[string]struct {
		caughtBy string
		broken   broken
	}{
		"forgets_the_inbox": {"a_known_message_id_changes_nothing", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				r.MessageID = uuid.NewString()
				return s.Enqueue(ctx, r)
			},
		}},
		"keeps_the_first_subject": {"its_subject_is_the_one_that_it_was_settled_with", broken{
			settle: func(s store, ctx context.Context, n notification.Notification) error {
				n.Subject = "Booking confirmed"
				return s.Settle(ctx, n)
			},
		}},
		"tells_a_booking_twice": {"a_booking_is_told_once_of_each_kind", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				r.BookingID = ""
				return s.Enqueue(ctx, r)
			},
		}},
		"ignores_the_version": {"a_record_older_than_what_is_known_is_not_told", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				r.Version = 1
				return s.Enqueue(ctx, r)
			},
		}},
		"tells_a_booking_once_of_each_kind": {"each_cancellation_in_part_is_told", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				r.Part = ""
				return s.Enqueue(ctx, r)
			},
		}},
		"tells_a_cancellation_in_part_twice": {"a_cancellation_in_part_is_told_once", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				if r.Kind == notification.ItemsCancelled {
					r.Part = r.MessageID
				}
				return s.Enqueue(ctx, r)
			},
		}},
		"lets_whatever_is_newer_outdate_a_cancellation_in_part": {"a_cancellation_in_part_is_told_after_whatever_is_newer", broken{
			enqueue: outdatedAsAnother(notification.ItemsCancelled),
		}},
		"lets_a_cancellation_in_part_outdate_everything": {"a_confirmation_is_told_after_a_cancellation_in_part", broken{
			enqueue: outdatedAsAnother(notification.Confirmation),
		}},
		"lets_a_cancellation_in_part_outdate_nothing": {"a_failure_is_not_told_after_a_cancellation_in_part", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				if r.Kind == notification.ItemsCancelled {
					r.Version = 0
				}
				return s.Enqueue(ctx, r)
			},
		}},
		"forgets_the_calendar": {"deliveries_come_back_as_they_were_stored", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				r.Deliveries = slices.Clone(r.Deliveries) // the test compares with its own
				for i := range r.Deliveries {
					r.Deliveries[i].Calendar = ""
				}
				return s.Enqueue(ctx, r)
			},
		}},
		"drops_the_second_delivery": {"deliveries_come_back_as_they_were_stored", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				r.Deliveries = r.Deliveries[:min(1, len(r.Deliveries))]
				return s.Enqueue(ctx, r)
			},
		}},
		"cuts_off_fractions_of_a_second": {"deliveries_come_back_as_they_were_stored", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				for i := range r.Deliveries {
					r.Deliveries[i].CreatedAt = r.Deliveries[i].CreatedAt.Truncate(time.Second)
				}
				return s.Enqueue(ctx, r)
			},
		}},
		"outlives_its_context": {"a_cancelled_context_stores_nothing", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				return s.Enqueue(context.WithoutCancel(ctx), r)
			},
		}},
		"claims_in_two_steps": {"two_callers_never_get_the_same_delivery", broken{
			claim: claimInTwoSteps(),
		}},
		"leases_for_no_time": {"nobody_gets_it_again_before_the_lease_ends", broken{
			claim: func(s store, ctx context.Context, c notification.Channel, now, _ time.Time, limit int) ([]notification.Notification, error) {
				return s.Claim(ctx, c, now, now, limit)
			},
		}},
		"gives_an_ended_lease_at_once": {"an_ended_lease_is_given_anew_after_a_grace", broken{
			claim: func(s store, ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
				ns, err := s.Claim(ctx, c, now, until, limit)
				if err != nil || len(ns) > 0 {
					return ns, err
				}
				return s.Claim(ctx, c, now.Add(notification.Grace), until, limit)
			},
		}},
		"takes_the_lease_away_for_the_grace": {"the_grace_lets_the_owner_settle", broken{
			claim: func(s store, ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
				ns, err := s.Claim(ctx, c, now, until, limit)
				if err != nil || len(ns) > 0 {
					return ns, err
				}
				grace := now.Add(notification.Grace)
				_, err = s.Claim(ctx, c, grace, grace, limit)
				return ns, err
			},
		}},
		"does_not_know_what_is_settled": {"a_lost_lease_changes_nothing", broken{
			settle: func(s store, ctx context.Context, n notification.Notification) error {
				if err := s.Settle(ctx, n); !errors.Is(err, notification.ErrSettled) {
					return err
				}
				return notification.ErrLeaseLost
			},
		}},
		"settles_without_the_lease": {"a_lost_lease_changes_nothing", broken{
			settle: func(s store, ctx context.Context, n notification.Notification) error {
				_ = s.Settle(ctx, n)
				return nil
			},
		}},
		"forgets_when_to_retry": {"a_retry_is_due_when_it_says", broken{
			settle: func(s store, ctx context.Context, n notification.Notification) error {
				n.Due = n.Due.Add(time.Hour)
				return s.Settle(ctx, n)
			},
		}},
		"outdates_nothing_that_is_stored": {"what_is_outdated_is_not_sent", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				if r.Kind == notification.EventCancelled {
					r.Kind = notification.ItemsCancelled
				}
				return s.Enqueue(ctx, r)
			},
		}},
		"tries_again_what_is_outdated": {"what_is_outdated_while_it_is_leased_is_not_tried_again", broken{
			raw: func(db *sqlitedb.DB, s store) func(context.Context, notification.Notification) error {
				return func(ctx context.Context, n notification.Notification) error {
					if err := s.Settle(ctx, n); err != nil {
						return err
					}
					return db.Write(ctx, func(tx *sql.Tx) error {
						_, err := tx.Exec(`UPDATE deliveries SET status = ? WHERE id = ?`, n.Status, n.ID)
						return err
					})
				}
			},
		}},
		"forgets_what_was_sent_of_the_outdated": {"what_is_outdated_while_it_is_sent_is_sent", broken{
			settle: func(s store, ctx context.Context, n notification.Notification) error {
				if n.Status == notification.Sent {
					n.Status = notification.Pending
				}
				return s.Settle(ctx, n)
			},
		}},
		"knows_nothing_of_what_is_outdated": {"who_has_leased_it_can_ask_whether_it_is_outdated", broken{
			outdated: func(store, context.Context, notification.Notification) (bool, error) { return false, nil },
		}},
		"serves_whoever_came_first": {"the_lowest_turn_comes_first", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				r.Deliveries = slices.Clone(r.Deliveries)
				for i := range r.Deliveries {
					r.Deliveries[i].Turn = 0
				}
				return s.Enqueue(ctx, r)
			},
		}},
		"keeps_the_turn_of_what_is_tried_again": {"what_is_tried_again_has_the_turn_that_it_was_settled_with", broken{
			settle: func(s store, ctx context.Context, n notification.Notification) error {
				n.Turn = 1
				return s.Settle(ctx, n)
			},
		}},
		"claims_whatever_the_channel": {"a_channel_is_claimed_alone", broken{
			claim: func(s store, ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
				ns, err := s.Claim(ctx, c, now, until, limit)
				if err != nil || len(ns) == limit {
					return ns, err
				}
				other := map[notification.Channel]notification.Channel{notification.Email: notification.SMS, notification.SMS: notification.Email}[c]
				more, err := s.Claim(ctx, other, now, until, limit-len(ns))
				return append(ns, more...), err
			},
		}},
		"tells_in_the_order_of_arrival": {"one_that_comes_late_goes_first", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				if r.Kind == notification.ItemsCancelled {
					r.Version += 100
				}
				return s.Enqueue(ctx, r)
			},
		}},
		"brings_nothing_forward": {"what_waits_too_long_waits_until_the_latest", broken{
			forward: func(store, context.Context, time.Time, time.Time) error { return nil },
		}},
		"brings_forward_what_waits_as_what_is_leased": {"what_waits_too_long_waits_until_the_latest", broken{
			forward: func(s store, ctx context.Context, leased, _ time.Time) error {
				return s.BringForward(ctx, leased, leased)
			},
		}},
		"brings_forward_what_is_leased_as_what_waits": {"a_lease_that_ends_too_late_ends_at_the_latest", broken{
			forward: func(s store, ctx context.Context, _, waiting time.Time) error {
				return s.BringForward(ctx, waiting, waiting)
			},
		}},
		"knows_no_quota":          {"what_is_over_a_quota_is_stored_as_failed", broken{enqueue: withoutQuotas}},
		"counts_before_it_stores": {"racing_callers_never_pass_a_quota", broken{enqueue: countsFirst()}},
		"counts_what_comes_again": {"a_record_counts_once", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				outcome, err := s.Enqueue(ctx, r)
				if err != nil || outcome != notification.Ignored {
					return outcome, err
				}
				r.MessageID = uuid.NewString()
				_, err = asItsFirst(s, ctx, r)
				return outcome, err
			},
		}},
		"counts_by_the_hour": {"a_quota_is_for_any_period", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				r.At = r.At.Truncate(notification.QuotaPeriod)
				return s.Enqueue(ctx, r)
			},
		}},
		"has_one_quota_for_all": {"quotas_of_other_keys_and_records_without_are_not_concerned", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				r.Quotas = slices.Clone(r.Quotas)
				for i := range r.Quotas {
					r.Quotas[i].Key = "all"
				}
				return s.Enqueue(ctx, r)
			},
		}},
		"counts_all_that_a_booking_is_told": {"a_booking_that_is_told_needs_no_quota", broken{enqueue: asItsFirst}},
		"counts_the_first_of_a_booking_alone": {"a_cancellation_in_part_needs_a_quota", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				if r.Part != "" {
					r.Quotas = nil
				}
				return s.Enqueue(ctx, r)
			},
		}},
		"sends_an_SMS_over_its_quota": {"an_SMS_over_its_quota_is_dropped_and_its_mail_goes", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				r.SMSQuotas = nil
				return s.Enqueue(ctx, r)
			},
		}},
		"counts_SMS_by_the_record": {"racing_callers_never_pass_a_quota_of_SMS", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				r.SMSQuotas = slices.Clone(r.SMSQuotas)
				for i := range r.SMSQuotas {
					r.SMSQuotas[i].Key += r.MessageID
				}
				return s.Enqueue(ctx, r)
			},
		}},
		"counts_SMS_that_are_not_sent": {"what_is_not_sent_uses_no_quota_of_its_SMS", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				outcome, err := s.Enqueue(ctx, r)
				if err == nil && outcome == notification.Limited {
					r.MessageID, r.Quotas = uuid.NewString(), nil
					_, err = asItsFirst(s, ctx, r)
				}
				return outcome, err
			},
		}},
		"counts_what_needs_no_quota": {"a_booking_that_is_told_uses_no_quota", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				outcome, err := s.Enqueue(ctx, r)
				if err == nil && outcome == notification.Stored && r.Kind != notification.Confirmation {
					r.MessageID = uuid.NewString()
					_, err = asItsFirst(s, ctx, r)
				}
				return outcome, err
			},
		}},
		"takes_a_booking_for_told_that_a_quota_stopped": {"a_booking_that_a_quota_stopped_needs_one", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				if r.Kind != notification.Confirmation {
					r.Quotas = nil
				}
				return s.Enqueue(ctx, r)
			},
		}},
		"forgets_nothing": {"what_is_old_is_without_personal_data", broken{
			forget: func(_ store, _ context.Context, _ time.Time, _ int) (int, error) { return 0, nil },
		}},
		"forgets_what_is_leased": {"what_is_leased_is_forgotten_later", broken{
			forget: func(s store, ctx context.Context, t time.Time, limit int) (int, error) {
				return s.Forget(ctx, t.Add(time.Hour), limit)
			},
		}},
		"forgets_all_at_once": {"it_goes_by_pieces", broken{
			forget: func(s store, ctx context.Context, t time.Time, _ int) (int, error) { return s.Forget(ctx, t, 1000) },
		}},
		"orders_nothing": {"a_later_one_waits_for_the_one_that_is_sent", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				if r.Kind == notification.ItemsCancelled {
					r.Version = 0
				}
				return s.Enqueue(ctx, r)
			},
		}},
		"says_of_nothing_that_it_is_overtaken": {"what_is_overtaken_says_so", broken{
			claim: func(s store, ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
				ns, err := s.Claim(ctx, c, now, until, limit)
				for i := range ns {
					ns[i].Overtaken = false
				}
				return ns, err
			},
		}},
		"says_of_everything_that_it_is_overtaken": {"a_record_of_which_nobody_is_told_overtakes_nothing", broken{
			claim: func(s store, ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
				ns, err := s.Claim(ctx, c, now, until, limit)
				for i := range ns {
					ns[i].Overtaken = true
				}
				return ns, err
			},
		}},
		"takes_a_request_for_a_change": {"what_is_asked_for_again_overtakes_nothing", broken{
			enqueue: func(s store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				if r.Kind == notification.Resent {
					r.Kind = notification.ItemsCancelled
				}
				return s.Enqueue(ctx, r)
			},
		}},
		"shows_everybody_everything": {"filters_choose", broken{
			list: func(s store, ctx context.Context, f notification.Filter) ([]notification.Notification, error) {
				f.UserID = ""
				return s.List(ctx, f)
			},
		}},
		"pages_by_time_alone": {"pages_neither_repeat_nor_skip_while_others_are_added", broken{
			list: func(s store, ctx context.Context, f notification.Filter) ([]notification.Notification, error) {
				if f.After != nil {
					f.After = &notification.Position{CreatedAt: f.After.CreatedAt, ID: ""}
				}
				return s.List(ctx, f)
			},
		}},
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			notificationtest.TestStore(t, func(t *testing.T) notification.Store {
				db, b := open(t), b.broken
				b.Store = sqlite.New(db)
				if b.raw != nil {
					b.settle = func(_ store, ctx context.Context, n notification.Notification) error {
						return b.raw(db, b.Store)(ctx, n)
					}
				}
				return b
			})
		}, b.caughtBy)
	}
}

// outdatedAsAnother lets whatever is newer outdate records of kind.
func outdatedAsAnother(kind notification.Kind) func(notification.Store, context.Context, notification.Record) (notification.Outcome, error) {
	return func(s notification.Store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
		if r.Kind == kind {
			r.Kind = notification.NotCompleted
		}
		return s.Enqueue(ctx, r)
	}
}

// asItsFirst enqueues r as the first of another booking.
func asItsFirst(s notification.Store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
	r.BookingID, r.Deliveries = uuid.NewString(), slices.Clone(r.Deliveries)
	for i := range r.Deliveries {
		r.Deliveries[i].ID, r.Deliveries[i].BookingID = uuid.NewString(), r.BookingID
	}
	return s.Enqueue(ctx, r)
}

func withoutQuotas(s notification.Store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
	r.Quotas = nil
	return s.Enqueue(ctx, r)
}

// countsFirst counts the uses in one step and stores in another: two callers at
// the same time both see the old count.
func countsFirst() func(notification.Store, context.Context, notification.Record) (notification.Outcome, error) {
	var mu sync.Mutex
	used := map[string]int{}
	return func(s notification.Store, ctx context.Context, r notification.Record) (notification.Outcome, error) {
		mu.Lock()
		for _, q := range r.Quotas {
			if used[q.Key] >= q.Most {
				mu.Unlock()
				return s.Enqueue(ctx, r)
			}
		}
		mu.Unlock()
		outcome, err := withoutQuotas(s, ctx, r)
		mu.Lock()
		defer mu.Unlock()
		for _, q := range r.Quotas {
			used[q.Key]++
		}
		return outcome, err
	}
}

// claimInTwoSteps reads what is due and marks it in another step: a caller that
// comes between the two gets what the one before it has.
func claimInTwoSteps() func(notification.Store, context.Context, notification.Channel, time.Time, time.Time, int) ([]notification.Notification, error) {
	var mu sync.Mutex
	var before []notification.Notification
	return func(s notification.Store, ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
		mu.Lock()
		defer mu.Unlock()
		if got := before; len(got) > 1 {
			before = nil
			return got, nil
		}
		got, err := s.Claim(ctx, c, now, until, limit)
		before = got
		return got, err
	}
}

func TestAKnownMessageHasAReceipt(t *testing.T) {
	t.Parallel()
	db := open(t)
	at := time.Now()
	store, inbox := sqlite.New(db), inboxsqlite.New(db)
	id := uuid.NewString()
	if _, err := store.Enqueue(t.Context(), notification.Record{MessageID: id, BookingID: uuid.NewString(), At: at}); err != nil {
		t.Fatal(err)
	}
	if known, err := inbox.Known(t.Context(), []string{id, uuid.NewString()}); err != nil || len(known) != 1 || known[0] != id {
		t.Errorf("known are %v (%v), want the one message", known, err)
	}
	// When the inbox has forgotten it, it is still not told again.
	if err := inbox.Prune(t.Context(), at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if outcome, err := store.Enqueue(t.Context(), notification.Record{MessageID: id, At: at}); outcome != notification.Ignored || err != nil {
		t.Errorf("after the inbox was pruned: outcome %q, error %v", outcome, err)
	}
}

func TestWhatWasSentLongAgoUsesNoQuota(t *testing.T) {
	t.Parallel()
	db := open(t)
	store, at := sqlite.New(db), time.Now()
	for i, d := range []time.Duration{-30 * 24 * time.Hour, -time.Hour, 0} {
		r := notification.Record{MessageID: uuid.NewString(), BookingID: uuid.NewString(), At: at.Add(d), Kind: notification.Confirmation,
			Quotas: []notification.Quota{{Key: "a", Most: 10}}, Deliveries: []notification.Notification{{
				ID: uuid.NewString(), Channel: notification.Email, Status: notification.Pending, CreatedAt: at, Due: at,
			}}}
		if outcome, err := store.Enqueue(t.Context(), r); outcome != notification.Stored || err != nil {
			t.Fatalf("record %d: %q, %v", i, outcome, err)
		}
	}
	if err := store.PruneQuotas(t.Context(), at.Add(-2*notification.QuotaPeriod)); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := db.Read.QueryRowContext(t.Context(), `SELECT count(*) FROM quota_uses`).Scan(&left); err != nil || left != 2 {
		t.Errorf("%d uses are left (%v), want the two of the last hours", left, err)
	}
}

func TestEndLeasesFreesWhatAKilledProcessHad(t *testing.T) {
	t.Parallel()
	store := sqlite.New(open(t))
	at := time.Now()
	r := notification.Record{MessageID: uuid.NewString(), At: at, Kind: notification.Test, Deliveries: []notification.Notification{{
		ID: uuid.NewString(), Channel: notification.Email, Status: notification.Pending, CreatedAt: at, Due: at,
	}}}
	if _, err := store.Enqueue(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if ns, err := store.Claim(t.Context(), notification.Email, at, at.Add(time.Hour), 1); err != nil || len(ns) != 1 {
			t.Fatalf("claimed %v, %v; want one", ns, err)
		}
		if err := store.EndLeases(t.Context(), at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEndLeasesLeavesWhatWaitsForAnotherAttempt(t *testing.T) {
	t.Parallel()
	store := sqlite.New(open(t))
	at := time.Now()
	r := notification.Record{MessageID: uuid.NewString(), At: at, Kind: notification.Test, Deliveries: []notification.Notification{{
		ID: uuid.NewString(), Channel: notification.Email, Status: notification.Pending, CreatedAt: at, Due: at,
	}}}
	if _, err := store.Enqueue(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	claim := func(want int) []notification.Notification {
		t.Helper()
		ns, err := store.Claim(t.Context(), notification.Email, at, at.Add(time.Minute), 1)
		if err != nil || len(ns) != want {
			t.Fatalf("claimed %v, %v; want %d", ns, err, want)
		}
		return ns
	}
	n := claim(1)[0]
	at = at.Add(2 * time.Minute)
	claim(0) // finds that the lease has ended
	n.Attempts, n.Due = 1, at.Add(time.Hour)
	if err := store.Settle(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if err := store.EndLeases(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	claim(0)
	at = at.Add(time.Hour)
	claim(1)
}
