package webtest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/web"
)

// TestBookings is the contract of web.Bookings.
func TestBookings(t *testing.T, open func(t *testing.T) World) {
	run(t, open, []subtest{
		{"bookings are listed, newest first", bookingsList},
		{"nobody else's bookings are listed", bookingsOthers},
		{"the pages together neither repeat nor skip a booking", bookingsPages},
		{"its owner reads a booking", bookingsOwner},
		{"whoever has its buyer's key reads a booking", bookingsKey},
		{"a holder's key opens that ticket alone", bookingsHolderKey},
		{"nobody else finds a booking", bookingsForeign},
		{"a ticket has a code while it is valid", bookingsCode},
		{"before the payment the holder is named", bookingsNamed},
		{"after the payment the old code ends", bookingsPassedOn},
		{"tickets of an event without transfers are not passed on", bookingsNoTransfers},
		{"a holder that is not allowed names the field", bookingsHolderField},
		{"a part leaves the rest of the booking valid", bookingsReturnsPart},
		{"all tickets cancel the booking", bookingsReturnsAll},
		{"a repeated Return gives nothing more back", bookingsReturnsOnce},
		{"a ticket that was given back is refused", bookingsReturned},
		{"every document has its media type", bookingsDocuments},
		{"what is not confirmed has no documents", bookingsNoDocuments},
		{"the tickets are mailed again", bookingsResends},
		{"without tickets nothing is mailed again", bookingsNothingToResend},
		{"without a token nobody reads", func(t *testing.T, w World) { noToken(t, bookingsCalls(w, newID(), newID())) }},
		{"an id that is none is not found", func(t *testing.T, w World) {
			by := w.guest(t).Caller
			noID(t, by, func(ctx context.Context, by web.Caller, id string) error {
				_, err := w.Booking(ctx, by, id)
				return err
			}, "Booking")
			noID(t, by, func(ctx context.Context, by web.Caller, id string) error {
				_, err := w.Document(ctx, by, newID(), id, web.TicketPDF, "en")
				return err
			}, "Document")
			for _, key := range []string{"x", "ä", "a\r\nb", strings.Repeat("A", 22), strings.Repeat("A", 9000)} {
				_, err := w.Booking(t.Context(), web.Caller{BookingKey: key}, newID())
				wantErr(t, err, web.ErrNotFound)
			}
		}},
		{"a call ends with its context", func(t *testing.T, w World) {
			p := w.guest(t)
			b := w.buy(t, p, w.AddEvent(t, Concert(2500, 5)), 1)
			ends(t, p.Caller, bookingsCalls(w, b.ID, w.tickets(t, p.Caller, b.ID)[0].ID))
		}},
	})
}

func bookingsCalls(w World, id, ticket string) asked {
	return asked{
		"Bookings": func(ctx context.Context, by web.Caller) error { _, _, err := w.Bookings(ctx, by, ""); return err },
		"Booking":  func(ctx context.Context, by web.Caller) error { _, err := w.Booking(ctx, by, id); return err },
		"Tickets":  func(ctx context.Context, by web.Caller) error { _, err := w.Tickets(ctx, by, id); return err },
		"ChangeHolder": func(ctx context.Context, by web.Caller) error {
			_, err := w.ChangeHolder(ctx, by, id, ticket, web.Holder{Name: "A"})
			return err
		},
		"Return": func(ctx context.Context, by web.Caller) error {
			_, err := w.Return(ctx, by, newID(), id, []string{ticket})
			return err
		},
		"Document": func(ctx context.Context, by web.Caller) error {
			_, err := w.Document(ctx, by, id, "", web.TicketsPDF, "en")
			return err
		},
		"Resend": func(ctx context.Context, by web.Caller) error { return w.Resend(ctx, by, newID(), id) },
	}
}

func bookingsList(t *testing.T, w World) {
	p := w.customer(t)
	e := w.AddEvent(t, Concert(2500, 9))
	first, second := w.buy(t, p, e, 1), w.begin(t, p, e, 2)
	got, next, err := w.Bookings(t.Context(), p.Caller, "")
	must(t, err)
	if len(got) != 2 || got[0].ID != second.ID || got[1].ID != first.ID || next != "" {
		t.Errorf("%d bookings are listed, next is %q", len(got), next)
	}
	_, _, err = w.Bookings(t.Context(), p.Caller, "x")
	wantRefusal(t, err, "invalid_cursor")
}

