package rest_test

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/eventtest"
)

// upload sets the event's image to a body of this media type.
func (s *server) upload(t testing.TB, e object, token, mediaType string, body []byte, headers ...string) answer {
	t.Helper()
	return s.do(t, http.MethodPut, path(e, "/image"), token, string(body), append([]string{"Content-Type", mediaType}, headers...)...)
}

type eventWithImage struct {
	Image *struct {
		ETag, Color   string
		Width, Height int
		Widths        []int
	}
}

func TestImage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	if _, there := e["image"]; there {
		t.Errorf("a new event has the image %v", e["image"])
	}
	at := func(width int, query string) string { return fmt.Sprintf("%s/image/%d%s", path(e), width, query) }
	s.do(t, http.MethodGet, at(480, ""), "", nil).is(t, http.StatusNotFound, "image_not_found")

	s.now = now.Add(time.Minute)
	a := s.upload(t, e, organizer, "image/jpeg", eventtest.JPEG(eventtest.Quarters(1000, 500))).is(t, http.StatusOK, "")
	var got eventWithImage
	a.json(t, &got)
	if a.header.Get("ETag") != `"2.0"` || got.Image == nil {
		t.Fatalf("etag %s, image %v", a.header.Get("ETag"), got.Image)
	}
	if i := got.Image; i.Width != 960 || i.Height != 480 || fmt.Sprint(i.Widths) != "[480 960]" || len(i.Color) != 7 {
		t.Errorf("the image is %+v", *i)
	}
	if !strings.Contains(a.body, `"updated_at":"2031-05-06T07:09:09Z"`) {
		t.Errorf("the event is not updated: %s", a.body)
	}
	tag := `"` + got.Image.ETag + `"`
	for query, cache := range map[string]string{
		"?v=" + got.Image.ETag: "public, max-age=31536000, immutable", "": "public, no-cache", "?v=another": "public, no-cache",
	} {
		a := s.do(t, http.MethodGet, at(480, query), "", nil).is(t, http.StatusOK, "")
		for name, want := range map[string]string{
			"Cache-Control": cache, "ETag": tag, "Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", query, name, got, want)
			}
		}
		if m, err := jpeg.Decode(strings.NewReader(a.body)); err != nil || m.Bounds().Dx() != 480 {
			t.Errorf("%s: %v, %v", query, m.Bounds(), err)
		}
		a = s.do(t, http.MethodGet, at(960, query), "", nil, "If-None-Match", tag).is(t, http.StatusNotModified, "")
		if a.body != "" || a.header.Get("Cache-Control") != cache || a.header.Get("ETag") != tag {
			t.Errorf("a 304 has %d bytes, %q, %s", len(a.body), a.header.Get("Cache-Control"), a.header.Get("ETag"))
		}
	}
	s.do(t, http.MethodGet, at(480, ""), "", nil, "If-Match", `"x"`).is(t, http.StatusPreconditionFailed, "precondition_failed")
	s.do(t, http.MethodGet, at(1600, ""), "", nil).is(t, http.StatusNotFound, "image_not_found")
	for _, width := range []string{"0", "-1", "x", "10000"} {
		s.do(t, http.MethodGet, path(e, "/image/"+width), "", nil).is(t, http.StatusUnprocessableEntity, "validation_failed")
	}
	s.do(t, http.MethodGet, "/events/"+newUUID()+"/image/480", "", nil).is(t, http.StatusNotFound, "event_not_found")

	// An edit, and what GET returned put back, leave the image.
	s.do(t, http.MethodPut, path(e), organizer, s.do(t, http.MethodGet, path(e), "", nil).body).is(t, http.StatusOK, "").json(t, &got)
	if got.Image == nil || `"`+got.Image.ETag+`"` != tag {
		t.Errorf("after an edit the image is %v", got.Image)
	}
	// Another image has another name, under which nobody has kept the first.
	s.upload(t, e, organizer, "image/png", eventtest.PNG(eventtest.Quarters(480, 300)), "If-Match", `"3.7"`).is(t, http.StatusOK, "").json(t, &got)
	s.do(t, http.MethodGet, at(480, "?v="+strings.Trim(tag, `"`)), "", nil, "If-None-Match", tag).is(t, http.StatusOK, "")

	s.do(t, http.MethodDelete, path(e, "/image"), organizer, nil, "If-Match", `"3.0"`).is(t, http.StatusPreconditionFailed, "precondition_failed")
	s.do(t, http.MethodDelete, path(e, "/image"), organizer, nil).is(t, http.StatusNoContent, "")
	s.do(t, http.MethodDelete, path(e, "/image"), organizer, nil).is(t, http.StatusNoContent, "")
	s.do(t, http.MethodGet, at(480, ""), "", nil).is(t, http.StatusNotFound, "image_not_found")
	if body := s.do(t, http.MethodGet, path(e), "", nil).body; strings.Contains(body, `"image"`) {
		t.Errorf("the event still has an image: %s", body)
	}
}

