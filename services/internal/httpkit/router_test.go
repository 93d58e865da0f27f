package httpkit_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

func TestAPathSaysWhichMethodsItKnows(t *testing.T) {
	t.Parallel()
	mux := httpkit.NewRouter(quiet)
	api := httpkit.NewAPI(mux, "Test", "")
	nothing := func(context.Context, *struct{}) (*struct{}, error) { return nil, nil }
	huma.Get(api, "/things", nothing)
	huma.Post(api, "/things", nothing)
	huma.Put(api, "/things/{id}", nothing)
	for _, c := range []struct{ method, path, allow string }{
		{http.MethodDelete, "/things", "GET, HEAD, POST"},
		{http.MethodGet, "/things/a", "PUT"},
		{http.MethodHead, "/things/a", "PUT"},
		{http.MethodHead, "/things/a%2Fb", "PUT"},
		{"BREW", "/things", "GET, HEAD, POST"},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), c.method, c.path, nil))
		if allow := w.Header().Get("Allow"); w.Code != http.StatusMethodNotAllowed || allow != c.allow {
			t.Errorf("%s %s: %d, Allow %q, want 405, %q", c.method, c.path, w.Code, allow, c.allow)
		}
	}
}

func TestAPathIsTheSameHoweverItIsEscaped(t *testing.T) {
	t.Parallel()
	mux := httpkit.NewRouter(quiet)
	api := httpkit.NewAPI(mux, "Test", "")
	got := ""
	huma.Get(api, "/things/{id}/parts", func(_ context.Context, in *struct {
		ID string `path:"id"`
	},
	) (*struct{}, error) {
		got = in.ID
		return nil, nil
	})
	mux.Get("/plain/{id}", func(_ http.ResponseWriter, r *http.Request) { got = chi.URLParam(r, "id") })
	for path, want := range map[string]string{
		"/things/a-b/parts": "a-b", "/%74hings/a%2Db/%70arts": "a-b", "/things/a%2db/parts": "a-b", "/t%68ings/%61/parts": "a", "/things/%C3%A9/parts": "é",
		"/things/a%2Fb/parts": "a/b", "/%74hings/%61%2fb/parts": "a/b", "/things/a%252Fb/parts": "a%2Fb", "/%74hings/a%252Fb/parts": "a%2Fb",
		"/things/%28%29/parts": "()", "/things/()/parts": "()", "/things/%2e%2e/parts": "..", "/things/a%3Fb%23/parts": "a?b#",
		"/plain/a%2Db": "a-b", "/%70lain/a%2db": "a-b",
	} {
		got = ""
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if got != want {
			t.Errorf("%s: %d, the id is %q, want %q", path, w.Code, got, want)
		}
	}
	for _, path := range []string{"/things%2Fa/parts", "/things/a%2Fparts", "/things/a/b/parts", "/%74hings%2fa/parts"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, w.Code)
		}
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	t.Parallel()
	s := server(t)
	ask := func(method, path string) (int, string, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, res.Header.Get("Content-Type"), string(b)
	}
	for _, path := range []string{"/things", "/things?limit=0", "/nowhere", "/unknown", "/docs", "/openapi.json"} {
		code, contentType, _ := ask(http.MethodGet, path)
		headCode, headType, body := ask(http.MethodHead, path)
		if headCode != code || headType != contentType || body != "" {
			t.Errorf("%s: HEAD answers %d %q %q, GET %d %q", path, headCode, headType, body, code, contentType)
		}
	}
}
