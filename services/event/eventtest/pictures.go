package eventtest

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/event"
)

// TestPictures is the contract of event.Pictures.
func TestPictures(t *testing.T, open func(t *testing.T) event.Pictures) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, p event.Pictures)
	}{
		{"there is a rendition for each width that the upload has", renditionsByWidth},
		{"a rendition is a small JPEG in the upload's proportions", renditionsAreSmall},
		{"nothing of the upload is kept but its pixels", nothingElseIsKept},
		{"it stands as its EXIF data say", standsUpright},
		{"it is on white where it is transparent", onWhite},
		{"the same pixels have the same ETag", etagOfPixels},
		{"its color is the average of its pixels", averageColor},
		{"images of every kind are drawn", everyKind},
		{"what is no whole image of the type is unreadable", unreadable},
		{"an image that is out of bounds is refused", outOfBounds},
		{"a context that has ended draws nothing", drawsNothing},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, open(t))
		})
	}
}

const (
	jpegType = "image/jpeg"
	pngType  = "image/png"
	webpType = "image/webp"
)

func drawn(t *testing.T, p event.Pictures, mediaType string, upload []byte) *event.Picture {
	t.Helper()
	got, err := p.Draw(t.Context(), mediaType, upload)
	must(t, err)
	if len(got.JPEG) != len(got.Widths) || len(got.Widths) == 0 {
		t.Fatalf("%d renditions of %d widths", len(got.JPEG), len(got.Widths))
	}
	return got
}

// pixels decodes a rendition.
func pixels(t *testing.T, rendition []byte) image.Image {
	t.Helper()
	m, err := jpeg.Decode(bytes.NewReader(rendition))
	must(t, err)
	return m
}

// near fails t unless the pixel, of so many parts of the sides, is about this color.
func near(t *testing.T, what string, m image.Image, x, y float64, want color.NRGBA) {
	t.Helper()
	size := m.Bounds().Size()
	r, g, b, _ := m.At(int(x*float64(size.X)), int(y*float64(size.Y))).RGBA()
	for _, c := range [][2]int{{int(r >> 8), int(want.R)}, {int(g >> 8), int(want.G)}, {int(b >> 8), int(want.B)}} {
		if c[0]-c[1] > 24 || c[1]-c[0] > 24 {
			t.Errorf("%s: at %.2f, %.2f it is #%02x%02x%02x, want about #%02x%02x%02x", what, x, y, r>>8, g>>8, b>>8, want.R, want.G, want.B)
			return
		}
	}
}

func renditionsByWidth(t *testing.T, p event.Pictures) {
	for _, c := range []struct {
		width, height int
		want          []int
		wide, high    int
	}{
		{480, 160, []int{480}, 480, 160},
		{959, 320, []int{480}, 480, 160},
		{960, 320, []int{480, 960}, 960, 320},
		{1600, 534, []int{480, 960, 1600}, 1600, 534},
		{3300, 1100, []int{480, 960, 1600}, 1600, 533},
	} {
		got := drawn(t, p, jpegType, FlatJPEG(c.width, c.height, 1, false))
		if diff := cmp.Diff(c.want, got.Widths); diff != "" {
			t.Errorf("%d wide (-want +got):\n%s", c.width, diff)
		}
		if got.Width != c.wide || got.Height != c.high {
			t.Errorf("of %d×%d it is %d×%d, want %d×%d", c.width, c.height, got.Width, got.Height, c.wide, c.high)
		}
		for i, width := range got.Widths {
			if w := pixels(t, got.JPEG[i]).Bounds().Dx(); w != width {
				t.Errorf("the rendition of %d pixels has %d", width, w)
			}
		}
	}
}

func renditionsAreSmall(t *testing.T, p event.Pictures) {
	got := drawn(t, p, jpegType, JPEG(Noise(1600, 800)))
	for i, width := range got.Widths {
		if n := len(got.JPEG[i]); n >= event.MaxRendition {
			t.Errorf("the rendition of %d pixels has %d bytes", width, n)
		}
		if want, h := width/2, pixels(t, got.JPEG[i]).Bounds().Dy(); h != want {
			t.Errorf("the rendition of %d pixels is %d high, want %d", width, h, want)
		}
	}
	m := pixels(t, drawn(t, p, pngType, PNG(Quarters(600, 300))).JPEG[0])
	near(t, "top left", m, .2, .2, quarters[0])
	near(t, "bottom left", m, .2, .8, quarters[3])
}

