package html_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	nethtml "golang.org/x/net/html"

	"github.com/openboxoffice/boxoffice/services/web"
	"github.com/openboxoffice/boxoffice/services/web/adapter/html"
)

// world is a shop with something at each address.
func world(t *testing.T) (s *shop, b *browser, at func(pattern string) string) {
	t.Helper()
	s = newShop(t)
	b = s.signedIn()
	_, booking := b.booked(s.program.OnSale, 1)
	tickets, err := s.Tickets(t.Context(), web.Caller{BookingKey: s.LinkKey(booking)}, booking)
	if err != nil {
		t.Fatal(err)
	}
	b.get(path(s.program.OnSale)).form("/checkout").with("q-"+s.program.OnSale.TicketTypes[0].ID, "1").send().want(http.StatusOK)
	bookings, _, err := s.Bookings(t.Context(), web.Caller{AccessToken: s.token(b)}, "")
	if err != nil {
		t.Fatal(err)
	}
	own := "night-trains-the-accordion-sessions-" + s.program.OnSale.ID
	return s, b, func(pattern string) string {
		if pattern == "/checkout/new" {
			pattern += "?event=" + s.program.OnSale.ID + "&t=" + s.program.OnSale.TicketTypes[0].ID + ".1.2400EUR"
		}
		checkout := strings.HasPrefix(pattern, "/checkout")
		id := booking
		if checkout {
			id = bookings[0].ID
		}
		return strings.NewReplacer(
			"{ref}", own, "{width}", "480", "{name}", "terms", "{id}", id, "{key}", s.LinkKey(booking), "{ticket}", tickets[0].ID, "{session}", id, "{token}", "t.o-k_en",
		).Replace(pattern)
	}
}

// token is a good access token of the account of signedIn.
func (s *shop) token(b *browser) string {
	b.t.Helper()
	for _, c := range slices.Backward(s.Calls("Begin")) {
		if c.By.AccessToken != "" {
			return c.By.AccessToken
		}
	}
	b.t.Fatal("nobody has begun anything")
	return ""
}

// Every answer says what may be done with it, who may keep it, and whom to tell of it.
func TestHeaders(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "/de"} {
		_, b, at := world(t)
		for _, r := range html.Routes() {
			if r.Method != http.MethodGet || strings.HasPrefix(r.Pattern, "/language") {
				continue
			}
			address := prefix + at(r.Pattern)
			if r.Pattern == "/" && prefix != "" {
				address = prefix
			}
			a := b.do(r.Method, address, nil)
			if a.Code >= 400 {
				t.Errorf("GET %s: status %d", r.Pattern, a.Code)
			}
			h := a.Header()
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin"} {
				if got := h.Get(name); got != want {
					t.Errorf("%s: %s is %q", r.Pattern, name, got)
				}
			}
			csp := h.Get("Content-Security-Policy")
			if !strings.HasPrefix(csp, "default-src 'none'; ") || !strings.Contains(csp, "frame-ancestors 'none'") ||
				strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "stripe") {
				t.Errorf("%s: the policy is %q", r.Pattern, csp)
			}
			switch cache := h.Get("Cache-Control"); {
			case strings.Contains(r.Pattern, "/image/"):
			case cache != "no-store": // the browser is signed in
				t.Errorf("%s: may be kept: %q", r.Pattern, cache)
			}
			switch referrer := h.Get("Referrer-Policy"); {
			case r.Pattern == "/b/{id}/{key}":
				if referrer != "no-referrer" {
					t.Errorf("%s: Referrer-Policy is %q", r.Pattern, referrer)
				}
			case r.Secret && referrer != "strict-origin", !r.Secret && referrer != "same-origin":
				t.Errorf("%s: Referrer-Policy is %q", r.Pattern, referrer)
			}
			if !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
				continue
			}
			for n := range a.doc().Descendants() {
				for _, x := range n.Attr {
					if n.Type == nethtml.ElementNode && (strings.HasPrefix(x.Key, "on") || x.Key == "style" || strings.HasPrefix(strings.TrimSpace(x.Val), "javascript:")) {
						t.Errorf("%s: <%s %s=%q>", r.Pattern, n.Data, x.Key, x.Val)
					}
				}
				if n.Data == "script" && attr(n, "type") != "application/ld+json" && !strings.Contains(csp, "'nonce-"+attr(n, "nonce")+"'") {
					t.Errorf("%s: a script without the page's nonce", r.Pattern)
				}
			}
		}
	}
}

// A page that is the same for everybody may be kept, but looked for again.
func TestPublicPagesAreLookedForAgain(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, at := range []string{"/", "/events", path(s.program.Free), "/legal/terms"} {
		a := s.browser().get(at)
		if got := a.Header().Get("Cache-Control"); got != "private, no-cache" {
			t.Errorf("%s: %s", at, got)
		}
		if len(a.Result().Cookies()) > 0 {
			t.Errorf("%s sets a cookie for a visitor who has done nothing", at)
		}
	}
}

