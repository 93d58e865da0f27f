package argon2_test

import (
	"testing"

	"github.com/openboxoffice/boxoffice/services/user/adapter/argon2"
)

// BenchmarkHash is what a login costs, with what is done about its memory, while
// the service has some 20 MiB of its own.
func BenchmarkHash(b *testing.B) {
	h := argon2.New()
	own := make([]*[64]byte, 0, 1<<18)
	for range cap(own) {
		own = append(own, new([64]byte))
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := h.Hash(b.Context(), "correct horse battery staple"); err != nil {
				b.Error(err)
			}
		}
	})
	_ = own[0]
}
