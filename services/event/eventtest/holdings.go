package eventtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/event"
)

// TestHoldings is the contract of event.Holdings. open returns an empty adapter;
// its inventory is how reservations come to be.
func TestHoldings(t *testing.T, open func(t *testing.T) Adapter) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, a Adapter)
	}{
		{"none is the empty slice", holdingsNone},
		{"who has tickets is listed", holdingsListed},
		{"what is released is not listed", holdingsReleased},
		{"only what is left is counted", holdingsLeft},
		{"the order is that of booking and attempt", holdingsOrder},
		{"a booking is never split", holdingsUnsplit},
		{"a short page is the last", holdingsShort},
		{"paging neither repeats nor skips", holdingsPaging},
		{"a cancelled context is an error", holdingsCancelled},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, open(t))
		})
	}
}

func (a Adapter) page(t *testing.T, after string, limit int) []event.Holding {
	t.Helper()
	page, err := a.Holdings.Holdings(t.Context(), after, limit)
	must(t, err)
	return page
}

// pages reads all pages, and calls between after each.
func (a Adapter) pages(t *testing.T, limit int, between func()) (all []event.Holding) {
	t.Helper()
	for after := ""; ; {
		page := a.page(t, after, limit)
		all = append(all, page...)
		if len(page) < limit {
			return all
		}
		after = page[len(page)-1].BookingID
		if len(all) > 10_000 {
			t.Fatal("there is no last page")
		}
		between()
	}
}

func (a Adapter) holdings(t *testing.T, want ...event.Holding) {
	t.Helper()
	if diff := cmp.Diff(inOrder(want), a.page(t, "", 100)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func inOrder(list []event.Holding) []event.Holding {
	return slices.SortedFunc(slices.Values(list), func(a, b event.Holding) int {
		if a.BookingID != b.BookingID {
			return strings.Compare(a.BookingID, b.BookingID)
		}
		return a.Attempt - b.Attempt
	})
}

func held(k event.Key, n int) event.Holding {
	return event.Holding{Key: k, State: event.Held, Tickets: n}
}
func sold(k event.Key, n int) event.Holding {
	return event.Holding{Key: k, State: event.Sold, Tickets: n}
}

func holdingsNone(t *testing.T, a Adapter) {
	for range 2 {
		if page := a.page(t, "", 10); page == nil || len(page) != 0 {
			t.Errorf("%#v, want the empty slice", page)
		}
		k := key(a.create(t, []int{9}))
		must(t, a.Release(t.Context(), k)) // closed, and never held
	}
	e := a.create(t, []int{9})
	k := key(e)
	a.hold(t, k, e, 2)
	if page := a.page(t, k.BookingID, 10); page == nil || len(page) != 0 {
		t.Errorf("after the last booking it is %#v, want the empty slice", page)
	}
}

func holdingsListed(t *testing.T, a Adapter) {
	e, other := a.create(t, []int{9, 9}), a.create(t, []int{9})
	one, two, three := key(e), key(other), key(e)
	a.hold(t, one, e, 2)
	a.hold(t, two, other, 3)
	a.pair(t, three, e)
	must(t, a.Sell(t.Context(), id(), two))
	a.holdings(t, held(one, 2), sold(two, 3), held(three, 6))

	// Neither an edit nor a refusal changes who has what.
	_, err := a.Update(t.Context(), other.ID, func(e *event.Event) error { e.Status = event.Cancelled; return nil })
	must(t, err)
	_, err = a.Reserve(t.Context(), key(e), []event.Request{of(e, 0, 9)}, now)
	wantErr(t, err, event.ErrSoldOut)
	a.hold(t, one, e, 2) // a repeat
	a.holdings(t, held(one, 2), sold(two, 3), held(three, 6))
}

func holdingsReleased(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	kept, given, sale := key(e), key(e), key(e)
	for _, k := range []event.Key{kept, given, sale} {
		a.hold(t, k, e, 2)
	}
	must(t, a.Sell(t.Context(), id(), sale))
	must(t, a.Release(t.Context(), given))
	must(t, a.GiveBack(t.Context(), id(), sale))
	a.holdings(t, held(kept, 2))
	again := given
	again.Attempt = 2
	a.hold(t, again, e, 1)
	a.holdings(t, held(kept, 2), held(again, 1))
}

func holdingsLeft(t *testing.T, a Adapter) {
	e := a.create(t, []int{90, 90})
	some, all, sale, other := key(e), key(e), key(e), key(e)
	for _, k := range []event.Key{some, all, sale, other} {
		a.pair(t, k, e) // two of the one type and four of the other
	}
	must(t, a.Sell(t.Context(), id(), sale))
	a.back(t, some, e, 0, 1)
	a.back(t, some, e, 1, 2)
	a.back(t, sale, e, 1, 4)
	must(t, a.ReturnHeard(t.Context(), id(), all, id(), pairOf(e)))
	a.holdings(t, held(some, 3), sold(sale, 2), held(other, 6))
	a.back(t, sale, e, 0, 2)
	a.holdings(t, held(some, 3), held(other, 6))
}

func holdingsOrder(t *testing.T, a Adapter) {
	e := a.create(t, []int{90})
	var want []event.Holding
	for _, first := range "f03a" {
		k := event.Key{EventID: e.ID, BookingID: string(first) + id()[1:]}
		for k.Attempt = 1; k.Attempt <= 11; k.Attempt++ {
			a.hold(t, k, e, 1)
			want = append(want, held(k, 1))
		}
	}
	a.holdings(t, want...)
	if diff := cmp.Diff(inOrder(want), a.pages(t, 3, func() {})); diff != "" {
		t.Errorf("page by page (-want +got):\n%s", diff)
	}
}

func holdingsUnsplit(t *testing.T, a Adapter) {
	e := a.create(t, []int{90})
	var want []event.Holding
	for n := range 4 {
		k := event.Key{EventID: e.ID, BookingID: fmt.Sprint(n) + id()[1:]}
		for k.Attempt = 1; k.Attempt <= 5; k.Attempt++ {
			a.hold(t, k, e, 1)
			want = append(want, held(k, 1))
		}
	}
	for _, c := range []struct{ limit, want int }{{1, 5}, {4, 5}, {5, 5}, {6, 10}, {15, 15}, {16, 20}, {20, 20}, {21, 20}} {
		got := a.page(t, "", c.limit)
		if len(got) != c.want {
			t.Errorf("a page of %d has %d reservations, want %d", c.limit, len(got), c.want)
		}
		if diff := cmp.Diff(want, a.pages(t, c.limit, func() {})); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", c.limit, diff)
		}
	}
}

func holdingsShort(t *testing.T, a Adapter) {
	e := a.create(t, []int{90})
	var want []event.Holding
	for n := range 16 {
		k := event.Key{EventID: e.ID, BookingID: fmt.Sprintf("%x", n) + id()[1:], Attempt: 1}
		a.hold(t, k, e, 2)
		switch n % 4 {
		case 0:
			want = append(want, held(k, 2))
		case 1:
			must(t, a.Release(t.Context(), k))
		default:
			a.back(t, k, e, 0, 2)
		}
	}
	for limit := 1; limit <= 5; limit++ {
		if got := len(a.page(t, "", limit)); got != min(limit, 4) {
			t.Errorf("a page of %d has %d reservations, and there are 4", limit, got)
		}
		if diff := cmp.Diff(want, a.pages(t, limit, func() {})); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", limit, diff)
		}
	}
}

