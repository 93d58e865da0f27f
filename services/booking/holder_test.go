package booking_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
)

var grace = booking.Holder{Name: "Grace Hopper", Email: "grace@example.com"}

func TestATicketIsPassedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, s := w.newCustomer(), w.service(nil)
	b := w.book(t, s, c, booking.Request{EventID: w.newEvent(price), Tickets: 3})
	second := booking.TicketID(b.ID, 2)
	for i, h := range []booking.Holder{grace, grace, {Name: "Ada"}, {Name: " Ada ", Email: ""}, grace} {
		_, ticket, err := s.ChangeHolder(t.Context(), c, b.ID, second, h)
		if want := []int{2, 2, 3, 3, 4}[i]; err != nil || ticket.Issue != want || ticket.Number != 2 || ticket.Status != valid || ticket.Holder.Email != h.Email {
			t.Errorf("%d. for %+v it is %+v, %v, want issue %d", i+1, h, ticket, err, want)
		}
	}
	b = w.get(t, b.ID)
	for _, n := range []int{1, 3} {
		if other := b.Tickets()[n-1]; other.Issue != 1 || other.Holder.Name != c.Name {
			t.Errorf("ticket %d is %+v", n, other)
		}
	}
	wantSteps(t, b, "created reserved paid confirmed passed_on passed_on passed_on")
	sent := w.messages(t)[b.ID][events.TypeBookingTicketsChanged]
	if len(sent) != 3 || sent[2].Tickets[1].Issue != 4 || sent[2].Tickets[1].HolderName != grace.Name || sent[2].Status != "CONFIRMED" {
		t.Errorf("messages %+v", sent)
	}
	buyer := events.Holder{Name: c.Name, Email: c.Email}
	for i, want := range []events.PassedOn{
		{TicketID: second, Number: 2, Issue: 2, From: buyer, To: events.Holder(grace)},
		{TicketID: second, Number: 2, Issue: 3, From: events.Holder(grace), To: events.Holder{Name: "Ada"}},
		{TicketID: second, Number: 2, Issue: 4, From: events.Holder{Name: "Ada"}, To: events.Holder(grace)},
	} {
		if diff := cmp.Diff(&want, sent[i].PassedOn); diff != "" {
			t.Errorf("%d. message (-want +got):\n%s", i+1, diff)
		}
	}
	w.check(t)
}

// Before the payment a holder is named. What is told is what the confirmation says.
func TestHoldersAreNamedDuringCheckout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, s, event := w.newCustomer(), w.service(nil), w.newEvent(price)
	w.catalog.Edit(event, func(e *events.Event) { e.NoTransfers = true }) // naming is no transfer
	b, err := w.create(t.Context(), s, c, booking.Request{EventID: event, Tickets: 2, Checkout: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []booking.Holder{{Name: "Ada"}, grace} {
		if _, ticket, err := s.ChangeHolder(t.Context(), c, b.ID, booking.TicketID(b.ID, 1), h); err != nil || ticket.Issue != 1 || ticket.Status != held || ticket.Holder != h {
			t.Fatalf("the ticket is %+v, %v", ticket, err)
		}
	}
	if sent := w.messages(t)[b.ID]; len(sent) > 0 {
		t.Errorf("nobody knows of it, and it is told: %v", sent)
	}
	if b, err = s.Pay(t.Context(), c, b.ID, "tok_visa", "pay"); err != nil {
		t.Fatal(err)
	}
	wantSteps(t, b, "created reserved holders_named attempt paid confirmed")
	told := w.messages(t)[b.ID][events.TypeBookingConfirmed][0].Tickets
	if told[0].HolderName != grace.Name || told[0].Issue != 1 || told[1].HolderName != c.Name {
		t.Errorf("the confirmation says %+v", told)
	}
	_, _, err = s.ChangeHolder(t.Context(), c, b.ID, booking.TicketID(b.ID, 1), booking.Holder{Name: "Ada"})
	wantErr(t, err, booking.ErrTransfersNotAllowed)
	w.check(t)
}

func TestAHolderIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, s, event := w.newCustomer(), w.service(nil), w.newEvent(price)
	w.catalog.Edit(event, func(e *events.Event) { e.DoorsAt = e.StartsAt.Add(-time.Hour) })
	b := w.book(t, s, c, booking.Request{EventID: event, Tickets: 2})
	if _, _, err := s.CancelTickets(t.Context(), c, b.ID, booking.ToCancel{Tickets: []string{booking.TicketID(b.ID, 2)}}, "k"); err != nil {
		t.Fatal(err)
	}
	other := w.newCustomer()
	first := booking.TicketID(b.ID, 1)
	failed, err := s.Create(t.Context(), c, booking.Request{EventID: w.newEvent(price), Tickets: 1, PaymentToken: "tok_declined"})
	wantErr(t, err, booking.ErrPaymentDeclined)
	change := func(id, ticket string) error {
		_, _, err := s.ChangeHolder(t.Context(), c, id, ticket, grace)
		return err
	}
	_, _, err = s.ChangeHolder(t.Context(), other, b.ID, first, grace)
	wantErr(t, err, booking.ErrForbidden)
	wantErr(t, change(uuid.NewString(), first), booking.ErrNotFound)
	wantErr(t, change(b.ID, booking.TicketID(b.ID, 3)), booking.ErrTicketNotFound)
	wantErr(t, change(b.ID, booking.TicketID(failed.ID, 1)), booking.ErrTicketNotFound)
	wantErr(t, change(b.ID, booking.TicketID(b.ID, 2)), booking.ErrTicketCancelled)
	wantErr(t, change(failed.ID, booking.TicketID(failed.ID, 1)), booking.ErrTicketCancelled)

	// The last moment is the one before the doors open.
	w.clock.Store(bookingtest.StartsAt.Add(-time.Hour - time.Microsecond).UnixMicro())
	wantErr(t, change(b.ID, first), nil)
	w.advance(time.Microsecond)
	_, _, err = s.ChangeHolder(t.Context(), c, b.ID, first, booking.Holder{Name: "Ada"})
	wantErr(t, err, booking.ErrDoorsOpen)
	wantErr(t, change(b.ID, first), nil) // nothing changes
	_, err = s.Cancel(t.Context(), c, b.ID)
	wantErr(t, err, booking.ErrNotCancellable)
}

