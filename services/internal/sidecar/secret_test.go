package sidecar_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/sidecar"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

func TestSecretsComeFromTheSidecar(t *testing.T) {
	t.Parallel()
	w := beside(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("dapr-api-token") != apiToken {
			t.Error("the sidecar was not shown the token")
		}
		switch r.RequestURI {
		case "/v1.0/secrets/store/KEY":
			_, _ = io.WriteString(w, `{"KEY":"s3cret"}`)
		case "/v1.0/secrets/store/OTHER":
			_, _ = io.WriteString(w, `{"value":"s3cret"}`)
		case "/v1.0/secrets/store/SEVERAL":
			_, _ = io.WriteString(w, `{"a":"1","b":"2"}`)
		case "/v1.0/secrets/store/NONE":
			w.WriteHeader(http.StatusNoContent)
		case "/v1.0/secrets/store/DENIED":
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"errorCode":"ERR_PERMISSION_DENIED","message":"s3cret"}`)
		default:
			_, _ = io.WriteString(w, `s3cret`)
		}
	})
	for key, want := range map[string]string{"KEY": "s3cret", "OTHER": "s3cret", "SEVERAL": "", "NONE": ""} {
		if got, err := w.Secret(t.Context(), "store", key); err != nil || got != want {
			t.Errorf("%s: %q, %v", key, got, err)
		}
	}
	for _, key := range []string{"DENIED", "NONSENSE"} {
		if _, err := w.Secret(t.Context(), "store", key); err == nil || strings.Contains(err.Error(), "s3cret") || errors.Is(err, storage.ErrUnavailable) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// So that a start knows to wait.
func TestASidecarThatIsNotThereYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	w, err := sidecar.Open(sidecar.Config{Port: 1, APIToken: "a", AppToken: "b"}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Secret(t.Context(), "store", "KEY"); !errors.Is(err, storage.ErrUnavailable) || strings.Contains(err.Error(), "database") {
		t.Errorf("error %v", err)
	}
	if w, err = sidecar.Open(sidecar.Config{}, nil, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Secret(t.Context(), "store", "KEY"); err == nil || errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("without a sidecar: %v", err)
	}
}
