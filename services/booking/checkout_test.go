package booking_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

// ttl is how long a checkout lasts by default.
const ttl = 10 * time.Minute

// checkOut holds two tickets at this price for their customer to pay.
func (m *model) checkOut(t *testing.T, price money.Amount) (b booking.Booking, again func() (booking.Booking, error)) {
	t.Helper()
	c, request := m.newCustomer(), booking.Request{EventID: m.newEvent(price), Tickets: 2, Checkout: true, IdempotencyKey: "k"}
	again = func() (booking.Booking, error) { return m.service(nil).Create(t.Context(), c, request) }
	b, err := again()
	if err != nil {
		t.Fatal(err)
	}
	return b, again
}

// payFor pays for b, under a key of its own.
func (m *model) payFor(t *testing.T, b booking.Booking, token string) (booking.Booking, error) {
	t.Helper()
	m.keys++
	return m.service(nil).Pay(t.Context(), admin, b.ID, token, "pay"+string(rune('a'+m.keys)))
}

func wantStatus(t *testing.T, b booking.Booking, status booking.Status, payment booking.PaymentStatus) {
	t.Helper()
	if b.Status != status || b.Payment.Status != payment {
		t.Errorf("the booking is %s, its payment %s, want %s, %s", b.Status, b.Payment.Status, status, payment)
	}
}

func TestACheckoutHoldsTheTicketsUntilItExpires(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, again := m.checkOut(t, price)
	wantStatus(t, b, booking.Pending, booking.PaymentAwaiting)
	if want := m.now().Add(ttl); !b.Checkout.ExpiresAt.Equal(want) {
		t.Errorf("it expires at %s, want %s", b.Checkout.ExpiresAt, want)
	}
	if repeated, err := again(); err != nil || repeated.ID != b.ID {
		t.Errorf("the key answers with %q, %v", repeated.ID, err)
	}
	if n := m.available(t, b.EventID); n != capacity-2 {
		t.Errorf("%d tickets are left, want %d", n, capacity-2)
	}
	m.advance(ttl)
	_, err := m.payFor(t, b, bookingtest.Good)
	wantErr(t, err, booking.ErrCheckoutExpired)
	_, err = m.service(nil).Extend(t.Context(), admin, b.ID, "e")
	wantErr(t, err, booking.ErrCheckoutExpired)
	m.recover(t)
	b = m.get(t, b.ID)
	wantStatus(t, b, booking.Failed, booking.PaymentNever)
	if b.Reason != problem.CheckoutExpired {
		t.Errorf("it has failed for %q", b.Reason)
	}
	_, err = again()
	wantErr(t, err, booking.ErrCheckoutExpired)
	if sent := m.messages(t)[b.ID]; len(sent) > 0 {
		t.Errorf("the customer is told %+v", sent)
	}
	m.check(t)
}

func TestADeclinedCardLeavesTheCheckoutForAnother(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	expires := b.Checkout.ExpiresAt
	m.advance(time.Minute)
	b, err := m.payFor(t, b, bookingtest.Declined)
	wantErr(t, err, booking.ErrPaymentDeclined)
	wantStatus(t, b, booking.Pending, booking.PaymentAwaiting)
	if b.Reason != "" || !b.Checkout.ExpiresAt.Equal(expires) || !b.Lease.Until.Equal(expires) {
		t.Errorf("its reason is %q, it expires at %s and is due at %s, want %s", b.Reason, b.Checkout.ExpiresAt, b.Lease.Until, expires)
	}
	b, err = m.payFor(t, b, bookingtest.Good)
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, b, booking.Confirmed, booking.PaymentCaptured)
	wantSteps(t, b, "created reserved attempt payment_declined attempt paid confirmed")
	_, err = m.payFor(t, b, bookingtest.Good)
	wantErr(t, err, booking.ErrAlreadyPaid)
	m.check(t)
}

