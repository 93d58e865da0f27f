package rest

import (
	"errors"
	"io"
	"mime"
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
	errNotForm  = errors.New("the body must be application/x-www-form-urlencoded")
	errBadForm  = errors.New("the body is not a form in UTF-8")
	errRepeated = errors.New("a parameter is there more than once")
	errTooLarge = errors.New("the body is larger than 1 MiB")
	errCutOff   = errors.New("the body could not be read")
)

// readForm returns the parameters in the body of r. Its errors may be shown.
func readForm(r *http.Request) (form, error) {
	ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || ct != "application/x-www-form-urlencoded" {
		return nil, errNotForm
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, httpkit.MaxBodyBytes+1))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), err == nil && len(body) > httpkit.MaxBodyBytes:
		return nil, errTooLarge
	case err != nil:
		return nil, errCutOff
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