func nothingElseIsKept(t *testing.T, p event.Pictures) {
	m := Quarters(480, 160)
	html, zip := []byte("<html><script>alert(1)</script></html>"), []byte("PK\x05\x06")
	picture := JPEG(m)
	for what, upload := range map[string][]byte{
		"a position":         WithSegment(picture, 0xe1, EXIF(1)),
		"a comment":          WithSegment(picture, 0xfe, html),
		"a page at its end":  append(slices.Clone(picture), html...),
		"a file at its end":  append(slices.Clone(picture), zip...),
		"a color profile":    WithSegment(picture, 0xe2, append([]byte("ICC_PROFILE\x00\x01\x01"), html...)),
		"another JPEG in it": WithSegment(picture, 0xed, append(slices.Clone(html), "GPS "...)),
	} {
		for _, rendition := range drawn(t, p, jpegType, upload).JPEG {
			for _, trace := range [][]byte{html, zip, []byte("Exif"), []byte("GPS "), []byte("ICC_PROFILE")} {
				if bytes.Contains(rendition, trace) {
					t.Errorf("%s: a rendition has %q", what, trace)
				}
			}
		}
	}
	plain := drawn(t, p, pngType, PNG(m))
	for _, kind := range []string{"tEXt", "zTXt", "iCCP", "eXIf"} {
		chunk := append([]byte("Comment\x00\x00"), bytes.Repeat(html, 100_000)...)
		if diff := cmp.Diff(plain, drawn(t, p, pngType, WithChunk(PNG(m), kind, chunk))); diff != "" {
			t.Errorf("a chunk of %s changes the picture", kind)
		}
	}
}

func standsUpright(t *testing.T, p event.Pictures) {
	m := Quarters(500, 480)
	// The colors of the quarters, clockwise from the top left, by orientation.
	for orientation, want := range map[int][4]int{
		0: {0, 1, 2, 3}, 1: {0, 1, 2, 3}, 2: {1, 0, 3, 2}, 3: {2, 3, 0, 1}, 4: {3, 2, 1, 0},
		5: {0, 3, 2, 1}, 6: {3, 0, 1, 2}, 7: {2, 1, 0, 3}, 8: {1, 2, 3, 0}, 9: {0, 1, 2, 3},
	} {
		exif := EXIF(orientation)
		uploads := map[string][]byte{jpegType: WithSegment(JPEG(m), 0xe1, exif)}
		if orientation == 6 {
			uploads[pngType] = WithChunk(PNG(m), "eXIf", exif[6:])
		}
		for mediaType, upload := range uploads {
			got := drawn(t, p, mediaType, upload)
			if turned := orientation >= 5 && orientation <= 8; turned != (got.Height > got.Width) {
				t.Errorf("%s, orientation %d: %d×%d", mediaType, orientation, got.Width, got.Height)
			}
			for i, at := range [4][2]float64{{.2, .2}, {.8, .2}, {.8, .8}, {.2, .8}} {
				near(t, mediaType+" turned", pixels(t, got.JPEG[0]), at[0], at[1], quarters[want[i]])
			}
		}
	}
}

func onWhite(t *testing.T, p event.Pictures) {
	m := Quarters(480, 160)
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = 0
	}
	near(t, "a transparent PNG", pixels(t, drawn(t, p, pngType, PNG(m)).JPEG[0]), .5, .5, color.NRGBA{255, 255, 255, 255})
	near(t, "a transparent WebP", pixels(t, drawn(t, p, webpType, FlatWebP(480, 160, color.NRGBA{R: 9})).JPEG[0]), .5, .5, color.NRGBA{255, 255, 255, 255})
	half := color.NRGBA{A: 128}
	near(t, "half transparent", pixels(t, drawn(t, p, webpType, FlatWebP(480, 160, half)).JPEG[0]), .5, .5, color.NRGBA{127, 127, 127, 255})
}

func etagOfPixels(t *testing.T, p event.Pictures) {
	m := Quarters(480, 160)
	first := drawn(t, p, jpegType, JPEG(m))
	again := drawn(t, p, jpegType, WithSegment(JPEG(m), 0xfe, []byte("otherwise")))
	if first.ETag == "" || first.ETag != again.ETag {
		t.Errorf("the ETags of the same pixels are %q and %q", first.ETag, again.ETag)
	}
	if other := drawn(t, p, jpegType, JPEG(Quarters(480, 162))); other.ETag == first.ETag {
		t.Errorf("another picture has the same ETag, %q", other.ETag)
	}
}

func averageColor(t *testing.T, p event.Pictures) {
	if got := drawn(t, p, webpType, FlatWebP(480, 160, color.NRGBA{0x1f, 0x4e, 0x5a, 255})); got.Color != "#1f4e5a" {
		t.Errorf("the color is %s, want #1f4e5a", got.Color)
	}
}

