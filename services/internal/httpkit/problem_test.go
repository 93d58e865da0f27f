package httpkit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

func TestFieldsStandInTheBodyOrElsewhere(t *testing.T) {
	t.Parallel()
	table := httpkit.Errors{Locations: map[string]string{"idempotency_key": "header.Idempotency-Key"}}
	var p *httpkit.Error
	if err := table.To(t.Context(), problem.Invalid{
		{Name: "items[2].quantity", Message: "a"}, {Name: "idempotency_key", Message: "b"}, {Message: "c"},
	}); !errors.As(err, &p) {
		t.Fatalf("error %v, want a problem", err)
	}
	want := []problem.Field{
		{Location: "body.items[2].quantity", Message: "a"}, {Location: "header.Idempotency-Key", Message: "b"}, {Location: "body", Message: "c"},
	}
	if diff := cmp.Diff(want, p.Errors); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// A handler may return an error that no table of errors has seen.
func TestAnErrorThatNobodyHasAnsweredIsLogged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		retry  string
		logged string
	}{
		{errors.New("secret detail"), 500, "", "unexpected error"},
		{fmt.Errorf("%w: secret detail", storage.ErrUnavailable), 503, "1", "refused for want of the database"},
	} {
		var log bytes.Buffer
		mux := httpkit.NewRouter(slog.New(slog.NewTextHandler(&log, nil)))
		huma.Get(httpkit.NewAPI(mux, "Test", ""), "/things", func(context.Context, *struct{}) (*struct{}, error) { return nil, c.err })
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/things", nil))
		if w.Code != c.status || w.Header().Get("Retry-After") != c.retry || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%v is answered %d %v %s", c.err, w.Code, w.Header(), w.Body)
		}
		if got := log.String(); !strings.Contains(got, c.logged) || !strings.Contains(got, "secret detail") {
			t.Errorf("%v: the log lacks %q: %s", c.err, c.logged, got)
		}
	}
}
