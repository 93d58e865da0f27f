package bookingtest

import (
	"errors"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// LinkMailsUnderTest is an adapter of booking.LinkMails that has kept nothing yet, with
// the store of its database.
type LinkMailsUnderTest struct {
	StoreUnderTest
	booking.LinkMails
}

// TestLinkMails is the contract of booking.LinkMails.
func TestLinkMails(t *testing.T, open func(t *testing.T) LinkMailsUnderTest) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, u LinkMailsUnderTest)
	}{
		{"a request is worked off as it was made", requestWorkedOff},
		{"of one client only the first so many are stored", requestsOfClient},
		{"racing requests of one client are no more", requestsRace},
		{"those that have waited longest come first", requestsInOrder},
		{"found are the bookings of guests with that key", foundOfGuests},
		{"found are bookings that are or were confirmed", foundConfirmed},
		{"found are the last that were made", foundLast},
		{"a claimed booking is not found nor one with another address", foundAsItIs},
		{"a booking that cannot be read hides no other", foundUnreadable},
		{"a request whose address has no guest ends", requestOfNobody},
		{"mail and message and end are stored together", mailStored},
		{"without a mail the request ends", requestEnds},
		{"after an error of decide nothing is stored", decideFails},
		{"decide is told how many mails the mailbox was sent", mailsCounted},
		{"of many at once each is decided on once and told of the others", workOffRace},
		{"an unknown mail is ErrMailNotDue", mailUnknown},
		{"what counts no more is forgotten", linkMailsPruned},
		{"requests that wait stay", requestsThatWaitStay},
		{"a cancelled context changes nothing", linkMailsCancelled},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, open(t))
		})
	}
}

// told returns the ids of the messages in the outbox.
func (u LinkMailsUnderTest) told(t *testing.T) []string {
	t.Helper()
	entries, err := u.Outbox.Claim(t.Context(), start.Add(time.Hour), start.Add(time.Hour), 1000)
	must(t, err)
	ids := []string{}
	for _, e := range entries {
		ids = append(ids, e.Message.ID)
	}
	return ids
}

const guestKey = "zoë@example.com" // of guestBooking

func aDay(at time.Time) booking.Span {
	return booking.Span{After: at.Add(-24 * time.Hour), Before: at.Add(24 * time.Hour)}
}

// guestBooking returns a guest's booking that is confirmed.
func guestBooking(edits ...func(*booking.Booking)) booking.Booking {
	return settled(append([]func(*booking.Booking){func(b *booking.Booking) { b.Guest, b.UserEmail = true, "Zoë@EXAMPLE.com" }}, edits...)...)
}

