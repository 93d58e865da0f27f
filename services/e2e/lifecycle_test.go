package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// Whatever ends the processes, everything is there afterwards, and everybody is
// still logged in.
func TestEverythingIsKept(t *testing.T) {
	t.Parallel()
	p := start(t, options{})
	c, o := p.register(t, customer), p.register(t, organizer)
	e := p.publish(t, o, draft(10, 5))
	kept, gone := p.book(t, c, e, 2), p.book(t, c, e, 1)
	// Nobody is told of a confirmation after the cancellation.
	for _, b := range []booking{kept, gone} {
		p.awaitNotification(t, gateway, c, b.ID, "Booking confirmed: "+e.Title)
	}
	p.call(t, http.MethodPut, gateway, "/bookings/"+gone.ID+"/cancel", as(c)).want(t, http.StatusOK)
	p.awaitNotification(t, gateway, c, gone.ID, "Booking cancelled: "+e.Title)
	look := func() map[string]string {
		seen := map[string]string{}
		for _, path := range []string{"/events/" + e.ID, "/events/" + e.ID + "/availability", "/bookings", "/notifications", "/users/me"} {
			seen[path] = string(p.call(t, http.MethodGet, gateway, path, as(c)).want(t, http.StatusOK).body)
		}
		seen["ledger"] = fmt.Sprint(p.ledgerOf(t, kept.ID), p.ledgerOf(t, gone.ID))
		seen["keys"] = string(p.call(t, http.MethodGet, gateway, "/.well-known/jwks.json").want(t, http.StatusOK).body)
		return seen
	}
	before := look()
	for name, end := range map[string]func() error{
		"kill -9": func() error { p.kill(); return nil },
		"SIGTERM": p.stop,
	} {
		if err := end(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p.restart(t)
		if diff := cmp.Diff(before, look()); diff != "" {
			t.Errorf("%s has changed what is there:\n%s", name, diff)
		}
	}
	p.token(t, c, "grant_type", "refresh_token", "refresh_token", c.refresh).want(t, http.StatusOK)
	if err := p.login(o); err != nil {
		t.Error(err)
	}
	mails, err := p.mails()
	if err != nil {
		t.Fatal(err)
	}
	if len(mails) != 3 {
		t.Errorf("%d mails after two restarts, want 3", len(mails))
	}
}

// SIGTERM cuts no request that was accepted: not those that take nine seconds.
func TestDrain(t *testing.T) {
	t.Parallel()
	p := start(t, options{})
	crowd := p.crowd(t, 8)
	e := p.publish(t, p.register(t, organizer), draft(20))
	results := make([]error, len(crowd))
	var answered atomic.Int32
	var wg sync.WaitGroup
	for i, a := range crowd {
		at := []service{gateway, bookings}[i%2]
		token := []string{"tok_timeout", "tok_slow"}[i/2%2]
		wg.Go(func() {
			request := []option{as(a), key(uuid.NewString()), body(obj{"event_id": e.ID, "tickets": 1, "payment": obj{"token": token}})}
			res, err := p.send(http.MethodPost, at, "/bookings", request...)
			for err == nil && res.status == http.StatusServiceUnavailable { // a busy machine: it is asked for again
				<-time.After(100 * time.Millisecond)
				res, err = p.send(http.MethodPost, at, "/bookings", request...)
			}
			answered.Add(1)
			if errors.Is(err, syscall.ECONNREFUSED) {
				return // it came after the end: it was not accepted
			}
			if err == nil && res.status != http.StatusAccepted {
				err = fmt.Errorf("%d %s", res.status, res.body)
			}
			results[i] = err
		})
	}
	// Those are accepted whose tickets are held. A busy machine may answer the
	// first before the last are.
	eventually(t, func() error {
		if a := p.available(t, e.ID); a.Available > 20-len(crowd)/2 && int(answered.Load()) < len(crowd) {
			return fmt.Errorf("%d of 20 are available", a.Available)
		}
		return nil
	})
	if err := p.stop(); err != nil {
		t.Errorf("it does not end well: %v", err)
	}
	wg.Wait()
	for i, err := range results {
		if err != nil {
			t.Errorf("request %d was cut: %v", i, err)
		}
	}

	// What they were told to wait for settles after the next start.
	p.restart(t)
	confirmed := 0
	eventually(t, func() error {
		confirmed = 0
		for _, a := range crowd {
			for _, b := range wholeList[booking](t, p, gateway, "/bookings", as(a)) {
				switch b.Status {
				case "CONFIRMED":
					confirmed++
				case "FAILED":
				default:
					return fmt.Errorf("booking %s is %s", b.ID, b.Status)
				}
			}
		}
		return nil
	})
	if a := p.available(t, e.ID); a.Available != 20-confirmed {
		t.Errorf("%d are confirmed, and %d of 20 are available", confirmed, a.Available)
	}
	t.Logf("drain: of %d requests none was cut that was accepted; %d confirmed after the restart", len(crowd), confirmed)
}
