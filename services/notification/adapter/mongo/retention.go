package mongo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// ahead is how long before its event a message is thought to have come where an
// earlier release has not stored when the event takes place.
const ahead = 365 * 24 * time.Hour

// Forget implements notification.Store. A message is marked as forgotten last, so
// that one whose process dies meanwhile is found again.
func (s *Store) Forget(ctx context.Context, t time.Time, limit int) (int, error) {
	forgotten, failed := 0, error(nil)
	const most = notification.MaxAhead
	for _, old := range []bson.D{
		{{Key: "event_at", Value: bson.D{{Key: "$gt", Value: 0}, {Key: "$lt", Value: t.UnixMicro()}}}},
		{{Key: "event_at", Value: absent}, {Key: "at", Value: bson.D{{Key: "$lt", Value: t.Add(-ahead).UnixMicro()}}}},
		// An earlier release stored the date of any event. Only its messages are so far ahead.
		{
			{Key: "event_at", Value: bson.D{{Key: "$gt", Value: t.Add(most).UnixMicro()}}},
			{Key: "at", Value: bson.D{{Key: "$lt", Value: t.Add(-most).UnixMicro()}}},
		},
	} {
		if forgotten == limit {
			break
		}
		var ms []message
		if _, err := s.messages.AllReadable(ctx, old, limit-forgotten, &ms, options.Find().SetProjection(header)); err != nil {
			return forgotten, err
		}
		for _, m := range ms {
			done, err := s.forget(ctx, m, t)
			switch {
			case errors.Is(err, storage.ErrUnavailable), ctx.Err() != nil:
				return forgotten, err
			case err != nil:
				failed = errors.Join(failed, fmt.Errorf("forget message %s: %w", m.ID, err))
			case done:
				forgotten++
			}
		}
	}
	return forgotten, failed
}

// forget forgets m, unless somebody has leased one of its deliveries: then it is
// left to the next time.
func (s *Store) forget(ctx context.Context, m message, t time.Time) (done bool, err error) {
	for field, d := range m.deliveries() {
		if d.Lease != "" && d.Due >= t.UnixMicro() {
			return false, nil
		}
		set, unset := bson.D{}, bson.D{{Key: field + ".lease", Value: ""}, {Key: field + ".ended", Value: ""}, {Key: field + ".due", Value: ""}}
		if d.Status.Open() {
			set, unset = endedFields(field, d.Status, notification.Expired), append(unset, bson.E{Key: field + ".ready", Value: ""})
		}
		for _, name := range []string{".to", ".text", ".html", ".calendar"} {
			set = append(set, bson.E{Key: field + name, Value: ""})
		}
		// One that is claimed or settled meanwhile is not as it was read.
		done, err := s.messages.Update(ctx, append(byID(m.ID), asRead(field, d)...), bson.D{{Key: "$set", Value: set}, {Key: "$unset", Value: unset}})
		if err != nil || !done {
			return false, err
		}
	}
	_, err = s.messages.Update(ctx, byID(m.ID), bson.D{{Key: "$set", Value: bson.D{
		{Key: "booking", Value: ""}, {Key: "event_at", Value: int64(0)},
	}}})
	return err == nil, err
}
