package httpkit

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// TestRefuses reads the refusals in the document of an operation.
func TestRefuses(t *testing.T) {
	t.Parallel()
	api := NewAPI(NewRouter(slog.New(slog.DiscardHandler)), "test", "")
	huma.Register(api, Refuses(Refuses(huma.Operation{Method: http.MethodGet, Path: "/none"}), problem.SoldOut, problem.SalesClosed),
		func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })
	huma.Register(api, Refuses(huma.Operation{Method: http.MethodPost, Path: "/all"}),
		func(context.Context, *struct {
			Page
			Body struct {
				Name string `json:"name"`
			}
		},
		) (*struct{}, error) {
			return nil, nil
		})
	got := map[string][]string{}
	for path, item := range api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post} {
			if op == nil {
				continue
			}
			for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
				if media := op.Responses[status].Content[problem.ContentType]; media != nil {
					for _, code := range media.Schema.AllOf[1].Properties["code"].Enum {
						got[path] = append(got[path], status+" "+code.(string))
					}
				}
			}
		}
	}
	want := map[string][]string{
		"/none": {"400 bad_request", "409 sold_out", "409 sales_closed", "500 internal_error", "503 service_unavailable"},
		"/all": {
			"400 bad_request", "400 malformed_body", "408 request_timeout", "413 body_too_large", "415 unsupported_media_type",
			"422 validation_failed", "422 invalid_cursor", "500 internal_error", "503 service_unavailable",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A body that stops half-way holds nobody up for ever.
func TestABodyThatDoesNotArriveIsGivenUp(t *testing.T) {
	t.Parallel()
	mux := NewRouter(slog.New(slog.DiscardHandler))
	huma.Register(NewAPI(mux, "test", ""), huma.Operation{Method: http.MethodPost, Path: "/", BodyReadTimeout: 10 * time.Millisecond},
		func(context.Context, *struct{ Body struct{} }) (*struct{}, error) { return nil, nil })
	s := httptest.NewServer(mux)
	defer s.Close()
	body, rest := io.Pipe()
	defer rest.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var p problem.Problem
	if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusRequestTimeout || p.Code != problem.RequestTimeout {
		t.Errorf("%d %+v", res.StatusCode, p)
	}
}
