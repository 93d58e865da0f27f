package e2e

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c := p.register(t, customer)
	e := p.publish(t, p.register(t, organizer), draft(50))
	want := obj{"event_id": e.ID, "tickets": 2}
	post := func(a *account, k string, v obj) *answer {
		return p.call(t, http.MethodPost, gateway, "/bookings", as(a), key(k), body(v))
	}
	k := uuid.NewString()
	var first, again booking
	post(c, k, want).want(t, http.StatusCreated).into(t, &first)
	post(c, k, want).want(t, http.StatusCreated).into(t, &again)
	if again.ID != first.ID {
		t.Errorf("the same key made bookings %s and %s", first.ID, again.ID)
	}
	post(c, k, changed(want, "tickets", 3)).refused(t, http.StatusUnprocessableEntity, problem.IdempotencyKeyReused)
	post(c, k, changed(want, "payment", obj{"token": "tok_declined"})).refused(t, http.StatusUnprocessableEntity, problem.IdempotencyKeyReused)

	// Another user's key is another key.
	var others booking
	post(p.register(t, customer), k, want).want(t, http.StatusCreated).into(t, &others)
	if others.ID == first.ID {
		t.Error("a user got another's booking by its key")
	}
	// A refusal before there is a booking is not remembered.
	k = uuid.NewString()
	post(c, k, changed(want, "tickets", 21)).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	post(c, k, want).want(t, http.StatusCreated)

	if a := p.available(t, e.ID); a.Available != 50-2-2-2 {
		t.Errorf("%d of 50 available after three bookings of two", a.Available)
	}
}

func TestReplayOfACancelledBooking(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c := p.register(t, customer)
	e := p.publish(t, p.register(t, organizer), draft(5))
	post := func() (b booking) {
		p.call(t, http.MethodPost, gateway, "/bookings", as(c), key("k"), body(obj{"event_id": e.ID, "tickets": 2})).
			want(t, http.StatusCreated).into(t, &b)
		return b
	}
	b := post()
	p.call(t, http.MethodPut, gateway, "/bookings/"+b.ID+"/cancel", as(c)).want(t, http.StatusOK)
	if now := post(); now.ID != b.ID || now.Status != "CANCELLED" {
		t.Errorf("the replay answers %+v", now)
	}
}

// Of 32 requests with one key at one time, one books; each of the others is
// told so, or to come back.
func TestConcurrentReplay(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c := p.register(t, customer)
	e := p.publish(t, p.register(t, organizer), draft(50))
	request := []option{as(c), key(uuid.NewString()), body(obj{"event_id": e.ID, "tickets": 1})}
	var mu sync.Mutex
	ids, later := map[string]int{}, 0
	var wg sync.WaitGroup
	for i := range 32 {
		at := []service{gateway, bookings}[i%2]
		wg.Go(func() {
			res, err := p.patiently(http.MethodPost, at, "/bookings", request...)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			switch res.status {
			case http.StatusCreated:
				var b booking
				if err := json.Unmarshal(res.body, &b); err != nil {
					t.Error(err)
				}
				ids[b.ID]++
			case http.StatusConflict:
				later++
				if res.refused(t, http.StatusConflict, problem.BookingInProgress); res.header.Get("Retry-After") == "" {
					t.Error("come back, but when? There is no Retry-After")
				}
			default:
				t.Errorf("%d %s", res.status, res.body)
			}
		})
	}
	wg.Wait()
	var b booking
	eventually(t, func() error {
		res := p.call(t, http.MethodPost, gateway, "/bookings", request...)
		if res.status == http.StatusConflict {
			return errors.New("it is still worked on")
		}
		res.want(t, http.StatusCreated).into(t, &b)
		return nil
	})
	ids[b.ID]++
	if len(ids) != 1 {
		t.Errorf("one key made %d bookings", len(ids))
	}
	mine := slices.DeleteFunc(wholeList[booking](t, p, gateway, "/bookings", as(c)), func(b booking) bool { return b.Status == "FAILED" })
	if len(mine) != 1 {
		t.Errorf("the customer has %d bookings", len(mine))
	}
	if got := p.ledgerOf(t, b.ID); len(got) != 1 {
		t.Errorf("the ledger: %+v", got)
	}
	if a := p.available(t, e.ID); a.Available != 49 {
		t.Errorf("%d of 50 available", a.Available)
	}
	t.Logf("32 requests: %d were answered 201, %d to come back", ids[b.ID]-1, later)
}
