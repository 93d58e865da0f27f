package mongo

import (
	"context"
	"errors"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// maxPlaced is how many holds a process remembers to move out. Sweep finds those
// beyond.
const maxPlaced = 10_000

type placedHold struct {
	eventID, nonce string
	hold           *holdDoc
}

// placed is the holds that this process has placed and not moved out.
type placed struct {
	mu    sync.Mutex
	holds []placedHold
}

func (p *placed) add(h placedHold) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.holds) < maxPlaced {
		p.holds = append(p.holds, h)
	}
}

func (p *placed) take() []placedHold {
	p.mu.Lock()
	defer p.mu.Unlock()
	holds := p.holds
	p.holds = nil
	return holds
}

// moveOutPlaced moves out what this process has placed. What fails is left to
// Sweep.
func (s *Store) moveOutPlaced(ctx context.Context) error {
	return s.moveOut(ctx, s.placed.take())
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
	var records, events []mongodb.Change
	gone := map[string]bson.M{} // by event
	for _, h := range holds {
		records = append(records, promotion(h.nonce, h.hold))
		if gone[h.eventID] == nil {
			gone[h.eventID] = bson.M{}
			events = append(events, mongodb.Change{Filter: byID(h.eventID), Change: bson.M{"$unset": gone[h.eventID]}})
		}
		gone[h.eventID]["holds."+h.nonce] = ""
	}
	promoted, err := s.reservations.UpdateEach(ctx, records)
	if err != nil {
		return err
	}
	if promoted < len(holds) {
		var errs []error
		for _, h := range holds {
			errs = append(errs, s.sweepHold(ctx, h.eventID, h.nonce, h.hold))
		}
		return errors.Join(errs...)
	}
	_, err = s.events.UpdateEach(ctx, events)
	return err
}

// promotion makes the intent of a hold HELD.
func promotion(nonce string, hold *holdDoc) mongodb.Change {
	return mongodb.Change{
		Filter: bson.M{"_id": hold.Record, "nonce": nonce, "state": intent},
		Change: bson.M{"$set": bson.M{"state": event.Held, "event": hold.Event, "items": hold.Items}},
	}
}
