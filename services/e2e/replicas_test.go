//go:build integration

package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// Three processes each, straight; two, each with its sidecar.
func TestProcessesReplicas(t *testing.T) {
	t.Parallel()
	replicas(t, 3, setup{})
}

func TestDaprReplicas(t *testing.T) {
	t.Parallel()
	replicas(t, 2, setup{sidecars: true})
}

// Several booking processes on one database, and several notification processes
// on another, share the work. One of each is killed in the middle and never
// comes back; the others take over what it was about.
func replicas(t *testing.T, n int, o setup) {
	server := newMailServer(t)
	server.up(t, false)
	o.smtpURL = "smtp://" + server.address + "?tls=none"
	o.replicas = map[service]int{bookings: n, notifications: n}
	p, s := startProcesses(t, o)
	total := 5 * n // bookings at first
	p.system = mailed{s, server}

	// With nobody killed: all book, and nothing is done twice.
	through := map[string]int{}
	c := p.register(t, customer)
	e := p.publish(t, p.admin, draft(100)) // an organizer would have to be mailed first
	for range 5 {
		for _, r := range s.of(bookings) {
			once := key(uuid.NewString())
			res, err := insist(func() (*answer, error) {
				return send(p.client, http.MethodPost, r.url("/bookings"), as(c), once, body(obj{"event_id": e.ID, "tickets": 1}))
			})
			if err != nil {
				t.Fatal(err)
			}
			var b booking
			res.want(t, http.StatusCreated).into(t, &b)
			through[r.name()]++
			// What one has booked, the others know.
			p.get(t, bookings, "/bookings/"+b.ID, nil, as(c))
		}
	}
	told := func() (mails, repeats int) {
		seen := map[string]bool{}
		for _, m := range server.mails() {
			if mails++; seen[m.id] {
				repeats++
			}
			seen[m.id] = true
		}
		return mails, repeats
	}
	eventually(t, func() error {
		if n, _ := told(); n < total {
			return fmt.Errorf("%d of %d mails", n, total)
		}
		return nil
	})

	// Payments that hang on one process are settled by the others.
	lost := s.of(bookings)[1]
	const hanging = 4
	crowd := p.crowd(t, hanging)
	var wg sync.WaitGroup
	for i, a := range crowd {
		token := []string{"tok_timeout", "tok_slow"}[i%2]
		wg.Go(func() {
			_, _ = send(p.client, http.MethodPost, lost.url("/bookings"), as(a),
				body(obj{"event_id": e.ID, "tickets": 1, "payment": obj{"token": token}})) // cut off, below
		})
	}
	eventually(t, func() error {
		if a := p.available(t, e.ID); a.Available != 100-total-hanging {
			return fmt.Errorf("%d of 100 are available", a.Available)
		}
		return nil
	})
	l := newLoad(t, p, 6, true)
	l.awaitTried(t, 10)
	lost.leave()
	wg.Wait()
	l.awaitServed(t)
	l.awaitTried(t, 20)
	confirmed := 0
	eventually(t, func() error {
		confirmed = 0
		for _, a := range crowd {
			list, err := all[booking](p, bookings, "/bookings", as(a))
			if err != nil {
				return err // of a connection that ended with a process, say
			}
			if len(list) != 1 {
				return final{fmt.Errorf("a customer has %d bookings", len(list))}
			}
			switch list[0].Status {
			case "CONFIRMED":
				confirmed++
			case "FAILED":
			default:
				return errors.New("a killed process's booking is " + list[0].Status)
			}
		}
		return nil
	})
	if a := p.available(t, e.ID); a.Available != 100-total-confirmed {
		t.Errorf("%d are confirmed, and %d of 100 are available", total+confirmed, a.Available)
	}
	// The load's survey looks at these too: settled once, one mail each.
	l.witnessed(t, append(crowd, c)...)
	figures := l.end(t)
	if n, repeats := told(); repeats > 0 {
		t.Errorf("no notification process was killed, and %d of %d mails came again", repeats, n)
	}
	t.Logf("%d booking processes: %v bookings through each, one killed with %d payments open, %d of these confirmed by the others; %s",
		n, through, hanging, confirmed, figures)

	// Mails are on their way when a notification process is killed.
	for range 8 {
		p.insist(t, c, e)
	}
	s.of(notifications)[1].leave()
	for range 8 {
		p.insist(t, c, e)
	}
	eventually(t, func() error {
		missing := 0
		confirmations, _, _ := mailsAbout(server.mails())
		for _, b := range wholeList[booking](t, p, bookings, "/bookings?limit=100", as(c)) {
			if confirmations[b.ID] == 0 {
				missing++
			}
		}
		if missing > 0 {
			return fmt.Errorf("%d mails are missing", missing)
		}
		return nil
	})
	// Between the server's answer and the note of it, each of the killed
	// process's four workers may have had one mail: the same one comes again.
	mails, repeats := told()
	if repeats > 4 {
		t.Errorf("%d of %d mails came again", repeats, mails)
	}
	confirmations, _, _ := mailsAbout(server.mails())
	again := 0
	for _, n := range confirmations {
		again += n - 1
	}
	if again != repeats {
		t.Errorf("%d bookings are told again, and %d mails came again under their Message-ID", again, repeats)
	}
	t.Logf("%d notification processes: one killed, %d mails, sent again under the same Message-ID = %d, lost = 0", n, mails, repeats)
}

// leave ends a process for good, at once, and its sidecar with it.
func (r *replica) leave() {
	r.kill()
	if r.sidecar != nil {
		r.sidecar.kill()
	}
}

// insist books one ticket, and asks again with the same key while it is told to.
func (p *platform) insist(t testing.TB, by *account, e event) {
	t.Helper()
	request := []option{as(by), key(uuid.NewString()), body(obj{"event_id": e.ID, "tickets": 1})}
	eventually(t, func() error {
		res, err := p.send(http.MethodPost, gateway, "/bookings", request...)
		if err == nil && res.status != http.StatusCreated {
			err = fmt.Errorf("%d %s", res.status, res.body)
		}
		return err
	})
}
