package bookingtest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
)

var errNotAdmitted = errors.New("not admitted")

// account returns what admit is given for one more booking of the user and the
// event, which is not stored.
func (u StoreUnderTest) account(t *testing.T, user, event string, now time.Time) (a booking.Account) {
	t.Helper()
	return u.accountFor(t, pending(sameUser(user), ofEvent(event), createdAt(now)))
}

// accountFor returns what admit is given for b, which is not stored.
func (u StoreUnderTest) accountFor(t *testing.T, b booking.Booking) (a booking.Account) {
	t.Helper()
	called := false
	err := u.Store.Create(t.Context(), b, booking.Key{}, func(given booking.Account) error {
		a, called = given, true
		return errNotAdmitted
	})
	wantErr(t, err, errNotAdmitted)
	if !called {
		t.Fatal("admit is not called")
	}
	return a
}

func ofEvent(event string) func(*booking.Booking) {
	return func(b *booking.Booking) { b.EventID = event }
}

func inStatus(s booking.Status) func(*booking.Booking) {
	return func(b *booking.Booking) { b.Status = s }
}

// ofTickets gives the booking so many free tickets, and so many that are not.
func ofTickets(free, paid int) func(*booking.Booking) {
	return func(b *booking.Booking) {
		b.Items = nil
		if free > 0 {
			b.Items = append(b.Items, events.Item{TicketTypeID: newID(), Name: "Child", Quantity: free, UnitPrice: euros(0)})
		}
		if paid > 0 {
			b.Items = append(b.Items, events.Item{TicketTypeID: newID(), Name: "Adult", Quantity: paid, UnitPrice: euros(2500)})
		}
	}
}

func paid(b *booking.Booking) {
	b.Payment.Status, b.Payment.Reference, b.Payment.Captured, b.Total = booking.PaymentCaptured, "ch_1", euros(2500), euros(2500)
}

// declinedAt makes a booking one whose payment was declined then.
func declinedAt(at time.Time) func(*booking.Booking) {
	return func(b *booking.Booking) {
		b.Status, b.Lease, b.Reason, b.Payment.Status = booking.Failed, booking.Lease{}, problem.PaymentDeclined, booking.PaymentDeclined
		b.CreatedAt, b.UpdatedAt = at.Add(-time.Second), at
	}
}

// checkedOut makes a booking a checkout that was abandoned then, after these attempts.
func checkedOut(at time.Time, attempts ...booking.PaymentStatus) func(*booking.Booking) {
	return func(b *booking.Booking) {
		b.Lease, b.Reason, b.UpdatedAt, b.Checkout = booking.Lease{}, problem.CheckoutAbandoned, at, &booking.Checkout{ExpiresAt: at}
		for _, outcome := range attempts {
			b.Checkout.Attempts = append(b.Checkout.Attempts, booking.Attempt{At: at, Outcome: outcome})
		}
	}
}

func notAdmitted(t *testing.T, u StoreUnderTest) {
	key := newKey()
	b := pending(func(b *booking.Booking) { b.Effects.Messages = []events.Message{message()} })
	wantErr(t, u.Store.Create(t.Context(), b, key, func(booking.Account) error { return errNotAdmitted }), errNotAdmitted)
	u.wantNone(t, b)
	_, err := u.Store.ByKey(t.Context(), b.UserID, key, start)
	wantErr(t, err, booking.ErrNotFound)
	u.wantMessages(t)
	log, err := u.AuditLog.Audit(t.Context(), booking.AuditQuery{BookingID: b.ID, Limit: 10})
	if err != nil || len(log) > 0 {
		t.Errorf("the audit log has %+v, %v", log, err)
	}

	must(t, u.Store.Create(t.Context(), b, key, func(booking.Account) error { return nil }))
	u.want(t, b)
	u.wantKey(t, b.UserID, key, u.get(t, b.ID))
}

