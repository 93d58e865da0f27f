package html_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	nethtml "golang.org/x/net/html"

	"github.com/openboxoffice/boxoffice/services/web"
	"github.com/openboxoffice/boxoffice/services/web/webtest"
)

// Ana buys two tickets after a first card was declined, with 3-D Secure, without an account.
func TestAnaBuys(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	details := b.details(s.program.OnSale, 2, 1).want(http.StatusOK, "Your details", "2 × Standing €48.00", "1 × Seat at the table €42.50", "Total €90.50")
	checkout := details.form("/checkout/new").with("name", " Ana Costa ", "email", "ana@example.org").send().
		want(http.StatusOK, "Your tickets are held for 10 minutes", "Ana Costa ana@example.org", "Total €90.50", "This shop is in test mode")
	declined := checkout.form("/payment").with("card", "tok_declined").send().
		want(http.StatusPaymentRequired, "The card was declined. Nothing was charged, and your tickets are still held.")
	if n := find(declined.doc(), func(n *nethtml.Node) bool { return attr(n, "value") == "tok_declined" }); !has(n, "checked") {
		t.Error("the card that was chosen is not chosen any more")
	}
	act := declined.form("/payment").with("card", "tok_authenticate").send().want(http.StatusOK, "Your bank asks you to confirm the payment.")
	challenge := b.get(attr(find(act.doc(), func(n *nethtml.Node) bool { return strings.HasSuffix(attr(n, "href"), "/challenge") }), "href")).
		want(http.StatusOK, "Confirm your payment", "€90.50")
	booked := challenge.form("/challenge").with("outcome", "confirmed").send().
		want(http.StatusOK, "Thank you, you are booked.", "The tickets are on their way to ana@example.org.", "Ticket 3", "Valid", "Download the tickets (PDF)")
	if !strings.HasPrefix(booked.path, "/b/") {
		t.Errorf("it ends at %s", booked.path)
	}
	if got := len(s.Mails("ana@example.org")); got != 1 {
		t.Errorf("%d mails", got)
	}
}

// What the buyer saw is what is asked for.
func TestPriceChanged(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	details := b.details(s.program.OnSale, 1)
	s.ChangeEvent(s.program.OnSale.ID, func(e *web.Event) { e.TicketTypes[0].Price.AmountMinor = 2500 })
	details.form("/checkout/new").with("name", "Ana", "email", "ana@example.org").send().
		want(http.StatusConflict, "The price has changed.", "€25.00")
}

func TestNothingChosen(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	b.details(s.program.OnSale).want(http.StatusUnprocessableEntity, "Please choose at least one ticket.")
	f := b.get(path(s.program.OnSale)).form("/checkout")
	kind := s.program.OnSale.TicketTypes[0].ID
	for _, n := range []string{"-1", "1.5", "many", "1001", "1e3", "٣"} {
		f.with("q-"+kind, n).send().want(http.StatusUnprocessableEntity, "Please choose how many tickets you want.")
	}
	f.with("q-"+kind, "1", "p-"+kind, "free").send().want(http.StatusUnprocessableEntity)
	f.with("q-"+kind, "1", "p-"+kind, "1EUR").send().form("/checkout/new").with("name", "Ana", "email", "ana@example.org").send().
		want(http.StatusConflict, "The price has changed.")
	f.with("event", "x").send().want(http.StatusNotFound)
	if got := len(s.Calls("Begin")); got != 1 {
		t.Errorf("%d checkouts were begun", got)
	}
}

