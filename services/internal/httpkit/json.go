package httpkit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

const (
	// A body may be nested maxDepth deep and hold maxValues values; a refusal
	// names maxErrors fields at most.
	maxDepth  = 32
	maxValues = 4096
	maxErrors = 20
)

var (
	errTime      = errors.New("expected a time like 2026-01-31T20:00:00Z")
	errOtherType = errors.New("a value has a type that is not allowed")
)

// checkJSON returns the refusal of a body that is no JSON text, or that would be
// too much work: one that is nested too deeply, has too many values, a list
// longer than schema allows, or more unknown fields than a refusal names. It
// stops at the first of them. Everything else is huma's to find.
//
// encoding/json lets pass what this refuses: it replaces bad UTF-8 and lone
// surrogates, and takes the last of two fields with one name.
func checkJSON(body []byte, known huma.Registry, schema *huma.Schema) *Error {
	if hasNUL(body) {
		return malformed("it has a NUL character")
	}
	c := &bodyCheck{known: known, tokens: jsontext.NewDecoder(bytes.NewBuffer(body))}
	refusal := c.value(schema, &place{name: "body"})
	if refusal != nil {
		return refusal
	}
	if _, err := c.tokens.ReadToken(); !errors.Is(err, io.EOF) {
		return malformed("there is something after its end")
	}
	return nil
}

func malformed(why string) *Error {
	return NewProblem(http.StatusBadRequest, problem.MalformedBody, "The body is not valid JSON: "+why)
}

// bodyCheck is a checkJSON on its way through a body.
type bodyCheck struct {
	known   huma.Registry
	tokens  *jsontext.Decoder
	values  int
	unknown []problem.Field
}

// place is where a value stands: in the field name of parent, or, where parent
// is a list, at index.
type place struct {
	parent *place
	name   string
	inList bool
	index  int
	depth  int
}

func (p *place) String() string {
	switch {
	case p.parent == nil:
		return p.name
	case p.inList:
		return p.parent.String() + "[" + strconv.Itoa(p.index) + "]"
	}
	return p.parent.String() + "." + p.name
}

// value checks the next value. schema is nil for one that may be anything.
func (c *bodyCheck) value(schema *huma.Schema, at *place) *Error {
	for schema != nil && schema.Ref != "" {
		schema = c.known.SchemaFromRef(schema.Ref)
	}
	if c.values++; c.values > maxValues {
		return Invalid(problem.Field{Location: "body", Message: fmt.Sprintf("expected at most %d values", maxValues)})
	}
	if at.depth > maxDepth {
		return malformed("it is nested too deeply")
	}
	token, err := c.tokens.ReadToken()
	if err != nil {
		return malformed(syntax(err))
	}
	switch token.Kind() {
	case '{':
		err = c.fields(schema, at)
	case '[':
		err = c.elements(schema, at)
	}
	var refusal *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return refusal
	}
	return malformed(syntax(err))
}

// fields checks what an object has, up to its end.
func (c *bodyCheck) fields(schema *huma.Schema, at *place) error {
	var others any = true
	if schema != nil && schema.AdditionalProperties != nil {
		others = schema.AdditionalProperties
	}
	for c.tokens.PeekKind() != '}' {
		token, err := c.tokens.ReadToken()
		if err != nil {
			return err
		}
		field := &place{parent: at, name: token.String(), depth: at.depth + 1}
		var of *huma.Schema
		if schema != nil {
			of = schema.Properties[field.name]
		}
		switch others := others.(type) {
		case *huma.Schema:
			if of == nil {
				of = others
			}
		case bool:
			if of != nil || others {
				break
			}
			c.unknown = append(c.unknown, problem.Field{Location: field.String(), Message: "unexpected property"})
			if len(c.unknown) > maxErrors {
				return Invalid(c.unknown...)
			}
		}
		if refusal := c.value(of, field); refusal != nil {
			return refusal
		}
	}
	_, err := c.tokens.ReadToken()
	return err
}

