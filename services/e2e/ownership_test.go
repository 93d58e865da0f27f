package e2e

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

func TestCustomersKeepToThemselves(t *testing.T) {
	t.Parallel()
	p := shared(t)
	ada, bob, o := p.register(t, customer), p.register(t, customer), p.register(t, organizer)
	e := p.publish(t, o, draft(5))
	b := p.book(t, ada, e, 1)
	p.awaitNotification(t, gateway, ada, b.ID, "Booking confirmed: "+e.Title)

	// The organizer of the event is a stranger to the booking as well.
	for _, stranger := range []*account{bob, o} {
		for _, s := range []service{gateway, bookings} {
			p.call(t, http.MethodGet, s, "/bookings/"+b.ID, as(stranger)).refused(t, http.StatusForbidden, problem.Forbidden)
			p.call(t, http.MethodPut, s, "/bookings/"+b.ID+"/cancel", as(stranger)).refused(t, http.StatusForbidden, problem.Forbidden)
			if mine := wholeList[booking](t, p, s, "/bookings", as(stranger)); len(mine) != 0 {
				t.Errorf("%s lists another's bookings: %+v", s, mine)
			}
		}
		p.call(t, http.MethodGet, bookings, "/bookings/user/"+ada.id, as(stranger)).refused(t, http.StatusForbidden, problem.Forbidden)
		p.call(t, http.MethodGet, bookings, "/payments/sandbox/ledger?booking_id="+b.ID, as(stranger)).refused(t, http.StatusForbidden, problem.Forbidden)
		for _, s := range []service{gateway, notifications} {
			for _, path := range []string{"/notifications", "/notifications?booking_id=" + b.ID} {
				if theirs := wholeList[notification](t, p, s, path, as(stranger)); len(theirs) != 0 {
					t.Errorf("%s lists another's notifications: %+v", s, theirs)
				}
			}
		}
	}
	for _, path := range []string{"/bookings/" + b.ID, "/bookings", "/notifications"} {
		p.call(t, http.MethodGet, gateway, path).refused(t, http.StatusUnauthorized, problem.Unauthenticated)
	}
	p.call(t, http.MethodGet, bookings, "/payments/sandbox/ledger").refused(t, http.StatusUnauthorized, problem.Unauthenticated)
	if now := p.bookingNow(t, p.admin, b.ID); now.Status != "CONFIRMED" || now.UserID != ada.id {
		t.Errorf("an admin sees %+v", now)
	}
	if seen := wholeList[notification](t, p, gateway, "/notifications?booking_id="+b.ID, as(p.admin)); len(seen) == 0 {
		t.Error("an admin does not see the customer's notification")
	}
}

func TestOrganizersKeepToThemselves(t *testing.T) {
	t.Parallel()
	p := shared(t)
	owner, other, c := p.register(t, organizer), p.register(t, organizer), p.register(t, customer)
	e := p.publish(t, owner, draft(5))
	edit := body(changed(draft(5), "title", "Taken over"))
	for _, s := range []service{gateway, events} {
		for _, stranger := range []*account{other, c} {
			p.call(t, http.MethodPut, s, "/events/"+e.ID, as(stranger), edit).refused(t, http.StatusForbidden, problem.Forbidden)
			p.call(t, http.MethodDelete, s, "/events/"+e.ID, as(stranger)).refused(t, http.StatusForbidden, problem.Forbidden)
			p.call(t, http.MethodPost, s, "/events/"+e.ID+"/cancel", as(stranger)).refused(t, http.StatusForbidden, problem.Forbidden)
		}
		p.call(t, http.MethodPut, s, "/events/"+e.ID, edit).refused(t, http.StatusUnauthorized, problem.Unauthenticated)
		p.call(t, http.MethodDelete, s, "/events/"+e.ID).refused(t, http.StatusUnauthorized, problem.Unauthenticated)
		p.call(t, http.MethodPost, s, "/events", as(c), body(draft(5))).refused(t, http.StatusForbidden, problem.Forbidden)
	}
	var now event
	if p.get(t, gateway, "/events/"+e.ID, &now); now.Title != e.Title {
		t.Errorf("the event is now %q", now.Title)
	}
	p.call(t, http.MethodPut, gateway, "/events/"+e.ID, as(p.admin), edit).want(t, http.StatusOK)
	p.call(t, http.MethodDelete, gateway, "/events/"+e.ID, as(p.admin)).want(t, http.StatusNoContent)
}

