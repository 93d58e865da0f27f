package e2e

import (
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// However many guests come from one address, they keep as many tickets from sale as
// docs/limits.md says, and nobody elsewhere notices.
func TestWhatOneAddressKeepsFromSale(t *testing.T) {
	t.Parallel()
	p := shared(t)
	o, address := p.register(t, organizer), nextAddress()
	const capacity = 1000
	// flood has guests hold tickets of e until they are refused, and returns how many
	// are missing then, and the refusal.
	flood := func(e event) (missing int, refusal *answer) {
		for range 100 {
			res := p.call(t, http.MethodPost, gateway, "/bookings", as(p.guestFrom(t, address)),
				body(obj{"event_id": e.ID, "tickets": 20, "payment": obj{"token": "tok_authenticate"}}))
			if res.status != http.StatusAccepted && res.status != http.StatusCreated {
				return capacity - p.available(t, e.ID).Available, res
			}
		}
		t.Fatal("100 guests have 20 tickets each")
		return 0, nil
	}
	ofOne, refusal := flood(p.publish(t, o, draft(capacity)))
	refusal.refused(t, http.StatusConflict, problem.TooManyTickets)
	ofAll := ofOne
	for refusal.is(problem.TooManyTickets) {
		var more int
		more, refusal = flood(p.publish(t, o, draft(capacity)))
		ofAll += more
	}
	refusal.refused(t, http.StatusConflict, problem.TooManyCheckouts)

	text, err := os.ReadFile("../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`One network address can keep (\d+) tickets of one event from sale, and (\d+) of all events together`).FindSubmatch(text)
	if said == nil {
		t.Fatal("docs/limits.md does not say how many tickets one address can keep from sale")
	}
	if string(said[1]) != strconv.Itoa(ofOne) || string(said[2]) != strconv.Itoa(ofAll) {
		t.Errorf("one address keeps %d tickets of one event from sale, and %d of all; docs/limits.md says %s and %s", ofOne, ofAll, said[1], said[2])
	}

	// Somebody elsewhere books.
	e := p.publish(t, o, draft(capacity))
	p.book(t, p.guest(t), e, 20)
}

// Guests at one address do not get all the free tickets.
func TestOneAddressGetsSomeOfTheFreeTickets(t *testing.T) {
	t.Parallel()
	p := shared(t)
	e, address := p.freeEvent(t, 200), nextAddress()
	got := 0
	for range 10 {
		res := p.call(t, http.MethodPost, gateway, "/bookings", as(p.guestFrom(t, address)), body(obj{"event_id": e.ID, "tickets": 20}))
		if res.status != http.StatusCreated {
			res.refused(t, http.StatusConflict, problem.TooManyTickets)
			break
		}
		got += 20
	}
	if want := 120; got != want {
		t.Errorf("guests at one address have %d of 200 free tickets, want %d", got, want)
	}
	p.book(t, p.guest(t), e, 20)
}
