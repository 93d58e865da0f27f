package notificationtest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/notification"
)

var listTests = map[string]func(*testing.T, notification.Store){
	"the_newest_comes_first": func(t *testing.T, s notification.Store) {
		var want []string
		for i := range 6 {
			at := base.Add(time.Duration(i/2) * time.Microsecond) // by twos of one time
			r := confirmation(at)
			enqueue(t, s, r, true)
			want = append(want, r.Deliveries[0].ID)
		}
		slices.Reverse(want)
		if diff := cmp.Diff(want, ids(list(t, s, notification.Filter{}))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := ids(list(t, s, notification.Filter{Limit: 2})); !slices.Equal(got, want[:2]) {
			t.Errorf("with limit 2: %v, want %v", got, want[:2])
		}
	},
	"what_has_no_addressee_is_not_shown": func(t *testing.T, s notification.Store) {
		r := confirmation(base)
		r.Deliveries = []notification.Notification{delivery(notification.SMS, "user-1", r.BookingID, base)}
		enqueue(t, s, r, true)
		shown := func(want int) {
			t.Helper()
			for _, f := range []notification.Filter{{}, {UserID: "user-1"}, {BookingID: r.BookingID}} {
				if got := list(t, s, f); len(got) != want {
					t.Errorf("%d are shown, want %d", len(got), want)
				}
			}
		}
		shown(0)
		n := claimOne(t, s, base)
		n.Status, n.To, n.Due = notification.Pending, "+4930123456", base
		settle(t, s, n)
		shown(1)
		n = claimOne(t, s, base)
		n.Status = notification.Dropped
		settle(t, s, n)
		shown(0)
	},
	"filters_choose": func(t *testing.T, s notification.Store) {
		mine, other := confirmation(base), confirmation(base.Add(time.Second))
		other.Deliveries[0].UserID = "user-2"
		enqueue(t, s, mine, true)
		sent := claimOne(t, s, base)
		sent.Status = notification.Sent
		settle(t, s, sent)
		enqueue(t, s, other, true)
		a, b := mine.Deliveries[0].ID, other.Deliveries[0].ID
		for _, test := range []struct {
			f    notification.Filter
			want []string
		}{
			{notification.Filter{}, []string{b, a}},
			{notification.Filter{UserID: "user-1"}, []string{a}},
			{notification.Filter{UserID: "user-2"}, []string{b}},
			{notification.Filter{UserID: "user-3"}, []string{}},
			{notification.Filter{BookingID: mine.BookingID}, []string{a}},
			{notification.Filter{UserID: "user-2", BookingID: mine.BookingID}, []string{}},
			{notification.Filter{Status: notification.Sent}, []string{a}},
			{notification.Filter{Status: notification.Pending}, []string{b}},
			{notification.Filter{Status: notification.Failed}, []string{}},
		} {
			if got := list(t, s, test.f); got == nil || !slices.Equal(ids(got), test.want) {
				t.Errorf("%+v chooses %v, want %v", test.f, ids(got), test.want)
			}
		}
	},
	"pages_neither_repeat_nor_skip_while_others_are_added": func(t *testing.T, s notification.Store) {
		want := map[string]bool{}
		for i := range 23 {
			r := confirmation(base.Add(time.Duration(i/4) * time.Millisecond)) // four of one time
			enqueue(t, s, r, true)
			want[r.Deliveries[0].ID] = true
		}
		seen := map[string]int{}
		f := notification.Filter{Limit: 3}
		for page := 0; ; page++ {
			ns := list(t, s, f)
			for _, n := range ns {
				seen[n.ID]++
			}
			if len(ns) < f.Limit {
				break
			}
			if page > 50 {
				t.Fatal("the pages do not end")
			}
			after := ns[len(ns)-1].Position()
			f.After = &after
			enqueue(t, s, confirmation(base.Add(time.Hour)), true)
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s was on %d pages", id, n)
			}
		}
		for id := range want {
			if seen[id] == 0 {
				t.Errorf("%s was on no page", id)
			}
		}
	},
}
