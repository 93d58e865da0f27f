package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// A customer who has to act gets a page to act on, through the gateway, and the
// booking hears of it at once.
func TestSandboxChallenge(t *testing.T) {
	t.Parallel()
	p := shared(t)
	o, c := p.register(t, organizer), p.register(t, customer)
	e := p.publish(t, o, draft(5))
	for outcome, want := range map[string]string{"confirmed": "CONFIRMED ", "refused": "FAILED payment_declined"} {
		var b struct {
			ID      string `json:"id"`
			Payment struct {
				NextAction *struct {
					URL string `json:"url"`
				} `json:"next_action"`
			} `json:"payment"`
		}
		p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 1, "payment": obj{"token": "tok_authenticate"}})).
			want(t, http.StatusAccepted).into(t, &b)
		if b.Payment.NextAction == nil || !strings.HasPrefix(b.Payment.NextAction.URL, "/") {
			t.Fatalf("the next action is %+v", b.Payment.NextAction)
		}
		page := b.Payment.NextAction.URL
		shown := p.call(t, http.MethodGet, gateway, page).want(t, http.StatusOK)
		if policy := shown.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(string(shown.body), "<form") {
			t.Errorf("the page, with the policy %q: %s", policy, shown.body)
		}
		p.call(t, http.MethodPost, gateway, page+"?outcome="+outcome, header("Content-Type", "application/x-www-form-urlencoded")).want(t, http.StatusOK)
		eventually(t, func() error {
			var now struct{ Status, Reason string }
			if p.get(t, gateway, "/bookings/"+b.ID, &now, as(c)); now.Status+" "+now.Reason != want {
				return fmt.Errorf("the booking is %s %s, want %s", now.Status, now.Reason, want)
			}
			return nil
		})
		p.call(t, http.MethodGet, gateway, page).refused(t, http.StatusGone, problem.LinkNotValid)
		p.call(t, http.MethodPost, gateway, page+"?outcome=confirmed").refused(t, http.StatusGone, problem.LinkNotValid)
	}
}
