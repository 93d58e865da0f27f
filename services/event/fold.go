package event

import (
	"bytes"
	"encoding/base32"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/openboxoffice/boxoffice/contracts/text"
)

// Keys are the forms of an event's texts that a store finds and sorts it by.
type Keys struct {
	Title          string   // SortKey of the title
	Category, City string   // Fold of each
	Words          []string // each once; see Query.Terms
}

// KeysVersion is the version of the rules behind Keys, Months and LowestPrice. A store
// replaces what an older version made of them before it serves.
const KeysVersion = 2

// MaxWords is how many different words of an event can be found. The title, the
// summary, the venue and the category come first, then the description from its start.
const MaxWords = 1000

// Keys returns e's keys.
func (e *Event) Keys() Keys {
	k := Keys{Title: SortKey(e.Title), Category: Fold(e.Category), City: Fold(e.Venue.City)}
	seen := map[string]bool{}
	for _, text := range e.texts() {
		for _, r := range runs(text) {
			for _, w := range r.words() {
				if !seen[w] && len(k.Words) < MaxWords {
					seen[w] = true
					k.Words = append(k.Words, w)
				}
			}
		}
	}
	return k
}

// texts are what Keys are made of. The words of the first ones count first.
func (e *Event) texts() [8]string {
	return [...]string{e.Title, e.Summary, e.Venue.Name, e.Venue.City, e.Venue.Country, e.Venue.Address, e.Category, e.Description}
}

// SameTexts reports whether all texts are the same that Keys are made of.
func (e *Event) SameTexts(other *Event) bool { return e.texts() == other.texts() }

// Fold is the form of a text by which it is compared. Two texts have the same
// if they differ only in case, in the Unicode form of a character (é as one
// character or two, full width), in invisible characters, or in spaces. Accents
// count.
func Fold(s string) string {
	// The order is that of Unicode's NFKC_Casefold; folding what it made once
	// more makes it stable.
	s = compatible(s)
	for range 2 {
		s = strings.Map(func(r rune) rune {
			if text.IsIgnored(r) {
				return -1
			}
			return r
		}, cases.Fold().String(norm.NFKC.String(s)))
	}
	return norm.NFKC.String(strings.Join(strings.Fields(s), " "))
}

// compatible returns the start of s in NFKC: 1 KiB, or as many bytes as a text of
// that many characters can have that is in NFKC already. NFKC makes up to 18
// characters of one (U+FDFA).
func compatible(s string) string {
	most := max(1<<10, utf8.UTFMax*utf8.RuneCountInString(s))
	var b strings.Builder
	var it norm.Iter
	for it.InitString(norm.NFKC, s); !it.Done() && b.Len() < most; {
		b.Write(it.Next())
	}
	return b.String()
}

// maxSortKey bounds the bytes of a sort key: titles that begin with the same
// hundred and more characters have the same.
const maxSortKey = 320

var collators = sync.Pool{New: func() any { return collate.New(language.Und, collate.IgnoreCase) }}

// SortKey is a title's place in the alphabet: sort keys compare, byte by byte,
// as the Unicode Collation Algorithm compares the titles, without regard to case.
func SortKey(title string) string {
	c := collators.Get().(*collate.Collator)
	defer collators.Put(c)
	key := c.KeyFromString(new(collate.Buffer), Fold(title))
	// What ends a key are the weights of letters without accents. They are the
	// least there are, so that the order is the same without them.
	for bytes.HasSuffix(key, plain) {
		key = key[:len(key)-len(plain)]
	}
	return sortable.EncodeToString(key[:min(len(key), maxSortKey)])
}

var (
	plain    = []byte{0x00, 0x20}
	sortable = base32.HexEncoding.WithPadding(base32.NoPadding) // keeps the order of bytes
)

// A run is a stretch of text without a boundary between words.
type run struct {
	text []rune
	// unspaced says that it is of a script that puts no spaces between words.
	unspaced bool
}

// maxWord bounds a word, in characters. The rest of a longer one is not looked
// at.
const maxWord = 40

