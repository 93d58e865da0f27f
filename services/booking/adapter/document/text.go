package document

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"github.com/rivo/uniseg"
	"github.com/signintech/gopdf"
	"golang.org/x/text/unicode/bidi"
	"golang.org/x/text/unicode/norm"

	"github.com/openboxoffice/boxoffice/contracts/text"
)

// face is a font: Liberation Sans, which has all of Latin, Greek and Cyrillic. Its
// license is the SIL Open Font License 1.1.
type face struct {
	name     string
	advances []uint16 // of the characters of Unicode's first plane, in thousandths; noGlyph
}

const noGlyph = 0xffff

func newFace(name string, ttf []byte, fonts *gopdf.FontContainer) (*face, error) {
	if err := fonts.AddTTFFontDataWithOption(name, ttf, gopdf.TtfOption{UseKerning: true}); err != nil {
		return nil, err
	}
	var font gopdf.SubsetFontObj
	if err := font.SetTTFData(ttf); err != nil {
		return nil, err
	}
	f := &face{name: name, advances: make([]uint16, 1<<16)}
	for r := range f.advances {
		f.advances[r] = noGlyph
		if glyph, err := font.CharCodeToGlyphIndex(rune(r)); err == nil && glyph != 0 {
			f.advances[r] = uint16(font.GlyphIndexToPdfWidth(glyph))
		}
	}
	return f, nil
}

// has reports whether the font has a glyph for r.
func (f *face) has(r rune) bool { return int(r) < len(f.advances) && f.advances[r] != noGlyph }

// width is how wide s is at a size, without kerning, which makes it narrower.
func (f *face) width(s string, size float64) float64 {
	sum := 0
	for _, r := range s {
		if f.has(r) {
			sum += int(f.advances[r])
		}
	}
	return float64(sum) * size / 1000
}

// typeface is the fonts of a document.
type typeface struct {
	fonts         gopdf.FontContainer
	regular, bold *face
}

func newTypeface() (t *typeface, err error) {
	t = &typeface{}
	if t.regular, err = newFace("LiberationSans", liberationsansregular.TTF, &t.fonts); err != nil {
		return nil, err
	}
	t.bold, err = newFace("LiberationSans-Bold", liberationsansbold.TTF, &t.fonts)
	return t, err
}

// draws reports whether r can be drawn. Letters of right-to-left scripts cannot:
// they would come in the wrong order, and Arabic ones without their shapes.
func (t *typeface) draws(r rune) bool {
	if !t.regular.has(r) || !t.bold.has(r) {
		return false
	}
	p, _ := bidi.LookupRune(r)
	c := p.Class()
	return c != bidi.R && c != bidi.AL && c != bidi.AN
}

// maxMarks is how many marks may stand on one letter. More are not a name's, and would
// be drawn over other lines.
const maxMarks = 2

// printable returns what of s can be drawn, as one line.
//   - What shows nothing is left out: marks of direction, joiners, control characters.
//   - Symbols and marks that cannot be drawn are left out, and rest is false.
//   - If a letter or a digit cannot be drawn, nothing is left of the text: a part of a name
//     is another name.
func (t *typeface) printable(s string) (line string, whole bool) {
	var b strings.Builder
	whole = true
	marks, space := maxMarks, false // no mark stands on nothing
	shown := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), text.IsIgnored(r):
			return -1
		case unicode.Is(unicode.Me, r): // a circle around a letter
			whole = false
			return -1
		}
		return r
	}, s)
	for _, r := range norm.NFC.String(shown) {
		switch {
		case r == ' ':
			space, marks = b.Len() > 0, maxMarks
			continue
		case unicode.Is(unicode.M, r):
			if marks == maxMarks {
				whole = false
				continue
			}
			marks++
		default:
			marks = 0
		}
		if r == utf8.RuneError || !t.draws(r) {
			if unicode.In(r, unicode.L, unicode.M, unicode.N) {
				return "", false
			}
			whole, marks = false, maxMarks
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	if line = b.String(); !text.IsVisible(line) {
		return "", whole && !text.IsVisible(s)
	}
	return line, whole
}

// wrap breaks s into lines that are at most width wide. It breaks between words, and a
// word that is wider than a line between its grapheme clusters.
func wrap(s string, f *face, size, width float64) (lines []string) {
	line := ""
	end := func() {
		if line = strings.TrimRight(line, " "); line != "" {
			lines = append(lines, line)
		}
		line = ""
	}
	fits := func(s string) bool { return f.width(strings.TrimRight(s, " "), size) <= width }
	for state := -1; s != ""; {
		var word string
		word, s, _, state = uniseg.FirstLineSegmentInString(s, state)
		if fits(line + word) {
			line += word
			continue
		}
		if end(); fits(word) {
			line = word
			continue
		}
		for state := -1; word != ""; {
			var character string
			character, word, _, state = uniseg.FirstGraphemeClusterInString(word, state)
			if !fits(line + character) {
				end()
			}
			line += character
		}
	}
	end()
	return lines
}

// style is how a text is set.
type style struct {
	face  *face
	sizes []float64 // the largest first; a long text gets a smaller one
	lines int       // at most so many at each size; the last size has no limit
	color rgb
}

// paragraph is a text that is set.
type paragraph struct {
	lines  []string
	size   float64
	before float64 // space
	style
}

// after returns p with some space before it.
func (p paragraph) after(space float64) paragraph {
	p.before = space
	return p
}

// leading is a line's height, for a size of 1.
const leading = 1.22

func (p paragraph) height() float64 { return p.before + float64(len(p.lines))*p.size*leading }

// set breaks s into lines of this width, in the largest size in which they are not too
// many.
func (s style) set(line string, width float64) (p paragraph) {
	for _, size := range s.sizes {
		p = paragraph{lines: wrap(line, s.face, size, width), size: size, style: s}
		if len(p.lines) <= s.lines {
			break
		}
	}
	return p
}
