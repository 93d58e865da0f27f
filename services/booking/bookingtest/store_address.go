package bookingtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/booking"
)

func fromAddress(address string) func(*booking.Booking) {
	return func(b *booking.Booking) { b.Address = address }
}

// addressOf returns what admit is given about the address, for one more booking of
// the event by somebody new.
func (u StoreUnderTest) addressOf(t *testing.T, address, event string, now time.Time) (open, tickets int) {
	t.Helper()
	a := u.accountFor(t, pending(fromAddress(address), ofEvent(event), createdAt(now)))
	return a.AddressOpen, a.AddressTickets
}

func addressOpen(t *testing.T, u StoreUnderTest) {
	address := newID()
	want := func(what string, n int) {
		t.Helper()
		if got, _ := u.addressOf(t, address, newID(), start); got != n {
			t.Errorf("%s: %d bookings are open, want %d", what, got, n)
		}
	}
	u.create(t, pending(fromAddress(newID())), booking.Key{})
	want("from another address", 0)
	first := u.create(t, pending(fromAddress(address)), booking.Key{})
	u.create(t, pending(fromAddress(address), createdAt(start.Add(-30*24*time.Hour))), booking.Key{})
	want("of two users and events", 2)
	for _, s := range []booking.Status{booking.Confirmed, booking.Failed, booking.Cancelling, booking.Cancelled} {
		u.create(t, settled(fromAddress(address), inStatus(s)), booking.Key{})
	}
	want("with settled ones", 2)
	_, err := u.Store.Update(t.Context(), first.ID, first.Lease.Token, func(b *booking.Booking) error { b.Status = booking.Failed; return nil })
	must(t, err)
	want("when one has failed", 1)
}

func addressTickets(t *testing.T, u StoreUnderTest) {
	at := func(ago time.Duration) time.Time { return start.Add(-ago) }
	for _, c := range []struct {
		what  string
		edits []func(*booking.Booking)
		want  int
	}{
		{"pending", []func(*booking.Booking){ofTickets(1, 2)}, 3},
		{"pending for long", []func(*booking.Booking){ofTickets(1, 2), createdAt(at(2 * booking.AddressKept))}, 3},
		{"confirmed and free", []func(*booking.Booking){ofTickets(4, 0), inStatus(booking.Confirmed), createdAt(at(booking.AddressKept))}, 4},
		{"confirmed and free, too long ago", []func(*booking.Booking){ofTickets(4, 0), inStatus(booking.Confirmed), createdAt(at(booking.AddressKept + time.Microsecond))}, 0},
		{"confirmed and free, by a clock that was ahead", []func(*booking.Booking){ofTickets(4, 0), inStatus(booking.Confirmed), createdAt(start.Add(time.Hour))}, 0},
		{"confirmed and free, by a clock that is a little ahead", []func(*booking.Booking){ofTickets(4, 0), inStatus(booking.Confirmed), createdAt(start.Add(time.Minute))}, 4},
		{"confirmed and free in part", []func(*booking.Booking){ofTickets(1, 2), paid, inStatus(booking.Confirmed)}, 1},
		{"confirmed and paid", []func(*booking.Booking){ofTickets(0, 3), paid, inStatus(booking.Confirmed)}, 0},
		{"failed", []func(*booking.Booking){ofTickets(1, 1), inStatus(booking.Failed)}, 0},
		{"cancelled", []func(*booking.Booking){ofTickets(1, 1), inStatus(booking.Cancelled)}, 0},
	} {
		address := newID()
		b := u.create(t, pending(append([]func(*booking.Booking){fromAddress(address)}, c.edits...)...), booking.Key{})
		u.create(t, pending(fromAddress(address)), booking.Key{}) // of another event
		u.create(t, pending(ofEvent(b.EventID)), booking.Key{})   // from no address
		u.create(t, pending(ofEvent(b.EventID), fromAddress(newID())), booking.Key{})
		if _, got := u.addressOf(t, address, b.EventID, start); got != c.want {
			t.Errorf("%s: %d tickets count, want %d", c.what, got, c.want)
		}
		u.create(t, pending(fromAddress(address), ofEvent(b.EventID), ofTickets(0, 2)), booking.Key{})
		if _, got := u.addressOf(t, address, b.EventID, start); got != c.want+2 {
			t.Errorf("%s, and two tickets of another user: %d count, want %d", c.what, got, c.want+2)
		}
	}
}

func addressUnknown(t *testing.T, u StoreUnderTest) {
	b := u.create(t, pending(ofTickets(2, 2)), booking.Key{})
	if open, tickets := u.addressOf(t, "", b.EventID, start); open != 0 || tickets != 0 {
		t.Errorf("%d bookings and %d tickets count, want none", open, tickets)
	}
}

func addressRace(t *testing.T, u StoreUnderTest) {
	const limit = 10
	address, event := newID(), newID()
	var answers count
	race(workers, func(int) {
		b := pending(fromAddress(address), ofEvent(event), ofTickets(1, 1))
		answers.add(u.Store.Create(t.Context(), b, booking.Key{}, func(a booking.Account) error {
			if a.AddressOpen >= limit || a.AddressTickets != 2*a.AddressOpen {
				return errNotAdmitted
			}
			return nil
		}), errNotAdmitted)
	})
	if answers.n[nil] != limit || answers.n[errNotAdmitted] != workers-limit {
		t.Errorf("%d racing creations of different users, of which %d are admitted: %v", workers, limit, answers.n)
	}
	open, tickets := u.addressOf(t, address, event, start)
	if diff := cmp.Diff([]int{limit, 2 * limit}, []int{open, tickets}); diff != "" {
		t.Errorf("bookings and tickets that are stored (-want +got):\n%s", diff)
	}
}

func addressKept(t *testing.T, u StoreUnderTest) {
	for _, c := range []struct {
		what   string
		change func(*booking.Booking)
		kept   bool
	}{
		{"pending", func(b *booking.Booking) { b.Tries++ }, true},
		{"confirmed and free", func(b *booking.Booking) { ofTickets(2, 0)(b); b.Status = booking.Confirmed }, true},
		{"confirmed and paid", func(b *booking.Booking) { ofTickets(0, 2)(b); paid(b); b.Status = booking.Confirmed }, false},
		{"failed", inStatus(booking.Failed), false},
		{"cancelling", inStatus(booking.Cancelling), false},
	} {
		for how, change := range map[string]func(before booking.Booking) (booking.Booking, error){
			"an update": func(before booking.Booking) (booking.Booking, error) {
				return u.Store.Update(t.Context(), before.ID, before.Lease.Token, func(b *booking.Booking) error { c.change(b); return nil })
			},
			"a save": func(before booking.Booking) (booking.Booking, error) {
				after := before.Clone()
				c.change(&after)
				return u.Store.Save(t.Context(), before, after)
			},
		} {
			want := ""
			if c.kept {
				want = "Zm9vYmFy"
			}
			after, err := change(u.create(t, pending(fromAddress("Zm9vYmFy")), booking.Key{}))
			must(t, err)
			if after.Address != want {
				t.Errorf("%s to %s returns the address %q, want %q", how, c.what, after.Address, want)
			}
			u.want(t, after)
		}
	}
}
