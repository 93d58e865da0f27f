package bookingtest

import (
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
)

func message() events.Message {
	return events.Message{
		SpecVersion: events.SpecVersion, ID: newID(), Source: "booking", Type: events.TypeBookingConfirmed, Subject: newID(),
		Time: start.Add(time.Microsecond), DataContentType: "application/json",
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		Data:        json.RawMessage(`{ "total": 9007199254740993, "name": "Zoë 🎟️ \u00e9" }`),
	}
}

// wantMessages fails unless the outbox has exactly these.
func (u StoreUnderTest) wantMessages(t *testing.T, want ...events.Message) {
	t.Helper()
	later := start.Add(365 * 24 * time.Hour)
	entries, err := u.Outbox.Claim(t.Context(), later, later, 1000)
	must(t, err)
	var got []events.Message
	for _, e := range entries {
		if e.Topic != events.TopicBookings {
			t.Errorf("message %s is for the topic %q", e.Message.ID, e.Topic)
		}
		got = append(got, e.Message)
	}
	byID := cmpopts.SortSlices(func(a, b events.Message) bool { return a.ID < b.ID })
	if diff := cmp.Diff(want, got, byID, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("messages in the outbox (-want +got):\n%s", diff)
	}
}

// editAll puts something else into every field that a change may edit.
func editAll(b *booking.Booking) {
	b.UserEmail, b.UserName, b.Acknowledged = "new@example.com", "Новое имя", !b.Acknowledged
	b.LinkVersion, b.Guest = b.LinkVersion+1, !b.Guest
	b.UserID = newID() // as when an account claims it
	locale := "de-AT"
	b.Contact = &events.Contact{Locale: &locale}
	b.Owed, b.Checkout = !b.Owed, &booking.Checkout{ExpiresAt: start.Add(time.Hour), Attempts: []booking.Attempt{{At: start, Key: "c"}}}
	b.Event.Title, b.Event.StartsAt = "Another", start.Add(time.Hour+time.Microsecond)
	b.Items = append(b.Items, events.Item{TicketTypeID: newID(), Name: "VIP", Quantity: 1, UnitPrice: euros(1)})
	b.Address = "" // nothing is unpaid any more
	b.Total, b.Status, b.Reason = euros(77), booking.Cancelling, problem.PaymentDeclined
	b.Payment = booking.Payment{Provider: "q", Reference: "ch_2", Status: booking.PaymentRefunded, Captured: euros(78)}
	b.Refunds = append(b.Refunds, booking.Refund{ID: newID(), Amount: euros(76), Status: booking.RefundPending, Decided: start})
	b.Cancellations = append(b.Cancellations, booking.Cancellation{ID: newID(), Items: b.Items, At: start, By: newID()})
	b.Holders = append(b.Holders, booking.TicketHolder{Number: 1, Holder: booking.Holder{Name: "Zoë"}, Issue: 2})
	b.Resends = append(b.Resends, start.Add(time.Microsecond))
	b.Attempt, b.Tries = b.Attempt+1, 9
	b.Timeline = append(b.Timeline, booking.Step{At: start.Add(time.Microsecond), Step: "edited", Detail: "✎"})
	b.UpdatedAt = start.Add(2 * time.Microsecond)
	b.Lease = booking.Lease{Token: newID(), Until: start.Add(3 * time.Microsecond)}
}

func updateStores(t *testing.T, u StoreUnderTest) {
	for _, b := range []booking.Booking{u.create(t, pending(), newKey()), u.create(t, full(), newKey()), u.create(t, settled(), newKey())} {
		bystander := u.create(t, pending(sameUser(b.UserID)), newKey())
		var edited booking.Booking
		got, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(stored *booking.Booking) error {
			if diff := cmp.Diff(b, *stored); diff != "" {
				t.Errorf("what change is given (-stored +given):\n%s", diff)
			}
			editAll(stored)
			edited = *stored
			stored.Effects.Messages = []events.Message{message()}
			return nil
		})
		must(t, err)
		edited.Version = b.Version + 1
		if diff := cmp.Diff(edited, got); diff != "" {
			t.Errorf("returned (-want +got):\n%s", diff)
		}
		u.want(t, edited)
		u.want(t, bystander)
	}
}

func updateFails(t *testing.T, u StoreUnderTest) {
	key, boom := newKey(), errors.New("boom")
	b := u.create(t, full(), key)
	_, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error {
		editAll(b)
		b.Effects = booking.Effects{Messages: []events.Message{message()}, FreeKey: true}
		return boom
	})
	wantErr(t, err, boom)
	u.want(t, b)
	u.wantKey(t, b.UserID, key, b)
	u.wantMessages(t)
}

