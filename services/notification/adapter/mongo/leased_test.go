//go:build integration

package mongo_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/mongo"
)

// twoLeased is two messages of a booking, the second of a higher version, of which
// so many deliveries are leased from their birth.
type twoLeased struct {
	o        mongodb.Options
	leased   int
	as       variant
	at       time.Time
	messages [2]notification.Record
	sent     map[notification.Channel][]string // kinds, in the order in which they were sent
}

func newTwoLeased(t *testing.T, as variant, kinds [2]notification.Kind, leased int) *twoLeased {
	w := &twoLeased{o: database(t), leased: leased, as: as, at: time.Now().Truncate(time.Microsecond), sent: map[notification.Channel][]string{}}
	booking := newID()
	for i, kind := range kinds {
		r := record(newID(), booking, kind, int64(i+1), w.at)
		for k := range r.Deliveries[:leased] {
			r.Deliveries[k].Lease, r.Deliveries[k].Due, r.Deliveries[k].Kind = newID(), w.at.Add(time.Minute), kind
		}
		w.messages[i] = r
	}
	return w
}

// enqueue stores a message in a process that lets in do something after so many
// commands, and returns what it has leased then.
func (w *twoLeased) enqueue(t *testing.T, i, commands int, in func(die context.CancelFunc)) (leased []notification.Notification, reached bool) {
	t.Helper()
	db, ctx, c := opened(t, w.o, commands)
	die := c.die
	c.die = func() { in(die) }
	store, _ := w.as(t, db, w.o)
	outcome, err := store.Enqueue(ctx, w.messages[i])
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if outcome == notification.Leased && ctx.Err() == nil {
		leased = w.messages[i].Deliveries[:w.leased]
	}
	return leased, c.left.Swap(0) <= 0 // closing makes commands, too
}

