package event

import (
	"context"
	"sync"

	"github.com/openboxoffice/boxoffice/contracts/identity"
)

// Limits of an upload.
const (
	MaxImageBytes  = 8 << 20
	MaxImagePixels = 40_000_000
	// MinImageWidth is that of the narrowest rendition: no image is enlarged.
	MinImageWidth = 480
	// MaxImageHigh and MaxImageWide are how many times as high as wide, and as wide as
	// high, an image may be.
	MaxImageHigh = 2
	MaxImageWide = 3
	// MaxRendition is less than how long a rendition may be, in bytes.
	MaxRendition = 1 << 20
)

// ImageWidths are those of the renditions, as far as the upload is as wide.
var ImageWidths = []int{480, 960, 1600}

// Image is what there is to know of an event's image. Its renditions are apart, so that
// nobody who reads an event reads them.
type Image struct {
	ETag   string // names the renditions: others have another one
	Width  int    // of the widest rendition
	Height int
	Color  string // the average, like #1f4e5a
	Widths []int  // of the renditions, ascending
}

// Picture is an image with its renditions.
type Picture struct {
	Image
	JPEG [][]byte // one for each of Widths
}

// Rendition is an event's image at one width.
type Rendition struct {
	ETag string // of the Image
	JPEG []byte
}

// uploads are the images that are being uploaded.
type uploads struct {
	mu  sync.Mutex
	all map[string]bool // by account
}

// maxUploads is how many images may be uploaded at a time: each is in memory. One
// account uploads one.
const maxUploads = 8

// begin reports whether the account may upload an image now, and then it must call end.
func (u *uploads) begin(userID string) (end func(), ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.all) >= maxUploads || u.all[userID] {
		return nil, false
	}
	u.all[userID] = true
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.all, userID)
	}, true
}

// SetImage makes what read returns the event's image. match is as in Update, and so are
// the refusals; nothing is read of what is refused. What is no image of the media type
// is ErrImageUnreadable. One that is too small, too large or too long is ErrImageSize. While too many
// others are being uploaded, or one of the caller's, it is ErrTooManyUploads. An error
// of read is returned.
func (s *Service) SetImage(ctx context.Context, caller identity.Caller, id string, match func(version int64) bool,
	mediaType string, read func() ([]byte, error),
) (*Event, error) {
	id, ok := canonical(id)
	if !ok {
		return nil, ErrEventNotFound
	}
	before, err := s.store.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	edit := s.imageEdit(caller, match)
	if err := edit(before); err != nil {
		return nil, err
	}
	end, ok := s.uploads.begin(caller.UserID)
	if !ok {
		return nil, ErrTooManyUploads
	}
	defer end()
	upload, err := read()
	if err != nil {
		return nil, err
	}
	p, err := s.pictures.Draw(ctx, mediaType, upload)
	if err != nil {
		return nil, err
	}
	return s.store.SetImage(ctx, id, edit, p)
}

// RemoveImage removes the event's image, if it has one. match is as in Update, and so
// are the refusals.
func (s *Service) RemoveImage(ctx context.Context, caller identity.Caller, id string, match func(version int64) bool) error {
	id, ok := canonical(id)
	if !ok {
		return ErrEventNotFound
	}
	_, err := s.store.SetImage(ctx, id, s.imageEdit(caller, match), nil)
	return err
}

// Rendition returns the event's image at a width; see [Store].
func (s *Service) Rendition(ctx context.Context, id string, width int) (*Rendition, error) {
	id, ok := canonical(id)
	if !ok {
		return nil, ErrEventNotFound
	}
	return s.store.Rendition(ctx, id, width)
}

func (s *Service) imageEdit(caller identity.Caller, match func(version int64) bool) func(*Event) error {
	now := s.Now()
	return func(e *Event) error {
		if err := mayEdit(caller, e, match); err != nil {
			return err
		}
		if e.Status == Cancelled {
			return ErrEventCancelled
		}
		e.UpdatedAt = now
		return nil
	}
}
