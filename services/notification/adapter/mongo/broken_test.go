//go:build integration

package mongo_test

import (
	"context"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	driver "go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/mongo"
	"github.com/openboxoffice/boxoffice/services/notification/notificationtest"
)

// broken is a store with some of its methods replaced by what one gets wrong
// in MongoDB.
type broken struct {
	notification.Store
	messages *driver.Collection
	enqueue  func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error)
	claim    func(b broken, ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error)
	settle   func(b broken, ctx context.Context, n notification.Notification) error
}

func (b broken) Enqueue(ctx context.Context, r notification.Record) (notification.Outcome, error) {
	if b.enqueue == nil {
		return b.Store.Enqueue(ctx, r)
	}
	return b.enqueue(b, ctx, r)
}

func (b broken) Claim(ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
	if b.claim == nil {
		return b.Store.Claim(ctx, c, now, until, limit)
	}
	return b.claim(b, ctx, c, now, until, limit)
}

func (b broken) Settle(ctx context.Context, n notification.Notification) error {
	if b.settle == nil {
		return b.Store.Settle(ctx, n)
	}
	return b.settle(b, ctx, n)
}

func set(field string, value any) bson.D {
	return bson.D{{Key: "$set", Value: bson.D{{Key: field, Value: value}}}}
}

func TestStoreSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	mongotest.Serving(t) // so that the children have a server to share
	for name, test := range map[string]struct {
		caughtBy string
		broken   broken
	}{
		"claims_by_find_and_update": {"two_callers_never_get_the_same_delivery", broken{claim: claimUnconditionally}},
		"settles_by_id_alone": {"a_lost_lease_changes_nothing", broken{
			settle: func(b broken, ctx context.Context, n notification.Notification) error {
				if _, err := b.messages.UpdateOne(ctx, bson.D{{Key: "email.id", Value: n.ID}}, set("email.lease", n.Lease)); err != nil {
					return err
				}
				return b.Store.Settle(ctx, n)
			},
		}},
		"gives_an_ended_lease_at_once": {"an_ended_lease_is_given_anew_after_a_grace", broken{
			claim: func(b broken, ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
				ns, err := b.Store.Claim(ctx, c, now, until, limit)
				if err != nil || len(ns) > 0 {
					return ns, err
				}
				return b.Store.Claim(ctx, c, now.Add(notification.Grace), until, limit)
			},
		}},
		"takes_the_lease_away_for_the_grace": {"the_grace_lets_the_owner_settle", broken{
			claim: func(b broken, ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
				ns, err := b.Store.Claim(ctx, c, now, until, limit)
				if err != nil || len(ns) > 0 {
					return ns, err
				}
				grace := now.Add(notification.Grace)
				_, err = b.Store.Claim(ctx, c, grace, grace, limit)
				return ns, err
			},
		}},
		"replaces_what_is_there": {"a_known_message_id_changes_nothing", broken{
			enqueue: func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				if _, err := b.messages.DeleteOne(ctx, bson.D{{Key: "_id", Value: r.MessageID}}); err != nil {
					return notification.Ignored, err
				}
				return b.Store.Enqueue(ctx, r)
			},
		}},
		"has_times_of_milliseconds": {"deliveries_come_back_as_they_were_stored", broken{
			enqueue: func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				for i, n := range r.Deliveries {
					r.Deliveries[i].CreatedAt = bson.NewDateTimeFromTime(n.CreatedAt).Time()
				}
				return b.Store.Enqueue(ctx, r)
			},
		}},
		"tells_a_booking_once_of_each_kind": {"each_cancellation_in_part_is_told", broken{
			enqueue: func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				r.Part = ""
				return b.Store.Enqueue(ctx, r)
			},
		}},
		"lets_a_cancellation_in_part_outdate_everything": {"a_confirmation_is_told_after_a_cancellation_in_part", broken{
			enqueue: func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				if r.Kind == notification.Confirmation {
					r.Kind = notification.NotCompleted
				}
				return b.Store.Enqueue(ctx, r)
			},
		}},
		"counts_in_place_of_reading": {"a_record_counts_once", broken{
			enqueue: func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				outcome, err := b.Store.Enqueue(ctx, r)
				for _, q := range r.Quotas {
					if outcome != notification.Ignored || err != nil {
						break
					}
					_, err = b.messages.Database().Collection("quotas").UpdateOne(ctx, bson.D{{Key: "_id", Value: q.Key}},
						bson.D{{Key: "$push", Value: bson.D{{Key: "uses", Value: bson.D{{Key: "message", Value: newID()}, {Key: "at", Value: r.At.UnixMicro()}}}}}})
				}
				return outcome, err
			},
		}},
		"uses_a_quota_by_two_requests": {"racing_callers_never_pass_a_quota", broken{
			enqueue: func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				quotas := b.messages.Database().Collection("quotas")
				for _, q := range r.Quotas {
					var known struct{ Uses bson.A }
					if err := quotas.FindOne(ctx, bson.D{{Key: "_id", Value: q.Key}}).Decode(&known); err == nil && len(known.Uses) >= q.Most {
						return b.Store.Enqueue(ctx, r)
					}
				}
				all := r.Quotas
				r.Quotas = nil
				outcome, err := b.Store.Enqueue(ctx, r)
				for _, q := range all {
					if err != nil {
						break
					}
					_, err = quotas.UpdateOne(ctx, bson.D{{Key: "_id", Value: q.Key}}, bson.D{
						{Key: "$push", Value: bson.D{{Key: "uses", Value: bson.D{{Key: "message", Value: r.MessageID}, {Key: "at", Value: r.At.UnixMicro()}}}}},
					}, options.UpdateOne().SetUpsert(true))
				}
				return outcome, err
			},
		}},
		"counts_all_that_a_booking_is_told": {"a_booking_that_is_told_needs_no_quota", broken{
			enqueue: func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				r.BookingID = newID()
				return b.Store.Enqueue(ctx, r)
			},
		}},
		"counts_the_first_of_a_booking_alone": {"a_cancellation_in_part_needs_a_quota", broken{
			enqueue: func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				if r.Part != "" {
					r.Quotas = nil
				}
				return b.Store.Enqueue(ctx, r)
			},
		}},
		"sends_an_SMS_over_its_quota": {"an_SMS_over_its_quota_is_dropped_and_its_mail_goes", broken{
			enqueue: func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				r.SMSQuotas = nil
				return b.Store.Enqueue(ctx, r)
			},
		}},
		"takes_a_booking_for_told_that_a_quota_stopped": {"a_booking_that_a_quota_stopped_needs_one", broken{
			enqueue: func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				n, err := b.messages.CountDocuments(ctx, bson.D{{Key: "booking_id", Value: r.BookingID}})
				if err != nil {
					return notification.Ignored, err
				}
				if n > 0 {
					r.Quotas = nil
				}
				return b.Store.Enqueue(ctx, r)
			},
		}},
		"forgets_the_calendar": {"deliveries_come_back_as_they_were_stored", broken{
			claim: func(b broken, ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
				ns, err := b.Store.Claim(ctx, c, now, until, limit)
				for i := range ns {
					ns[i].Calendar = ""
				}
				return ns, err
			},
		}},
		"has_no_unique_index": {"a_booking_is_told_once_of_each_kind", broken{
			enqueue: func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				// Dropping it again is an error, and means the same.
				_ = b.messages.Indexes().DropOne(ctx, "once")
				return b.Store.Enqueue(ctx, r)
			},
		}},
	} {
		suitetest.MustFail(t, name, func(t *testing.T) {
			notificationtest.TestStore(t, func(t *testing.T) notification.Store {
				o := database(t)
				b := test.broken
				b.Store, b.messages = open(t, o), raw(t, o)
				return b
			})
		}, test.caughtBy)
	}
}

