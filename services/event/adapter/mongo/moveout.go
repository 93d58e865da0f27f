package mongo

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// maxPlaced is how many holds a process remembers to move out. Sweep finds those
// beyond.
const maxPlaced = 10_000

type placedHold struct {
	eventID, nonce string
	hold           *holdDoc
}

// placed is the holds that this process has placed and not moved out, by record.
type placed struct {
	mu    sync.Mutex
	holds map[string]placedHold
}

func (p *placed) add(h placedHold) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holds == nil {
		p.holds = map[string]placedHold{}
	}
	if len(p.holds) < maxPlaced {
		p.holds[h.hold.Record] = h
	}
}

func (p *placed) all() []placedHold {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Collect(maps.Values(p.holds))
}

func (p *placed) forget(holds []placedHold) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range holds {
		if p.holds[h.hold.Record].nonce == h.nonce {
			delete(p.holds, h.hold.Record)
		}
	}
}

// of returns the hold of a record, or nil.
func (p *placed) of(record string) *placedHold {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h, ok := p.holds[record]; ok {
		return &h
	}
	return nil
}

// moveOutPlaced moves out what this process has placed. While the database does not
// answer, it stays for the next time. What fails otherwise is left to Sweep.
func (s *Store) moveOutPlaced(ctx context.Context) error {
	holds := s.placed.all()
	err := s.moveOut(ctx, holds)
	if !errors.Is(err, storage.ErrUnavailable) {
		s.placed.forget(holds)
	}
	return err
}

// moveOut makes the intents of holds HELD and takes the holds away, by two
// requests for each batch of them. A hold whose record is no such intent any more is
// looked at by itself.
func (s *Store) moveOut(ctx context.Context, holds []placedHold) error {
	for len(holds) > 0 {
		n := min(len(holds), batch)
		if err := s.moveOutBatch(ctx, holds[:n]); err != nil {
			return err
		}
		holds = holds[n:]
	}
	return nil
}

func (s *Store) moveOutBatch(ctx context.Context, holds []placedHold) error {
	promotions := make([]mongodb.Change, len(holds))
	for i, h := range holds {
		promotions[i] = promotion(h.nonce, h.hold)
	}
	promoted, err := s.reservations.UpdateEach(ctx, promotions)
	if err != nil {
		return err
	}
	var errs []error
	if promoted < len(holds) {
		records, err := s.records(ctx, holds)
		if err != nil {
			return err
		}
		holds = slices.DeleteFunc(slices.Clone(holds), func(h placedHold) bool {
			rec, ok := records[h.hold.Record]
			if ok && rec.Nonce == h.nonce && rec.State != intent {
				return false // somebody else has promoted it
			}
			errs = append(errs, s.sweepHold(ctx, h.eventID, h.nonce, h.hold))
			return true
		})
	}
	var events []mongodb.Change
	gone := map[string]bson.M{} // by event
	for _, h := range holds {
		if gone[h.eventID] == nil {
			gone[h.eventID] = bson.M{}
			events = append(events, mongodb.Change{Filter: byID(h.eventID), Change: bson.M{"$unset": gone[h.eventID]}})
		}
		gone[h.eventID]["holds."+h.nonce] = ""
	}
	_, err = s.events.UpdateEach(ctx, events)
	return errors.Join(append(errs, err)...)
}

// records are the records of holds, by their ids.
func (s *Store) records(ctx context.Context, holds []placedHold) (map[string]recordDoc, error) {
	ids := make(bson.A, len(holds))
	for i, h := range holds {
		ids[i] = h.hold.Record
	}
	var recs []recordDoc
	if _, err := s.reservations.AllReadable(ctx, bson.M{"_id": bson.M{"$in": ids}}, 0, &recs,
		options.Find().SetProjection(bson.M{"nonce": 1, "state": 1})); err != nil {
		return nil, err
	}
	by := map[string]recordDoc{}
	for _, rec := range recs {
		by[rec.ID] = rec
	}
	return by, nil
}

// promotion makes the intent of a hold HELD.
func promotion(nonce string, hold *holdDoc) mongodb.Change {
	return mongodb.Change{
		Filter: bson.M{"_id": hold.Record, "nonce": nonce, "state": intent},
		Change: bson.M{"$set": bson.M{"state": event.Held, "event": hold.Event, "items": hold.Items}},
	}
}
