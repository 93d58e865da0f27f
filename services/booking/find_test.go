package booking_test

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
)

// finding is a service whose guests can find their bookings.
type finding struct{ linked }

func newFinding(t *testing.T) finding {
	t.Helper()
	w := newWorld(t)
	f := finding{linked{world: w, s: w.service(nil), owner: w.newCustomer()}}
	f.s.LinkKeys, f.s.LinkMails = linkKeys, w.store.(*sqlite.Store).LinkMails()
	return f
}

// linkMail is a message about a mail with links.
type linkMail struct {
	events.Booking
	MailID string
}

// booked returns a confirmed booking of a guest, or an account, with this address.
func (f finding) booked(t *testing.T, role identity.Role, email string) booking.Booking {
	t.Helper()
	c := f.newCustomer()
	c.Role, c.Email, c.Name = role, email, "Ana"
	return f.book(t, f.s, c, booking.Request{EventID: f.newEvent(price), Tickets: 2})
}

// find asks for the links to the bookings of each address, and returns the mails that it
// leads to.
func (f finding) find(t *testing.T, emails ...string) []linkMail {
	t.Helper()
	for _, email := range emails {
		if err := f.s.FindBookings(t.Context(), email, "client"); err != nil {
			t.Fatal(err)
		}
	}
	return f.mailed(t)
}