func bookingsOthers(t *testing.T, w World) {
	w.buy(t, w.customer(t), w.AddEvent(t, Concert(2500, 9)), 1)
	got, _, err := w.Bookings(t.Context(), w.customer(t).Caller, "")
	must(t, err)
	if len(got) != 0 {
		t.Errorf("%d bookings of others are listed", len(got))
	}
}

func bookingsPages(t *testing.T, w World) {
	p := w.customer(t)
	var want []string
	for range 23 { // more than a page has
		want = append(want, w.buy(t, p, w.AddEvent(t, Concert(2500, 1)), 1).ID)
	}
	var got []string
	for cursor := ""; ; {
		page, next, err := w.Bookings(t.Context(), p.Caller, cursor)
		must(t, err)
		for _, b := range page {
			got = append(got, b.ID)
		}
		if cursor = next; cursor == "" || len(got) > len(want) {
			break
		}
	}
	slices.Reverse(want)
	if !slices.Equal(got, want) {
		t.Errorf("the pages have %d bookings, want each of the %d once, newest first", len(got), len(want))
	}
}

func bookingsOwner(t *testing.T, w World) {
	p := w.customer(t)
	b := w.buy(t, p, w.AddEvent(t, Concert(2500, 9)), 2)
	got, err := w.Booking(t.Context(), p.Caller, b.ID)
	must(t, err)
	if got.Status != web.Confirmed || got.Total != eur(5000) || got.CreatedAt.IsZero() {
		t.Errorf("it is %+v", got)
	}
}

// buyersLink is a visitor with the key in the buyer's mail.
func (w World) buyersLink(t *testing.T, b web.Booking) web.Caller {
	t.Helper()
	by := visitor()
	by.BookingKey = w.LinkKey(t, b.ID)
	return by
}

func bookingsKey(t *testing.T, w World) {
	p := w.guest(t)
	b := w.buy(t, p, w.AddEvent(t, Concert(2500, 9)), 2)
	by := w.buyersLink(t, b)
	got, err := w.Booking(t.Context(), by, b.ID)
	must(t, err)
	if got.ID != b.ID || len(w.tickets(t, by, b.ID)) != 2 {
		t.Errorf("it is %+v", got)
	}
	// A token counts before the key.
	by.AccessToken = w.guest(t).AccessToken
	_, err = w.Booking(t.Context(), by, b.ID)
	wantErr(t, err, web.ErrNotFound)
}

func bookingsHolderKey(t *testing.T, w World) {
	p := w.guest(t)
	b := w.buy(t, p, w.AddEvent(t, Concert(2500, 9)), 2)
	second := w.tickets(t, p.Caller, b.ID)[1]
	_, err := w.ChangeHolder(t.Context(), p.Caller, b.ID, second.ID, web.Holder{Name: "Hedy", Email: somebody("holder")})
	must(t, err)
	by := visitor()
	by.BookingKey = w.TicketKey(t, b.ID, w.tickets(t, p.Caller, b.ID)[1])
	if got := w.tickets(t, by, b.ID); len(got) != 1 || got[0].ID != second.ID || got[0].Code == "" {
		t.Errorf("it opens %+v", got)
	}
	_, err = w.Booking(t.Context(), by, b.ID)
	wantErr(t, err, web.ErrNotFound)
}

func bookingsForeign(t *testing.T, w World) {
	p := w.guest(t)
	b := w.buy(t, p, w.AddEvent(t, Concert(2500, 9)), 1)
	ticket := w.tickets(t, p.Caller, b.ID)[0].ID
	other := w.customer(t).Caller
	forged := visitor()
	forged.BookingKey = strings.Repeat("A", 22)
	for _, by := range []web.Caller{other, forged} {
		for name, call := range bookingsCalls(w, b.ID, ticket) {
			if err := call(t.Context(), by); name != "Bookings" {
				wantErr(t, err, web.ErrNotFound)
			}
		}
	}
}

