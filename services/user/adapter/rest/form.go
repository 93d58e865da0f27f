package rest

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// form is the parameters of an OAuth 2.0 request (RFC 6749 §3.2): each at most
// once, those without a value left out.
type form map[string]string

// maxParameters is more than any request has that we know.
const maxParameters = 64

var (
	errBadForm  = errors.New("the body is not a form in UTF-8")
	errRepeated = errors.New("a parameter is there more than once")
)

const (
	formType = "application/x-www-form-urlencoded"
	// maxForm is how many bytes a form may have: more than any name and password
	// need, every character escaped.
	maxForm = 16 << 10
)

// readForm returns the parameters in the body of r. Its errors may be shown; one
// that has a status of its own is a *httpkit.Error.
func readForm(w http.ResponseWriter, r *http.Request) (form, error) {
	body, refusal := httpkit.ReadBody(w, r, formType, maxForm, httpkit.BodyTimeout)
	if refusal != nil {
		return nil, refusal
	}
	return parseForm(string(body))
}

func parseForm(body string) (form, error) {
	if strings.Count(body, "&") >= maxParameters {
		return nil, errBadForm
	}
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, errBadForm
	}
	f := form{}
	for name, vs := range values {
		if len(vs) > 1 {
			return nil, errRepeated
		}
		if !utf8.ValidString(name+vs[0]) || strings.Contains(name+vs[0], "\x00") {
			return nil, errBadForm
		}
		if vs[0] != "" {
			f[name] = vs[0]
		}
	}
	return f, nil
}