func TestARepeatedPaymentAnswersTheFirst(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	s := m.service(nil)
	for range 2 {
		_, err := s.Pay(t.Context(), admin, b.ID, bookingtest.Declined, "first")
		wantErr(t, err, booking.ErrPaymentDeclined)
	}
	for range 2 {
		if got, err := s.Pay(t.Context(), admin, b.ID, bookingtest.Acts, "second"); err != nil || got.Status != booking.Pending {
			t.Errorf("the booking is %s, %v", got.Status, err)
		}
	}
	_, err := s.Pay(t.Context(), admin, b.ID, bookingtest.Good, "second")
	wantErr(t, err, booking.ErrKeyReused)
	b, err = s.Pay(t.Context(), admin, b.ID, bookingtest.Good, "third")
	if err != nil || len(b.Checkout.Attempts) != 3 {
		t.Errorf("%d attempts, %v", len(b.Checkout.Attempts), err)
	}
	wantStatus(t, b, booking.Confirmed, booking.PaymentCaptured)
	_, err = s.Pay(t.Context(), admin, b.ID, bookingtest.Declined, "first")
	wantErr(t, err, booking.ErrPaymentDeclined) // although another card has paid
	if b, err = s.Pay(t.Context(), admin, b.ID, bookingtest.Good, "third"); err != nil || b.Status != booking.Confirmed {
		t.Errorf("the booking is %s, %v", b.Status, err)
	}
	m.check(t)
}

func TestARepeatOfADeclinedPaymentIsDeclinedWhenTheCheckoutIsOver(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	s := m.service(nil)
	for range 2 {
		_, err := s.Pay(t.Context(), admin, b.ID, bookingtest.Declined, "k")
		wantErr(t, err, booking.ErrPaymentDeclined)
		m.advance(ttl) // the time to pay is over
		_, err = s.Pay(t.Context(), admin, b.ID, bookingtest.Declined, "k")
		wantErr(t, err, booking.ErrPaymentDeclined)
		m.recover(t)
	}
	if b = m.get(t, b.ID); b.Reason != problem.CheckoutExpired {
		t.Errorf("it has failed for %q", b.Reason)
	}
}

// A checkout that its customer has abandoned is over for a repeat of the request that made
// it, also while the provider does not say that nothing was charged.
func TestARepeatOfAnAbandonedCheckoutIsRefused(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, again := m.checkOut(t, price)
	if _, err := m.payFor(t, b, bookingtest.Acts); err != nil {
		t.Fatal(err)
	}
	got, err := m.service(&faults{before: only("Settle", unknown)}).Cancel(t.Context(), admin, b.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Status != booking.Pending {
		t.Fatalf("the booking is %s, and the provider does not answer", got.Status)
	}
	_, err = again()
	wantErr(t, err, booking.ErrCheckoutAbandoned)
	m.recover(t)
	_, err = again()
	wantErr(t, err, booking.ErrCheckoutAbandoned)
	m.check(t)
}

func TestAFreeCheckoutIsConfirmedWithoutAnAttempt(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, money.Amount{Currency: "EUR"})
	for range 2 {
		got, err := m.service(nil).Pay(t.Context(), admin, b.ID, "", "k")
		if err != nil || len(got.Checkout.Attempts) > 0 {
			t.Fatalf("attempts %+v, %v", got.Checkout, err)
		}
		wantStatus(t, got, booking.Confirmed, booking.PaymentNotRequired)
	}
	m.check(t)
}

func TestPaymentsOfACheckoutAreLimited(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	for range 5 {
		m.advance(5 * time.Second) // the pause after declined cards
		_, err := m.payFor(t, b, bookingtest.Declined)
		wantErr(t, err, booking.ErrPaymentDeclined)
	}
	_, err := m.payFor(t, b, bookingtest.Good)
	wantErr(t, err, booking.ErrTooManyAttempts)

	late, _ := m.checkOut(t, price)
	m.advance(ttl - 30*time.Second)
	if _, err := m.payFor(t, late, bookingtest.Declined); err == nil {
		t.Error("it is not declined")
	}
	m.advance(time.Microsecond)
	_, err = m.payFor(t, late, bookingtest.Good)
	wantErr(t, err, booking.ErrCheckoutExpired)
}