// No two pages have one nonce.
func TestNonces(t *testing.T) {
	t.Parallel()
	b := newShop(t).browser()
	if one, other := b.get("/events").Header().Get("Content-Security-Policy"), b.get("/events").Header().Get("Content-Security-Policy"); one == other {
		t.Errorf("twice %s", one)
	}
}

func TestCookie(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	a := b.do(http.MethodPost, "/language", url.Values{"locale": {"de"}, "to": {"/"}})
	cookies := a.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	if c := cookies[0]; c.Name != "__Host-boxoffice" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("%s", c)
	}
	plain := newShop(t, func(o *options) { o.Secure = false })
	cookies = plain.browser().do(http.MethodPost, "/language", url.Values{"locale": {"de"}, "to": {"/"}}).Result().Cookies()
	if c := cookies[0]; c.Name != "boxoffice" || c.Secure || !c.HttpOnly {
		t.Errorf("on plain loopback %s", c)
	}
}

// Whoever tampers with a cookie is a visitor who has none.
func TestTamperedCookies(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.signedIn()
	good := b.cookies["__Host-boxoffice"]
	for _, bad := range []string{"", "x", good[:len(good)-1], good + "A", "A" + good, strings.Repeat("A", 5000), good[:20] + "A" + good[21:], strings.ToLower(good)} {
		if bad == good {
			continue
		}
		b.cookies["__Host-boxoffice"] = bad
		if got := b.do(http.MethodGet, "/account", nil); got.Code != http.StatusSeeOther || !strings.HasPrefix(got.Header().Get("Location"), "/login?") {
			t.Errorf("%.20s…: %d %s", bad, got.Code, got.Header().Get("Location"))
		}
		b.get("/events").want(http.StatusOK)
	}
	b.cookies["__Host-boxoffice"] = good
	b.get("/account").want(http.StatusOK, "Ana Costa")
}