func (f finding) mailed(t *testing.T) (all []linkMail) {
	t.Helper()
	if err := f.s.MailLinksNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	later := f.now().Add(time.Hour)
	entries, err := f.store.Outbox().Claim(t.Context(), later, later, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.Message.ID)
		if e.Message.Type != events.TypeBookingLinksRequested {
			continue
		}
		m := linkMail{MailID: e.Message.ID}
		if err := json.Unmarshal(e.Message.Data, &m.Booking); err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	if err := f.store.Outbox().Close(t.Context(), ids, later); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestAGuestFindsTheirBookings(t *testing.T) {
	t.Parallel()
	f := newFinding(t)
	first, last := f.booked(t, identity.Guest, "ana@bücher.example"), f.booked(t, identity.Guest, "Ana@Bücher.example")
	f.booked(t, identity.Customer, "ana@bücher.example")
	f.booked(t, identity.Guest, "anna@bücher.example")
	mails := f.find(t, "ana@bücher.example")
	if len(mails) != 1 || mails[0].BookingID != last.ID || mails[0].Version != last.Version || len(mails[0].Tickets) != 2 {
		t.Fatalf("told is %+v, want version %d of %s", mails, last.Version, last.ID)
	}
	for range 2 { // a retry sends the same
		m, err := f.s.LinkMail(t.Context(), mails[0].MailID)
		if err != nil {
			t.Fatal(err)
		}
		if m.To != "Ana@Bücher.example" || m.Name != "Ana" || m.Locale != nil {
			t.Errorf("it goes to %s %s, in %v", m.Name, m.To, m.Locale)
		}
		keys := map[string]string{}
		for _, b := range m.Bookings {
			keys[b.ID] = b.LinkKey
		}
		for _, b := range []booking.Booking{first, last} {
			if all, _ := f.opened(t, b.ID, keys[b.ID]); !all {
				t.Errorf("%q does not open a booking", keys[b.ID])
			}
		}
		if len(keys) != 2 {
			t.Errorf("it has %d bookings, want 2", len(keys))
		}
	}
}

func TestEachSpellingOfAnAddressFindsItsBookings(t *testing.T) {
	t.Parallel()
	for _, spelling := range []string{
		"zoë@bücher.example", "ZOË@BÜCHER.EXAMPLE", " zoë@xn--bcher-kva.example ", "Zoe\u0308@bu\u0308cher.example", "zoë@ｂücher.example",
	} {
		f := newFinding(t)
		f.booked(t, identity.Guest, "zoë@bücher.example")
		if mails := f.find(t, spelling); len(mails) != 1 {
			t.Errorf("%q leads to %d mails", spelling, len(mails))
		}
	}
	f := newFinding(t)
	f.booked(t, identity.Guest, "zoë@bücher.example")
	if mails := f.find(t, "zoe@bücher.example", "zoë@bucher.example", "zoë+x@bücher.example", "other@example.com"); len(mails) != 0 {
		t.Errorf("other addresses lead to %d mails", len(mails))
	}
}

func TestAnAddressThatIsNone(t *testing.T) {
	t.Parallel()
	f := newFinding(t)
	for _, email := range []string{"", "ana", "ana@", "ana@example.com, bob@example.com", "Ana <ana@example.com>", "ana@example.com\r\nBcc: bob@example.com", strings.Repeat("a", 300) + "@example.com"} {
		var invalid problem.Invalid
		if err := f.s.FindBookings(t.Context(), email, "client"); !errors.As(err, &invalid) || invalid[0].Name != "email" {
			t.Errorf("%q: %v", email, err)
		}
	}
}

// However many ask, a mailbox gets a few mails a day.
func TestAMailboxGetsFewMailsWithLinks(t *testing.T) {
	t.Parallel()
	f := newFinding(t)
	f.booked(t, identity.Guest, "ana@example.com")
	f.booked(t, identity.Guest, "ana+x@example.com")
	for i := range 1000 {
		email := []string{"ana@example.com", "ANA@example.com", "ana+x@example.com"}[i%3]
		if err := f.s.FindBookings(t.Context(), email, strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	if mails := f.mailed(t); len(mails) != booking.LinkMailsPerDay {
		t.Errorf("%d mails are sent, want %d", len(mails), booking.LinkMailsPerDay)
	}
	f.advance(24*time.Hour - time.Second)
	if mails := f.find(t, "ana@example.com"); len(mails) != 0 {
		t.Errorf("another %d are sent within a day", len(mails))
	}
	f.advance(2 * time.Second)
	if mails := f.find(t, "ana@example.com"); len(mails) != 1 {
		t.Errorf("%d are sent after a day, want 1", len(mails))
	}
}

// The requests of one client count for an hour, and are answered alike.
func TestAClientAsksForFewMailsWithLinks(t *testing.T) {
	t.Parallel()
	f := newFinding(t)
	const most = 30
	for i := range most + 10 {
		email := "ana" + strconv.Itoa(i) + "@example.com"
		f.booked(t, identity.Guest, email)
		if err := f.s.FindBookings(t.Context(), email, "client"); err != nil {
			t.Fatal(err)
		}
	}
	if mails := f.mailed(t); len(mails) != most {
		t.Errorf("%d mails are sent, want %d", len(mails), most)
	}
	f.advance(booking.LinkRequestsKept + time.Second)
	if mails := f.find(t, "ana35@example.com"); len(mails) != 1 {
		t.Errorf("after an hour %d mails are sent, want 1", len(mails))
	}
}

func TestLinksThatHaveEndedAreNotMailed(t *testing.T) {
	t.Parallel()
	f := newFinding(t)
	b := f.booked(t, identity.Guest, "ana@example.com")
	mails := f.find(t, "ana@example.com")
	if len(mails) != 1 {
		t.Fatalf("%d mails are sent, want 1", len(mails))
	}
	f.advance(b.LinksEnd().Sub(f.now()) - time.Second)
	if m, err := f.s.LinkMail(t.Context(), mails[0].MailID); err != nil || len(m.Bookings) != 1 {
		t.Errorf("the mail has %d bookings, and the error is %v", len(m.Bookings), err)
	}
	f.advance(time.Second)
	_, err := f.s.LinkMail(t.Context(), mails[0].MailID)
	wantErr(t, err, booking.ErrMailNotDue)
	if mails := f.find(t, "ana@example.com"); len(mails) != 0 {
		t.Errorf("%d mails are sent", len(mails))
	}
}

func TestAMailWithLinksSaysWhatIsSoWhenItIsSent(t *testing.T) {
	t.Parallel()
	f := newFinding(t)
	claimed, other := f.booked(t, identity.Guest, "ana@example.com"), f.booked(t, identity.Guest, "ana@example.com")
	mails := f.find(t, "ana@example.com")
	if _, err := f.s.ClaimBooking(t.Context(), f.newAccount("ana@example.com"), claimed.ID, linkKeys.Buyer(&claimed)); err != nil {
		t.Fatal(err)
	}
	m, err := f.s.LinkMail(t.Context(), mails[0].MailID)
	if err != nil || len(m.Bookings) != 1 || m.Bookings[0].ID != other.ID {
		t.Errorf("it has %d bookings, and the error is %v", len(m.Bookings), err)
	}
	if _, err := f.s.ClaimBooking(t.Context(), f.newAccount("ana@example.com"), other.ID, linkKeys.Buyer(&other)); err != nil {
		t.Fatal(err)
	}
	_, err = f.s.LinkMail(t.Context(), mails[0].MailID)
	wantErr(t, err, booking.ErrMailNotDue)
	_, err = f.s.LinkMail(t.Context(), uuid.NewString())
	wantErr(t, err, booking.ErrMailNotDue)
}

func TestWithoutLinksNobodyIsMailedAny(t *testing.T) {
	t.Parallel()
	f := newFinding(t)
	f.s.LinkKeys = nil
	f.booked(t, identity.Guest, "ana@example.com")
	if mails := f.find(t, "ana@example.com"); len(mails) != 0 {
		t.Errorf("%d mails are sent", len(mails))
	}
}
