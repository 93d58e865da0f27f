package booking_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
)

// A process that dies while it mends a settled booking leaves it as it was:
// recovery lets go of it, and begins nothing.
func TestAReconciliationThatDiesHarmsNothing(t *testing.T) {
	t.Parallel()
	for _, status := range []booking.Status{booking.Confirmed, booking.Cancelled, booking.Failed} {
		m, event, of := reconcileWorld(t)
		b := of[status]
		attempt := b.Attempt
		if status == booking.Confirmed {
			attempt--
		}
		m.catalog.Hold(event, b.ID, attempt, 2)
		m.messages(t)
		m.dieInReconcile(t)
		m.recover(t)
		if again := m.get(t, b.ID); again.Status != status || again.Reason != b.Reason || again.Attempt != b.Attempt {
			t.Errorf("%s is %s, %q, attempt %d", status, again.Status, again.Reason, again.Attempt)
		}
		m.reconcile(t)
		m.check(t)
	}
}

// dieInReconcile reconciles in a process that dies between the two changes of
// the first booking that it mends.
func (m *model) dieInReconcile(t *testing.T) {
	t.Helper()
	m.advance(time.Hour)
	updates := 0
	s := m.service(&faults{before: func(call string) error {
		if call == "Update" {
			updates++
		}
		if updates > 1 {
			return booking.ErrOutcomeUnknown
		}
		return nil
	}})
	_, _ = s.Reconcile(t.Context(), "test", m.now().AddDate(0, 0, -60))
	if updates < 2 {
		t.Fatal("nothing was mended")
	}
}

// A booking of which nothing went back, for the fee was all of it, stays
// cancelled, too.
func TestACancelledBookingIsNeverConfirmedAgain(t *testing.T) {
	t.Parallel()
	m, event, _ := reconcileWorld(t)
	m.catalog.Charge(event, events.CancellationPolicy{FreeHours: 8760 * 20, FeeBasisPoints: 10_000})
	c, s := m.newCustomer(), m.service(nil)
	b := m.book(t, s, c, booking.Request{EventID: event, Tickets: 2, PaymentToken: bookingtest.Good})
	b, err := s.Cancel(t.Context(), c, b.ID)
	if err != nil || len(b.Refunds) > 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	m.catalog.Hold(event, b.ID, b.Attempt, 2)
	m.dieInReconcile(t)
	m.recover(t)
	if again := m.get(t, b.ID); again.Status != booking.Cancelled {
		t.Errorf("it is %s", again.Status)
	}
	m.reconcile(t)
	m.check(t)
}

// One booking that the provider does not answer for holds up no other, and is
// said.
func TestOneThatIsNotAnsweredForHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	m, event, of := reconcileWorld(t)
	m.pay.Forget(of[booking.Confirmed].ID)
	m.pay.CaptureLate(of[booking.Failed].ID)
	m.catalog.Hold(event, of[booking.Cancelled].ID, 1, 1)
	m.advance(time.Hour)
	report, err := m.service(&faults{before: only("Settle", unknown)}).Reconcile(t.Context(), "test", m.now().AddDate(0, 0, -60))
	if err != nil {
		t.Fatal(err)
	}
	found := map[booking.FindingKind]int{}
	for _, f := range report.Findings {
		found[f.Kind]++
	}
	if found[booking.FoundNoAnswer] != 2 || found[booking.FoundHoldLeaked] != 1 {
		t.Errorf("found %v", report.Findings)
	}
}

// A refund that is due is asked for again, however long ago its booking was
// made.
func TestARefundThatIsDueIsNeverForgotten(t *testing.T) {
	t.Parallel()
	m, event, _ := reconcileWorld(t)
	m.pay.Refuse = func(booking.RefundRequest) bool { return true }
	c, s := m.newCustomer(), m.service(nil)
	b := m.book(t, s, c, booking.Request{EventID: event, Tickets: 1, PaymentToken: bookingtest.Good})
	if _, err := s.Cancel(t.Context(), c, b.ID); err != nil {
		t.Fatal(err)
	}
	m.recover(t)
	m.pay.Refuse = nil
	m.advance(100 * 24 * time.Hour)
	report, err := s.Reconcile(t.Context(), "test", m.now().AddDate(0, 0, -30))
	if err != nil || len(report.Findings) != 1 || report.Findings[0].Kind != booking.FoundRefundDue || !report.Findings[0].Repaired {
		t.Errorf("found %+v, %v", report.Findings, err)
	}
	m.check(t)
}

