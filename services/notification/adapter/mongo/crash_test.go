//go:build integration

package mongo_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.mongodb.org/mongo-driver/v2/event"
	driver "go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/mongo"
)

// A process that is held up between two operations, while a newer message is
// taken in elsewhere, tells nothing that is no longer so when it goes on.
func TestAProcessThatIsHeldUpTellsNothingStale(t *testing.T) {
	t.Parallel()
	for commands, want := range map[int]string{1: cancelled, 2: cancelled, 3: cancelled + ", " + confirmed} {
		t.Run(fmt.Sprint(commands), func(t *testing.T) {
			o := database(t)
			elsewhere, booking, at := open(t, o), newID(), time.Now()
			db, ctx, c := opened(t, o, commands)
			c.die = func() { // it does not; the driver waits for this
				stored, err := elsewhere.Enqueue(t.Context(), record(newID(), booking, notification.Cancellation, 2, at))
				if err != nil || stored == notification.Ignored {
					t.Errorf("the newer one: stored %v, error %v", stored, err)
				}
			}
			stored, err := db.Enqueue(ctx, record(newID(), booking, notification.Confirmation, 1, at))
			if err != nil || (stored != notification.Ignored) != (commands == 3) {
				t.Errorf("the older one: stored %v, error %v", stored, err)
			}
			got := told(t, raw(t, o), booking)
			slices.Sort(got)
			if is := strings.Join(got, ", "); is != want {
				t.Errorf("told are %q, want %q", is, want)
			}
		})
	}
}

// crashing is a process that dies when the database has done what its n-th
// command says. To the database it is all the same whether the process learned
// of that: so these are all the crashes there are.
type crashing struct {
	left atomic.Int64
	die  context.CancelFunc
}

func (c *crashing) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{
		Succeeded: func(context.Context, *event.CommandSucceededEvent) { c.count() },
		Failed:    func(context.Context, *event.CommandFailedEvent) { c.count() },
	}
}

func (c *crashing) count() {
	if c.left.Add(-1) == 0 {
		c.die()
	}
}

// opened is a store that dies, and the context that ends with it, after so
// many commands from now.
func opened(t *testing.T, o mongodb.Options, commands int) (*mongo.Store, context.Context, *crashing) {
	t.Helper()
	ctx, die := context.WithCancel(t.Context())
	t.Cleanup(die)
	c := &crashing{die: die}
	o.Monitor = c.monitor()
	db := open(t, o)
	c.left.Store(int64(commands))
	return db, ctx, c
}

// crash enqueues r in a process that dies after so many commands. died is
// false when it needed fewer.
func crash(t *testing.T, o mongodb.Options, r notification.Record, commands int) (died bool) {
	t.Helper()
	return crashAs(t, o, r, commands, sound)
}

func crashAs(t *testing.T, o mongodb.Options, r notification.Record, commands int, as variant) bool {
	t.Helper()
	db, ctx, c := opened(t, o, commands)
	store, _ := as(t, db, o)
	_, err := store.Enqueue(ctx, r)
	if c.left.Load() > 0 && err != nil {
		t.Fatalf("Enqueue failed of itself: %v", err)
	}
	return c.left.Load() <= 0
}

// variant makes the adapter's two stores, or broken ones.
type variant func(*testing.T, *mongo.Store, mongodb.Options) (notification.Store, inbox.Store)

func sound(_ *testing.T, db *mongo.Store, _ mongodb.Options) (notification.Store, inbox.Store) {
	return db, db.Inbox()
}

// world is a booking's messages and what has happened to them: each is
// enqueued as told by before, the last one in a process that dies. Whatever is
// not known afterwards is enqueued again, as its publisher does.
type world struct {
	before []int // after how many commands the process dies that enqueues it; 0: it does not
	kinds  []notification.Kind
	want   string // what is told in the end
}

const (
	confirmed = "confirmation by email, confirmation by sms"
	cancelled = "cancellation by email, cancellation by sms"
	inPart    = "items_cancelled by email, items_cancelled by sms"
)