// What the services do for each other they do for nobody else.
func TestInternalOperationsAreInternal(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c, o := p.register(t, customer), p.register(t, organizer)
	e := p.publish(t, o, draft(5))
	b := p.book(t, c, e, 1)
	some := obj{"booking_id": b.ID, "return_id": uuid.NewString(), "items": []obj{{"ticket_type_id": e.TicketTypes[0].ID, "quantity": 1}}}
	operations := []struct {
		method, path string
		body         obj
		at           []service
	}{
		{http.MethodPut, "/events/" + e.ID + "/book", obj{"booking_id": uuid.NewString(), "tickets": 1}, []service{gateway, events}},
		{http.MethodPut, "/events/" + e.ID + "/release", obj{"booking_id": b.ID}, []service{gateway, events}},
		{http.MethodPost, "/events/" + e.ID + "/return", some, []service{gateway, events}},
		{http.MethodPost, "/receipts", obj{"ids": []string{b.ID}}, []service{gateway, events, bookings, notifications}},
		{http.MethodGet, "/cancelled-events/" + e.ID, nil, []service{gateway, bookings}},
		{http.MethodGet, "/charge-limits/EUR", nil, []service{gateway, bookings}},
		{http.MethodGet, "/events/" + e.ID + "/tickets", nil, []service{gateway, bookings}},
		{http.MethodGet, "/reservations", nil, []service{gateway, events}},
		{http.MethodGet, "/users/" + c.id + "/contact", nil, []service{gateway}},
		{http.MethodGet, "/account-mails/" + uuid.NewString(), nil, []service{gateway}},
	}
	nobody := func(*http.Request) {}
	callers := map[string]option{
		"nobody": nobody, "the customer": as(c), "the organizer": as(o), "the admin": as(p.admin),
		"a made-up service": header("X-Service-Token", "made-up"), "an empty token": header("X-Service-Token", ""),
		"the admin with a made-up token": func(r *http.Request) { as(p.admin)(r); header("X-Service-Token", "made-up")(r) },
		"a sidecar's token":              header("dapr-api-token", "made-up"),
	}
	for _, op := range operations {
		for who, caller := range callers {
			for _, s := range op.at {
				options := []option{caller}
				if op.body != nil {
					options = append(options, body(op.body))
				}
				res := p.call(t, op.method, s, op.path, options...)
				if res.status < 401 || res.status > 405 || res.status == 402 {
					t.Errorf("%s at %s by %s: %d %s", op.path, s, who, res.status, res.body)
				} else if _, err := res.problem(); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if a := p.available(t, e.ID); a.Available != 4 {
		t.Errorf("%d of 5 available after one booking", a.Available)
	}
}

func TestAdminsOperations(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c := p.register(t, customer)
	for _, s := range []service{events, bookings, notifications} {
		p.call(t, http.MethodGet, s, "/dead-letters", as(c)).refused(t, http.StatusForbidden, problem.Forbidden)
		p.call(t, http.MethodGet, s, "/dead-letters").refused(t, http.StatusUnauthorized, problem.Unauthenticated)
		replay := "/dead-letters/" + uuid.NewString() + "/replay"
		p.call(t, http.MethodPost, s, replay, as(c)).refused(t, http.StatusForbidden, problem.Forbidden)
		p.call(t, http.MethodPost, s, replay, as(p.admin)).refused(t, http.StatusNotFound, problem.DeadLetterNotFound)
		if dead := wholeList[obj](t, p, s, "/dead-letters", as(p.admin)); len(dead) != 0 {
			t.Errorf("%s has dead letters: %v", s, dead)
		}
	}
	for _, s := range []service{gateway, bookings} {
		for _, op := range []struct{ method, path string }{
			{http.MethodGet, "/admin/audit"}, {http.MethodGet, "/admin/reconciliations"}, {http.MethodPost, "/admin/reconciliations"},
			{http.MethodGet, "/admin/stuck-bookings"}, {http.MethodPost, "/admin/stuck-bookings/" + uuid.NewString() + "/retry"},
		} {
			for _, u := range []*account{c, p.register(t, organizer)} {
				p.call(t, op.method, s, op.path, as(u)).refused(t, http.StatusForbidden, problem.Forbidden)
			}
			p.call(t, op.method, s, op.path).refused(t, http.StatusUnauthorized, problem.Unauthenticated)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		p.call(t, method, notifications, "/notifications/test", as(c)).refused(t, http.StatusForbidden, problem.Forbidden)
	}
}
