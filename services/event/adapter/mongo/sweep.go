package mongo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

const (
	moveEvery  = 50 * time.Millisecond
	sweepEvery = 10 * time.Second
	pruneEvery = time.Minute
	// settledAfter is how old something unfinished must be for its operation
	// to be over.
	settledAfter = 2 * operationLimit
	// marksFor is how long a mark tells a delayed update that it comes too
	// late. Each is some hundred bytes of an event's document, which can have
	// 16 MiB: in this time, an event may see 100,000 releases.
	marksFor = 10 * time.Minute
	// messagesFor is longer than any publisher goes on about a message.
	messagesFor = 90 * 24 * time.Hour
	// batch is how much is read at a time.
	batch = 500
)

// Run moves out holds, sweeps and prunes until ctx ends. Any number of processes may do so on
// one database.
func (s *Store) Run(ctx context.Context, log *slog.Logger) error {
	move, sweep, prune := time.NewTicker(moveEvery), time.NewTicker(sweepEvery), time.NewTicker(pruneEvery)
	defer move.Stop()
	defer sweep.Stop()
	defer prune.Stop()
	work := func(what string, do func(context.Context) error) {
		if err := worker.Try(ctx, log, what, func() error { return do(ctx) }); err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "inventory not tidied", "work", what, "error", err)
		}
	}
	sweepAll := func(ctx context.Context) error { return s.sweep(ctx, log) }
	pruneAll := func(ctx context.Context) error { return s.prune(ctx, log) }
	work("sweep", sweepAll)
	work("prune", pruneAll)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-move.C:
			work("move out", s.moveOutPlaced)
		case <-sweep.C:
			work("sweep", sweepAll)
		case <-prune.C:
			work("prune", pruneAll)
		}
	}
}

// Sweep finishes what operations that are over have left unfinished: releases
// of which the closure stands, returns that a record has promised, and holds
// whose tickets are taken. It removes what deleted events leave. An intent without a hold takes nothing and may stay.
func (s *Store) Sweep(ctx context.Context) error { return s.sweep(ctx, slog.Default()) }

func (s *Store) sweep(ctx context.Context, log *slog.Logger) error {
	return errors.Join(s.sweepClosures(ctx, log), s.sweepReturns(ctx, log), s.sweepHolds(ctx, log), s.sweepDeleted(ctx, log), s.sweepImages(ctx, log))
}

func (s *Store) sweepClosures(ctx context.Context, log *slog.Logger) error {
	var open []closureDoc
	if _, err := s.closures.AllReadable(ctx, bson.D{
		s.havePassed("open_since", settledAfter), {Key: "_id", Value: bson.M{"$nin": s.aside.closures.now(s.now())}},
	}, s.batch, &open, options.Find().SetSort(bson.D{{Key: "open_since", Value: 1}})); err != nil {
		return err
	}
	var errs []error
	for _, c := range open {
		errs = append(errs, s.sweepOne(ctx, log, &s.aside.closures, c.ID, func() error {
			ctx, cancel := s.db.Limit(ctx, s.limit)
			defer cancel()
			return s.finish(ctx, event.Key{EventID: c.EventID, BookingID: c.BookingID, Attempt: c.Attempt})
		}))
	}
	return errors.Join(errs...)
}

// sweepOne finishes one item, or sets it aside.
func (s *Store) sweepOne(ctx context.Context, log *slog.Logger, among *aside, id string, finish func() error) error {
	err := worker.Try(ctx, log, "sweep", finish, "id", id)
	if err == nil {
		among.forget(id)
		return nil
	}
	if ctx.Err() != nil {
		return err // it is not the item that failed
	}
	pause := among.add(id, s.now())
	return fmt.Errorf("%s is tried again in %v: %w", id, pause, err)
}

type heldDoc struct {
	ID     string              `bson:"_id"`
	Holds  map[string]*holdDoc `bson:"holds"`
	HeldAt int64               `bson:"held_at"`
}

// held are the events that may have holds and are not among these, at most limit, 0
// being all.
func (s *Store) held(ctx context.Context, except bson.A, limit int) ([]heldDoc, error) {
	var held []heldDoc
	_, err := s.events.AllReadable(ctx, bson.M{"held_at": bson.M{"$gt": 0}, "_id": bson.M{"$nin": except}}, limit, &held,
		options.Find().SetProjection(bson.M{"holds": 1, "held_at": 1}).SetSort(bson.D{{Key: "held_at", Value: 1}}))
	return held, err
}

func (s *Store) sweepHolds(ctx context.Context, log *slog.Logger) error {
	held, err := s.held(ctx, s.aside.events.now(s.now()), s.batch)
	if err != nil {
		return err
	}
	var errs []error
	for i := range held {
		errs = append(errs, s.sweepOne(ctx, log, &s.aside.events, held[i].ID, func() error { return s.sweepEvent(ctx, &held[i]) }))
	}
	return errors.Join(errs...)
}

