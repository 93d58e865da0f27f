package bookingtest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// TestRecords is the contract of booking.Records.
func TestRecords(t *testing.T, open func(t *testing.T) StoreUnderTest) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, u StoreUnderTest)
	}{
		{"bookings come in the order they were made without their timelines", recordsOrder},
		{"bookings added meanwhile hide none", recordsPages},
		{"bookings with refunds due are found whenever they were made", recordsDue},
		{"an unreadable booking hides no other", recordsUnreadable},
		{"a report comes back as it was stored", reportStored},
		{"a report with the same id is replaced", reportReplaced},
		{"reports are newest first page by page", reportPages},
		{"an unreadable report hides no other", reportUnreadable},
		{"none is the empty slice", recordsEmpty},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, open(t))
		})
	}
}

func (u StoreUnderTest) after(t *testing.T, id string, limit int) []booking.Booking {
	t.Helper()
	page, err := u.Records.BookingsAfter(t.Context(), id, limit)
	must(t, err)
	return page
}

// timeless are these bookings without their timelines.
func timeless(some ...booking.Booking) []booking.Booking {
	for i := range some {
		some[i].Timeline = nil
	}
	return some
}

func recordsOrder(t *testing.T, u StoreUnderTest) {
	want := []booking.Booking{full(), pending(), settled()}
	for _, b := range []booking.Booking{want[2], want[0], want[1]} {
		u.create(t, b, booking.Key{})
	}
	want = timeless(want...)
	if diff := cmp.Diff(want, u.after(t, "", 10)); diff != "" {
		t.Errorf("all bookings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[1:2], u.after(t, want[0].ID, 1)); diff != "" {
		t.Errorf("one after the first (-want +got):\n%s", diff)
	}
}

func recordsPages(t *testing.T, u StoreUnderTest) {
	var want, got []string
	for range 7 {
		want = append(want, u.create(t, pending(), booking.Key{}).ID)
	}
	for after := ""; len(got) < 20; {
		page := ids(u.after(t, after, 2))
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		after = page[len(page)-1]
		if len(got) < 6 {
			u.create(t, pending(), booking.Key{})
		}
	}
	for _, id := range want {
		if n := len(slices.DeleteFunc(slices.Clone(got), func(g string) bool { return g != id })); n != 1 {
			t.Errorf("booking %s came %d times", id, n)
		}
	}
}

func recordsDue(t *testing.T, u StoreUnderTest) {
	due := func(status booking.RefundStatus) func(*booking.Booking) {
		return func(b *booking.Booking) {
			b.Refunds = []booking.Refund{{ID: newID(), Amount: euros(1), Status: booking.RefundDone}, {ID: newID(), Amount: euros(2), Status: status}}
		}
	}
	one, _, three := u.create(t, settled(due(booking.RefundDue)), booking.Key{}), u.create(t, settled(due(booking.RefundDone)), booking.Key{}),
		u.create(t, settled(due(booking.RefundDue)), booking.Key{})
	u.create(t, settled(due(booking.RefundPending)), booking.Key{})
	u.create(t, settled(), booking.Key{})
	find := func(after string, limit int) []booking.Booking {
		page, err := u.Records.WithRefundsDue(t.Context(), after, limit)
		must(t, err)
		return page
	}
	if diff := cmp.Diff(timeless(one, three), find("", 10)); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{three.ID}, ids(find(one.ID, 1))); diff != "" {
		t.Errorf("after the first (-want +got):\n%s", diff)
	}
	_, err := u.Store.Update(t.Context(), one.ID, "", func(b *booking.Booking) error { b.Refunds[1].Status = booking.RefundDone; return nil })
	must(t, err)
	if diff := cmp.Diff([]string{three.ID}, ids(find("", 10))); diff != "" {
		t.Errorf("when one is made (-want +got):\n%s", diff)
	}
}

