package bookingtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// TestAuditLog is the contract of booking.AuditLog.
func TestAuditLog(t *testing.T, open func(t *testing.T) StoreUnderTest) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, u StoreUnderTest)
	}{
		{"entries are newest first", auditNewestFirst},
		{"the entries of one booking or one event are theirs alone", auditOf},
		{"pages neither repeat nor skip while entries are added", auditPages},
		{"a page may end between two steps of one change", auditSplits},
		{"a change may have many steps", auditMany},
		{"a change that is not stored leaves no entry", auditFails},
		{"none is the empty slice", auditEmpty},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, open(t))
		})
	}
}

func (u StoreUnderTest) audit(t *testing.T, q booking.AuditQuery) []booking.AuditEntry {
	t.Helper()
	entries, err := u.AuditLog.Audit(t.Context(), q)
	must(t, err)
	return entries
}

// step adds a step to b's timeline.
func (u StoreUnderTest) step(t *testing.T, b booking.Booking, s booking.Step) booking.Booking {
	t.Helper()
	b, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error {
		b.Timeline = append(b.Timeline, s)
		return nil
	})
	must(t, err)
	return b
}

// entriesOf are the entries that the steps of b's timeline from first on make,
// newest first.
func entriesOf(b booking.Booking, first int) (out []booking.AuditEntry) {
	for _, s := range b.Timeline[first:] {
		out = append([]booking.AuditEntry{{Step: s, BookingID: b.ID, EventID: b.EventID, Version: b.Version}}, out...)
	}
	return out
}

func (u StoreUnderTest) wantAudit(t *testing.T, q booking.AuditQuery, want []booking.AuditEntry) {
	t.Helper()
	got := u.audit(t, q)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(booking.AuditEntry{}, "Number")); diff != "" {
		t.Errorf("the audit log of %+v (-want +got):\n%s", q, diff)
	}
	for i := 1; i < len(got); i++ {
		if got[i].Number >= got[i-1].Number {
			t.Errorf("entry %d has the number %d, the one before %d", i, got[i].Number, got[i-1].Number)
		}
	}
}

// stepsAudited belongs to TestStore.
func stepsAudited(t *testing.T, u StoreUnderTest) {
	b := u.create(t, full(), booking.Key{})
	want := entriesOf(b, 0)
	u.wantAudit(t, booking.AuditQuery{BookingID: b.ID, Limit: 10}, want)
	n := len(b.Timeline)
	b, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error {
		b.Timeline = append(b.Timeline,
			booking.Step{At: start.Add(time.Microsecond), Step: "paid", Detail: "25 €", By: newID()}, booking.Step{At: start, Step: "confirmed", By: "recovery"})
		return nil
	})
	must(t, err)
	want = append(entriesOf(b, n), want...)
	u.wantAudit(t, booking.AuditQuery{BookingID: b.ID, Limit: 10}, want)
	_, err = u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(*booking.Booking) error { return nil })
	must(t, err)
	u.wantAudit(t, booking.AuditQuery{BookingID: b.ID, Limit: 10}, want)
}

func auditNewestFirst(t *testing.T, u StoreUnderTest) {
	first := u.create(t, pending(), booking.Key{})
	second := u.create(t, pending(), booking.Key{})
	again := u.step(t, first, booking.Step{At: start, Step: "reserved", By: "x"})
	want := append(append(entriesOf(again, 1), entriesOf(second, 0)...), entriesOf(first, 0)...)
	u.wantAudit(t, booking.AuditQuery{Limit: 10}, want)
	u.wantAudit(t, booking.AuditQuery{Limit: 2}, want[:2])
}

