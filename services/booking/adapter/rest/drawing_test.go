package rest

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

func TestMailsWaitForALull(t *testing.T) {
	t.Parallel()
	many := rushRequests * runtime.NumCPU()
	for name, c := range map[string]struct {
		requests int           // in each window
		windows  int           // from now on
		ends     time.Duration // when the caller gives up
		want     time.Duration
	}{
		"nobody books":              {0, 4, time.Hour, 0},
		"some do":                   {many - 1, 4, time.Hour, 0},
		"the end of a sale":         {many, 1, time.Hour, rushWindow * 2},
		"a long sale":               {many, 100, time.Hour, lullPatience},
		"a caller without patience": {many, 100, rushWindow / 5, rushWindow / 5},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), c.ends)
			defer cancel()
			r := &rush{}
			r.count(c.requests)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for range c.windows - 1 {
					<-time.After(rushWindow)
					r.count(c.requests)
				}
			}()
			began := time.Now()
			r.lull(ctx)
			if took := time.Since(began); took != c.want {
				t.Errorf("%s: it took %v, want %v", name, took, c.want)
			}
			<-ended
		})
	}
}
