package httpkit

import (
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

// documentLeniency says what huma takes for absent: a parameter without a value
// and, but for PATCH, where it has a meaning of its own, null in the place of
// an optional field. An optional object must say of itself that it is nullable.
func documentLeniency(doc *huma.OpenAPI, op *huma.Operation) {
	for _, p := range op.Parameters {
		if p.In == "query" {
			p.AllowEmptyValue = true
		}
	}
	if op.RequestBody == nil || op.Method == http.MethodPatch {
		return
	}
	for _, media := range op.RequestBody.Content {
		optionalIsNullable(doc.Components.Schemas, media.Schema)
	}
}

func optionalIsNullable(known huma.Registry, s *huma.Schema) {
	switch {
	case s == nil:
	case s.Ref != "":
		optionalIsNullable(known, known.SchemaFromRef(s.Ref))
	case s.Type == huma.TypeArray:
		optionalIsNullable(known, s.Items)
	case s.Type == huma.TypeObject:
		for name, p := range s.Properties {
			optionalIsNullable(known, p)
			if slices.Contains(s.Required, name) || p.Ref != "" || p.Type == "" || p.Type == huma.TypeObject || p.Nullable {
				continue
			}
			p.Nullable = true
			if len(p.Enum) > 0 {
				p.Enum = append(p.Enum, nil)
			}
		}
	}
}