// A refund is refused for good while the event service is down: the booking
// waits for recovery to give its tickets back. Reconciliation does not take it
// off recovery's list.
func TestReconciliationLeavesABookingThatWaitsToRecovery(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	m.pay.Refuse = func(booking.RefundRequest) bool { return true }
	event := m.newEvent(price)
	b := m.awaiting(t, event)
	m.pay.Act(b.ID, true)
	if err := m.cancelEvent(t.Context(), m.service(nil), event); err != nil {
		t.Fatal(err)
	}
	s := m.service(&faults{before: only("Release", unknown)})
	due := func() bool { r := m.get(t, b.ID).Refunds; return len(r) == 1 && r[0].Status == booking.RefundDue }
	for tries := 0; !due(); tries++ {
		if tries == 20 {
			t.Fatalf("the refund is not due after %d tries", tries)
		}
		m.advance(11 * time.Minute)
		if err := m.recoverOnce(t, s); err != nil {
			t.Fatal(err)
		}
	}
	m.pay.Refuse = nil
	if _, err := m.service(nil).Reconcile(t.Context(), "test", m.now().AddDate(0, 0, -60)); err != nil {
		t.Fatal(err)
	}
	if waiting := m.get(t, b.ID); waiting.Lease.Until.IsZero() {
		t.Fatalf("the booking is %s, and recovery does not come back to it", waiting.Status)
	}
	m.recover(t)
	if now := m.get(t, b.ID); now.Status != booking.Failed {
		t.Errorf("the booking is %s, want FAILED", now.Status)
	}
	if free := m.available(t, event); free != capacity {
		t.Errorf("%d tickets are available, want %d", free, capacity)
	}
	if _, err := m.service(nil).Reconcile(t.Context(), "test", m.now().AddDate(0, 0, -60)); err != nil {
		t.Fatal(err)
	}
	if refund := m.get(t, b.ID).Refunds[0]; refund.Status != booking.RefundDone {
		t.Errorf("the refund is %s, want done", refund.Status)
	}
}

