package httpkit

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// Health serves /healthz, which answers 200 while the process runs, and
// /readyz, which answers 200 when every check returns nil within 2 s, else 503
// with the names of those that do not. Both say it as JSON.
func Health(mux *chi.Mux, checks map[string]func(context.Context) error) {
	mux.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeHealth(w, http.StatusOK, map[string]any{"status": "ok"})
	})
	mux.Get("/readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		status, overall, each := http.StatusOK, "ok", map[string]string{}
		var mu sync.Mutex
		var all sync.WaitGroup
		for name, check := range checks { // at once: one that hangs says nothing about another
			all.Go(func() {
				result := "ok"
				if worker.Try(ctx, slog.Default(), "health check", func() error { return check(ctx) }, "check", name) != nil {
					result = "unavailable" // not the error itself: it may name hosts and users
				}
				mu.Lock()
				defer mu.Unlock()
				if each[name] = result; result != "ok" {
					status, overall = http.StatusServiceUnavailable, result
				}
			})
		}
		all.Wait()
		writeHealth(w, status, map[string]any{"status": overall, "checks": each})
	})
}

func writeHealth(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
