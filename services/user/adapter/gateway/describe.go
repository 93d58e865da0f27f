package gateway

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/openapi"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// document is what the gateway's document takes from that of a service behind.
// Schemas stay as they are: huma's own type does not read all that it writes.
type document struct {
	Paths      map[string]map[string]described // by path and method
	Components struct{ Schemas map[string]schema }
}

type described struct {
	Tags                 []string
	Summary, Description string
	OperationID          string
	Parameters           []parameterDoc
	RequestBody          *bodyDoc
	Responses            map[string]responseDoc
	Security             []map[string][]string
	Callers              []string `json:"x-callers"` // auth.CallersExtension
	Roles                []string `json:"x-roles"`   // auth.RolesExtension
}

type parameterDoc struct {
	Name, In, Description string
	Required              bool
	AllowEmptyValue       bool
	Schema                schema
}

// isUUID reports whether p, of a path, is a UUID. One of which the document says
// nothing is.
func (p parameterDoc) isUUID() bool {
	return p.Schema["type"] == huma.TypeString && p.Schema["pattern"] == nil && (p.Schema["format"] == nil || p.Schema["format"] == "uuid")
}

type bodyDoc struct {
	Required bool
	Limit    int64 `json:"x-max-bytes"` // httpkit.BodyLimit
	Content  map[string]mediaType
}

type responseDoc struct {
	Description string
	Headers     map[string]struct{ Schema schema }
	Content     map[string]mediaType
}

type mediaType struct {
	Schema  schema
	Example any
}

// schema is a JSON Schema as it was written.
type schema map[string]any

// huma returns the schema for huma to write.
func (s schema) huma() *huma.Schema { return &huma.Schema{Extensions: s} }

// describe adds o to the document of api as that of the service behind, d, has it,
// and returns that. It panics where d does not: a test starts with it.
func describe(api huma.API, o operation, d document) described {
	known, ok := d.Paths[o.path][strings.ToLower(o.method)]
	if !ok || known.OperationID != o.id || known.RequestBody != nil && known.RequestBody.Limit == 0 {
		panic(fmt.Sprintf("gateway: the %s service does not document %s %s as %s, or how large its body may be", o.service, o.method, o.path, o.id))
	}
	if len(known.Callers) > 0 {
		// The gateway shows a token of its own: it would lend that to its clients.
		panic(fmt.Sprintf("gateway: %s %s of the %s service is for other services alone", o.method, o.path, o.service))
	}
	op := known.operation(o)
	api.OpenAPI().AddOperation(&op)
	d.addSchemas(api.OpenAPI().Components.Schemas.Map(), known)
	return known
}

// addSchemas adds to all what v refers to, and what that refers to.
func (d document) addSchemas(all map[string]*huma.Schema, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // it has been JSON
	}
	for _, found := range reference.FindAllSubmatch(b, -1) {
		name := string(found[1])
		s, ok := d.Components.Schemas[name[strings.Index(name, ".")+1:]]
		if _, known := all[name]; known || !ok {
			continue
		}
		all[name] = s.huma()
		d.addSchemas(all, s)
	}
}

var reference = regexp.MustCompile(`"\$ref":"#/components/schemas/([^"]+)"`)

// shared is the schema that is the same everywhere; the others get the
// service's name before theirs.
const shared = "Error"

func read(s service) (d document) { return parse(s, string(openapi.Document(string(s)))) }

func parse(s service, text string) (d document) {
	const ref = `"$ref": "#/components/schemas/`
	text = strings.ReplaceAll(text, ref, ref+string(s)+".")
	text = strings.ReplaceAll(text, ref+string(s)+"."+shared+`"`, ref+shared+`"`)
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		panic(fmt.Sprintf("gateway: the document of the %s service: %v", s, err))
	}
	return d
}

// operation is the operation for huma, with what the gateway itself refuses.
func (d described) operation(o operation) huma.Operation {
	op := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Tags: d.Tags,
		Summary: d.Summary, Description: d.Description, Security: d.Security,
		Responses: map[string]*huma.Response{},
	}
	if len(d.Roles) > 0 {
		op.Extensions = map[string]any{auth.RolesExtension: d.Roles}
	}
	for _, p := range d.Parameters {
		param := &huma.Param{Name: p.Name, In: p.In, Description: p.Description, Required: p.Required, AllowEmptyValue: p.AllowEmptyValue, Schema: p.Schema.huma()}
		if p.In == "path" && p.isUUID() {
			param.Schema = &huma.Schema{Type: huma.TypeString, Format: "uuid"}
		}
		op.Parameters = append(op.Parameters, param)
	}
	if d.RequestBody != nil {
		op.RequestBody = &huma.RequestBody{
			Required: d.RequestBody.Required, Content: contents(d.RequestBody.Content),
			Extensions: map[string]any{httpkit.BodyLimit: d.RequestBody.Limit},
		}
	}
	codes := []problem.Code{
		problem.UpstreamUnavailable,
		problem.BadRequest, problem.InvalidToken, problem.UnsupportedMedia, problem.ValidationFailed, // see impassable
	}
	for status, r := range d.Responses {
		if refused, ok := r.Content[problem.ContentType]; ok {
			codes = append(codes, refused.codes()...)
			continue
		}
		response := &huma.Response{Description: r.Description, Content: contents(r.Content), Headers: map[string]*huma.Param{}}
		for name, h := range r.Headers {
			response.Headers[name] = &huma.Param{Schema: h.Schema.huma()}
		}
		op.Responses[status] = response
	}
	return httpkit.Refuses(op, codes...)
}

func contents(in map[string]mediaType) map[string]*huma.MediaType {
	out := map[string]*huma.MediaType{}
	for name, m := range in {
		out[name] = &huma.MediaType{Schema: m.Schema.huma(), Example: m.Example}
	}
	return out
}

// codes are those that httpkit.Refusals has written into a response.
func (m mediaType) codes() (codes []problem.Code) {
	b, err := json.Marshal(m.Schema["allOf"])
	var parts []struct {
		Properties struct{ Code struct{ Enum []problem.Code } }
	}
	if err == nil {
		err = json.Unmarshal(b, &parts)
	}
	if err != nil {
		panic(fmt.Sprintf("gateway: a refusal is documented otherwise: %v", err))
	}
	for _, p := range parts {
		codes = append(codes, p.Properties.Code.Enum...)
	}
	return codes
}
