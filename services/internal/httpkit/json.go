package httpkit

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	errNotUTF8   = errors.New("it is not UTF-8")
	errNul       = errors.New("it has a NUL character")
	errTime      = errors.New("expected a time like 2026-01-31T20:00:00Z")
	errOtherType = errors.New("a value has a type that is not allowed")
)

// unmarshal is json.Unmarshal, but for what it lets pass: it replaces bad UTF-8
// by U+FFFD, and it knows the NUL that PostgreSQL cannot store. Its errors are
// for clients: they name no type of Go's.
func unmarshal(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errNotUTF8
	}
	if hasNUL(data) {
		return errNul
	}
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

// hasNUL reports whether a string in the JSON text has a NUL, \u0000, which is
// not the text of one, \\u0000.
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
