//go:build integration

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// The processes are killed alone, booking most often just when the provider has
// moved money for it, while people pay through the provider.
func TestProcessesMoneyKilled(t *testing.T) {
	t.Parallel()
	o := options{checkoutTTL: "8s"}
	provider := o.paidByStripe(t)
	p, s := startProcesses(t, setup{options: o})
	p.paidBy(provider)
	l := newLoad(t, p, 6, true)
	kills := 0
	for _, r := range s.all {
		l.awaitServed(t)
		r.kill()
		kills++
		r.again(t)
	}
	between := killBetween(t, l, provider, s.of(bookings)[0], suitetest.Amount(2, 6))
	l.awaitServed(t)
	t.Logf("each process killed alone, paid through a provider: %d kills, and between provider and database %v; %s", kills, between, l.end(t))
}

// again starts a process that was killed.
func (r *replica) again(t testing.TB) {
	t.Helper()
	if err := r.start(); err != nil {
		t.Fatal(err)
	}
	if err := r.listening(); err != nil {
		t.Fatal(err)
	}
}

// killBetween kills the booking service so many times when the provider has done
// something and has not said so.
func killBetween(t testing.TB, l *load, provider *stripetest.Server, r *replica, times int) map[string]int {
	t.Helper()
	between := map[string]int{}
	for i := range times {
		operation := []string{"confirm", "refund"}[i%2]
		l.awaitServed(t)
		if !killedWhenDone(provider, operation, patience, r.kill) {
			t.Errorf("no %s came", operation)
			continue
		}
		between[operation]++
		r.again(t)
	}
	return between
}

// Tickets that are held for a booking that is not there are found and given back,
// by the process booking reconcile as by the admin.
func TestProcessesReconcile(t *testing.T) {
	t.Parallel()
	p, s := startProcesses(t, setup{})
	e := p.publish(t, p.register(t, organizer), draft(20))
	kept := p.book(t, p.register(t, customer), e, 2)
	p.awaitMail(t, kept.ID, mail.confirms)
	leak := func() string {
		id := idOf(t, time.Now().Add(-time.Hour))
		res, err := send(p.client, http.MethodPut, p.url(events, "/events/"+e.ID+"/book"),
			header("X-Service-Token", s.keys.Token("booking", "event")), body(obj{"booking_id": id, "tickets": 3}))
		if err != nil {
			t.Fatal(err)
		}
		res.want(t, http.StatusOK)
		return id
	}
	left := func(want int) {
		t.Helper()
		if a := p.available(t, e.ID); a.Available != want {
			t.Errorf("%d tickets are left, want %d", a.Available, want)
		}
	}

	id := leak()
	left(15)
	r := p.reconcile(t)
	if len(r.Findings) != 1 || r.Findings[0].Kind != "hold_leaked" || r.Findings[0].BookingID != id || !r.Findings[0].Repaired {
		t.Errorf("the admin is told %+v", r.Findings)
	}
	left(18)

	id = leak()
	said, code := s.of(bookings)[0].run(t, "reconcile")
	if code != 0 || !strings.Contains(said, "hold_leaked") || !strings.Contains(said, id) {
		t.Errorf("booking reconcile ends with code %d: %s", code, said)
	}
	left(18)
	said, code = s.of(bookings)[0].run(t, "reconcile")
	if code != 0 || !strings.Contains(said, "Everything agrees.") {
		t.Errorf("booking reconcile, again, ends with code %d: %s", code, said)
	}
	if reports := wholeList[report](t, p, bookings, "/admin/reconciliations", as(p.admin)); len(reports) != 3 {
		t.Errorf("%d reports are kept", len(reports))
	}
}

// idOf is an id as one made then has.
func idOf(t testing.TB, at time.Time) string {
	t.Helper()
	id := uuid.Must(uuid.NewV7()).String()
	ms := fmt.Sprintf("%012x", at.UnixMilli())
	return ms[:8] + "-" + ms[8:] + id[13:]
}