// A short time to pay is for paying, too.
func TestAShortCheckoutCanBePaid(t *testing.T) {
	t.Parallel()
	const short = 8 * time.Second
	m := modelWorld(t)
	s := m.service(nil)
	s.CheckoutTTL = short
	b, err := m.create(t.Context(), s, m.newCustomer(), booking.Request{EventID: m.newEvent(price), Tickets: 2, Checkout: true})
	if err != nil {
		t.Fatal(err)
	}
	m.advance(short * 3 / 4)
	_, err = s.Pay(t.Context(), admin, b.ID, bookingtest.Declined, "early")
	wantErr(t, err, booking.ErrPaymentDeclined)
	m.advance(time.Microsecond)
	_, err = s.Pay(t.Context(), admin, b.ID, bookingtest.Good, "late")
	wantErr(t, err, booking.ErrCheckoutExpired)
}

// The end of a checkout comes before the half minute in which a lost attempt may arrive.
func TestALostPaymentKeepsNoTicketsAfterAShortCheckout(t *testing.T) {
	t.Parallel()
	const short = 8 * time.Second
	m := modelWorld(t)
	s := m.service(&faults{before: only("Charge", unknown)})
	s.CheckoutTTL = short
	b, err := m.create(t.Context(), s, m.newCustomer(), booking.Request{EventID: m.newEvent(price), Tickets: 2, Checkout: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = s.Pay(t.Context(), admin, b.ID, bookingtest.Good, "lost"); err != nil {
		t.Fatal(err)
	}
	m.advance(6*time.Second - time.Minute) // recoverOnce goes on by a minute
	if err := m.recoverOnce(t, m.service(nil)); err != nil {
		t.Fatal(err)
	}
	if got := m.get(t, b.ID).Lease.Until; !got.Equal(b.Checkout.ExpiresAt) {
		t.Errorf("it is looked at again at %s, want the end of the checkout, %s", got, b.Checkout.ExpiresAt)
	}
}

func TestAPaymentWithoutAnAnswerComesBeforeTheNext(t *testing.T) {
	t.Parallel()
	for _, made := range []bool{true, false} {
		m := modelWorld(t)
		b, _ := m.checkOut(t, price)
		f := &faults{before: only("Charge", unknown)}
		if made {
			f = &faults{after: only("Charge", unknown)}
		}
		b, err := m.service(f).Pay(t.Context(), admin, b.ID, bookingtest.Good, "lost")
		if err != nil {
			t.Fatal(err)
		}
		wantStatus(t, b, booking.Pending, booking.PaymentOpen)
		_, err = m.payFor(t, b, bookingtest.Good)
		wantErr(t, err, booking.ErrPaymentInProgress)
		due := b.Lease.Until
		if b, err = m.service(nil).Extend(t.Context(), admin, b.ID, "e"); err != nil || !b.Lease.Until.Equal(due) {
			t.Errorf("after an extension it is looked at at %s, want %s, %v", b.Lease.Until, due, err)
		}
		if err := m.recoverOnce(t, m.service(nil)); err != nil {
			t.Fatal(err)
		}
		b = m.get(t, b.ID)
		if made {
			wantStatus(t, b, booking.Confirmed, booking.PaymentCaptured)
			m.check(t)
			continue
		}
		wantStatus(t, b, booking.Pending, booking.PaymentAwaiting) // it has not been seen for half a minute
		if b, err = m.payFor(t, b, bookingtest.Good); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, b, booking.Confirmed, booking.PaymentCaptured)
		m.check(t)
	}
}

func TestAnExtensionGivesTheFullTimeTwice(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	s := m.service(nil)
	for _, key := range []string{"one", "one", "two"} {
		m.advance(time.Minute)
		before := m.get(t, b.ID).Checkout.Extensions
		var err error
		if b, err = s.Extend(t.Context(), admin, b.ID, key); err != nil {
			t.Fatal(err)
		}
		if want := m.now().Add(ttl); b.Checkout.Extensions > before && (!b.Checkout.ExpiresAt.Equal(want) || !b.Lease.Until.Equal(want)) {
			t.Errorf("it expires at %s and is due at %s, want %s", b.Checkout.ExpiresAt, b.Lease.Until, want)
		}
	}
	if b.Checkout.Extensions != 2 {
		t.Errorf("%d extensions, want 2", b.Checkout.Extensions)
	}
	_, err := s.Extend(t.Context(), admin, b.ID, "three")
	wantErr(t, err, booking.ErrNoMoreExtensions)
}

func TestAnAbandonedCheckoutGivesItsTicketsBack(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, again := m.checkOut(t, price)
	if _, err := m.payFor(t, b, bookingtest.Acts); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, err := m.service(nil).Cancel(t.Context(), admin, b.ID)
		if err != nil || got.Reason != problem.CheckoutAbandoned {
			t.Fatalf("it has failed for %q, %v", got.Reason, err)
		}
		wantStatus(t, got, booking.Failed, booking.PaymentNever)
	}
	_, err := m.payFor(t, b, bookingtest.Good)
	wantErr(t, err, booking.ErrCheckoutAbandoned)
	_, err = again()
	wantErr(t, err, booking.ErrCheckoutAbandoned)
	if sent := m.messages(t)[b.ID]; len(sent) > 0 {
		t.Errorf("the customer is told %+v", sent)
	}
	m.check(t)

	// Money that comes later goes back.
	if !m.pay.CaptureLate(b.ID) {
		t.Fatal("nothing to capture")
	}
	if err := m.service(nil).PaymentHeard(t.Context(), b.ID); err != nil {
		t.Fatal(err)
	}
	m.recover(t)
	b = m.get(t, b.ID)
	wantStatus(t, b, booking.Failed, booking.PaymentRefunded)
	if told := m.messages(t)[b.ID][events.TypeBookingFailed]; len(told) != 1 {
		t.Errorf("the customer is told %+v", told)
	}
	m.check(t)
}

