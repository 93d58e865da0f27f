package log_test

import (
	"io"
	"log/slog"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/log"
)

// BenchmarkRequestLine is what the one line costs that every request logs.
func BenchmarkRequestLine(b *testing.B) {
	l := log.New("event", io.Discard)
	b.ReportAllocs()
	for b.Loop() {
		l.Log(b.Context(), slog.LevelInfo, "request", "method", "GET", "route", "/events/{id}", "status", 200, "bytes", 612, "ms", 1.234)
	}
}
