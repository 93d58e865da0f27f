package eventtest

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
)

// picture is one with a name, of two widths.
func picture(name string) *event.Picture {
	p := &event.Picture{Image: event.Image{ETag: "etag-of-" + name, Width: 960, Height: 540, Color: "#1f4e5a", Widths: []int{480, 960}}}
	for _, width := range p.Widths {
		p.JPEG = append(p.JPEG, append(fmt.Appendf(nil, "%s %d\x00\xff", name, width), bytes.Repeat([]byte{1}, 1000)...))
	}
	return p
}

func anyEdit(*event.Event) error { return nil }

// setImage makes p the image of e, and returns the event.
func (a Adapter) setImage(t *testing.T, e *event.Event, p *event.Picture) *event.Event {
	t.Helper()
	got, err := a.SetImage(t.Context(), e.ID, anyEdit, p)
	must(t, err)
	return got
}

// shows fails t unless e has this picture, or none where it is nil.
func (a Adapter) shows(t *testing.T, e *event.Event, p *event.Picture) {
	t.Helper()
	got := a.get(t, e.ID)
	if p == nil {
		if got.Image != nil {
			t.Errorf("the image is %+v, want none", *got.Image)
		}
		for _, width := range []int{480, 960} {
			_, err := a.Rendition(t.Context(), e.ID, width)
			wantErr(t, err, event.ErrImageNotFound)
		}
		return
	}
	if diff := cmp.Diff(&p.Image, got.Image); diff != "" {
		t.Errorf("the image (-want +got):\n%s", diff)
	}
	for i, width := range p.Widths {
		r, err := a.Rendition(t.Context(), e.ID, width)
		must(t, err)
		if r.ETag != p.ETag || !bytes.Equal(r.JPEG, p.JPEG[i]) {
			t.Errorf("the rendition of %d is %s, %.20q; want %s, %.20q", width, r.ETag, r.JPEG, p.ETag, p.JPEG[i])
		}
	}
}

func imageStored(t *testing.T, a Adapter) {
	e, other := a.create(t, []int{5}), a.create(t, []int{5})
	a.shows(t, e, nil)
	a.hold(t, key(e), e, 1)
	got, err := a.SetImage(t.Context(), e.ID, func(e *event.Event) error { e.UpdatedAt = e.UpdatedAt.AddDate(0, 0, 1); return nil }, picture("one"))
	must(t, err)
	want := *e
	want.Image, want.Version, want.Inventory, want.UpdatedAt = &picture("one").Image, 2, 1, e.UpdatedAt.AddDate(0, 0, 1)
	want.TicketTypes = got.TicketTypes
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("returned (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got, a.get(t, e.ID)); diff != "" {
		t.Errorf("stored (-returned +got):\n%s", diff)
	}
	a.left(t, e, 4)
	a.shows(t, e, picture("one"))
	a.shows(t, other, nil)
	for _, width := range []int{0, 479, 1600} {
		_, err := a.Rendition(t.Context(), e.ID, width)
		wantErr(t, err, event.ErrImageNotFound)
	}
	_, err = a.Rendition(t.Context(), id(), 480)
	wantErr(t, err, event.ErrEventNotFound)
	_, err = a.SetImage(t.Context(), id(), anyEdit, picture("one"))
	wantErr(t, err, event.ErrEventNotFound)
	if list := a.list(t, event.Query{Limit: 9}); !cmp.Equal(list[0].Image, a.get(t, list[0].ID).Image) || !cmp.Equal(list[1].Image, a.get(t, list[1].ID).Image) {
		t.Errorf("the images in the list are %v and %v", list[0].Image, list[1].Image)
	}
}

func imageReplaced(t *testing.T, a Adapter) {
	e := a.create(t, []int{1})
	small := picture("small")
	small.Width, small.Height, small.Widths, small.JPEG = 480, 270, small.Widths[:1], small.JPEG[:1]
	for i, p := range []*event.Picture{picture("one"), picture("two"), picture("two"), small} {
		if got := a.setImage(t, e, p); got.Version != int64(i+2) {
			t.Errorf("the version is %d, want %d", got.Version, i+2)
		}
		a.shows(t, e, p)
	}
	_, err := a.Rendition(t.Context(), e.ID, 960)
	wantErr(t, err, event.ErrImageNotFound)
}