func TestACheckoutThatIsPaidCannotBeAbandoned(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	if _, err := m.payFor(t, b, bookingtest.Acts); err != nil {
		t.Fatal(err)
	}
	m.pay.Act(b.ID, true)
	b, err := m.service(nil).Cancel(t.Context(), admin, b.ID)
	wantErr(t, err, booking.ErrAlreadyPaid)
	wantStatus(t, b, booking.Confirmed, booking.PaymentCaptured)
	m.check(t)
}

// Whoever gives a checkout up does not know that a hint has just confirmed it: that must
// not cost a fee.
func TestACheckoutThatWasJustConfirmedIsNotCancelledForAFee(t *testing.T) {
	t.Parallel()
	fee := events.CancellationPolicy{FreeHours: 24 * 60, FeeBasisPoints: 1000}
	for _, test := range []struct {
		policy events.CancellationPolicy
		later  time.Duration
	}{{}, {fee, 5 * time.Second}, {fee, -time.Hour}} { // a clock was ahead
		policy := test.policy
		m := modelWorld(t)
		event := m.newEvent(price)
		m.catalog.Charge(event, policy)
		c, s := m.newCustomer(), m.service(nil)
		b, err := s.Create(t.Context(), c, booking.Request{EventID: event, Tickets: 2, Checkout: true})
		if err != nil {
			t.Fatal(err)
		}
		if b, err = s.Pay(t.Context(), c, b.ID, bookingtest.Acts, "k"); err != nil {
			t.Fatal(err)
		}
		m.pay.Act(b.ID, true)
		if err := s.PaymentHeard(t.Context(), b.ID); err != nil {
			t.Fatal(err)
		}
		if err := m.recoverOnce(t, s); err != nil {
			t.Fatal(err)
		}
		wantStatus(t, m.get(t, b.ID), booking.Confirmed, booking.PaymentCaptured)
		if policy.FeeBasisPoints > 0 {
			_, err = s.Cancel(t.Context(), c, b.ID)
			wantErr(t, err, booking.ErrAlreadyPaid)
			wantStatus(t, m.get(t, b.ID), booking.Confirmed, booking.PaymentCaptured)
			m.advance(test.later)
		}
		if b, err = s.Cancel(t.Context(), c, b.ID); err != nil || b.Status != booking.Cancelled {
			t.Errorf("with a fee of %d, it is %s, %v", policy.FeeBasisPoints, b.Status, err)
		}
		m.check(t)
	}
}

