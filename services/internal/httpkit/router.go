// Package httpkit is what the services' HTTP edges share: the router with its
// protections, the API with its conventions, problems, cursors, health, the
// server and the client between services.
package httpkit

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// NewRouter returns a router whose every request has a trace id, one log line,
// a body of at most MaxBodyBytes unless OpenBody reads it, and a problem for an answer where there is no
// route or a handler panics. It answers HEAD wherever it answers GET.
func NewRouter(log *slog.Logger) *chi.Mux {
	mux := chi.NewMux()
	mux.Use(traced, logged(log), recovered, bounded, middleware.GetHead)
	mux.NotFound(func(w http.ResponseWriter, r *http.Request) {
		WriteProblem(w, r, notFound())
	})
	mux.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		WriteProblem(w, r, NewProblem(http.StatusMethodNotAllowed, problem.MethodNotAllowed, "This path does not know this method.").
			withHeader("Allow", allowed(mux, r)))
	})
	return mux
}

// allowed lists the methods that the path of r knows, as RFC 9110 wants it of
// every 405.
func allowed(mux *chi.Mux, r *http.Request) string {
	path := r.URL.Path // or what chi has routed by:
	if rc := chi.RouteContext(r.Context()); rc != nil && rc.RoutePath != "" {
		path = rc.RoutePath
	} else if r.URL.RawPath != "" {
		path = r.URL.RawPath
	}
	var known []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if !mux.Match(chi.NewRouteContext(), method, path) {
			continue
		}
		known = append(known, method)
		if method == http.MethodGet {
			known = append(known, http.MethodHead)
		}
	}
	return strings.Join(known, ", ")
}

var traceContext = propagation.TraceContext{}

// traced takes the trace of the traceparent header, or begins one.
func traced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := traceContext.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		next.ServeHTTP(w, r.WithContext(WithTrace(ctx)))
	})
}

// WithTrace returns ctx with a span context of its own, within the trace that
// ctx is in, or within a new one.
func WithTrace(ctx context.Context) context.Context {
	sc := trace.SpanContextFromContext(ctx)
	traceID := sc.TraceID()
	if !sc.HasTraceID() {
		_, _ = rand.Read(traceID[:]) // never fails
	}
	var spanID trace.SpanID
	_, _ = rand.Read(spanID[:])
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceID, SpanID: spanID, TraceFlags: sc.TraceFlags(), TraceState: sc.TraceState(),
	}))
}

// TraceParent returns the W3C traceparent of ctx, or "" where it has none.
func TraceParent(ctx context.Context) string {
	c := propagation.MapCarrier{}
	traceContext.Inject(ctx, c)
	return c["traceparent"]
}

type loggerKey struct{}

// logger returns the logger of the request behind ctx.
func logger(ctx context.Context) *slog.Logger {
	if log, ok := ctx.Value(loggerKey{}).(*slog.Logger); ok {
		return log
	}
	return slog.Default()
}

func logged(log *slog.Logger) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start := time.Now()
			ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
			ctx := context.WithValue(r.Context(), loggerKey{}, log)
			next.ServeHTTP(ww, r.WithContext(ctx))
			if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
				return
			}
			// The pattern, not the path: a log can be counted by route, and a path
			// that no route has may hold anything.
			route := "none"
			if rc := chi.RouteContext(ctx); rc != nil && rc.RoutePattern() != "" {
				route = rc.RoutePattern()
			}
			level := slog.LevelInfo
			if ww.Status() >= http.StatusInternalServerError {
				level = slog.LevelWarn
			}
			log.Log(ctx, level, "request", "method", r.Method, "route", route,
				"status", ww.Status(), "bytes", ww.BytesWritten(), "ms", float64(time.Since(start).Microseconds())/1000)
		})
	}
}

func recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				panic(v) // how a handler gives up an answer half-way
			default:
				logger(r.Context()).ErrorContext(r.Context(), "panic", "panic", v, "stack", string(debug.Stack()))
				WriteProblem(w, r, internalError())
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// bounded refuses what no handler should have to think about: text that is not
// UTF-8 in path or query, and bodies without an end.
func bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if !cleanURL(r.URL) {
			WriteProblem(w, r, NewProblem(http.StatusBadRequest, problem.BadRequest, "The path or the query is not UTF-8, or badly escaped."))
			return
		}
		r = unescaped(r)
		if r.ContentLength == 0 {
			// As ReadBody does where there is a body.
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		}
		// OpenBody has the operation's own limit; this is for a handler that
		// reads without it.
		r.Body = &boundedBody{http.MaxBytesReader(w, r.Body, MaxBodyBytes+1), r.Body}
		next.ServeHTTP(w, r)
	})
}

// boundedBody is a body of at most MaxBodyBytes, and the one that it is made of.
type boundedBody struct {
	io.ReadCloser

	whole io.ReadCloser
}

// unescaped returns r with a path that is escaped only where it must be: chi
// routes by the path as it was sent, for which /%65vents is not /events. An
// escaped slash stays one: it is part of a segment.
func unescaped(r *http.Request) *http.Request {
	if r.URL.RawPath == "" {
		return r
	}
	segments := strings.Split(r.URL.RawPath, "/")
	for i, s := range segments {
		text, err := url.PathUnescape(s)
		if err != nil {
			return r // net/http has refused it before
		}
		segments[i] = url.PathEscape(text)
	}
	u, out := *r.URL, *r
	u.RawPath = strings.Join(segments, "/")
	if !strings.Contains(u.RawPath, "%2F") {
		u.RawPath = "" // as for a path that was sent so
	}
	out.URL = &u
	return &out
}

func cleanURL(u *url.URL) bool {
	if !utf8.ValidString(u.Path) {
		return false
	}
	if u.RawQuery == "" {
		return true
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return false
	}
	for k, vs := range q {
		for _, s := range append(vs, k) {
			if !utf8.ValidString(s) {
				return false
			}
			for i := range len(s) {
				if s[i] == 0 {
					return false
				}
			}
		}
	}
	return true
}
