// Package imaging draws event images with the decoders of the standard library and of
// golang.org/x/image. What it returns is encoded anew: of an upload nothing is left but
// its pixels.
package imaging

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"

	"github.com/openboxoffice/boxoffice/services/event"
)

// Renderer is an event.Pictures. It draws one image at a time: a large one takes
// hundreds of megabytes for a moment.
type Renderer struct{ lane chan struct{} }

var _ event.Pictures = (*Renderer)(nil)

// New returns a Renderer.
func New() *Renderer { return &Renderer{lane: make(chan struct{}, 1)} }

// patience is how long an image waits for those before it.
const patience = 10 * time.Second

// maxMemory bounds what a decoder takes for an image, in bytes. An image of
// event.MaxImagePixels takes less, unless it is a progressive JPEG: of that, all
// coefficients are kept.
const maxMemory = 400 << 20

// Draw implements event.Pictures.
func (r *Renderer) Draw(ctx context.Context, mediaType string, upload []byte) (*event.Picture, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", event.ErrTooManyUploads, err)
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case r.lane <- struct{}{}:
	case <-wait.Done():
		return nil, fmt.Errorf("%w: %w", event.ErrTooManyUploads, wait.Err())
	}
	defer func() { <-r.lane }()
	// The next garbage collection might be a long time off.
	defer debug.FreeOSMemory()
	large, err := read(mediaType, upload)
	if err != nil {
		return nil, err
	}
	runtime.GC() // of what was decoded, before the scaler needs as much
	return draws(large)
}

// formats are the media types, each with its decoder.
var formats = map[string]struct {
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
}{
	"image/jpeg": {jpeg.DecodeConfig, jpeg.Decode},
	"image/png":  {png.DecodeConfig, png.Decode},
	"image/webp": {webp.DecodeConfig, webp.Decode},
}

// read returns the upload upright, at most twice as wide as its widest rendition.
// It allocates nothing for pixels before it knows how many there are.
func read(mediaType string, upload []byte) (*image.RGBA, error) {
	format, ok := formats[mediaType]
	if !ok {
		return nil, event.ErrImageUnreadable
	}
	config, err := format.config(bytes.NewReader(upload))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", event.ErrImageUnreadable, err)
	}
	turned := orientation(mediaType, upload)
	width, height := config.Width, config.Height
	if turned >= 5 {
		width, height = height, width
	}
	pixels := int64(width) * int64(height)
	switch {
	case width < event.MinImageWidth, height < 1, pixels > event.MaxImagePixels,
		height > event.MaxImageHigh*width, width > event.MaxImageWide*height,
		pixels*memory(mediaType, upload, config.ColorModel) > maxMemory:
		return nil, event.ErrImageSize
	}
	decoded, err := format.decode(bytes.NewReader(upload))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", event.ErrImageUnreadable, err)
	}
	if size := decoded.Bounds().Size(); size.X != config.Width || size.Y != config.Height {
		return nil, event.ErrImageUnreadable
	}
	return flatten(decoded, max(1, width/event.ImageWidths[len(event.ImageWidths)-1]), turned), nil
}

// memory is how many bytes a decoder takes for a pixel, at most.
func memory(mediaType string, upload []byte, model color.Model) int64 {
	if mediaType != "image/jpeg" {
		return 8 // of an image of 16 bits a channel
	}
	samples, converted := int64(3), int64(0)
	switch model {
	case color.GrayModel:
		samples = 1
	case color.CMYKModel:
		samples, converted = 4, 4
	}
	// The marker of a progressive frame is nowhere in one that is not, but in what an
	// application has added.
	if bytes.Contains(upload, []byte{0xff, 0xc2}) {
		return 5*samples + converted
	}
	return samples + converted
}

