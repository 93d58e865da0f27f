package mongodb

import (
	"fmt"
	"testing"
	"time"
)

func TestADocumentIsReportedOnceAnHour(t *testing.T) {
	t.Parallel()
	var r reported
	now := time.Date(2027, 3, 12, 19, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		key  string
		at   time.Duration
		want bool
	}{{"a", 0, true}, {"a", time.Minute, false}, {"b", time.Minute, true}, {"a", time.Hour, true}, {"a", 61 * time.Minute, false}} {
		if got := r.fresh(c.key, now.Add(c.at)); got != c.want {
			t.Errorf("%s after %v: %v, want %v", c.key, c.at, got, c.want)
		}
	}
	for i := range 3 * maxReported {
		r.fresh(fmt.Sprint(i), now)
	}
	if len(r.at) > maxReported {
		t.Errorf("%d are kept, want at most %d", len(r.at), maxReported)
	}
}