func (s *Store) sweepEvent(ctx context.Context, e *heldDoc) error {
	var old []placedHold
	for nonce, hold := range e.Holds {
		if s.passed(hold.At, settledAfter) {
			old = append(old, placedHold{e.ID, nonce, hold})
		}
	}
	if err := s.moveOut(ctx, old); err != nil {
		return err
	}
	if len(old) < len(e.Holds) || !s.passed(e.HeldAt, settledAfter) {
		return nil
	}
	// Unless there is a new one.
	_, err := s.events.Update(ctx, bson.M{"_id": e.ID, "held_at": e.HeldAt}, bson.M{"$unset": bson.M{"held_at": ""}})
	return err
}

func (s *Store) sweepHold(ctx context.Context, eventID, nonce string, hold *holdDoc) error {
	rec, err := s.record(ctx, hold.Record)
	if err != nil {
		return err
	}
	if rec == nil || rec.Nonce != nonce {
		// The intent was ended, and the tickets taken although: an update
		// came later than its fence was kept. Nobody has them.
		_, err := s.putBack(ctx, eventID, nonce, hold.Record, hold.tickets(), bson.M{"holds." + nonce: bson.M{"$exists": true}})
		return err
	}
	if rec.State == intent {
		_, err := s.promote(ctx, eventID, nonce, hold)
		return err
	}
	_, err = s.events.Update(ctx, bson.M{"_id": eventID}, bson.M{"$unset": bson.M{"holds." + nonce: ""}})
	return err
}

type markedDoc struct {
	ID       string             `bson:"_id"`
	Fenced   map[string]int64   `bson:"fenced"`
	Returned map[string]markDoc `bson:"returned"`
	MarkedAt int64              `bson:"marked_at"`
}

// Prune forgets marks and messages that can have no second any more.
func (s *Store) Prune(ctx context.Context) error { return s.prune(ctx, slog.Default()) }

func (s *Store) prune(ctx context.Context, log *slog.Logger) error {
	var errs []error
	errs = append(errs, s.inbox.Prune(ctx, s.now().Add(-messagesFor)),
		s.creations.RemoveAll(ctx, bson.M{"at": bson.M{"$lt": s.before(2 * event.CreationPeriod)}}))
	for after := ""; ; {
		var marked []markedDoc
		if _, err := s.events.AllReadable(ctx, bson.M{"marked_at": bson.M{"$gt": 0}, "_id": bson.M{"$gt": after}}, batch, &marked,
			options.Find().SetProjection(bson.M{"fenced": 1, "returned": 1, "marked_at": 1}).SetSort(bson.D{{Key: "_id", Value: 1}})); err != nil {
			return errors.Join(append(errs, err)...)
		}
		for i := range marked {
			errs = append(errs, worker.Try(ctx, log, "prune", func() error { return s.pruneEvent(ctx, &marked[i]) }, "event_id", marked[i].ID))
			after = marked[i].ID
		}
		if len(marked) < batch {
			return errors.Join(errs...)
		}
	}
}

func (s *Store) pruneEvent(ctx context.Context, e *markedDoc) error {
	gone := bson.M{}
	for nonce, at := range e.Fenced {
		if s.passed(at, marksFor) {
			gone["fenced."+nonce] = ""
		}
	}
	records := bson.A{}
	for nonce, mark := range e.Returned {
		if s.passed(mark.At, marksFor) {
			gone["returned."+nonce] = ""
			records = append(records, mark.Record)
		}
	}
	if len(records) > 0 {
		var unfinished []recordDoc
		if err := s.reservations.All(ctx, bson.M{
			"_id": bson.M{"$in": records},
			"$or": bson.A{bson.M{"state": returning}, bson.M{"returns_open": bson.M{"$gt": 0}}},
		}, &unfinished); err != nil {
			return err
		}
		for _, rec := range unfinished { // the marks say that these tickets were returned
			if rec.State == returning {
				delete(gone, "returned."+rec.Nonce)
			}
			for _, r := range rec.Returns {
				if !r.Done {
					delete(gone, "returned."+r.Nonce)
				}
			}
		}
	}
	filter := bson.M{"_id": e.ID}
	if len(gone) == len(e.Fenced)+len(e.Returned) {
		filter["marked_at"] = e.MarkedAt // else there is a new one
		gone["marked_at"] = ""
	}
	if len(gone) == 0 {
		return nil
	}
	_, err := s.events.Update(ctx, filter, bson.M{"$unset": gone, "$inc": bson.M{"forgotten": 1}})
	return err
}

// clocksDiffer is more than the clocks of several processes do. What was stored for
// later than that was stored by a wrong one.
const clocksDiffer = 15 * time.Minute

// passed reports whether at was this long ago, as far as can be told: what a clock
// stored that was ahead must not wait until that time comes.
func (s *Store) passed(at int64, ago time.Duration) bool {
	return at <= s.before(ago) || at > s.before(-clocksDiffer)
}

// havePassed is the condition that passed holds for a field, which is not 0.
func (s *Store) havePassed(field string, ago time.Duration) bson.E {
	return bson.E{Key: "$or", Value: bson.A{
		bson.M{field: bson.M{"$gt": 0, "$lte": s.before(ago)}}, bson.M{field: bson.M{"$gt": s.before(-clocksDiffer)}},
	}}
}

// before is the moment that was this long ago.
func (s *Store) before(ago time.Duration) int64 { return micros(s.now().Add(-ago)) }