func everyKind(t *testing.T, p event.Pictures) {
	gray := color.NRGBA{128, 128, 128, 255}
	deep := image.NewNRGBA64(image.Rect(0, 0, 480, 160))
	flat := image.NewGray16(deep.Rect)
	paletted := image.NewPaletted(deep.Rect, color.Palette{gray})
	for y := range 160 {
		for x := range 480 {
			deep.Set(x, y, gray)
			flat.Set(x, y, gray)
		}
	}
	for what, upload := range map[string]struct {
		mediaType string
		body      []byte
	}{
		"gray JPEG":        {jpegType, FlatJPEG(480, 160, 1, false)},
		"JPEG":             {jpegType, FlatJPEG(480, 160, 3, false)},
		"CMYK JPEG":        {jpegType, FlatJPEG(480, 160, 4, false)},
		"progressive JPEG": {jpegType, FlatJPEG(480, 160, 3, true)},
		"16-bit PNG":       {pngType, PNG(deep)},
		"16-bit gray PNG":  {pngType, PNG(flat)},
		"paletted PNG":     {pngType, PNG(paletted)},
		"interlaced PNG":   {pngType, InterlacedPNG(481, 163, 128)},
		"animated PNG":     {pngType, WithChunk(PNG(paletted), "acTL", make([]byte, 8))},
		"WebP":             {webpType, FlatWebP(480, 160, gray)},
	} {
		m := pixels(t, drawn(t, p, upload.mediaType, upload.body).JPEG[0])
		want := gray
		if what == "CMYK JPEG" { // of which black is one
			want = color.NRGBA{63, 63, 63, 255}
		}
		near(t, what, m, .1, .1, want)
		near(t, what, m, .9, .9, want)
	}
}

func unreadable(t *testing.T, p event.Pictures) {
	refused := func(what, mediaType string, upload []byte) {
		t.Helper()
		if _, err := p.Draw(t.Context(), mediaType, upload); !errors.Is(err, event.ErrImageUnreadable) {
			t.Errorf("%s: %v, want %v", what, err, event.ErrImageUnreadable)
		}
	}
	m := Noise(500, 300)
	good := map[string][]byte{jpegType: JPEG(m), pngType: PNG(m), webpType: FlatWebP(500, 300, color.NRGBA{A: 255})}
	for mediaType, upload := range good {
		for _, n := range []int{0, 1, 2, 11, 20, len(upload) / 2} {
			refused("half a "+mediaType, mediaType, upload[:n])
		}
		for other := range good {
			if other != mediaType {
				refused(mediaType+" called "+other, other, upload)
			}
		}
		refused(mediaType+" without a type", "", upload)
		refused(mediaType+" of another type", "image/gif", upload)
	}
	refused("text", jpegType, []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"))
	refused("an animated WebP", webpType, AnimatedWebP(500, 300))
}

func outOfBounds(t *testing.T, p event.Pictures) {
	blue := color.NRGBA{B: 200, A: 255}
	for what, upload := range map[string]struct {
		mediaType string
		body      []byte
	}{
		"a PNG of 40,000×40,000 in 30 KB": {pngType, HeaderOfPNG(40_000, 40_000, 30_000)},
		"a PNG of 2³¹−1 by 1":             {pngType, HeaderOfPNG(1<<31-1, 1, 0)},
		"a JPEG of 40,000×40,000":         {jpegType, FlatJPEG(40_000, 40_000, 3, false)[:30_000]},
		"a WebP of 16,000×16,000":         {webpType, FlatWebP(16_000, 16_000, blue)},
		"just too many pixels":            {webpType, FlatWebP(8000, 5001, blue)},
		"a large progressive JPEG":        {jpegType, FlatJPEG(7000, 5000, 3, true)},
		"too narrow":                      {webpType, FlatWebP(479, 479, blue)},
		"too narrow when upright":         {jpegType, WithSegment(JPEG(Quarters(600, 400)), 0xe1, EXIF(6))},
		"too high":                        {webpType, FlatWebP(500, 1001, blue)},
		"too wide":                        {webpType, FlatWebP(1501, 500, blue)},
	} {
		if _, err := p.Draw(t.Context(), upload.mediaType, upload.body); !errors.Is(err, event.ErrImageSize) {
			t.Errorf("%s: %v, want %v", what, err, event.ErrImageSize)
		}
	}
	for what, upload := range map[string][]byte{
		"as high as can be": FlatWebP(500, 1000, blue), "as wide as can be": FlatWebP(1500, 500, blue),
	} {
		if _, err := p.Draw(t.Context(), webpType, upload); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func drawsNothing(t *testing.T, p event.Pictures) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Draw(ctx, jpegType, JPEG(Quarters(480, 160)))
	wantErr(t, err, event.ErrTooManyUploads)
}
