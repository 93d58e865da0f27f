package html

import (
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/openboxoffice/boxoffice/services/web"
)

// legalNames are the texts that an operator may publish.
var legalNames = []string{"imprint", "terms", "privacy"}

// block is a part of an operator's text.
type block struct {
	Heading bool
	Text    string
}

// legal shows one of the operator's texts: paragraphs between empty lines, and headings
// that begin with "# ".
func (v *visit) legal() error {
	name := v.param("name")
	if !slices.Contains(legalNames, name) {
		return web.ErrNotFound
	}
	title := map[string]string{"imprint": v.text("Imprint"), "terms": v.text("Terms"), "privacy": v.text("Privacy")}[name]
	var blocks []block
	text, err := v.legalText(name)
	if err != nil {
		return err
	}
	for _, p := range paragraphs(text) {
		heading, is := strings.CutPrefix(p, "# ")
		blocks = append(blocks, block{is, heading})
	}
	return v.render(http.StatusOK, "legal", page{Title: title, Path: "/legal/" + name, NoIndex: len(blocks) == 0, Data: struct {
		Title  string
		Blocks []block
	}{title, blocks}})
}

// legalText is that of the visitor's language, or of another; empty if there is none.
func (v *visit) legalText(name string) (string, error) {
	if v.Legal == nil {
		return "", nil
	}
	locales := []string{v.Locale}
	for _, l := range wordings {
		locales = append(locales, l.Locale)
	}
	for _, locale := range locales {
		text, err := fs.ReadFile(v.Legal, name+"."+locale+".txt")
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return "", err
		case utf8.Valid(text):
			return string(text), nil
		}
	}
	return "", nil
}