// runs folds case and accents of a text and splits it into runs of letters and
// digits. A symbol, such as an emoji, is a run of its own.
func runs(text string) []run {
	var all []run
	var current run
	end := func() {
		if len(current.text) > 0 {
			all = append(all, current)
		}
		current = run{}
	}
	for _, r := range plainLetters(text) {
		switch {
		case unicode.In(r, unicode.L, unicode.N) || unicode.Is(unicode.M, r) && len(current.text) > 0:
			spaceless := isUnspaced(r) || unicode.Is(unicode.M, r) && current.unspaced
			if spaceless != current.unspaced {
				end()
			}
			current.text, current.unspaced = append(current.text, r), spaceless
		case unicode.Is(unicode.So, r):
			end()
			current.text = []rune{r}
			end()
		default:
			end()
		}
	}
	end()
	return all
}

// isUnspaced reports whether r is of a script that is written without spaces
// between words.
func isUnspaced(r rune) bool {
	return r >= 0x0E00 && (r == 'ー' || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar))
}

// words are what an event is found by: the word itself, and, of a script
// without spaces, each pair of neighbours and the last character.
func (r run) words() []string {
	if !r.unspaced {
		return []string{string(r.text[:min(len(r.text), maxWord)])}
	}
	var pairs []string
	for i := range r.text {
		pairs = append(pairs, string(r.text[i:min(i+2, len(r.text))]))
	}
	return pairs
}

// terms returns the search terms of a run: the word itself or, in a script
// without spaces, the pairs of neighbouring characters that cover it.
func (r run) terms() []string {
	if !r.unspaced || len(r.text) <= 2 {
		return []string{string(r.text[:min(len(r.text), maxWord)])}
	}
	var pairs []string
	for i := 0; i < len(r.text); i += 2 {
		at := min(i, len(r.text)-2)
		pairs = append(pairs, string(r.text[at:at+2]))
	}
	return pairs
}

// MaxTerms is how many words a search may have, and how many terms are looked
// for at most.
const MaxTerms = 10

// Terms are what Query.Text asks for, each once and MaxTerms at most. An event is
// found if each term begins one of its words. A text in a script without spaces
// has a term for every two characters; those past MaxTerms are not looked for.
func (q Query) Terms() []string {
	var terms []string
	seen := map[string]bool{}
	for _, r := range runs(q.Text) {
		for _, t := range r.terms() {
			if !seen[t] && len(terms) < MaxTerms {
				seen[t] = true
				terms = append(terms, t)
			}
		}
	}
	return terms
}

// IsSearch reports whether events have to be looked through to find those that q
// describes. Every other list is a stretch of one order, alone or within a
// category, a city or both, so that with an index it costs what it returns.
func (q Query) IsSearch() bool {
	return len(q.Terms()) > 0 || q.Month != "" || q.MostPrice != nil || q.Sort == ByTitle && (!q.From.IsZero() || !q.To.IsZero())
}

// FindsNothing reports whether one of q's texts is no blank, but has nothing
// that an event could be found by, such as an invisible character alone.
func (q Query) FindsNothing() bool {
	given := func(text string) bool { return strings.TrimSpace(text) != "" }
	return given(q.Category) && Fold(q.Category) == "" || given(q.City) && Fold(q.City) == "" ||
		given(q.Text) && len(q.Terms()) == 0
}

// words counts the different words of Query.Text. A stretch of a script without
// spaces is one.
func (q Query) words() int {
	seen := map[string]bool{}
	for _, r := range runs(q.Text) {
		seen[string(r.text)] = true
	}
	return len(seen)
}

// plainLetters is Fold without accents: search is for those, too, who do not
// have the letter on their keyboard. Marks that make another letter, as in
// Devanagari or Japanese, stay.
func plainLetters(s string) string {
	s = strings.Map(func(r rune) rune {
		if isAccent(r) {
			return -1
		}
		return r
	}, norm.NFKD.String(Fold(s)))
	return norm.NFKC.String(withoutStrokes.Replace(s))
}

func isAccent(r rune) bool {
	return r >= 0x0300 && unicode.Is(unicode.Mn, r) && r != 0x3099 && r != 0x309A && // が is not か
		unicode.In(r, unicode.Inherited, unicode.Hebrew, unicode.Arabic)
}

// withoutStrokes has the letters whose accents Unicode does not take apart.
var withoutStrokes = strings.NewReplacer(
	"ø", "o", "ł", "l", "đ", "d", "ð", "d", "ħ", "h", "ŧ", "t", "ı", "i", "æ", "ae", "œ", "oe", "þ", "th",
)
