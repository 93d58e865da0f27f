package html_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
	_ "time/tzdata"

	nethtml "golang.org/x/net/html"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/web"
	"github.com/openboxoffice/boxoffice/services/web/adapter/html"
	"github.com/openboxoffice/boxoffice/services/web/webtest"
)

const origin = "https://tickets.example"

// begin is a morning on which nothing of the program has begun but what is running.
var begin = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

// shop is the pages over a platform in memory.
type shop struct {
	*webtest.Platform

	t       testing.TB
	program webtest.Program
	handler http.Handler
	log     *logBook
}

// logBook is what was logged.
type logBook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func newShop(t testing.TB, change ...func(*html.Options)) *shop {
	t.Helper()
	s := &shop{Platform: webtest.NewPlatform(func() time.Time { return begin }), t: t, log: &logBook{}}
	s.program = s.AddProgram()
	public, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	o := html.Options{
		Catalog: s, Checkouts: s, Bookings: s, Links: s, SignIns: s, Accounts: s, Proofs: s, Sessions: sessionsOf(t, s), URL: public, Now: s.Now, Secure: true,
		Clients: httpkit.Clients{Verify: func(string) (string, error) { return "", http.ErrNoCookie }, Proxies: []netip.Prefix{}},
		Log:     slog.New(slog.NewTextHandler(s.log, nil)),
	}
	for _, c := range change {
		c(&o)
	}
	if s.handler, err = html.New(o); err != nil {
		t.Fatal(err)
	}
	return s
}

// browser is a visitor's, with one cookie.
type browser struct {
	*shop

	cookies  map[string]string
	language string
}

func (s *shop) browser() *browser { return &browser{shop: s, cookies: map[string]string{}} }

// answer is a page that a browser has.
type answer struct {
	*httptest.ResponseRecorder

	b    *browser
	path string
	body string
}

func (b *browser) do(method, path string, form url.Values, header ...string) *answer {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, origin+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = "192.0.2.7:4711"
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if b.language != "" {
		r.Header.Set("Accept-Language", b.language)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	a := &answer{ResponseRecorder: httptest.NewRecorder(), b: b, path: path}
	b.handler.ServeHTTP(a.ResponseRecorder, r)
	for _, c := range a.Result().Cookies() {
		b.cookies[c.Name] = c.Value
	}
	a.body = a.Body.String()
	return a
}

// get reads a page, and what it redirects to.
func (b *browser) get(path string) *answer {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil).follow()
}

func (b *browser) post(path string, form url.Values) *answer {
	b.t.Helper()
	return b.do(http.MethodPost, path, form).follow()
}

func (a *answer) follow() *answer {
	a.b.t.Helper()
	for range 5 {
		to := a.Header().Get("Location")
		if a.Code < 300 || a.Code > 399 || to == "" {
			return a
		}
		to, _, _ = strings.Cut(to, "#")
		if !strings.HasPrefix(to, "/") {
			a.b.t.Fatalf("%s redirects to %s", a.path, to)
		}
		a = a.b.do(http.MethodGet, to, nil)
	}
	a.b.t.Fatalf("%s redirects again and again", a.path)
	return nil
}

// want requires a status, and that the page has these texts.
func (a *answer) want(status int, texts ...string) *answer {
	a.b.t.Helper()
	if a.Code != status {
		a.b.t.Fatalf("%s: status %d, want %d: %s", a.path, a.Code, status, a.text())
	}
	for _, text := range texts {
		if !strings.Contains(a.text(), text) {
			a.b.t.Errorf("%s does not say %q: %s", a.path, text, a.text())
		}
	}
	return a
}

func (a *answer) without(texts ...string) *answer {
	a.b.t.Helper()
	for _, text := range texts {
		if strings.Contains(a.text(), text) {
			a.b.t.Errorf("%s says %q", a.path, text)
		}
	}
	return a
}

func (a *answer) doc() *nethtml.Node {
	a.b.t.Helper()
	doc, err := nethtml.Parse(strings.NewReader(a.body))
	if err != nil {
		a.b.t.Fatal(err)
	}
	return doc
}

// text is what a reader sees, in one line.
func (a *answer) text() string {
	main := find(a.doc(), func(n *nethtml.Node) bool { return n.Data == "main" })
	if main == nil {
		return a.body
	}
	return strings.Join(strings.Fields(textOf(main)), " ")
}

