package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/broker"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

func TestAMessageIsPublishedAtOnceAndClosedSoon(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		o := w.options()
		o.Interval = 700 * time.Millisecond
		r := w.relay(o)
		time.Sleep(10 * time.Millisecond) // its first look is over
		w.insert(1)
		r.Wake()
		time.Sleep(time.Millisecond)
		w.effects(1, 1)
		w.open(1)
		time.Sleep(2 * time.Second)
		w.open(0)
		if n := w.tries.Load(); n != 1 {
			w.Errorf("published %d times", n)
		}
		if w.log.Len() > 0 {
			w.Errorf("logged:\n%s", w.log.String())
		}
	})
}

// An entry that cannot be read keeps no other from the broker, and does not fill
// the log. Once somebody has mended it, it is published.
func TestAnUnreadableEntryKeepsNoOther(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.insert(3)
		attributes := func(value string) {
			w.Helper()
			if err := w.db.Write(w.Context(), func(tx *sql.Tx) error {
				_, err := tx.ExecContext(w.Context(), value)
				return err
			}); err != nil {
				w.Fatal(err)
			}
		}
		attributes(`ALTER TABLE outbox ADD COLUMN kept TEXT`)
		attributes(`UPDATE outbox SET kept = attributes, attributes = '[]' WHERE id = (SELECT min(id) FROM outbox)`)
		r := w.relay(w.options())
		time.Sleep(24 * time.Hour)
		w.effects(2, 2)
		w.open(1)
		if n := strings.Count(w.log.String(), "cannot be read"); n == 0 || n > 50 {
			w.Errorf("%d lines in the log in a day, want some", n)
		}
		attributes(`UPDATE outbox SET attributes = kept WHERE kept IS NOT NULL`)
		time.Sleep(2 * time.Hour)
		r.Wake()
		w.effects(3, 3)
		w.open(0)
	})
}

// A clock that is a day ahead for a moment delays no message for a day, whether the
// message was claimed, or is to be asked about or published again.
func TestAClockThatIsSetBackDelaysNothingForLong(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var wrong atomic.Int64
		o := w.options()
		o.Now = func() time.Time { return time.Now().Add(time.Duration(wrong.Load())).Round(0) }
		wrong.Store(int64(24 * time.Hour))
		w.publish = func(context.Context, events.Message) error {
			if wrong.Load() != 0 {
				return errLost
			}
			return nil
		}
		w.insert(10)
		killed := o.Now()
		if claimed, err := w.store.Claim(w.Context(), killed, killed.Add(30*time.Second), 3); err != nil || len(claimed) != 3 {
			w.Fatalf("%d are claimed (%v), want 3", len(claimed), err)
		}
		w.relay(o)
		time.Sleep(10 * time.Second)
		wrong.Store(0)
		time.Sleep(6 * time.Minute)
		w.effects(10, 10)
		w.open(0)
	})
}

// claims counts those of a store.
type claims struct {
	outbox.Store
	n atomic.Int64
}

func (c *claims) Claim(ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
	c.n.Add(1)
	return c.Store.Claim(ctx, now, until, limit)
}

func TestInASaleMessagesGoTogether(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		o := w.options()
		c := &claims{Store: o.Store}
		o.Store = c
		r := w.relay(o)
		time.Sleep(10 * time.Millisecond)
		c.n.Store(0)
		for range 100 {
			w.insert(1)
			r.Wake()
			time.Sleep(time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond)
		w.effects(100, 100)
		if n := c.n.Load(); n > 10 {
			w.Errorf("%d claims for what came within 100 ms, want few", n)
		}
		time.Sleep(2 * time.Second)
		w.open(0)
		if n := w.mail.asked.Load(); n > 3 {
			w.Errorf("a consumer was asked %d times for receipts, want few", n)
		}
	})
}

func TestWhatWasCommittedBeforeACrashIsPublishedWithoutAWake(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.insert(600) // more than two batches
		w.relay(w.options())
		time.Sleep(10 * time.Millisecond)
		w.effects(600, 600)
		time.Sleep(2 * time.Second)
		w.open(0)
	})
}

func TestALossyBrokerLosesNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		rnd := rand.New(rand.NewPCG(1, 2))
		var mu sync.Mutex
		w.publish = func(ctx context.Context, m events.Message) error {
			mu.Lock()
			defer mu.Unlock()
			switch rnd.IntN(4) {
			case 0:
				return errLost
			case 1:
				return errAway
			case 2: // delivered twice
				return w.broker.Publish(ctx, topic, m)
			}
			return nil
		}
		r := w.relay(w.options())
		for range 10 {
			w.insert(50)
			r.Wake()
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(5 * time.Minute)
		w.open(0)
		w.effects(500, 500)
	})
}

func TestASlowConsumerIsNotSentEverythingTwice(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.event.failing.Store(true)
		w.relay(w.options())
		w.insert(100)
		time.Sleep(4900 * time.Millisecond)
		if n := w.tries.Load(); n != 100 {
			w.Errorf("%d publications before the grace is over, want 100", n)
		}
		time.Sleep(10 * time.Minute)
		// Again after 5, 10, 15, 23, 39, 69 and 99 s; then it is a dead letter.
		if n := w.tries.Load(); n != 800 {
			w.Errorf("%d publications in all, want 800", n)
		}
		w.open(0) // its dead letters are receipts, too
		w.effects(0, 100)
	})
}

func TestAConsumerThatDoesNotAnswerClosesNothingAndHidesNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.mail.silent.Store(true)
		lost := map[string]bool{}
		w.publish = func(_ context.Context, m events.Message) error {
			if len(lost) == 0 { // the first message's first publication
				lost[m.ID] = true
				return errLost
			}
			return nil
		}
		r := w.relay(w.options())
		w.insert(300)
		time.Sleep(10 * time.Minute)
		w.open(300)
		w.effects(300, 300) // event's lost one was published again
		if n := w.tries.Load(); n != 301 {
			w.Errorf("%d publications, want 301", n)
		}
		if n := w.mail.asked.Load(); n > 60 {
			w.Errorf("asked %d times in ten minutes of silence", n)
		}
		w.logged(`"an outage begins"`, 1)

		// What is new is not held up by the silence, nor does it break it.
		asked := w.mail.asked.Load()
		for range 60 {
			w.insert(1)
			r.Wake()
			time.Sleep(time.Second)
		}
		time.Sleep(3 * time.Second) // one question may come in between
		w.effects(360, 360)
		if n := w.mail.asked.Load() - asked; n > 6 {
			w.Errorf("asked %d times in another minute", n)
		}

		w.mail.silent.Store(false)
		time.Sleep(time.Minute)
		w.open(0)
		w.logged(`"an outage has ended"`, 1)
	})
}

func TestABrokerOutageIsWaitedOutAndToldOnce(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var away atomic.Bool
		away.Store(true)
		w.publish = func(context.Context, events.Message) error {
			if away.Load() {
				return errAway
			}
			return nil
		}
		r := w.relay(w.options())
		for range 120 {
			w.insert(10)
			r.Wake()
			time.Sleep(500 * time.Millisecond)
		}
		if n := w.tries.Load(); n > 40*16 {
			w.Errorf("%d publications in a minute's outage", n)
		}
		w.logged(`"an outage begins" of=publishing`, 1)
		away.Store(false)
		time.Sleep(40 * time.Second)
		w.open(0)
		w.effects(1200, 1200)
		w.logged(`"an outage has ended" of=publishing`, 1)
	})
}

func TestMessagesThatTheBrokerRefusesHoldUpNoOthers(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		refused := map[string]bool{}
		for _, id := range w.insert(40) { // more than are tried first in an outage
			refused[id] = true
		}
		w.publish = func(_ context.Context, m events.Message) error {
			if refused[m.ID] {
				return errAway
			}
			return nil
		}
		w.insert(1000)
		w.relay(w.options())
		time.Sleep(30 * time.Second)
		w.effects(1000, 1000)
		w.open(40)
	})
}

// batches records how large the batches of each topic are.
type batches struct {
	*world
	mu sync.Mutex
	of map[string][]int
}

func (b *batches) Publish(ctx context.Context, topic string, batch ...events.Message) error {
	b.mu.Lock()
	b.of[topic] = append(b.of[topic], len(batch))
	b.mu.Unlock()
	return b.world.Publish(ctx, topic, batch...)
}

// all returns how large they were so far.
func (b *batches) all() map[string][]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.of)
}

