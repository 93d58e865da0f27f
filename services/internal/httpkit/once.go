package httpkit

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// onceEach makes an operation refuse a parameter that is there more than once: huma
// takes the first, and whoever sent the other would not hear of it. The headers of
// preconditions are lists (RFC 9110), and so may have several lines.
func onceEach(_ *huma.OpenAPI, op *huma.Operation) {
	var queries, headers []string
	for _, p := range op.Parameters {
		switch {
		case p.In == "query" && p.Schema.Type != huma.TypeArray:
			queries = append(queries, p.Name)
		case p.In == "header" && !strings.HasPrefix(p.Name, "If-"):
			headers = append(headers, p.Name)
		}
	}
	if len(queries)+len(headers) == 0 {
		return
	}
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		r, w := humachi.Unwrap(ctx)
		var twice []problem.Field
		sent := r.URL.Query()
		for _, name := range queries {
			if len(sent[name]) > 1 {
				twice = append(twice, problem.Field{Location: "query." + name, Message: "is there more than once"})
			}
		}
		for _, name := range headers {
			if len(r.Header.Values(name)) > 1 {
				twice = append(twice, problem.Field{Location: "header." + name, Message: "is there more than once"})
			}
		}
		if len(twice) > 0 {
			WriteProblem(w, r, Invalid(twice...))
			return
		}
		next(ctx)
	})
}
