package booking_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

// awaiting is a booking that waits for its customer to act.
func (m *model) awaiting(t *testing.T, event string) booking.Booking {
	t.Helper()
	b, err := m.create(t.Context(), m.service(nil), m.newCustomer(), booking.Request{EventID: event, Tickets: 2, PaymentToken: bookingtest.Acts})
	if err != nil || b.Status != booking.Pending || b.Payment.Action == nil || b.Payment.Status != booking.PaymentAction ||
		!b.Payment.Deadline.Equal(m.now().Add(10*time.Minute).UTC()) {
		t.Fatalf("booking %+v, %v", b, err)
	}
	return b
}

func TestACustomerWhoActsInTimeIsConfirmed(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	event := m.newEvent(price)
	b := m.awaiting(t, event)
	m.advance(9 * time.Minute)
	if claimed, err := m.store.Claim(t.Context(), m.now(), booking.Lease{Token: "t", Until: m.now()}, 10); err != nil || len(claimed) > 0 {
		t.Fatalf("before the deadline it is taken from the customer: %v, %v", claimed, err)
	}
	m.pay.Act(b.ID, true)
	if err := m.service(nil).PaymentHeard(t.Context(), b.ID); err != nil {
		t.Fatal(err)
	}
	if err := m.recoverOnce(t, m.service(nil)); err != nil {
		t.Fatal(err)
	}
	if b = m.get(t, b.ID); b.Status != booking.Confirmed || b.Payment.Action != nil || !b.Payment.Deadline.IsZero() {
		t.Errorf("the booking is %+v", b)
	}
	m.check(t)
}

func TestACustomerWhoFailsOrComesTooLateHasNoTickets(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{true, false} {
		m := modelWorld(t)
		event := m.newEvent(price)
		b := m.awaiting(t, event)
		want := problem.PaymentAbandoned
		if fails {
			m.pay.Act(b.ID, false)
			want = problem.PaymentDeclined
		}
		m.recover(t)
		if m.pay.Act(b.ID, true) {
			t.Error("the customer can still pay")
		}
		if b = m.get(t, b.ID); b.Status != booking.Failed || b.Reason != want || b.Payment.Action != nil {
			t.Errorf("the booking is %+v", b)
		}
		m.check(t)
	}
}

// The provider takes the money although it has said that it will not: the
// customer has the tickets if there are any, and else the money.
func TestALatePaymentHasTicketsOrIsRefundedOnce(t *testing.T) {
	t.Parallel()
	for _, left := range []bool{true, false} {
		m := modelWorld(t)
		event := m.newEvent(price)
		b := m.awaiting(t, event)
		m.recover(t)
		if !left {
			m.book(t, m.service(nil), m.newCustomer(), booking.Request{EventID: event, Tickets: capacity - 1, PaymentToken: bookingtest.Good})
		}
		m.pay.CaptureLate(b.ID)
		for range 3 { // webhooks are repeated
			if err := m.service(nil).PaymentHeard(t.Context(), b.ID); err != nil {
				t.Fatal(err)
			}
			m.recover(t)
		}
		b = m.get(t, b.ID)
		sent := m.messages(t)[b.ID]
		switch {
		case left && (b.Status != booking.Confirmed || b.Attempt != 2 || len(sent[events.TypeBookingConfirmed]) != 1):
			t.Errorf("the booking is %+v, told %+v", b, sent)
		case !left && (b.Status != booking.Failed || b.Reason != problem.SoldOut || b.Refunded().AmountMinor != 5100 || len(sent[events.TypeBookingFailed]) != 2):
			t.Errorf("the booking is %+v, told %+v", b, sent)
		}
		m.check(t)
	}
}

func TestAStrayHintChangesNothing(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	event, c, s := m.newEvent(price), m.newCustomer(), m.service(nil)
	wantErr(t, s.PaymentHeard(t.Context(), uuid.NewString()), booking.ErrNotFound)
	b := m.book(t, s, c, booking.Request{EventID: event, Tickets: 1, PaymentToken: bookingtest.Good})
	declined, err := m.create(t.Context(), s, c, booking.Request{EventID: event, Tickets: 1, PaymentToken: bookingtest.Declined})
	wantErr(t, err, booking.ErrPaymentDeclined)
	for _, b := range []booking.Booking{b, declined} {
		if err := s.PaymentHeard(t.Context(), b.ID); err != nil {
			t.Error(err)
		}
		if again := m.get(t, b.ID); again.Version != m.get(t, b.ID).Version || again.Status != b.Status {
			t.Errorf("the booking is %+v", again)
		}
	}
	m.check(t)
}

