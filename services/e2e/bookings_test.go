package e2e

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

func TestBookingRefusals(t *testing.T) {
	t.Parallel()
	p := shared(t)
	o, c := p.register(t, organizer), p.register(t, customer)
	e := p.publish(t, o, draft(5, 30))
	valid := obj{"event_id": e.ID, "tickets": 1}
	item := func(id string, n any) obj { return obj{"ticket_type_id": id, "quantity": n} }
	first, second := e.TicketTypes[0].ID, e.TicketTypes[1].ID
	for name, tt := range map[string]struct {
		body   obj
		status int
		code   problem.Code
	}{
		"no event":          {changed(valid, "event_id", uuid.NewString()), 404, problem.EventNotFound},
		"event is no UUID":  {changed(valid, "event_id", "x"), 422, problem.ValidationFailed},
		"nothing":           {changed(valid, "tickets", nil), 422, problem.ValidationFailed},
		"zero":              {changed(valid, "tickets", 0), 422, problem.ValidationFailed},
		"negative":          {changed(valid, "tickets", -1), 422, problem.ValidationFailed},
		"21":                {changed(valid, "tickets", 21), 422, problem.ValidationFailed},
		"huge":              {changed(valid, "tickets", 1e30), 422, problem.ValidationFailed},
		"half":              {changed(valid, "tickets", 1.5), 422, problem.ValidationFailed},
		"both":              {changed(valid, "items", []obj{item(first, 1)}), 422, problem.ValidationFailed},
		"21 in two items":   {obj{"event_id": e.ID, "items": []obj{item(first, 5), item(second, 16)}}, 422, problem.ValidationFailed},
		"one type twice":    {obj{"event_id": e.ID, "items": []obj{item(first, 1), item(first, 1)}}, 422, problem.ValidationFailed},
		"negative item":     {obj{"event_id": e.ID, "items": []obj{item(first, -1)}}, 422, problem.ValidationFailed},
		"no such type":      {obj{"event_id": e.ID, "items": []obj{item(uuid.NewString(), 1)}}, 422, problem.TicketTypeNotFound},
		"too many":          {changed(valid, "tickets", 6), 409, problem.SoldOut},
		"all items or none": {obj{"event_id": e.ID, "items": []obj{item(second, 1), item(first, 6)}}, 409, problem.SoldOut},
		"somebody else":     {changed(valid, "user_id", o.id), 403, problem.Forbidden},
		"unknown field":     {changed(valid, "price", 1), 422, problem.ValidationFailed},
		"an empty token":    {changed(valid, "payment", obj{"token": ""}), 422, problem.ValidationFailed},
	} {
		res := p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(tt.body))
		if res.refused(t, tt.status, tt.code); t.Failed() {
			t.Fatal(name)
		}
	}
	p.call(t, http.MethodPost, gateway, "/bookings", body(valid)).refused(t, http.StatusUnauthorized, problem.Unauthenticated)
	for name, k := range map[string]string{"long": strings.Repeat("k", 256), "with a space": "a b", "not ASCII": "schlüssel"} {
		res := p.call(t, http.MethodPost, gateway, "/bookings", as(c), key(k), body(valid))
		if res.refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed); t.Failed() {
			t.Fatal("a key", name)
		}
	}
	p.call(t, http.MethodGet, gateway, "/bookings/"+uuid.NewString(), as(c)).refused(t, http.StatusNotFound, problem.BookingNotFound)
	p.call(t, http.MethodPut, gateway, "/bookings/"+uuid.NewString()+"/cancel", as(c)).refused(t, http.StatusNotFound, problem.BookingNotFound)

	if a := p.available(t, e.ID); a.Available != a.Capacity {
		t.Errorf("refusals hold %d tickets", a.Capacity-a.Available)
	}
	if mine := wholeList[booking](t, p, gateway, "/bookings", as(c)); len(mine) != 0 {
		t.Errorf("refusals made bookings: %+v", mine)
	}
	p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(changed(valid, "user_id", c.id))).want(t, http.StatusCreated)
}

func TestDeclinedPayments(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c := p.register(t, customer)
	e := p.publish(t, p.register(t, organizer), draft(5))
	for _, token := range []string{"tok_declined", "tok_insufficient_funds", "tok_unheard_of"} {
		pay := body(obj{"event_id": e.ID, "tickets": 2, "payment": obj{"token": token}})
		refusal := p.call(t, http.MethodPost, gateway, "/bookings", as(c), key(token), pay).
			refused(t, http.StatusPaymentRequired, problem.PaymentDeclined)
		b := p.bookingNow(t, c, refusal.BookingID)
		if b.Status != "FAILED" || b.Reason != string(problem.PaymentDeclined) || b.Payment.Status != "declined" {
			t.Errorf("%s: %+v", token, b)
		}
		if got := p.ledgerOf(t, b.ID); len(got) != 0 {
			t.Errorf("%s moved money: %+v", token, got)
		}
		if a := p.available(t, e.ID); a.Available != 5 {
			t.Errorf("%s holds tickets: %+v", token, a)
		}
		again := p.call(t, http.MethodPost, gateway, "/bookings", as(c), key(token), pay).
			refused(t, http.StatusPaymentRequired, problem.PaymentDeclined)
		if again.BookingID != b.ID {
			t.Errorf("%s: the same key was refused as booking %s, then %s", token, b.ID, again.BookingID)
		}
		p.call(t, http.MethodPut, gateway, "/bookings/"+b.ID+"/cancel", as(c)).refused(t, http.StatusConflict, problem.NotCancellable)
	}
}

