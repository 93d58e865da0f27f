package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// guest is somebody without an account, with a token to book with.
func (p *platform) guest(t testing.TB) *account {
	t.Helper()
	return p.guestFrom(t, nextAddress())
}

// guestFrom is a guest who comes from this address.
func (p *platform) guestFrom(t testing.TB, address string) *account {
	t.Helper()
	g := newAccount("guest")
	g.address = address
	var granted struct {
		ID      string `json:"id"`
		Access  string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int    `json:"expires_in"`
	}
	p.call(t, http.MethodPost, gateway, "/guests", header("X-Forwarded-For", g.address), body(obj{"name": g.name, "email": g.email})).
		want(t, http.StatusCreated).into(t, &granted)
	if granted.Type != "Bearer" || granted.Expires != 7200 {
		t.Errorf("granted: type %q, expires in %d", granted.Type, granted.Expires)
	}
	g.id, g.token = granted.ID, granted.Access
	return g
}

// A guest books, sees and cancels, and is mailed.
func TestAGuestBooks(t *testing.T) {
	t.Parallel()
	p := shared(t)
	g := p.guest(t)
	e := p.publish(t, p.register(t, organizer), draft(10))
	b := p.book(t, g, e, 2)
	if b.Status != "CONFIRMED" || b.UserID != g.id {
		t.Errorf("booked: %s for %s", b.Status, b.UserID)
	}
	admin := *p.admin // sees what the guest was told, who cannot list it
	admin.id, admin.email = g.id, g.email
	p.awaitNotification(t, gateway, &admin, b.ID, "Booking confirmed: "+e.Title)
	mine := wholeList[booking](t, p, gateway, "/bookings", as(g))
	if len(mine) != 1 || mine[0].ID != b.ID {
		t.Errorf("a guest's bookings: %+v", mine)
	}
	p.call(t, http.MethodPost, gateway, "/bookings/"+b.ID+"/cancellations", as(g), key(uuid.NewString()),
		body(obj{"items": []obj{{"ticket_type_id": e.TicketTypes[0].ID, "quantity": 1}}})).want(t, http.StatusCreated)
	p.call(t, http.MethodPut, gateway, "/bookings/"+b.ID+"/cancel", as(g)).want(t, http.StatusOK)
}

// A guest mistypes the address, corrects it before paying, and is mailed there.
func TestAGuestCorrectsTheAddress(t *testing.T) {
	t.Parallel()
	p := shared(t)
	g := p.guest(t)
	e := p.publish(t, p.register(t, organizer), draft(10))
	b := p.checkout(t, g, e, 1)
	right := newAccount("right")
	correct := func(by *account, s service, fields obj) *answer {
		return p.call(t, http.MethodPatch, s, "/bookings/"+b.ID, as(by), body(fields))
	}
	var got struct {
		Buyer map[string]string `json:"buyer"`
	}
	correct(g, gateway, obj{"email": right.email, "phone": "+4915112345678"}).want(t, http.StatusOK).into(t, &got)
	want := map[string]string{"name": g.name, "email": right.email, "phone": "+4915112345678"}
	if diff := cmp.Diff(want, got.Buyer); diff != "" {
		t.Errorf("the buyer (-want +got):\n%s", diff)
	}
	correct(g, gateway, obj{"email": "nobody"}).want(t, http.StatusUnprocessableEntity)
	for _, s := range []service{gateway, bookings} {
		correct(p.guest(t), s, obj{"name": "Mallory"}).refused(t, http.StatusForbidden, problem.Forbidden)
		correct(p.register(t, customer), s, obj{"name": "Mallory"}).refused(t, http.StatusForbidden, problem.Forbidden)
	}
	p.pay(t, g, b.ID, "tok_visa").want(t, http.StatusOK)
	correct(g, gateway, obj{"name": "Late"}).refused(t, http.StatusConflict, problem.AlreadyPaid)
	admin := *p.admin // sees what the guest was told, who cannot list it
	admin.id, admin.email = g.id, right.email
	p.awaitNotification(t, gateway, &admin, b.ID, "Booking confirmed: "+e.Title)
}

// Guests and accounts get mails in their own language.
func TestMailsAreInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	p := shared(t)
	e := p.publish(t, p.register(t, organizer), draft(10))
	c, g := p.register(t, customer), newAccount("german")
	p.call(t, http.MethodPatch, gateway, "/users/me", as(c), body(obj{"locale": "de-CH"})).want(t, http.StatusOK)
	g.address = nextAddress()
	var granted struct {
		ID     string `json:"id"`
		Access string `json:"access_token"`
	}
	p.call(t, http.MethodPost, gateway, "/guests", header("X-Forwarded-For", g.address), body(obj{"name": g.name, "email": g.email, "locale": "de-AT"})).
		want(t, http.StatusCreated).into(t, &granted)
	g.id, g.token = granted.ID, granted.Access
	for _, a := range []*account{c, g} {
		p.book(t, a, e, 2)
		eventually(t, func() error {
			mails, err := p.mails()
			if err != nil {
				return final{err}
			}
			for _, m := range mails {
				switch {
				case m.to != a.email || !strings.HasSuffix(m.subject, e.Title):
				case m.subject != "Buchung bestätigt: "+e.Title || !strings.Contains(m.text, "Gesamt: 50,00\u00a0€"):
					return final{fmt.Errorf("%s says\n%s", m.subject, m.text)}
				default:
					return nil
				}
			}
			return errNoMail
		})
	}
}

