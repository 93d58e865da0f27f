package httpkit_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// A parameter that is there twice is named; which of the two was meant nobody knows.
func TestAParameterIsThereOnce(t *testing.T) {
	t.Parallel()
	mux := httpkit.NewRouter(quiet)
	huma.Get(httpkit.NewAPI(mux, "Test", ""), "/things", func(context.Context, *struct {
		httpkit.Page
		Q       string `query:"q"`
		Key     string `header:"Idempotency-Key"`
		IfMatch string `header:"If-Match"`
	},
	) (*struct{}, error) {
		return nil, nil
	})
	for _, c := range []struct {
		query, want string
		header      http.Header
	}{
		{query: "?limit=5&limit=6", want: "query.limit"},
		{query: "?limit=5&limit=5", want: "query.limit"},
		{query: "?limit=&limit=5", want: "query.limit"},
		{query: "?q=a&limit=5&q=b&%6Cimit=6", want: "query.limit query.q"},
		{header: http.Header{"Idempotency-Key": {"a", "b"}}, want: "header.Idempotency-Key"},
		{query: "?limit=5&q=a&cursor=&unknown=1&unknown=2"},
		{header: http.Header{"Idempotency-Key": {"a"}, "If-Match": {`"a"`, `"b"`}}},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/things"+c.query, nil)
		for name, values := range c.header {
			r.Header[name] = values
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		var p problem.Problem
		if w.Code != http.StatusNoContent {
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusUnprocessableEntity || p.Code != problem.ValidationFailed {
				t.Errorf("%s %v: %d %s", c.query, c.header, w.Code, w.Body)
			}
		}
		var names []string
		for _, f := range p.Errors {
			names = append(names, f.Location)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s %v: refused for %q, want %q", c.query, c.header, got, c.want)
		}
	}
}
