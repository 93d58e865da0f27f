package notification_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// links are of two bookings of one guest.
func links(locale *string) notification.LinkMail {
	one := notification.LinkedBooking{
		BookingID: "0195e9d2-7c1a-7abc-8def-0123456789ab", Tickets: 2, LinkKey: linkKey,
		Event: events.Event{Title: "Concert at evil.example", StartsAt: time.Date(2027, 3, 12, 18, 30, 0, 0, time.UTC), TimeZone: "Europe/Berlin", Venue: events.Venue{Name: "Philharmonie\r\nBcc: x"}},
	}
	off := one
	off.BookingID, off.Tickets, off.Cancelled, off.LinkKey, off.Event.Title = "0195e9d2-7c1a-7abc-8def-0123456789ac", 1, true, "GNtQglse0eGK09UtTYUYGw", "Another"
	return notification.LinkMail{To: "ana@example.com", Name: "Ana", Locale: locale, Bookings: []notification.LinkedBooking{one, off}}
}

// asked is a message that asks for the links to the bookings of a guest.
func asked(t *testing.T) events.Message {
	t.Helper()
	return message(t, events.TypeBookingLinksRequested, booking("guest"))
}

func TestAMailWithLinks(t *testing.T) {
	t.Parallel()
	german, none := "de-AT", ""
	for name, c := range map[string]struct {
		of        string // what the user service has
		corrected *string
		usersErr  error
		web       string
		want      []string // in the text; the first is the subject
	}{
		"a link": {web: "https://tickets.example", want: []string{
			"The links to your bookings", "Hello Ana,", "\nFriday, 12 March 2027, 19:30 (Europe/Berlin, UTC+1)\nPhilharmonie Bcc: x\n2 tickets\nBooking reference: BX-4D2P-F2DB\nhttps://tickets.example/b/0195e9d2-7c1a-7abc-8def-0123456789ab/" + linkKey + "\n",
			"\none ticket\nThis booking is cancelled.\n", "/GNtQglse0eGK09UtTYUYGw\n",
		}},
		"a key where there is no web site": {want: []string{"The links to your bookings", "\nThe key of this booking, for the header Booking-Key: " + linkKey + "\n"}},
		"in the user's language":           {of: "de", want: []string{"Die Links zu Ihren Buchungen", "Guten Tag Ana,", "\n2 Tickets\n"}},
		"in the corrected language":        {corrected: &german, usersErr: errors.New("away"), want: []string{"Die Links zu Ihren Buchungen", "\nein Ticket\nDiese Buchung ist storniert.\n"}},
		"in no language":                   {of: "de", corrected: &none, want: []string{"The links to your bookings"}},
		"in English where nobody answers":  {of: "de", usersErr: errors.New("away"), want: []string{"The links to your bookings"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &outside{contact: notification.Contact{Email: "guest@example.com", Locale: c.of, Phone: "+4930123456"}, usersErr: c.usersErr, links: links(c.corrected)}
			s := newService(t, o, func(o *notification.Options) { o.WebURL = c.web })
			m := asked(t)
			for range 3 { // redelivered
				handle(t, s, m)
			}
			if n := all(t, s); len(n) != 0 {
				t.Errorf("it is listed before anybody knows to whom it goes: %+v", n)
			}
			run(t, s)
			eventually(t, "it is SENT", func() bool { return statuses(t, s)[notification.Sent] == 1 })
			mails, texts := o.sent()
			if len(mails) != 1 || len(texts) != 0 || mails[0].To != "ana@example.com" {
				t.Fatalf("%d mails, the first to %s, and %d SMS", len(mails), mails[0].To, len(texts))
			}
			if mails[0].Subject != c.want[0] {
				t.Errorf("the subject is %q, want %q", mails[0].Subject, c.want[0])
			}
			for _, want := range c.want[1:] {
				if !strings.Contains(mails[0].Text, want) {
					t.Errorf("the text has not %q:\n%s", want, mails[0].Text)
				}
			}
			if !strings.Contains(mails[0].HTML, linkKey) || strings.Contains(mails[0].HTML+mails[0].Text, "evil.example") {
				t.Errorf("the HTML is\n%s", mails[0].HTML)
			}
			listed := all(t, s)[0]
			if listed.Subject != c.want[0] || listed.UserID != "guest" || listed.BookingID != "" {
				t.Errorf("listed: %+v", listed)
			}
		})
	}
}

func TestAMailWithLinksThatIsNotDue(t *testing.T) {
	t.Parallel()
	o := &outside{linksErr: notification.ErrNotDue}
	s := newService(t, o)
	stop := run(t, s)
	handle(t, s, asked(t))
	eventually(t, "it was asked for", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.linksAsked > 0
	})
	stop()
	if mails, _ := o.sent(); len(mails) != 0 || len(all(t, s)) != 0 {
		t.Errorf("%d mails were sent, and %d are listed", len(mails), len(all(t, s)))
	}
}

func TestAMailWithLinksWaitsForTheBookingService(t *testing.T) {
	t.Parallel()
	o := &outside{linksErr: errors.New("away"), links: links(nil)}
	s := newService(t, o)
	run(t, s)
	handle(t, s, asked(t))
	eventually(t, "it was asked for often", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.linksAsked > 3
	})
	o.set(func(o *outside) { o.linksErr = nil })
	eventually(t, "it is SENT", func() bool { return statuses(t, s)[notification.Sent] == 1 })
	if mails, _ := o.sent(); len(mails) != 1 {
		t.Errorf("%d mails were sent", len(mails))
	}
}

// What becomes of the booking that the message is about outdates no links.
func TestACancellationOutdatesNoLinks(t *testing.T) {
	t.Parallel()
	o := &outside{linksErr: errors.New("away"), links: links(nil)}
	s := newService(t, o)
	b := booking("guest")
	handle(t, s, message(t, events.TypeBookingLinksRequested, b))
	b.Version++
	handle(t, s, message(t, events.TypeBookingCancelled, b))
	o.set(func(o *outside) { o.linksErr = nil })
	run(t, s)
	eventually(t, "both are SENT", func() bool { return statuses(t, s)[notification.Sent] == 2 })
}

func TestMessagesThatAskForLinksAreChecked(t *testing.T) {
	t.Parallel()
	s := newService(t, &outside{})
	m := asked(t)
	m.Data = []byte(`{"booking_id":"1"}`)
	if err := s.Handle(t.Context(), m); !errors.Is(err, notification.ErrMalformed) {
		t.Errorf("error %v, want ErrMalformed", err)
	}
}
