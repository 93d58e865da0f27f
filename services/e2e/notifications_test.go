package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

func TestTestMail(t *testing.T) {
	t.Parallel()
	p := shared(t)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		var n notification
		p.call(t, method, notifications, "/notifications/test", as(p.admin)).want(t, http.StatusOK).into(t, &n)
		if n.Status != "SENT" || n.To != adminEmail || n.Channel != "email" || n.Attempts != 1 || n.SentAt == nil {
			t.Errorf("the test mail: %+v", n)
		}
		mails, err := p.mails()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(mails, func(m mail) bool { return strings.Contains(m.id, n.ID) && m.to == adminEmail }) {
			t.Errorf("no mail has the Message-ID of %s", n.ID)
		}
	}
}

func TestSMSForThoseWithAPhone(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c := p.register(t, customer)
	e := p.publish(t, p.register(t, organizer), draft(5))
	p.call(t, http.MethodPatch, gateway, "/users/me", as(c), body(obj{"phone": "+4915112345678"})).want(t, http.StatusOK)
	b := p.book(t, c, e, 1)
	eventually(t, func() error {
		sent, err := all[notification](p, gateway, "/notifications?status=SENT&booking_id="+b.ID, as(c))
		if err != nil {
			return final{err}
		}
		if !slices.ContainsFunc(sent, func(n notification) bool { return n.Channel == "sms" && n.To == "+4915112345678" }) {
			return fmt.Errorf("no SMS among %d sent", len(sent))
		}
		return nil
	})
}

func TestNotificationList(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c := p.register(t, customer)
	e := p.publish(t, p.register(t, organizer), draft(10))
	const n = 5
	for range n {
		p.book(t, c, e, 1)
	}
	eventually(t, func() error {
		sent, err := all[notification](p, gateway, "/notifications?status=SENT", as(c))
		if err != nil {
			return final{err}
		}
		if len(sent) < n {
			return errNoMail
		}
		return nil
	})
	for _, limit := range []int{1, 2, 5, 100} {
		got := wholeList[notification](t, p, gateway, fmt.Sprintf("/notifications?limit=%d", limit), as(c))
		ids := map[string]bool{}
		for _, x := range got {
			ids[x.ID] = true
		}
		if len(got) != n || len(ids) != n {
			t.Errorf("by pages of %d: %d notifications, %d of them different, want %d", limit, len(got), len(ids), n)
		}
	}
	if failed := wholeList[notification](t, p, gateway, "/notifications?status=FAILED", as(c)); len(failed) != 0 {
		t.Errorf("failed: %+v", failed)
	}
	for _, bad := range []string{"status=LOST", "booking_id=x", "limit=0", "limit=101", "limit=-1"} {
		p.call(t, http.MethodGet, gateway, "/notifications?"+bad, as(c)).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	}
	p.call(t, http.MethodGet, gateway, "/notifications?cursor=bm9uc2Vuc2U", as(c)).refused(t, http.StatusUnprocessableEntity, problem.InvalidCursor)
}

func TestTheConfirmationIsMailedAgain(t *testing.T) {
	t.Parallel()
	p := shared(t)
	c := p.register(t, customer)
	b := p.book(t, c, p.publish(t, p.register(t, organizer), draft(10)), 1)
	again := func(key string) *answer {
		return p.call(t, http.MethodPost, gateway, "/bookings/"+b.ID+"/resend", as(c), header("Idempotency-Key", key))
	}
	for _, key := range []string{"1", "1", "2", "3", "4", "5", "5"} {
		again(key).want(t, http.StatusAccepted)
	}
	again("6").refused(t, http.StatusTooManyRequests, problem.RateLimited)
	// A newer request makes an older mail that still waits needless, and comes first now and then.
	eventually(t, func() error {
		list, err := all[notification](p, gateway, "/notifications?booking_id="+b.ID, as(c))
		if err != nil {
			return final{err}
		}
		if len(list) < 2 || list[0].Status != "SENT" || list[0].Subject != "Your booking: "+b.Event.Title {
			return errNoMail
		}
		return nil
	})
}

// Logs are for many eyes.
func TestLogsKeepSecrets(t *testing.T) {
	t.Parallel()
	p := start(t, options{})
	c := p.register(t, customer)
	p.call(t, http.MethodPatch, gateway, "/users/me", as(c), body(obj{"phone": "+4915198765432"})).want(t, http.StatusOK)
	e := p.publish(t, p.register(t, organizer), draft(5))
	b := p.book(t, c, e, 1)
	p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 1, "payment": obj{"token": "tok_of_a_card"}})).
		want(t, http.StatusPaymentRequired)
	p.token(t, c, "grant_type", "password", "username", c.email, "password", "wrong password").want(t, http.StatusBadRequest)
	p.call(t, http.MethodGet, gateway, "/users/me", header("Authorization", "Bearer a.b.forged")).want(t, http.StatusUnauthorized)
	p.awaitMail(t, b.ID, mail.confirms)
	eventually(t, func() error {
		sent, err := all[notification](p, gateway, "/notifications?status=SENT", as(c))
		if err == nil && len(sent) < 2 {
			err = errors.New("the SMS has not gone out")
		}
		return err
	})
	logs, err := p.logs()
	if err != nil {
		t.Fatal(err)
	}
	if len(logs) < 500 {
		t.Fatalf("there is next to nothing in the logs: %s", logs)
	}
	for what, secret := range map[string]string{
		"password": c.password, "access token": c.token, "refresh token": c.refresh, "email": c.email, "phone": "4915198765432",
		"admin's password": adminPassword, "admin's email": adminEmail, "card": "tok_of_a_card", "wrong password": "wrong password", "forged token": "a.b.forged",
	} {
		if strings.Contains(logs, secret) {
			t.Errorf("the logs have the %s", what)
		}
	}
}

// Free bookings in a loop send one address a few mails an hour. The mail of a paid
// booking is always sent.
func TestFreeBookingsMailOneAddressAFewTimes(t *testing.T) {
	t.Parallel()
	p := shared(t)
	const quota, loop = 10, 15
	c, o := p.register(t, customer), p.register(t, organizer)
	free := p.publish(t, o, changed(draft(), "ticket_types", []obj{
		{"name": "Free", "capacity": loop, "price": money.Amount{AmountMinor: 0, Currency: "EUR"}},
	}))
	for range loop {
		p.book(t, c, free, 1)
	}
	paid := p.book(t, c, p.publish(t, o, draft(5)), 1)
	p.awaitMail(t, paid.ID, mail.confirms)
	var told []notification
	eventually(t, func() (err error) {
		told, err = all[notification](p, gateway, "/notifications?limit=100", as(c))
		if err == nil && (len(told) < loop+1 || slices.ContainsFunc(told, func(n notification) bool { return n.Status == "PENDING" })) {
			err = errNoMail
		}
		return err
	})
	count := map[string]int{}
	for _, n := range told {
		count[n.Status]++
		if n.Status == "FAILED" && !strings.Contains(n.Error, "too many") {
			t.Errorf("a mail failed: %s", n.Error)
		}
	}
	mails, err := p.mails()
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	for _, m := range mails {
		if m.to == c.email {
			got++
		}
	}
	if got != quota+1 || count["FAILED"] != loop-quota {
		t.Errorf("%d mails came, and the list has %v; want %d of the free bookings and one that was paid", got, count, quota)
	}
}
