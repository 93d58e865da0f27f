package mongo

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/mongodb"
)

// imageDoc is an event's image. Its renditions have its Nonce, which no other has: so
// whoever replaces an image can remove those of the one that was replaced, and no
// others, whatever comes at the same time.
type imageDoc struct {
	Nonce  string `bson:"nonce"`
	ETag   string `bson:"etag"`
	Width  int    `bson:"width"`
	Height int    `bson:"height"`
	Color  string `bson:"color"`
	Widths []int  `bson:"widths"`
}

func newImageDoc(i event.Image) *imageDoc {
	return &imageDoc{Nonce: uuid.NewString(), ETag: i.ETag, Width: i.Width, Height: i.Height, Color: i.Color, Widths: i.Widths}
}

func (d *imageDoc) image() *event.Image {
	if d == nil {
		return nil
	}
	return &event.Image{ETag: d.ETag, Width: d.Width, Height: d.Height, Color: d.Color, Widths: d.Widths}
}

// renditionDoc is loose from its insertion until its event has it, and again from
// before it is replaced until it is removed. The sweep looks whether a loose one is
// its event's.
type renditionDoc struct {
	ID         string `bson:"_id"` // renditionID
	EventID    string `bson:"event_id"`
	Nonce      string `bson:"nonce"`
	ETag       string `bson:"etag"`
	LooseSince int64  `bson:"loose_since,omitempty"`
	JPEG       []byte `bson:"jpeg"`
}

func renditionID(nonce string, width int) string { return nonce + "/" + strconv.Itoa(width) }

// SetImage implements event.Store.
func (s *Store) SetImage(ctx context.Context, id string, edit func(*event.Event) error, p *event.Picture) (*event.Event, error) {
	ctx, cancel := s.db.Limit(ctx, 0)
	defer cancel()
	var image *imageDoc
	if p != nil {
		image = newImageDoc(p.Image)
		for i, width := range p.Widths {
			if _, err := s.images.Insert(ctx, renditionDoc{
				ID: renditionID(image.Nonce, width), EventID: id, Nonce: image.Nonce, ETag: image.ETag, LooseSince: micros(s.now()), JPEG: p.JPEG[i],
			}); err != nil {
				return nil, err
			}
		}
	}
	for try := 0; ; try++ {
		doc, err := s.document(ctx, id)
		if err != nil {
			return nil, err
		}
		e := doc.event()
		next := clone(e)
		if err := edit(next); err != nil {
			return nil, err
		}
		if err := e.Revise(next); err != nil {
			return nil, err
		}
		old := doc.Image
		if old != nil {
			if err := s.images.UpdateAll(ctx, bson.M{"nonce": old.Nonce}, bson.M{"$set": bson.M{"loose_since": micros(s.now())}}); err != nil {
				return nil, err
			}
		}
		filter, change := revision(e, next)
		if image != nil {
			change["$set"].(bson.M)["image"] = image
		} else {
			change["$unset"] = bson.M{"image": ""}
		}
		var changed eventDoc
		if ok, err := s.events.Updated(ctx, filter, change, &changed); err != nil {
			return nil, err
		} else if ok {
			// Where this fails, the sweep does it.
			if image != nil {
				_ = s.images.UpdateAll(ctx, bson.M{"nonce": image.Nonce}, bson.M{"$unset": bson.M{"loose_since": ""}})
			}
			if old != nil {
				_ = s.images.RemoveAll(ctx, bson.M{"nonce": old.Nonce})
			}
			return changed.event(), nil
		}
		if err := mongodb.Pause(ctx, try); err != nil {
			return nil, err
		}
	}
}

// Rendition implements event.Store.
func (s *Store) Rendition(ctx context.Context, id string, width int) (*event.Rendition, error) {
	ctx, cancel := s.db.Limit(ctx, 0)
	defer cancel()
	for try := 0; ; try++ {
		image, err := s.imageOf(ctx, id)
		if err != nil {
			return nil, err
		}
		if image == nil {
			return nil, event.ErrImageNotFound
		}
		var r renditionDoc
		ok, err := s.images.One(ctx, byID(renditionID(image.Nonce, width)), nil, &r)
		if err != nil {
			return nil, err
		}
		if ok {
			return &event.Rendition{ETag: r.ETag, JPEG: r.JPEG}, nil
		}
		if !slices.Contains(image.Widths, width) {
			return nil, event.ErrImageNotFound
		}
		// It was replaced meanwhile.
		if err := mongodb.Pause(ctx, try); err != nil {
			return nil, err
		}
	}
}

// imageOf returns the event's image, or nil.
func (s *Store) imageOf(ctx context.Context, id string) (*imageDoc, error) {
	var doc struct {
		Image *imageDoc `bson:"image"`
	}
	there, err := s.events.One(ctx, byID(id), bson.M{"image": 1}, &doc)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, event.ErrEventNotFound
	}
	return doc.Image, nil
}

// sweepImages removes the renditions that no event has, when every operation that
// made or replaced them is over.
func (s *Store) sweepImages(ctx context.Context, log *slog.Logger) error {
	var loose []renditionDoc
	if _, err := s.images.AllReadable(ctx, bson.D{
		s.havePassed("loose_since", settledAfter), {Key: "_id", Value: bson.M{"$nin": s.aside.images.now(s.now())}},
	}, s.batch, &loose, options.Find().SetProjection(bson.M{"jpeg": 0}).SetSort(bson.D{{Key: "loose_since", Value: 1}})); err != nil {
		return err
	}
	var errs []error
	for _, r := range loose {
		errs = append(errs, s.sweepOne(ctx, log, &s.aside.images, r.ID, func() error {
			image, err := s.imageOf(ctx, r.EventID)
			if err != nil && !errors.Is(err, event.ErrEventNotFound) {
				return err
			}
			// A later operation has another time.
			same := bson.M{"_id": r.ID, "loose_since": r.LooseSince}
			if image != nil && image.Nonce == r.Nonce {
				_, err = s.images.Update(ctx, same, bson.M{"$unset": bson.M{"loose_since": ""}})
			} else {
				_, err = s.images.Remove(ctx, same)
			}
			return err
		}))
	}
	return errors.Join(errs...)
}