// linkKey is how the key of a link ends a line of a mail, with the link or without.
var linkKey = regexp.MustCompile(`(?m)[ /]([A-Za-z0-9_-]{22})\r?$`)

// A guest who has lost every mail gets the links to their bookings. Nobody else gets any.
func TestAGuestFindsTheirBookings(t *testing.T) {
	t.Parallel()
	p := shared(t)
	g, c := p.guest(t), p.register(t, customer)
	e := p.publish(t, p.register(t, organizer), draft(10))
	ids := []string{p.book(t, g, e, 1).ID, p.book(t, g, e, 2).ID}
	p.book(t, c, e, 1)
	find := func(email string) *answer {
		return p.call(t, http.MethodPost, gateway, "/bookings/links", header("X-Forwarded-For", g.address), body(obj{"email": email}))
	}
	known := find(strings.ToUpper(g.email)).want(t, http.StatusAccepted)
	for _, email := range []string{"nobody-" + g.email, c.email} {
		if other := find(email).want(t, http.StatusAccepted); string(other.body) != string(known.body) {
			t.Errorf("the answer is %q, and %q where there are bookings", other.body, known.body)
		}
	}
	find("nobody").want(t, http.StatusUnprocessableEntity)
	var keys [][]string
	eventually(t, func() error {
		mails, err := p.mails()
		if err != nil {
			return final{err}
		}
		for _, m := range mails {
			if m.subject == "The links to your bookings" && m.to == g.email {
				keys = linkKey.FindAllStringSubmatch(m.text, -1)
				return nil
			}
			if m.subject == "The links to your bookings" && m.to == c.email {
				return final{errors.New("an account is mailed links")}
			}
		}
		return errNoMail
	})
	if len(keys) != len(ids) {
		t.Fatalf("the mail has %d keys, want %d", len(keys), len(ids))
	}
	opened := map[string]bool{}
	for _, id := range ids {
		for _, found := range keys {
			opened[id] = opened[id] || p.call(t, http.MethodGet, gateway, "/bookings/"+id, header("Booking-Key", found[1])).status == http.StatusOK
		}
		if !opened[id] {
			t.Errorf("no key opens the booking %s", id)
		}
	}
}

// A guest has no account, is no organizer, and sees nobody else's bookings, another
// guest's with the same address included.
func TestGuestsKeepToThemselves(t *testing.T) {
	t.Parallel()
	p := shared(t)
	g, other, c, o := p.guest(t), p.guest(t), p.register(t, customer), p.register(t, organizer)
	e := p.publish(t, o, draft(10))
	refused := func(a *answer) { t.Helper(); a.refused(t, http.StatusForbidden, problem.Forbidden) }
	for _, owner := range []*account{c, other} {
		b := p.book(t, owner, e, 1)
		for _, s := range []service{gateway, bookings} {
			refused(p.call(t, http.MethodGet, s, "/bookings/"+b.ID, as(g)))
			refused(p.call(t, http.MethodPut, s, "/bookings/"+b.ID+"/cancel", as(g)))
			refused(p.call(t, http.MethodPost, s, "/bookings/"+b.ID+"/cancellations", as(g), key(uuid.NewString()),
				body(obj{"items": []obj{{"ticket_type_id": e.TicketTypes[0].ID, "quantity": 1}}})))
			refused(p.call(t, http.MethodGet, s, "/bookings/user/"+owner.id, as(g)))
			refused(p.call(t, http.MethodPost, s, "/bookings", as(g), body(obj{"event_id": e.ID, "tickets": 1, "user_id": owner.id})))
		}
	}
	if mine := wholeList[booking](t, p, gateway, "/bookings", as(g)); len(mine) != 0 {
		t.Errorf("a guest lists others' bookings: %+v", mine)
	}
	for _, op := range []struct {
		method, path string
		body         obj
		at           service
	}{
		{http.MethodGet, "/users/me", nil, gateway},
		{http.MethodPatch, "/users/me", obj{"name": "Mallory"}, gateway},
		{http.MethodGet, "/users/me/sessions", nil, gateway},
		{http.MethodDelete, "/users/me/sessions/" + uuid.NewString(), nil, gateway},
		{http.MethodPost, "/admin/keys/rotate", nil, gateway},
		{http.MethodGet, "/bookings/user/" + g.id, nil, gateway},
		{http.MethodGet, "/notifications", nil, gateway},
		{http.MethodGet, "/notifications", nil, notifications},
		{http.MethodPost, "/events", draft(10), gateway},
		{http.MethodPut, "/events/" + e.ID, draft(10), gateway},
		{http.MethodDelete, "/events/" + e.ID, nil, gateway},
		{http.MethodPost, "/events/" + e.ID + "/cancel", nil, gateway},
		{http.MethodGet, "/events/" + e.ID + "/cancellation", nil, gateway},
		{http.MethodGet, "/admin/audit", nil, gateway},
		{http.MethodGet, "/admin/reconciliations", nil, gateway},
		{http.MethodGet, "/admin/stuck-bookings", nil, gateway},
		{http.MethodGet, "/dead-letters", nil, bookings},
	} {
		options := []option{as(g)}
		if op.body != nil {
			options = append(options, body(op.body))
		}
		if a := p.call(t, op.method, op.at, op.path, options...); a.status != http.StatusForbidden {
			t.Errorf("%s %s at %s: %d %s, want 403", op.method, op.path, op.at, a.status, a.body)
		}
	}
}