func TestTicketsThatCannotBeHad(t *testing.T) {
	t.Parallel()
	for code, text := range map[string]string{
		"sold_out": "There are not enough tickets left.", "sales_closed": "no longer on sale", "not_on_sale_yet": "not on sale yet", "event_cancelled": "This event has been cancelled.",
		"too_many_tickets": "more tickets than one booking may have", "too_many_checkouts": "You have several unfinished bookings.", "sales_paused": "Sales are paused", "ticket_type_not_found": "has changed the tickets",
	} {
		s := newShop(t)
		details := s.browser().details(s.program.OnSale, 2)
		s.Fail("Begin", 1, &web.Refusal{Code: code})
		page := details.form("/checkout/new").with("name", "Ana", "email", "ana@example.org").send().want(http.StatusConflict, text, s.program.OnSale.Title)
		if n := find(page.doc(), func(n *nethtml.Node) bool { return attr(n, "name") == "q-"+s.program.OnSale.TicketTypes[0].ID }); attr(n, "value") != "2" {
			t.Errorf("%s: the number is %q", code, attr(n, "value"))
		}
	}
}

func TestGuestsDetails(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	details := s.browser().details(s.program.OnSale, 1)
	page := details.form("/checkout/new").with("name", "Ana", "email", "ana@").send().want(http.StatusUnprocessableEntity, "Please enter a whole email address")
	field := find(page.doc(), func(n *nethtml.Node) bool { return attr(n, "name") == "email" })
	if attr(field, "value") != "ana@" || attr(field, "aria-invalid") != "true" || !strings.Contains(attr(field, "aria-describedby"), "e-email") {
		t.Errorf("the field is %v", field.Attr)
	}
	details.form("/checkout/new").with("name", " ", "email", "x").send().want(http.StatusUnprocessableEntity, "Please enter a name", "Please enter a whole email address")
	s.Fail("AdmitGuest", 1, &web.Refusal{Code: "rate_limited", RetryAfter: 10 * time.Minute})
	page = details.form("/checkout/new").with("name", "Ana", "email", "ana@example.org").send().want(http.StatusTooManyRequests, "Please come back in 11 minutes.")
	if n := find(page.doc(), func(n *nethtml.Node) bool { return attr(n, "name") == "name" }); attr(n, "value") != "Ana" {
		t.Error("the name is gone")
	}
	page.form("/checkout/new").send().want(http.StatusOK, "Checkout")
}

// Both clicks of a double click begin one checkout, and pay once.
func TestDoubleClicks(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	f := b.details(s.program.OnSale, 1).form("/checkout/new").with("name", "Ana", "email", "ana@example.org")
	twice := func(path string, form url.Values, cookies map[string]string) (locations [2]string) {
		var all sync.WaitGroup
		for i := range 2 {
			all.Go(func() {
				click := &browser{shop: s, cookies: map[string]string{}}
				for name, value := range cookies {
					click.cookies[name] = value
				}
				a := click.do(http.MethodPost, path, form)
				locations[i] = a.Header().Get("Location")
				if i == 0 {
					b.cookies = click.cookies
				}
			})
		}
		all.Wait()
		return locations
	}
	at := twice("/checkout/new", f.values, b.cookies)
	if at[0] != at[1] || !strings.HasPrefix(at[0], "/checkout/") {
		t.Fatalf("the clicks lead to %q", at)
	}
	pay := b.get(at[0]).form("/payment")
	paid := twice(pay.action, pay.values, b.cookies)
	if paid[0] != paid[1] {
		t.Errorf("the clicks lead to %q", paid)
	}
	b.get(at[0]).want(http.StatusOK, "Valid")
	if got := len(s.Mails("ana@example.org")); got != 1 {
		t.Errorf("%d mails", got)
	}
	// The form that was sent already leads to what became of it.
	again := b.do(http.MethodPost, "/checkout/new", f.values)
	if got := again.Header().Get("Location"); got != at[0] {
		t.Errorf("the form leads to %s, then to %s", at[0], got)
	}
}

// A form that began a checkout which is over begins another.
func TestBackAfterTheEnd(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	f := b.details(s.program.OnSale, 1).form("/checkout/new").with("name", "Ana", "email", "ana@example.org")
	first := f.send()
	first.form("/abandon").send().want(http.StatusOK, "You have given the tickets back.")
	s.Advance(2 * time.Minute)
	second := f.send().want(http.StatusOK, "Your tickets are held")
	if first.path == second.path {
		t.Error("it is the same checkout")
	}
}

