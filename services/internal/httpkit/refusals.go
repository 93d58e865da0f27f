package httpkit

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// refusals is where an operation's metadata has the codes of its problems.
const refusals = "refusals"

// Refuses returns op with codes among those that it may be refused with,
// besides what every operation of its kind may be. Its document lists them.
func Refuses(op huma.Operation, codes ...problem.Code) huma.Operation {
	before, _ := op.Metadata[refusals].([]problem.Code)
	op.Metadata = maps.Clone(op.Metadata)
	if op.Metadata == nil {
		op.Metadata = map[string]any{}
	}
	op.Metadata[refusals] = slices.Concat(before, codes)
	return op
}

// documentRefusals puts a response for each status in the place of huma's one
// for all of them. Where Refuses has not been, it changes nothing: a test of
// the documents finds that.
func documentRefusals(_ *huma.OpenAPI, op *huma.Operation) {
	codes, ok := op.Metadata[refusals].([]problem.Code)
	if !ok {
		return
	}
	delete(op.Responses, "default")
	maps.Copy(op.Responses, Refusals(append(everyOperations(op), codes...)...))
}

// Refusals are the responses, by status, with these codes.
func Refusals(codes ...problem.Code) map[string]*huma.Response {
	responses := map[string]*huma.Response{}
	for _, c := range problem.Codes {
		if !slices.Contains(codes, c.Code) {
			continue
		}
		status := strconv.Itoa(c.Status)
		r := responses[status]
		if r == nil {
			r = refusal(c.Status)
			responses[status] = r
		}
		r.Description = strings.TrimSpace(r.Description + "\n- `" + string(c.Code) + "`: " + c.Meaning)
		media := r.Content[problem.ContentType]
		code := media.Schema.AllOf[1].Properties["code"]
		code.Enum = append(code.Enum, string(c.Code))
		if media.Example == nil {
			media.Example = NewProblem(c.Status, c.Code, c.Meaning).Problem
		}
	}
	return responses
}

// refusal is the response of a status, as yet without a code.
func refusal(status int) *huma.Response {
	return &huma.Response{Content: map[string]*huma.MediaType{problem.ContentType: {
		Schema: &huma.Schema{AllOf: []*huma.Schema{
			{Ref: "#/components/schemas/Error"},
			{Properties: map[string]*huma.Schema{
				"status": {Enum: []any{status}},
				"code":   {},
			}},
		}},
	}}}
}

// everyOperations are the codes that an operation has for what it takes.
func everyOperations(op *huma.Operation) []problem.Code {
	codes := []problem.Code{problem.BadRequest, problem.Internal, problem.Unavailable}
	if op.RequestBody != nil {
		codes = append(codes, problem.MalformedBody, problem.BodyTooLarge, problem.UnsupportedMedia, problem.RequestTimeout, problem.ValidationFailed)
	}
	for _, p := range op.Parameters {
		if p.In == "query" || !anyText(p.Schema) {
			codes = append(codes, problem.ValidationFailed)
		}
		if p.In == "query" && p.Name == "cursor" {
			codes = append(codes, problem.InvalidCursor)
		}
	}
	return codes
}

// anyText tells the schema that refuses nothing.
func anyText(s *huma.Schema) bool {
	return s == nil || s.Type == huma.TypeString && s.Format == "" && s.Pattern == "" &&
		s.MinLength == nil && s.MaxLength == nil && len(s.Enum) == 0
}
