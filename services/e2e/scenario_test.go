package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/money"
)

// A customer's whole way, through the gateway and at the services themselves.
func TestScenario(t *testing.T) {
	t.Parallel()
	p := shared(t)
	for name, at := range map[string]map[service]service{
		"through the gateway": {gateway: gateway, events: gateway, bookings: gateway, notifications: gateway},
		"directly":            {gateway: gateway, events: events, bookings: bookings, notifications: notifications},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t, p, at)
		})
	}
}

func scenario(t *testing.T, p *platform, at map[service]service) {
	var e event
	d := draft(40, 5)
	res := p.call(t, http.MethodPost, at[events], "/events", as(p.register(t, organizer)), body(d)).want(t, http.StatusCreated)
	res.into(t, &e)
	if got := res.header.Get("Location"); got != "/events/"+e.ID {
		t.Errorf("Location of the event: %q", got)
	}

	ada := p.register(t, customer)
	var found list[event]
	p.get(t, at[events], "/events?limit=100&sort=-starts_at&q=abend", &found)
	if !slices.ContainsFunc(found.Items, func(x event) bool { return x.ID == e.ID }) {
		t.Errorf("the event is not in the list of %d", len(found.Items))
	}
	var before availability
	p.get(t, at[events], "/events/"+e.ID+"/availability", &before)
	if before.Capacity != 45 || before.Available != 45 || !before.SalesOpen || before.EventID != e.ID {
		t.Errorf("availability at first: %+v", before)
	}

	var b booking
	res = p.call(t, http.MethodPost, at[bookings], "/bookings", as(ada), key("one"), body(obj{
		"event_id": e.ID, "payment": obj{"token": "tok_visa"},
		"items": []obj{
			{"ticket_type_id": e.TicketTypes[0].ID, "quantity": 2},
			{"ticket_type_id": e.TicketTypes[1].ID, "quantity": 1},
		},
	})).want(t, http.StatusCreated)
	res.into(t, &b)
	if got := res.header.Get("Location"); got != "/bookings/"+b.ID {
		t.Errorf("Location of the booking: %q", got)
	}
	price := money.Amount{AmountMinor: 2*2500 + 1000, Currency: "EUR"}
	if b.Status != "CONFIRMED" || b.Tickets != 3 || b.Total == nil || *b.Total != price || b.UserID != ada.id || b.EventID != e.ID {
		t.Errorf("the booking: %s", res.body)
	}
	if b.Payment.Provider != "sandbox" || b.Payment.Reference == "" || b.Payment.Status != "captured" {
		t.Errorf("its payment: %+v", b.Payment)
	}
	if b.Event == nil || b.Event.Title != e.Title || b.Event.Venue != e.Venue {
		t.Errorf("its event: %+v", b.Event)
	}
	if len(b.Timeline) < 3 || b.Timeline[0].Step != "created" || b.Timeline[len(b.Timeline)-1].Step != "confirmed" {
		t.Errorf("its timeline: %+v", b.Timeline)
	}
	var during availability
	p.get(t, at[events], "/events/"+e.ID+"/availability", &during)
	if during.Available != 42 || during.TicketTypes[0].Available != 38 || during.TicketTypes[1].Available != 4 {
		t.Errorf("availability after the booking: %+v", during)
	}
	if got := p.ledgerOf(t, b.ID); len(got) != 1 || got[0].Kind != "charge" || got[0].Amount != price {
		t.Errorf("the ledger after the booking: %+v", got)
	}

	told := p.awaitMail(t, b.ID, mail.confirms)
	if told.to != ada.email || !strings.Contains(told.text, e.Title) || !strings.Contains(told.text, "€60.00") || told.html == "" {
		t.Errorf("the confirmation: %+v", told)
	}
	entry := "\r\nUID:" + b.ID + "@boxoffice\r\n"
	if !strings.Contains(told.calendar, entry) || !strings.Contains(told.calendar, "\r\nMETHOD:PUBLISH\r\n") || !strings.Contains(told.calendar, "\r\nORGANIZER;CN=Boxoffice:mailto:tickets@") {
		t.Errorf("its calendar: %q", told.calendar)
	}
	p.awaitNotification(t, at[notifications], ada, b.ID, "Booking confirmed: "+e.Title)

	var gone booking
	p.call(t, http.MethodPut, at[bookings], "/bookings/"+b.ID+"/cancel", as(ada)).want(t, http.StatusOK).into(t, &gone)
	if gone.Status != "CANCELLED" || gone.Payment.Status != "refunded" {
		t.Errorf("after cancelling: %+v", gone)
	}
	if got := p.ledgerOf(t, b.ID); len(got) != 2 || got[1].Kind != "refund" || got[1].Amount != price {
		t.Errorf("the ledger after cancelling: %+v", got)
	}
	var after availability
	p.get(t, at[events], "/events/"+e.ID+"/availability", &after)
	if after.Available != 45 {
		t.Errorf("availability after cancelling: %+v", after)
	}
	told = p.awaitMail(t, b.ID, mail.cancels)
	if !strings.Contains(told.calendar, entry) || !strings.Contains(told.calendar, "\r\nMETHOD:CANCEL\r\n") {
		t.Errorf("the calendar of the cancellation: %q", told.calendar)
	}
	p.awaitNotification(t, at[notifications], ada, b.ID, "Booking cancelled: "+e.Title)
}

// awaitMail waits for the one mail about a booking that is of this kind.
func (p *platform) awaitMail(t testing.TB, bookingID string, kind func(mail) bool) mail {
	t.Helper()
	var found []mail
	eventually(t, func() error {
		mails, err := p.mails()
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(mails, func(m mail) bool { return m.booking() != bookingID || !kind(m) })
		if len(found) == 0 {
			return errNoMail
		}
		return nil
	})
	if len(found) != 1 {
		t.Fatalf("%d mails of one kind about booking %s", len(found), bookingID)
	}
	return found[0]
}

// awaitNotification waits until a's list shows the mail as sent.
func (p *platform) awaitNotification(t testing.TB, s service, a *account, bookingID, subject string) {
	t.Helper()
	eventually(t, func() error {
		sent, err := all[notification](p, s, "/notifications?status=SENT&booking_id="+bookingID, as(a))
		if err != nil {
			return final{err}
		}
		for _, n := range sent {
			if n.Subject == subject && n.Channel == "email" && n.To == a.email && n.UserID == a.id && n.SentAt != nil && n.Attempts >= 1 {
				return nil
			}
		}
		return errNoMail
	})
}
