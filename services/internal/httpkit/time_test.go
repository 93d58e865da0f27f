package httpkit_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// TestTimes: a time in a query and one in a body are taken by the same rules,
// those of RFC 3339.
func TestTimes(t *testing.T) {
	t.Parallel()
	mux := httpkit.NewRouter(quiet)
	api := httpkit.NewAPI(mux, "Test", "")
	var got time.Time
	huma.Post(api, "/times", func(_ context.Context, in *struct {
		From httpkit.Time `query:"from"`
		Body struct {
			Nested struct {
				At httpkit.Time `json:"at"`
			} `json:"nested"`
		}
	},
	) (*struct{}, error) {
		if got = in.Body.Nested.At.Time(); !got.Equal(in.From.Time()) && !in.From.Time().IsZero() {
			t.Errorf("the query has %v, the body %v", in.From.Time(), got)
		}
		return nil, nil
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	post := func(query, body string) (int, problem.Problem) {
		t.Helper()
		text, err := json.Marshal(map[string]any{"nested": map[string]string{"at": body}})
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.Post(s.URL+"/times?from="+url.QueryEscape(query), "application/json", strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var p problem.Problem
		if res.StatusCode >= 300 {
			if err := json.NewDecoder(res.Body).Decode(&p); err != nil {
				t.Fatal(err)
			}
		}
		return res.StatusCode, p
	}
	at := time.Date(2030, 6, 1, 18, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2030-06-01T18:00:00Z": at, "2030-06-01t18:00:00z": at, "2030-06-01T18:00:00z": at, "2030-06-01t20:00:00+02:00": at,
		"2030-06-01T18:00:00.5Z": at.Add(time.Second / 2), "2030-06-01T17:59:59.123456789-00:00": at.Add(-time.Second + 123456789),
		"2030-06-02T17:59:00+23:59": at,
	} {
		if status, p := post(text, text); status >= 300 || !got.Equal(want) {
			t.Errorf("%s is answered %d %v and is %v, want %v", text, status, p.Errors, got, want)
		}
	}
	for _, text := range []string{
		"2030-06-01T18:00:00+24:00", "2030-06-01T18:00:00,5Z", "2030-06-01T18:00:00", "2030-06-01 18:00:00Z", "2030-06-01", "yesterday", " ",
		"2030-02-30T18:00:00Z", "2030-13-01T18:00:00Z", "2030-06-01T24:00:00Z", "2030-06-01T8:00:00Z", "2030-06-01T18:00:00+0200",
		"2030-06-01T18:00:00+02:60", "2030-06-01T18:00:00.Z", "12030-06-01T18:00:00Z", "2030-06-01T18:00:00ZZ", "2030-06-01T18:00:00 02:00",
	} {
		for location, sent := range map[string][2]string{"query.from": {text, "2030-06-01T18:00:00Z"}, "body.nested.at": {"", text}} {
			status, p := post(sent[0], sent[1])
			if status != 422 || len(p.Errors) != 1 || p.Errors[0].Location != location || p.Errors[0].Message != "expected a time like 2026-01-31T20:00:00Z" {
				t.Errorf("%s in %s is answered %d %+v", text, location, status, p.Errors)
			}
		}
	}
}