// claimUnconditionally looks for what is due, and then updates it whatever has
// become of it.
func claimUnconditionally(b broken, ctx context.Context, _ notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
	cursor, err := b.messages.Find(ctx, bson.D{
		{Key: "email.status", Value: notification.Pending},
		{Key: "email.due", Value: bson.D{{Key: "$lte", Value: now.UnixMicro()}}},
	})
	if err != nil {
		return nil, err
	}
	var found []struct {
		ID    string `bson:"_id"`
		Email struct{ ID string }
	}
	if err := cursor.All(ctx, &found); err != nil {
		return nil, err
	}
	claimed := []notification.Notification{}
	for _, m := range found[:min(limit, len(found))] {
		if _, err := b.messages.UpdateOne(ctx, bson.D{{Key: "_id", Value: m.ID}}, set("email.due", until.UnixMicro())); err != nil {
			return nil, err
		}
		claimed = append(claimed, notification.Notification{ID: m.Email.ID})
	}
	return claimed, nil
}

// The crashes are a suite as well: adapters that are right until they crash.
func TestTheCrashesCatchBrokenAdapters(t *testing.T) {
	t.Parallel()
	mongotest.Serving(t) // so that the children have a server to share
	enqueues := func(f func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error)) variant {
		return func(t *testing.T, db *mongo.Store, o mongodb.Options) (notification.Store, inbox.Store) {
			return broken{Store: db, messages: raw(t, o), enqueue: f}, db.Inbox()
		}
	}
	for name, test := range map[string]struct {
		caughtBy string
		as       variant
	}{
		"has_a_receipt_for_the_undecided": {"alone", func(t *testing.T, db *mongo.Store, o mongodb.Options) (notification.Store, inbox.Store) {
			return db, knowsAll{db.Inbox(), raw(t, o)}
		}},
		"takes_the_undecided_for_known": {"alone", enqueues(
			func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				n, err := b.messages.CountDocuments(ctx, bson.D{{Key: "_id", Value: r.MessageID}})
				if err != nil || n > 0 {
					return notification.Ignored, err
				}
				return b.Store.Enqueue(ctx, r)
			})},
		"forgets_what_is_newer": {"after_one_that_crashed", enqueues(
			func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				if r.Kind == notification.Confirmation {
					r.Version = 99
				}
				return b.Store.Enqueue(ctx, r)
			})},
		"lets_a_cancellation_in_part_outdate_the_undecided": {"in_part_after_one_that_crashed", enqueues(
			func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				if r.Kind == notification.ItemsCancelled {
					r.Kind = notification.NotCompleted
				}
				return b.Store.Enqueue(ctx, r)
			})},
		"lets_the_undecided_in_part_be_outdated": {"after_one_in_part_that_crashed", enqueues(
			func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				if r.Kind == notification.ItemsCancelled {
					r.Kind = notification.Confirmation
				}
				return b.Store.Enqueue(ctx, r)
			})},
		"stores_one_delivery_after_the_other": {"alone", enqueues(
			func(b broken, ctx context.Context, r notification.Record) (notification.Outcome, error) {
				all := r.Deliveries
				r.Deliveries = all[:1]
				stored, err := b.Store.Enqueue(ctx, r)
				if err != nil || stored == notification.Ignored || ctx.Err() != nil {
					return stored, err
				}
				_, err = b.messages.UpdateOne(ctx, bson.D{{Key: "_id", Value: r.MessageID}}, set("sms", bson.D{
					{Key: "id", Value: all[1].ID}, {Key: "subject", Value: all[1].Subject}, {Key: "status", Value: all[1].Status},
					{Key: "due", Value: all[1].Due.UnixMicro()}, {Key: "created_at", Value: all[1].CreatedAt.UnixMicro()},
				}))
				return stored, err
			})},
	} {
		suitetest.MustFail(t, name, func(t *testing.T) { crashes(t, test.as) }, test.caughtBy)
	}
}

// knowsAll has a receipt for every message that is there.
type knowsAll struct {
	inbox.Store
	messages *driver.Collection
}

func (k knowsAll) Known(ctx context.Context, ids []string) ([]string, error) {
	known := []string{}
	for _, id := range ids {
		n, err := k.messages.CountDocuments(ctx, bson.D{{Key: "_id", Value: id}})
		if err != nil {
			return nil, err
		}
		if n > 0 {
			known = append(known, id)
		}
	}
	return known, nil
}
