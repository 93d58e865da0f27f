package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// A service with large bodies, as its document would have it.
const (
	uploadLimit = 8 << 20
	download    = 50 << 20
	blobs       = `{"paths": {"/blobs/{name}": {
		"put": {"operationId": "putBlob", "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string", "pattern": "[a-z]+"}}],
			"requestBody": {"x-max-bytes": 8388608, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}},
			"responses": {"200": {"description": "OK"}}},
		"get": {"operationId": "getBlob", "parameters": [{"name": "name", "in": "path", "required": true, "schema": {"type": "string", "pattern": "[a-z]+"}}],
			"responses": {"200": {"description": "OK", "headers": {"Content-Disposition": {"schema": {"type": "string"}}}}}}
	}}}`
)

var blobOperations = []operation{
	{id: "putBlob", method: http.MethodPut, path: "/blobs/{name}", service: event, timeout: 2 * time.Minute},
	{id: "getBlob", method: http.MethodGet, path: "/blobs/{name}", service: event, timeout: 2 * time.Minute},
}

// blobService tells of each request how it ended.
type blobService struct {
	ends chan error
}

func (s *blobService) handler() http.Handler {
	mux := httpkit.NewRouter(slog.New(slog.DiscardHandler))
	mux.Put("/blobs/{name}", func(w http.ResponseWriter, r *http.Request) {
		body, wrong := httpkit.OpenBody(w, r, uploadLimit, time.Minute, "application/octet-stream")
		if wrong != nil {
			httpkit.WriteProblem(w, r, wrong)
			return
		}
		sum := sha256.New()
		n, err := io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{body}, make([]byte, 32<<10))
		if err != nil {
			s.ends <- err
			httpkit.WriteProblem(w, r, body.Refusal())
			return
		}
		fmt.Fprintf(w, "%d %x", n, sum.Sum(nil))
	})
	mux.Get("/blobs/{name}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", "attachment")
		piece := bytes.Repeat([]byte{'x'}, 32<<10)
		for n := 0; n < download; n += len(piece) {
			if _, err := w.Write(piece); err != nil {
				s.ends <- err
				<-r.Context().Done()
				s.ends <- r.Context().Err()
				return
			}
		}
	})
	return mux
}

// ways are how the gateway may reach a service. Another is in stream_dapr_test.go.
var ways = map[string]func(*testing.T, http.Handler) (base string, way http.RoundTripper){
	"network": func(t *testing.T, h http.Handler) (string, http.RoundTripper) {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL, nil
	},
	"local": func(t *testing.T, h http.Handler) (string, http.RoundTripper) {
		local := httpkit.NewLocal()
		local.Handle("event:1", h)
		t.Cleanup(local.Close)
		return "http://event:1", local
	},
}

// Large bodies go through the gateway as they come, both ways, and nobody keeps them
// whole. It measures what the whole process allocates: so no other test runs beside.
func TestLargeBodiesStream(t *testing.T) { //nolint:paralleltest // see above
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			s := &blobService{ends: make(chan error, 10)}
			base, transport := way(t, s.handler())
			streams(t, gatewayTo(t, base, transport), s)
		})
	}
}

