// Package log makes the services' loggers: JSON lines with the service, the
// place in the source, the time and the trace id of the request behind them.
package log

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"

	"go.opentelemetry.io/otel/trace"
)

// New returns a logger of one service. It writes to w one JSON object a line.
func New(service string, w io.Writer) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{AddSource: true, ReplaceAttr: shorten})
	return slog.New(traced{h}).With("service", service)
}

// shorten keeps of the source the function, and the file's name with its line:
// whole paths say nothing about the code, only about who built it.
func shorten(groups []string, a slog.Attr) slog.Attr {
	if src, ok := a.Value.Any().(*slog.Source); ok && len(groups) == 0 && a.Key == slog.SourceKey {
		src.File = filepath.Base(src.File)
	}
	return a
}

// traced adds the trace id of the context to every line.
type traced struct{ slog.Handler }

func (h traced) Handle(ctx context.Context, r slog.Record) error {
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		r.AddAttrs(slog.String("trace_id", sc.TraceID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h traced) WithAttrs(attrs []slog.Attr) slog.Handler {
	return traced{h.Handler.WithAttrs(attrs)}
}

func (h traced) WithGroup(name string) slog.Handler { return traced{h.Handler.WithGroup(name)} }
