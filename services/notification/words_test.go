package notification

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// saidTexts are the texts that templates and code say.
func saidTexts(t *testing.T) map[string]bool {
	t.Helper()
	said := map[string]bool{}
	for pattern, text := range map[string]string{
		"templates/*": `\bt "([^"]*)"`,
		"*.go":        `\bin\.Sprintf\("([^"]*)"`,
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no files are %s (%v)", pattern, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(text).FindAllStringSubmatch(string(source), -1) {
				said[m[1]] = true
			}
		}
	}
	for _, subject := range subjects {
		said[subject] = true
	}
	return said
}

func TestEachTextIsTranslated(t *testing.T) {
	t.Parallel()
	verbs := regexp.MustCompile(`%[a-z]`)
	said := saidTexts(t)
	for english := range said {
		text, ok := german[english]
		if a, b := verbs.FindAllString(english, -1), verbs.FindAllString(text, -1); !ok || !slices.Equal(a, b) {
			t.Errorf("%q is %q in German", english, text)
		}
	}
	for english, text := range german {
		if !said[english] {
			t.Errorf("%q is never said", english)
		}
		if strings.ContainsAny(english+text, `<>&"`) {
			t.Errorf("%q or %q has markup, which HTML would show or obey", english, text)
		}
	}
}

// What a template says past t would be in one language.
func TestTemplatesHaveNoWords(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("templates/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no templates (%v)", err)
	}
	style := regexp.MustCompile(`(?s)<style>.*?</style>`)
	action, tag, word := regexp.MustCompile(`(?s)\{\{.*?\}\}`), regexp.MustCompile(`(?s)<[^>]*>`), regexp.MustCompile(`\pL{2,}`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if found := word.FindString(tag.ReplaceAllString(action.ReplaceAllString(style.ReplaceAllString(string(source), ""), ""), "")); found != "" {
			t.Errorf("%s says %q in one language", file, found)
		}
	}
}
