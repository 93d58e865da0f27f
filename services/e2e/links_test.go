package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// A key that opens nothing tells nothing: not even whether there is such a booking.
func TestForgedLinks(t *testing.T) {
	t.Parallel()
	p := shared(t)
	ada, other := p.register(t, customer), p.register(t, customer)
	b := p.book(t, ada, p.publish(t, p.register(t, organizer), draft(10)), 1)
	forged := header("Booking-Key", strings.Repeat("A", 22))
	for _, s := range []service{gateway, bookings} {
		for _, id := range []string{b.ID, uuid.NewString()} {
			for _, op := range []string{"GET ", "GET /tickets", "PUT /cancel", "POST /cancellations", "DELETE /links"} {
				method, rest, _ := strings.Cut(op, " ")
				options := []option{forged}
				if method == http.MethodPost {
					options = append(options, header("Idempotency-Key", uuid.NewString()), body(obj{"tickets": []string{uuid.NewString()}}))
				}
				p.call(t, method, s, "/bookings/"+id+rest, options...).refused(t, http.StatusNotFound, problem.BookingNotFound)
			}
			p.call(t, http.MethodPost, s, "/bookings/"+id+"/payment", forged, header("Idempotency-Key", uuid.NewString()), body(obj{})).
				refused(t, http.StatusUnauthorized, problem.Unauthenticated)
		}
		p.call(t, http.MethodGet, s, "/bookings", forged).refused(t, http.StatusUnauthorized, problem.Unauthenticated)
		p.call(t, http.MethodPost, s, "/bookings/"+b.ID+"/claim", as(other), forged).refused(t, http.StatusNotFound, problem.BookingNotFound)
		// With an access token that alone counts.
		p.call(t, http.MethodGet, s, "/bookings/"+b.ID, as(ada), forged).want(t, http.StatusOK)
		p.call(t, http.MethodDelete, s, "/bookings/"+b.ID+"/links", as(other), forged).refused(t, http.StatusForbidden, problem.Forbidden)
		p.call(t, http.MethodDelete, s, "/bookings/"+b.ID+"/links", as(ada)).want(t, http.StatusNoContent)
	}
}