func newRequest(edits ...func(*booking.LinkRequest)) booking.LinkRequest {
	r := booking.LinkRequest{ID: newID(), Key: guestKey, Mailbox: "zoë", Client: newID(), At: start, TraceParent: "00-ÄÖÜ"}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

func (u LinkMailsUnderTest) create(t *testing.T, all ...booking.Booking) {
	t.Helper()
	for _, b := range all {
		must(t, u.Store.Create(t.Context(), b, booking.Key{}, nil))
	}
}

func (u LinkMailsUnderTest) request(t *testing.T, all ...booking.LinkRequest) {
	t.Helper()
	for _, r := range all {
		must(t, u.Request(t.Context(), r, aDay(start), 1000))
	}
}

// decision is what decide was called with.
type decision struct {
	request booking.LinkRequest
	found   []booking.Booking
	recent  int
}

// workOff works requests off, up to limit, with a mail for each or without.
func (u LinkMailsUnderTest) workOff(t *testing.T, limit, want int, mail bool) (all []decision, mails []booking.LinkMail) {
	t.Helper()
	n, err := u.WorkOff(t.Context(), aDay(start), limit, func(r booking.LinkRequest, found []booking.Booking, recent int) (*booking.LinkMail, events.Message, error) {
		all = append(all, decision{r, found, recent})
		if !mail {
			return nil, events.Message{}, nil
		}
		m := linkMail(r)
		mails = append(mails, m)
		return &m, linkMessage(m), nil
	})
	must(t, err)
	if n != want {
		t.Errorf("%d requests were worked off, want %d", n, want)
	}
	return all, mails
}

func linkMail(r booking.LinkRequest) booking.LinkMail {
	return booking.LinkMail{ID: newID(), Key: r.Key, Mailbox: r.Mailbox, CreatedAt: start}
}

func linkMessage(m booking.LinkMail) events.Message {
	return events.Message{SpecVersion: events.SpecVersion, ID: m.ID, Source: "booking", Type: events.TypeBookingLinksRequested, Subject: m.ID, Time: m.CreatedAt, Data: []byte(`{}`)}
}

// found returns the ids of the bookings that are found now.
func (u LinkMailsUnderTest) found(t *testing.T) []string {
	t.Helper()
	u.request(t, newRequest())
	all, _ := u.workOff(t, 100, 1, false)
	ids := []string{}
	for _, d := range all {
		for _, b := range d.found {
			ids = append(ids, b.ID)
		}
	}
	return ids
}

func (u LinkMailsUnderTest) wantFound(t *testing.T, want ...booking.Booking) {
	t.Helper()
	ids := []string{}
	for _, b := range want {
		ids = append(ids, b.ID)
	}
	if diff := cmp.Diff(ids, u.found(t)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

func requestWorkedOff(t *testing.T, u LinkMailsUnderTest) {
	b, r := guestBooking(), newRequest()
	u.create(t, b)
	u.request(t, r)
	all, _ := u.workOff(t, 10, 1, false)
	if len(all) != 1 {
		t.Fatalf("decide was called %d times", len(all))
	}
	if diff := cmp.Diff(r, all[0].request); diff != "" {
		t.Errorf("the request (-want +got):\n%s", diff)
	}
	if f := all[0].found; len(f) != 1 || f[0].ID != b.ID || f[0].UserEmail != b.UserEmail || f[0].Timeline != nil || f[0].LinkVersion != b.LinkVersion {
		t.Errorf("found: %+v", f)
	}
	u.workOff(t, 10, 0, false)
}

func requestsOfClient(t *testing.T, u LinkMailsUnderTest) {
	u.create(t, guestBooking())
	one, other := newID(), newID()
	for i := range 5 {
		for _, client := range []string{one, other} {
			must(t, u.Request(t.Context(), newRequest(func(r *booking.LinkRequest) { r.Client, r.At = client, start.Add(time.Duration(i)*time.Second) }), aDay(start), 3))
		}
	}
	u.workOff(t, 100, 6, false)
	// Those that were worked off count, and those outside the span do not.
	again := newRequest(func(r *booking.LinkRequest) { r.Client = one })
	must(t, u.Request(t.Context(), again, aDay(start), 3))
	u.workOff(t, 100, 0, false)
	must(t, u.Request(t.Context(), again, aDay(start.Add(24*time.Hour+2*time.Second)), 3))
	u.workOff(t, 100, 1, false)
}

func requestsRace(t *testing.T, u LinkMailsUnderTest) {
	u.create(t, guestBooking())
	client := newID()
	race(workers, func(int) {
		if err := u.Request(t.Context(), newRequest(func(r *booking.LinkRequest) { r.Client = client }), aDay(start), 7); err != nil {
			t.Error(err)
		}
	})
	u.workOff(t, 100, 7, false)
}

func requestsInOrder(t *testing.T, u LinkMailsUnderTest) {
	u.create(t, guestBooking())
	at := func(s int) booking.LinkRequest {
		return newRequest(func(r *booking.LinkRequest) { r.At = start.Add(time.Duration(s) * time.Second) })
	}
	requests := []booking.LinkRequest{at(3), at(1), at(2)}
	u.request(t, requests...)
	first, _ := u.workOff(t, 2, 2, false)
	second, _ := u.workOff(t, 2, 1, false)
	got := []string{first[0].request.ID, first[1].request.ID, second[0].request.ID}
	if diff := cmp.Diff([]string{requests[1].ID, requests[2].ID, requests[0].ID}, got); diff != "" {
		t.Errorf("worked off (-want +got):\n%s", diff)
	}
}

func foundOfGuests(t *testing.T, u LinkMailsUnderTest) {
	mine := guestBooking()
	spelled := guestBooking(func(b *booking.Booking) { b.UserEmail = "zoë@example.com" })
	u.create(t, mine, spelled,
		guestBooking(func(b *booking.Booking) { b.Guest = false }),
		guestBooking(func(b *booking.Booking) { b.UserEmail = "zoe@example.com" }),
		guestBooking(func(b *booking.Booking) { b.Guest, b.UserEmail = false, "" }))
	u.wantFound(t, spelled, mine)
	u.request(t, newRequest(func(r *booking.LinkRequest) { r.Key = "" }))
	if all, _ := u.workOff(t, 10, 1, false); len(all) != 0 {
		t.Errorf("without a key %d bookings are found", len(all[0].found))
	}
}

func foundConfirmed(t *testing.T, u LinkMailsUnderTest) {
	var want []booking.Booking
	for _, status := range []booking.Status{booking.Pending, booking.Confirmed, booking.Failed, booking.Cancelling, booking.Cancelled} {
		b := guestBooking(func(b *booking.Booking) { b.Status = status })
		u.create(t, b)
		if status != booking.Pending && status != booking.Failed {
			want = append([]booking.Booking{b}, want...)
		}
	}
	u.wantFound(t, want...)
}

func foundLast(t *testing.T, u LinkMailsUnderTest) {
	var want []booking.Booking
	for range booking.MostFound + 2 {
		b := guestBooking()
		u.create(t, b)
		want = append([]booking.Booking{b}, want...)
	}
	u.wantFound(t, want[:booking.MostFound]...)
}

func foundAsItIs(t *testing.T, u LinkMailsUnderTest) {
	claimed, moved, arrived, stays := guestBooking(), guestBooking(), guestBooking(func(b *booking.Booking) { b.UserEmail = "other@example.com" }), guestBooking()
	u.create(t, claimed, moved, arrived, stays)
	for id, change := range map[string]func(*booking.Booking) error{
		claimed.ID: func(b *booking.Booking) error { b.Guest, b.UserID = false, newID(); return nil },
		moved.ID:   func(b *booking.Booking) error { b.UserEmail = "other@example.com"; return nil },
		arrived.ID: func(b *booking.Booking) error { b.UserEmail = "zoë@EXAMPLE.com"; return nil },
	} {
		_, err := u.Store.Update(t.Context(), id, "", change)
		must(t, err)
	}
	u.wantFound(t, stays, arrived)
}

func foundUnreadable(t *testing.T, u LinkMailsUnderTest) {
	one, spoilt, other := guestBooking(), guestBooking(), guestBooking()
	u.create(t, one, spoilt, other)
	u.Spoil(t, spoilt.ID)
	u.request(t, newRequest())
	all, _ := u.workOff(t, 10, 1, false)
	if len(all) != 1 || len(all[0].found) != 3 {
		t.Fatalf("decide was called with %+v", all)
	}
	for i, want := range []booking.Booking{other, spoilt, one} {
		if b := all[0].found[i]; b.ID != want.ID || errors.Is(b.Unreadable, booking.ErrUnreadable) != (want.ID == spoilt.ID) {
			t.Errorf("number %d is %s, unreadable: %v", i, b.ID, b.Unreadable)
		}
	}
}

func requestOfNobody(t *testing.T, u LinkMailsUnderTest) {
	u.request(t, newRequest())
	if all, _ := u.workOff(t, 10, 1, true); len(all) != 0 {
		t.Errorf("decide was called %d times", len(all))
	}
	u.create(t, guestBooking())
	u.workOff(t, 10, 0, true)
}

func mailStored(t *testing.T, u LinkMailsUnderTest) {
	b := guestBooking()
	u.create(t, b)
	u.request(t, newRequest())
	_, mails := u.workOff(t, 10, 1, true)
	got, found, err := u.LinkMails.Get(t.Context(), mails[0].ID)
	must(t, err)
	if diff := cmp.Diff(mails[0], got); diff != "" {
		t.Errorf("the mail (-want +got):\n%s", diff)
	}
	if len(found) != 1 || found[0].ID != b.ID {
		t.Errorf("found: %+v", found)
	}
	if diff := cmp.Diff([]string{mails[0].ID}, u.told(t)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	u.workOff(t, 10, 0, true)
	// It has the bookings as they are when it is sent.
	later := guestBooking()
	u.create(t, later)
	_, found, err = u.LinkMails.Get(t.Context(), mails[0].ID)
	must(t, err)
	if len(found) != 2 || found[0].ID != later.ID {
		t.Errorf("later are found: %+v", found)
	}
}

func requestEnds(t *testing.T, u LinkMailsUnderTest) {
	u.create(t, guestBooking())
	u.request(t, newRequest())
	u.workOff(t, 10, 1, false)
	u.workOff(t, 10, 0, true)
	if told := u.told(t); len(told) != 0 {
		t.Errorf("told: %v", told)
	}
}

func decideFails(t *testing.T, u LinkMailsUnderTest) {
	u.create(t, guestBooking())
	u.request(t, newRequest(), newRequest())
	calls := 0
	broken := errors.New("broken")
	_, err := u.WorkOff(t.Context(), aDay(start), 10, func(r booking.LinkRequest, _ []booking.Booking, _ int) (*booking.LinkMail, events.Message, error) {
		if calls++; calls == 2 {
			return nil, events.Message{}, broken
		}
		m := linkMail(r)
		return &m, linkMessage(m), nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want that of decide", err)
	}
	if told := u.told(t); len(told) != 0 {
		t.Errorf("told: %v", told)
	}
	if all, _ := u.workOff(t, 10, 2, false); len(all) == 2 && all[0].recent+all[1].recent != 0 {
		t.Errorf("mails count that were not stored: %d, %d", all[0].recent, all[1].recent)
	}
}

func mailsCounted(t *testing.T, u LinkMailsUnderTest) {
	u.create(t, guestBooking())
	for want := range 3 {
		u.request(t, newRequest())
		if all, _ := u.workOff(t, 10, 1, true); all[0].recent != want {
			t.Errorf("told of %d mails, want %d", all[0].recent, want)
		}
	}
	u.request(t, newRequest(func(r *booking.LinkRequest) { r.Mailbox = "another" }))
	if all, _ := u.workOff(t, 10, 1, false); all[0].recent != 0 {
		t.Errorf("another mailbox was sent %d mails", all[0].recent)
	}
	for name, within := range map[string]booking.Span{
		"later": {After: start, Before: start.Add(time.Hour)}, "earlier": {After: start.Add(-time.Hour), Before: start},
	} {
		u.request(t, newRequest())
		_, err := u.WorkOff(t.Context(), within, 10, func(_ booking.LinkRequest, _ []booking.Booking, recent int) (*booking.LinkMail, events.Message, error) {
			if recent != 0 {
				t.Errorf("%s: told of %d mails outside the span", name, recent)
			}
			return nil, events.Message{}, nil
		})
		must(t, err)
	}
}

func workOffRace(t *testing.T, u LinkMailsUnderTest) {
	const requests, most = 40, 3
	u.create(t, guestBooking())
	for i := range requests {
		u.request(t, newRequest(func(r *booking.LinkRequest) { r.Mailbox = strconv.Itoa(i % 2) }))
	}
	var decided atomic.Int32
	race(8, func(int) {
		for {
			n, err := u.WorkOff(t.Context(), aDay(start), 3, func(r booking.LinkRequest, _ []booking.Booking, recent int) (*booking.LinkMail, events.Message, error) {
				if recent >= most {
					return nil, events.Message{}, nil
				}
				m := linkMail(r)
				return &m, linkMessage(m), nil
			})
			if err != nil {
				t.Error(err)
				return
			}
			decided.Add(int32(n))
			if n == 0 {
				return
			}
		}
	})
	if decided.Load() != requests {
		t.Errorf("%d requests were decided on, want %d", decided.Load(), requests)
	}
	if told := u.told(t); len(told) != 2*most {
		t.Errorf("%d mails are told of, want %d", len(told), 2*most)
	}
}

func mailUnknown(t *testing.T, u LinkMailsUnderTest) {
	for _, id := range []string{newID(), "", "\x00"} {
		if _, _, err := u.LinkMails.Get(t.Context(), id); !errors.Is(err, booking.ErrMailNotDue) {
			t.Errorf("%q: error %v, want ErrMailNotDue", id, err)
		}
	}
}

func linkMailsPruned(t *testing.T, u LinkMailsUnderTest) {
	u.create(t, guestBooking())
	done := newRequest()
	u.request(t, done)
	_, mails := u.workOff(t, 10, 1, true)
	// again reports whether its client may ask once more, having asked once.
	again := func(client string) bool {
		r := newRequest(func(r *booking.LinkRequest) { r.Client, r.At, r.Key = client, start.Add(time.Minute), "nobody" })
		must(t, u.Request(t.Context(), r, aDay(start), 1))
		n, err := u.WorkOff(t.Context(), aDay(start), 10, nil) // nobody has its address
		must(t, err)
		return n > 0
	}
	must(t, u.LinkMails.Prune(t.Context(), start.Add(booking.LinkRequestsKept)))
	if again(done.Client) {
		t.Error("a request is forgotten too early")
	}
	must(t, u.LinkMails.Prune(t.Context(), start.Add(booking.LinkRequestsKept+time.Second)))
	if !again(done.Client) {
		t.Error("a request that was worked off still counts")
	}
	must(t, u.LinkMails.Prune(t.Context(), start.Add(booking.LinkMailsKept)))
	if _, _, err := u.LinkMails.Get(t.Context(), mails[0].ID); err != nil {
		t.Errorf("the mail is forgotten too early: %v", err)
	}
	must(t, u.LinkMails.Prune(t.Context(), start.Add(booking.LinkMailsKept+time.Second)))
	if _, _, err := u.LinkMails.Get(t.Context(), mails[0].ID); !errors.Is(err, booking.ErrMailNotDue) {
		t.Errorf("the mail is not forgotten: %v", err)
	}
}

func requestsThatWaitStay(t *testing.T, u LinkMailsUnderTest) {
	u.create(t, guestBooking())
	u.request(t, newRequest())
	must(t, u.LinkMails.Prune(t.Context(), start.Add(1000*time.Hour)))
	u.workOff(t, 10, 1, false)
}

func linkMailsCancelled(t *testing.T, u LinkMailsUnderTest) {
	u.create(t, guestBooking())
	if err := u.Request(cancelled(t), newRequest(), aDay(start), 10); err == nil {
		t.Error("Request has no error")
	}
	u.workOff(t, 10, 0, false)
	u.request(t, newRequest())
	if _, err := u.WorkOff(cancelled(t), aDay(start), 10, func(r booking.LinkRequest, _ []booking.Booking, _ int) (*booking.LinkMail, events.Message, error) {
		m := linkMail(r)
		return &m, linkMessage(m), nil
	}); err == nil {
		t.Error("WorkOff has no error")
	}
	u.workOff(t, 10, 1, false)
	if told := u.told(t); len(told) != 0 {
		t.Errorf("told: %v", told)
	}
}

// CheckOldGuests checks that a store gives the bookings of guests their keys when it is
// opened. strip takes the keys away from all bookings of s, and reopen opens it again.
func CheckOldGuests(t *testing.T, s booking.Store, strip func(), reopen func() LinkMailsUnderTest) {
	t.Helper()
	mine := guestBooking()
	old := []booking.Booking{mine, guestBooking(func(b *booking.Booking) { b.Guest = false })}
	for range 1100 { // more than are keyed at once
		old = append(old, guestBooking(func(b *booking.Booking) { b.UserEmail = newID() + "@example.com" }))
	}
	for _, b := range old {
		must(t, s.Create(t.Context(), b, booking.Key{}, nil))
	}
	strip()
	reopen().wantFound(t, mine)
}