func updateLeaseLost(t *testing.T, u StoreUnderTest) {
	driven, free := u.create(t, pending(), booking.Key{}), u.create(t, settled(), booking.Key{})
	for _, c := range []struct {
		what, lease string
		b           booking.Booking
	}{
		{"another's lease", newID(), driven},
		{"no lease where somebody drives it", "", driven},
		{"a lease where nobody drives it", newID(), free},
	} {
		_, err := u.Store.Update(t.Context(), c.b.ID, c.lease, func(b *booking.Booking) error {
			t.Errorf("%s: change is called", c.what)
			editAll(b)
			return nil
		})
		if !errors.Is(err, booking.ErrLeaseLost) {
			t.Errorf("%s: error %v, want ErrLeaseLost", c.what, err)
		}
		u.want(t, c.b)
	}
}

func updateEndedLease(t *testing.T, u StoreUnderTest) {
	b := u.create(t, pending(func(b *booking.Booking) { b.Lease.Until = start.Add(-time.Hour) }), booking.Key{})
	extend := func(b *booking.Booking) error { b.Lease.Until = start.Add(-time.Minute); return nil }
	if _, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, extend); err != nil {
		t.Errorf("nobody has taken it over: %v", err)
	}
	claimed, err := u.Store.Claim(t.Context(), start, booking.Lease{Token: newID(), Until: start.Add(time.Minute)}, 1)
	must(t, err)
	if len(claimed) != 1 {
		t.Fatalf("%d bookings are claimed, want 1", len(claimed))
	}
	_, err = u.Store.Update(t.Context(), b.ID, b.Lease.Token, extend)
	wantErr(t, err, booking.ErrLeaseLost)
	u.want(t, claimed[0])
}

func updateRace(t *testing.T, u StoreUnderTest) {
	b := u.create(t, settled(func(b *booking.Booking) { b.Timeline = nil }), booking.Key{})
	race(workers, func(i int) {
		_, err := u.Store.Update(t.Context(), b.ID, "", func(b *booking.Booking) error {
			// What it reads must be what it replaces.
			b.Timeline = append(b.Timeline, booking.Step{At: start, Step: strconv.Itoa(len(b.Timeline)), Detail: strconv.Itoa(i)})
			b.Tries++
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	got := u.get(t, b.ID)
	if got.Version != b.Version+workers || got.Tries != workers || len(got.Timeline) != workers {
		t.Fatalf("after %d updates: version %d, counted %d, timeline %d", workers, got.Version-b.Version, got.Tries, len(got.Timeline))
	}
	seen := map[string]bool{}
	for i, s := range got.Timeline {
		if s.Step != strconv.Itoa(i) || seen[s.Detail] {
			t.Errorf("step %d is %+v", i, s)
		}
		seen[s.Detail] = true
	}
}

func updateFreesKey(t *testing.T, u StoreUnderTest) {
	key, other := newKey(), newKey()
	b := u.create(t, pending(), key)
	bystander := u.create(t, pending(sameUser(b.UserID)), other)
	got, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error {
		b.Status, b.Lease = booking.Failed, booking.Lease{}
		b.Effects.FreeKey = true
		return nil
	})
	must(t, err)
	if diff := cmp.Diff(booking.Effects{}, got.Effects); diff != "" {
		t.Errorf("effects are returned:\n%s", diff)
	}
	u.want(t, got)
	_, err = u.Store.ByKey(t.Context(), b.UserID, key, start)
	wantErr(t, err, booking.ErrNotFound)
	u.wantKey(t, b.UserID, other, bystander)

	again := u.create(t, pending(sameUser(b.UserID)), key)
	u.wantKey(t, b.UserID, key, again)
}

func messagesCommitted(t *testing.T, u StoreUnderTest) {
	b := u.create(t, pending(), booking.Key{})
	first, second, third := message(), message(), message()
	third.TraceParent = ""
	for _, messages := range [][]events.Message{{first, second}, nil, {third}} {
		got, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error {
			if diff := cmp.Diff(booking.Effects{}, b.Effects); diff != "" {
				t.Errorf("change is given effects:\n%s", diff)
			}
			b.Effects.Messages = messages
			return nil
		})
		must(t, err)
		if diff := cmp.Diff(booking.Effects{}, got.Effects); diff != "" {
			t.Errorf("effects are returned:\n%s", diff)
		}
	}
	u.wantMessages(t, first, second, third)
}

func messageFails(t *testing.T, u StoreUnderTest) {
	key := newKey()
	b := u.create(t, full(), key)
	twice := message()
	_, err := u.Store.Update(t.Context(), b.ID, b.Lease.Token, func(b *booking.Booking) error {
		editAll(b)
		b.Effects = booking.Effects{Messages: []events.Message{twice, twice}, FreeKey: true}
		return nil
	})
	if err == nil {
		t.Error("two messages with one id are stored")
	}
	u.want(t, b)
	u.wantKey(t, b.UserID, key, b)
	u.wantMessages(t)
}