func TestACheckoutEndsWithItsEvent(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	s := m.service(nil)
	if err := m.cancelEvent(t.Context(), s, b.EventID); err != nil {
		t.Fatal(err)
	}
	_, err := m.payFor(t, b, bookingtest.Good)
	wantErr(t, err, booking.ErrEventCancelled)
	_, err = s.Extend(t.Context(), admin, b.ID, "e")
	wantErr(t, err, booking.ErrEventCancelled)
	if err := m.recoverOnce(t, s); err != nil { // long before it expires
		t.Fatal(err)
	}
	b = m.get(t, b.ID)
	wantStatus(t, b, booking.Failed, booking.PaymentNever)
	if b.Reason != problem.EventCancelled {
		t.Errorf("it has failed for %q", b.Reason)
	}
	m.check(t)
}

// A webhook that tells of a decline ends the attempt, and not the checkout.
func TestAHintOfADeclineLeavesTheCheckout(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	if _, err := m.payFor(t, b, bookingtest.Acts); err != nil {
		t.Fatal(err)
	}
	m.pay.Act(b.ID, false)
	if err := m.service(nil).PaymentHeard(t.Context(), b.ID); err != nil {
		t.Fatal(err)
	}
	if err := m.recoverOnce(t, m.service(nil)); err != nil {
		t.Fatal(err)
	}
	b = m.get(t, b.ID)
	wantStatus(t, b, booking.Pending, booking.PaymentAwaiting)
	if b.Payment.Action != nil || b.Checkout.Latest().Outcome != booking.PaymentDeclined {
		t.Errorf("the customer is to do %+v, and the attempt is %s", b.Payment.Action, b.Checkout.Latest().Outcome)
	}
	if b, err := m.payFor(t, b, bookingtest.Good); err != nil || b.Status != booking.Confirmed {
		t.Errorf("the booking is %s, %v", b.Status, err)
	}
	m.check(t)
}

func TestACheckoutSurvivesACrashAtEveryStep(t *testing.T) {
	t.Parallel()
	for name, token := range map[string]string{"paid": bookingtest.Good, "declined": bookingtest.Declined, "acts": bookingtest.Acts} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				for _, effect := range []bool{false, true} {
					m := modelWorld(t)
					b, _ := m.checkOut(t, price)
					f := dies(n, effect)
					paid, err := m.service(f).Pay(t.Context(), admin, b.ID, token, "k")
					lived := f.before("") == nil
					m.recover(t)
					m.check(t)
					b = m.get(t, b.ID)
					if captured, _, _ := m.books(t, b.ID); err == nil && paid.Status == booking.Confirmed && b.Status != booking.Confirmed || captured > 0 && b.Status == booking.Failed {
						t.Errorf("call %d, effect %t: captured %d, it was answered with %s and is %s", n, effect, captured, paid.Status, b.Status)
					}
					if lived {
						return
					}
				}
			}
		})
	}
}

// What was due before the end of a checkout is not forgotten for an extension.
func TestAnExtensionPutsNothingOff(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	if _, err := m.payFor(t, b, bookingtest.Acts); err != nil {
		t.Fatal(err)
	}
	m.pay.Act(b.ID, true)
	s := m.service(nil)
	if err := s.PaymentHeard(t.Context(), b.ID); err != nil { // nobody has driven it yet
		t.Fatal(err)
	}
	due := m.get(t, b.ID).Lease.Until
	if b, err := s.Extend(t.Context(), admin, b.ID, "e"); err != nil || !b.Lease.Until.Equal(due) {
		t.Errorf("it is due at %s, want %s, %v", b.Lease.Until, due, err)
	}
	if err := m.recoverOnce(t, s); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, m.get(t, b.ID), booking.Confirmed, booking.PaymentCaptured)
	m.check(t)
}

