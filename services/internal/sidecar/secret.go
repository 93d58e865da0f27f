package sidecar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/openboxoffice/boxoffice/services/internal/storage"
)

// Secret returns the secret called key that store, a component of the sidecar, has
// for this app; "" where it has none. While the sidecar does not answer, which may
// start later than its app, the error is storage.ErrUnavailable.
func (w *Way) Secret(ctx context.Context, store, key string) (string, error) {
	if !w.There() {
		return "", errors.New("there is no sidecar")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet,
		w.Config.URL()+"/v1.0/secrets/"+url.PathEscape(store)+"/"+url.PathEscape(key), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("dapr-api-token", w.APIToken)
	res, err := w.health.Do(req)
	if err != nil {
		return "", &absent{err}
	}
	defer func() { _ = res.Body.Close() }()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNoContent, http.StatusNotFound:
		return "", nil
	default:
		// What it says may have more than concerns a log.
		return "", fmt.Errorf("the sidecar does not give the secret %s of %s: %s", key, store, res.Status)
	}
	var secret map[string]string
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<16)).Decode(&secret); err != nil {
		return "", fmt.Errorf("the secret %s of %s: %w", key, store, err)
	}
	if v, ok := secret[key]; ok {
		return v, nil
	}
	for _, v := range secret { // by the store's own name for what it has under key
		if len(secret) == 1 {
			return v, nil
		}
	}
	return "", nil
}

// absent is a sidecar that does not answer.
type absent struct{ err error }

func (a *absent) Error() string { return "the sidecar does not answer: " + a.err.Error() }

// Is says that a start may wait for it as for a database.
func (a *absent) Is(target error) bool { return target == storage.ErrUnavailable }

func (a *absent) Unwrap() error { return a.err }
