package imaging_test

import (
	"context"
	"errors"
	"image/color"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/imaging"
	"github.com/openboxoffice/boxoffice/services/event/eventtest"
)

func TestPicturesContract(t *testing.T) {
	t.Parallel()
	eventtest.TestPictures(t, func(*testing.T) event.Pictures { return imaging.New() })
}

// TestBombsCostNothing: nothing is allocated for the pixels of an image that has too many.
func TestBombsCostNothing(t *testing.T) { //nolint:paralleltest // it measures what the whole process allocates
	r := imaging.New()
	for mediaType, upload := range map[string][]byte{
		"image/png": eventtest.HeaderOfPNG(40_000, 40_000, 30_000), "image/jpeg": eventtest.FlatJPEG(40_000, 40_000, 3, false)[:30_000],
		"image/webp": eventtest.FlatWebP(16_000, 16_000, color.NRGBA{B: 200, A: 255}),
	} {
		allocated := testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, err := r.Draw(b.Context(), mediaType, upload); !errors.Is(err, event.ErrImageSize) {
					b.Fatal(err)
				}
			}
		}).AllocedBytesPerOp()
		t.Logf("%s: %d bytes up, %d bytes allocated", mediaType, len(upload), allocated)
		if allocated > 1<<20 {
			t.Errorf("a bomb of %s allocates %d bytes", mediaType, allocated)
		}
	}
}

// TestOneAtATime: while one image is drawn, the others wait, and whoever gives up is told
// to come again.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	r := imaging.New()
	large := eventtest.FlatJPEG(2000, 1000, 3, false)
	var drawing sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var busy, drew atomic.Int32
	for range 4 {
		drawing.Go(func() {
			_, err := r.Draw(ctx, "image/jpeg", large)
			switch {
			case err == nil:
				drew.Add(1)
				cancel() // the rest wait in vain
			case errors.Is(err, event.ErrTooManyUploads):
				busy.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	drawing.Wait()
	if drew.Load() < 1 || drew.Load()+busy.Load() != 4 || busy.Load() < 2 {
		t.Errorf("%d are drawn and %d refused, want one or two drawn", drew.Load(), busy.Load())
	}
}

// FuzzDraw draws arbitrary uploads. None may panic, and each rendition keeps its bounds.
func FuzzDraw(f *testing.F) {
	small := eventtest.Quarters(480, 240)
	for _, upload := range [][]byte{
		eventtest.JPEG(small), eventtest.PNG(small), eventtest.FlatWebP(480, 240, color.NRGBA{A: 255}), eventtest.AnimatedWebP(480, 240),
		eventtest.InterlacedPNG(480, 240, 7), eventtest.FlatJPEG(480, 240, 4, true),
		eventtest.WithSegment(eventtest.JPEG(small), 0xe1, eventtest.EXIF(6)), eventtest.WithChunk(eventtest.PNG(small), "eXIf", eventtest.EXIF(6)[6:]),
	} {
		f.Add(upload)
	}
	r := imaging.New()
	f.Fuzz(func(t *testing.T, upload []byte) {
		for _, mediaType := range []string{"image/jpeg", "image/png", "image/webp"} {
			p, err := r.Draw(t.Context(), mediaType, upload)
			if err != nil {
				continue
			}
			for _, rendition := range p.JPEG {
				if len(rendition) >= event.MaxRendition {
					t.Errorf("a rendition has %d bytes", len(rendition))
				}
			}
		}
	})
}
