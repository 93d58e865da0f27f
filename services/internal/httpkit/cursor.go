package httpkit

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

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
	page := List[B]{
		Items:  make([]B, 0, min(len(read), limit)),
		cursor: func(last int) string { return EncodeCursor(cursor(read[last])) },
	}
	for _, v := range read[:min(len(read), limit)] {
		page.Items = append(page.Items, body(v))
	}
	if len(read) > limit {
		next := page.cursor(limit - 1)
		page.NextCursor = &next
	}
	return page
}

// maxPage is how many bytes a page may have. Sidecars pass on 1 MiB, and clients
// read as much.
const maxPage = 512 << 10

// Fitting returns how many of items, from the first, fit into a page that is not a List.
// One does, however large it is.
func Fitting[T any](items []T) (int, error) {
	size := 0
	for i, item := range items {
		b, err := json.Marshal(item)
		if err != nil {
			return 0, err
		}
		if size += len(b) + len(","); size > maxPage && i > 0 {
			return i, nil
		}
	}
	return len(items), nil
}

// encode writes the page, which ends before the item that makes it larger than
// maxPage. One item there always is, or nobody would ever come to the next.
func (l List[T]) encode(w io.Writer) error {
	var page bytes.Buffer
	items := json.NewEncoder(&page)
	items.SetEscapeHTML(false) // as huma
	page.WriteString(`{"items":[`)
	next := l.NextCursor
	for i, item := range l.Items {
		end := page.Len()
		if i > 0 {
			page.WriteByte(',')
		}
		if err := items.Encode(item); err != nil {
			return err
		}
		page.Truncate(page.Len() - len("\n"))
		if page.Len() > maxPage && i > 0 {
			page.Truncate(end)
			cursor := l.cursor(i - 1)
			next = &cursor
			break
		}
	}
	page.WriteString(`],"next_cursor":`)
	if err := items.Encode(next); err != nil {
		return err
	}
	page.Truncate(page.Len() - len("\n"))
	page.WriteString("}\n")
	_, err := w.Write(page.Bytes())
	return err
}

// marshal writes the body of an answer.
func marshal(w io.Writer, v any) error {
	if page, ok := v.(interface{ encode(io.Writer) error }); ok {
		return page.encode(w)
	}
	return huma.DefaultJSONFormat.Marshal(w, v)
}