// A provider that cannot be reached before anything was charged refuses the
// request, and its key is free again.
func TestAProviderThatCannotBeReachedChargesNothing(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	event, c := m.newEvent(price), m.newCustomer()
	request := booking.Request{EventID: event, Tickets: 2, PaymentToken: bookingtest.Good, IdempotencyKey: "k"}
	for _, f := range []*faults{{before: only("Prepare", unknown)}, {after: only("Prepare", unknown)}} {
		_, err := m.create(t.Context(), m.service(f), c, request)
		wantErr(t, err, booking.ErrPaymentUnavailable)
		m.recover(t)
		if n := m.available(t, event); n != capacity {
			t.Errorf("%d tickets are left", n)
		}
	}
	m.book(t, m.service(nil), c, request)
	m.check(t)
}

// A booking that nobody was told of has freed its key: when it is paid after all
// the customer may have booked anew. The money goes back.
func TestALatePaymentOfABookingThatNobodyKnowsOfIsRefunded(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	event, c := m.newEvent(price), m.newCustomer()
	request := booking.Request{EventID: event, Tickets: 1, PaymentToken: bookingtest.Acts, IdempotencyKey: "k"}
	_, _ = m.create(t.Context(), m.service(dies(6, true)), c, request) // when it has charged
	m.recover(t)
	lost := m.bookings(t)[0]
	if lost.Status != booking.Failed || lost.Reason != "" {
		t.Fatalf("the booking is %+v", lost)
	}
	request.PaymentToken = bookingtest.Good
	again := m.book(t, m.service(nil), c, request)
	if !m.pay.CaptureLate(lost.ID) {
		t.Fatal("nothing to capture")
	}
	if err := m.service(nil).PaymentHeard(t.Context(), lost.ID); err != nil {
		t.Fatal(err)
	}
	m.recover(t)
	lost = m.get(t, lost.ID)
	if lost.Status != booking.Failed || lost.Refunded() != price || m.get(t, again.ID).Status != booking.Confirmed {
		t.Errorf("the booking is %+v", lost)
	}
	if told := m.messages(t)[lost.ID][events.TypeBookingFailed]; len(told) != 1 || told[0].Refunded != price {
		t.Errorf("the customer is told %+v", told)
	}
	m.check(t)
}

// A booking that was pending when the hint was heard has failed by the time it is
// taken up: whether it was paid, and what, the provider has to say.
func TestAHintThatIsOvertakenByTheFailureAsksTheProvider(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]bool{"told": true, "nobody knows of it": false} {
		for _, paid := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, paid %t", name, paid), func(t *testing.T) {
				m := modelWorld(t)
				event := m.newEvent(price)
				request := booking.Request{EventID: event, Tickets: 1, PaymentToken: bookingtest.Acts, IdempotencyKey: "k"}
				if told {
					if _, err := m.create(t.Context(), m.service(nil), m.newCustomer(), request); err != nil {
						t.Fatal(err)
					}
				} else {
					_, _ = m.create(t.Context(), m.service(dies(6, true)), m.newCustomer(), request) // when it has charged
				}
				b := m.bookings(t)[0]
				s := m.service(&faults{after: once("Get", func() {
					m.recover(t)
					if b := m.get(t, b.ID); b.Status != booking.Failed {
						t.Errorf("the booking is %+v", b)
					}
					if paid && !m.pay.CaptureLate(b.ID) {
						t.Error("nothing to capture")
					}
				})})
				if err := s.PaymentHeard(t.Context(), b.ID); err != nil {
					t.Fatal(err)
				}
				m.recover(t)
				b = m.get(t, b.ID)
				switch {
				case paid && told && b.Status != booking.Confirmed,
					paid && !told && (b.Status != booking.Failed || b.Refunded() != price),
					!paid && (b.Status != booking.Failed || len(b.Refunds) > 0):
					t.Errorf("the booking is %+v", b)
				}
				for _, step := range b.Timeline {
					if !paid && step.Step == "late_payment" {
						t.Error("a payment is noted that nobody made")
					}
				}
				m.check(t)
			})
		}
	}
}
