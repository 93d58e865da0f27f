package log_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/openboxoffice/boxoffice/services/internal/log"
)

type line struct {
	Level   string
	Msg     string
	Service string
	N       int
	TraceID string `json:"trace_id"`
	Source  *struct {
		Function, File string
		Line           int
	}
}

func TestALineSaysWhereItIsFrom(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := log.New("event", &out)
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0xab}, SpanID: trace.SpanID{1},
	}))
	l.WarnContext(ctx, "first", "n", 1)
	l.With("n", 2).InfoContext(context.Background(), "second")
	if err := l.Handler().Handle(ctx, slog.NewRecord(time.Now(), slog.LevelInfo, "of no place", 0)); err != nil {
		t.Fatal(err)
	}

	var lines []line
	for text := range strings.Lines(out.String()) {
		var got line
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		lines = append(lines, got)
	}
	if len(lines) != 3 {
		t.Fatalf("%d lines: %s", len(lines), &out)
	}
	for i, want := range []struct {
		level, msg, traceID string
		n                   int
	}{{"WARN", "first", "ab" + strings.Repeat("0", 30), 1}, {"INFO", "second", "", 2}} {
		got := lines[i]
		if got.Level != want.level || got.Msg != want.msg || got.TraceID != want.traceID || got.N != want.n || got.Service != "event" {
			t.Errorf("line %d: %+v", i, got)
		}
		if s := got.Source; s == nil || s.File != "log_test.go" || !strings.HasSuffix(s.Function, ".TestALineSaysWhereItIsFrom") || s.Line == 0 {
			t.Errorf("line %d is from %+v", i, s)
		}
	}
	if lines[0].Source.Line == lines[1].Source.Line {
		t.Error("two lines are from one place")
	}
	if lines[2].Source != nil || lines[2].Msg != "of no place" {
		t.Errorf("a line of no place: %+v", lines[2])
	}
}