// Names are stored as they are written, in one form, and what cannot be seen or turns a
// text around is refused.
func TestTheNamesOfHolders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, s := w.newCustomer(), w.service(nil)
	b := w.book(t, s, c, booking.Request{EventID: w.newEvent(price), Tickets: 1})
	marks := "Z" + strings.Repeat("\u0316", 150)
	for name, test := range map[string]struct {
		holder booking.Holder
		want   booking.Holder
		field  string // that is refused
	}{
		"HTML":            {booking.Holder{Name: "<b>Ada</b>"}, booking.Holder{Name: "<b>Ada</b>"}, ""},
		"a formula":       {booking.Holder{Name: "=1+1"}, booking.Holder{Name: "=1+1"}, ""},
		"another script":  {booking.Holder{Name: "محمد \u200fأحمد"}, booking.Holder{Name: "محمد \u200fأحمد"}, ""},
		"combining marks": {booking.Holder{Name: marks}, booking.Holder{Name: norm.NFC.String(marks)}, ""},
		"two forms":       {booking.Holder{Name: "Zoe\u0308", Email: " zoe\u0308@example.com "}, booking.Holder{Name: "Zoë", Email: "zoë@example.com"}, ""},
		"none":            {booking.Holder{Email: grace.Email}, booking.Holder{}, "holder.name"},
		"spaces":          {booking.Holder{Name: "\u00a0 "}, booking.Holder{}, "holder.name"},
		"invisible":       {booking.Holder{Name: "\u200b\u3164"}, booking.Holder{}, "holder.name"},
		"turned around":   {booking.Holder{Name: "Ada\u202e"}, booking.Holder{}, "holder.name"},
		"two lines":       {booking.Holder{Name: "Ada\nBcc: x"}, booking.Holder{}, "holder.name"},
		"too long":        {booking.Holder{Name: strings.Repeat("ä", 201)}, booking.Holder{}, "holder.name"},
		"too long in NFC": {booking.Holder{Name: strings.Repeat("\u0958", 101)}, booking.Holder{}, "holder.name"},
		"no address":      {booking.Holder{Name: "Ada", Email: "ada"}, booking.Holder{}, "holder.email"},
		"two addresses":   {booking.Holder{Name: "Ada", Email: "a@example.com,b@example.com"}, booking.Holder{}, "holder.email"},
	} {
		_, ticket, err := s.ChangeHolder(t.Context(), c, b.ID, booking.TicketID(b.ID, 1), test.holder)
		var invalid problem.Invalid
		switch {
		case test.field == "" && (err != nil || ticket.Holder != test.want):
			t.Errorf("%s: stored as %+v, %v", name, ticket.Holder, err)
		case test.field != "" && (!errors.As(err, &invalid) || invalid[0].Name != test.field):
			t.Errorf("%s: %v, want %s refused", name, err, test.field)
		}
	}
}

