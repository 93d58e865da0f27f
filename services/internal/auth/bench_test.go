package auth_test

import (
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/auth"
)

// BenchmarkVerify is what each request with a token costs, when the keys are there.
//
//	go test -run '^$' -bench Verify -count 10 ./services/internal/auth | tee new.txt
//	benchstat old.txt new.txt
func BenchmarkVerify(b *testing.B) {
	i := newIssuer(b, "k1")
	v := auth.NewVerifier(i.URL, quiet)
	long := claims()
	long["exp"] = time.Now().Add(time.Hour).Unix()
	token := sign(b, i.private, long, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
