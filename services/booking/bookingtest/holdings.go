package bookingtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// HoldingsUnderTest is an adapter of booking.Holdings, and the catalog that the
// tickets are reserved at.
type HoldingsUnderTest struct {
	CatalogUnderTest
	Holdings booking.Holdings
}

// TestHoldings is the contract of booking.Holdings.
func TestHoldings(t *testing.T, open func(t *testing.T) HoldingsUnderTest) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, u HoldingsUnderTest)
	}{
		{"none is the empty slice", holdingsNone},
		{"who has tickets is listed with what is left", holdingsListed},
		{"a booking is never split", holdingsUnsplit},
		{"paging neither repeats nor skips", holdingsPaging},
		{"a cancelled context leaves the outcome unknown", holdingsCancelled},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, open(t))
		})
	}
}

func (u HoldingsUnderTest) page(t *testing.T, after string, limit int) []booking.Holding {
	t.Helper()
	page, err := u.Holdings.Holdings(t.Context(), after, limit)
	must(t, err)
	return page
}

// all reads page by page, and calls between after each.
func (u HoldingsUnderTest) all(t *testing.T, limit int, between func()) (all []booking.Holding) {
	t.Helper()
	for after := ""; ; between() {
		page := u.page(t, after, limit)
		all = append(all, page...)
		if len(page) < limit {
			return all
		}
		after = page[len(page)-1].BookingID
		if len(all) > 1000 {
			t.Fatal("there is no last page")
		}
	}
}

func (s show) has(bookingID string, attempt, n int) booking.Holding {
	return booking.Holding{EventID: s.event, BookingID: bookingID, Attempt: attempt, Tickets: n}
}

func (u HoldingsUnderTest) want(t *testing.T, want ...booking.Holding) {
	t.Helper()
	want = slices.SortedFunc(slices.Values(want), func(a, b booking.Holding) int {
		if a.BookingID != b.BookingID {
			return strings.Compare(a.BookingID, b.BookingID)
		}
		return a.Attempt - b.Attempt
	})
	if diff := cmp.Diff(want, u.page(t, "", 100)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, limit := range []int{1, 2, 3} {
		if diff := cmp.Diff(want, u.all(t, limit, func() {})); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", limit, diff)
		}
	}
}

func holdingsNone(t *testing.T, u HoldingsUnderTest) {
	s := u.show(5)
	none := func(after string) {
		t.Helper()
		if page := u.page(t, after, 10); page == nil || len(page) != 0 {
			t.Errorf("after %q it is %#v, want the empty slice", after, page)
		}
	}
	none("")
	must(t, u.Catalog.Release(t.Context(), s.event, newID(), 1))
	none("")
	last := s.hold(t, 1)
	none(last)
	none("f" + last[1:])
}

func holdingsListed(t *testing.T, u HoldingsUnderTest) {
	s, other := u.show(50), u.show(50)
	kept, given, some, all, elsewhere := s.hold(t, 2), s.hold(t, 3), s.hold(t, 6), s.hold(t, 1), other.hold(t, 4)
	must(t, u.Catalog.Release(t.Context(), s.event, given, 1))
	for _, n := range []int{1, 3} {
		must(t, s.back(t.Context(), some, newID(), n))
	}
	must(t, s.back(t.Context(), all, newID(), 1))
	u.want(t, s.has(kept, 1, 2), s.has(some, 1, 2), other.has(elsewhere, 1, 4))

	_, err := s.reserve(t, given, 2, 1)
	must(t, err)
	u.CloseSales(other.event)
	u.want(t, s.has(kept, 1, 2), s.has(given, 2, 1), s.has(some, 1, 2), other.has(elsewhere, 1, 4))
}

func holdingsUnsplit(t *testing.T, u HoldingsUnderTest) {
	s := u.show(50)
	var want []booking.Holding
	for range 3 {
		id := newID()
		for attempt := 1; attempt <= 11; attempt++ { // in the order of numbers, not of texts
			_, err := s.reserve(t, id, attempt, 1)
			must(t, err)
			want = append(want, s.has(id, attempt, 1))
		}
	}
	u.want(t, want...)
	for limit, n := range map[int]int{1: 11, 11: 11, 12: 22, booking.MaxHoldings: 33} {
		if got := len(u.page(t, "", limit)); got != n {
			t.Errorf("a page of %d has %d attempts, want %d", limit, got, n)
		}
	}
}

func holdingsPaging(t *testing.T, u HoldingsUnderTest) {
	s := u.show(500)
	hold := func(first rune) booking.Holding {
		id := string(first) + newID()[1:]
		_, err := s.reserve(t, id, 1, 1)
		must(t, err)
		return s.has(id, 1, 1)
	}
	var first []booking.Holding
	for _, char := range "0123456789abcdef" {
		first = append(first, hold(char))
	}
	pages := 0
	times := map[string]int{}
	for _, h := range u.all(t, 3, func() {
		for _, char := range "07f" { // before, amid and after what was read
			hold(char)
		}
		must(t, u.Catalog.Release(t.Context(), s.event, first[pages].BookingID, 1)) // which was read
		pages++
	}) {
		times[fmt.Sprint(h.BookingID, h.Attempt)]++
	}
	for _, h := range first {
		if n := times[fmt.Sprint(h.BookingID, h.Attempt)]; n != 1 {
			t.Errorf("%s was listed %d times", h.BookingID, n)
		}
	}
	for id, n := range times {
		if n != 1 {
			t.Errorf("%s was listed %d times", id, n)
		}
	}
}

func holdingsCancelled(t *testing.T, u HoldingsUnderTest) {
	u.show(5).hold(t, 1)
	page, err := u.Holdings.Holdings(cancelled(t), "", 10)
	wantErr(t, err, booking.ErrOutcomeUnknown)
	if len(page) > 0 {
		t.Errorf("with an error, there is %+v", page)
	}
}
