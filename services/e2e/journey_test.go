package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// auditEntry is a line of the audit log.
type auditEntry struct {
	Number    int64  `json:"number"`
	By        string `json:"by"`
	Step      string `json:"step"`
	Detail    string `json:"detail"`
	BookingID string `json:"booking_id"`
	EventID   string `json:"event_id"`
	Version   int64  `json:"version"`
}

// A customer books three tickets and gives one back, for a fee: the mails say
// what that costs, and the audit log who did what.
func TestTicketGivenBack(t *testing.T) {
	t.Parallel()
	p := shared(t)
	ada, other := p.register(t, customer), p.register(t, customer)
	policy := obj{"free_hours": 8760, "fee_basis_points": 1250}
	e := p.publish(t, p.register(t, organizer), changed(draft(10), "cancellation_policy", policy))
	if e.Policy.FreeHours != 8760 || e.Policy.FeeBasisPoints != 1250 {
		t.Errorf("the policy, before booking: %+v", e.Policy)
	}
	b := p.book(t, ada, e, 3)
	confirmation := p.awaitMail(t, b.ID, mail.confirms)
	for _, want := range []string{"3 × Type 1", "€75.00", "12.5"} {
		if !strings.Contains(confirmation.text, want) {
			t.Errorf("the confirmation does not say %q:\n%s", want, confirmation.text)
		}
	}
	if !strings.Contains(confirmation.calendar, "BEGIN:VEVENT") || !strings.Contains(confirmation.calendar, b.ID) {
		t.Errorf("its calendar: %q", confirmation.calendar)
	}

	path := "/bookings/" + b.ID + "/cancellations"
	some := func(n int) option {
		return body(obj{"items": []obj{{"ticket_type_id": e.TicketTypes[0].ID, "quantity": n}}})
	}
	once := key(uuid.NewString())
	p.call(t, http.MethodPost, gateway, path, as(ada), some(1)).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	p.call(t, http.MethodPost, gateway, path, as(other), once, some(1)).refused(t, http.StatusForbidden, problem.Forbidden)
	p.call(t, http.MethodPost, gateway, path, as(ada), key(uuid.NewString()), some(4)).refused(t, http.StatusConflict, problem.TicketsNotBooked)
	p.call(t, http.MethodPost, bookings, path, as(ada), key(uuid.NewString()), some(4)).refused(t, http.StatusConflict, problem.TicketsNotBooked)
	var rest, again booking
	p.call(t, http.MethodPost, gateway, path, as(ada), once, some(1)).want(t, http.StatusCreated).into(t, &rest)
	p.call(t, http.MethodPost, gateway, path, as(ada), once, some(1)).want(t, http.StatusCreated).into(t, &again)
	p.call(t, http.MethodPost, gateway, path, as(ada), once, some(2)).refused(t, http.StatusUnprocessableEntity, problem.IdempotencyKeyReused)
	for _, got := range []booking{rest, again} {
		if got.Status != "CONFIRMED" || got.Tickets != 2 || got.Total == nil || got.Total.AmountMinor != 5000 || got.Payment.Status != "partially_refunded" {
			t.Errorf("what is left: %+v", got)
		}
		// Of 25 euro an eighth, 3.125, half up.
		if c := got.Cancellations; len(c) != 1 || c[0].Price.AmountMinor != 2500 || c[0].Fee.AmountMinor != 313 || c[0].All || c[0].Status != "DONE" {
			t.Errorf("the cancellations: %+v", c)
		}
		if r := got.Refunds; len(r) != 1 || r[0].Amount.AmountMinor != 2187 || r[0].Status != "refunded" {
			t.Errorf("the refunds: %+v", r)
		}
	}
	if in, out := p.moved(t, b.ID); in != 7500 || out != 2187 {
		t.Errorf("%d captured and %d refunded", in, out)
	}
	if left := p.available(t, e.ID); left.Available != 8 {
		t.Errorf("%d tickets are for sale", left.Available)
	}
	told := p.awaitMail(t, b.ID, mail.shortens)
	for _, want := range []string{"1 × Type 1", "€3.13", "€21.87", "2 × Type 1", "€50.00"} {
		if !strings.Contains(told.text, want) {
			t.Errorf("the mail does not say %q:\n%s", want, told.text)
		}
	}

	// The rest goes back as well; then there is nothing to give back.
	p.call(t, http.MethodPut, gateway, "/bookings/"+b.ID+"/cancel", as(ada)).want(t, http.StatusOK)
	p.call(t, http.MethodPost, gateway, path, as(ada), key(uuid.NewString()), some(1)).refused(t, http.StatusConflict, problem.NotCancellable)
	if in, out := p.moved(t, b.ID); in-out != 313+625 {
		t.Errorf("%d captured and %d refunded", in, out)
	}

	audit := "/admin/audit?booking_id=" + b.ID
	p.call(t, http.MethodGet, bookings, audit, as(ada)).refused(t, http.StatusForbidden, problem.Forbidden)
	entries := wholeList[auditEntry](t, p, bookings, audit, as(p.admin))
	slices.Reverse(entries)
	var steps []string
	for _, entry := range entries {
		steps = append(steps, entry.Step)
		if entry.By != ada.id || entry.BookingID != b.ID || entry.EventID != e.ID {
			t.Errorf("in the audit log: %+v", entry)
		}
	}
	if got := strings.Join(steps, " "); got != "created reserved paid confirmed cancelling refunded returned tickets_cancelled cancelling refunded released cancelled" {
		t.Errorf("the audit log: %s", got)
	}
}