var worlds = map[string]world{
	"alone": {kinds: []notification.Kind{notification.Confirmation}, want: confirmed},
	"after_one_that_is_told": {
		before: []int{0},
		kinds:  []notification.Kind{notification.Confirmation, notification.Cancellation},
		want:   cancelled + ", " + confirmed,
	},
	"after_one_that_crashed": {
		before: []int{1},
		kinds:  []notification.Kind{notification.Confirmation, notification.Cancellation},
		want:   cancelled,
	},
	"after_one_that_crashed_when_it_had_looked": {
		before: []int{2},
		kinds:  []notification.Kind{notification.Confirmation, notification.Cancellation},
		want:   cancelled,
	},
	"in_part_after_one_that_crashed": { // which is told, late
		before: []int{1},
		kinds:  []notification.Kind{notification.Confirmation, notification.ItemsCancelled},
		want:   confirmed + ", " + inPart,
	},
	"after_one_in_part_that_crashed": {
		before: []int{2},
		kinds:  []notification.Kind{notification.ItemsCancelled, notification.Cancellation},
		want:   cancelled + ", " + inPart,
	},
	"after_one_that_crashed_when_it_had_used_its_quota": {
		before: []int{4},
		kinds:  []notification.Kind{notification.Confirmation, notification.Cancellation},
		want:   cancelled,
	},
	"in_part_after_one_that_crashed_when_it_had_used_its_quota": {
		before: []int{4},
		kinds:  []notification.Kind{notification.Confirmation, notification.ItemsCancelled},
		want:   confirmed + ", " + inPart,
	},
	"the_same_again": {
		before: []int{0},
		kinds:  []notification.Kind{notification.Confirmation, notification.Confirmation},
		want:   confirmed,
	},
	"the_same_again_after_one_that_crashed": {
		before: []int{1},
		kinds:  []notification.Kind{notification.Confirmation, notification.Confirmation},
		want:   confirmed,
	},
}

func TestACrashBetweenAnyTwoOperations(t *testing.T) {
	t.Parallel()
	crashes(t, sound)
}

func crashes(t *testing.T, as variant) {
	for name, w := range worlds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, commands := database(t), 1
			for w.crash(t, o, as, commands) {
				commands++
			}
			t.Logf("crashed after each of %d commands", commands-1)
			if commands < 3 {
				t.Error("that cannot have been all")
			}
		})
	}
}

// counted is how often the booking counts: once for itself, and for each part.
func (w world) counted() int {
	most := 1
	for _, kind := range w.kinds {
		if kind == notification.ItemsCancelled {
			most++
		}
	}
	return most
}

// crash reports false when the last process needed fewer commands to finish.
func (w world) crash(t *testing.T, o mongodb.Options, as variant, commands int) (died bool) {
	t.Helper()
	db, messages := open(t, o), raw(t, o)
	booking, at := newID(), time.Now().Truncate(time.Microsecond)
	ids := make([]string, len(w.kinds))
	message := func(i int) notification.Record {
		r := record(ids[i], booking, w.kinds[i], int64(i+1), at)
		r.Quotas = []notification.Quota{{Key: booking, Most: w.counted()}}
		return r
	}
	store, receipts := as(t, db, o)
	for i := range w.kinds {
		ids[i] = newID()
		dies := commands
		if i < len(w.before) {
			dies = w.before[i]
		}
		died = dies > 0 && crashAs(t, o, message(i), dies, as)
		if dies == 0 {
			if _, err := store.Enqueue(t.Context(), message(i)); err != nil {
				t.Fatal(err)
			}
		}
		whole(t, messages, booking)
	}
	// The newest first: order is not promised.
	for i := len(ids) - 1; i >= 0; i-- {
		// A receipt ends its publisher's trying. Without one it is sent, and
		// sent once more for good measure.
		known, err := receipts.Known(t.Context(), ids[i:i+1])
		if err != nil {
			t.Fatal(err)
		}
		for range 2 * (1 - len(known)) {
			if _, err := store.Enqueue(t.Context(), message(i)); err != nil {
				t.Fatal(err)
			}
			whole(t, messages, booking)
		}
	}
	got := told(t, messages, booking)
	slices.Sort(got)
	if is := strings.Join(got, ", "); is != w.want {
		t.Errorf("after a crash behind command %d, told are %q; want %q", commands, is, w.want)
	}
	claimedOnce(t, db, booking, at, len(got))
	return died
}