func textOf(n *nethtml.Node) string {
	if n.Type == nethtml.TextNode {
		return n.Data
	}
	var b strings.Builder
	for c := range n.ChildNodes() {
		b.WriteString(textOf(c))
		if c.Type == nethtml.ElementNode && !slices.Contains([]string{"bdi", "span", "strong", "a"}, c.Data) {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

func find(n *nethtml.Node, is func(*nethtml.Node) bool) *nethtml.Node {
	for d := range n.Descendants() {
		if d.Type == nethtml.ElementNode && is(d) {
			return d
		}
	}
	return nil
}

func attr(n *nethtml.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *nethtml.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a nethtml.Attribute) bool { return a.Key == name })
}

// form is one of a page, as a browser would send it.
type form struct {
	a      *answer
	action string
	values url.Values
}

// form returns the form that is sent to an address with this end.
func (a *answer) form(end string) *form {
	a.b.t.Helper()
	doc := a.doc()
	n := find(doc, func(n *nethtml.Node) bool {
		return n.Data == "form" && attr(n, "method") == "post" && strings.HasSuffix(attr(n, "action"), end)
	})
	if n == nil {
		a.b.t.Fatalf("%s has no form for %s: %s", a.path, end, a.text())
	}
	f := &form{a, attr(n, "action"), url.Values{}}
	for d := range n.Descendants() {
		if d.Data != "input" || attr(d, "name") == "" {
			continue
		}
		if kind := attr(d, "type"); (kind == "radio" || kind == "checkbox") && !has(d, "checked") {
			continue
		}
		f.values.Add(attr(d, "name"), attr(d, "value"))
	}
	return f
}

func (f *form) with(pairs ...string) *form {
	for i := 0; i < len(pairs); i += 2 {
		f.values.Set(pairs[i], pairs[i+1])
	}
	return f
}

func (f *form) send() *answer {
	f.a.b.t.Helper()
	return f.a.b.post(f.action, f.values)
}

// path is the address of an event.
func path(e web.Event) string { return "/e/x-" + e.ID }

// details chooses tickets, up to the form for the buyer.
func (b *browser) details(e web.Event, quantities ...int) *answer {
	b.t.Helper()
	f := b.get(path(e)).want(http.StatusOK).form("/checkout")
	for i, n := range quantities {
		f.with("q-"+e.TicketTypes[i].ID, fmt.Sprint(n))
	}
	return f.send()
}

// checkout goes on to the checkout, as Ana.
func (b *browser) checkout(e web.Event, quantities ...int) *answer {
	b.t.Helper()
	a := b.details(e, quantities...)
	if strings.HasPrefix(a.path, "/checkout/") && !strings.Contains(a.path, "/checkout/new") {
		return a.want(http.StatusOK) // an account is logged in
	}
	return a.form("/checkout/new").with("name", "Ana Costa", "email", "ana@example.org").send().want(http.StatusOK)
}

// booked buys tickets, and returns the booking's page.
func (b *browser) booked(e web.Event, quantities ...int) (page *answer, id string) {
	b.t.Helper()
	page = b.checkout(e, quantities...).form("/payment").send().want(http.StatusOK)
	id, _, _ = strings.Cut(strings.TrimPrefix(page.path, "/b/"), "?")
	return page, id
}

// signedIn is a browser of an account.
func (s *shop) signedIn() *browser {
	s.t.Helper()
	s.AddAccount(web.Account{Name: "Ana Costa", Email: "ana@example.org"}, "correct horse")
	b := s.browser()
	b.get("/login").form("/login").with("email", "ana@example.org", "password", "correct horse").send().want(http.StatusOK, "Account")
	return b
}

type (
	options = html.Options
	ctx     = context.Context
)

// files are an operator's.
type files map[string]string

func (f files) Open(name string) (fs.File, error) {
	all := fstest.MapFS{}
	for n, text := range f {
		all[n] = &fstest.MapFile{Data: []byte(text)}
	}
	return all.Open(name)
}

func sessionsOf(t testing.TB, s *shop) *web.Sessions {
	t.Helper()
	out, err := web.NewSessions([][]byte{[]byte(strings.Repeat("k", 32))}, s, s.Now)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
