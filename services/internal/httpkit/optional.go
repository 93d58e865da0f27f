package httpkit

import (
	"encoding/json"

	"github.com/danielgtaylor/huma/v2"
)

// Optional is a text in a body that may be left out, which is not the same as null:
// that is an empty text.
type Optional struct {
	Sent  bool
	Value string
}

// Given returns the text, or nil where it was left out.
func (o *Optional) Given() *string {
	if !o.Sent {
		return nil
	}
	return &o.Value
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *Optional) UnmarshalJSON(b []byte) error {
	o.Sent = true
	return json.Unmarshal(b, &o.Value) // null leaves it empty
}

// Schema implements huma.SchemaProvider.
func (o Optional) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Nullable: true}
}
