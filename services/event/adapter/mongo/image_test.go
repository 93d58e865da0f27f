//go:build integration

package mongo

import (
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/services/event"
)

func aPicture(etag string) *event.Picture {
	return &event.Picture{
		Image: event.Image{ETag: etag, Width: 960, Height: 540, Color: "#1f4e5a", Widths: []int{480, 960}},
		JPEG:  [][]byte{[]byte(etag + " 480"), []byte(etag + " 960")},
	}
}

func anyEdit(*event.Event) error { return nil }

// TestASweepRemovesRenditionsThatNoEventHas, and no others: whatever a crash left, the
// event shows a whole image.
func TestASweepRemovesRenditionsThatNoEventHas(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	w := newWorld(t, s.db)
	_, err := s.SetImage(t.Context(), w.e.ID, anyEdit, aPicture("one"))
	must(t, err)
	shown, err := s.imageOf(t.Context(), w.e.ID)
	must(t, err)

	// One died before the event had its image, another one when it was about to replace
	// the image, and a third when it had.
	at := micros(time.Now())
	for _, nonce := range []string{"never set", "replaced"} {
		for _, width := range []int{480, 960} {
			_, err := s.images.Insert(t.Context(), renditionDoc{
				ID: renditionID(nonce, width), EventID: w.e.ID, Nonce: nonce, ETag: nonce, LooseSince: at, JPEG: []byte(nonce),
			})
			must(t, err)
		}
	}
	must(t, s.images.UpdateAll(t.Context(), bson.M{"nonce": shown.Nonce}, bson.M{"$set": bson.M{"loose_since": at}}))

	must(t, healthy(s.db, 0).Sweep(t.Context()))
	wantDocuments(t, s.images, w.e.ID, 6) // an operation may still be at it
	must(t, healthy(s.db, 2*settledAfter).Sweep(t.Context()))
	wantDocuments(t, s.images, w.e.ID, 2)
	var loose []bson.Raw
	must(t, s.images.All(t.Context(), bson.M{"loose_since": bson.M{"$exists": true}}, &loose))
	if len(loose) > 0 {
		t.Errorf("%d renditions are still loose", len(loose))
	}
	r, err := s.Rendition(t.Context(), w.e.ID, 960)
	must(t, err)
	if string(r.JPEG) != "one 960" {
		t.Errorf("the rendition is %q", r.JPEG)
	}

	// What an event had goes with it.
	must(t, s.Delete(t.Context(), w.e.ID, anyEdit))
	must(t, healthy(s.db, 2*settledAfter).Sweep(t.Context()))
	wantDocuments(t, s.images, w.e.ID, 0)
}

// TestAnImageLeavesNothingBehind: neither what it replaced, nor what was refused, after
// the sweep.
func TestAnImageLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	w := newWorld(t, s.db)
	for _, p := range []*event.Picture{aPicture("one"), aPicture("two"), nil, aPicture("two")} {
		_, err := s.SetImage(t.Context(), w.e.ID, anyEdit, p)
		must(t, err)
	}
	wantDocuments(t, s.images, w.e.ID, 2)
	refused := errors.New("refused")
	if _, err := s.SetImage(t.Context(), w.e.ID, func(*event.Event) error { return refused }, aPicture("three")); !errors.Is(err, refused) {
		t.Fatalf("the error is %v", err)
	}
	must(t, healthy(s.db, 2*settledAfter).Sweep(t.Context()))
	wantDocuments(t, s.images, w.e.ID, 2)
}
