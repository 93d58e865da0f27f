package bookingtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/inbox"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

// StoreUnderTest is an empty adapter of booking.Store, with what its changes
// have an effect on besides, or are bound by: the outbox that the messages of
// Effects go to, the inbox, the audit log, and the events that are cancelled.
type StoreUnderTest struct {
	Store           booking.Store
	Outbox          outbox.Store
	Inbox           inbox.Store
	AuditLog        booking.AuditLog
	CancelledEvents booking.CancelledEvents
	Records         booking.Records
	StuckBookings   booking.StuckBookings
	// Spoil damages the stored row of the booking or report with this id, so that
	// it cannot be read.
	Spoil func(t *testing.T, id string)
}

// TestStore is the contract of booking.Store.
func TestStore(t *testing.T, open func(t *testing.T) StoreUnderTest) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, u StoreUnderTest)
	}{
		{"everything comes back as it was stored", roundTrip},
		{"what is not there is not found", notFound},
		{"a cancelled context changes nothing", storeCancelled},

		{"a booking and its key are stored together", createWithKey},
		{"a booking that is not stored leaves no key", createFails},
		{"without a key there is no limit", createWithoutKey},
		{"a key in use is taken and nothing is stored", keyTaken},
		{"a key used for another request is refused and nothing is stored", keyReused},
		{"of 32 racing creations with one key one succeeds", keyRace},
		{"the same key of another user is another key", keyOfAnother},
		{"a key is known for its lifetime", keyLifetime},
		{"an older record of a key is replaced", keyReplaced},

		{"an error of admit is returned and nothing is stored", notAdmitted},
		{"a key that is taken comes before an error of admit", keyBeforeAdmit},
		{"the account has the unpaid tickets of the user and the event", accountTickets},
		{"the account has the declined payments since the last paid booking", accountDeclined},
		{"the account has the bookings that are open", accountOpen},
		{"the account has the bookings that the user has made whatever became of them", accountMade},
		{"of racing creations of a user as many are admitted as it may make", accountMadeRace},
		{"of racing creations of a user each finds those before it in the account", accountRace},
		{"the account has the checkouts of the user that are open", accountCheckouts},
		{"the account has the open bookings from the address", addressOpen},
		{"the account has the unpaid tickets of the event from the address", addressTickets},
		{"a booking without an address counts for none", addressUnknown},
		{"of racing creations from an address each finds those before it in the account", addressRace},
		{"an address is stored while its booking has unpaid tickets", addressKept},

		{"a list is newest first and one users alone", listNewestFirst},
		{"pages neither repeat nor skip while bookings are added", listPages},
		{"a booking that cannot be read hides no other of a list", listUnreadable},

		{"the bookings of an event that are or were confirmed are listed", ofEventWhich},
		{"pages of an event neither repeat nor skip", ofEventPages},
		{"a booking of an event that cannot be read hides no other", ofEventUnreadable},

		{"an update stores the result as the next version", updateStores},
		{"an error of change is returned and nothing is stored", updateFails},
		{"by another lease change is not called", updateLeaseLost},
		{"a lease that has ended is good until it is taken over", updateEndedLease},
		{"32 racing updates lose nothing", updateRace},
		{"an update frees the key", updateFreesKey},
		{"an update uses a key", updateUsesKey},
		{"an update frees the keys before it uses one", updateFreesThenUsesKey},
		{"an update whose key is taken stores nothing", updateKeyTaken},
		{"messages are committed with the change", messagesCommitted},
		{"a message that cannot be stored stores nothing", messageFails},
		{"what the timeline gets is in the audit log", stepsAudited},
		{"a booking of a cancelled event does not become confirmed", cancelledIsNotConfirmed},
		{"a booking of a cancelled event gets no further attempt to pay", cancelledIsNotTried},
		{"a booking of a cancelled event gets no more time to pay", cancelledIsNotExtended},

		{"an error of Admit is returned and nothing is stored", updateNotAdmitted},
		{"the tries have the declined payments of the user those of the booking too", updateDeclined},
		{"the tries have the other bookings that are open and attempts in them", updateOpen},
		{"of racing updates of a users bookings each finds those before it in the tries", updateTriesRace},

		{"a save stores the result with its effects as the next version", saveStores},
		{"a save of another lease or version stores nothing", saveLost},
		{"of 32 racing saves of one version one succeeds", saveRace},
		{"a save of a booking of a cancelled event does not confirm it", saveCancelled},
		{"a booking of a cancelled event that awaits its customer is due at once", cancelledIsDue},

		{"bookings whose lease has ended or that are due are claimed", claimWhich},
		{"the lease that ended first is claimed first up to the limit", claimOrder},
		{"a claimed booking has the new lease and one more try", claimGives},
		{"a claimed booking is left alone until its new lease ends", claimOnce},
		{"a claimed booking is lost to its driver before", claimTakes},
		{"confirmed bookings of a cancelled event are claimed last", claimStranded},
		{"cancelled bookings that kept a fee since their event was cancelled are claimed", claimFees},
		{"32 racing claimers never get the same booking", claimRace},
		{"a booking that cannot be read keeps no other from being claimed", claimUnreadable},
		{"what is due later than it can be is brought forward", bringForward},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, open(t))
		})
	}
}