func holdingsPaging(t *testing.T, a Adapter) {
	e := a.create(t, []int{900})
	first := map[event.Key]bool{}
	var keys []event.Key
	hold := func(char rune) event.Key {
		k := event.Key{EventID: e.ID, BookingID: string(char) + id()[1:], Attempt: 1}
		a.hold(t, k, e, 1)
		return k
	}
	for _, char := range "0123456789abcdef" {
		k := hold(char)
		first[k], keys = true, append(keys, k)
	}
	pages := 0
	got := a.pages(t, 3, func() {
		if pages++; pages > len(keys) {
			t.Fatalf("the list has more than %d pages", len(keys))
		}
		for _, char := range "07f" { // before, amid and after what was read
			hold(char)
		}
		a.holdAgain(t, keys[len(keys)-1], e, pages+1)
		must(t, a.Release(t.Context(), keys[pages-1])) // which was read
	})
	times := map[event.Key]int{}
	for _, h := range got {
		times[h.Key]++
	}
	for k := range first {
		if times[k] != 1 {
			t.Errorf("%s was listed %d times", k.BookingID, times[k])
		}
	}
	for k, n := range times {
		if n != 1 {
			t.Errorf("attempt %d of %s was listed %d times", k.Attempt, k.BookingID, n)
		}
	}
}

// holdAgain reserves under another attempt of k's booking.
func (a Adapter) holdAgain(t *testing.T, k event.Key, e *event.Event, attempt int) {
	t.Helper()
	k.Attempt = attempt
	a.hold(t, k, e, 1)
}

func holdingsCancelled(t *testing.T, a Adapter) {
	e := a.create(t, []int{9})
	a.hold(t, key(e), e, 1)
	if page, err := a.Holdings.Holdings(cancelled(t), "", 10); err == nil {
		t.Errorf("no error, and %+v", page)
	}
}
