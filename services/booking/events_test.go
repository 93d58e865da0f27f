package booking_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

func TestACancelledEventCancelsItsBookings(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	event, other, c, s := m.newEvent(price), m.newEvent(price), m.newCustomer(), m.service(nil)
	m.catalog.Charge(event, events.CancellationPolicy{FreeHours: 24 * 365, FeeBasisPoints: 5000})
	request := booking.Request{EventID: event, Tickets: 2, PaymentToken: bookingtest.Good}
	whole, part := m.book(t, s, c, request), m.book(t, s, c, request)
	if _, _, err := s.CancelTickets(t.Context(), c, part.ID, some(part, 1), "k"); err != nil {
		t.Fatal(err)
	}
	waiting, err := m.create(t.Context(), s, c, booking.Request{EventID: event, Tickets: 1, PaymentToken: bookingtest.Acts})
	if err != nil || waiting.Status != booking.Pending {
		t.Fatalf("%+v, %v", waiting, err)
	}
	stays := m.book(t, s, c, booking.Request{EventID: other, Tickets: 1, PaymentToken: bookingtest.Good})

	if err := m.cancelEvent(t.Context(), s, event); err != nil {
		t.Fatal(err)
	}
	p, err := m.store.Progress(t.Context(), event)
	if err != nil || p.Confirmed != 2 || p.Pending != 1 || p.Done() || p.Note != "Zoë is ill." {
		t.Errorf("progress %+v, %v", p, err)
	}
	m.pay.Act(waiting.ID, true)
	m.recover(t)
	for id, refund := range map[string]int64{whole.ID: 5100, part.ID: 2550} {
		b := m.get(t, id)
		last := b.Cancellations[len(b.Cancellations)-1]
		if b.Status != booking.Cancelled || b.Reason != problem.EventCancelled || !last.Fee.IsZero() || b.Refund(last.RefundID).Amount.AmountMinor != refund {
			t.Errorf("the booking is %+v", b)
		}
		if told := m.messages(t)[id][events.TypeBookingCancelled]; len(told) != 1 || told[0].Reason != "event_cancelled" || told[0].Note != "Zoë is ill." {
			t.Errorf("the customer is told %+v", told)
		}
	}
	if b := m.get(t, waiting.ID); b.Status != booking.Failed || b.Reason != problem.EventCancelled || b.Refunded() != price {
		t.Errorf("the one in the making is %+v", b)
	}
	if b := m.get(t, stays.ID); b.Status != booking.Confirmed {
		t.Errorf("another event's booking is %+v", b)
	}
	p, err = m.store.Progress(t.Context(), event)
	if err != nil || !p.Done() || p.Cancelled != 2 {
		t.Errorf("progress %+v, %v", p, err)
	}
	m.check(t)
}

// A booking in flight backs out, though nobody knew when it began.
func TestABookingInFlightOfACancelledEventBacksOut(t *testing.T) {
	t.Parallel()
	for _, free := range []bool{false, true} {
		m := modelWorld(t)
		amount := price
		if free {
			amount.AmountMinor = 0
		}
		event, c := m.newEvent(amount), m.newCustomer()
		f := &faults{before: once("Reserve", func() {})}
		s := m.service(f)
		f.after = once("Reserve", func() {
			if err := m.cancelEvent(t.Context(), m.service(nil), event); err != nil {
				t.Error(err)
			}
		})
		request := booking.Request{EventID: event, Tickets: 1, PaymentToken: bookingtest.Good, IdempotencyKey: "k"}
		b, err := m.create(t.Context(), s, c, request)
		wantErr(t, err, booking.ErrEventCancelled)
		if b.Status != booking.Failed || b.Reason != problem.EventCancelled {
			t.Errorf("the booking is %+v", b)
		}
		_, err = m.create(t.Context(), m.service(nil), c, request)
		wantErr(t, err, booking.ErrEventCancelled)
		m.check(t)
	}
}

func TestMessagesAboutEventsOfAnUnknownType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, data := range []string{`{"event":{"id":"` + uuid.NewString() + `"}}`, "no JSON", ""} {
		err := w.service(nil).HandleEvent(t.Context(), events.Message{ID: "m", Type: "event.moved.v1", Data: []byte(data)})
		wantErr(t, err, booking.ErrUnknownType)
	}
}

func TestMessagesAboutEventsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := `{"event":{"id":"` + uuid.NewString() + `"}}`
	for name, m := range map[string]events.Message{
		"no data":   {ID: "m", Type: events.TypeEventCancelled},
		"no object": {ID: "m", Type: events.TypeEventCancelled, Data: []byte(`[]`)},
		"no event":  {ID: "m", Type: events.TypeEventCancelled, Data: []byte(`{}`)},
		"no id":     {Type: events.TypeEventCancelled, Data: []byte(good)},
	} {
		err := w.service(nil).HandleEvent(t.Context(), m)
		wantErr(t, err, booking.ErrMalformed)
		if err != nil && strings.Contains(err.Error(), uuid.Nil.String()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A checkout whose request was at work when the event's cancellation was recorded ends as
// soon as that is done, and not when its time is over.
func TestACheckoutThatWasDrivenEndsWithItsEvent(t *testing.T) {
	t.Parallel()
	for _, token := range []string{bookingtest.Declined, bookingtest.Acts} {
		m := modelWorld(t)
		b, _ := m.checkOut(t, price)
		off := m.service(nil)
		s := m.service(&faults{before: once("Charge", func() {
			if err := m.cancelEvent(t.Context(), off, b.EventID); err != nil {
				t.Error(err)
			}
		})})
		_, _ = s.Pay(t.Context(), admin, b.ID, token, "k")
		if b = m.get(t, b.ID); b.Status != booking.Pending || b.Lease.Until.After(m.now()) {
			t.Errorf("the booking is %s, and due at %s, want PENDING, at once (%s)", b.Status, b.Lease.Until, m.now())
		}
		if err := m.recoverOnce(t, m.service(nil)); err != nil {
			t.Fatal(err)
		}
		if b = m.get(t, b.ID); b.Status != booking.Failed || b.Reason != problem.EventCancelled {
			t.Errorf("the booking is %s %q, want FAILED event_cancelled", b.Status, b.Reason)
		}
		m.check(t)
	}
}
