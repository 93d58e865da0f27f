//go:build integration

package mongo

import (
	"testing"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
)

func TestPruneForgetsOldCreations(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	old, young := newWorld(t, s.db).e, newWorld(t, s.db).e
	old.ID, old.OrganizerID, old.CreatedAt = uuid.NewString(), "old", s.now().Add(-3*event.CreationPeriod)
	young.ID, young.OrganizerID, young.CreatedAt = uuid.NewString(), "young", s.now().Add(-event.CreationPeriod)
	for _, e := range []*event.Event{old, young} {
		must(t, s.Create(t.Context(), e, 1))
	}
	must(t, s.Prune(t.Context()))
	var left []creationsDoc
	must(t, s.creations.All(t.Context(), bson.M{"_id": bson.M{"$in": bson.A{"old", "young"}}}, &left))
	if len(left) != 1 || left[0].Organizer != "young" {
		t.Errorf("the creations of %v are left, want those of young", left)
	}
}