// send sends what is leased, unless it is known to be outdated.
func (w *twoLeased) send(t *testing.T, store notification.Store, leased []notification.Notification) {
	t.Helper()
	for _, n := range leased {
		outdated, err := store.Outdated(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		if n.Status = notification.Outdated; !outdated {
			n.Status = notification.Sent
			w.sent[n.Channel] = append(w.sent[n.Channel], string(n.Kind))
		}
		if err := store.Settle(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
}

// finish sends again what has no receipt, and lets time go by.
func (w *twoLeased) finish(t *testing.T) {
	t.Helper()
	store, receipts := w.as(t, open(t, w.o), w.o)
	for _, r := range w.messages {
		known, err := receipts.Known(t.Context(), []string{r.MessageID})
		if err != nil {
			t.Fatal(err)
		}
		if len(known) == 0 {
			if outcome, err := store.Enqueue(t.Context(), r); err != nil {
				t.Fatal(err)
			} else if outcome == notification.Leased {
				w.send(t, store, r.Deliveries[:w.leased])
			}
		}
	}
	for now := w.at.Add(time.Second); now.Before(w.at.Add(3 * time.Minute)); now = now.Add(notification.Grace) {
		claimed, err := claimAll(t.Context(), store, now, now.Add(time.Hour), 10)
		if err != nil {
			t.Fatal(err)
		}
		w.send(t, store, claimed)
	}
}

// Of what is leased from its birth all is told once, and nothing that is outdated,
// whenever a process dies or is held up.
func TestWhatIsLeasedFromItsBirthIsToldInOrder(t *testing.T) {
	t.Parallel()
	t.Log(mongotest.Serving(t))
	toldInOrder(t, sound)
}

func toldInOrder(t *testing.T, as variant) {
	const confirmed, cancelled, inPart = notification.Confirmation, notification.Cancellation, notification.ItemsCancelled
	for _, c := range []struct {
		kinds [2]notification.Kind
		want  []string // one of it is sent by each channel
	}{
		{[2]notification.Kind{confirmed, cancelled}, []string{"cancellation", "confirmation, cancellation"}},
		{[2]notification.Kind{confirmed, inPart}, []string{"confirmation, items_cancelled", "items_cancelled, confirmation"}}, // each is news
	} {
		for name, run := range map[string]func(t *testing.T, w *twoLeased, commands int) (reached bool){
			"older dies, newer comes": func(t *testing.T, w *twoLeased, commands int) bool {
				leased, died := w.enqueue(t, 0, commands, func(die context.CancelFunc) { die() })
				w.send(t, open(t, w.o), leased)
				leased, _ = w.enqueue(t, 1, 0, nil)
				w.send(t, open(t, w.o), leased)
				return died
			},
			"newer comes, older dies": func(t *testing.T, w *twoLeased, commands int) bool {
				newer, _ := w.enqueue(t, 1, 0, nil)
				older, died := w.enqueue(t, 0, commands, func(die context.CancelFunc) { die() })
				w.send(t, open(t, w.o), append(older, newer...))
				return died
			},
			"newer dies, older comes": func(t *testing.T, w *twoLeased, commands int) bool {
				_, died := w.enqueue(t, 1, commands, func(die context.CancelFunc) { die() })
				leased, _ := w.enqueue(t, 0, 0, nil)
				w.send(t, open(t, w.o), leased)
				return died
			},
			"newer comes while older is held up": func(t *testing.T, w *twoLeased, commands int) bool {
				var newer []notification.Notification
				older, reached := w.enqueue(t, 0, commands, func(context.CancelFunc) { newer, _ = w.enqueue(t, 1, 0, nil) })
				w.send(t, open(t, w.o), append(older, newer...))
				return reached
			},
			"older comes while newer is held up": func(t *testing.T, w *twoLeased, commands int) bool {
				var older []notification.Notification
				newer, reached := w.enqueue(t, 1, commands, func(context.CancelFunc) { older, _ = w.enqueue(t, 0, 0, nil) })
				w.send(t, open(t, w.o), append(older, newer...))
				return reached
			},
		} {
			t.Run(strings.ReplaceAll(fmt.Sprintf("%s/%s", c.kinds[1], name), " ", "_"), func(t *testing.T) {
				t.Parallel()
				for leased := 1; leased <= 2; leased++ { // the mail, or the SMS as well
					commands := 1
					for reached := true; reached && !t.Failed(); commands++ {
						w := newTwoLeased(t, as, c.kinds, leased)
						reached = run(t, w, commands)
						w.finish(t)
						for _, channel := range []notification.Channel{notification.Email, notification.SMS} {
							if got := strings.Join(w.sent[channel], ", "); !slices.Contains(c.want, got) {
								t.Errorf("%d leased, at command %d: sent by %s are %q, want one of %q", leased, commands, channel, got, c.want)
							}
						}
					}
					if commands < 3 {
						t.Error("that cannot have been all")
					}
				}
			})
		}
	}
}

func TestTheOrderCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	mongotest.Serving(t) // so that the children have a server to share
	looked := func(b broken, ctx context.Context) error {
		_, err := b.messages.UpdateMany(ctx, bson.D{}, bson.D{{Key: "$unset", Value: bson.D{{Key: "unchecked", Value: ""}}}})
		return err
	}
	for name, test := range map[string]struct {
		caughtBy string
		broken   broken
	}{
		"claims_without_looking": {"cancellation/newer_comes,_older_dies", broken{
			claim: func(b broken, ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
				if err := looked(b, ctx); err != nil {
					return nil, err
				}
				return b.Store.Claim(ctx, c, now, until, limit)
			},
		}},
		"leases_whatever_else_there_is": {"items_cancelled/older_comes_while_newer_is_held_up", broken{
			enqueue: func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				outcome, err := b.Store.Enqueue(ctx, r)
				if outcome == notification.Stored {
					outcome = notification.Leased
				}
				return outcome, err
			},
		}},
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			toldInOrder(t, func(t *testing.T, db *mongo.Store, o mongodb.Options) (notification.Store, inbox.Store) {
				b := test.broken
				b.Store, b.messages = db, raw(t, o)
				return b, db.Inbox()
			})
		}, test.caughtBy)
	}
}
