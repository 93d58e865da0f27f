package bookingtest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// TestStuckBookings is the contract of booking.StuckBookings.
func TestStuckBookings(t *testing.T, open func(t *testing.T) StoreUnderTest) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, u StoreUnderTest)
	}{
		{"a booking set aside is not claimed before its time", setAsideWaits},
		{"a booking set aside is listed with its error", setAsideIsListed},
		{"a booking is listed until somebody has changed it", setAsideIsListedUntilChanged},
		{"by another lease nothing is set aside", setAsideLeaseLost},
		{"who does not drive a booking sets it aside once", setAsideOnce},
		{"pages go by the ids", stuckPages},
		{"a retry makes a booking due", retryStuckIsDue},
		{"a retry leaves the lease of a driven booking", retryStuckDriven},
		{"a retry of a booking that is not set aside finds none", retryStuckNotFound},
	} {
		t.Run(s.name, func(t *testing.T) { s.test(t, open(t)) })
	}
}

// stuck is an error that every store must take.
func stuck(retryIn time.Duration) booking.Stuck {
	return booking.Stuck{Error: "panic: Zoë's 🎟️ \"nil map\"", Since: start, RetryAt: start.Add(retryIn)}
}

func (u StoreUnderTest) setAside(t *testing.T, s booking.Stuck, edits ...func(*booking.Booking)) booking.Booking {
	t.Helper()
	b := u.create(t, pending(edits...), booking.Key{})
	must(t, u.StuckBookings.SetAside(t.Context(), b.ID, b.Lease.Token, s))
	return b
}

func (u StoreUnderTest) stuck(t *testing.T, after string, limit int) []string {
	t.Helper()
	page, err := u.StuckBookings.Stuck(t.Context(), after, limit)
	must(t, err)
	ids := make([]string, len(page))
	for i, b := range page {
		ids[i] = b.ID
	}
	return ids
}

func setAsideWaits(t *testing.T, u StoreUnderTest) {
	b := u.setAside(t, stuck(time.Hour))
	if got := ids(u.claim(t, start.Add(time.Hour-time.Microsecond), newLease(), 10)); len(got) > 0 {
		t.Errorf("before its time %v is claimed", got)
	}
	if diff := cmp.Diff([]string{b.ID}, ids(u.claim(t, start.Add(time.Hour), newLease(), 10))); diff != "" {
		t.Errorf("claimed at its time (-want +got):\n%s", diff)
	}
}

func setAsideIsListed(t *testing.T, u StoreUnderTest) {
	u.create(t, pending(), booking.Key{})
	b := u.setAside(t, stuck(time.Hour), func(b *booking.Booking) { b.Tries = 3 })
	page, err := u.StuckBookings.Stuck(t.Context(), "", 10)
	must(t, err)
	want := []booking.StuckBooking{{ID: b.ID, EventID: b.EventID, Status: booking.Pending, Tries: 3, Stuck: stuck(time.Hour)}}
	if diff := cmp.Diff(want, page); diff != "" {
		t.Errorf("set aside (-want +got):\n%s", diff)
	}
}

func setAsideIsListedUntilChanged(t *testing.T, u StoreUnderTest) {
	b := u.setAside(t, stuck(0))
	lease := newLease()
	u.claim(t, start, lease, 10)
	if diff := cmp.Diff([]string{b.ID}, u.stuck(t, "", 10)); diff != "" {
		t.Errorf("set aside after a claim (-want +got):\n%s", diff)
	}
	_, err := u.Store.Update(t.Context(), b.ID, lease.Token, func(*booking.Booking) error { return nil })
	must(t, err)
	if got := u.stuck(t, "", 10); len(got) > 0 {
		t.Errorf("after a change %v is listed", got)
	}
}

