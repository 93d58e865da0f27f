package booking

import (
	"context"
	"testing"
	"time"
)

// reports are what has been reported, newest first.
type reports struct {
	Records
	all []Report
}

func (r reports) Reports(_ context.Context, before string, limit int) ([]Report, error) {
	page := r.all
	for i := range page {
		if page[i].ID == before {
			page = page[i+1:]
			break
		}
	}
	return page[:min(len(page), limit)], nil
}

// What somebody else has asked for puts the daily reconciliation off by nothing.
func TestReconciliationIsDueADayAfterTheWorkersOwn(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Microsecond)
	ago := func(id, by string, d time.Duration) Report { return Report{ID: id, By: by, StartedAt: now.Add(-d)} }
	for name, c := range map[string]struct {
		all  []Report
		want bool
	}{
		"the first":              {nil, true},
		"a young one":            {[]Report{ago("1", recovery, time.Hour)}, false},
		"a day later":            {[]Report{ago("1", recovery, 24*time.Hour)}, true},
		"an admin's":             {[]Report{ago("1", "admin", time.Hour)}, true},
		"an admin's after it":    {[]Report{ago("2", "admin", time.Minute), ago("1", recovery, time.Hour)}, false},
		"an admin's, then a day": {[]Report{ago("2", "admin", time.Minute), ago("1", recovery, 25*time.Hour)}, true},
	} {
		s := New(Options{Records: reports{all: c.all}, Now: func() time.Time { return now }})
		if due, err := s.reconciliationDue(t.Context()); err != nil || due != c.want {
			t.Errorf("%s: due %v, %v", name, due, err)
		}
	}
}
