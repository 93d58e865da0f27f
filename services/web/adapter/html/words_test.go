package html

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"
)

// saying are the functions whose texts are translated, with the places of those.
var saying = map[string][]int{"text": {0}, "oops": {1, 2}}

// said returns all texts of the pages: of the templates, and of the code.
func said(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := fs.WalkDir(templateFiles, "templates", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(templateFiles, path)
		if err != nil {
			return err
		}
		trees, err := parse.Parse(path, string(data), "", "", map[string]any(wordings[0].functions()), map[string]any{
			"eq": 0, "ne": 0, "lt": 0, "gt": 0, "and": 0, "or": 0, "not": 0, "print": 0, "printf": 0,
		})
		if err != nil {
			return err
		}
		for _, tree := range trees {
			walk(tree.Root, all)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if selector, ok := call.Fun.(*ast.SelectorExpr); ok {
				for _, place := range saying[selector.Sel.Name] {
					if literal, ok := call.Args[place].(*ast.BasicLit); ok {
						text, err := strconv.Unquote(literal.Value)
						if err != nil {
							t.Fatal(err)
						}
						all[text] = true
					}
				}
			}
			return true
		})
	}
	for _, text := range refusals {
		all[text] = true
	}
	all["Please go back and try again."] = true // Refusal, of other codes
	return all
}

// walk finds the texts that a template says with t.
func walk(n parse.Node, all map[string]bool) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, c := range n.Nodes {
				walk(c, all)
			}
		}
	case *parse.ActionNode:
		walk(n.Pipe, all)
	case *parse.IfNode:
		branch(&n.BranchNode, all)
	case *parse.RangeNode:
		branch(&n.BranchNode, all)
	case *parse.WithNode:
		branch(&n.BranchNode, all)
	case *parse.TemplateNode:
		walk(n.Pipe, all)
	case *parse.PipeNode:
		if n == nil {
			return
		}
		for _, c := range n.Cmds {
			walk(c, all)
		}
	case *parse.CommandNode:
		if name, ok := n.Args[0].(*parse.IdentifierNode); ok && name.Ident == "t" {
			if text, ok := n.Args[1].(*parse.StringNode); ok {
				all[text.Text] = true
			}
		}
		for _, c := range n.Args {
			walk(c, all)
		}
	}
}

func branch(b *parse.BranchNode, all map[string]bool) {
	walk(b.Pipe, all)
	walk(b.List, all)
	walk(b.ElseList, all)
}

func TestTextsAreComplete(t *testing.T) {
	t.Parallel()
	all := said(t)
	if len(all) < 200 {
		t.Fatalf("only %d texts were found", len(all))
	}
	for text := range all {
		_, isGerman := german[text]
		_, isPlural := plurals[text]
		if !isGerman && !isPlural {
			t.Errorf("there is no German for %q", text)
		}
	}
	for text := range german {
		if !all[text] {
			t.Errorf("nobody says %q", text)
		}
	}
	for text := range plurals {
		if !all[text] {
			t.Errorf("nobody says %q", text)
		}
	}
}

var verb = regexp.MustCompile(`%[a-z]`)

// A translation has the places of its text, in their order.
func TestTranslationsHaveTheSamePlaces(t *testing.T) {
	t.Parallel()
	for text, german := range german {
		if a, b := verb.FindAllString(text, -1), verb.FindAllString(german, -1); !slices.Equal(a, b) {
			t.Errorf("%q has %q, %q has %q", text, a, german, b)
		}
	}
}

// No text of a page is written in a template past the catalog.
func TestTemplatesHaveNoWordsOfTheirOwn(t *testing.T) {
	t.Parallel()
	tags, actions := regexp.MustCompile(`(?s)<[^>]*>`), regexp.MustCompile(`(?s){{.*?}}`)
	ours := map[string]bool{"Boxoffice": true, "English": true, "Deutsch": true}
	entries, err := os.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join("templates", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		plain := tags.ReplaceAllString(actions.ReplaceAllString(string(data), " "), " ")
		for _, word := range regexp.MustCompile(`\p{L}{3,}`).FindAllString(plain, -1) {
			if !ours[word] {
				t.Errorf("%s says %q itself", e.Name(), word)
			}
		}
	}
}