// flatten draws src upright and on white, each k×k pixels as one.
func flatten(src image.Image, k, orientation int) *image.RGBA {
	bounds := src.Bounds()
	w, h := bounds.Dx()/k, bounds.Dy()/k
	size := image.Pt(w, h)
	if orientation >= 5 {
		size = image.Pt(h, w)
	}
	dst := image.NewRGBA(image.Rectangle{Max: size})
	strip := image.NewRGBA(image.Rect(0, 0, w*k, k))
	n := uint32(k * k)
	for y := range h {
		draw.Draw(strip, strip.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(strip, strip.Rect, src, bounds.Min.Add(image.Pt(0, y*k)), draw.Over)
		for x := range w {
			var sum [3]uint32
			for dy := range k {
				at := strip.PixOffset(x*k, dy)
				for i := at; i < at+4*k; i += 4 {
					for c := range sum {
						sum[c] += uint32(strip.Pix[i+c])
					}
				}
			}
			p := upright(orientation, image.Pt(x, y), w, h)
			pix := dst.Pix[dst.PixOffset(p.X, p.Y):]
			for c := range sum {
				pix[c] = uint8((sum[c] + n/2) / n)
			}
			pix[3] = 0xff
		}
	}
	return dst
}

// upright is where the pixel at p, of an image of w×h that has this orientation by
// EXIF, is in the upright one.
func upright(orientation int, p image.Point, w, h int) image.Point {
	switch orientation {
	case 2:
		return image.Pt(w-1-p.X, p.Y)
	case 3:
		return image.Pt(w-1-p.X, h-1-p.Y)
	case 4:
		return image.Pt(p.X, h-1-p.Y)
	case 5:
		return image.Pt(p.Y, p.X)
	case 6:
		return image.Pt(h-1-p.Y, p.X)
	case 7:
		return image.Pt(h-1-p.Y, w-1-p.X)
	case 8:
		return image.Pt(p.Y, w-1-p.X)
	}
	return p
}

// draws returns the renditions of an image, each made of the next larger one.
func draws(large *image.RGBA) (*event.Picture, error) {
	p := &event.Picture{}
	for _, width := range event.ImageWidths {
		if width <= large.Rect.Dx() {
			p.Widths = append(p.Widths, width)
		}
	}
	p.JPEG = make([][]byte, len(p.Widths))
	for i := len(p.Widths) - 1; i >= 0; i-- {
		size := large.Rect.Size()
		width := p.Widths[i]
		height := max(1, (size.Y*width+size.X/2)/size.X)
		if width != size.X {
			smaller := image.NewRGBA(image.Rect(0, 0, width, height))
			draw.CatmullRom.Scale(smaller, smaller.Rect, large, large.Rect, draw.Src, nil)
			large = smaller
		}
		if p.Width == 0 {
			p.Width, p.Height = width, height
		}
		var err error
		if p.JPEG[i], err = encode(large); err != nil {
			return nil, err
		}
	}
	p.Color = average(large)
	sum := sha256.New()
	for _, b := range p.JPEG {
		_, _ = sum.Write(b) // never fails
	}
	p.ETag = hex.EncodeToString(sum.Sum(nil)[:16])
	return p, nil
}

// encode returns m as JPEG, as good as the size of a rendition allows.
func encode(m image.Image) ([]byte, error) {
	for _, quality := range []int{82, 65, 45, 25, 10, 1} {
		var b bytes.Buffer
		if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: quality}); err != nil {
			return nil, err
		}
		if b.Len() < event.MaxRendition {
			return b.Bytes(), nil
		}
	}
	return nil, errors.New("imaging: no quality is low enough")
}

// average is the color of all pixels together.
func average(m *image.RGBA) string {
	var sum [3]uint64
	n := uint64(len(m.Pix) / 4)
	for i := 0; i < len(m.Pix); i += 4 {
		for c := range sum {
			sum[c] += uint64(m.Pix[i+c])
		}
	}
	return fmt.Sprintf("#%02x%02x%02x", (sum[0]+n/2)/n, (sum[1]+n/2)/n, (sum[2]+n/2)/n)
}
