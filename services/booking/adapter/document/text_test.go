package document

import (
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

var typefaces = sync.OnceValues(newTypeface)

func fonts(t testing.TB) *typeface {
	t.Helper()
	face, err := typefaces()
	if err != nil {
		t.Fatal(err)
	}
	return face
}

// Latin, Greek and Cyrillic are whole, as the languages of today write them.
func TestWhatTheFontHas(t *testing.T) {
	t.Parallel()
	for what, block := range map[string][2]rune{
		"Latin":                     {0x21, 0x7e},
		"Latin-1":                   {0xa1, 0xff},
		"Latin Extended-A":          {0x100, 0x17f},
		"Latin Extended-B":          {0x180, 0x24f},
		"Vietnamese":                {0x1ea0, 0x1ef9},
		"Greek":                     {0x386, 0x38a},
		"Greek letters":             {0x391, 0x3a1},
		"Greek letters after sigma": {0x3a3, 0x3ce},
		"Cyrillic":                  {0x400, 0x4ff},
		"Combining marks":           {0x300, 0x36f},
	} {
		for r := block[0]; r <= block[1]; r++ {
			if !fonts(t).draws(r) {
				t.Errorf("%s: U+%04X cannot be drawn", what, r)
			}
		}
	}
	for _, r := range "–—‘’‚“”„†‡•…‰‹›€£¥§©®°·№×½" {
		if !fonts(t).draws(r) {
			t.Errorf("%c cannot be drawn", r)
		}
	}
}

func TestWhatIsPrinted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		line  string
		whole bool
	}{
		"":                                   {"", true},
		" \t ":                               {"", true},
		"Ada Lovelace":                       {"Ada Lovelace", true},
		"  Ada \n\t Lovelace ":               {"Ada Lovelace", true},
		"Zoe\u0308":                          {"Zoë", true},
		"Ђорђе Ὀδυσσεύς Nguyễn":              {"Ђорђе Ὀδυσσεύς Nguyễn", true},
		"Ada\u202e Lovelace\u200b":           {"Ada Lovelace", true},
		"Ada\x00\x1b[31m":                    {"Ada[31m", true},
		"Ada\ufe0f":                          {"Ada", true},
		"=1+1":                               {"=1+1", true},
		"<b>Ada</b>":                         {"<b>Ada</b>", true},
		"Night of Strings 🎻":                 {"Night of Strings", false},
		"👩‍👩‍👧 Family 👩🏽":                    {"Family", false},
		"1️⃣ Ada":                            {"1 Ada", false},
		"🎻":                                  {"", false},
		"周杰倫":                                {"", false},
		"Ada 周":                              {"", false},
		"שרה":                                {"", false},
		"محمد":                               {"", false},
		"Ada\ufffd":                          {"Ada", false},
		"Ada\xff":                            {"Ada", false},
		"𝒜da":                                {"", false},
		"A" + strings.Repeat("\u030a", 200):  {"Å\u030a\u030a", false},
		"x" + strings.Repeat("\u0336", 2):    {"x\u0336\u0336", true},
		"\u0301Ada":                          {"Ada", false},
		"Ada \u0301Lovelace":                 {"Ada Lovelace", false},
		"🎻\u0301Ada":                         {"Ada", false},
		"\u2800":                             {"", false},
		"Ada\u2029Lovelace":                  {"Ada Lovelace", true},
		strings.Repeat("\u200d", 100):        {"", true},
		"Ada" + strings.Repeat(" ", 300):     {"Ada", true},
		strings.Repeat("a\u0301\u0302", 500): {strings.Repeat("á\u0302", 500), true},
	} {
		if line, whole := fonts(t).printable(text); line != want.line || whole != want.whole {
			t.Errorf("of %q %q is printed, whole %t; want %q, %t", text, line, whole, want.line, want.whole)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	for _, seed := range []string{"Ada", "Zoe\u0308", "周", "👩‍👩‍👧", "\u202e\x00", "A\u0300\u0300\u0300", "A\x7f\u0300", "A\u20dd\u0300", "\xff"} {
		f.Add(seed)
	}
	face := fonts(f)
	f.Fuzz(func(t *testing.T, text string) {
		line, _ := face.printable(text)
		if !utf8.ValidString(line) || strings.TrimSpace(line) != line {
			t.Fatalf("of %q %q is printed", text, line)
		}
		for _, r := range line {
			if r != ' ' && !face.draws(r) {
				t.Fatalf("of %q %q is printed, and %U cannot be drawn", text, line, r)
			}
		}
		if again, whole := face.printable(line); again != line || !whole {
			t.Fatalf("of %q %q is printed, and of that %q", text, line, again)
		}
		for _, width := range []float64{20, 200} {
			joined := ""
			for _, l := range wrap(line, face.regular, 10, width) {
				if face.regular.width(l, 10) > width && uniseg.GraphemeClusterCount(l) > 1 {
					t.Fatalf("the line %q of %q is wider than %v", l, line, width)
				}
				joined += l
			}
			if strings.ReplaceAll(joined, " ", "") != strings.ReplaceAll(line, " ", "") {
				t.Fatalf("%q is wrapped to %q", line, joined)
			}
		}
	})
}

// Each text that is said has German words with the same verbs.
func TestAllWordsAreGermanToo(t *testing.T) {
	t.Parallel()
	verbs := regexp.MustCompile(`%[a-z]`)
	said := map[string]bool{}
	for _, file := range []string{"words.go", "page.go", "calendar.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\b[ps]\.Sprintf\("([^"]*)"`).FindAllStringSubmatch(string(source), -1) {
			said[m[1]] = true
		}
	}
	for english := range said {
		text, ok := german[english]
		if a, b := verbs.FindAllString(english, -1), verbs.FindAllString(text, -1); !ok || strings.Join(a, "") != strings.Join(b, "") {
			t.Errorf("%q is %q in German", english, text)
		}
	}
	for english := range german {
		if !said[english] {
			t.Errorf("%q is never said", english)
		}
	}
}
