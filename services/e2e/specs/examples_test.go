package specs

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// TestOperations looks at each operation: it says in a line what it does, lists
// its refusals, and has an example of every body, which is valid.
func TestOperations(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		a, err := NewAPI(service)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range slices.Sorted(maps.Keys(a.operations)) {
			t.Run(service+" "+name, func(t *testing.T) {
				method, path, _ := strings.Cut(name, " ")
				o := operation{t: t, api: a, op: a.operations[name], path: []string{"paths", path, strings.ToLower(method)}}
				o.check()
			})
		}
	}
}

type operation struct {
	t    *testing.T
	api  *API
	op   map[string]any
	path []string
}

func (o operation) check() {
	if summary, _ := o.op["summary"].(string); summary == "" || strings.Contains(summary, "\n") {
		o.t.Errorf("the summary is %q", summary)
	}
	if o.op["operationId"] == nil {
		o.t.Error("it has no operationId")
	}
	o.contents(at(o.op, "requestBody"), "requestBody")
	refusals := 0
	for status, r := range at(o.op, "responses") {
		response := r.(map[string]any)
		if status == "default" || strings.HasSuffix(status, "XX") {
			o.t.Errorf("a response for %s says nothing: httpkit.Refuses documents each", status)
		}
		if response["description"] == "" {
			o.t.Errorf("the response %s is not described", status)
		}
		o.contents(response, "responses", status)
		if at(response, "content", problem.ContentType) != nil {
			refusals++
		}
	}
	if refusals == 0 {
		o.t.Error("it documents no refusal")
	}
}

// contents checks the example of each kind of content.
func (o operation) contents(in map[string]any, where ...string) {
	for media, c := range at(in, "content") {
		example, ok := c.(map[string]any)["example"]
		if !ok {
			o.t.Errorf("%v: no example of %s", where, media)
			continue
		}
		b, err := json.Marshal(example)
		if err != nil {
			o.t.Fatal(err)
		}
		if err := o.api.schemas.check(b, slices.Concat(o.path, where, []string{"content", media, "schema"})...); err != nil {
			o.t.Errorf("%v: the example of %s: %v", where, media, err)
		}
	}
}

// TestExamplesOfTexts looks for texts of which nobody can tell how they look.
func TestExamplesOfTexts(t *testing.T) {
	t.Parallel()
	for _, service := range services {
		a, err := NewAPI(service)
		if err != nil {
			t.Fatal(err)
		}
		for name, s := range at(a.root, "components", "schemas") {
			for field, p := range at(s.(map[string]any), "properties") {
				property := p.(map[string]any)
				kinds := append(list(property["type"]), property["type"])
				if slices.Contains(kinds, any("string")) && property["examples"] == nil && property["enum"] == nil &&
					property["format"] == nil && property["default"] == nil {
					t.Errorf("%s: %s.%s has no example", service, name, field)
				}
			}
		}
	}
}
