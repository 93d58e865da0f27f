package bookingtest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// awaitingPayment makes a booking a checkout that waits for its customer, since then.
func awaitingPayment(at time.Time, attempts ...booking.PaymentStatus) func(*booking.Booking) {
	return func(b *booking.Booking) {
		checkedOut(at, attempts...)(b)
		b.Reason, b.Payment.Status, b.CreatedAt, b.Acknowledged = "", booking.PaymentAwaiting, at, true
		b.Lease = booking.Lease{Until: at.Add(time.Hour)}
	}
}

// tryIn begins an attempt in b at a time, and returns the tries that Admit is given.
func (u StoreUnderTest) tryIn(t *testing.T, b booking.Booking, at time.Time, admit error) (given booking.Tries) {
	t.Helper()
	called := false
	_, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error {
		b.UpdatedAt, b.Payment.Status = at, booking.PaymentOpen
		b.Effects.Messages = []events.Message{message()}
		b.Effects.Admit = func(tries booking.Tries) error {
			given, called = tries, true
			return admit
		}
		return nil
	})
	wantErr(t, err, admit)
	if !called {
		t.Fatal("Admit is not called")
	}
	return given
}

func updateNotAdmitted(t *testing.T, u StoreUnderTest) {
	b := u.create(t, pending(awaitingPayment(start)), booking.Key{})
	u.tryIn(t, b, start, errNotAdmitted)
	u.want(t, b)
	u.wantMessages(t)
	u.wantAudit(t, booking.AuditQuery{BookingID: b.ID, Limit: 10}, entriesOf(b, 0))
	u.tryIn(t, b, start.Add(time.Second), nil)
	if got := u.get(t, b.ID); !got.UpdatedAt.Equal(start.Add(time.Second)) || got.Version != b.Version+1 {
		t.Errorf("version %d, updated at %s", got.Version, got.UpdatedAt)
	}
}

func updateDeclined(t *testing.T, u StoreUnderTest) {
	user, at := newID(), func(ago time.Duration) time.Time { return start.Add(-ago) }
	add := func(edits ...func(*booking.Booking)) booking.Booking {
		return u.create(t, pending(append(edits, sameUser(user))...), booking.Key{})
	}
	add(declinedAt(at(booking.DeclinesKept + time.Microsecond))) // too long ago
	add(declinedAt(start.Add(24 * time.Hour)))                   // the clock was ahead
	add(declinedAt(at(time.Minute)))
	u.create(t, pending(declinedAt(start)), booking.Key{}) // another user's
	b := add(awaitingPayment(at(time.Second), booking.PaymentDeclined, booking.PaymentDeclined))
	// The attempt begins when the last of its own was declined, as far as the row knows.
	want := booking.Tries{Declined: 3, LastTry: at(time.Second)}
	if diff := cmp.Diff(want, u.tryIn(t, b, start, errNotAdmitted)); diff != "" {
		t.Errorf("tries (-want +got):\n%s", diff)
	}
	add(ofTickets(0, 1), paid, inStatus(booking.Confirmed))
	if diff := cmp.Diff(booking.Tries{}, u.tryIn(t, b, start, errNotAdmitted)); diff != "" {
		t.Errorf("tries after a paid booking (-want +got):\n%s", diff)
	}
}

func updateOpen(t *testing.T, u StoreUnderTest) {
	user, at := newID(), func(ago time.Duration) time.Time { return start.Add(-ago) }
	add := func(edits ...func(*booking.Booking)) booking.Booking {
		return u.create(t, pending(append(edits, sameUser(user))...), booking.Key{})
	}
	b := add(awaitingPayment(at(time.Millisecond)))
	add(createdAt(at(time.Hour))) // in one call
	other := add(awaitingPayment(at(time.Minute)))
	add(awaitingPayment(at(booking.DeclinesKept + time.Microsecond)))
	add(awaitingPayment(start.Add(24 * time.Hour))) // the clock was ahead
	add(awaitingPayment(at(time.Minute)), inStatus(booking.Failed))
	if diff := cmp.Diff(booking.Tries{Open: 2, LastTry: at(time.Minute)}, u.tryIn(t, b, start, errNotAdmitted)); diff != "" {
		t.Errorf("tries (-want +got):\n%s", diff)
	}
	u.tryIn(t, other, at(time.Second), nil)
	if diff := cmp.Diff(booking.Tries{Open: 2, LastTry: at(time.Second)}, u.tryIn(t, b, start, errNotAdmitted)); diff != "" {
		t.Errorf("tries with an attempt in another checkout (-want +got):\n%s", diff)
	}
}

func updateTriesRace(t *testing.T, u StoreUnderTest) {
	user, all := newID(), [workers]booking.Booking{}
	for i := range all {
		all[i] = u.create(t, pending(sameUser(user), awaitingPayment(start)), booking.Key{})
	}
	const limit = 5
	var answers count
	race(workers, func(i int) {
		_, err := u.Store.Update(t.Context(), all[i].ID, "", func(b *booking.Booking) error {
			b.Checkout.Attempts = append(b.Checkout.Attempts, booking.Attempt{At: start, Outcome: booking.PaymentDeclined})
			b.Effects.Admit = func(tries booking.Tries) error {
				if tries.Declined >= limit {
					return errNotAdmitted
				}
				return nil
			}
			return nil
		})
		answers.add(err, errNotAdmitted)
	})
	if diff := cmp.Diff(map[error]int{nil: limit, errNotAdmitted: workers - limit}, answers.n, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" {
		t.Errorf("%d racing attempts, of which %d are admitted (-want +got):\n%s", workers, limit, diff)
	}
}
