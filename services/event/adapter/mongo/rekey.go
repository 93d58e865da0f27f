package mongo

import (
	"context"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/event"
)

// rekey replaces the keys that older rules than event.KeysVersion made. Several
// processes may do so at once. An event that is edited meanwhile has new keys.
func (s *Store) rekey(ctx context.Context) error {
	const piece = 100
	old := bson.M{"$or": bson.A{
		bson.M{"keys_version": nil}, bson.M{"keys_version": bson.M{"$lt": event.KeysVersion}},
	}}
	for {
		var docs []eventDoc
		if _, err := s.events.AllReadable(ctx, old, piece, &docs, options.Find().SetProjection(eventOnly)); err != nil {
			return err
		}
		for i := range docs {
			if _, err := s.events.Update(ctx, bson.M{"_id": docs[i].ID, "version": docs[i].Version}, bson.M{
				"$set": keys(docs[i].event()), "$unset": bson.M{"search": ""},
			}); err != nil {
				return err
			}
		}
		if len(docs) < piece {
			return nil
		}
	}
}