// No form of another site is taken.
func TestFormsOfOtherSites(t *testing.T) {
	t.Parallel()
	s, b, at := world(t)
	before := len(s.Calls(""))
	for _, r := range html.Routes() {
		if r.Method != http.MethodPost {
			continue
		}
		for _, header := range [][]string{
			{"Sec-Fetch-Site", "cross-site"},
			{"Sec-Fetch-Site", "same-site"},
			{"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
			{"Sec-Fetch-Site", "", "Origin", "null"},
		} {
			if a := b.do(http.MethodPost, at(r.Pattern), url.Values{"key": {"k"}}, header...); a.Code != http.StatusForbidden {
				t.Errorf("POST %s with %v: status %d", r.Pattern, header, a.Code)
			} else {
				a.want(http.StatusForbidden, "This form came from another site.")
			}
		}
	}
	if got := len(s.Calls("")); got != before {
		t.Errorf("%d calls were made", got-before)
	}
	b.do(http.MethodPost, "/b/find", url.Values{"email": {"ana@example.org"}}, "Sec-Fetch-Site", "", "Origin", origin).want(http.StatusOK)
}

// Every form of every page is sent to a path of the table by POST.
func TestFormsHaveHandlers(t *testing.T) {
	t.Parallel()
	_, b, at := world(t)
	known := map[string]bool{}
	for _, r := range html.Routes() {
		if r.Method == http.MethodPost {
			address, _, _ := strings.Cut(at(r.Pattern), "?")
			known[address] = true
		}
	}
	for _, r := range html.Routes() {
		if r.Method != http.MethodGet {
			continue
		}
		a := b.do(http.MethodGet, at(r.Pattern), nil)
		if !strings.HasPrefix(a.Header().Get("Content-Type"), "text/html") {
			continue
		}
		for n := range a.doc().Descendants() {
			if n.Data == "form" && attr(n, "method") == "post" && !known[attr(n, "action")] {
				t.Errorf("%s has a form for %s", r.Pattern, attr(n, "action"))
			}
		}
	}
}

func TestNonsenseAddresses(t *testing.T) {
	t.Parallel()
	b := newShop(t).browser()
	for _, at := range []string{
		"/nothing", "/en/nothing", "/fr/events", "/e", "/b/x", "/b/../../etc/passwd", "/checkout/x", "/checkout/01890a5d-ac96-774b-bcce-b302099a8057", "/%ff", "/events?q=%ff",
		"/events?%zz=1", "/events?q=%00", "/%00", "/assets/x/shop.css", "/account/sessions", "/events/", "//evil.example", "/checkout/new", "/checkout/new?event=x&t=y", "/" + strings.Repeat("a", 4000),
	} {
		a := b.do(http.MethodGet, at, nil)
		if a.Code != http.StatusNotFound {
			t.Errorf("%s: status %d, %s", at, a.Code, a.Header().Get("Location"))
		}
		if a := b.do(http.MethodPost, at, url.Values{"key": {"x"}}); a.Code != http.StatusNotFound {
			t.Errorf("POST %s: status %d", at, a.Code)
		}
	}
	a := b.get("/nothing").want(http.StatusNotFound, "There is nothing at this address.")
	if find(a.doc(), func(n *nethtml.Node) bool { return attr(n, "type") == "search" }) == nil {
		t.Error("the page has no search")
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	b := newShop(t).browser()
	a := b.get("/")
	for _, want := range []string{"shop.css", "shop.js", "icon.svg"} {
		n := find(a.doc(), func(n *nethtml.Node) bool { return strings.HasSuffix(attr(n, "href")+attr(n, "src"), want) })
		if n == nil {
			t.Fatalf("the page has no %s", want)
		}
		file := b.do(http.MethodGet, attr(n, "href")+attr(n, "src"), nil)
		if got := file.Header().Get("Cache-Control"); file.Code != http.StatusOK || got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d %s", want, file.Code, got)
		}
	}
	for _, at := range []string{"/favicon.ico", "/robots.txt"} {
		b.do(http.MethodGet, at, nil).want(http.StatusOK)
	}
}

// The first view of an event fits into 60 KB without its picture.
func TestWeight(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	a := b.get(path(s.program.OnSale))
	size, requests := len(a.body), 1
	for n := range a.doc().Descendants() {
		at := ""
		switch {
		case n.Data == "link" && (attr(n, "rel") == "stylesheet" || attr(n, "rel") == "icon"):
			at = attr(n, "href")
		case n.Data == "script" && attr(n, "src") != "":
			at = attr(n, "src")
		case n.Data == "img":
			requests++
		}
		if at != "" {
			size += b.do(http.MethodGet, at, nil).Body.Len()
			requests++
		}
	}
	t.Logf("%d bytes, %d requests", size, requests)
	if size > 60_000 || requests > 8 {
		t.Errorf("%d bytes in %d requests", size, requests)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	b.get("/") // the facets are known
	s.Fail("Events", 1, errors.New("secret cause"))
	a := b.get("/events").want(http.StatusInternalServerError, "Something went wrong on our side.").without("secret cause")
	trace := textOf(find(a.doc(), func(n *nethtml.Node) bool { return n.Data == "code" }))
	if len(trace) != 32 || !strings.Contains(s.log.String(), "secret cause") {
		t.Errorf("the trace is %q, the log %s", trace, s.log)
	}
	s.Fail("Events", 1, &web.Refusal{Code: "rate_limited"})
	if got := b.get("/events").want(http.StatusTooManyRequests).Header().Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After is %q", got)
	}
	s.Fail("Events", 1, &web.Refusal{Code: "never_heard_of"})
	b.get("/events").want(http.StatusConflict, "That did not work.")
	if got := b.do(http.MethodPost, "/b/find", url.Values{"email": {strings.Repeat("a", 20_000)}}).Code; got != http.StatusRequestEntityTooLarge {
		t.Errorf("a form that is too long: %d", got)
	}
	if got := b.do(http.MethodPost, "/b/find", nil, "Content-Type", "multipart/form-data; boundary=x").Code; got != http.StatusUnprocessableEntity {
		t.Errorf("a form of another type: %d", got)
	}
}

// panics is a catalog with a fault.
type panics struct{ *shop }

func (panics) Events(ctx, web.Caller, web.EventQuery) (web.EventPage, error) { panic("a fault") }

func TestPanics(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := newShop(t, func(o *options) { o.Catalog = panics{s} })
	p.browser().get("/de/events").want(http.StatusInternalServerError, "Bei uns ist etwas schiefgegangen.").without("a fault")
	if !strings.Contains(p.log.String(), "a fault") {
		t.Error("it is not logged")
	}
}

// No log has a key, a token, an address or a name.
func TestLogs(t *testing.T) {
	t.Parallel()
	s, b, at := world(t)
	for _, r := range html.Routes() {
		b.do(r.Method, at(r.Pattern), url.Values{"email": {"secret@example.org"}, "password": {"s3cr3t password"}, "link": {origin + at("/b/{id}/{key}")}})
	}
	log := s.log.String()
	for _, secret := range []string{at("{key}"), "t.o-k_en", "secret@example.org", "s3cr3t", "ana@example.org", at("{id}"), "access."} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	if !strings.Contains(log, "route=/b/{id}/{key}") {
		t.Error("the log has no patterns")
	}
}

// Whatever an event is called, its page is well-formed, and nothing of it is markup.
func TestTextsOfOthers(t *testing.T) {
	t.Parallel()
	for _, locale := range []string{"en", "de"} {
		s := newShop(t)
		p := s.program
		for _, e := range []web.Event{p.Hostile, p.Longest, p.Emptiest, p.RightToLeft, p.OnSale, p.Mixed, p.Running} {
			b := s.browser()
			pages := []*answer{b.get("/" + locale), b.get("/" + locale + "/events"), b.get("/" + locale + path(e))}
			f := pages[2].form("/checkout")
			for _, kind := range e.TicketTypes {
				if f.values.Has("q-" + kind.ID) {
					f.with("q-"+kind.ID, "1")
					break
				}
			}
			hostile := `<i>"'</i>` + p.RightToLeft.Title
			details := f.send()
			checkout := details.form("/checkout/new").with("name", hostile, "email", `"<b>"@example.org`).send().want(http.StatusOK)
			wrong := details.form("/checkout/new").with("name", hostile, "email", `<b>`).send().want(http.StatusUnprocessableEntity)
			if got := attr(find(wrong.doc(), func(n *nethtml.Node) bool { return attr(n, "name") == "name" }), "value"); got != hostile {
				t.Errorf("what was typed is %q", got)
			}
			booked := checkout.form("/payment").send().want(http.StatusOK)
			pages = append(pages, details, checkout, wrong, booked, b.get("/"+locale+"/b"))
			if link := find(booked.doc(), func(n *nethtml.Node) bool { return strings.HasSuffix(attr(n, "href"), "/return") }); link != nil {
				back := b.get(attr(link, "href"))
				f := back.form("/return")
				review := f.with("ticket", ticketOf(back)).send()
				pages = append(pages, back, review)
			}
			for _, page := range pages {
				page.valid()
			}
		}
	}
}

func ticketOf(a *answer) string {
	return attr(find(a.doc(), func(n *nethtml.Node) bool { return attr(n, "name") == "ticket" }), "value")
}

// valid requires what every page owes its readers.
func (a *answer) valid() {
	a.b.t.Helper()
	fault := func(format string, args ...any) {
		a.b.t.Helper()
		a.b.t.Errorf("%s: %s", a.path, fmt.Sprintf(format, args...))
	}
	doc := a.doc()
	ids, labels, level, main := map[string]bool{}, map[string]bool{}, 0, 0
	for n := range doc.Descendants() {
		if n.Type != nethtml.ElementNode {
			continue
		}
		if id := attr(n, "id"); id != "" {
			if ids[id] {
				fault("id %s is there twice", id)
			}
			ids[id] = true
		}
		switch n.Data {
		case "label":
			labels[attr(n, "for")] = true
			if find(n, func(n *nethtml.Node) bool { return n.Data == "input" }) != nil {
				labels[attr(find(n, func(n *nethtml.Node) bool { return n.Data == "input" }), "value")] = true
			}
		case "h1", "h2", "h3", "h4":
			if l := int(n.Data[1] - '0'); l > level+1 {
				fault("%s %q comes after a heading of level %d", n.Data, textOf(n), level)
				level = l
			} else {
				level = l
			}
			if strings.TrimSpace(textOf(n)) == "" {
				fault("an empty %s", n.Data)
			}
		case "main":
			main++
		case "img":
			if !has(n, "alt") || !has(n, "width") || !has(n, "height") {
				fault("a picture without alt, width or height: %v", n.Attr)
			}
		case "script", "b", "i":
			if n.Data != "script" {
				fault("markup of others: <%s>", n.Data)
			} else if attr(n, "src") == "" && attr(n, "type") != "application/ld+json" {
				fault("a script: %s", textOf(n))
			}
		case "button", "a":
			name := strings.TrimSpace(textOf(n)) + attr(n, "aria-label")
			if name == "" {
				fault("a %s without a name", n.Data)
			}
		case "nav":
			if !has(n, "aria-label") {
				fault("a nav without a name")
			}
		}
	}
	for n := range doc.Descendants() {
		if n.Data == "input" || n.Data == "select" {
			switch kind := attr(n, "type"); {
			case kind == "hidden", labels[attr(n, "id")] && attr(n, "id") != "", (kind == "radio" || kind == "checkbox") && labels[attr(n, "value")]:
			default:
				fault("a field without a label: %v", n.Attr)
			}
		}
		for _, name := range []string{"aria-labelledby", "aria-describedby", "for"} {
			for id := range strings.FieldsSeq(attr(n, name)) {
				if !ids[id] {
					fault("%s=%s, which is not there", name, id)
				}
			}
		}
	}
	if main != 1 || level == 0 {
		fault("%d times main, headings end at %d", main, level)
	}
	for _, leak := range []string{"ZgotmplZ", "%!", "<no value>", "{{"} {
		if strings.Contains(strings.ReplaceAll(a.body, "{{.}}", ""), leak) {
			fault("has %q", leak)
		}
	}
}