func TestFreeEvent(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c, e := p.register(t, customer), p.freeEvent(t, 3)
	b := p.book(t, c, e, 3)
	if b.Status != "CONFIRMED" || b.Payment.Status != "not_required" || b.Total == nil || b.Total.AmountMinor != 0 {
		t.Errorf("a free booking: %+v", b)
	}
	p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 1})).refused(t, http.StatusConflict, problem.SoldOut)
	p.call(t, http.MethodPut, gateway, "/bookings/"+b.ID+"/cancel", as(c)).want(t, http.StatusOK)
	if got := p.ledgerOf(t, b.ID); len(got) != 0 {
		t.Errorf("a free booking moved money: %+v", got)
	}
	if a := p.available(t, e.ID); a.Available != 3 {
		t.Errorf("after cancelling: %+v", a)
	}
}

func TestCancelling(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c := p.register(t, customer)
	e := p.publish(t, p.register(t, organizer), draft(5))
	b := p.book(t, c, e, 2)
	for range 3 {
		var now booking
		p.call(t, http.MethodPut, gateway, "/bookings/"+b.ID+"/cancel", as(c), key("cancel")).want(t, http.StatusOK).into(t, &now)
		if now.Status != "CANCELLED" || now.ID != b.ID {
			t.Errorf("cancelled: %+v", now)
		}
	}
	if got := p.ledgerOf(t, b.ID); len(got) != 2 {
		t.Errorf("cancelling three times: %+v", got)
	}
	if a := p.available(t, e.ID); a.Available != 5 {
		t.Errorf("after cancelling three times: %+v", a)
	}
}

// What has started is neither sold nor cancelled.
func TestStartedEvent(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c, o := p.register(t, customer), p.register(t, organizer)
	var e event
	var b booking
	for before := 6 * time.Second; ; before *= 2 { // a busy machine may take longer to book
		starts := time.Now().Add(before)
		e = p.publish(t, o, changed(draft(5), "starts_at", starts, "ends_at", starts.Add(time.Hour)))
		res := p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 1}))
		if res.is(problem.SalesClosed) && before < time.Minute {
			continue
		}
		res.want(t, http.StatusCreated).into(t, &b)
		break
	}
	eventually(t, func() error {
		if p.available(t, e.ID).SalesOpen {
			return errors.New("sales are open")
		}
		return nil
	})
	p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 1})).
		refused(t, http.StatusConflict, problem.SalesClosed)
	p.call(t, http.MethodPut, gateway, "/bookings/"+b.ID+"/cancel", as(c)).refused(t, http.StatusConflict, problem.NotCancellable)
}

// Each ticket type is sold while its sale lasts, some while the event is running.
func TestSalesOfATicketType(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c, o := p.register(t, customer), p.register(t, organizer)
	d := draft(5, 5, 5)
	types := d["ticket_types"].([]obj)
	types[0]["sales_from"] = time.Now().Add(time.Hour)
	types[1]["sales_until"] = time.Now().Add(-time.Hour)
	types[2]["sales_from"], types[2]["sales_until"] = time.Now().Add(-time.Hour), d["ends_at"]
	e := p.publish(t, o, d)
	book := func(kind int) *answer {
		return p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{
			"event_id": e.ID, "items": []obj{{"ticket_type_id": e.TicketTypes[kind].ID, "quantity": 1}},
		}))
	}
	book(0).refused(t, http.StatusConflict, problem.NotOnSaleYet)
	book(1).refused(t, http.StatusConflict, problem.SalesClosed)
	book(2).want(t, http.StatusCreated)
}

func TestBookingLists(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c := p.register(t, customer)
	e := p.publish(t, p.register(t, organizer), draft(50))
	var want []string
	for range 7 {
		want = append(want, p.book(t, c, e, 1).ID)
	}
	slices.Reverse(want) // newest first
	ids := func(s service, path string, a *account) []string {
		var got []string
		for _, b := range wholeList[booking](t, p, s, path, as(a)) {
			got = append(got, b.ID)
		}
		return got
	}
	for _, got := range [][]string{
		ids(gateway, "/bookings", c), ids(gateway, "/bookings?limit=3", c), ids(bookings, "/bookings?limit=1", c),
		ids(bookings, "/bookings/user/"+c.id+"?limit=2", c), ids(bookings, "/bookings/user/"+c.id, p.admin),
		ids(bookings, "/bookings/user/"+strings.ToUpper(c.id)+"?limit=7", c),
	} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("a list of bookings:\n%s", diff)
		}
	}
	for _, bad := range []string{"limit=0", "limit=101", "limit=-1", "limit=x"} {
		p.call(t, http.MethodGet, gateway, "/bookings?"+bad, as(c)).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	}
	for _, bad := range []string{"cursor=x", "cursor=e30", "cursor=eyJhIjoiMSJ9"} {
		p.call(t, http.MethodGet, gateway, "/bookings?"+bad, as(c)).refused(t, http.StatusUnprocessableEntity, problem.InvalidCursor)
	}
}