func (u StoreUnderTest) create(t *testing.T, b booking.Booking, key booking.Key) booking.Booking {
	t.Helper()
	must(t, u.Store.Create(t.Context(), b, key, nil))
	return b
}

func (u StoreUnderTest) get(t *testing.T, id string) booking.Booking {
	t.Helper()
	b, err := u.Store.Get(t.Context(), id)
	must(t, err)
	return b
}

// want fails unless the store has exactly b.
func (u StoreUnderTest) want(t *testing.T, b booking.Booking) {
	t.Helper()
	b.Effects = booking.Effects{}
	if diff := cmp.Diff(b, u.get(t, b.ID)); diff != "" {
		t.Errorf("stored booking (-want +got):\n%s", diff)
	}
}

// full is a booking with something in every field, and nothing twice.
func full() booking.Booking {
	at := func(n int) time.Time { return start.Add(time.Duration(n) * 1001 * time.Microsecond) }
	return pending(func(b *booking.Booking) {
		b.Event = events.Event{
			ID: b.EventID, OrganizerID: newID(), Title: "Ένα κοντσέρτο – 音楽 🎻", StartsAt: at(9), TimeZone: "America/Argentina/Ushuaia",
			Venue: events.Venue{Name: "Große Halle", Address: "1 \"Quote\" St.\nLine 2", City: "Łódź", Country: "PL"},
		}
		b.Items = []events.Item{
			{TicketTypeID: newID(), Name: "Stehplatz 'vorn'", Quantity: 3, UnitPrice: euros(1 << 50)},
			{TicketTypeID: newID(), Name: "", Quantity: 17, UnitPrice: euros(0)},
		}
		phone, locale := "+4915112345678", "" // removed
		b.Contact = &events.Contact{Phone: &phone, Locale: &locale}
		b.LinkVersion, b.Guest = 3, true
		b.UserName, b.Address, b.Total, b.Status = long, "Zm9vYmFy", euros(1<<60), booking.Cancelling
		b.Payment = booking.Payment{
			Provider: "p", Reference: "ch_1", Status: booking.PaymentCaptured, Captured: euros(1<<60 + 1),
			Action: &booking.Action{Type: "redirect", URL: "https://example.com/?a=ä&b", ClientSecret: "s"}, Deadline: at(6),
		}
		b.Refunds = []booking.Refund{
			{ID: newID(), Amount: euros(1<<60 - 1), Status: booking.RefundDone, Decided: at(7)},
			{ID: newID(), Amount: euros(1), Status: booking.RefundDue, Decided: at(8), Refusals: 5},
		}
		b.Cancellations = []booking.Cancellation{{
			ID: newID(), Items: b.Items[:1], Price: euros(7), Fee: euros(1), RefundID: b.Refunds[0].ID,
			All: true, Done: true, At: at(10), By: newID(), Key: "k", Tickets: []int{1, 3},
		}}
		b.Holders = []booking.TicketHolder{
			{Number: 2, Holder: booking.Holder{Name: "<i>\u202fŁucja</i>", Email: "łucja@example.com"}, Issue: 255},
			{Number: 20, Holder: booking.Holder{Name: long}, Issue: 1},
		}
		b.Resends = []time.Time{at(14), at(15)}
		b.Reason, b.Attempt, b.Acknowledged, b.Owed, b.Version, b.Tries = problem.SoldOut, 3, true, true, 7, 5
		b.Checkout = &booking.Checkout{ExpiresAt: at(11), Extensions: 2, Attempts: []booking.Attempt{
			{At: at(12), Key: "a", Outcome: booking.PaymentDeclined}, {At: at(13), Key: "b", Outcome: booking.PaymentOpen},
		}}
		b.Timeline = []booking.Step{{At: at(1), Step: "a", Detail: "ä", By: newID()}, {At: at(2), Step: "b"}}
		b.CreatedAt, b.UpdatedAt, b.Lease.Until = at(3), at(4), at(5)
	})
}

