package bookingtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// statements reads all pages, and fails where one has more than limit.
func (u PaymentsUnderTest) statements(t *testing.T, since time.Time, limit int) (all []booking.Statement) {
	t.Helper()
	after := ""
	for range 100 {
		page, next, err := u.Statements.Statements(t.Context(), since, after, limit)
		must(t, err)
		if len(page) > limit {
			t.Errorf("a page has %d, not %d", len(page), limit)
		}
		if all = append(all, page...); next == "" {
			return all
		}
		after = next
	}
	t.Fatal("the pages never end")
	return nil
}

// statement returns that of c, which must be there once, without its time.
func (u PaymentsUnderTest) statement(t *testing.T, since time.Time, c booking.Charge) (found booking.Statement) {
	t.Helper()
	n := 0
	for _, s := range u.statements(t, since, 100) {
		if s.BookingID == c.BookingID {
			found = s
			n++
		}
	}
	if n != 1 {
		t.Fatalf("%d statements of the booking", n)
	}
	// A provider may round to whole seconds.
	if now := time.Now(); found.At.Before(since.Truncate(time.Second)) || found.At.After(now.Add(2*time.Second)) {
		t.Errorf("it was begun at %v, which is not between %v and %v", found.At, since, now)
	}
	found.At = time.Time{}
	return found
}

func statementsSay(t *testing.T, u PaymentsUnderTest) {
	began := time.Now()
	c, reference := u.charged(t)
	declined, waiting := u.prepare(t, u.Declined), u.prepare(t, u.Action)
	u.wantDeclined(t, declined, 1, u.Declined)
	_, err := u.Payments.Charge(t.Context(), waiting)
	must(t, err)
	u.prepare(t, u.Good)

	want := booking.Statement{BookingID: c.BookingID, Reference: reference, Captured: euros(price), Refunded: euros(0)}
	for _, part := range []int64{0, 1, price - 1} {
		if part > 0 {
			must(t, u.Payments.Refund(t.Context(), refundOf(c, reference, part)))
			want.Refunded.AmountMinor += part
		}
		if diff := cmp.Diff(want, u.statement(t, began, c)); diff != "" {
			t.Errorf("statement (-want +got):\n%s", diff)
		}
	}
	if all := u.statements(t, began, 100); len(all) != 1 {
		t.Errorf("one charge was captured, and there are the statements %+v", all)
	}
}

func statementsSince(t *testing.T, u PaymentsUnderTest) {
	began := time.Now()
	u.charged(t)
	for since, want := range map[time.Time]int{began.Add(-time.Hour): 1, began: 1, began.Add(time.Hour): 0} {
		if got := u.statements(t, since, 10); len(got) != want {
			t.Errorf("%d statements since %v, want %d", len(got), since.Sub(began), want)
		}
	}
}

func statementsPages(t *testing.T, u PaymentsUnderTest) {
	began := time.Now()
	want := map[string]int{}
	for range 7 {
		c, _ := u.charged(t)
		want[c.BookingID] = 1
		u.wantDeclined(t, u.prepare(t, u.Declined), 1, u.Declined)
	}
	for _, limit := range []int{1, 2, 3, 7, 100} {
		got := map[string]int{}
		for _, s := range u.statements(t, began, limit) {
			got[s.BookingID]++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in pages of %d (-want +got):\n%s", limit, diff)
		}
	}
}
