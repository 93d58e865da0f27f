package html_test

import (
	"net/http/httptest"
	"testing"
)

// BenchmarkPages is what the pages themselves cost, over a platform that costs nothing:
// made anew, and shown again.
func BenchmarkPages(b *testing.B) {
	for how, s := range map[string]*shop{"anew": newShop(b), "again": newShop(b, keepsPages)} {
		for name, at := range map[string]string{"home": "/", "events": "/events", "event": s.browser().get(path(s.program.OnSale)).path} {
			b.Run(name+"/"+how, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s.handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(b.Context(), "GET", origin+at, nil))
				}
			})
		}
	}
}
