//go:build integration

package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	contracts "github.com/openboxoffice/boxoffice/contracts/events"
)

// Whoever is not who an operation or a topic is for is refused, and it is
// logged. A sidecar shows its service the app token with every call that it
// passes on, customers' too; that lends nobody a service's authority.
func TestDaprStrangers(t *testing.T) {
	t.Parallel()
	p, s := startProcesses(t, setup{sidecars: true})
	c := p.register(t, customer)
	e := p.publish(t, p.register(t, organizer), draft(5))
	b := p.book(t, c, e, 1)
	one := func(of service) *replica { return s.of(of)[0] }

	// by calls an app as whoever has the token of a sidecar does: an intruder in
	// the gateway's process, say.
	by := func(sidecar, app service, method, path string, o ...option) *answer {
		t.Helper()
		o = append(o, header("dapr-app-id", string(app)), header("dapr-api-token", s.dapr.apiToken))
		res, err := send(p.client, method, "http://"+one(sidecar).sidecar.http+path, o...)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	by(gateway, bookings, http.MethodGet, "/bookings/"+b.ID, as(c)).want(t, http.StatusOK) // the way is open

	some := obj{"booking_id": b.ID, "return_id": uuid.NewString(), "items": []obj{{"ticket_type_id": e.TicketTypes[0].ID, "quantity": 1}}}
	internal := []struct {
		of           service
		method, path string
		body         obj
	}{
		{events, http.MethodPut, "/events/" + e.ID + "/book", obj{"booking_id": uuid.NewString(), "tickets": 1}},
		{events, http.MethodPut, "/events/" + e.ID + "/release", obj{"booking_id": b.ID}},
		{events, http.MethodPost, "/events/" + e.ID + "/return", some},
		{events, http.MethodGet, "/reservations", nil},
		{events, http.MethodPost, "/receipts", obj{"ids": []string{uuid.NewString()}}},
		{notifications, http.MethodPost, "/receipts", obj{"ids": []string{uuid.NewString()}}},
		{gateway, http.MethodGet, "/users/" + c.id + "/contact", nil},
	}
	for _, op := range internal {
		for who, credentials := range map[string][]option{
			"a customer":                       {as(c)},
			"an admin":                         {as(p.admin)},
			"nobody":                           nil,
			"who knows the app token":          {header("dapr-api-token", s.dapr.appToken)},
			"who shows the app token as a key": {as(c), header("X-Service-Token", s.dapr.appToken)},
		} {
			o := credentials
			if op.body != nil {
				o = append(o[:len(o):len(o)], body(op.body))
			}
			// Through the gateway there is no such operation.
			if res := p.call(t, op.method, gateway, op.path, o...); op.of != gateway && res.status != http.StatusNotFound && res.status != http.StatusMethodNotAllowed {
				t.Errorf("%s at the gateway, by %s: %d %s", res.request, who, res.status, res.body)
			}
			straight := p.call(t, op.method, op.of, op.path, o...)
			through := by(bookings, op.of, op.method, op.path, o...)
			for _, res := range []*answer{straight, through} {
				if _, err := res.problem(); err != nil || res.status != http.StatusUnauthorized {
					t.Errorf("%s of %s, by %s: %d %s", res.request, op.of, who, res.status, res.body)
				}
			}
		}
	}

	// A CloudEvent that nobody published, posted straight to the service, or by a
	// sidecar as a call.
	forged := content("application/cloudevents+json", []byte(`{"specversion":"1.0","id":"`+uuid.NewString()+`","source":"booking","type":"booking.cancelled.v1","data":{}}`))
	for _, of := range []service{events, notifications} {
		const path = "/subscriptions/" + contracts.TopicBookings
		for who, o := range map[string][]option{
			"nobody": nil, "a customer": {as(c)}, "who knows the other token": {header("dapr-api-token", s.dapr.apiToken)},
		} {
			// The route is no operation of the API.
			res, err := send(p.client, http.MethodPost, p.url(of, path), append(o, forged)...)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := res.problem(); err != nil || res.status != http.StatusUnauthorized {
				t.Errorf("%s of %s, by %s: %d %s", path, of, who, res.status, res.body)
			}
		}
		// The sidecar shows its token for whoever calls.
		if res := by(gateway, of, http.MethodPost, path, forged); res.status != http.StatusUnauthorized {
			t.Errorf("%s of %s, as a call: %d %s", path, of, res.status, res.body)
		}
		if n := len(p.letters(t, of)); n != 0 {
			t.Errorf("%s has taken %d forged messages", of, n)
		}
		// Whoever makes the sidecar drop its mark gets as far as whoever speaks AMQP:
		// what its publisher has not sealed is kept, and has no effect.
		by(gateway, of, http.MethodPost, path, forged, header("Connection", "dapr-caller-app-id")).want(t, http.StatusNoContent)
		if found := p.letters(t, of); len(found) != 1 || !strings.Contains(found[0].Reason, "seal") {
			t.Errorf("of a forged message %s has %+v", of, found)
		}
		eventually(t, func() error {
			return errOf(strings.Contains(one(of).said(), "a delivery that is not the sidecar's was refused"), "%s has not logged it", of)
		})
	}

	// A topic that is not the app's to publish to.
	for _, of := range []service{events, notifications, gateway} {
		res, err := send(p.client, http.MethodPost, "http://"+one(of).sidecar.http+"/v1.0/publish/"+contracts.TopicBookings+"/"+contracts.TopicBookings,
			header("dapr-api-token", s.dapr.apiToken), forged)
		if err != nil {
			t.Fatal(err)
		}
		if res.status < 400 {
			t.Errorf("%s publishes to %s: %d %s", of, contracts.TopicBookings, res.status, res.body)
		}
		t.Logf("%s may not publish bookings: %d %.120s", of, res.status, res.body)
	}
	if a := p.available(t, e.ID); a.Available != 4 {
		t.Errorf("%d of 5 are available after one booking", a.Available)
	}
}