func bookingsCode(t *testing.T, w World) {
	p := w.guest(t)
	e := w.AddEvent(t, Concert(2500, 9))
	b := w.begin(t, p, e, 2)
	for i, ticket := range w.tickets(t, p.Caller, b.ID) {
		if ticket.Number != i+1 || ticket.Status != web.Held || ticket.Code != "" || ticket.Name != "Stehplatz" || ticket.TicketTypeID != e.TicketTypes[0].ID || ticket.Issue != 1 || ticket.Holder.Name != "Ada Lovelace" {
			t.Errorf("held, it is %+v", ticket)
		}
	}
	_, err := w.Pay(t.Context(), p.Caller, newID(), b.ID, "tok_visa")
	must(t, err)
	for _, ticket := range w.tickets(t, p.Caller, b.ID) {
		if ticket.Status != web.Valid || len(ticket.Code) != 120 {
			t.Errorf("paid, it is %s with the code %q", ticket.Status, ticket.Code)
		}
	}
}

func bookingsNamed(t *testing.T, w World) {
	p := w.guest(t)
	b := w.begin(t, p, w.AddEvent(t, Concert(2500, 9)), 2)
	second := w.tickets(t, p.Caller, b.ID)[1]
	got, err := w.ChangeHolder(t.Context(), p.Caller, b.ID, second.ID, web.Holder{Name: "Hedy"})
	must(t, err)
	if got.ID != second.ID || got.Holder != (web.Holder{Name: "Hedy"}) || got.Issue != 1 {
		t.Errorf("it is %+v", got)
	}
}

func bookingsPassedOn(t *testing.T, w World) {
	p := w.guest(t)
	b := w.buy(t, p, w.AddEvent(t, Concert(2500, 9)), 2)
	before := w.tickets(t, p.Caller, b.ID)[0]
	_, err := w.ChangeHolder(t.Context(), p.Caller, b.ID, before.ID, web.Holder{Name: "Hedy"})
	must(t, err)
	after := w.tickets(t, p.Caller, b.ID)[0]
	if after.Holder.Name != "Hedy" || after.Issue != 2 || after.Code == before.Code || after.Code == "" {
		t.Errorf("it is %+v", after)
	}
	_, err = w.ChangeHolder(t.Context(), p.Caller, b.ID, newID(), web.Holder{Name: "Hedy"})
	wantErr(t, err, web.ErrNotFound)
}

func bookingsNoTransfers(t *testing.T, w World) {
	e := Concert(2500, 9)
	e.Transfers = false
	p := w.guest(t)
	b := w.buy(t, p, w.AddEvent(t, e), 1)
	_, err := w.ChangeHolder(t.Context(), p.Caller, b.ID, w.tickets(t, p.Caller, b.ID)[0].ID, web.Holder{Name: "Hedy"})
	wantRefusal(t, err, "transfers_not_allowed")
}

func bookingsHolderField(t *testing.T, w World) {
	p := w.guest(t)
	b := w.buy(t, p, w.AddEvent(t, Concert(2500, 9)), 1)
	_, err := w.ChangeHolder(t.Context(), p.Caller, b.ID, w.tickets(t, p.Caller, b.ID)[0].ID, web.Holder{Name: "Hedy", Email: "nowhere"})
	wantField(t, err, "holder.email")
}

func bookingsReturnsPart(t *testing.T, w World) {
	p := w.guest(t)
	e := w.AddEvent(t, Concert(2500, 9))
	b := w.buy(t, p, e, 3)
	all := w.tickets(t, p.Caller, b.ID)
	b, err := w.Return(t.Context(), p.Caller, newID(), b.ID, []string{all[1].ID})
	must(t, err)
	if b.Status != web.Confirmed || b.Total != eur(5000) || b.Items[0].Quantity != 2 || b.Payment.Status != "partially_refunded" {
		t.Errorf("it is %s for %s: %+v, payment %s", b.Status, b.Total, b.Items, b.Payment.Status)
	}
	if len(b.Cancellations) != 1 || b.Cancellations[0].All || !b.Cancellations[0].Done || b.Cancellations[0].Price != eur(2500) || !b.Cancellations[0].Fee.IsZero() {
		t.Errorf("its cancellations are %+v", b.Cancellations)
	}
	if len(b.Refunds) != 1 || b.Refunds[0].Amount != eur(2500) || b.Refunds[0].Status != "refunded" {
		t.Errorf("its refunds are %+v", b.Refunds)
	}
	for i, ticket := range w.tickets(t, p.Caller, b.ID) {
		if gone := i == 1; gone != (ticket.Status == web.TicketCancelled) || gone == (ticket.Code != "") {
			t.Errorf("ticket %d is %s", i+1, ticket.Status)
		}
	}
	eventually(t, "the ticket is not on sale", func() bool { return w.available(t, e) == 7 })
}