// gatewayTo returns the URL of a gateway to a blobService.
func gatewayTo(t *testing.T, base string, transport http.RoundTripper) string {
	t.Helper()
	g, err := New(Options{
		Upstreams: Upstreams{Event: base, Booking: base, Notification: base, Transport: transport},
		Key:       authtest.New(t).Own["user"],
		PassOn:    func(_ context.Context, token string) (string, error) { return token, nil },
		Log:       slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := httpkit.NewRouter(g.log)
	g.register(mux, httpkit.NewAPI(mux, "Test", ""), blobOperations, map[service]document{event: parse(event, blobs)})
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	return front.URL
}

func streams(t *testing.T, front string, s *blobService) {
	t.Helper()
	// The first of each makes connections, and fills pools.
	wholeUpload(t, front, 1<<20)
	wholeDownload(t, front)

	if grew := allocated(func() { wholeUpload(t, front, uploadLimit) }); grew > 5<<20 {
		t.Errorf("%d MiB up: %d bytes were allocated, want at most 5 MiB", uploadLimit>>20, grew)
	}
	if grew := allocated(func() { wholeDownload(t, front) }); grew > 5<<20 {
		t.Errorf("%d MiB down: %d bytes were allocated, want at most 5 MiB", download>>20, grew)
	}

	refused := func(name string, body io.Reader, kind string, status int, code problem.Code) {
		t.Helper()
		got, text := put(t, t.Context(), front, kind, body)
		if got != status || !strings.Contains(text, string(code)) {
			t.Errorf("%s: %d %.200s, want %d %s", name, got, text, status, code)
		}
	}
	const kind = "application/octet-stream"
	refused("of another type", strings.NewReader("{}"), "application/json", http.StatusUnsupportedMediaType, problem.UnsupportedMedia)
	refused("too long", bytes.NewReader(make([]byte, uploadLimit+1)), kind, http.StatusRequestEntityTooLarge, problem.BodyTooLarge)
	for range 6 { // of which none counts against the service, or a circuit breaker would open
		refused("too long, and does not say so", &zeros{left: uploadLimit + 1}, kind, http.StatusRequestEntityTooLarge, problem.BodyTooLarge)
		if err := <-s.ends; err == nil { // it had the beginning
			t.Error("half an upload looks whole to the service")
		}
	}

	// Who hangs up ends the work behind.
	ctx, cancel := context.WithCancel(t.Context())
	res := get(t, ctx, front)
	if _, err := io.ReadFull(res.Body, make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	cancel()
	_ = res.Body.Close()
	for range 2 {
		if err := <-s.ends; err == nil {
			t.Error("the service is told of nobody who hung up")
		}
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() { put(t, ctx, front, kind, &endless{after: 1 << 20, then: cancel}) }()
	if err := <-s.ends; err == nil || errors.Is(err, io.EOF) {
		t.Errorf("half an upload ends with %v, want an error", err)
	}
	wholeUpload(t, front, 1<<20)
}

// allocated returns how many bytes are allocated during f.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func wholeUpload(t *testing.T, front string, size int) {
	t.Helper()
	status, body := put(t, t.Context(), front, "application/octet-stream", &zeros{left: size})
	sum := sha256.New()
	_, _ = io.Copy(sum, &zeros{left: size})
	if want := fmt.Sprintf("%d %x", size, sum.Sum(nil)); status != http.StatusOK || body != want {
		t.Fatalf("the service has read %d %.200s, want %s", status, body, want)
	}
}

func wholeDownload(t *testing.T, front string) {
	t.Helper()
	res := get(t, t.Context(), front)
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil || n != download || res.Header.Get("Content-Disposition") != "attachment" {
		t.Fatalf("read %d bytes, %v, %v; want %d", n, err, res.Header, download)
	}
}

func get(t *testing.T, ctx context.Context, front string) *http.Response { //nolint:revive // the test is first everywhere
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, front+"/blobs/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// put returns the answer; 0 where there is none.
func put(t *testing.T, ctx context.Context, front, kind string, body io.Reader) (int, string) { //nolint:revive // as above
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, front+"/blobs/a", body)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	req.Header.Set("Content-Type", kind)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err.Error()
	}
	return res.StatusCode, string(b)
}

// zeros are so many bytes.
type zeros struct{ left int }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), z.left)
	clear(p[:n])
	z.left -= n
	return n, nil
}

// endless calls then once after so many bytes, and goes on.
type endless struct {
	after int
	then  func()
}

func (e *endless) Read(p []byte) (int, error) {
	if e.after -= len(p); e.after <= 0 && e.then != nil {
		e.then()
		e.then = nil
	}
	return len(p), nil
}