func TestImageRefusals(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	good := eventtest.JPEG(eventtest.Quarters(480, 300))
	for _, c := range []struct {
		name, mediaType string
		body            []byte
		status          int
		code            string
	}{
		{"a bomb in 30 KB", "image/png", eventtest.HeaderOfPNG(40_000, 40_000, 30_000), 422, "image_size_not_allowed"},
		{"an animated WebP", "image/webp", eventtest.AnimatedWebP(480, 300), 422, "image_unreadable"},
		{"half a JPEG", "image/jpeg", good[:len(good)/2], 422, "image_unreadable"},
		{"nothing", "image/jpeg", nil, 422, "image_unreadable"},
		{"a JPEG called PNG", "image/png", good, 422, "image_unreadable"},
		{"a page", "text/html", []byte("<html>"), 415, "unsupported_media_type"},
		{"a drawing", "image/svg+xml", []byte("<svg/>"), 415, "unsupported_media_type"},
		{"a GIF", "image/gif", []byte("GIF89a"), 415, "unsupported_media_type"},
		{"no type", "", good, 415, "unsupported_media_type"},
		{"8 MiB and one byte", "image/jpeg", make([]byte, event.MaxImageBytes+1), 413, "body_too_large"},
		{"8 MiB of a JPEG and nothing", "image/jpeg", append(bytes.Clone(good[:200]), make([]byte, event.MaxImageBytes-200)...), 422, "image_unreadable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.upload(t, e, organizer, c.mediaType, c.body).is(t, c.status, c.code)
		})
	}
	s.upload(t, e, organizer, "image/jpeg", good, "Content-Encoding", "gzip").is(t, http.StatusUnsupportedMediaType, "unsupported_media_type")
	for token, want := range map[string]struct {
		status int
		code   string
	}{"": {401, "unauthenticated"}, customer: {403, "forbidden"}, rival: {403, "forbidden"}} {
		s.upload(t, e, token, "image/jpeg", good).is(t, want.status, want.code)
		s.do(t, http.MethodDelete, path(e, "/image"), token, nil).is(t, want.status, want.code)
	}
	s.upload(t, object{"id": newUUID()}, organizer, "image/jpeg", good).is(t, http.StatusNotFound, "event_not_found")
	s.upload(t, e, organizer, "image/jpeg", good, "If-Match", `"9.0"`).is(t, http.StatusPreconditionFailed, "precondition_failed")
	s.upload(t, e, admin, "Image/JPEG; q=1", append(bytes.Clone(good), make([]byte, event.MaxImageBytes-len(good))...)).is(t, http.StatusOK, "")
	s.do(t, http.MethodPost, path(e, "/cancel"), organizer, nil).is(t, http.StatusOK, "")
	s.upload(t, e, organizer, "image/jpeg", good).is(t, http.StatusConflict, "event_cancelled")
	s.do(t, http.MethodDelete, path(e, "/image"), organizer, nil).is(t, http.StatusConflict, "event_cancelled")
	s.do(t, http.MethodGet, path(e, "/image/480"), "", nil).is(t, http.StatusOK, "")
}

// slow is an event.Pictures that draws when it is told to.
type slow struct{ begun, draw chan struct{} }

func (s slow) Draw(context.Context, string, []byte) (*event.Picture, error) {
	s.begun <- struct{}{}
	<-s.draw
	return nil, event.ErrImageUnreadable
}

// TestUploadsAreFew: an account uploads one image at a time.
func TestUploadsAreFew(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	e := s.create(t)
	good := eventtest.JPEG(eventtest.Quarters(480, 300))
	drawing := slow{make(chan struct{}), make(chan struct{})}
	s.pictures = drawing
	first := make(chan answer)
	go func() { first <- s.upload(t, e, organizer, "image/jpeg", good) }()
	<-drawing.begun
	a := s.upload(t, e, organizer, "image/jpeg", good).is(t, http.StatusServiceUnavailable, "service_unavailable")
	if a.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After is %q, want 2", a.header.Get("Retry-After"))
	}
	// Another account is served.
	second := make(chan answer)
	go func() { second <- s.upload(t, e, admin, "image/jpeg", good) }()
	<-drawing.begun
	close(drawing.draw)
	(<-first).is(t, http.StatusUnprocessableEntity, "image_unreadable")
	(<-second).is(t, http.StatusUnprocessableEntity, "image_unreadable")
	go func() { first <- s.upload(t, e, organizer, "image/jpeg", good) }()
	<-drawing.begun
	(<-first).is(t, http.StatusUnprocessableEntity, "image_unreadable")
}