// Whoever cancels before recovery has come to the booking of a cancelled event
// pays no fee either, and is told why.
func TestACustomerWhoCancelsAfterTheEventWasPaysNothing(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	event, c, s := m.newEvent(price), m.newCustomer(), m.service(nil)
	m.catalog.Charge(event, events.CancellationPolicy{FreeHours: 8760, FeeBasisPoints: 5000})
	request := booking.Request{EventID: event, Tickets: 2, PaymentToken: bookingtest.Good}
	whole, part := m.book(t, s, c, request), m.book(t, s, c, request)
	if err := m.cancelEvent(t.Context(), s, event); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Cancel(t.Context(), c, whole.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.CancelTickets(t.Context(), c, part.ID, some(part, 1), "k"); err != nil {
		t.Fatal(err)
	}
	m.recover(t)
	for _, id := range []string{whole.ID, part.ID} {
		b := m.get(t, id)
		told := m.messages(t)[id][events.TypeBookingCancelled]
		if b.Refunded() != b.Payment.Captured || len(told) != 1 || told[0].Reason != "event_cancelled" {
			t.Errorf("%v of %v was given back, told %+v", b.Refunded(), b.Payment.Captured, told)
		}
	}
	m.check(t)
}

// What is tried for long is reported, though somebody tries all the time.
func TestABookingThatIsTriedForLongIsReported(t *testing.T) {
	t.Parallel()
	m, event, _ := reconcileWorld(t)
	c := m.newCustomer()
	b := m.book(t, m.service(nil), c, booking.Request{EventID: event, Tickets: 2, PaymentToken: bookingtest.Good})
	s := m.service(&faults{before: only("Return", unknown)})
	if _, _, err := s.CancelTickets(t.Context(), c, b.ID, some(b, 1), "k"); err != nil {
		t.Fatal(err)
	}
	for range 40 {
		if err := m.recoverOnce(t, s); err != nil {
			t.Fatal(err)
		}
	}
	report, err := s.Reconcile(t.Context(), "test", m.now().AddDate(0, 0, -30))
	if err != nil || len(report.Findings) != 1 || report.Findings[0].Kind != booking.FoundBookingStuck {
		t.Errorf("found %+v, %v", report.Findings, err)
	}
}

// Of a booking that failed the customer is not told that the money is back when
// it is not.
func TestAFailedBookingSaysThatItsRefundIsDue(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	event := m.newEvent(price)
	m.pay.Refuse = func(booking.RefundRequest) bool { return true }
	b := m.awaiting(t, event)
	m.pay.Act(b.ID, true)
	if err := m.cancelEvent(t.Context(), m.service(nil), event); err != nil {
		t.Fatal(err)
	}
	m.recover(t)
	told := m.messages(t)[b.ID][events.TypeBookingFailed]
	if len(told) != 1 || !told[0].RefundDue || told[0].Refunded.AmountMinor != 5100 {
		t.Errorf("told %+v", told)
	}
}

// Hints that come again and again do not use up a refund's refusals.
func TestHintsDoNotHurryARefund(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	refusals := 0
	m.pay.Refuse = func(booking.RefundRequest) bool { refusals++; return true }
	event := m.newEvent(price)
	b := m.awaiting(t, event)
	m.pay.Act(b.ID, true)
	if err := m.cancelEvent(t.Context(), m.service(nil), event); err != nil {
		t.Fatal(err)
	}
	m.advance(11 * time.Minute)
	if err := m.recoverOnce(t, m.service(nil)); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := m.service(nil).PaymentHeard(t.Context(), b.ID); err != nil {
			t.Fatal(err)
		}
	}
	if due := m.get(t, b.ID).Lease.Until; refusals != 1 || !due.After(m.now()) {
		t.Errorf("%d refusals, due %v, now %v", refusals, due, m.now())
	}
}

// What a customer has to do for a payment is the customer's alone.
func TestOnlyTheCustomerSeesTheSecretOfAPayment(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	event, c, s := m.newEvent(price), m.newCustomer(), m.service(nil)
	b, err := m.create(t.Context(), s, c, booking.Request{EventID: event, Tickets: 1, PaymentToken: bookingtest.Acts})
	if err != nil {
		t.Fatal(err)
	}
	if own, err := s.Get(t.Context(), c, b.ID); err != nil || own.Payment.Action == nil {
		t.Errorf("the customer sees %+v, %v", own.Payment, err)
	}
	one, err := s.Get(t.Context(), admin, b.ID)
	list, listErr := s.List(t.Context(), admin, booking.Query{UserID: c.UserID, Limit: 10})
	if err != nil || listErr != nil || one.Payment.Action != nil || len(list) != 1 || list[0].Payment.Action != nil {
		t.Errorf("an admin sees %+v, %+v, %v, %v", one.Payment, list, err, listErr)
	}
}

// Of what has changed a moment ago nothing is said: what was read elsewhere may
// be from before.
func TestWhatHasJustChangedIsNotJudged(t *testing.T) {
	t.Parallel()
	m, event, of := reconcileWorld(t)
	b := of[booking.Cancelled]
	m.catalog.Hold(event, b.ID, b.Attempt, 2)
	nobody := uuid.Must(uuid.NewV7()).String()
	m.catalog.Hold(event, nobody, 1, 1)
	m.pay.Tamper(of[booking.Confirmed].ID, 1, 0)
	m.clock.Store(time.Now().UnixMicro()) // settling took the clock further
	report, err := m.service(nil).Reconcile(t.Context(), "test", m.now().AddDate(0, 0, -60))
	if err != nil || len(report.Findings) > 0 || report.Checked.Bookings == 0 {
		t.Errorf("found %+v, %v", report, err)
	}
	if found := m.reconcile(t); len(found) != 3 {
		t.Errorf("an hour later %v is found", found)
	}
}