func TestWhatIsDueIsOneBatchOfEachTopic(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		b := &batches{world: w, of: map[string][]int{}}
		o := w.options()
		o.Publisher = b
		w.insert(100)
		w.insertTo("elsewhere", 50)
		w.relay(o)
		time.Sleep(10 * time.Millisecond)
		if diff := cmp.Diff(map[string][]int{topic: {100}, "elsewhere": {50}}, b.all()); diff != "" {
			w.Errorf("batches (-want +got):\n%s", diff)
		}
	})
}

func TestAnOutageIsProbedWithAFewMessages(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		b := &batches{world: w, of: map[string][]int{}}
		o := w.options()
		o.Publisher = b
		var away atomic.Bool
		away.Store(true)
		w.publish = func(context.Context, events.Message) error {
			if away.Load() {
				return errAway
			}
			return nil
		}
		w.insert(100)
		w.relay(o)
		time.Sleep(time.Minute)
		synctest.Wait()
		if probes := b.all()[topic][1:]; len(probes) == 0 || slices.Max(probes) != 16 {
			w.Errorf("batches of %v messages in the outage, want up to 16", probes)
		}
		away.Store(false)
		time.Sleep(40 * time.Second)
		w.effects(100, 100)
	})
}

// What panics at one message sends the others, and ends nothing.
func TestAMessageThatPublishingPanicsAtHoldsUpNoOthers(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		poison := w.insert(1)[0]
		var tries atomic.Int64
		w.publish = func(_ context.Context, m events.Message) error {
			if m.ID == poison {
				tries.Add(1)
				panic("a defect")
			}
			return nil
		}
		r := w.relay(w.options())
		time.Sleep(time.Second)
		w.insert(1)
		r.Wake()
		time.Sleep(10 * time.Millisecond) // not even a pause
		w.effects(1, 1)
		w.insert(1000)
		time.Sleep(30 * time.Second)
		w.effects(1001, 1001)
		w.open(1)
		if n := tries.Load(); n > 30 {
			w.Errorf("the message was tried %d times within 31 s, want pauses", n)
		}
		if log := w.log.String(); !strings.Contains(log, "id="+poison) || !strings.Contains(log, "relay_test.go") {
			w.Errorf("the log lacks the message, or the stack:\n%s", log)
		}
	})
}

// panicking panics in its first claims.
type panicking struct {
	outbox.Store
	left atomic.Int64
}

func (s *panicking) Claim(ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
	if s.left.Add(-1) >= 0 {
		panic("a defect")
	}
	return s.Store.Claim(ctx, now, until, limit)
}

func (*panicking) Prune(context.Context, time.Time) error { panic("another defect") }

func TestTheRelayOutlivesAPanicOfItsStore(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		o := w.options()
		store := &panicking{Store: o.Store}
		store.left.Store(2)
		o.Store = store
		w.insert(1)
		w.relay(o)
		time.Sleep(30 * time.Second)
		w.effects(1, 1)
		w.open(0)
	})
}

// A broker that reaches one consumer and not the other is no broker that is
// away: the one has everything as soon as ever.
func TestAConsumerThatCannotBeReachedKeepsNothingFromTheOthers(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var away atomic.Bool
		away.Store(true)
		w.publish = func(ctx context.Context, m events.Message) error {
			if !away.Load() {
				return nil
			}
			return errors.Join(broker.ErrPartly, errAway, w.event.handle(ctx, m))
		}
		w.insert(1000)
		w.relay(w.options())
		time.Sleep(10 * time.Second)
		w.effects(1000, 0)
		w.logged("an outage begins", 0)
		away.Store(false)
		time.Sleep(2 * time.Minute)
		w.effects(1000, 1000)
		w.open(0)
	})
}

// forgetful loses what the relay writes, as a crash between the publication
// and the mark does.
type forgetful struct{ outbox.Store }

func (forgetful) Published(context.Context, []string, time.Time, time.Time) error { return nil }

func TestACrashBetweenPublicationAndMarkLosesNothing(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		o := w.options()
		o.Store = forgetful{w.store}
		r, err := outbox.NewRelay(o)
		if err != nil {
			w.Fatal(err)
		}
		w.insert(10)
		stop := w.start(r.Run)
		time.Sleep(time.Second)
		stop()
		w.open(10)
		w.effects(10, 10)

		w.relay(w.options())
		time.Sleep(40 * time.Second) // the claim must run out
		w.open(0)
		w.effects(10, 10)
		if n := w.tries.Load(); n != 20 {
			w.Errorf("%d publications, want 20", n)
		}
	})
}

