package mongo

import (
	"context"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// creationsDoc is when an organizer has created events, for a CreationPeriod.
type creationsDoc struct {
	Organizer string  `bson:"_id"`
	Version   int64   `bson:"version"` // grows with every change
	At        int64   `bson:"at"`      // of the last one, for prune
	Times     []int64 `bson:"times"`
}

// count counts that e is created, unless its organizer may not create it. It comes
// before e is stored: whoever dies in between has used up one.
func (s *Store) count(ctx context.Context, e *event.Event, most int) error {
	for try := 0; ; try++ {
		var known creationsDoc
		there, err := s.creations.One(ctx, byID(e.OrganizerID), nil, &known)
		if err != nil {
			return err
		}
		var times []time.Time
		for _, at := range known.Times {
			times = append(times, fromMicros(at))
		}
		times = event.Recent(times, e.CreatedAt)
		if err := event.MayCreate(times, e.CreatedAt, most); err != nil {
			return err
		}
		next := creationsDoc{Organizer: e.OrganizerID, Version: known.Version + 1, At: max(known.At, micros(e.CreatedAt))}
		for _, at := range append(times, e.CreatedAt) {
			next.Times = append(next.Times, micros(at))
		}
		var done bool
		if there {
			done, err = s.creations.Update(ctx, bson.M{"_id": e.OrganizerID, "version": known.Version},
				bson.M{"$set": bson.M{"version": next.Version, "at": next.At, "times": next.Times}})
		} else {
			done, err = s.creations.Insert(ctx, next)
		}
		if err != nil || done {
			return err
		}
		if err := mongodb.Pause(ctx, try); err != nil {
			return err
		}
	}
}
