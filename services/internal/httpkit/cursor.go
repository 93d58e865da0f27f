package httpkit

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// EncodeCursor makes an opaque cursor of v, a small struct of the sort order
// and the last item's key.
func EncodeCursor(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a cursor is made of strings and numbers
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// DecodeCursor reads what EncodeCursor made into v. Anything else is a 422
// invalid_cursor.
func DecodeCursor(s string, v any) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return ErrCursor()
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	// What was given out encodes to itself again; nothing else does.
	if err := d.Decode(v); err != nil || EncodeCursor(v) != s {
		return ErrCursor()
	}
	return nil
}

// ErrCursor is the answer to a cursor that this list did not give out.
func ErrCursor() error {
	return NewProblem(http.StatusUnprocessableEntity, problem.InvalidCursor, "This cursor is not one that this list gave out.")
}

// ListOf is the page of a list of which up to limit + 1 items were read, to see
// whether there is a next page. body makes an item's body, and cursor, of the
// page's last item, what its next page begins after.
func ListOf[T, B any](read []T, limit int, body func(T) B, cursor func(last T) any) List[B] {
	page := List[B]{Items: make([]B, 0, min(len(read), limit))}
	for _, v := range read[:min(len(read), limit)] {
		page.Items = append(page.Items, body(v))
	}
	if len(read) > limit {
		next := EncodeCursor(cursor(read[limit-1]))
		page.NextCursor = &next
	}
	return page
}