// elements checks what a list has, up to its end.
func (c *bodyCheck) elements(schema *huma.Schema, at *place) error {
	var of *huma.Schema
	if schema != nil {
		of = schema.Items
	}
	for i := 0; c.tokens.PeekKind() != ']'; i++ {
		if schema != nil && schema.MaxItems != nil && i == *schema.MaxItems {
			return Invalid(problem.Field{Location: at.String(), Message: fmt.Sprintf("expected array length <= %d", i)})
		}
		if refusal := c.value(of, &place{parent: at, inList: true, index: i, depth: at.depth + 1}); refusal != nil {
			return refusal
		}
	}
	_, err := c.tokens.ReadToken()
	return err
}

// syntax says what is wrong with JSON, without the words of the body or Go's.
func syntax(err error) string {
	var s *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "it ends too early"
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "a field is there twice"
	case errors.As(err, &s) && s.Err != nil:
		return strings.TrimPrefix(s.Err.Error(), "jsontext: ") + " at byte " + strconv.FormatInt(s.ByteOffset, 10)
	}
	return "it cannot be read"
}

// unmarshal is json.Unmarshal of what checkJSON has let pass. Its errors are for
// clients: they name no type of Go's.
func unmarshal(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	var mismatch *json.UnmarshalTypeError
	var badTime *time.ParseError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mismatch):
		return &fieldError{location: mismatch.Field, message: explain(mismatch)}
	case errors.As(err, &badTime):
		return errTime
	case strings.HasPrefix(err.Error(), "json: "), strings.HasPrefix(err.Error(), "Time.UnmarshalJSON: "):
		return errOtherType
	}
	return err
}

// hasNUL reports whether the JSON text has a NUL, which PostgreSQL cannot store:
// \u0000, which is not the text of one, \\u0000.
func hasNUL(data []byte) bool {
	for i := 0; i+5 < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		if string(data[i+1:i+6]) == "u0000" {
			return true
		}
		i++ // what is escaped begins no escape
	}
	return false
}

// explain says what is wrong with a value that passed the schema, where 2.0 is
// a whole number as 2 is, or that no schema has seen.
func explain(e *json.UnmarshalTypeError) string {
	number, ok := strings.CutPrefix(e.Value, "number ")
	switch kind := e.Type.Kind(); {
	case ok && kind >= reflect.Int && kind <= reflect.Uint64 && strings.ContainsAny(number, ".eE"):
		return "expected a whole number, written as digits alone"
	case ok && kind >= reflect.Int && kind <= reflect.Float64:
		return "the number is out of range"
	}
	return errOtherType.Error()
}

// fieldError is an error about one field of a body. huma keeps of an error no
// more than its text; inBody finds the field in it again.
type fieldError struct{ location, message string }

func (e *fieldError) Error() string {
	if e.location == "" {
		return e.message
	}
	return "body." + e.location + ": " + e.message
}

// inBody takes the text of a fieldError apart.
func inBody(text string) (location, message string, ok bool) {
	if !strings.HasPrefix(text, "body.") {
		return "", "", false
	}
	return strings.Cut(text, ": ")
}

// bodyLimit returns how many bytes a body of this schema may need: all its
// fields at their longest, every character escaped, each value on a line of its
// own; and room for a few fields that it should not have.
func bodyLimit(known huma.Registry, s *huma.Schema) int64 {
	limit := int64(4 << 10)
	for need := longest(known, s); limit < need; {
		limit *= 2
	}
	return limit
}

// longest is how many bytes a value of this schema may need.
func longest(known huma.Registry, s *huma.Schema) int64 {
	const (
		line   = 64  // the white space around a value
		scalar = 128 // a number, a time, an id, or what is ignored
		escape = len(`\ud83c\udfab`)
	)
	for s.Ref != "" {
		s = known.SchemaFromRef(s.Ref)
	}
	switch {
	case s.Type == huma.TypeObject:
		all := int64(line)
		for name, p := range s.Properties {
			all += int64(len(name)) + longest(known, p)
		}
		return all
	case s.Type == huma.TypeArray && s.MaxItems != nil:
		return line + int64(*s.MaxItems)*longest(known, s.Items)
	case s.Type == huma.TypeArray:
		panic("httpkit: a list in a body needs maxItems")
	case s.Type == huma.TypeString && s.MaxLength != nil:
		return line + int64(*s.MaxLength*escape)
	}
	return line + scalar
}