// A booking that changes between being read and being mended is left alone: here
// it is paid late, and has the very tickets that had been left behind.
func TestWhatChangesMeanwhileIsNotMended(t *testing.T) {
	t.Parallel()
	m, event, _ := reconcileWorld(t)
	b := m.awaiting(t, event)
	leaks := &faults{}
	s := m.service(leaks)
	leaks.Catalog = keepsTickets{leaks.Catalog}
	m.recover(t, s)
	if held := m.catalog.Held(event, b.ID); m.get(t, b.ID).Status != booking.Failed || held != 2 {
		t.Fatalf("%s, %d tickets held", m.get(t, b.ID).Status, held)
	}
	m.advance(time.Hour)
	meanwhile := once("Holdings", func() {
		m.pay.CaptureLate(b.ID)
		if err := m.service(nil).PaymentHeard(t.Context(), b.ID); err != nil {
			t.Error(err)
		}
		m.recover(t)
	})
	if _, err := m.service(&faults{before: meanwhile}).Reconcile(t.Context(), "test", m.now().AddDate(0, 0, -60)); err != nil {
		t.Fatal(err)
	}
	if got := m.get(t, b.ID); got.Status != booking.Confirmed || m.catalog.Held(event, b.ID) != 2 {
		t.Errorf("%s, %d tickets held", got.Status, m.catalog.Held(event, b.ID))
	}
	m.check(t)
}

// A panic at one booking is found at that booking, and holds up no other.
func TestAReconciliationThatPanicsAtABookingGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.newEvent(price)
	first := w.book(t, w.service(nil), w.newCustomer(), booking.Request{EventID: event, Tickets: 1})
	second := w.book(t, w.service(nil), w.newCustomer(), booking.Request{EventID: event, Tickets: 1})
	w.catalog.Hold(event, first.ID, 0, 1)
	w.catalog.Hold(event, second.ID, 0, 1)
	w.advance(time.Hour)
	s := w.service(&faults{before: once("Release", func() { panic("a defect") })})
	report, err := s.Reconcile(t.Context(), "test", time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]booking.FindingKind{}
	for _, f := range report.Findings {
		got[f.BookingID] = f.Kind
	}
	if got[first.ID] != booking.FoundNoAnswer || got[second.ID] != booking.FoundHoldLeaked {
		t.Errorf("found %v, want no_answer at the first and hold_leaked at the second", got)
	}
}

// An unreadable row does not stop the reconciliation of other bookings. Its own
// tickets stay held.
func TestAReconciliationGoesOnAfterAnUnreadableBooking(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "booking.db")
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	m := modelWorld(t)
	m.store = s
	m.clock.Store(time.Now().UnixMicro())
	event := m.newEvent(price)
	request := booking.Request{EventID: event, Tickets: 1, PaymentToken: bookingtest.Good}
	spoilt := m.book(t, m.service(nil), m.newCustomer(), request)
	leaky := m.book(t, m.service(nil), m.newCustomer(), request)
	plantest.Fill(t, path, `UPDATE bookings SET items = '{', refunds_due = 1 WHERE id = '`+spoilt.ID+`'`)
	m.catalog.Hold(event, leaky.ID, 0, 1)
	m.advance(time.Hour)
	report, err := m.service(nil).Reconcile(t.Context(), "test", m.now().AddDate(0, 0, -30))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]booking.FindingKind{}
	for _, f := range report.Findings {
		got[f.BookingID] = f.Kind
	}
	if got[spoilt.ID] != booking.FoundNoAnswer || got[leaky.ID] != booking.FoundHoldLeaked {
		t.Errorf("found %v, want no_answer at %s and hold_leaked at %s", got, spoilt.ID, leaky.ID)
	}
	if n := report.Counts[booking.FoundNoAnswer].Found; n != 1 {
		t.Errorf("the unreadable booking is listed %d times, want once", n)
	}
	if held := m.catalog.Held(event, spoilt.ID); held != 1 {
		t.Errorf("%d tickets are held for the unreadable booking, want 1", held)
	}
}
