// Package log makes the services' loggers: JSON lines with the service, the
// place in the source, the time and the trace id of the request behind them.
package log

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"

	"go.opentelemetry.io/otel/trace"
)

// New returns a logger of one service. It writes to w one JSON object a line.
func New(service string, w io.Writer) *slog.Logger {
	return slog.New(located{slog.NewJSONHandler(w, nil)}).With("service", service)
}

// located adds to every line its place in the source, and the trace id of the
// context.
type located struct{ slog.Handler }

func (h located) Handle(ctx context.Context, r slog.Record) error {
	more := make([]slog.Attr, 0, 2)
	if r.PC != 0 {
		// Not by slog's AddSource, which looks up the place of each line again; and
		// what shortens its file is called for every attribute.
		more = append(more, source(r.PC))
	}
	if sc := trace.SpanContextFromContext(ctx); sc.HasTraceID() {
		more = append(more, slog.String("trace_id", sc.TraceID().String()))
	}
	r.AddAttrs(more...)
	return h.Handler.Handle(ctx, r)
}

func (h located) WithAttrs(attrs []slog.Attr) slog.Handler {
	return located{h.Handler.WithAttrs(attrs)}
}

func (h located) WithGroup(name string) slog.Handler { return located{h.Handler.WithGroup(name)} }

// places are the attributes of the lines that have been logged from, by PC: as
// many as there are such lines in the program.
var places sync.Map

// source is the function, and the file's name with its line: whole paths say
// nothing about the code, only about who built it.
func source(pc uintptr) slog.Attr {
	if known, ok := places.Load(pc); ok {
		return known.(slog.Attr)
	}
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	a := slog.Group(slog.SourceKey, "function", f.Function, "file", filepath.Base(f.File), "line", f.Line)
	places.Store(pc, a)
	return a
}
