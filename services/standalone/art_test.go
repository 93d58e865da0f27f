package standalone

import (
	"bytes"
	"image/jpeg"
	"testing"
	"time"
)

// Every category of the sample events has a picture, the same each time, that the event
// service takes.
func TestArt(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, e := range sampleEvents(time.Now()) {
		if !e.picture {
			continue
		}
		picture, err := art(e.Category, e.Title)
		if err != nil {
			t.Fatal(err)
		}
		config, err := jpeg.DecodeConfig(bytes.NewReader(picture))
		if err != nil || config.Width != artWidth || config.Height != artHeight || len(picture) > 1<<20 {
			t.Errorf("%s: %d×%d in %d bytes, %v", e.Title, config.Width, config.Height, len(picture), err)
		}
		if other, ok := seen[string(picture)]; ok {
			t.Errorf("%s and %s have the same picture", e.Title, other)
		}
		seen[string(picture)] = e.Title
		if again, err := art(e.Category, e.Title); err != nil || !bytes.Equal(again, picture) {
			t.Errorf("%s has another picture the second time, %v", e.Title, err)
		}
	}
	if len(seen) < 7 {
		t.Errorf("%d sample events have pictures, want at least 7", len(seen))
	}
}
