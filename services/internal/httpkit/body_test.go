package httpkit_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

type order struct {
	Note  string `json:"note,omitempty" maxLength:"100"`
	Items []struct {
		ID string `json:"id" format:"uuid"`
		N  int    `json:"n" minimum:"1"`
	} `json:"items,omitempty" maxItems:"3"`
	Ignored any `json:"ignored,omitempty"`
}

// orders returns an API with POST /orders, which answers 204.
func orders(t *testing.T, o huma.Operation, handle func(context.Context, order)) http.Handler {
	t.Helper()
	mux := httpkit.NewRouter(quiet)
	o.Method, o.Path = http.MethodPost, "/orders"
	huma.Register(httpkit.NewAPI(mux, "Test", ""), o, func(ctx context.Context, in *struct{ Body order }) (*struct{}, error) {
		if handle != nil {
			handle(ctx, in.Body)
		}
		return nil, nil
	})
	return mux
}

func post(t *testing.T, h http.Handler, body string, header http.Header) (*httptest.ResponseRecorder, problem.Problem) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/orders", strings.NewReader(body))
	if header != nil {
		r.Header = header
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var p problem.Problem
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatalf("%q: %v", w.Body, err)
		}
	}
	return w, p
}

func TestMediaTypesOfBodies(t *testing.T) {
	t.Parallel()
	h := orders(t, huma.Operation{}, nil)
	for contentType, want := range map[string]int{
		"": 204, "application/json": 204, "Application/JSON": 204, "application/json;charset=utf-8": 204, "application/json ; charset=UTF-8": 204,
		" application/json": 204, "application/json;": 204, "application/json; charset": 204, `application/json; charset="utf-8"`: 204,
		"text/json": 415, "application/xml": 415, "application/vnd.api+json": 415, "application/json, text/plain": 415, "json": 415, ";": 415, "///": 415,
	} {
		w, p := post(t, h, "{}", http.Header{"Content-Type": {contentType}})
		if w.Code != want || want == 415 && p.Code != problem.UnsupportedMedia {
			t.Errorf("Content-Type %q: %d %s, want %d", contentType, w.Code, p.Code, want)
		}
	}
	if w, _ := post(t, h, "{}", http.Header{"Content-Type": {"application/json", "application/json"}}); w.Code != 415 {
		t.Errorf("two Content-Types: %d, want 415", w.Code)
	}
}

func TestCompressedBodies(t *testing.T) {
	t.Parallel()
	h := orders(t, huma.Operation{}, nil)
	for _, encodings := range [][]string{{"gzip"}, {"GZIP"}, {"br, gzip"}, {"identity, zstd"}, {"identity", "deflate"}, {"nonsense"}} {
		w, p := post(t, h, "\x1f\x8b\x08", http.Header{"Content-Encoding": encodings})
		if w.Code != 415 || p.Code != problem.UnsupportedMedia || w.Header().Get("Accept-Encoding") != "identity" {
			t.Errorf("%q: %d %s, Accept-Encoding %q, want 415 and identity", encodings, w.Code, p.Code, w.Header().Get("Accept-Encoding"))
		}
	}
	for _, encodings := range [][]string{{""}, {"identity"}, {"Identity"}} {
		if w, _ := post(t, h, "{}", http.Header{"Content-Encoding": encodings}); w.Code != 204 {
			t.Errorf("%q: %d, want 204", encodings, w.Code)
		}
	}
}

// encoding/json would take these, and make something else of them.
func TestABodyThatIsNoJSONIsRefused(t *testing.T) {
	t.Parallel()
	h := orders(t, huma.Operation{}, nil)
	for what, body := range map[string]string{
		"bad UTF-8": "{\"note\":\"\xff\"}", "an overlong form": "{\"note\":\"\xc0\xaf\"}", "a surrogate in UTF-8": "{\"note\":\"\xed\xa0\x80\"}",
		"half a pair": `{"note":"\ud800"}`, "the other half": `{"note":"\udc00"}`, "halves the wrong way": `{"note":"\udc00\ud800"}`,
		"a half and a letter": `{"note":"\ud800x"}`, "half a pair in a name": `{"\ud800":1}`, "in what is ignored": `{"ignored":["\ud800"]}`,
		"a name twice": `{"note":"a","note":"b"}`, "a name twice, once escaped": `{"note":"a","not\u0065":"b"}`,
		"a name twice below": `{"items":[{"n":1,"n":2}]}`, "a name twice in what is ignored": `{"ignored":{"a":1,"a":1}}`,
		"a NUL": `{"note":"\u0000"}`, "two values": `{} {}`, "something after it": `{}x`, "nothing but space": " ", "a comment": `{/**/}`,
		"a byte order mark": "\ufeff{}", "a trailing comma": `{"note":"a",}`, "a single quote": `{'note':1}`, "NaN": `{"ignored":NaN}`, "half": `{"note":"a`,
		"depth": `{"ignored":` + strings.Repeat("[", 33) + strings.Repeat("]", 33) + `}`,
	} {
		w, p := post(t, h, body, nil)
		if w.Code != 400 || p.Code != problem.MalformedBody {
			t.Errorf("%s: %d %s %v, want 400 %s", what, w.Code, p.Code, p.Errors, problem.MalformedBody)
		}
		if strings.Contains(p.Detail, "jsontext") || strings.Contains(p.Detail, "Go ") {
			t.Errorf("%s: the answer names what reads it: %s", what, p.Detail)
		}
	}
	for what, body := range map[string]string{
		"a pair": `{"note":"\ud83c\udfab"}`, "the replacement character": `{"note":"\ufffd"}`, "no NUL": `{"note":"\\u0000"}`,
		"depth": `{"ignored":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`, "space around it": " {}\n",
	} {
		if w, p := post(t, h, body, nil); w.Code != 204 {
			t.Errorf("%s: %d %s, want 204", what, w.Code, p.Detail)
		}
	}
}

