package booking_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

// opening runs OpenSales until the test ends, and returns a channel that is closed
// when it has returned.
func opening(t *testing.T, s *booking.Service) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.OpenSales(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return done
}

func awaitOpen(t *testing.T, opened <-chan struct{}) {
	t.Helper()
	select {
	case <-opened:
	case <-time.After(time.Minute):
		t.Fatal("sales do not open")
	}
}

// awaitReport waits for the newest report to be one that is wanted.
func (m *model) awaitReport(t *testing.T, wanted func(booking.Report) bool) booking.Report {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		reports, err := m.store.Reports(t.Context(), "", 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(reports) == 1 && wanted(reports[0]) {
			return reports[0]
		}
		if time.Now().After(end) {
			t.Fatalf("the last reports are %+v", reports)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func TestSalesStayRefusedAfterARestoreUntilLaterChargesAreAccepted(t *testing.T) {
	t.Parallel()
	m, event, of := reconcileWorld(t)
	m.restoredAt = m.now()
	later := uuid.Must(uuid.NewV7()).String()
	m.pay.Tamper(later, 100, 0)
	refunded := of[booking.Confirmed]
	m.pay.Tamper(refunded.ID, refunded.Payment.Captured.AmountMinor, refunded.Payment.Captured.AmountMinor)
	s, c := m.service(nil), m.newCustomer()
	request := booking.Request{EventID: event, Tickets: 1, PaymentToken: bookingtest.Good}

	_, err := s.Create(t.Context(), c, request)
	wantErr(t, err, booking.ErrSalesPaused)
	opened := opening(t, s)
	r := m.awaitReport(t, func(r booking.Report) bool { return r.By == "restore" })
	found := map[string]booking.FindingKind{}
	for _, f := range r.Findings {
		found[f.BookingID] = f.Kind
	}
	if found[later] != booking.FoundChargeUnknown || found[refunded.ID] != booking.FoundMoneyDisagrees || len(found) != 2 {
		t.Errorf("found %v", found)
	}
	if r.Settled() {
		t.Error("the report is settled")
	}
	_, err = s.Create(t.Context(), c, request)
	wantErr(t, err, booking.ErrSalesPaused)

	_, err = s.AcceptReport(t.Context(), c, r.ID)
	wantErr(t, err, booking.ErrForbidden)
	for _, id := range []string{"", "x", uuid.NewString(), uuid.Must(uuid.NewV7()).String()} {
		_, err = s.AcceptReport(t.Context(), admin, id)
		wantErr(t, err, booking.ErrReportNotFound)
	}
	for _, by := range []identity.Caller{admin, {UserID: "another", Role: identity.Admin}} {
		if r, err = s.AcceptReport(t.Context(), by, r.ID); err != nil || r.AcceptedBy != admin.UserID || !r.AcceptedAt.Equal(m.now()) {
			t.Errorf("accepted by %q at %s, %v", r.AcceptedBy, r.AcceptedAt, err)
		}
	}
	awaitOpen(t, opened)
	m.book(t, s, c, request)

	// So it stays after a restart, without another report.
	s = m.service(nil)
	awaitOpen(t, opening(t, s))
	m.book(t, s, c, request)
	if reports, err := m.store.Reports(t.Context(), "", 10); err != nil || len(reports) != 1 {
		t.Errorf("%d reports, %v", len(reports), err)
	}
}

func TestSalesOpenAfterARestoreWhereEverythingAgrees(t *testing.T) {
	t.Parallel()
	m, event, _ := reconcileWorld(t)
	c := m.newCustomer()
	request := booking.Request{EventID: event, Tickets: 1, PaymentToken: bookingtest.Good, IdempotencyKey: "before"}
	before := m.book(t, m.service(nil), c, request)
	m.advance(time.Second)
	m.restoredAt = m.now() // what was booked a second ago is compared, too
	s := m.service(nil)
	if again, err := s.Create(t.Context(), c, request); err != nil || again.ID != before.ID {
		t.Errorf("a repeat answers %q, %v", again.ID, err)
	}
	awaitOpen(t, opening(t, s))
	if r := m.awaitReport(t, booking.Report.Settled); r.By != "restore" || r.Checked.Bookings < 4 {
		t.Errorf("%d bookings were looked at by %q", r.Checked.Bookings, r.By)
	}
	request.IdempotencyKey = "after"
	m.book(t, s, c, request)
	m.check(t)
}

// What was under way in the backup is settled before anything is compared.
func TestSalesWaitForTheBookingsThatWereUnderWay(t *testing.T) {
	t.Parallel()
	m, event, _ := reconcileWorld(t)
	b, err := m.create(t.Context(), m.service(&faults{before: only("Charge", unknown)}), m.newCustomer(), booking.Request{EventID: event, Tickets: 1, PaymentToken: bookingtest.Good})
	if err != nil || b.Status != booking.Pending {
		t.Fatalf("the booking is %s, %v", b.Status, err)
	}
	m.advance(time.Second)
	m.restoredAt = m.now()
	s := m.service(nil)
	opened := opening(t, s)
	select {
	case <-opened:
		t.Error("sales open while a booking is under way")
	case <-time.After(100 * time.Millisecond):
	}
	if reports, err := m.store.Reports(t.Context(), "", 10); err != nil || len(reports) > 0 {
		t.Errorf("%d reports, %v", len(reports), err)
	}
	m.advance(time.Hour)
	m.recover(t)
	if again := m.get(t, b.ID); again.Status != booking.Failed {
		t.Fatalf("the booking is %s", again.Status)
	}
	awaitOpen(t, opened)
	m.check(t)
}

// A customer who has yet to act keeps no sales shut, whose booking goes on. If they acted
// after the backup, the provider's books say so.
func TestSalesDoNotWaitForCustomers(t *testing.T) {
	t.Parallel()
	for _, acted := range []bool{false, true} {
		m, event, _ := reconcileWorld(t)
		waiting := []booking.Booking{m.awaiting(t, event)}
		checkout, _ := m.checkOut(t, price)
		checkout, err := m.payFor(t, checkout, bookingtest.Acts)
		if err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, checkout)
		m.advance(time.Second)
		m.restoredAt = m.now()
		if acted {
			for _, b := range waiting {
				m.pay.Act(b.ID, true)
			}
		}
		s := m.service(nil)
		opened := opening(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		recovered := make(chan error, 1)
		go func() { recovered <- s.Recover(ctx) }()
		awaitOpen(t, opened)
		cancel()
		if err := <-recovered; err != nil {
			t.Error(err)
		}
		for _, b := range waiting {
			if acted {
				wantStatus(t, m.get(t, b.ID), booking.Confirmed, booking.PaymentCaptured)
			} else {
				wantStatus(t, m.get(t, b.ID), booking.Pending, booking.PaymentAction)
			}
		}
		m.recover(t)
		m.check(t)
	}
}

// A charge that is refunded at the provider leaves nothing to accept.
func TestSalesOpenWhenLaterChargesAreResolved(t *testing.T) {
	t.Parallel()
	m, _, _ := reconcileWorld(t)
	m.restoredAt = m.now()
	later := uuid.Must(uuid.NewV7()).String()
	m.pay.Tamper(later, 100, 0)
	opened := opening(t, m.service(nil))
	m.awaitReport(t, func(r booking.Report) bool { return !r.Settled() })
	m.pay.Tamper(later, 100, 100)
	m.advance(time.Minute)
	awaitOpen(t, opened)
}

// Without the provider's answer nothing is compared, and nothing sold.
func TestSalesStayRefusedAfterARestoreWhileTheProviderIsAway(t *testing.T) {
	t.Parallel()
	m, event, _ := reconcileWorld(t)
	m.restoredAt = m.now()
	asked := make(chan struct{}, 1)
	s := m.service(&faults{before: func(call string) error {
		if call != "Statements" {
			return nil
		}
		select {
		case asked <- struct{}{}:
		default:
		}
		return errors.New("away")
	}})
	opening(t, s)
	<-asked
	_, err := s.Create(t.Context(), m.newCustomer(), booking.Request{EventID: event, Tickets: 1, PaymentToken: bookingtest.Good})
	wantErr(t, err, booking.ErrSalesPaused)
	if reports, err := m.store.Reports(t.Context(), "", 10); err != nil || len(reports) > 0 {
		t.Errorf("%d reports, %v", len(reports), err)
	}
}

// A backup has a checkout as it was before it was paid: nothing of it says where the
// charge is at the provider.
func TestAChargeAfterTheBackupIsFoundByTheProvidersBooks(t *testing.T) {
	t.Parallel()
	for _, failed := range []bool{false, true} {
		m := modelWorld(t)
		b, _ := m.checkOut(t, price)
		c := booking.Charge{BookingID: b.ID, Attempt: 1, Since: m.now(), Amount: b.Total, Token: bookingtest.Good}
		var err error
		if c.Reference, err = m.pay.Prepare(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if _, err := m.pay.Charge(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if failed { // before anybody looks at the books
			m.advance(ttl)
			m.recover(t)
			wantStatus(t, m.get(t, b.ID), booking.Failed, booking.PaymentNever)
		}
		m.restoredAt = m.now()
		s := m.service(nil)
		opened := opening(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		recovered := make(chan error, 1)
		go func() { recovered <- s.Recover(ctx) }()
		awaitOpen(t, opened)
		cancel()
		if err := <-recovered; err != nil {
			t.Error(err)
		}
		wantStatus(t, m.get(t, b.ID), booking.Confirmed, booking.PaymentCaptured)
		m.check(t)
	}
}
