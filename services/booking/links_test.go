package booking_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

var linkKeys = booking.LinkKeys{[]byte("a secret of at least 32 random bytes")}

// A key is pinned: links in mails that were sent long ago must open their bookings.
func TestTheKeysOfLinksArePinned(t *testing.T) {
	t.Parallel()
	b := booking.Booking{
		ID: "01890a5d-ac96-774b-bcce-b302099a8057", LinkVersion: 3,
		Items: []events.Item{{TicketTypeID: "t", Quantity: 2}}, Status: booking.Confirmed,
	}
	for name, c := range map[string]struct{ got, want string }{
		"the buyer's":      {linkKeys.Buyer(&b), "xvQ8MosBTNjY_I8JO9UQvw"},
		"a holder's":       {linkKeys.Holder(&b, b.Tickets()[1]), "GNtQglse0eGK09UtTYUYGw"},
		"without a secret": {booking.LinkKeys{}.Buyer(&b) + booking.LinkKeys(nil).Holder(&b, b.Tickets()[1]), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s is %q, want %q", name, c.got, c.want)
		}
	}
}

// linked is a service with links to a booking of two tickets of an event that ends after
// four hours.
type linked struct {
	*world
	s     *booking.Service
	b     booking.Booking
	owner identity.Caller
}

func newLinked(t *testing.T) linked {
	t.Helper()
	w := newWorld(t)
	l := linked{world: w, s: w.service(nil), owner: w.newCustomer()}
	l.s.LinkKeys = linkKeys
	b := w.book(t, l.s, l.owner, booking.Request{EventID: w.newEvent(price), Tickets: 2})
	var err error
	if l.b, err = w.store.Update(t.Context(), b.ID, "", func(b *booking.Booking) error {
		b.Event.EndsAt = b.Event.StartsAt.Add(4 * time.Hour)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return l
}

// opened is what of a booking a key opens.
func (l linked) opened(t *testing.T, id, key string) (all bool, numbers []int) {
	t.Helper()
	_, err := l.s.Buyer(t.Context(), id, key)
	if err != nil && !errors.Is(err, booking.ErrNotFound) {
		t.Fatal(err)
	}
	b, only, ticketsErr := l.s.TicketsByLink(t.Context(), id, key)
	if ticketsErr != nil && !errors.Is(ticketsErr, booking.ErrNotFound) {
		t.Fatal(ticketsErr)
	}
	for _, ticket := range b.Tickets() {
		if only == 0 || ticket.Number == only {
			numbers = append(numbers, ticket.Number)
		}
	}
	return err == nil, numbers
}

func TestALinkOpensWhatItIsFor(t *testing.T) {
	t.Parallel()
	l := newLinked(t)
	if all, numbers := l.opened(t, l.b.ID, linkKeys.Buyer(&l.b)); !all || len(numbers) != 2 {
		t.Errorf("the buyer's opens all: %v, and the tickets %v", all, numbers)
	}
	for _, ticket := range l.b.Tickets() {
		if all, numbers := l.opened(t, l.b.ID, linkKeys.Holder(&l.b, ticket)); all || len(numbers) != 1 || numbers[0] != ticket.Number {
			t.Errorf("the link to ticket %d opens all: %v, and the tickets %v", ticket.Number, all, numbers)
		}
	}
	other := l.book(t, l.s, l.owner, booking.Request{EventID: l.b.EventID, Tickets: 2})
	key, first := linkKeys.Buyer(&l.b), l.b.Tickets()[0]
	passedOn := first
	passedOn.Issue++
	ended := l.b
	ended.LinkVersion++
	third := first
	third.Number = 3
	for name, link := range map[string]struct{ id, key string }{
		"none":                      {l.b.ID, ""},
		"forged":                    {l.b.ID, strings.Repeat("A", 22)},
		"truncated":                 {l.b.ID, key[:21]},
		"longer":                    {l.b.ID, key + "A"},
		"padded":                    {l.b.ID, key + "=="},
		"with a line's end":         {l.b.ID, key[:10] + "\n" + key[10:]},
		"with other last bits":      {l.b.ID, key[:21] + string(key[21]+1)},
		"of another booking":        {other.ID, key},
		"of a booking that is none": {uuid.NewString(), key},
		"of another secret":         {l.b.ID, booking.LinkKeys{[]byte("another")}.Buyer(&l.b)},
		"of another version":        {l.b.ID, linkKeys.Buyer(&ended)},
		"of another issue":          {l.b.ID, linkKeys.Holder(&l.b, passedOn)},
		"of a ticket that is none":  {l.b.ID, linkKeys.Holder(&l.b, third)},
		"of another's ticket":       {other.ID, linkKeys.Holder(&l.b, first)},
		"not even text":             {l.b.ID, strings.Repeat("\xff", 22)},
		"long":                      {l.b.ID, strings.Repeat(key, 1000)},
	} {
		if all, numbers := l.opened(t, link.id, link.key); all || len(numbers) > 0 {
			t.Errorf("one that is %s opens all: %v, and the tickets %v", name, all, numbers)
		}
	}
}

func TestRetiredSecretsKeepTheirLinks(t *testing.T) {
	t.Parallel()
	l := newLinked(t)
	old := linkKeys.Buyer(&l.b)
	l.s.LinkKeys = booking.LinkKeys{[]byte("the new secret"), linkKeys[0]}
	for name, key := range map[string]string{"the old": old, "the new": l.s.LinkKeys.Buyer(&l.b)} {
		if all, _ := l.opened(t, l.b.ID, key); !all {
			t.Errorf("%s one opens nothing", name)
		}
	}
	if old == l.s.LinkKeys.Buyer(&l.b) {
		t.Error("the retired secret is in use")
	}
	l.s.LinkKeys = nil
	if all, _ := l.opened(t, l.b.ID, old); all {
		t.Error("without secrets it opens")
	}
}

func TestLinksEndAfterTheEvent(t *testing.T) {
	t.Parallel()
	l := newLinked(t)
	buyer, holder := linkKeys.Buyer(&l.b), linkKeys.Holder(&l.b, l.b.Tickets()[0])
	end := bookingtest.StartsAt.Add(4*time.Hour + 30*24*time.Hour)
	for _, at := range []time.Time{end.Add(-time.Microsecond), end} {
		l.clock.Store(at.UnixMicro())
		want := at.Before(end)
		all, numbers := l.opened(t, l.b.ID, buyer)
		_, one := l.opened(t, l.b.ID, holder)
		if all != want || len(numbers) > 0 != want || len(one) > 0 != want {
			t.Errorf("at %s they open all: %v, the tickets %v, one: %v", at, all, numbers, one)
		}
	}
	without := booking.Booking{Event: events.Event{StartsAt: bookingtest.StartsAt}}
	if got := without.LinksEnd(); !got.Equal(bookingtest.StartsAt.Add(30 * 24 * time.Hour)) {
		t.Errorf("without an end of the event they end at %s", got)
	}
	if got := (&booking.Booking{}).LinksEnd(); !got.IsZero() {
		t.Errorf("without an event they end at %s", got)
	}
}

// What opens nothing costs as much as a booking that there is not: one read.
func TestWhatOpensNothingCostsTheSame(t *testing.T) {
	t.Parallel()
	l := newLinked(t)
	key := linkKeys.Buyer(&l.b)
	expired := newLinked(t)
	expired.clock.Store(expired.b.LinksEnd().UnixMicro())
	for name, c := range map[string]struct {
		linked
		id, key string
	}{
		"unknown":                     {l, uuid.NewString(), key},
		"forged":                      {l, l.b.ID, strings.Repeat("A", 22)},
		"truncated":                   {l, l.b.ID, key[:4]},
		"a holder's, for the booking": {l, l.b.ID, linkKeys.Holder(&l.b, l.b.Tickets()[0])},
		"expired":                     {expired, expired.b.ID, linkKeys.Buyer(&expired.b)},
	} {
		var calls []string
		s := c.service(&faults{before: func(call string) error { calls = append(calls, call); return nil }})
		s.LinkKeys = linkKeys
		if _, err := s.Buyer(t.Context(), c.id, c.key); !errors.Is(err, booking.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		if got := strings.Join(calls, " "); got != "Get" {
			t.Errorf("%s: it asks for %q", name, got)
		}
	}
}

func TestTheLinkGivesBackTickets(t *testing.T) {
	t.Parallel()
	l := newLinked(t)
	link, err := l.s.Buyer(t.Context(), l.b.ID, linkKeys.Buyer(&l.b))
	if err != nil {
		t.Fatal(err)
	}
	// The same request by the link and by the account is one request.
	for _, c := range []identity.Caller{link, l.owner} {
		b, _, err := l.s.CancelTickets(t.Context(), c, l.b.ID, some(l.b, 1), "k")
		if err != nil || b.TicketCount() != 1 {
			t.Fatalf("%d tickets are left, %v", b.TicketCount(), err)
		}
	}
	b, err := l.s.Cancel(t.Context(), link, l.b.ID)
	if err != nil || b.Status != booking.Cancelled {
		t.Fatalf("%s, %v", b.Status, err)
	}
	audit, err := l.store.Audit(t.Context(), booking.AuditQuery{BookingID: b.ID, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]string{}
	for _, a := range audit {
		by[a.Step.Step] = a.Step.By
	}
	if by["cancelling"] != "link" || by["created"] != l.owner.UserID {
		t.Errorf("the audit log says by whom: %v", by)
	}
	l.check(t)
}

// Paying, and what a customer has to do for it, is not for links.
func TestALinkDoesNotTouchPayments(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	s := m.service(nil)
	s.LinkKeys = linkKeys
	c := m.newCustomer()
	b, err := m.create(t.Context(), s, c, booking.Request{EventID: m.newEvent(price), Tickets: 1, PaymentToken: bookingtest.Acts})
	if err != nil || b.Payment.Action == nil {
		t.Fatalf("%+v, %v", b.Payment, err)
	}
	link, err := s.Buyer(t.Context(), b.ID, linkKeys.Buyer(&b))
	if err != nil {
		t.Fatal(err)
	}
	if seen, err := s.Get(t.Context(), link, b.ID); err != nil || seen.Payment.Action != nil {
		t.Errorf("the link shows the action %+v, %v", seen.Payment.Action, err)
	}
	b, err = s.Create(t.Context(), c, booking.Request{EventID: b.EventID, Tickets: 1, Checkout: true})
	if err != nil {
		t.Fatal(err)
	}
	if link, err = s.Buyer(t.Context(), b.ID, linkKeys.Buyer(&b)); err != nil {
		t.Fatal(err)
	}
	_, err = s.Cancel(t.Context(), link, b.ID)
	wantErr(t, err, booking.ErrNotCancellable)
	m.recover(t)
	m.check(t)
}

// Who was a ticket's holder has no link to it any more, and who is has one.
func TestAHoldersLinkEndsWithTheTicketsIssue(t *testing.T) {
	t.Parallel()
	l := newLinked(t)
	before := linkKeys.Holder(&l.b, l.b.Tickets()[1])
	link, err := l.s.Buyer(t.Context(), l.b.ID, linkKeys.Buyer(&l.b))
	if err != nil {
		t.Fatal(err)
	}
	_, ticket, err := l.s.ChangeHolder(t.Context(), link, l.b.ID, booking.TicketID(l.b.ID, 2), grace)
	if err != nil {
		t.Fatal(err)
	}
	if _, numbers := l.opened(t, l.b.ID, before); len(numbers) > 0 {
		t.Errorf("the link of before opens the tickets %v", numbers)
	}
	if _, numbers := l.opened(t, l.b.ID, linkKeys.Holder(&l.b, ticket)); len(numbers) != 1 {
		t.Errorf("the link of now opens the tickets %v", numbers)
	}
	b := l.get(t, l.b.ID)
	if last := b.Timeline[len(b.Timeline)-1]; last.Step != "passed_on" || last.By != "link" {
		t.Errorf("the last step is %s by %s", last.Step, last.By)
	}
}

func TestLinksEndOnRequestAndWithTheAddress(t *testing.T) {
	t.Parallel()
	m := modelWorld(t)
	guest, b := m.checkOutAsGuest(t)
	s := m.service(nil)
	s.LinkKeys = linkKeys
	opens := func(key string) bool {
		_, err := s.Buyer(t.Context(), b.ID, key)
		return err == nil
	}
	keys := []string{linkKeys.Buyer(&b)}
	for _, step := range []struct {
		name string
		do   func() error
		ends bool
	}{
		{"another name", func() error {
			_, err := s.Correct(t.Context(), guest, b.ID, booking.Correction{Name: to("Ada")})
			return err
		}, false},
		{"the same address", func() error {
			_, err := s.Correct(t.Context(), guest, b.ID, booking.Correction{Email: to(b.UserEmail)})
			return err
		}, false},
		{"another address", func() error {
			_, err := s.Correct(t.Context(), guest, b.ID, booking.Correction{Email: to("new@example.com")})
			return err
		}, true},
		{"a stranger's request", func() error {
			if err := s.EndLinks(t.Context(), m.newCustomer(), b.ID); !errors.Is(err, booking.ErrForbidden) {
				return errors.New("it is not refused")
			}
			return nil
		}, false},
		{"a request", func() error { return s.EndLinks(t.Context(), guest, b.ID) }, true},
		{"a request by the link", func() error {
			link, err := s.Buyer(t.Context(), b.ID, keys[len(keys)-1])
			return errors.Join(err, s.EndLinks(t.Context(), link, b.ID))
		}, true},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		last := keys[len(keys)-1]
		b = m.get(t, b.ID)
		if step.ends {
			keys = append(keys, linkKeys.Buyer(&b))
		}
		if opens(last) == step.ends || !opens(keys[len(keys)-1]) {
			t.Errorf("%s: the link of before opens: %v, that of now: %v", step.name, opens(last), opens(keys[len(keys)-1]))
		}
	}
	wantSteps(t, b, "created reserved contact_corrected links_ended")
}

// No message, and nothing that is stored, has a key.
func TestNoKeyIsStoredOrTold(t *testing.T) {
	t.Parallel()
	l := newLinked(t)
	link, err := l.s.Buyer(t.Context(), l.b.ID, linkKeys.Buyer(&l.b))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.s.Cancel(t.Context(), link, l.b.ID); err != nil {
		t.Fatal(err)
	}
	b := l.get(t, l.b.ID)
	audit, err := l.store.Audit(context.WithoutCancel(t.Context()), booking.AuditQuery{BookingID: b.ID, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal([]any{b.Timeline, b.Cancellations, b.Refunds, audit, l.messages(t)})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{linkKeys.Buyer(&b), linkKeys.Holder(&b, b.Tickets()[0])} {
		if strings.Contains(string(text), key) {
			t.Errorf("a key is in %s", text)
		}
	}
}
