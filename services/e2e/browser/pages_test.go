package browser

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/web"
	"github.com/openboxoffice/boxoffice/services/web/adapter/html"
	"github.com/openboxoffice/boxoffice/services/web/webtest"
)

// shop is the pages over a platform in memory, in which every state can be brought
// about.
type shop struct {
	*webtest.Platform

	program webtest.Program
	base    string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{Platform: webtest.NewPlatform(nil)}
	s.program = s.AddProgram()
	sessions, err := web.NewSessions([][]byte{[]byte(strings.Repeat("k", 32))}, s, s.Now)
	if err != nil {
		t.Fatal(err)
	}
	pages, err := html.New(html.Options{
		Catalog: s, Checkouts: s, Bookings: s, Links: s, SignIns: s, Accounts: s, Proofs: s, Sessions: sessions,
		Clients: httpkit.Clients{}, Log: slog.New(slog.DiscardHandler), Now: s.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(pages)
	t.Cleanup(server.Close)
	s.base = server.URL
	return s
}

func at(e web.Event) string { return "/e/x-" + e.ID }

// details chooses tickets of an event's first type that is on sale.
func (b *tab) details(e web.Event) *tab {
	b.t.Helper()
	return b.visit(at(e)).press(`[data-stepper] button:last-child`).click(".bar button").says("Your details")
}

// checkout goes on to the checkout, as Ana.
func (b *tab) checkout(e web.Event) *tab {
	b.t.Helper()
	return b.details(e).fill("#f-name", "Ana Costa").fill("#f-email", "ana@example.org").click("main form button").says("Checkout")
}

// pay pays with a card of the sandbox.
func (b *tab) pay(card string) *tab {
	b.t.Helper()
	return b.press(`[value="` + card + `"]`).click(".bar button")
}

// Every page and every state of it is one that all people can use.
func TestPages(t *testing.T) {
	t.Parallel()
	for name, lead := range map[string]func(b *tab, s *shop){
		"home":          func(b *tab, s *shop) { b.visit("/").says("What’s on") },
		"home-german":   func(b *tab, s *shop) { b.visit("/de").says("Was läuft") },
		"events":        func(b *tab, s *shop) { b.visit("/events?city=Berlin").says("Filter") },
		"events-empty":  func(b *tab, s *shop) { b.visit("/events?q=nothing+of+the+kind").says("No event matches.") },
		"on-sale":       func(b *tab, s *shop) { b.visit(at(s.program.OnSale)).says("Get tickets") },
		"mixed":         func(b *tab, s *shop) { b.visit("/de" + at(s.program.Mixed)).says("Ausverkauft") },
		"sold-out":      func(b *tab, s *shop) { b.visit(at(s.program.SoldOut)).says("Sold out") },
		"not-yet":       func(b *tab, s *shop) { b.visit(at(s.program.NotYet)).says("On sale from") },
		"cancelled":     func(b *tab, s *shop) { b.visit(at(s.program.Cancelled)).says("has been cancelled") },
		"over":          func(b *tab, s *shop) { b.visit(at(s.program.Past)).says("is over") },
		"running":       func(b *tab, s *shop) { b.visit(at(s.program.Running)).says("running until") },
		"longest":       func(b *tab, s *shop) { b.visit("/de" + at(s.program.Longest)).says("Donaudampf") },
		"right-to-left": func(b *tab, s *shop) { b.visit(at(s.program.RightToLeft)).says(s.program.RightToLeft.Title) },
		"hostile":       func(b *tab, s *shop) { b.visit(at(s.program.Hostile)).says("<script>alert(1)</script>") },
		"details":       func(b *tab, s *shop) { b.details(s.program.OnSale) },
		"checkout":      func(b *tab, s *shop) { b.checkout(s.program.OnSale).press("details summary") },
		"declined":      func(b *tab, s *shop) { b.checkout(s.program.OnSale).pay("tok_declined").says("The card was declined.") },
		"challenge": func(b *tab, s *shop) {
			b.checkout(s.program.OnSale).pay("tok_authenticate").says("Your bank asks you").judge("act").click(`a[href$="/challenge"]`).says("Confirm your payment")
		},
		"waiting": func(b *tab, s *shop) {
			b.checkout(s.program.OnSale).pay("tok_timeout").says("We are waiting for the answer")
		},
		"expired": func(b *tab, s *shop) {
			b.checkout(s.program.OnSale)
			s.Advance(webtest.CheckoutTTL + time.Second)
			b.leads(chromedp.Reload()).says("The time to pay is over.")
		},
		"booked": func(b *tab, s *shop) { b.checkout(s.program.OnSale).pay("tok_visa").says("Thank you, you are booked.") },
		"return": func(b *tab, s *shop) {
			b.checkout(s.program.OnSale).pay("tok_visa").click(`a[href$="/return"]`).says("Which tickets?").judge("return-choice").press("input[type=checkbox]").click("main form button").says("You get back")
		},
		"holder": func(b *tab, s *shop) {
			b.checkout(s.program.OnSale).pay("tok_visa").click(`.stub-links a:last-child`).says("Change the holder").fill("#f-email", "nonsense").leads(submit("main form")).says("whole email address")
		},
		"find": func(b *tab, s *shop) { b.visit("/b").says("With the link in your mail") },
		"invalid": func(b *tab, s *shop) {
			b.visit("/b/01890a5d-ac96-774b-bcce-b302099a8057/x").says("This link is not valid")
		},
		"login": func(b *tab, s *shop) {
			b.visit("/login").fill("#f-email", "ana@example.org").fill("#f-password", "wrong").click("main form button").says("do not belong together")
		},
		"register": func(b *tab, s *shop) { b.visit("/de/register").says("Konto anlegen") },
		"account": func(b *tab, s *shop) {
			s.AddAccount(web.Account{Name: "Ana Costa", Email: "ana@example.org"}, "correct horse")
			b.visit("/login").fill("#f-email", "ana@example.org").fill("#f-password", "correct horse").click("main form button").says("You have not booked anything yet.")
		},
		"reset":        func(b *tab, s *shop) { b.visit("/password-reset").says("Reset your password") },
		"new-password": func(b *tab, s *shop) { b.visit("/password-reset/x").says("Choose a new password") },
		"verify":       func(b *tab, s *shop) { b.visit("/verify/x").click("main form button").says("This link does not work.") },
		"legal":        func(b *tab, s *shop) { b.visit("/de/legal/imprint").says("Impressum") },
		"nothing":      func(b *tab, s *shop) { b.visit("/nothing").says("There is nothing at this address.") },
		"away": func(b *tab, s *shop) {
			s.Fail("Events", webtest.Always, web.ErrUnavailable)
			b.visit("/events").says("We will be right back.")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			b := open(t, s.base)
			lead(b, s)
			b.judge(name)
		})
	}
}

// submit sends a form that the browser itself would not take.
func submit(form string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Evaluate[any](`document.querySelector("`+form+`").submit()`)(ctx, t)
		return err
	})
}