// An attempt that does not reach the provider is none: its key is as good as new.
func TestAProviderThatIsAwayCostsNoAttempt(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	away := m.service(&faults{before: only("Prepare", unknown)})
	for range 7 {
		_, err := away.Pay(t.Context(), admin, b.ID, bookingtest.Good, "k")
		wantErr(t, err, booking.ErrPaymentUnavailable)
	}
	wantStatus(t, m.get(t, b.ID), booking.Pending, booking.PaymentAwaiting)
	for range 2 {
		paid, err := m.service(nil).Pay(t.Context(), admin, b.ID, bookingtest.Good, "k")
		if err != nil || len(paid.Checkout.Attempts) != 1 {
			t.Fatalf("%+v, %v", paid.Checkout, err)
		}
		wantStatus(t, paid, booking.Confirmed, booking.PaymentCaptured)
	}
	m.check(t)
}

// afterOneWrite is a process whose writes but the first are not answered. Other calls
// have the fault of other, if any.
func afterOneWrite(other func(string) error) func(string) error {
	writes := 0
	return func(call string) error {
		switch {
		case call == "Update":
			if writes++; writes > 1 {
				return unknown()
			}
		case other != nil:
			return other(call)
		}
		return nil
	}
}

// A request for free tickets dies before they are confirmed, and is repeated.
func TestAFreeCheckoutIsConfirmedByARepeat(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, money.Amount{Currency: "EUR"})
	f := &faults{before: afterOneWrite(nil)}
	if got, err := m.service(f).Pay(t.Context(), admin, b.ID, "", "k"); err == nil {
		t.Fatalf("it is answered with %s", got.Status)
	}
	if err := m.recoverOnce(t, m.service(nil)); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, m.get(t, b.ID), booking.Pending, booking.PaymentAwaiting)
	got, err := m.service(nil).Pay(t.Context(), admin, b.ID, "", "k")
	if err != nil {
		t.Fatal(err)
	}
	wantStatus(t, got, booking.Confirmed, booking.PaymentNotRequired)
	m.check(t)
}

// Of racing requests with one key each is answered with what became of one of them.
func TestRacingRequestsOfOneKeyAreAnsweredAlike(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	s := m.service(nil)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { _, errs[i] = s.Extend(t.Context(), admin, b.ID, "once") })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if n := m.get(t, b.ID).Checkout.Extensions; n != 1 {
		t.Errorf("%d extensions, want 1", n)
	}
	for i := range errs {
		wg.Go(func() { _, errs[i] = s.Pay(t.Context(), admin, b.ID, bookingtest.Good, "pay") })
	}
	wg.Wait()
	for _, err := range errs { // some were answered while it was worked on
		if err != nil && !errors.Is(err, booking.ErrInProgress) && !errors.Is(err, booking.ErrPaymentInProgress) {
			t.Error(err)
		}
	}
	wantStatus(t, m.get(t, b.ID), booking.Confirmed, booking.PaymentCaptured)
	m.check(t)
}

// Of racing checkouts of one customer three hold tickets, and no more than one booking may have.
func TestACustomerHasThreeCheckoutsAtATime(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	m.ticketsPerAccount = 1000
	c, s := m.newCustomer(), m.service(nil)
	errs := make(chan error)
	for range 10 {
		event := m.newEvent(price)
		go func() {
			_, err := s.Create(t.Context(), c, booking.Request{EventID: event, Tickets: 1, Checkout: true})
			errs <- err
		}()
	}
	held := 0
	for range 10 {
		if err := <-errs; err == nil {
			held++
		} else if !errors.Is(err, booking.ErrTooManyCheckouts) {
			t.Error(err)
		}
	}
	if held != 3 {
		t.Errorf("%d checkouts, want 3", held)
	}
	// What is booked in one call, or by another, is no checkout.
	m.book(t, s, c, booking.Request{EventID: m.newEvent(price), Tickets: 1, PaymentToken: bookingtest.Good})
	b, _ := m.checkOut(t, price)
	if _, err := s.Cancel(t.Context(), admin, b.ID); err != nil {
		t.Fatal(err)
	}
	m.recover(t)
	m.check(t)
}