func imageRemoved(t *testing.T, a Adapter) {
	e := a.create(t, []int{1})
	for version, p := range []*event.Picture{nil, picture("one"), nil} {
		got := a.setImage(t, e, p)
		if got.Version != int64(version+2) || (got.Image == nil) != (p == nil) {
			t.Errorf("version %d, image %v", got.Version, got.Image)
		}
		a.shows(t, e, p)
	}
}

func imageStays(t *testing.T, a Adapter) {
	e := a.create(t, []int{1})
	a.setImage(t, e, picture("one"))
	got, err := a.Update(t.Context(), e.ID, func(e *event.Event) error { e.Title, e.Image = "Edited", nil; return nil })
	must(t, err)
	if got.Image == nil || got.Image.ETag != "etag-of-one" {
		t.Errorf("the edited event has the image %v", got.Image)
	}
	a.shows(t, e, picture("one"))
	_, err = a.Update(t.Context(), e.ID, func(e *event.Event) error { e.Image = &event.Image{ETag: "forged"}; return nil })
	must(t, err)
	a.shows(t, e, picture("one"))
	_, err = a.Cancel(t.Context(), e.ID, func(e *event.Event) (events.Message, error) { callOff(e); return message(e.ID), nil })
	must(t, err)
	a.shows(t, e, picture("one"))
}

func imageRefused(t *testing.T, a Adapter) {
	e := a.create(t, []int{1})
	a.setImage(t, e, picture("one"))
	refused := errors.New("refused")
	for _, p := range []*event.Picture{picture("two"), nil} {
		_, err := a.SetImage(t.Context(), e.ID, func(*event.Event) error { return refused }, p)
		wantErr(t, err, refused)
		if _, err := a.SetImage(cancelled(t), e.ID, anyEdit, p); err == nil {
			t.Error("a cancelled context has no error")
		}
	}
	a.shows(t, e, picture("one"))
	if version := a.get(t, e.ID).Version; version != 2 {
		t.Errorf("the version is %d, want 2", version)
	}
}

func imagesRace(t *testing.T, a Adapter) {
	e := a.create(t, []int{1})
	a.setImage(t, e, picture("first"))
	var failed atomic.Int64
	race(8, func(i int) {
		var p *event.Picture
		if i != 7 {
			p = picture(fmt.Sprintf("image %d", i%4)) // some are the same
		}
		if _, err := a.SetImage(t.Context(), e.ID, anyEdit, p); err != nil {
			failed.Add(1)
		}
		if r, err := a.Rendition(t.Context(), e.ID, 960); err == nil && !bytes.Contains(r.JPEG, []byte(r.ETag[len("etag-of-"):]+" 960")) {
			t.Errorf("a rendition of %s is %.20q", r.ETag, r.JPEG)
		} else if err != nil && !errors.Is(err, event.ErrImageNotFound) {
			t.Error(err)
		}
	})
	if failed.Load() > 0 {
		t.Errorf("%d of 8 images failed", failed.Load())
	}
	got := a.get(t, e.ID)
	if got.Version != 10 {
		t.Errorf("the version is %d, want 10", got.Version)
	}
	if got.Image == nil {
		a.shows(t, e, nil)
		return
	}
	a.shows(t, e, picture(got.Image.ETag[len("etag-of-"):]))
}

func imageDeleted(t *testing.T, a Adapter) {
	e, other := a.create(t, []int{1}), a.create(t, []int{1})
	a.setImage(t, e, picture("one"))
	a.setImage(t, other, picture("one"))
	must(t, a.Delete(t.Context(), e.ID, anyEdit))
	_, err := a.Rendition(t.Context(), e.ID, 480)
	wantErr(t, err, event.ErrEventNotFound)
	a.shows(t, other, picture("one"))
}
