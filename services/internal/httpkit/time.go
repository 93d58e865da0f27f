package httpkit

import (
	"regexp"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Time is an instant in a request, exactly as RFC 3339 writes it. time.Time is
// for answers: of what comes in, it refuses some that is right and, in a query,
// takes some that is not.
type Time struct {
	at      time.Time
	invalid bool
}

// Time returns the instant; absent, it is zero.
func (t Time) Time() time.Time { return t.at }

var rfc3339 = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// UnmarshalText implements encoding.TextUnmarshaler. It never fails: Resolve,
// which knows where the text stood, says what is wrong.
func (t *Time) UnmarshalText(text []byte) error {
	s := strings.ToUpper(string(text)) // t and z are as good
	at, err := time.Parse(time.RFC3339, s)
	*t = Time{at: at, invalid: err != nil || !rfc3339.MatchString(s)}
	return nil //nolint:nilerr // Resolve says it
}

// Resolve implements huma.ResolverWithPath.
func (t *Time) Resolve(_ huma.Context, at *huma.PathBuffer) []error {
	if !t.invalid {
		return nil
	}
	return []error{&huma.ErrorDetail{Location: at.String(), Message: errTime.Error()}}
}

// Schema implements huma.SchemaProvider. huma itself would look at the format,
// by Go's rules.
func (Time) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Extensions: map[string]any{"format": dateTime}}
}

const dateTime = "date-time"
