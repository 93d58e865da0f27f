package specs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/openboxoffice/boxoffice/contracts/openapi"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// API is what a service's document says of its answers.
type API struct {
	service    string
	root       map[string]any
	operations map[string]map[string]any // by method and path
	routes     *chi.Mux                  // finds them as the services do
	schemas    *schemas
}

// Answer is what came of a request.
type Answer struct {
	Method string
	URL    *url.URL
	Status int
	Header http.Header
	Body   []byte
}

// NewAPI reads the document of a service.
func NewAPI(service string) (*API, error) {
	root, schemas, err := read(service+".json", openapi.Document(service))
	if err != nil {
		return nil, err
	}
	a := &API{service: service, root: root, operations: map[string]map[string]any{}, routes: chi.NewMux(), schemas: schemas}
	for path, item := range at(root, "paths") {
		for method := range item.(map[string]any) {
			method = strings.ToUpper(method)
			a.operations[method+" "+path] = at(root, "paths", path, strings.ToLower(method))
			a.routes.MethodFunc(method, path, func(http.ResponseWriter, *http.Request) {})
		}
	}
	return a, nil
}

// undocumented are served for people and machines that look after a service,
// and no part of its API.
var undocumented = []string{"/healthz", "/readyz", "/docs", "/openapi.json"}

// Check returns an error unless the answer is one that is documented: its
// status, its type and its body, down to the code of a problem. It returns that
// code, if there is one.
func (a *API) Check(r Answer) (problem.Code, error) {
	code, err := a.check(r)
	if err != nil {
		err = fmt.Errorf("%s %s at %s was answered %d %s, against its document: %w: %.600s",
			r.Method, r.URL.RequestURI(), a.service, r.Status, r.Header.Get("Content-Type"), err, r.Body)
	}
	return code, err
}

func (a *API) check(r Answer) (problem.Code, error) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // none has no body
	code := codeOf(media, r.Body)
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if r.Status == http.StatusExpectationFailed && len(r.Body) == 0 {
		return "", nil // Go's server, of a header Expect, before anybody else sees the request
	}
	if r.Status == http.StatusUnauthorized && r.Header.Get("WWW-Authenticate") == "" {
		return code, errors.New("it does not say what credentials are asked for")
	}
	op, path := a.operation(method, r.URL)
	if op == nil {
		return code, a.checkStranger(r, code)
	}
	response, ok := at(op, "responses")[strconv.Itoa(r.Status)].(map[string]any)
	switch {
	case !ok:
		return code, errors.New("the status is not documented")
	case r.Method == http.MethodHead, response["content"] == nil && len(r.Body) == 0:
		return code, nil
	case at(response, "content")[media] == nil:
		return code, errors.New("the content type is not documented")
	case !strings.HasSuffix(media, "json"):
		return code, nil // a page or a document has no schema
	}
	return code, a.schemas.check(r.Body, "paths", path, strings.ToLower(method), "responses", strconv.Itoa(r.Status), "content", media, "schema")
}

// Has reports whether there is an operation that a request asks for.
func (a *API) Has(method string, u *url.URL) bool {
	op, _ := a.operation(method, u)
	return op != nil
}

// operation finds what a request asks for.
func (a *API) operation(method string, u *url.URL) (op map[string]any, path string) {
	asked := u.EscapedPath() // a service, too, routes by what was written
	if u.RawPath == "" {
		asked = u.Path
	}
	route := chi.NewRouteContext()
	if !a.routes.Match(route, method, asked) {
		return nil, ""
	}
	path = route.RoutePattern()
	return a.operations[method+" "+path], path
}

// checkStranger looks at an answer to what is no operation.
func (a *API) checkStranger(r Answer, code problem.Code) error {
	switch {
	case slices.Contains(undocumented, r.URL.Path), strings.HasPrefix(r.URL.Path, "/docs/"):
		return nil
	case code == problem.RouteNotFound, code == problem.MethodNotAllowed, code == problem.BadRequest:
		return a.schemas.check(r.Body, "components", "schemas", "Error")
	case r.Status == http.StatusMethodNotAllowed && at(a.root, "paths")[r.URL.Path] != nil:
		return nil // in the form of the operation that there is
	case r.Method == http.MethodHead && r.Status >= 400:
		return nil
	}
	return errors.New("there is no such operation")
}

func codeOf(media string, body []byte) problem.Code {
	var p problem.Problem
	if media != problem.ContentType || json.Unmarshal(body, &p) != nil {
		return ""
	}
	return p.Code
}

// Codes are the codes of all problems that are documented.
func (a *API) Codes() []problem.Code {
	var codes []problem.Code
	for _, op := range a.operations {
		for _, response := range at(op, "responses") {
			for _, part := range list(at(response.(map[string]any), "content", problem.ContentType, "schema")["allOf"]) {
				for _, code := range list(at(part.(map[string]any), "properties", "code")["enum"]) {
					codes = append(codes, problem.Code(code.(string)))
				}
			}
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

// schemas are those in one document, each compiled when it is asked for.
type schemas struct {
	name     string
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

// read reads a document and the schemas in it, which are those of JSON Schema
// 2020-12, as OpenAPI 3.1 and AsyncAPI 3 have them. Formats count.
func read(name string, document []byte) (map[string]any, *schemas, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(name, root); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return root.(map[string]any), &schemas{name: name, compiler: c, compiled: map[string]*jsonschema.Schema{}}, nil
}

// at returns the schema that lies at this path in the document.
func (s *schemas) at(path ...string) (*jsonschema.Schema, error) {
	var pointer strings.Builder
	pointer.WriteString(s.name + "#")
	for _, name := range path {
		pointer.WriteString("/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if schema := s.compiled[pointer.String()]; schema != nil {
		return schema, nil
	}
	schema, err := s.compiler.Compile(pointer.String())
	if err == nil {
		s.compiled[pointer.String()] = schema
	}
	return schema, err
}

// check returns an error unless text is JSON as the schema at this path wants
// it.
func (s *schemas) check(text []byte, path ...string) error {
	schema, err := s.at(path...)
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

// at goes down a path of JSON objects; where one is missing it is empty.
func at(v map[string]any, path ...string) map[string]any {
	for _, name := range path {
		v, _ = v[name].(map[string]any)
	}
	return v
}

// list is a JSON array; what is none is empty.
func list(v any) []any {
	l, _ := v.([]any)
	return l
}