func roundTrip(t *testing.T, u StoreUnderTest) {
	none := pending(func(b *booking.Booking) {
		b.UserEmail, b.UserName, b.Payment, b.Lease = "", "", booking.Payment{}, booking.Lease{}
		b.Items, b.Timeline = nil, nil
	})
	empty := pending(func(b *booking.Booking) {
		b.Items, b.Timeline = []events.Item{}, []booking.Step{}
		b.Refunds, b.Cancellations, b.Holders = []booking.Refund{}, []booking.Cancellation{}, []booking.TicketHolder{}
	})
	old := pending(func(b *booking.Booking) { b.CreatedAt = time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC) })
	for _, b := range []booking.Booking{full(), none, empty, old} {
		u.create(t, b, booking.Key{})
		u.want(t, b)
		if at := u.get(t, b.ID).CreatedAt; at.Location() != time.UTC {
			t.Errorf("created at %v, want UTC", at)
		}
	}
}

func notFound(t *testing.T, u StoreUnderTest) {
	b := u.create(t, pending(), newKey())
	for _, id := range []string{newID(), "", b.ID + "\x00", "\xff"} { // not every database can store them all
		_, err := u.Store.Get(t.Context(), id)
		wantErr(t, err, booking.ErrNotFound)
		_, err = u.Store.ByKey(t.Context(), b.UserID, booking.Key{Value: id, Fingerprint: "f1"}, start)
		wantErr(t, err, booking.ErrNotFound)
	}
	_, err := u.Store.Update(t.Context(), newID(), "", func(*booking.Booking) error {
		t.Error("change is called for no booking")
		return nil
	})
	wantErr(t, err, booking.ErrNotFound)
	page, err := u.Store.List(t.Context(), booking.Query{UserID: newID(), Limit: 10})
	if err != nil || len(page) != 0 {
		t.Errorf("the list of a user without bookings is %v, %v", page, err)
	}
	claimed, err := u.Store.Claim(t.Context(), start, booking.Lease{Token: newID(), Until: start}, 10)
	if err != nil || len(claimed) != 0 {
		t.Errorf("with nothing to claim there is %v, %v", claimed, err)
	}
}

func storeCancelled(t *testing.T, u StoreUnderTest) {
	ctx := cancelled(t)
	b, key := u.create(t, pending(), booking.Key{}), newKey()
	other := pending()
	if u.Store.Create(ctx, other, key, nil) == nil {
		t.Error("Create has no error")
	}
	if _, err := u.Store.ByKey(t.Context(), other.UserID, key, start); err == nil {
		t.Error("Create has stored the key")
	}
	_, err := u.Store.Get(t.Context(), other.ID)
	wantErr(t, err, booking.ErrNotFound)
	if _, err := u.Store.Update(ctx, b.ID, b.Lease.Token, func(b *booking.Booking) error {
		b.Status = booking.Failed
		b.Effects.Messages = []events.Message{message()}
		return nil
	}); err == nil {
		t.Error("Update has no error")
	}
	if _, err := u.Store.Claim(ctx, b.Lease.Until, booking.Lease{Token: newID(), Until: start.Add(time.Hour)}, 1); err == nil {
		t.Error("Claim has no error")
	}
	u.want(t, b)
	u.wantMessages(t)
}