// One guest has the checkouts of two tabs, each with its contact.
func TestTwoTabs(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	first := b.checkout(s.program.OnSale, 1)
	second := b.details(s.program.Free, 1).form("/checkout/new").with("name", "Ben", "email", "ben@example.org").send().want(http.StatusOK, "ben@example.org")
	first.form("/payment").send().want(http.StatusOK, "on their way to ana@example.org")
	second.form("/payment").send().want(http.StatusOK, "on their way to ben@example.org")
	if got := len(s.Calls("AdmitGuest")); got != 1 {
		t.Errorf("%d guests", got)
	}
}

func TestAccountsSkipTheDetails(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.signedIn()
	page := b.details(s.program.OnSale, 1).want(http.StatusOK, "Checkout", "Ana Costa").without("Correct the contact")
	page.form("/payment").send().want(http.StatusOK, "Thank you")
	b.get("/account").want(http.StatusOK, s.program.OnSale.Title, "1 ticket")
}

// Who logs in on the way to the checkout goes on from there.
func TestLoginOnTheWay(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.AddAccount(web.Account{Name: "Ana", Email: "ana@example.org"}, "correct horse")
	b := s.browser()
	details := b.details(s.program.OnSale, 2)
	login := b.get(attr(find(details.doc(), func(n *nethtml.Node) bool { return strings.HasPrefix(attr(n, "href"), "/login?next=") }), "href"))
	login.form("/login").with("email", "ana@example.org", "password", "correct horse").send().
		want(http.StatusOK, "Hold these tickets", "2 × Standing").form("/checkout/new").send().want(http.StatusOK, "Checkout")
}

func TestExtension(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := s.browser().checkout(s.program.OnSale, 1)
	s.Advance(8 * time.Minute)
	page = page.b.get(page.path).want(http.StatusOK, "Your tickets are held for 2 minutes")
	page = page.form("/extension").send().want(http.StatusOK, "Your tickets are held for 10 minutes")
	page = page.form("/extension").send().want(http.StatusOK)
	page.form("/extension").send().want(http.StatusConflict, "The time cannot be extended any further.")
}

func TestExpired(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := s.browser().checkout(s.program.OnSale, 1)
	s.Advance(webtest.CheckoutTTL - 20*time.Second)
	page.b.get(page.path).want(http.StatusOK, "The time to pay is nearly over.")
	page.form("/payment").send().want(http.StatusConflict, "Checkout")
	s.Advance(time.Minute)
	page.form("/payment").send().want(http.StatusOK, "The time to pay is over.", "Choose tickets again")
	page.form("/extension").send().want(http.StatusOK, "The time to pay is over.")
	page.form("/abandon").send().want(http.StatusOK, "The time to pay is over.")
}

func TestEventCancelledMeanwhile(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := s.browser().checkout(s.program.OnSale, 1)
	s.CancelEvent(s.program.OnSale.ID)
	page.form("/payment").send().want(http.StatusOK, "This event has been cancelled.", "Nothing was charged.").without("Choose tickets again")
}

func TestContactAndHolders(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := s.browser().checkout(s.program.OnSale, 2)
	f := page.form("/payment")
	var holders []string
	for name := range f.values {
		if strings.HasPrefix(name, "holder-") {
			holders = append(holders, name)
		}
	}
	if len(holders) != 2 {
		t.Fatalf("%d fields for holders", len(holders))
	}
	wrong := f.with("email", "ana", "name", "Ana Lima").send().want(http.StatusUnprocessableEntity, "Please enter a whole email address")
	if n := find(wrong.doc(), func(n *nethtml.Node) bool { return attr(n, "id") == "f-email" }); attr(n, "value") != "ana" {
		t.Error("what was typed is gone")
	}
	if got := len(s.Calls("Pay")); got != 0 {
		t.Error("it was paid all the same")
	}
	wrong.form("/payment").with("email", "lima@example.org", "name", "Ana Lima", holders[1], "Ben").send().
		want(http.StatusOK, "on their way to lima@example.org", "for Ben", "for Ana Lima")
	if got := len(s.Calls("Correct")); got != 2 {
		t.Errorf("the contact was corrected %d times", got)
	}
}