func setAsideLeaseLost(t *testing.T, u StoreUnderTest) {
	b := u.create(t, pending(), booking.Key{})
	wantErr(t, u.StuckBookings.SetAside(t.Context(), b.ID, newID(), stuck(time.Hour)), booking.ErrLeaseLost)
	wantErr(t, u.StuckBookings.SetAside(t.Context(), newID(), newID(), stuck(time.Hour)), booking.ErrLeaseLost)
	if got := u.stuck(t, "", 10); len(got) > 0 {
		t.Errorf("%v is listed", got)
	}
	u.want(t, b)
}

func setAsideOnce(t *testing.T, u StoreUnderTest) {
	b := u.create(t, settled(), booking.Key{})
	must(t, u.StuckBookings.SetAside(t.Context(), b.ID, "", stuck(time.Minute)))
	wantErr(t, u.StuckBookings.SetAside(t.Context(), b.ID, "", stuck(time.Hour)), booking.ErrLeaseLost)
	page, err := u.StuckBookings.Stuck(t.Context(), "", 10)
	must(t, err)
	if len(page) != 1 || !page[0].RetryAt.Equal(start.Add(time.Minute)) {
		t.Errorf("set aside %+v, want it until a minute later", page)
	}
	driven := u.create(t, pending(), booking.Key{})
	wantErr(t, u.StuckBookings.SetAside(t.Context(), driven.ID, "", stuck(time.Hour)), booking.ErrLeaseLost)
	u.want(t, driven)
}

func stuckPages(t *testing.T, u StoreUnderTest) {
	var want []string
	for range 5 {
		want = append(want, u.setAside(t, stuck(time.Hour)).ID)
	}
	got := append(u.stuck(t, "", 3), u.stuck(t, want[2], 3)...)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("two pages (-want +got):\n%s", diff)
	}
}

func retryStuckIsDue(t *testing.T, u StoreUnderTest) {
	b := u.setAside(t, stuck(time.Hour))
	must(t, u.StuckBookings.RetryStuck(t.Context(), b.ID, start))
	if diff := cmp.Diff([]string{b.ID}, ids(u.claim(t, start, newLease(), 10))); diff != "" {
		t.Errorf("claimed (-want +got):\n%s", diff)
	}
}

func retryStuckDriven(t *testing.T, u StoreUnderTest) {
	b := u.setAside(t, stuck(0))
	lease := newLease()
	u.claim(t, start, lease, 10)
	must(t, u.StuckBookings.RetryStuck(t.Context(), b.ID, start))
	if got := u.get(t, b.ID).Lease; got != lease {
		t.Errorf("lease %v, want %v", got, lease)
	}
}

func retryStuckNotFound(t *testing.T, u StoreUnderTest) {
	b := u.create(t, ended(0), booking.Key{})
	for _, id := range []string{b.ID, newID(), "no id"} {
		if err := u.StuckBookings.RetryStuck(t.Context(), id, start); !errors.Is(err, booking.ErrNotFound) {
			t.Errorf("%s: error %v, want ErrNotFound", id, err)
		}
	}
}

func claimUnreadable(t *testing.T, u StoreUnderTest) {
	spoilt := u.create(t, ended(2*time.Hour), booking.Key{})
	good := u.create(t, ended(time.Hour), booking.Key{})
	u.Spoil(t, spoilt.ID)
	if diff := cmp.Diff([]string{good.ID}, ids(u.claim(t, start, newLease(), 10))); diff != "" {
		t.Errorf("claimed (-want +got):\n%s", diff)
	}
	page, err := u.StuckBookings.Stuck(t.Context(), "", 10)
	must(t, err)
	if len(page) != 1 || page[0].ID != spoilt.ID || page[0].Error == "" || !page[0].RetryAt.Equal(start.Add(booking.StuckPause(1))) {
		t.Errorf("set aside %+v, want %s", page, spoilt.ID)
	}
	if got := ids(u.claim(t, start.Add(time.Second), newLease(), 10)); len(got) > 0 {
		t.Errorf("a second later %v is claimed", got)
	}
}
