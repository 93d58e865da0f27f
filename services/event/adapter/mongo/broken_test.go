//go:build integration

package mongo

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/eventtest"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
	"github.com/openboxoffice/boxoffice/services/internal/outbox/outboxtest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// TestSuitesCatchBrokenAdapters: each forgets one condition of an update.
func TestSuitesCatchBrokenAdapters(t *testing.T) {
	t.Parallel()
	mongotest.Serving(t) // so that the children have a server to share
	for name, b := range map[string]struct {
		caughtBy string
		suite    func(t *testing.T, open func(t *testing.T) eventtest.Adapter)
		spoil    func(s *Store, a *eventtest.Adapter)
	}{
		"takes_without_asking_what_is_left": {
			"64_workers_for_the_last_seats", eventtest.TestInventory,
			func(s *Store, a *eventtest.Adapter) { a.Inventory = takesBlindly{s} },
		},
		"gives_back_without_a_mark": {
			"racing_releases_give_back_once", eventtest.TestInventory,
			func(s *Store, a *eventtest.Adapter) { a.Inventory = givesBlindly{s} },
		},
		"returns_whatever_was_read": {
			"racing_returns_give_back_no_more_than_there_is", eventtest.TestInventory,
			func(s *Store, a *eventtest.Adapter) { a.Inventory = returnsBlindly{s} },
		},
		"releases_what_was_read": {
			"return_and_release_of_one_attempt_race", eventtest.TestInventory,
			func(s *Store, a *eventtest.Adapter) { a.Inventory = releasesBlindly{s} },
		},
		"notes_the_message_first": {
			"a_cancelled_context_changes_nothing", eventtest.TestInventory,
			func(s *Store, a *eventtest.Adapter) { a.Inventory = notesFirst{s} },
		},
		"takes_each_sale_of_a_batch_for_made": {
			"a_message_is_known_when_it_has_had_its_effect", eventtest.TestInventory,
			func(s *Store, _ *eventtest.Adapter) {
				s.sales = mongodb.NewBatches(func(ctx context.Context, sales []sale) ([]bool, error) {
					done, err := s.sell(ctx, sales)
					for i := range done {
						done[i] = true
					}
					return done, err
				})
			},
		},
		"lists_by_the_records_id": {
			"the_order_is_that_of_booking_and_attempt", eventtest.TestHoldings,
			func(s *Store, a *eventtest.Adapter) { a.Holdings = listsByID{s} },
		},
		"lists_what_was_read": {
			"a_short_page_is_the_last", eventtest.TestHoldings,
			func(s *Store, a *eventtest.Adapter) { a.Holdings = listsOnce{s} },
		},
		"edits_any_version": {
			"racing_updates_are_not_lost", eventtest.TestStore,
			func(s *Store, a *eventtest.Adapter) { a.Store = editsBlindly{s} },
		},
		"stores_the_message_apart": {
			"racing_cancellations_leave_one_message", eventtest.TestStore,
			func(s *Store, a *eventtest.Adapter) { a.Store = tellsApart{s} },
		},
		"deletes_with_the_message": {
			"delete_is_refused_while_the_message_is_open", eventtest.TestStore,
			func(s *Store, a *eventtest.Adapter) { a.Store = deletesWithMessage{s} },
		},
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			b.suite(t, func(t *testing.T) eventtest.Adapter {
				s := openStore(t)
				a := eventtest.Adapter{Store: s, Inventory: s, Holdings: s, Known: s.Inbox().Known, Outbox: s.Outbox()}
				b.spoil(s, &a)
				return a
			})
		}, b.caughtBy)
	}
}

