package httpkit_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

func TestTextIsTakenAsItIs(t *testing.T) {
	t.Parallel()
	mux := httpkit.NewRouter(quiet)
	api := httpkit.NewAPI(mux, "Test", "")
	var got string
	huma.Post(api, "/", func(_ context.Context, in *struct{ Body struct{ Text string } }) (*struct{}, error) {
		got = in.Body.Text
		return nil, nil
	})
	for _, want := range []string{`\u0000`, `\`, `\\u0000`, "\\\u0001", "a\\\"\\u0000", "ü\n🎫", strings.Repeat(`\`, 7) + "u0000"} {
		b, err := json.Marshal(map[string]string{"Text": want})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(string(b)))
		mux.ServeHTTP(w, r)
		if w.Code != http.StatusNoContent || got != want {
			t.Errorf("%s: %d %s, got %q", b, w.Code, w.Body, got)
		}
	}
}

// What Go says of JSON that it cannot decode is about Go; what a client is told
// is about the field.
func TestABodyOfTheWrongTypeIsExplainedWithoutGo(t *testing.T) {
	t.Parallel()
	type nested struct {
		N int64 `json:"n"`
	}
	type createBody struct {
		Tickets int       `json:"tickets,omitempty"`
		Small   int8      `json:"small,omitempty"`
		List    []nested  `json:"list,omitempty" maxItems:"20"`
		At      time.Time `json:"at,omitzero"`
		Never   neverJSON `json:"never,omitzero"`
	}
	mux := httpkit.NewRouter(quiet)
	api := httpkit.NewAPI(mux, "Test", "")
	huma.Post(api, "/", func(context.Context, *struct{ Body createBody }) (*struct{}, error) { return nil, nil })
	for body, want := range map[string]problem.Field{
		`{"tickets":2.0}`:         {Location: "body.tickets", Message: "expected a whole number, written as digits alone"},
		`{"tickets":1e1}`:         {Location: "body.tickets", Message: "expected a whole number, written as digits alone"},
		`{"list":[{"n":2.0}]}`:    {Location: "body.list.n", Message: "expected a whole number, written as digits alone"},
		`{"small":300}`:           {Location: "body.small", Message: "the number is out of range"},
		`{"at":"2026-02-30T1:0"}`: {},
		`{"never":"x"}`:           {Location: "body.never", Message: "a value has a type that is not allowed"},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body)))
		var p problem.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
		for _, word := range []string{"Go ", "json:", "createBody", "int", "2006"} {
			if strings.Contains(w.Body.String(), word) {
				t.Errorf("%s: the answer says %q: %s", body, word, w.Body)
			}
		}
		if want.Location != "" && !slices.Contains(p.Errors, want) {
			t.Errorf("%s: %s", body, cmp.Diff([]problem.Field{want}, p.Errors))
		}
	}
}

// neverJSON lets every string through the schema, and none through the decoder.
type neverJSON struct{ _ struct{} }

func (neverJSON) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Type: huma.TypeString} }
