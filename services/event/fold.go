package event

import (
	"strings"
	"unicode"
)

// Fold is the form of a text by which it is searched, compared and sorted: two
// texts that differ only in case have the same, in every script. Accents stay.
func Fold(s string) string {
	return strings.Map(func(r rune) rune {
		// Letters of one kind form a ring: K, k and the Kelvin sign; Σ, σ and
		// ς. Its least member stands for all of them.
		least := r
		for n := unicode.SimpleFold(r); n != r; n = unicode.SimpleFold(n) {
			least = min(least, n)
		}
		return unicode.ToLower(least)
	}, s)
}

// SearchText is what Query.Text is looked for in, folded.
func (e *Event) SearchText() string {
	return Fold(strings.Join([]string{e.Title, e.Description, e.Venue.Name, e.Venue.Address, e.Venue.City, e.Venue.Country}, "\n"))
}

// Words are the folded words of Query.Text, each once.
func (q Query) Words() []string {
	var words []string
	seen := map[string]bool{}
	for _, w := range strings.Fields(Fold(q.Text)) {
		if !seen[w] {
			seen[w] = true
			words = append(words, w)
		}
	}
	return words
}