func recordsUnreadable(t *testing.T, u StoreUnderTest) {
	due := func(b *booking.Booking) {
		b.Refunds = []booking.Refund{{ID: newID(), Amount: euros(1), Status: booking.RefundDue}}
	}
	before, spoilt, after := u.create(t, settled(due), booking.Key{}), u.create(t, settled(due), booking.Key{}), u.create(t, settled(due), booking.Key{})
	u.Spoil(t, spoilt.ID)
	withDue, err := u.Records.WithRefundsDue(t.Context(), "", 10)
	must(t, err)
	for what, page := range map[string][]booking.Booking{"BookingsAfter": u.after(t, "", 10), "WithRefundsDue": withDue} {
		if diff := cmp.Diff([]string{before.ID, spoilt.ID, after.ID}, ids(page)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
			continue
		}
		if !errors.Is(page[1].Unreadable, booking.ErrUnreadable) {
			t.Errorf("%s: %v, want ErrUnreadable", what, page[1].Unreadable)
		}
		if diff := cmp.Diff(timeless(before, after), []booking.Booking{page[0], page[2]}); diff != "" {
			t.Errorf("%s: the others (-want +got):\n%s", what, diff)
		}
	}
	_, err = u.Store.Get(t.Context(), spoilt.ID)
	wantErr(t, err, booking.ErrUnreadable)
}

func report(findings ...booking.Finding) booking.Report {
	return booking.Report{
		ID: newID(), By: "Zoë", Since: start.Add(-time.Hour), StartedAt: start, FinishedAt: start.Add(time.Microsecond),
		Checked: booking.Checked{Bookings: 1, Charges: 2, Holdings: 3, Messages: 1 << 40}, Findings: append([]booking.Finding{}, findings...), AcceptedBy: "somebody", AcceptedAt: start.Add(time.Minute),
		Counts: map[booking.FindingKind]booking.Count{booking.FoundHoldLeaked: {Found: 1 << 40, Open: 2}},
	}
}

func (u StoreUnderTest) save(t *testing.T, r booking.Report) booking.Report {
	t.Helper()
	must(t, u.Records.SaveReport(t.Context(), r))
	return r
}

func (u StoreUnderTest) wantReports(t *testing.T, before string, limit int, want ...booking.Report) {
	t.Helper()
	got, err := u.Records.Reports(t.Context(), before, limit)
	must(t, err)
	if diff := cmp.Diff(append([]booking.Report{}, want...), got); diff != "" {
		t.Errorf("reports before %q (-want +got):\n%s", before, diff)
	}
}

func reportStored(t *testing.T, u StoreUnderTest) {
	u.wantReports(t, "", 10, u.save(t, report(
		booking.Finding{Kind: booking.FoundHoldLeaked, BookingID: newID(), Detail: "2 tickets ✎ <\\u0000>", Repaired: true},
		booking.Finding{Kind: booking.FoundChargeUnknown, Detail: fmt.Sprint(long)},
	)))
}

func reportReplaced(t *testing.T, u StoreUnderTest) {
	r := u.save(t, report())
	r.Findings = append(r.Findings, booking.Finding{Kind: booking.FoundLatePayment})
	u.save(t, r)
	u.wantReports(t, "", 10, r)
}

func reportPages(t *testing.T, u StoreUnderTest) {
	one, two, three := u.save(t, report()), u.save(t, report()), u.save(t, report())
	u.wantReports(t, "", 2, three, two)
	u.save(t, report())
	u.wantReports(t, two.ID, 2, one)
	u.wantReports(t, one.ID, 2)
}

func reportUnreadable(t *testing.T, u StoreUnderTest) {
	one, two, three := u.save(t, report()), u.save(t, report()), u.save(t, report())
	u.Spoil(t, two.ID)
	u.wantReports(t, "", 10, three, booking.UnreadableReport(two.ID), one)
}

func recordsEmpty(t *testing.T, u StoreUnderTest) {
	u.wantReports(t, "", 10)
	if page := u.after(t, "", 10); page == nil || len(page) > 0 {
		t.Errorf("bookings: %#v", page)
	}
}
