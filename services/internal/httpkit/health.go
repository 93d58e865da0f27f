package httpkit

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
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
		for name, check := range checks {
			each[name] = "ok"
			if err := check(ctx); err != nil {
				// Not err itself: it may name hosts and users.
				status, overall, each[name] = http.StatusServiceUnavailable, "unavailable", "unavailable"
			}
		}
		writeHealth(w, status, map[string]any{"status": overall, "checks": each})
	})
}

func writeHealth(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