func TestABodyTakesItsOperationsLimit(t *testing.T) {
	t.Parallel()
	h := orders(t, huma.Operation{}, nil)
	const limit = 4 << 10
	full := "{}" + strings.Repeat(" ", limit-2)
	if w, p := post(t, h, full, nil); w.Code != 204 {
		t.Errorf("the limit: %d %s, want 204", w.Code, p.Detail)
	}
	w, p := post(t, h, full+" ", nil)
	if w.Code != 413 || p.Code != problem.BodyTooLarge || p.Detail != "The body is larger than 4 KiB." {
		t.Errorf("a byte more: %d %s %q, want 413", w.Code, p.Code, p.Detail)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/orders", io.MultiReader(strings.NewReader(full+" "))) // of no known length
	w = httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 413 {
		t.Errorf("a byte more in chunks: %d, want 413", w.Code)
	}
}

// What is too much is refused for that alone, before anything else is looked at.
func TestWhatIsTooMuchIsNotLookedAt(t *testing.T) {
	t.Parallel()
	h := orders(t, huma.Operation{}, nil)
	unknown := `{`
	for i := range 100 {
		unknown += `"` + strings.Repeat("x", i*8%30) + strconv.Itoa(i) + `":0,`
	}
	for what, c := range map[string]struct {
		body   string
		errors int
		first  problem.Field
	}{
		"elements": {
			`{"items":[` + strings.Repeat(`{},`, 500) + `{}]}`, 1, problem.Field{Location: "body.items", Message: "expected array length <= 3"},
		},
		"unknown fields": {unknown + `"x":0}`, 20, problem.Field{Location: "body.0", Message: "unexpected property"}},
		"unknown fields of an element": {
			`{"items":[{},` + unknown + `"x":0}]}`, 20, problem.Field{Location: "body.items[1].0", Message: "unexpected property"},
		},
		"a long name": {
			`{"` + strings.Repeat("é", 1000) + `":0}`, 1, problem.Field{Location: "body." + strings.Repeat("é", 195) + "…", Message: "unexpected property"},
		},
	} {
		w, p := post(t, h, c.body, nil)
		if w.Code != 422 || len(p.Errors) != c.errors || p.Errors[0] != c.first {
			t.Errorf("%s: %d with %d errors, the first %+v, want 422 with %d, the first %+v", what, w.Code, len(p.Errors), p.Errors[:1], c.errors, c.first)
		}
	}
}

// Some handlers take longer than a request may: a payment, a password. The server
// watches the connection meanwhile, and a deadline there ends the context.
func TestTheTimeOfARequestIsNotThatOfItsHandler(t *testing.T) {
	t.Parallel()
	const timeout = 50 * time.Millisecond
	ended := make(chan error, 1)
	handle := func(ctx context.Context) {
		select {
		case <-ctx.Done():
		case <-time.After(4 * timeout):
		}
		ended <- context.Cause(ctx)
	}
	mux := httpkit.NewRouter(quiet)
	api := httpkit.NewAPI(mux, "Test", "")
	huma.Register(api, huma.Operation{Method: http.MethodPost, Path: "/body", BodyReadTimeout: timeout}, func(ctx context.Context, _ *struct{ Body order }) (*struct{}, error) {
		handle(ctx)
		return nil, nil
	})
	huma.Post(api, "/none", func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		handle(ctx)
		return nil, nil
	})
	s := httptest.NewUnstartedServer(mux)
	s.Config.ReadTimeout = 2 * timeout
	s.Start()
	defer s.Close()
	for path, body := range map[string]string{"/body": "{}", "/none": ""} {
		res, err := http.Post(s.URL+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if err := <-ended; err != nil || res.StatusCode != 204 {
			t.Errorf("%s: %d, and the handler's context ended: %v", path, res.StatusCode, err)
		}
	}
}