func TestCheckoutsHaveTogetherTheTicketsOfOneBooking(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	m.ticketsPerAccount = 1000
	event, _ := m.catalog.NewEvent(booking.TicketType{Name: "Parkett", Price: price, Available: 100})
	c, s := m.newCustomer(), m.service(nil)
	for _, step := range []struct {
		tickets int
		want    error
	}{{booking.MaxTickets - 1, nil}, {2, booking.ErrTooManyCheckouts}, {1, nil}} {
		_, err := s.Create(t.Context(), c, booking.Request{EventID: event, Tickets: step.tickets, Checkout: true})
		if !errors.Is(err, step.want) {
			t.Errorf("%d more: %v, want %v", step.tickets, err, step.want)
		}
	}
}

// Two repeats of a payment that came to nothing race: one of them tries the card.
func TestRacingRepeatsAreOneAttempt(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	_, err := m.service(&faults{before: only("Prepare", unknown)}).Pay(t.Context(), admin, b.ID, bookingtest.Declined, "k")
	wantErr(t, err, booking.ErrPaymentUnavailable)
	// The other repeat comes between this one's reading and its second writing: the first
	// has found that the key is used.
	updates := 0
	overtaken := m.service(&faults{before: func(call string) error {
		if call != "Update" {
			return nil
		}
		if updates++; updates == 2 {
			_, err := m.service(nil).Pay(t.Context(), admin, b.ID, bookingtest.Declined, "k")
			wantErr(t, err, booking.ErrPaymentDeclined)
		}
		return nil
	}})
	_, err = overtaken.Pay(t.Context(), admin, b.ID, bookingtest.Declined, "k")
	wantErr(t, err, booking.ErrInProgress)
	if n := len(m.get(t, b.ID).Checkout.Attempts); n != 1 {
		t.Errorf("%d attempts, want 1", n)
	}
	m.recover(t)
	m.check(t)
}

// A client that goes on while the provider is away does not make the booking grow.
func TestAnOutageOfTheProviderIsNotedOnce(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	away := m.service(&faults{before: only("Prepare", unknown)})
	for _, key := range []string{"one", "two", "three"} {
		_, err := away.Pay(t.Context(), admin, b.ID, bookingtest.Good, key)
		wantErr(t, err, booking.ErrPaymentUnavailable)
	}
	wantSteps(t, m.get(t, b.ID), "created reserved attempt payment_unavailable")
}

// Of an attempt that is lost nobody waits for the time that a clock has stored which was
// ahead.
func TestALostAttemptOfAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	if _, err := m.service(&faults{before: afterOneWrite(only("Prepare", unknown))}).Pay(t.Context(), admin, b.ID, bookingtest.Good, "k"); err == nil {
		t.Fatal("it is answered")
	}
	m.advance(-24 * time.Hour)
	startRecovery(t, m.service(nil))
	until(t, "its time is brought forward", func() bool { return m.get(t, b.ID).Lease.Until.Before(m.now().Add(16 * time.Minute)) })
	m.advance(16 * time.Minute)
	until(t, "it can be paid for", func() bool { return m.get(t, b.ID).Payment.Status == booking.PaymentAwaiting })
}

// A repeat is told that a payment is on its way only if the customer will hear how it ends.
func TestARepeatIsNotToldOfAPaymentThatNobodyAnswersFor(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	f := &faults{before: func(call string) error {
		return errors.Join(only("Charge", unknown)(call), only("Look", unknown)(call))
	}}
	dying := &faults{before: afterOneWrite(f.before)}
	if _, err := m.service(dying).Pay(t.Context(), admin, b.ID, bookingtest.Good, "k"); err == nil {
		t.Fatal("it is answered")
	}
	if err := m.recoverOnce(t, m.service(f)); err != nil {
		t.Fatal(err)
	}
	_, err := m.service(nil).Pay(t.Context(), admin, b.ID, bookingtest.Good, "k")
	wantErr(t, err, booking.ErrInProgress)
}

// Nothing is sold while the data of a restored platform is not reconciled.
func TestACheckoutIsNotPaidWhileSalesArePaused(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	b, _ := m.checkOut(t, price)
	m.restoredAt = m.now()
	s := m.service(nil)
	_, err := s.Pay(t.Context(), admin, b.ID, bookingtest.Good, "k")
	wantErr(t, err, booking.ErrSalesPaused)
	_, err = s.Extend(t.Context(), admin, b.ID, "e")
	wantErr(t, err, booking.ErrSalesPaused)
}
