package html_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	nethtml "golang.org/x/net/html"

	"github.com/openboxoffice/boxoffice/services/web"
)

func keepsPages(o *options) { o.Recent = time.Second }

// Two visitors have one page, but for what is their own.
func TestRecentPages(t *testing.T) {
	t.Parallel()
	s := newShop(t, keepsPages)
	at := strings.TrimPrefix(s.browser().get(path(s.program.OnSale)).path, origin)
	key := func(a *answer) string {
		return attr(find(a.doc(), func(n *nethtml.Node) bool { return attr(n, "name") == "key" }), "value")
	}
	one := s.browser().get(at).want(http.StatusOK, "€24.00")
	s.ChangeEvent(s.program.OnSale.ID, func(e *web.Event) { e.TicketTypes[0].Price.AmountMinor = 2500 })
	calls := len(s.Calls("Event"))
	other := s.browser().get(at).want(http.StatusOK, "€24.00")
	if got := len(s.Calls("Event")); got != calls {
		t.Errorf("the platform was asked %d times more", got-calls)
	}
	if one.Header().Get("Content-Security-Policy") == other.Header().Get("Content-Security-Policy") || key(one) == key(other) {
		t.Error("two visitors have one nonce, or one key")
	}
	script := find(other.doc(), func(n *nethtml.Node) bool { return n.Data == "script" && attr(n, "nonce") != "" })
	if csp := other.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "'nonce-"+attr(script, "nonce")+"'") {
		t.Errorf("the script's nonce is not that of %s", csp)
	}
	s.browser().get("/de"+at).want(http.StatusOK, "25,00")
	s.Advance(time.Second)
	s.browser().get(at).want(http.StatusOK, "€25.00")
}

// Nobody has a page of somebody of whom something is known, and nobody keeps a refusal.
func TestRecentPagesAreNobodysOwn(t *testing.T) {
	t.Parallel()
	s := newShop(t, keepsPages)
	known := s.signedIn()
	if page := known.get("/events"); !strings.Contains(page.body, `href="/account"`) {
		t.Error("an account's page has no link to it")
	}
	if page := s.browser().get("/events"); strings.Contains(page.body, `href="/account"`) {
		t.Error("a stranger has the page of an account")
	}
	if page := known.get("/events"); !strings.Contains(page.body, `href="/account"`) {
		t.Error("an account has the page of a stranger")
	}
	s.Fail("Events", 1, web.ErrUnavailable)
	s.browser().get("/events?q=a").want(http.StatusServiceUnavailable)
	s.browser().get("/events?q=a").want(http.StatusOK)
	german := s.browser()
	german.language = "de"
	german.get("/events").want(http.StatusOK, "Programm")
}

func TestRecentPagesAreBounded(t *testing.T) {
	t.Parallel()
	s := newShop(t, keepsPages)
	for n := range 300 {
		s.browser().get("/events?q=" + strings.Repeat("a", n)).want(http.StatusOK)
	}
	s.browser().get("/events?q=accordion").want(http.StatusOK, s.program.OnSale.Title)
}