func TestFreeTickets(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.browser().checkout(s.program.Free, 2).want(http.StatusOK, "Free", "Book now").without("test mode").
		form("/payment").send().want(http.StatusOK, "Thank you, you are booked.")
}

// The buyer refuses at the bank, and pays with another card.
func TestRefusedChallenge(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	page := b.checkout(s.program.OnSale, 1)
	page.form("/payment").with("card", "tok_authenticate").send()
	page = b.get(page.path+"/challenge").form("/challenge").with("outcome", "refused").send().want(http.StatusOK, "The payment was not confirmed.")
	page = page.form("/payment").with("card", "tok_visa").send().want(http.StatusOK, "Thank you")
	b.get("/checkout"+strings.TrimSuffix(strings.TrimPrefix(page.path, "/b"), "?booked")+"/challenge").want(http.StatusOK, "Valid")
}

// While a bank waits, another card may be tried.
func TestAnotherCardInsteadOfTheChallenge(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := s.browser().checkout(s.program.OnSale, 1)
	page.form("/payment").with("card", "tok_authenticate").send().want(http.StatusOK, "Or pay with another card below.").
		form("/payment").with("card", "tok_visa").send().want(http.StatusOK, "Thank you")
}

// Nobody knows yet whether it was paid: the page looks again by itself.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	page := b.checkout(s.program.OnSale, 1)
	waiting := page.form("/payment").with("card", "tok_timeout").send().want(http.StatusOK, "We are waiting for the answer of the bank.")
	if !strings.Contains(waiting.body, `<noscript><meta http-equiv="refresh" content="2; url=`+page.path+`?answered"></noscript>`) {
		t.Error("the page does not look again")
	}
	id := strings.TrimPrefix(page.path, "/checkout/")
	s.AnswerChallenge(id, true)
	b.get(page.path).want(http.StatusOK, "Valid")
}

// The answer to a payment was lost: the same form pays no second time.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	page := b.checkout(s.program.OnSale, 1)
	s.Lose("Pay", 1)
	page.form("/payment").with("card", "tok_declined").send().want(http.StatusPaymentRequired)
	s.Fail("Pay", 1, web.ErrUnavailable)
	again := page.form("/payment").send().want(http.StatusServiceUnavailable, "Please try again: you pay only once.")
	again.form("/payment").send().want(http.StatusOK, "Thank you")
	calls := s.Calls("Pay")
	if a, b := calls[len(calls)-1].Key, calls[len(calls)-2].Key; a != b {
		t.Errorf("the form was sent with the keys %s and %s", a, b)
	}
	s.Lose("Pay", 1)
	lost := s.browser().checkout(s.program.OnSale, 1)
	lost.form("/payment").send().want(http.StatusOK, "Valid")
}

func TestTooManyCards(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := s.browser().checkout(s.program.OnSale, 1)
	for range webtest.MaxAttempts {
		page = page.form("/payment").with("card", "tok_declined").send().want(http.StatusPaymentRequired)
	}
	page.form("/payment").with("card", "tok_visa").send().want(http.StatusConflict, "No more cards can be tried for this booking.").
		form("/abandon").send().want(http.StatusOK, "You have given the tickets back.")
}

func TestPaymentRefusals(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]struct {
		status int
		text   string
	}{
		"amount_not_payable": {http.StatusConflict, "does not take this amount"},
		"rate_limited":       {http.StatusTooManyRequests, "There were too many tries."},
		"sales_paused":       {http.StatusConflict, "Sales are paused"},
		"payment_in_progress": {
			http.StatusConflict, "A payment is being worked on.",
		},
	} {
		s := newShop(t)
		page := s.browser().checkout(s.program.OnSale, 1)
		s.Fail("Pay", 1, &web.Refusal{Code: code})
		page.form("/payment").send().want(want.status, want.text)
	}
}

