package httpkit

import (
	"maps"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// documentExamples gives the bodies of an operation, but for its refusals, an
// example each.
func documentExamples(doc *huma.OpenAPI, op *huma.Operation) {
	var contents []map[string]*huma.MediaType
	if op.RequestBody != nil {
		contents = append(contents, op.RequestBody.Content)
	}
	for _, r := range op.Responses {
		contents = append(contents, r.Content)
	}
	for _, content := range contents {
		for _, media := range content {
			if media.Example == nil && media.Examples == nil {
				media.Example = Example(doc.Components.Schemas, media.Schema)
			}
		}
	}
}

// Example makes an example of what s describes, of the examples that its parts
// have (the tag example, in Go); nil where there is nothing to say.
func Example(known huma.Registry, s *huma.Schema) any {
	if s == nil {
		return nil
	}
	if s.Ref != "" {
		return Example(known, known.SchemaFromRef(s.Ref))
	}
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case s.Default != nil:
		return s.Default
	case len(s.Enum) > 0:
		return s.Enum[0]
	}
	switch s.Type {
	case huma.TypeObject:
		object := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
			if v := Example(known, s.Properties[name]); v != nil {
				object[name] = v
			}
		}
		return object
	case huma.TypeArray:
		if item := Example(known, s.Items); item != nil {
			return []any{item}
		}
		return []any{}
	case huma.TypeInteger, huma.TypeNumber:
		if s.Minimum != nil {
			return *s.Minimum
		}
		return 1
	case huma.TypeBoolean:
		return true
	case huma.TypeString:
		format, ok := s.Extensions["format"].(string) // of Time
		if !ok {
			format = s.Format
		}
		return map[string]any{
			"uuid":   "01890a5d-ac96-774b-bcce-b302099a8057",
			dateTime: "2030-06-01T18:00:00Z",
		}[format]
	}
	return nil
}

// DocumentOneOf says in the document of s, an object, that it has exactly one
// of these optional fields. huma does not see it: the service refuses what is
// otherwise itself, in better words.
func DocumentOneOf(s *huma.Schema, fields ...string) {
	var one []any
	for _, name := range fields {
		one = append(one, map[string]any{
			"required": []string{name}, "properties": map[string]any{name: map[string]any{"type": s.Properties[name].Type}},
		})
	}
	s.Extensions = map[string]any{"oneOf": one}
}