func bookingsReturnsAll(t *testing.T, w World) {
	p := w.guest(t)
	b := w.buy(t, p, w.AddEvent(t, Concert(2500, 9)), 2)
	all := w.tickets(t, p.Caller, b.ID)
	b, err := w.Return(t.Context(), p.Caller, newID(), b.ID, []string{all[0].ID, all[1].ID})
	must(t, err)
	if b.Status != web.BookingCancelled || b.Payment.Status != "refunded" || !b.Cancellations[0].All {
		t.Errorf("it is %s, payment %s", b.Status, b.Payment.Status)
	}
}

func bookingsReturnsOnce(t *testing.T, w World) {
	p := w.guest(t)
	b := w.buy(t, p, w.AddEvent(t, Concert(2500, 9)), 2)
	first, key := w.tickets(t, p.Caller, b.ID)[0].ID, newID()
	for range 2 {
		b, err := w.Return(t.Context(), p.Caller, key, b.ID, []string{first})
		must(t, err)
		if len(b.Refunds) != 1 {
			t.Errorf("there are %d refunds, want 1", len(b.Refunds))
		}
	}
}

func bookingsReturned(t *testing.T, w World) {
	p := w.guest(t)
	b := w.buy(t, p, w.AddEvent(t, Concert(2500, 9)), 2)
	first := w.tickets(t, p.Caller, b.ID)[0].ID
	_, err := w.Return(t.Context(), p.Caller, newID(), b.ID, []string{first})
	must(t, err)
	_, err = w.Return(t.Context(), p.Caller, newID(), b.ID, []string{first})
	wantRefusal(t, err, "ticket_cancelled")
}

func bookingsDocuments(t *testing.T, w World) {
	p := w.guest(t)
	b := w.buy(t, p, w.AddEvent(t, Concert(2500, 9)), 2)
	ticket := w.tickets(t, p.Caller, b.ID)[1].ID
	for kind, want := range map[web.DocumentKind]struct{ mediaType, begins string }{
		web.TicketsPDF: {"application/pdf", "%PDF-"},
		web.TicketPDF:  {"application/pdf", "%PDF-"},
		web.Calendar:   {"text/calendar", "BEGIN:VCALENDAR"},
		web.TicketPNG:  {"image/png", "\x89PNG"},
		web.TicketSVG:  {"image/svg+xml", "<"},
	} {
		d, err := w.Document(t.Context(), p.Caller, b.ID, ticket, kind, "de")
		must(t, err)
		mediaType, _, _ := strings.Cut(d.ContentType, ";")
		if text := read(t, d); mediaType != want.mediaType || !strings.HasPrefix(text, want.begins) {
			t.Errorf("%s is %q and begins with %.12q", kind, d.ContentType, text)
		}
	}
}

func bookingsNoDocuments(t *testing.T, w World) {
	p := w.guest(t)
	b := w.begin(t, p, w.AddEvent(t, Concert(2500, 9)), 1)
	for _, kind := range []web.DocumentKind{web.TicketsPDF, web.Calendar, web.TicketPNG} {
		_, err := w.Document(t.Context(), p.Caller, b.ID, w.tickets(t, p.Caller, b.ID)[0].ID, kind, "en")
		wantRefusal(t, err, "no_valid_tickets")
	}
}

func bookingsResends(t *testing.T, w World) {
	p := w.guest(t)
	b := w.buy(t, p, w.AddEvent(t, Concert(2500, 9)), 1)
	key := newID()
	for range 7 { // a repeat asks for no other, of which there may be five
		must(t, w.Resend(t.Context(), p.Caller, key, b.ID))
	}
	for range 4 {
		must(t, w.Resend(t.Context(), p.Caller, newID(), b.ID))
	}
	if r := refusal(t, w.Resend(t.Context(), p.Caller, newID(), b.ID), "rate_limited"); r.RetryAfter < time.Hour {
		t.Errorf("it is to be asked again after %s", r.RetryAfter)
	}
}

func bookingsNothingToResend(t *testing.T, w World) {
	p := w.guest(t)
	b := w.begin(t, p, w.AddEvent(t, Concert(2500, 9)), 1)
	wantRefusal(t, w.Resend(t.Context(), p.Caller, newID(), b.ID), "no_valid_tickets")
}