func keyBeforeAdmit(t *testing.T, u StoreUnderTest) {
	key := newKey()
	first := u.create(t, pending(), key)
	refuse := func(booking.Account) error { return errNotAdmitted }
	second, other := pending(sameUser(first.UserID)), booking.Key{Value: key.Value, Fingerprint: "f2"}
	wantErr(t, u.Store.Create(t.Context(), second, key, refuse), booking.ErrKeyTaken)
	wantErr(t, u.Store.Create(t.Context(), second, other, refuse), booking.ErrKeyReused)
	u.wantNone(t, second)
}

func accountTickets(t *testing.T, u StoreUnderTest) {
	for _, c := range []struct {
		what  string
		edits []func(*booking.Booking)
		want  int
	}{
		{"pending", []func(*booking.Booking){ofTickets(1, 2)}, 3},
		{"pending, for the customer to act", []func(*booking.Booking){ofTickets(0, 2), func(b *booking.Booking) {
			b.Payment.Status, b.Acknowledged, b.Lease = booking.PaymentAction, true, booking.Lease{Until: start.Add(time.Minute)}
		}}, 2},
		{"declined, with its tickets not released", []func(*booking.Booking){ofTickets(0, 2), declinedAt(start), inStatus(booking.Pending)}, 2},
		{"confirmed and free", []func(*booking.Booking){ofTickets(4, 0), inStatus(booking.Confirmed)}, 4},
		{"confirmed and free in part", []func(*booking.Booking){ofTickets(1, 2), paid, inStatus(booking.Confirmed)}, 1},
		{"confirmed and paid", []func(*booking.Booking){ofTickets(0, 3), paid, inStatus(booking.Confirmed)}, 0},
		{"failed", []func(*booking.Booking){ofTickets(1, 1), inStatus(booking.Failed)}, 0},
		{"cancelling", []func(*booking.Booking){ofTickets(1, 1), inStatus(booking.Cancelling)}, 0},
		{"cancelled", []func(*booking.Booking){ofTickets(1, 1), inStatus(booking.Cancelled)}, 0},
	} {
		b := u.create(t, pending(c.edits...), booking.Key{})
		u.create(t, pending(ofEvent(b.EventID)), booking.Key{}) // of another user
		u.create(t, pending(sameUser(b.UserID)), booking.Key{}) // of another event
		if got := u.account(t, b.UserID, b.EventID, start).Tickets; got != c.want {
			t.Errorf("%s: %d tickets count, want %d", c.what, got, c.want)
		}
	}

	// All of the user's bookings of the event count, as they are now.
	b := u.create(t, pending(ofTickets(3, 4)), booking.Key{})
	u.create(t, pending(sameUser(b.UserID), ofEvent(b.EventID), ofTickets(2, 0), inStatus(booking.Confirmed)), booking.Key{})
	for _, c := range []struct {
		change func(*booking.Booking)
		want   int
	}{
		{func(*booking.Booking) {}, 7 + 2},
		{func(b *booking.Booking) { paid(b); b.Status = booking.Confirmed }, 3 + 2},
		{func(b *booking.Booking) { b.Items[0].Quantity = 1 }, 1 + 2},
		{inStatus(booking.Cancelling), 2},
		{inStatus(booking.Cancelled), 2},
	} {
		b, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error { c.change(b); return nil })
		must(t, err)
		if got := u.account(t, b.UserID, b.EventID, start).Tickets; got != c.want {
			t.Errorf("when a booking is %s, %d tickets count, want %d", b.Status, got, c.want)
		}
	}
}

// notMade is an account without the bookings that were made.
var notMade = cmpopts.IgnoreFields(booking.Account{}, "Made", "FirstMade")

