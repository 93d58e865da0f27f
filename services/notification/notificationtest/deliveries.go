package notificationtest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// DeliveriesFixture is a Deliveries of a booking service that a test controls.
type DeliveriesFixture struct {
	Deliveries notification.Deliveries
	// Put makes d due for what w asks for, whatever its PDF and Locale. Beside d's tickets the
	// booking has others, which were given back.
	Put func(w notification.Wanted, d notification.Delivery)
	// PutLinks makes a mail with links due.
	PutLinks func(id string, m notification.LinkMail)
	Down     func() // makes the booking service stop answering
}

// TestDeliveries holds a notification.Deliveries to its promises. open returns one of a
// booking service that knows of no booking.
func TestDeliveries(t *testing.T, open func(t *testing.T) DeliveriesFixture) {
	whole := notification.Delivery{LinkKey: "xvQ8MosBTNjY_I8JO9UQvw", Tickets: []notification.DeliveredTicket{
		{Number: 1, Name: "Stalls", Holder: "Ada Füße 音楽", Code: "*50IH8ZEV/ $", QR: []byte("\x89PNG\r\n1")},
		{Number: 3, Name: "Balcony", Code: "%SOE 8AJ4", QR: []byte("\x89PNG\r\n3")},
	}}
	one := notification.Delivery{LinkKey: "GNtQglse0eGK09UtTYUYGw", Tickets: whole.Tickets[1:]}
	buyer := func() notification.Wanted { return notification.Wanted{BookingID: newID(), LinkVersion: 3} }
	holder := func() notification.Wanted {
		return notification.Wanted{BookingID: newID(), TicketID: newID(), Issue: 2}
	}
	gets := func(t *testing.T, f DeliveriesFixture, w notification.Wanted, want notification.Delivery) {
		t.Helper()
		got, err := f.Deliveries.Delivery(t.Context(), w)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("error %v (-want +got):\n%s", err, diff)
		}
	}
	t.Run("a_buyer_gets_the_valid_tickets_by_number_and_the_key_of_the_booking", func(t *testing.T) {
		t.Parallel()
		f, w := open(t), buyer()
		f.Put(w, whole)
		gets(t, f, w, whole)
	})
	t.Run("a_holder_gets_their_ticket_and_its_key", func(t *testing.T) {
		t.Parallel()
		f, w := open(t), holder()
		f.Put(notification.Wanted{BookingID: w.BookingID}, whole)
		f.Put(w, one)
		gets(t, f, w, one)
	})
	t.Run("the_PDF_comes_where_it_is_asked_for", func(t *testing.T) {
		t.Parallel()
		for _, w := range []notification.Wanted{buyer(), holder()} {
			f, d := open(t), whole
			d.PDF = []byte("%PDF-1.7\n\x00\xff")
			f.Put(w, d)
			gets(t, f, w, whole)
			w.PDF = true
			gets(t, f, w, d)
		}
	})
	t.Run("what_is_not_due_is_ErrNotDue", func(t *testing.T) {
		t.Parallel()
		f, b, h := open(t), buyer(), holder()
		f.Put(b, whole)
		f.Put(h, one)
		otherVersion, otherIssue, otherTicket, otherBooking := b, h, h, b
		otherVersion.LinkVersion++
		otherIssue.Issue++
		otherTicket.TicketID, otherBooking.BookingID = newID(), newID()
		for _, w := range []notification.Wanted{otherVersion, otherIssue, otherTicket, otherBooking, {BookingID: "../admin"}, {BookingID: "a/b?c#d"}} {
			_, err := f.Deliveries.Delivery(t.Context(), w)
			wantErr(t, err, notification.ErrNotDue)
		}
	})
	t.Run("no_answer_is_another_error", func(t *testing.T) {
		t.Parallel()
		f, w := open(t), buyer()
		f.Put(w, whole)
		f.Down()
		if _, err := f.Deliveries.Delivery(t.Context(), w); err == nil || errors.Is(err, notification.ErrNotDue) {
			t.Errorf("error %v, want another than ErrNotDue", err)
		}
		if _, err := f.Deliveries.Delivery(cancelled(t), w); err == nil || errors.Is(err, notification.ErrNotDue) {
			t.Errorf("with a cancelled context: error %v, want another than ErrNotDue", err)
		}
	})
	german := "de-AT"
	linked := notification.LinkedBooking{
		BookingID: newID(), Tickets: 2, LinkKey: "xvQ8MosBTNjY_I8JO9UQvw",
		Event: events.Event{Title: "Füße & 音楽", StartsAt: base, TimeZone: "Europe/Berlin", Venue: events.Venue{Name: "Philharmonie"}},
	}
	off := linked
	off.BookingID, off.Cancelled, off.LinkKey = newID(), true, "GNtQglse0eGK09UtTYUYGw"
	links := notification.LinkMail{To: "ana@example.com", Name: "Ana Füße 音楽", Locale: &german, Bookings: []notification.LinkedBooking{linked, off}}
	t.Run("a_mail_with_links_is_told_whole_with_its_bookings_in_their_order", func(t *testing.T) {
		t.Parallel()
		silent := links
		silent.Locale, silent.Bookings = nil, []notification.LinkedBooking{off, linked}
		for _, want := range []notification.LinkMail{links, silent} {
			f, id := open(t), newID()
			f.PutLinks(id, want)
			got, err := f.Deliveries.LinkMail(t.Context(), id)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("error %v (-want +got):\n%s", err, diff)
			}
		}
	})
	t.Run("a_mail_with_links_that_is_not_due_is_ErrNotDue", func(t *testing.T) {
		t.Parallel()
		f := open(t)
		f.PutLinks(newID(), links)
		for _, id := range []string{newID(), "../admin", "a/b?c#d"} {
			_, err := f.Deliveries.LinkMail(t.Context(), id)
			wantErr(t, err, notification.ErrNotDue)
		}
	})
	t.Run("no_answer_about_links_is_another_error", func(t *testing.T) {
		t.Parallel()
		f, id := open(t), newID()
		f.PutLinks(id, links)
		f.Down()
		if _, err := f.Deliveries.LinkMail(t.Context(), id); err == nil || errors.Is(err, notification.ErrNotDue) {
			t.Errorf("error %v, want another than ErrNotDue", err)
		}
		if _, err := f.Deliveries.LinkMail(cancelled(t), id); err == nil || errors.Is(err, notification.ErrNotDue) {
			t.Errorf("with a cancelled context: error %v, want another than ErrNotDue", err)
		}
	})
}