// TestTheOutboxSuiteCatchesBrokenAdapters, too.
func TestTheOutboxSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	mongotest.Serving(t) // so that the children have a server to share
	for name, b := range map[string]struct {
		caughtBy string
		spoil    func(o *Outbox) outbox.Store
	}{
		"claims_what_it_has_seen": {
			"two_callers_never_get_the_same_entry", func(o *Outbox) outbox.Store { return claimsBlindly{o} },
		},
		"brings_forward_what_is_closed": {
			"bring_forward_changes_what_is_due_too_late", func(o *Outbox) outbox.Store { return forwardsBlindly{o} },
		},
		"marks_what_is_closed": {
			"marks_ignore_unknown_and_closed_ids", func(o *Outbox) outbox.Store { return marksBlindly{o} },
		},
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			outboxtest.TestStore(t, func(t *testing.T) outboxtest.Fixture {
				s := openStore(t)
				f := outboxOf(s)
				f.Store = b.spoil(s.Outbox())
				return f
			})
		}, b.caughtBy)
	}
}

type claimsBlindly struct{ *Outbox }

func (b claimsBlindly) Claim(ctx context.Context, now, until time.Time, limit int) ([]outbox.Entry, error) {
	due, err := b.due(ctx, now, limit)
	if err != nil {
		return nil, err
	}
	entries := []outbox.Entry{}
	for i := range due {
		e := due[i].entry()
		entries = append(entries, e)
		if err := b.Postpone(ctx, []string{e.Message.ID}, until); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

type forwardsBlindly struct{ *Outbox }

func (b forwardsBlindly) BringForward(ctx context.Context, latest time.Time) error {
	return b.events.UpdateAll(ctx, bson.M{"message_id": bson.M{"$gt": ""}}, bson.M{"$set": bson.M{"message_due": micros(latest)}})
}

type marksBlindly struct{ *Outbox }

func (b marksBlindly) Postpone(ctx context.Context, ids []string, next time.Time) error {
	for _, id := range ids {
		if _, err := b.events.Update(ctx, bson.M{"message_id": id}, bson.M{"$set": bson.M{"message_due": micros(next)}}); err != nil {
			return err
		}
	}
	return nil
}

type takesBlindly struct{ *Store }

func (b takesBlindly) Reserve(ctx context.Context, k event.Key, want []event.Request, now time.Time) (*event.Reservation, error) {
	e, err := b.Get(ctx, k.EventID)
	if err != nil {
		return nil, err
	}
	var items []events.Item
	if items, err = e.Reserve(want, now); err != nil {
		return nil, err
	}
	inc := bson.M{}
	for _, i := range items {
		inc["types."+i.TicketTypeID+".available"] = -i.Quantity
	}
	_, err = b.events.Update(ctx, bson.M{"_id": k.EventID}, bson.M{"$inc": inc})
	return &event.Reservation{Key: k, State: event.Held, Event: e.Snapshot(), Items: items}, err
}

// having is the records that have tickets, up to k's attempt.
func (s *Store) having(ctx context.Context, k event.Key) ([]recordDoc, error) {
	if _, err := s.reserved(ctx, k); err != nil { // it moves the hold out
		return nil, err
	}
	recs, err := s.attempts(ctx, k)
	return slices.DeleteFunc(recs, func(r recordDoc) bool { return r.EventID != k.EventID || !r.open() }), err
}

type givesBlindly struct{ *Store }

func (b givesBlindly) Release(ctx context.Context, k event.Key) error {
	recs, err := b.having(ctx, k)
	for i := range recs {
		_, putErr := b.putBack(ctx, k.EventID, uuid.NewString(), recs[i].ID, recs[i].rest(), nil)
		err = errors.Join(err, putErr, b.giveBack(ctx, &recs[i]))
	}
	return err
}

type returnsBlindly struct{ *Store }

func (b returnsBlindly) Return(ctx context.Context, k event.Key, _ string, items []event.Request) error {
	rec, err := b.reserved(ctx, k)
	if err != nil {
		return err
	}
	if err := rec.reservation().Return(rec.returned(), items); err != nil {
		return err
	}
	if _, err := b.reservations.Update(ctx, byID(rec.ID), bson.M{"$set": bson.M{"returns." + uuid.NewString(): newReturnDoc(items, time.Now())}}); err != nil {
		return err
	}
	_, err = b.putBack(ctx, k.EventID, uuid.NewString(), rec.ID, items, nil)
	return err
}

type releasesBlindly struct{ *Store }

func (b releasesBlindly) Release(ctx context.Context, k event.Key) error {
	recs, err := b.having(ctx, k)
	for i := range recs {
		<-time.After(time.Millisecond) // lets a return come
		_, putErr := b.putBack(ctx, k.EventID, recs[i].Nonce, recs[i].ID, recs[i].rest(), nil)
		err = errors.Join(err, putErr)
	}
	return errors.Join(err, b.Store.Release(ctx, k))
}

type notesFirst struct{ *Store }

func (b notesFirst) Sell(ctx context.Context, messageID string, k event.Key) error {
	if _, err := b.Inbox().Record(context.WithoutCancel(ctx), messageID, time.Now()); err != nil {
		return err
	}
	return b.Store.Sell(ctx, messageID, k)
}

// listsByID goes by "<booking>/<attempt>", where the tenth comes before the second.
type listsByID struct{ *Store }

func (b listsByID) Holdings(ctx context.Context, after string, _ int) ([]event.Holding, error) {
	var recs []recordDoc
	err := b.reservations.All(ctx, bson.M{"booking_id": bson.M{"$gt": after}}, &recs, options.Find().SetSort(bson.M{"_id": 1}))
	page := []event.Holding{}
	for i := range recs {
		page = append(page, recs[i].holding())
	}
	return page, err
}

// listsOnce leaves out what is empty, and reads no more in its place.
type listsOnce struct{ *Store }

func (b listsOnce) Holdings(ctx context.Context, after string, limit int) ([]event.Holding, error) {
	recs, err := b.holding(ctx, bson.M{"booking_id": bson.M{"$gt": after}}, limit)
	page := []event.Holding{}
	for i := range recs {
		if h := recs[i].holding(); h.Tickets > 0 {
			page = append(page, h)
		}
	}
	return page, err
}

type editsBlindly struct{ *Store }

func (b editsBlindly) Update(ctx context.Context, id string, edit func(*event.Event) error) (*event.Event, error) {
	e, err := b.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	next := *e
	next.TicketTypes = append([]event.TicketType(nil), e.TicketTypes...)
	if err := edit(&next); err != nil {
		return nil, err
	}
	if err := e.Revise(&next); err != nil {
		return nil, err
	}
	_, change := revision(e, &next)
	_, err = b.events.Update(ctx, bson.M{"_id": id}, change)
	return &next, err
}

// tellsApart sets the message after the change, of whatever version.
type tellsApart struct{ *Store }

func (b tellsApart) Cancel(ctx context.Context, id string, cancel func(*event.Event) (events.Message, error)) (*event.Event, error) {
	e, err := b.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	next := *e
	m, err := cancel(&next)
	if err != nil {
		return nil, err
	}
	out, err := outgoing(events.TopicEvents, m, m.Time)
	if err != nil {
		return nil, err
	}
	if err := e.Revise(&next); err != nil {
		return nil, err
	}
	_, change := revision(e, &next)
	if _, err = b.events.Update(ctx, bson.M{"_id": id}, change); err != nil {
		return nil, err
	}
	_, err = b.events.Update(ctx, bson.M{"_id": id}, bson.M{"$set": out})
	return &next, err
}

type deletesWithMessage struct{ *Store }

func (b deletesWithMessage) Delete(ctx context.Context, id string, check func(*event.Event) error) error {
	if err := b.Store.Delete(ctx, id, check); !errors.Is(err, event.ErrNotTold) {
		return err
	}
	_, err := b.events.Remove(ctx, byID(id))
	return err
}