// A message that is over one of its quotas uses no other, whenever its process died.
func TestACrashBeforeQuotasAreFreed(t *testing.T) {
	t.Parallel()
	for name, booking := range map[string]func() string{"of_a_booking": newID, "of_none": func() string { return "" }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, at, commands := database(t), time.Now().Truncate(time.Microsecond), 0
			store := open(t, o)
			enqueue := func(r notification.Record, want notification.Outcome) {
				t.Helper()
				if got, err := store.Enqueue(t.Context(), r); err != nil || got != want {
					t.Fatalf("Enqueue: %v, %v; want %v", got, err, want)
				}
			}
			for died := true; died; {
				commands++
				account, address := notification.Quota{Key: "account/" + newID(), Most: 1}, notification.Quota{Key: "to/" + newID(), Most: 1}
				first := record(newID(), booking(), notification.Confirmation, 1, at)
				first.Quotas = []notification.Quota{address}
				enqueue(first, notification.Stored)

				limited := record(newID(), booking(), notification.Confirmation, 1, at)
				limited.Quotas = []notification.Quota{account, address}
				died = crash(t, o, limited, commands)
				if _, err := store.Enqueue(t.Context(), limited); err != nil {
					t.Fatal(err)
				}

				other := record(newID(), booking(), notification.Confirmation, 1, at)
				other.Quotas = []notification.Quota{account}
				t.Logf("a crash behind command %d", commands)
				enqueue(other, notification.Stored)
			}
			if commands < 4 {
				t.Errorf("crashed after each of %d commands: that cannot have been all", commands-1)
			}
		})
	}
}

// whole checks that no message has but one of its deliveries.
func whole(t *testing.T, messages *driver.Collection, booking string) {
	t.Helper()
	if got := told(t, messages, booking); len(got)%2 != 0 {
		t.Errorf("deliveries that come alone: %v", got)
	}
}

// claimAll claims up to limit deliveries of all channels together.
func claimAll(ctx context.Context, s notification.Store, now, until time.Time, limit int) ([]notification.Notification, error) {
	mails, err := s.Claim(ctx, notification.Email, now, until, limit)
	if err != nil || len(mails) == limit {
		return mails, err
	}
	texts, err := s.Claim(ctx, notification.SMS, now, until, limit-len(mails))
	return append(mails, texts...), err
}

func claimedOnce(t *testing.T, s notification.Store, booking string, at time.Time, want int) {
	t.Helper()
	// What a newer message outdates is not claimed; what is later waits its turn.
	outdated, err := s.List(t.Context(), notification.Filter{BookingID: booking, Status: notification.Outdated, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	claimed := map[string]int{}
	for range 6 {
		ns, err := claimAll(t.Context(), s, at, at.Add(24*time.Hour), 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range ns {
			claimed[n.ID]++
			n.Status = notification.Sent
			if err := s.Settle(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		at = at.Add(2 * notification.Behind)
	}
	if len(claimed)+len(outdated) != want {
		t.Errorf("%d deliveries are claimed and %d outdated, want %d", len(claimed), len(outdated), want)
	}
}

// A worker that dies while it claims or settles leaves each delivery either
// leased or due, and once the leases have ended all of them are claimed again,
// but for those that are settled.
func TestACrashWhileClaiming(t *testing.T) {
	t.Parallel()
	died := true
	for commands := 1; died && !t.Failed(); commands++ {
		t.Run(fmt.Sprint(commands), func(t *testing.T) {
			o := database(t)
			store, at := open(t, o), time.Now().Truncate(time.Microsecond)
			want := map[string]int{}
			for range 2 {
				r := record(newID(), newID(), notification.Confirmation, 1, at)
				if _, err := store.Enqueue(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				for _, n := range r.Deliveries {
					want[n.ID] = 1
				}
			}
			db, ctx, c := opened(t, o, commands)
			dying := db
			ns, _ := claimAll(ctx, dying, at, at.Add(time.Minute), 3)
			if len(ns) > 0 {
				ns[0].Status = notification.Sent
				if dying.Settle(ctx, ns[0]) == nil {
					delete(want, ns[0].ID)
				}
			}
			died = c.left.Load() <= 0
			// The first look finds that leases have ended, the next one that their graces have.
			again, err := claimAll(t.Context(), store, at.Add(time.Minute), at.Add(time.Hour), 10)
			if err != nil {
				t.Fatal(err)
			}
			rest, err := claimAll(t.Context(), store, at.Add(time.Minute+notification.Grace), at.Add(time.Hour), 10)
			if err != nil {
				t.Fatal(err)
			}
			again = append(again, rest...)
			got := map[string]int{}
			for _, n := range again {
				got[n.ID]++
			}
			if len(ns) > 0 && died && got[ns[0].ID] == 0 {
				delete(want, ns[0].ID) // it was settled, and the process died before it knew
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("claimable when the leases have ended (-want +got):\n%s", diff)
			}
		})
	}
}
