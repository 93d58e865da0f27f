package rest

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzTokenForm: whatever a body is, it is refused, or each of its parameters
// is there once, in UTF-8, as another reader of forms would read it.
func FuzzTokenForm(f *testing.F) {
	for _, seed := range []string{
		"", "grant_type=password&username=ada%40example.com&password=a+b", "a=1&a=2", "a=%zz", "a=%ff", "a;b", "a=&b=", "=x", "&&&", "a=%00",
		strings.Repeat("a&", 100),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/token", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		got, err := readForm(httptest.NewRecorder(), r)
		if err != nil {
			return
		}
		want, err := url.ParseQuery(body)
		if err != nil {
			t.Fatalf("%q is no form, and was read as %v", body, got)
		}
		for name, values := range want {
			if len(values) != 1 || got[name] != values[0] || !utf8.ValidString(name+values[0]) {
				t.Errorf("%q: %q is %q, read as %q", body, name, values, got[name])
			}
		}
		for name, value := range got {
			if value == "" || want.Get(name) != value {
				t.Errorf("%q: read %q as %q", body, name, value)
			}
		}
	})
}