// failing fails while away is true.
type failing struct {
	outbox.Store
	away *atomic.Bool
}

func (s failing) Claim(ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
	if s.away.Load() {
		return nil, errAway
	}
	return s.Store.Claim(ctx, now, until, limit)
}

// unprunable is full of what cannot be deleted in time.
type unprunable struct{ outbox.Store }

func (unprunable) Prune(context.Context, time.Time) error { return errAway }

func TestAPruneThatFailsStopsNoMessage(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		o := w.options()
		o.Store = unprunable{w.store}
		w.relay(o)
		w.insert(10)
		time.Sleep(time.Minute)
		w.effects(10, 10)
		w.open(0)
		w.logged("background work failed", 1)
	})
}

func TestAStoreOutageIsWaitedOutAndToldOnce(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		var away atomic.Bool
		away.Store(true)
		o := w.options()
		o.Store = failing{w.store, &away}
		w.relay(o)
		w.insert(3)
		time.Sleep(time.Minute)
		away.Store(false)
		time.Sleep(time.Minute)
		w.open(0)
		w.logged(`"an outage begins" of="the outbox's store"`, 1)
		w.logged(`"an outage has ended" of="the outbox's store"`, 1)
	})
}

func TestRunMarksWhatItHasPublishedWhenItEnds(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		w.publish = func(context.Context, events.Message) error {
			time.Sleep(time.Second) // and does not heed the end
			return errLost
		}
		r, err := outbox.NewRelay(w.options())
		if err != nil {
			w.Fatal(err)
		}
		ids := w.insert(20) // the first of which is under way
		stop := w.start(r.Run)
		time.Sleep(500 * time.Millisecond)
		stop()
		entries, err := w.store.Claim(w.Context(), time.Now().Add(time.Minute), time.Now().Add(time.Hour), 100)
		if err != nil {
			w.Fatal(err)
		}
		attempts := 0
		for _, e := range entries {
			attempts += e.Attempts
		}
		if len(entries) != len(ids) || attempts != int(w.tries.Load()) {
			w.Errorf("%d attempts marked of %d made, on %d entries", attempts, w.tries.Load(), len(entries))
		}
		if w.log.Len() > 0 {
			w.Errorf("an end is no failure, but logged:\n%s", w.log.String())
		}
	})
}

func TestSeveralRelaysPublishEachMessageOnce(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		for range 4 {
			w.relay(w.options())
		}
		w.insert(1000)
		time.Sleep(4 * time.Second)
		w.open(0)
		w.effects(1000, 1000)
		if n := w.tries.Load(); n != 1000 {
			w.Errorf("%d publications, want 1000", n)
		}
	})
}

func TestClosedEntriesArePrunedAfterADay(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		o := w.options()
		o.Interval = time.Minute
		w.relay(o)
		w.insert(5)
		count := func() (n int) {
			if err := w.db.Read.QueryRow(`SELECT count(*) FROM outbox`).Scan(&n); err != nil {
				w.Fatal(err)
			}
			return n
		}
		time.Sleep(23 * time.Hour)
		if n := count(); n != 5 {
			w.Errorf("%d rows after 23 hours, want 5", n)
		}
		time.Sleep(3 * time.Hour)
		if n := count(); n != 0 {
			w.Errorf("%d rows after 26 hours, want none", n)
		}
	})
}

func TestATopicThatNobodyIsKnownToConsumeStaysOpen(t *testing.T) {
	t.Parallel()
	inWorld(t, func(w *world) {
		o := w.options()
		o.Consumers = nil
		w.relay(o)
		w.insert(1)
		time.Sleep(time.Minute)
		w.open(1)
		if !strings.Contains(w.log.String(), "level=ERROR") {
			w.Error("nothing is logged")
		}
	})
}

func TestNewRelayNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]outbox.Options{
		"store":     {Publisher: &world{}},
		"publisher": {Store: &watched{}},
		"receipts": {Store: &watched{}, Publisher: &world{},
			Consumers: map[string]map[string]outbox.Receipts{topic: {"event": nil}}},
	} {
		if _, err := outbox.NewRelay(o); err == nil {
			t.Errorf("no %s: no error", name)
		}
	}
}