func accountDeclined(t *testing.T, u StoreUnderTest) {
	user := newID()
	at := func(ago time.Duration) time.Time { return start.Add(-ago) }
	want := func(what string, n int, last time.Time) {
		t.Helper()
		if diff := cmp.Diff(booking.Account{Tries: booking.Tries{Declined: n, LastTry: last}}, u.account(t, user, newID(), start), notMade); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	add := func(edits ...func(*booking.Booking)) booking.Booking {
		return u.create(t, settled(append([]func(*booking.Booking){sameUser(user)}, edits...)...), booking.Key{})
	}
	want("without a booking", 0, time.Time{})
	add(declinedAt(at(booking.DeclinesKept + time.Microsecond)))
	u.create(t, pending(declinedAt(start)), booking.Key{}) // another user's
	add(inStatus(booking.Failed), func(b *booking.Booking) { b.Reason = problem.SoldOut })
	add(declinedAt(start.Add(24 * time.Hour))) // the clock was ahead
	want("after one too long ago", 0, time.Time{})
	add(declinedAt(at(booking.DeclinesKept)))
	add(declinedAt(at(time.Minute)))
	add(declinedAt(at(time.Second)), inStatus(booking.Pending)) // its tickets are not released yet
	want("after three", 3, at(time.Second))
	add(inStatus(booking.Failed), checkedOut(at(time.Millisecond), booking.PaymentDeclined, booking.PaymentDeclined, booking.PaymentAction))
	want("after a checkout in which two cards were declined", 5, at(time.Millisecond))

	add(ofTickets(1, 0)) // free
	cancelled := add(ofTickets(0, 1), paid)
	want("after one that was paid", 0, time.Time{})
	_, err := u.Store.Update(t.Context(), cancelled.ID, "", func(b *booking.Booking) error { b.Status = booking.Cancelled; return nil })
	must(t, err)
	want("after that was cancelled", 5, at(time.Millisecond))
	add(ofTickets(0, 1), paid)
	add(declinedAt(at(time.Microsecond)))
	want("after one more", 1, at(time.Microsecond))
}

func accountMade(t *testing.T, u StoreUnderTest) {
	user, now := newID(), time.Date(2031, 7, 1, 12, 0, 0, 0, time.UTC)
	add := func(after time.Duration, edits ...func(*booking.Booking)) booking.Booking {
		b := pending(append(edits, sameUser(user), func(b *booking.Booking) { b.ID = idAt(now.Add(after)) })...)
		return u.create(t, b, booking.Key{})
	}
	want := func(n int, first string) {
		t.Helper()
		a := u.accountFor(t, pending(sameUser(user), func(b *booking.Booking) { b.ID = idAt(now) }))
		if a.Made != n || a.FirstMade != first {
			t.Errorf("%d are made, the first %q, want %d, %q", a.Made, a.FirstMade, n, first)
		}
	}
	want(0, "")
	add(-booking.MadeKept - time.Millisecond)
	add(24 * time.Hour) // the clock was ahead
	u.create(t, pending(func(b *booking.Booking) { b.ID = idAt(now) }), booking.Key{})
	want(0, "")
	first := add(-booking.MadeKept, ofTickets(0, 1), paid, inStatus(booking.Confirmed))
	add(-30*time.Minute, inStatus(booking.Cancelled))
	add(-20*time.Minute, inStatus(booking.Failed))
	add(-10*time.Minute, declinedAt(start))
	add(-5*time.Minute, ofTickets(1, 0), inStatus(booking.Confirmed))
	add(-time.Millisecond, inStatus(booking.Cancelling))
	add(time.Minute) // by a process whose clock is ahead
	want(7, first.ID)
	// Older bookings of the user are no usage: the next one is stored as the first was.
	must(t, u.Store.Create(t.Context(), pending(sameUser(user)), booking.Key{}, func(booking.Account) error { return nil }))
}

// idAt returns the id of a booking that was made then.
func idAt(at time.Time) string {
	id := uuid.Must(uuid.NewV7())
	for i := range 6 {
		id[i] = byte(at.UnixMilli() >> (8 * (5 - i)))
	}
	return id.String()
}

func accountMadeRace(t *testing.T, u StoreUnderTest) {
	const limit = 5
	user := newID()
	var answers count
	race(workers, func(int) {
		b := pending(sameUser(user), ofTickets(0, 1), paid, inStatus(booking.Confirmed), func(b *booking.Booking) { b.Lease = booking.Lease{} })
		answers.add(u.Store.Create(t.Context(), b, booking.Key{}, func(a booking.Account) error {
			if a.Made >= limit {
				return errNotAdmitted
			}
			return nil
		}), errNotAdmitted)
	})
	if diff := cmp.Diff(map[error]int{nil: limit, errNotAdmitted: workers - limit}, answers.n, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" {
		t.Errorf("%d racing creations, of which %d are admitted (-want +got):\n%s", workers, limit, diff)
	}
}

func accountOpen(t *testing.T, u StoreUnderTest) {
	user := newID()
	add := func(at time.Time, edits ...func(*booking.Booking)) {
		b := pending(append([]func(*booking.Booking){sameUser(user), createdAt(at)}, edits...)...)
		b.UpdatedAt = start.Add(time.Hour) // when recovery looked at it
		u.create(t, b, booking.Key{})
	}
	add(start.Add(-booking.DeclinesKept - time.Microsecond))
	add(start.Add(24 * time.Hour)) // the clock was ahead
	add(start.Add(-booking.DeclinesKept))
	add(start.Add(-time.Second))
	add(start.Add(-time.Minute))
	add(start, inStatus(booking.Confirmed))
	add(start, inStatus(booking.Failed))
	u.create(t, pending(), booking.Key{}) // another user's
	want := booking.Account{Tries: booking.Tries{Open: 3, LastTry: start.Add(-time.Second)}}
	if diff := cmp.Diff(want, u.account(t, user, newID(), start), notMade); diff != "" {
		t.Errorf("account (-want +got):\n%s", diff)
	}
	declined := start.Add(-30 * time.Second)
	u.create(t, pending(sameUser(user), declinedAt(declined)), booking.Key{})
	want.Declined = 1
	if diff := cmp.Diff(want, u.account(t, user, newID(), start), notMade); diff != "" {
		t.Errorf("account with a declined booking (-want +got):\n%s", diff)
	}
}

func accountRace(t *testing.T, u StoreUnderTest) {
	const limit = 10
	user, event, keys := newID(), newID(), [workers]booking.Key{}
	for i := range keys[:workers/2] {
		keys[i] = newKey()
	}
	var answers count
	race(workers, func(i int) {
		b := pending(sameUser(user), ofEvent(event), ofTickets(1, 1))
		answers.add(u.Store.Create(t.Context(), b, keys[i], func(a booking.Account) error {
			if a.Tickets+b.TicketCount() > limit || a.Open*b.TicketCount() != a.Tickets {
				return errNotAdmitted
			}
			return nil
		}), errNotAdmitted)
	})
	if diff := cmp.Diff(map[error]int{nil: limit / 2, errNotAdmitted: workers - limit/2}, answers.n, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" {
		t.Errorf("%d racing creations of two tickets, of which %d fit (-want +got):\n%s", workers, limit/2, diff)
	}
	if got := u.account(t, user, event, start).Tickets; got != limit {
		t.Errorf("%d tickets are stored, want %d", got, limit)
	}
}

func accountCheckouts(t *testing.T, u StoreUnderTest) {
	user, event := newID(), newID()
	checkout := func(b *booking.Booking) { b.Checkout = &booking.Checkout{ExpiresAt: start.Add(time.Hour)} }
	of := func(event string, edits ...func(*booking.Booking)) booking.Booking {
		return u.create(t, pending(append(edits, sameUser(user), ofEvent(event))...), booking.Key{})
	}
	one := of(event, checkout, ofTickets(1, 2), createdAt(start.Add(-30*24*time.Hour)))
	of(event, checkout, ofTickets(0, 1))
	of(newID(), checkout, ofTickets(0, 4))
	of(event) // it was paid, or not, with its request
	of(event, checkout, inStatus(booking.Failed))
	of(event, checkout, inStatus(booking.Confirmed))
	u.create(t, pending(checkout, ofEvent(event)), booking.Key{}) // another user's
	want := func(checkouts, tickets int) {
		t.Helper()
		if a := u.account(t, user, event, start); a.Checkouts != checkouts || a.CheckoutTickets != tickets {
			t.Errorf("%d checkouts, %d tickets of the event, want %d, %d", a.Checkouts, a.CheckoutTickets, checkouts, tickets)
		}
	}
	want(3, 4)
	_, err := u.Store.Update(t.Context(), one.ID, one.Lease.Token, func(b *booking.Booking) error { b.Status = booking.Failed; return nil })
	must(t, err)
	want(2, 1)
}