// The countdown ends where the tickets are given back.
func TestCountdown(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := open(t, s.base).checkout(s.program.OnSale)
	if face := eval[string](b, `document.querySelector("[data-face]").textContent`); !strings.HasPrefix(face, "10:00") && !strings.HasPrefix(face, "9:") {
		t.Errorf("it shows %q", face)
	}
	s.Advance(webtest.CheckoutTTL - 3*time.Second)
	b.leads(chromedp.Reload()).says("The time to pay is nearly over.")
	b.says("The time to pay is over.")
}

// Somebody buys with the keyboard alone.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := open(t, s.base)
	b.visit("/")
	b.do(chromedp.KeyEvent(kb.Tab))
	if got := eval[string](b, `document.activeElement.className`); got != "skip" {
		t.Fatalf("the first stop is %q", got)
	}
	b.visit(at(s.program.FewLeft))
	b.tabTo(`button[aria-label^="One more"]`)
	b.do(chromedp.KeyEvent(" "))
	b.tabTo(`.bar button`)
	b.leads(chromedp.KeyEvent(kb.Enter)).says("Your details", "2 × Sofa")
	b.tabTo("#f-name")
	b.do(chromedp.KeyEvent("Ana Costa" + kb.Tab + "ana@example.org"))
	b.leads(chromedp.KeyEvent(kb.Enter)).says("Checkout")
	b.tabTo(`[name="card"]`)
	b.tabTo(`.bar button`)
	b.leads(chromedp.KeyEvent(kb.Enter)).says("Thank you, you are booked.")
}

// tabTo presses Tab until the focus is on an element, which is seen to have it.
func (b *tab) tabTo(selector string) {
	b.t.Helper()
	for range 80 {
		b.do(chromedp.KeyEvent(kb.Tab))
		if eval[bool](b, `document.activeElement.matches(`+"`"+selector+"`"+`)`) {
			if !eval[bool](b, `parseFloat(getComputedStyle(document.activeElement).outlineWidth) >= 2`) {
				b.t.Errorf("the focus on %s is not to be seen", selector)
			}
			return
		}
	}
	b.t.Fatalf("at %s Tab never comes to %s", b.at(), selector)
}

// Without JavaScript the shop sells, too.
func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := open(t, s.base)
	b.withoutScripts()
	b.visit(at(s.program.OnSale))
	b.do(chromedp.SetValue(chromedp.CSS(`[data-stepper] input`), "2"))
	b.click(".bar button").says("2 × Standing").fill("#f-name", "Ana Costa").fill("#f-email", "ana@example.org").click("main form button").says("Your tickets are held for 10 minutes")
	b.pay("tok_declined").says("The card was declined.")
	b.pay("tok_authenticate").says("Your bank asks you").click(`a[href$="/challenge"]`).click(`[value="confirmed"]`).says("Thank you, you are booked.")
	b.click(`a[href$="/return"]`).press("input[type=checkbox]").click("main form button").says("You get back").click("main form button").says("The tickets have been returned.")
}

// A page that waits for the bank goes on by itself, with and without JavaScript.
func TestWaiting(t *testing.T) {
	t.Parallel()
	for _, scripts := range []bool{true, false} {
		s := newShop(t)
		b := open(t, s.base)
		b.checkout(s.program.OnSale)
		id := strings.TrimPrefix(b.at(), "/checkout/")
		if !scripts {
			b.withoutScripts()
		}
		b.pay("tok_timeout").says("We are waiting for the answer of the bank.")
		s.AnswerChallenge(id, true)
		b.says("Thank you, you are booked.")
	}
}
