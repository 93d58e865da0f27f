package gateway_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/services/internal/auth/authtest"
	"github.com/openboxoffice/boxoffice/services/user/adapter/gateway"
)

// BenchmarkPass is what the gateway itself adds to a request, without either
// connection.
//
//	go test -run '^$' -bench Pass -count 10 ./services/user/adapter/gateway | tee new.txt
//	benchstat old.txt new.txt
func BenchmarkPass(b *testing.B) {
	answer := bytes.Repeat([]byte("x"), 1000)
	keys := authtest.New(b)
	mux := newMux(b, gateway.Options{Upstreams: gateway.Upstreams{
		Event: "http://event:1", Booking: "http://booking:1", Notification: "http://notification:1",
		Transport: behindAll(func(r *http.Request) (*http.Response, error) {
			if r.Body != nil {
				_, _ = io.Copy(io.Discard, r.Body)
			}
			return &http.Response{
				StatusCode: http.StatusOK, Body: io.NopCloser(struct{ io.Reader }{bytes.NewReader(answer)}),
				Header: http.Header{"Content-Type": {"application/json"}, "Content-Length": {"1000"}, "Etag": {`"1.2"`}},
			}, nil
		}),
	}, Key: keys.Own["user"], PassOn: unchanged, Log: slog.New(slog.DiscardHandler)})
	const order = `{"event_id":"` + id + `","tickets":2}`
	for _, c := range []struct{ name, method, path, body string }{
		{"list", http.MethodGet, "/events?limit=20&q=jazz", ""},
		{"event", http.MethodGet, "/events/" + id, ""},
		{"book", http.MethodPost, "/bookings", order},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), c.method, c.path, strings.NewReader(c.body))
				r.Header["Content-Type"] = []string{"application/json"}
				r.Header["Authorization"] = []string{"Bearer x"}
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, r)
				if w.Code != http.StatusOK || w.Body.Len() != len(answer) {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}

type behindAll func(*http.Request) (*http.Response, error)

func (f behindAll) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
