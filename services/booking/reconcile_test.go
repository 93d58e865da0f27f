package booking_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

// reconcile returns what is found, by booking.
func (m *model) reconcile(t *testing.T) map[string][]string {
	t.Helper()
	m.advance(time.Hour) // what was done just now is not looked at
	report, err := m.service(nil).Reconcile(t.Context(), "test", m.now().AddDate(0, 0, -60))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, f := range report.Findings {
		what := string(f.Kind)
		if f.Repaired {
			what += " repaired"
		}
		found[f.BookingID] = append(found[f.BookingID], what)
	}
	stored, err := m.store.Reports(t.Context(), "", 1)
	if err != nil || len(stored) != 1 {
		t.Fatalf("%d reports are stored, %v", len(stored), err)
	}
	if diff := cmp.Diff(report, stored[0]); diff != "" {
		t.Errorf("the stored report (-returned +stored):\n%s", diff)
	}
	return found
}

// A report stays one that can be stored and read, however much is wrong: it keeps
// the first findings, and the count of all. The log has each.
func TestAReportIsBounded(t *testing.T) {
	t.Parallel()
	m, _, of := reconcileWorld(t)
	const more = 7
	made := uuid.Must(uuid.FromBytes(make([]byte, 16)))
	binary.BigEndian.PutUint64(made[:8], uint64(time.Now().Add(-time.Hour).UnixMilli())<<16|0x7000)
	for i := range booking.MaxFindings + more {
		binary.BigEndian.PutUint64(made[8:], 1<<63|uint64(i))
		m.pay.Tamper(made.String(), 100, 0)
	}
	m.catalog.Hold(of[booking.Cancelled].EventID, of[booking.Cancelled].ID, of[booking.Cancelled].Attempt, 2)
	var log bytes.Buffer
	s := m.service(nil)
	s.Log = slog.New(slog.NewTextHandler(&log, nil))
	m.advance(time.Hour)
	report, err := s.Reconcile(t.Context(), "test", m.now().AddDate(0, 0, -60))
	if err != nil {
		t.Fatal(err)
	}
	want := map[booking.FindingKind]booking.Count{
		booking.FoundHoldLeaked: {Found: 1}, booking.FoundChargeUnknown: {Found: booking.MaxFindings + more, Open: booking.MaxFindings + more},
	}
	if diff := cmp.Diff(want, report.Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	stored, err := m.store.Reports(t.Context(), "", 1)
	if err != nil || len(stored) != 1 {
		t.Fatalf("%d reports are stored, %v", len(stored), err)
	}
	for what, r := range map[string]booking.Report{"returned": report, "stored": stored[0]} {
		if len(r.Findings) != booking.MaxFindings || r.LeftOut() != more+1 {
			t.Errorf("%s with %d findings, and %d left out", what, len(r.Findings), r.LeftOut())
		}
	}
	if n := strings.Count(log.String(), "kind=charge_unknown"); n != booking.MaxFindings+more {
		t.Errorf("%d of the %d are logged", n, booking.MaxFindings+more)
	}
	if summary := fmt.Sprintf("findings=%d not_repaired=%d", booking.MaxFindings+more+1, booking.MaxFindings+more); !strings.Contains(log.String(), summary) {
		t.Errorf("the log does not say %s", summary)
	}
}

// A report that was stored whole, before reports were bounded, is read as one of now.
func TestAnOldReportIsBounded(t *testing.T) {
	t.Parallel()
	old := booking.Report{Findings: slices.Repeat([]booking.Finding{
		{Kind: booking.FoundHoldLeaked, Repaired: true}, {Kind: booking.FoundNoAnswer},
	}, booking.MaxFindings)}
	got := old.Bounded()
	if len(got.Findings) != booking.MaxFindings || got.LeftOut() != booking.MaxFindings {
		t.Errorf("%d findings, and %d left out", len(got.Findings), got.LeftOut())
	}
	want := map[booking.FindingKind]booking.Count{
		booking.FoundHoldLeaked: {Found: booking.MaxFindings}, booking.FoundNoAnswer: {Found: booking.MaxFindings, Open: booking.MaxFindings},
	}
	if diff := cmp.Diff(want, got.Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(got, got.Bounded()); diff != "" {
		t.Errorf("bounded again (-want +got):\n%s", diff)
	}
}

// reconcileWorld is one in which everything agrees: bookings of every kind.
func reconcileWorld(t *testing.T) (m *model, event string, c map[booking.Status]booking.Booking) {
	t.Helper()
	m = modelWorld(t)
	// Ids have the real time: so must the bookings.
	m.clock.Store(time.Now().UnixMicro())
	event, _ = m.catalog.NewEvent(booking.TicketType{Name: "Parkett", Price: price, Available: 50})
	m.capacity[event] = 50
	customer, s := m.newCustomer(), m.service(nil)
	request := booking.Request{EventID: event, Tickets: 3, PaymentToken: bookingtest.Good}
	m.book(t, s, customer, request)
	part, cancelled := m.book(t, s, customer, request), m.book(t, s, customer, request)
	if _, _, err := s.CancelTickets(t.Context(), customer, part.ID, some(part, 1), "k"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Cancel(t.Context(), customer, cancelled.ID); err != nil {
		t.Fatal(err)
	}
	failed := m.awaiting(t, event)
	m.recover(t)
	return m, event, map[booking.Status]booking.Booking{
		booking.Confirmed: m.get(t, part.ID), booking.Cancelled: m.get(t, cancelled.ID), booking.Failed: m.get(t, failed.ID),
	}
}

func TestWhereEverythingAgreesNothingIsFound(t *testing.T) {
	t.Parallel()
	m, _, _ := reconcileWorld(t)
	if found := m.reconcile(t); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	m.check(t)
}

// Each kind of damage is found, and repaired where that is promised: a second
// reconciliation finds only the rest.
func TestDamageIsFoundAndRepaired(t *testing.T) {
	t.Parallel()
	nobody := func(age time.Duration) string {
		id := uuid.Must(uuid.NewV7())
		at := time.Now().Add(-age).UnixMilli()
		for i := range 6 {
			id[i] = byte(at >> (40 - 8*i))
		}
		return id.String()
	}
	for name, damage := range map[string]func(t *testing.T, m *model, event string, of map[booking.Status]booking.Booking) (id string, want []string, stays bool){
		"a payment that came after it was given up": func(_ *testing.T, m *model, _ string, of map[booking.Status]booking.Booking) (string, []string, bool) {
			m.pay.CaptureLate(of[booking.Failed].ID)
			return of[booking.Failed].ID, []string{"late_payment repaired"}, false
		},
		"a refund that the provider refused": func(t *testing.T, m *model, event string, _ map[booking.Status]booking.Booking) (string, []string, bool) {
			m.pay.Refuse = func(booking.RefundRequest) bool { return true }
			c, s := m.newCustomer(), m.service(nil)
			b := m.book(t, s, c, booking.Request{EventID: event, Tickets: 1, PaymentToken: bookingtest.Good})
			if _, err := s.Cancel(t.Context(), c, b.ID); err != nil {
				t.Fatal(err)
			}
			m.recover(t)
			if found := m.reconcile(t)[b.ID]; !slices.Equal(found, []string{"refund_due"}) {
				t.Errorf("while the provider refuses it, %v is found", found)
			}
			m.pay.Refuse = nil
			return b.ID, []string{"refund_due repaired"}, false
		},
		"tickets of a booking that is cancelled": func(t *testing.T, m *model, event string, of map[booking.Status]booking.Booking) (string, []string, bool) {
			b := of[booking.Cancelled]
			m.catalog.Hold(event, b.ID, b.Attempt, 2)
			return b.ID, []string{"hold_leaked repaired"}, false
		},
		"tickets of another attempt": func(t *testing.T, m *model, event string, of map[booking.Status]booking.Booking) (string, []string, bool) {
			b := of[booking.Confirmed]
			m.catalog.Hold(event, b.ID, b.Attempt-1, 2)
			return b.ID, []string{"hold_leaked repaired"}, false
		},
		"tickets of nobody": func(t *testing.T, m *model, event string, _ map[booking.Status]booking.Booking) (string, []string, bool) {
			id := nobody(time.Hour)
			m.catalog.Hold(event, id, 1, 2)
			return id, []string{"hold_leaked repaired"}, false
		},
		"tickets that are gone": func(t *testing.T, m *model, event string, of map[booking.Status]booking.Booking) (string, []string, bool) {
			b := of[booking.Confirmed]
			if err := m.catalog.Release(t.Context(), event, b.ID, b.Attempt); err != nil {
				t.Fatal(err)
			}
			return b.ID, []string{"tickets_missing"}, true
		},
		"money that was given back by hand": func(_ *testing.T, m *model, _ string, of map[booking.Status]booking.Booking) (string, []string, bool) {
			b := of[booking.Confirmed]
			m.pay.Tamper(b.ID, b.Payment.Captured.AmountMinor, b.Payment.Captured.AmountMinor)
			return b.ID, []string{"money_disagrees"}, true
		},
		"a charge of nobody": func(_ *testing.T, m *model, _ string, _ map[booking.Status]booking.Booking) (string, []string, bool) {
			id := nobody(time.Hour)
			m.pay.Tamper(id, 100, 0)
			return id, []string{"charge_unknown"}, true
		},
		"a charge that is gone": func(_ *testing.T, m *model, _ string, of map[booking.Status]booking.Booking) (string, []string, bool) {
			m.pay.Forget(of[booking.Confirmed].ID)
			return of[booking.Confirmed].ID, []string{"charge_missing"}, true
		},
		"a message that its consumer has lost": func(_ *testing.T, m *model, _ string, of map[booking.Status]booking.Booking) (string, []string, bool) {
			id := of[booking.Confirmed].ID
			m.unheard = []events.Message{{ID: "m", Type: events.TypeBookingConfirmed, Subject: id}}
			return id, []string{"message_lost repaired"}, false
		},
		"a booking that nobody settles": func(t *testing.T, m *model, event string, _ map[booking.Status]booking.Booking) (string, []string, bool) {
			return m.awaiting(t, event).ID, []string{"booking_stuck"}, true
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, event, of := reconcileWorld(t)
			id, want, stays := damage(t, m, event, of)
			found := m.reconcile(t)
			if diff := cmp.Diff(map[string][]string{id: want}, found); diff != "" {
				t.Fatalf("found (-want +got):\n%s", diff)
			}
			if !stays {
				m.recover(t)
				m.check(t)
				want = nil
			}
			if again := m.reconcile(t)[id]; !slices.Equal(again, want) {
				t.Errorf("the next one finds %v, want %v", again, want)
			}
		})
	}
}

// Where somebody does not answer there is no report, rather than one that finds
// everything missing.
func TestNoAnswerIsNoFinding(t *testing.T) {
	t.Parallel()
	m, _, _ := reconcileWorld(t)
	m.advance(time.Hour)
	for _, silent := range []string{"Holdings", "Statements"} {
		s := m.service(&faults{before: only(silent, unknown)})
		_, err := s.Reconcile(t.Context(), "test", m.now().AddDate(0, 0, -60))
		wantErr(t, err, booking.ErrNotReconciled)
	}
	if reports, err := m.store.Reports(t.Context(), "", 10); err != nil || len(reports) > 0 {
		t.Errorf("stored %+v, %v", reports, err)
	}
}

// Sales stay refused after a restore by a finding that the report has left out, too.
func TestAFindingLeftOutIsNotSettled(t *testing.T) {
	t.Parallel()
	r := booking.Report{
		Findings: slices.Repeat([]booking.Finding{{Kind: booking.FoundHoldLeaked, Repaired: true}}, booking.MaxFindings),
		Counts:   map[booking.FindingKind]booking.Count{booking.FoundHoldLeaked: {Found: booking.MaxFindings}, booking.FoundChargeUnknown: {Found: 1, Open: 1}},
	}
	if r.Settled() {
		t.Error("a report with an open finding that is left out is settled")
	}
}