// A checkout is its buyer's alone.
func TestForeignCheckouts(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := s.browser().checkout(s.program.OnSale, 1)
	for _, other := range []*browser{s.browser(), s.signedIn()} {
		other.get(page.path).want(http.StatusNotFound, "This checkout is not open here.").without("ana@example.org")
		for _, action := range []string{"/payment", "/extension", "/abandon", "/challenge"} {
			other.post(page.path+action, url.Values{"key": {"x"}, "card": {"tok_visa"}}).want(http.StatusNotFound)
		}
		other.get(page.path + "/challenge").want(http.StatusNotFound)
	}
	s.Fail("Booking", 1, errors.New("a fault"))
	page.b.get(page.path).want(http.StatusInternalServerError)
}

// Checkouts that are open are found again.
func TestUnpaidCheckoutsAreListed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	page := b.checkout(s.program.OnSale, 1)
	list := b.get("/b").want(http.StatusOK, "Not paid for yet", s.program.OnSale.Title)
	if !strings.Contains(list.body, `href="`+page.path+`"`) {
		t.Error("no link to the checkout")
	}
}

// Where Stripe takes the money, its script may run, and nowhere else.
func TestStripe(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.Provider = web.PaymentsConfig{Provider: "stripe", PublishableKey: "pk_test_1"}
	b := s.browser()
	page := b.checkout(s.program.OnSale, 1).without("test mode", "A card that works")
	if csp := page.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "https://js.stripe.com") || !strings.Contains(csp, "frame-src https://js.stripe.com https://hooks.stripe.com") || !strings.Contains(csp, "connect-src 'self' https://api.stripe.com") {
		t.Errorf("the policy is %s", csp)
	}
	if !strings.Contains(page.body, `data-stripe="pk_test_1"`) || !strings.Contains(page.body, "https://js.stripe.com/v3/") {
		t.Error("the page has no field for a card")
	}
	page.form("/payment").send().want(http.StatusUnprocessableEntity, "Please choose how to pay.")
	page.form("/payment").with("card", "tok_visa").send().want(http.StatusOK, "Thank you")
	if csp := b.get("/events").Header().Get("Content-Security-Policy"); strings.Contains(csp, "stripe") {
		t.Errorf("the policy of another page is %s", csp)
	}
	free := b.checkout(s.program.Free, 1)
	if csp := free.Header().Get("Content-Security-Policy"); strings.Contains(csp, "stripe") {
		t.Errorf("the policy of a free checkout is %s", csp)
	}
}

// acting is a platform whose payments wait for the buyer in Stripe's ways.
type acting struct {
	*shop

	action web.Action
}

func (a acting) Booking(ctx ctx, by web.Caller, id string) (web.Booking, error) {
	b, err := a.shop.Booking(ctx, by, id)
	if b.Status == web.Pending {
		b.Payment.Status, b.Payment.Action = "requires_action", &a.action
	}
	return b, err
}

func TestStripesActions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		action web.Action
		want   string
	}{
		{web.Action{Type: "redirect_to_url", URL: "https://hooks.stripe.com/3ds"}, `href="https://hooks.stripe.com/3ds"`},
		{web.Action{Type: "use_stripe_sdk", ClientSecret: "pi_1_secret_2"}, `data-next="pi_1_secret_2"`},
	} {
		s := newShop(t)
		s.Provider = web.PaymentsConfig{Provider: "stripe", PublishableKey: "pk_test_1"}
		over := newShop(t, func(o *options) {
			o.Catalog, o.Checkouts, o.SignIns, o.Bookings = s, s, s, acting{s, c.action}
			o.Sessions, o.Now = sessionsOf(t, s), s.Now
		})
		b := over.browser()
		over.program = s.program
		page := b.checkout(s.program.OnSale, 1).want(http.StatusOK, "Your bank asks you to confirm the payment.")
		if !strings.Contains(page.body, c.want) {
			t.Errorf("%s: no %s", c.action.Type, c.want)
		}
		b.get(page.path+"?answered").want(http.StatusOK, "We are waiting for the answer of the bank.")
	}
}
