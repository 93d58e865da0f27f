package bookingtest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/booking"
)

func (u StoreUnderTest) ofEvent(t *testing.T, eventID, after string, limit int) []booking.Booking {
	t.Helper()
	page, err := u.Store.OfEvent(t.Context(), eventID, after, limit)
	must(t, err)
	return page
}

// at puts a booking into a status of one event.
func at(eventID string, s booking.Status) func(*booking.Booking) {
	return func(b *booking.Booking) { b.EventID, b.Status = eventID, s }
}

func ofEventWhich(t *testing.T, u StoreUnderTest) {
	event := newID()
	var want []booking.Booking
	for _, s := range []booking.Status{booking.Pending, booking.Confirmed, booking.Failed, booking.Cancelling, booking.Cancelled} {
		b := full()
		b.EventID, b.Status = event, s
		if s != booking.Pending && s != booking.Failed {
			want = append(want, b)
		}
		b.Address = b.KeptAddress()
		u.create(t, b, booking.Key{})
		u.create(t, settled(at(newID(), s)), booking.Key{})
	}
	for i := range want {
		want[i].Address = want[i].KeptAddress()
	}
	want = timeless(want...)
	if diff := cmp.Diff(want, u.ofEvent(t, event, "", 10)); diff != "" {
		t.Errorf("of the event (-want +got):\n%s", diff)
	}
	if got := u.ofEvent(t, newID(), "", 10); len(got) > 0 {
		t.Errorf("of an event without bookings: %d", len(got))
	}
}

func ofEventPages(t *testing.T, u StoreUnderTest) {
	event := newID()
	var want, got []string
	for range 7 {
		want = append(want, u.create(t, settled(at(event, booking.Confirmed)), booking.Key{}).ID)
	}
	for after := ""; len(got) < 20; {
		page := ids(u.ofEvent(t, event, after, 2))
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		after = page[len(page)-1]
		if len(got) < 6 {
			want = append(want, u.create(t, settled(at(event, booking.Confirmed)), booking.Key{}).ID)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

func ofEventUnreadable(t *testing.T, u StoreUnderTest) {
	event := newID()
	var want []booking.Booking
	for range 3 {
		want = append(want, u.create(t, settled(at(event, booking.Confirmed)), booking.Key{}))
	}
	u.Spoil(t, want[1].ID)
	page := u.ofEvent(t, event, "", 10)
	if diff := cmp.Diff(ids(want), ids(page)); diff != "" {
		t.Fatalf("listed (-want +got):\n%s", diff)
	}
	if !errors.Is(page[1].Unreadable, booking.ErrUnreadable) {
		t.Errorf("the one that is spoilt has the error %v, want ErrUnreadable", page[1].Unreadable)
	}
	if diff := cmp.Diff(timeless(want[2])[0], page[2]); diff != "" {
		t.Errorf("the one after it (-want +got):\n%s", diff)
	}
}
