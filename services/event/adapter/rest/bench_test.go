package rest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/log"
)

// BenchmarkRead is what a visitor's requests cost, from the router, which logs,
// to SQLite. One event, read from the store alone, is what is not HTTP of it.
//
//	go test -run '^$' -bench Read -count 10 ./services/event/adapter/rest | tee new.txt
//	benchstat old.txt new.txt
func BenchmarkRead(b *testing.B) {
	s := newServerThatLogs(b, log.New("event", io.Discard))
	var e object
	for range 25 {
		e = s.create(b)
	}
	id := e["id"].(string)
	b.Run("store", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.service.Get(b.Context(), id); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("store,list", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := s.service.List(b.Context(), event.Query{Sort: event.ByStart, Limit: 20}); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, read := range []struct{ name, path string }{
		{"list", "/events"}, {"event", path(e)}, {"availability", path(e, "/availability")},
	} {
		b.Run(read.name, func(b *testing.B) { s.repeat(b, read.path, "", http.StatusOK) })
		if tag := s.do(b, http.MethodGet, read.path, "", nil).header.Get("ETag"); tag != "" {
			b.Run(read.name+",not_modified", func(b *testing.B) { s.repeat(b, read.path, tag, http.StatusNotModified) })
		}
	}
}

// BenchmarkLocal is what a service of the same process pays to ask for an event's
// availability.
func BenchmarkLocal(b *testing.B) {
	s := newServerThatLogs(b, log.New("event", io.Discard))
	availability := path(s.create(b), "/availability")
	local := httpkit.NewLocal()
	local.Handle("event", s.handler)
	client := &http.Client{Transport: local}
	b.ReportAllocs()
	for b.Loop() {
		res, err := client.Get("http://event" + availability)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
			b.Fatalf("it is answered %d, %v", res.StatusCode, err)
		}
	}
}

// repeat reads path again and again.
func (s *server) repeat(b *testing.B, path, ifNoneMatch string, status int) {
	b.ReportAllocs()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, path, nil)
	if ifNoneMatch != "" {
		r.Header.Set("If-None-Match", ifNoneMatch)
	}
	for b.Loop() {
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code != status {
			b.Fatalf("%s is answered %d %s", path, w.Code, w.Body)
		}
	}
}
