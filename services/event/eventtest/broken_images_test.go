package eventtest_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/imaging"
	"github.com/openboxoffice/boxoffice/services/event/eventtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

type keepsRenditions struct{ broken }

func (b keepsRenditions) SetImage(ctx context.Context, id string, edit func(*event.Event) error, p *event.Picture) (*event.Event, error) {
	if p != nil {
		own := *p
		own.JPEG = nil
		for i, width := range p.Widths {
			old, err := b.Rendition(ctx, id, width)
			if err != nil {
				old = &event.Rendition{JPEG: p.JPEG[i]}
			}
			own.JPEG = append(own.JPEG, old.JPEG)
		}
		p = &own
	}
	return b.Store.SetImage(ctx, id, edit, p)
}

type removesNoImage struct{ broken }

func (b removesNoImage) SetImage(ctx context.Context, id string, edit func(*event.Event) error, p *event.Picture) (*event.Event, error) {
	if p == nil {
		return b.Update(ctx, id, edit)
	}
	return b.Store.SetImage(ctx, id, edit, p)
}

type losesImages struct{ broken }

func (b losesImages) Update(ctx context.Context, id string, edit func(*event.Event) error) (*event.Event, error) {
	e, err := b.Store.Update(ctx, id, edit)
	if err != nil {
		return nil, err
	}
	return e, b.exec(ctx, `UPDATE events SET image = '' WHERE id = ?`, id)
}

type storesRefusedImages struct{ broken }

func (b storesRefusedImages) SetImage(ctx context.Context, id string, edit func(*event.Event) error, p *event.Picture) (*event.Event, error) {
	var refused error
	e, err := b.Store.SetImage(ctx, id, func(e *event.Event) error { refused = edit(e); return nil }, p)
	return e, errors.Join(err, refused)
}

type remembersImages struct {
	broken
	mu   sync.Mutex
	seen map[string]*event.Rendition
}

func (b *remembersImages) SetImage(ctx context.Context, id string, edit func(*event.Event) error, p *event.Picture) (*event.Event, error) {
	e, err := b.Store.SetImage(ctx, id, edit, p)
	if err == nil && p != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.seen[id] = &event.Rendition{ETag: p.ETag, JPEG: p.JPEG[0]}
	}
	return e, err
}

func (b *remembersImages) Rendition(ctx context.Context, id string, width int) (*event.Rendition, error) {
	r, err := b.Store.Rendition(ctx, id, width)
	b.mu.Lock()
	defer b.mu.Unlock()
	if old := b.seen[id]; old != nil && errors.Is(err, event.ErrEventNotFound) {
		return old, nil
	}
	return r, err
}

// pictures is a good event.Pictures to spoil.
type pictures func(ctx context.Context, mediaType string, upload []byte) (*event.Picture, error)

func (p pictures) Draw(ctx context.Context, mediaType string, upload []byte) (*event.Picture, error) {
	return p(ctx, mediaType, upload)
}

func TestPicturesSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	broken := func(name, caughtBy string, spoil func(good *imaging.Renderer) pictures) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			eventtest.TestPictures(t, func(*testing.T) event.Pictures { return spoil(imaging.New()) })
		}, caughtBy)
	}
	// changes spoils what is drawn.
	changes := func(change func(p *event.Picture, upload []byte)) func(*imaging.Renderer) pictures {
		return func(good *imaging.Renderer) pictures {
			return func(ctx context.Context, mediaType string, upload []byte) (*event.Picture, error) {
				p, err := good.Draw(ctx, mediaType, upload)
				if err == nil {
					change(p, upload)
				}
				return p, err
			}
		}
	}
	// answers spoils the errors.
	answers := func(change func(err error) error) func(*imaging.Renderer) pictures {
		return func(good *imaging.Renderer) pictures {
			return func(ctx context.Context, mediaType string, upload []byte) (*event.Picture, error) {
				p, err := good.Draw(ctx, mediaType, upload)
				if err != nil {
					return &event.Picture{}, change(err)
				}
				return p, nil
			}
		}
	}
	broken("draws_one_width", "there_is_a_rendition_for_each_width_that_the_upload_has", changes(func(p *event.Picture, _ []byte) {
		p.Widths, p.JPEG = p.Widths[:1], p.JPEG[:1]
	}))
	broken("forgets_how_large_a_rendition_may_be", "a_rendition_is_a_small_JPEG_in_the_upload's_proportions", changes(func(p *event.Picture, _ []byte) {
		for i := range p.JPEG {
			p.JPEG[i] = append(p.JPEG[i], make([]byte, event.MaxRendition)...)
		}
	}))
	broken("keeps_what_was_uploaded", "nothing_of_the_upload_is_kept_but_its_pixels", changes(func(p *event.Picture, upload []byte) {
		p.JPEG[0] = append(p.JPEG[0], upload...)
	}))
	broken("does_not_turn", "it_stands_as_its_EXIF_data_say", func(good *imaging.Renderer) pictures {
		return func(ctx context.Context, mediaType string, upload []byte) (*event.Picture, error) {
			return good.Draw(ctx, mediaType, bytes.ReplaceAll(upload, []byte{0x01, 0x12, 0, 3}, []byte{0x01, 0x13, 0, 3}))
		}
	})
	broken("names_the_upload", "the_same_pixels_have_the_same_ETag", changes(func(p *event.Picture, upload []byte) {
		sum := sha256.Sum256(upload)
		p.ETag = hex.EncodeToString(sum[:])
	}))
	broken("has_one_color", "its_color_is_the_average_of_its_pixels", changes(func(p *event.Picture, _ []byte) { p.Color = "#000000" }))
	broken("draws_what_it_cannot_read", "what_is_no_whole_image_of_the_type_is_unreadable", answers(func(err error) error {
		if errors.Is(err, event.ErrImageUnreadable) {
			return nil
		}
		return err
	}))
	broken("calls_a_bomb_unreadable", "an_image_that_is_out_of_bounds_is_refused", answers(func(err error) error {
		if errors.Is(err, event.ErrImageSize) {
			return fmt.Errorf("%w: %s", event.ErrImageUnreadable, err.Error())
		}
		return err
	}))
	broken("draws_for_nobody", "a_context_that_has_ended_draws_nothing", func(good *imaging.Renderer) pictures {
		return func(ctx context.Context, mediaType string, upload []byte) (*event.Picture, error) {
			return good.Draw(context.WithoutCancel(ctx), mediaType, upload)
		}
	})
}