func auditOf(t *testing.T, u StoreUnderTest) {
	event := newID()
	one := u.create(t, pending(func(b *booking.Booking) { b.EventID = event }), booking.Key{})
	two := u.create(t, pending(func(b *booking.Booking) { b.EventID = event }), booking.Key{})
	u.create(t, pending(), booking.Key{})
	u.wantAudit(t, booking.AuditQuery{BookingID: one.ID, Limit: 10}, entriesOf(one, 0))
	u.wantAudit(t, booking.AuditQuery{EventID: event, Limit: 10}, append(entriesOf(two, 0), entriesOf(one, 0)...))
	e := u.cancelEvent(t, event)
	u.wantAudit(t, booking.AuditQuery{EventID: event, Limit: 1}, []booking.AuditEntry{e.Audit()})
}

func auditPages(t *testing.T, u StoreUnderTest) {
	b := u.create(t, pending(), booking.Key{})
	for range 6 {
		b = u.step(t, b, booking.Step{At: start, Step: newID()})
	}
	want := u.audit(t, booking.AuditQuery{Limit: 100})
	var got []booking.AuditEntry
	for before := int64(0); len(got) <= len(want); {
		page := u.audit(t, booking.AuditQuery{Before: before, Limit: 2})
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		before = page[len(page)-1].Number
		b = u.step(t, b, booking.Step{At: start, Step: "meanwhile"})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("page by page (-want +got):\n%s", diff)
	}
}

// steps adds n steps to b's timeline in one change.
func (u StoreUnderTest) steps(t *testing.T, b booking.Booking, n int) booking.Booking {
	t.Helper()
	b, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error {
		for i := range n {
			b.Timeline = append(b.Timeline, booking.Step{At: start.Add(time.Duration(i) * time.Microsecond), Step: newID(), Detail: "ä", By: newID()})
		}
		return nil
	})
	must(t, err)
	return b
}

func auditSplits(t *testing.T, u StoreUnderTest) {
	b := u.create(t, pending(), booking.Key{})
	b = u.steps(t, b, 5)
	u.step(t, u.create(t, pending(), booking.Key{}), booking.Step{At: start, Step: "of another"})
	want := entriesOf(b, 1)
	for _, q := range []booking.AuditQuery{{BookingID: b.ID, Limit: 2}, {EventID: b.EventID, Limit: 2}} {
		for i := range 2 {
			page := u.audit(t, q)
			if diff := cmp.Diff(want[2*i:2*i+2], page, cmpopts.IgnoreFields(booking.AuditEntry{}, "Number")); diff != "" {
				t.Fatalf("page %d of %+v (-want +got):\n%s", i, q, diff)
			}
			q.Before = page[1].Number
		}
	}
}

func auditMany(t *testing.T, u StoreUnderTest) {
	b := u.create(t, pending(), booking.Key{})
	many := u.steps(t, b, 2*booking.AuditRowSteps+1)
	want := entriesOf(many, 1)
	u.wantAudit(t, booking.AuditQuery{BookingID: b.ID, Limit: len(want)}, want)
	again := u.step(t, many, booking.Step{At: start, Step: "after them"})
	u.wantAudit(t, booking.AuditQuery{BookingID: b.ID, Limit: 3}, append(entriesOf(again, len(many.Timeline)), want[:2]...))
}

func auditFails(t *testing.T, u StoreUnderTest) {
	b := u.create(t, pending(), booking.Key{})
	twice := message()
	_, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error {
		b.Timeline = append(b.Timeline, booking.Step{At: start, Step: "paid"})
		b.Effects.Messages = append(b.Effects.Messages, twice, twice)
		return nil
	})
	if err == nil {
		t.Error("two messages with one id are stored")
	}
	u.wantAudit(t, booking.AuditQuery{Limit: 10}, entriesOf(b, 0))
}

func auditEmpty(t *testing.T, u StoreUnderTest) {
	for _, q := range []booking.AuditQuery{{Limit: 10}, {BookingID: newID(), Limit: 10}, {EventID: newID(), Limit: 10}} {
		if got := u.audit(t, q); got == nil || len(got) > 0 {
			t.Errorf("%+v: %#v", q, got)
		}
	}
}
