//go:build integration

// The race detector makes large images take minutes, and the integration tests run
// without it.

package imaging_test

import (
	"errors"
	"image/color"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/imaging"
	"github.com/openboxoffice/boxoffice/services/event/eventtest"
)

// peak is how much more memory the heap has at most while do runs than before.
func peak(do func()) uint64 {
	var before, m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var most atomic.Uint64
	done := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			runtime.ReadMemStats(&m)
			most.Store(max(most.Load(), m.HeapAlloc))
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	do()
	close(done)
	watch.Wait()
	return most.Load() - min(most.Load(), before.HeapAlloc)
}

// TestMemoryIsBounded measures what the whole process has, so nothing runs beside it.
func TestMemoryIsBounded(t *testing.T) { //nolint:paralleltest // see above
	const mib = 1 << 20
	blue := color.NRGBA{B: 200, A: 255}
	for _, c := range []struct {
		name, mediaType string
		upload          []byte
		refused         bool
		most            uint64
	}{
		{"a bomb, PNG", "image/png", eventtest.HeaderOfPNG(40_000, 40_000, 30_000), true, 4},
		{"a bomb, JPEG", "image/jpeg", eventtest.FlatJPEG(40_000, 40_000, 3, false)[:30_000], true, 4},
		{"a bomb, WebP", "image/webp", eventtest.FlatWebP(16_000, 16_000, blue), true, 4},
		{"39 megapixels, JPEG", "image/jpeg", eventtest.FlatJPEG(7300, 5400, 3, false), false, 450},
		{"39 megapixels, CMYK JPEG", "image/jpeg", eventtest.FlatJPEG(7300, 5400, 4, false), false, 700},
		{"39 megapixels, high, JPEG", "image/jpeg", eventtest.FlatJPEG(4470, 8900, 3, false), false, 700},
		{"27 megapixels, progressive JPEG", "image/jpeg", eventtest.FlatJPEG(6400, 4300, 3, true), false, 700},
		{"39 megapixels, 16-bit PNG", "image/png", eventtest.FlatPNG(7300, 5400), false, 700},
		{"39 megapixels, WebP", "image/webp", eventtest.FlatWebP(7300, 5400, blue), false, 700},
	} {
		var err error
		n := peak(func() { _, err = imaging.New().Draw(t.Context(), c.mediaType, c.upload) })
		if c.refused != errors.Is(err, event.ErrImageSize) || !c.refused && err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		t.Logf("%-32s %8d bytes up, %4d MiB at most", c.name, len(c.upload), n/mib)
		if n > c.most*mib {
			t.Errorf("%s takes %d MiB, want at most %d", c.name, n/mib, c.most)
		}
	}
}
