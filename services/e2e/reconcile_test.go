package e2e

import (
	"net/http"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// report is a reconciliation's.
type report struct {
	ID      string `json:"id"`
	By      string `json:"by"`
	Checked struct {
		Bookings int `json:"bookings"`
		Charges  int `json:"charges"`
		Holdings int `json:"holdings"`
		Messages int `json:"messages"`
	} `json:"checked"`
	Findings []struct {
		Kind      string `json:"kind"`
		BookingID string `json:"booking_id"`
		Detail    string `json:"detail"`
		Repaired  bool   `json:"repaired"`
	} `json:"findings"`
}

// reconcile has everything compared, by the admin.
func (p *platform) reconcile(t testing.TB) (r report) {
	t.Helper()
	p.call(t, http.MethodPost, bookings, "/admin/reconciliations", as(p.admin)).want(t, http.StatusCreated).into(t, &r)
	return r
}

// Where all is well a reconciliation finds nothing, and keeps its report.
func TestReconciliation(t *testing.T) {
	t.Parallel()
	p := start(t, options{})
	c := p.register(t, customer)
	e := p.publish(t, p.register(t, organizer), draft(20))
	for range 3 {
		p.awaitMail(t, p.book(t, c, e, 2).ID, mail.confirms)
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		p.call(t, method, bookings, "/admin/reconciliations").refused(t, http.StatusUnauthorized, problem.Unauthenticated)
		p.call(t, method, bookings, "/admin/reconciliations", as(c)).refused(t, http.StatusForbidden, problem.Forbidden)
	}
	r := p.reconcile(t)
	if got := r.Checked; got.Bookings != 3 || got.Charges != 3 || got.Holdings != 3 || len(r.Findings) > 0 || r.By == "" {
		t.Errorf("%+v", r)
	}
	kept := wholeList[report](t, p, bookings, "/admin/reconciliations", as(p.admin))
	if len(kept) != 1 || kept[0].ID != r.ID {
		t.Errorf("the reports kept: %+v", kept)
	}
}
