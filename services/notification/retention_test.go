package notification_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/services/notification"
)

// forgetting is a store that forgets so many records, of which one fails.
type forgetting struct {
	notification.Store
	old int
}

func (f *forgetting) Forget(_ context.Context, _ time.Time, limit int) (int, error) {
	n := min(f.old, limit-1)
	f.old -= n
	return n, errors.New("a record that cannot be forgotten")
}

func TestARecordThatCannotBeForgottenStopsNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f *forgetting
		s := newService(t, &outside{}, func(o *notification.Options) {
			f = &forgetting{Store: o.Store, old: 1000}
			o.Store, o.Poll = f, time.Second
		})
		stop := run(t, s)
		<-time.After(time.Second)
		stop()
		if f.old != 0 {
			t.Errorf("%d records are not forgotten", f.old)
		}
	})
}
