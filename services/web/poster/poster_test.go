package poster_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/web/poster"
)

func TestSVG(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for n := range 200 {
		id, category := fmt.Sprint("event ", n), []string{"music", " Music", "conference", "comedy", "community", "workshop", "theatre", "sports", "film", "exhibition", "", "<b>"}[n%12]
		svg := poster.SVG(id, category)
		if again := poster.SVG(id, category); again != svg {
			t.Errorf("%s of %q is drawn in two ways", id, category)
		}
		if len(svg) > 2000 {
			t.Errorf("%s of %q has %d bytes", id, category, len(svg))
		}
		if strings.Contains(svg, "style=") || strings.Contains(svg, " id=") {
			t.Errorf("%s of %q has a style or an id", id, category)
		}
		for d := xml.NewDecoder(strings.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s of %q: %v", id, category, err)
			}
		}
		seen[svg] = true
	}
	if len(seen) < 190 {
		t.Errorf("200 events have %d different posters", len(seen))
	}
}

// The case of a category is not part of it.
func TestCategories(t *testing.T) {
	t.Parallel()
	if poster.SVG("1", "music") != poster.SVG("1", " MUSIC ") {
		t.Error("music and MUSIC have different motifs")
	}
	if poster.SVG("1", "music") == poster.SVG("1", "comedy") {
		t.Error("music and comedy have one motif")
	}
}