// A code has one byte for the issue, and a timeline an end.
func TestTicketsArePassedOnSoOftenAndNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, s := w.newCustomer(), w.service(nil)
	b := w.book(t, s, c, booking.Request{EventID: w.newEvent(price), Tickets: 2})
	for i := range 254 {
		_, ticket, err := s.ChangeHolder(t.Context(), c, b.ID, booking.TicketID(b.ID, 1), booking.Holder{Name: fmt.Sprint("Holder ", i)})
		if err != nil || ticket.Issue != i+2 {
			t.Fatalf("change %d: issue %d, %v", i+1, ticket.Issue, err)
		}
	}
	for n := 1; n <= 2; n++ {
		_, _, err := s.ChangeHolder(t.Context(), c, b.ID, booking.TicketID(b.ID, n), grace)
		wantErr(t, err, booking.ErrTooManyHolders)
	}
	b = w.get(t, b.ID)
	if last := b.Tickets()[0]; last.Issue != 255 {
		t.Errorf("the last issue is %d", last.Issue)
	}
}

// Before the payment nothing grows with the number of changes.
func TestNamingHoldersOverAndOverStaysSmall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, s := w.newCustomer(), w.service(nil)
	b, err := w.create(t.Context(), s, c, booking.Request{EventID: w.newEvent(price), Tickets: 1, Checkout: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, _, err := s.ChangeHolder(t.Context(), c, b.ID, booking.TicketID(b.ID, 1), booking.Holder{Name: fmt.Sprint("Holder ", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if b = w.get(t, b.ID); len(b.Timeline) != 3 || len(b.Holders) != 1 {
		t.Errorf("%d steps and %d holders", len(b.Timeline), len(b.Holders))
	}
}

// The timeline and the audit log are read by others than the buyer, and for longer.
func TestNoHolderIsNamedInTimelineAndAudit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, s := w.newCustomer(), w.service(nil)
	b, err := w.create(t.Context(), s, c, booking.Request{EventID: w.newEvent(price), Tickets: 1, Checkout: true})
	if err != nil {
		t.Fatal(err)
	}
	name := func(h booking.Holder) {
		if _, _, err := s.ChangeHolder(t.Context(), c, b.ID, booking.TicketID(b.ID, 1), h); err != nil {
			t.Fatal(err)
		}
	}
	name(grace)
	if _, err := s.Pay(t.Context(), c, b.ID, "tok_visa", "pay"); err != nil {
		t.Fatal(err)
	}
	name(booking.Holder{Name: "Ada Byron", Email: "byron@example.com"})
	audit, err := w.store.Audit(t.Context(), booking.AuditQuery{BookingID: b.ID, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	written, err := json.Marshal([]any{w.get(t, b.ID).Timeline, audit})
	if err != nil {
		t.Fatal(err)
	}
	for _, personal := range []string{"Grace", "grace@", "Byron", "byron@"} {
		if strings.Contains(string(written), personal) {
			t.Errorf("%q is in %s", personal, written)
		}
	}
	if len(audit) != len(w.get(t, b.ID).Timeline) {
		t.Errorf("%d audit entries for %d steps", len(audit), len(w.get(t, b.ID).Timeline))
	}
}

// Of two requests at a time both have their effect, one after the other, and none is lost.
func TestRacingHolders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, s := w.newCustomer(), w.service(nil)
	b := w.book(t, s, c, booking.Request{EventID: w.newEvent(price), Tickets: 4})
	var racers sync.WaitGroup
	for i := range 12 {
		racers.Go(func() {
			if _, _, err := s.ChangeHolder(t.Context(), c, b.ID, booking.TicketID(b.ID, 1+i%4), booking.Holder{Name: fmt.Sprint("Holder ", i)}); err != nil {
				t.Error(err)
			}
		})
	}
	racers.Wait()
	b = w.get(t, b.ID)
	for _, ticket := range b.Tickets() {
		if ticket.Issue != 4 {
			t.Errorf("ticket %d has issue %d, want 4", ticket.Number, ticket.Issue)
		}
	}
	w.check(t)
}
