package html_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	nethtml "golang.org/x/net/html"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/web"
)

func eur(minor int64) money.Amount { return money.Amount{AmountMinor: minor, Currency: "EUR"} }

func TestHome(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := s.browser().get("/").want(http.StatusOK, "What’s on", "Coming up", s.program.SoldOut.Title, "Sold out", "By category")
	if !strings.Contains(page.body, `href="/events?category=community"`) {
		t.Error("no link to a category")
	}
	s.Fail("Events", 1, web.ErrUnavailable)
	s.browser().get("/").want(http.StatusServiceUnavailable, "We will be right back.")
}

func TestEmptyShop(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.Advance(400 * 24 * time.Hour)
	for _, path := range []string{"/", "/events"} {
		s.browser().get(path).want(http.StatusOK, "Nothing is announced yet.")
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	b.get("/events?q=accordion").want(http.StatusOK, s.program.OnSale.Title).without(s.program.SoldOut.Title)
	b.get("/events?category=community").want(http.StatusOK, s.program.Free.Title).without(s.program.OnSale.Title)
	b.get("/events?city=Tokyo").want(http.StatusOK, s.program.NotYet.Title).without(s.program.OnSale.Title)
	b.get("/events?month=2027-01").want(http.StatusOK, s.program.NotYet.Title).without(s.program.OnSale.Title)
	b.get("/events?price=0EUR").want(http.StatusOK, s.program.Free.Title).without(s.program.OnSale.Title)
	page := b.get("/events?q=no+such+thing&price=2500EUR").want(http.StatusOK, "No event matches.", "Show all events")
	if !strings.Contains(page.body, `value="no such thing"`) || !strings.Contains(page.body, `<option value="2500EUR" selected>`) {
		t.Error("what was searched for is not in the form any more")
	}
	for _, nonsense := range []string{"?month=2026-13", "?month=x", "?price=much", "?price=-1EUR", "?category=%F0%9F%8E%BA", "?q=" + strings.Repeat("a", 5000), "?limit=0"} {
		if got := b.do(http.MethodGet, "/events"+nonsense, nil).Code; got != http.StatusOK {
			t.Errorf("%.30s: status %d", nonsense, got)
		}
	}
}

// All pages together have each event once, and a cursor that is none begins anew.
func TestPages(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for n := range 50 {
		s.AddEvent(web.Event{
			Title: fmt.Sprintf("Concert %02d.", n), Category: "many & more", Zone: time.UTC, StartsAt: begin.Add(time.Duration(n+1) * 24 * time.Hour),
			EndsAt: begin.Add(time.Duration(n+1)*24*time.Hour + 2*time.Hour), TicketTypes: []web.TicketType{{Name: "Entry", Price: eur(100), Capacity: 9, Available: 9}},
		})
	}
	b := s.browser()
	seen, pages := "", 0
	for next := "/events?category=many+%26+more"; next != ""; pages++ {
		page := b.get(next).want(http.StatusOK)
		seen += page.text()
		next = ""
		if link := find(page.doc(), func(n *nethtml.Node) bool { return attr(n, "rel") == "next" }); link != nil {
			next = attr(link, "href")
		}
	}
	if pages != 3 {
		t.Errorf("there are %d pages", pages)
	}
	for n := range 50 {
		if got := strings.Count(seen, fmt.Sprintf("Concert %02d.", n)); got != 1 {
			t.Errorf("concert %d is listed %d times", n, got)
		}
	}
	b.get("/events?category=many+%26+more&cursor=nonsense").want(http.StatusOK, "Concert 00.")
}

func TestEventPage(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	page := b.get(path(s.program.OnSale)).want(http.StatusOK,
		s.program.OnSale.Title, "Thursday, 10 December 2026", "20:30 – 22:30", "Europe/Berlin, UTC+1", "Doors open at 19:30", "Alte Münze", "Germany",
		"Standing", "€24.00", "Seat at the table", "€42.50", "At the long table, with a glass of wine.",
		"You can return tickets for a full refund until Tuesday, 8 December 2026, 20:30. After that, until the doors open, 10% of the price is kept.")
	if !strings.Contains(page.body, `srcset="/e/night-trains-the-accordion-sessions-`) {
		t.Error("no picture")
	}
	for _, c := range []struct {
		event web.Event
		text  string
		open  bool
	}{
		{s.program.FewLeft, "Only 3 left", true},
		{s.program.SoldOut, "Sold out", false},
		{s.program.Free, "Free", true},
		{s.program.NotYet, "On sale from", false},
		{s.program.Closed, "Sale closed", false},
		{s.program.Cancelled, "This event has been cancelled.", false},
		{s.program.Past, "This event is over.", false},
		{s.program.Running, "running until", true},
		{s.program.Mixed, "Sale closed", true},
	} {
		page := b.get(path(c.event)).want(http.StatusOK, c.event.Title, c.text)
		if got := strings.Contains(page.body, "<button class=\"button button-big\""); got != c.open {
			t.Errorf("%s: can be booked: %t", c.event.Title, got)
		}
	}
	s.Fail("Event", 1, web.ErrUnavailable)
	b.get(path(s.program.Free)).want(http.StatusServiceUnavailable)
}

// An event's texts say in which language they are, whatever the page's is.
func TestLanguageOfAnEvent(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	page := s.browser().get("/de" + path(s.program.OnSale))
	if got := attr(find(page.doc(), func(n *nethtml.Node) bool { return n.Data == "h1" }), "lang"); got != "en" {
		t.Errorf("the title's language is %q", got)
	}
	page = s.browser().get(path(s.program.Emptiest))
	if n := find(page.doc(), func(n *nethtml.Node) bool { return n.Data == "h1" }); has(n, "lang") {
		t.Error("a title has a language that nobody has said")
	}
}

// An event of which some tickets are free says what the others cost.
func TestPartlyFreeEvents(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	e := s.program.OnSale
	s.ChangeEvent(e.ID, func(e *web.Event) { e.TicketTypes[0].Price.AmountMinor = 0 })
	s.browser().get(path(e)).want(http.StatusOK, "free, or from €42.50")
}

// An event has one address, in each language.
func TestEventAddress(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	own := "/e/repair-cafe-bring-what-is-broken-" + s.program.Free.ID
	for from, to := range map[string]string{
		"/e/x-" + s.program.Free.ID:                                    own,
		"/e/" + s.program.Free.ID:                                      own,
		"/de/e/old-title-" + s.program.Free.ID + "?a=b":                "/de" + own + "?a=b",
		"/e/repair-cafe-" + strings.ToUpper(s.program.Free.ID):         own,
		"/e/x-" + s.program.Free.ID + "/calendar.ics":                  own + "/calendar.ics",
		"/e/..%2f..%2Fevil.example-" + s.program.Free.ID:               own,
		"/e/%2F%2Fevil.example%3Fa-" + s.program.Free.ID + "?x=%2F%2F": own + "?x=%2F%2F",
	} {
		a := b.do(http.MethodGet, from, nil)
		if got := a.Header().Get("Location"); a.Code != http.StatusMovedPermanently || got != to {
			t.Errorf("%s: %d %s, want %s", from, a.Code, got, to)
		}
	}
	if got := b.do(http.MethodGet, own, nil).Code; got != http.StatusOK {
		t.Errorf("its own address: status %d", got)
	}
	for _, nothing := range []string{"/e/", "/e/x", "/e/x-" + strings.Repeat("0", 36), "/e/x-01890a5d-ac96-774b-bcce-b302099a8057"} {
		if got := b.do(http.MethodGet, nothing, nil).Code; got != http.StatusNotFound {
			t.Errorf("%s: status %d", nothing, got)
		}
	}
}

func TestStructuredData(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	type offer struct {
		Price, PriceCurrency, Availability, URL, ValidFrom string
	}
	type event struct {
		Context     string `json:"@context"`
		Type        string `json:"@type"`
		Name        string
		StartDate   string
		EventStatus string
		URL         string
		Image       string
		Offers      []offer
	}
	read := func(e web.Event) (out event) {
		t.Helper()
		node := find(s.browser().get(path(e)).doc(), func(n *nethtml.Node) bool { return attr(n, "type") == "application/ld+json" })
		if err := json.Unmarshal([]byte(node.FirstChild.Data), &out); err != nil {
			t.Fatalf("%s: %v", e.Title, err)
		}
		if out.Context != "https://schema.org" || out.Type != "Event" || out.Name != e.Title {
			t.Errorf("%s is %+v", e.Title, out)
		}
		return out
	}
	on := read(s.program.OnSale)
	if on.StartDate != "2026-12-10T20:30:00+01:00" {
		t.Errorf("it starts at %s", on.StartDate)
	}
	if o := on.Offers[1]; o.Price != "42.50" || o.PriceCurrency != "EUR" || o.Availability != "https://schema.org/InStock" || !strings.HasPrefix(o.URL, origin+"/e/night-trains") {
		t.Errorf("an offer is %+v", o)
	}
	if !strings.HasPrefix(on.Image, origin+"/e/night-trains") {
		t.Errorf("its picture is %s", on.Image)
	}
	if got := read(s.program.Cancelled).EventStatus; got != "https://schema.org/EventCancelled" {
		t.Errorf("a cancelled event is %s", got)
	}
	if got := read(s.program.SoldOut).Offers[0].Availability; got != "https://schema.org/SoldOut" {
		t.Errorf("what is sold out is %s", got)
	}
	if o := read(s.program.NotYet).Offers[0]; o.Availability != "https://schema.org/PreOrder" || o.ValidFrom == "" {
		t.Errorf("what is not on sale yet is %+v", o)
	}
	read(s.program.Hostile)
	read(s.program.Longest)
}

func TestEventCalendar(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	a := s.browser().get(path(s.program.OnSale) + "/calendar.ics")
	if got := a.Header().Get("Content-Type"); a.Code != http.StatusOK || got != "text/calendar; charset=utf-8" {
		t.Fatalf("%d %s", a.Code, got)
	}
	for _, want := range []string{"BEGIN:VEVENT", "SUMMARY:Night Trains: The Accordion Sessions", "DTSTART:20261210T193000Z", "DTEND:20261210T213000Z", "URL:" + origin} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %q in %s", want, a.body)
		}
	}
	if got := s.browser().get(path(s.program.Cancelled) + "/calendar.ics").body; !strings.Contains(got, "STATUS:CANCELLED") {
		t.Errorf("a cancelled event is %s", got)
	}
}

func TestImage(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	at := path(s.program.OnSale) + "/image/480"
	a := b.do(http.MethodGet, at+"?v=3f2a", nil)
	if got := a.Header().Get("Content-Type"); a.Code != http.StatusOK || got != "image/jpeg" {
		t.Fatalf("%d %s", a.Code, got)
	}
	if got := a.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
		t.Errorf("it is kept: %s", got)
	}
	if a.Header().Get("Set-Cookie") != "" || a.Header().Get("Vary") != "" {
		t.Error("a picture for everybody is one visitor's")
	}
	tag := a.Header().Get("ETag")
	if got := b.do(http.MethodGet, at, nil, "If-None-Match", `"x", W/`+tag); got.Code != http.StatusNotModified || got.body != "" {
		t.Errorf("a picture that is known: %d", got.Code)
	}
	if got := b.do(http.MethodGet, at+"?v=old", nil).Header().Get("Cache-Control"); got != "public, no-cache" {
		t.Errorf("the address of an older picture is kept: %s", got)
	}
	for _, nothing := range []string{path(s.program.OnSale) + "/image/481", path(s.program.Free) + "/image/480", path(s.program.OnSale) + "/image/x", path(s.program.OnSale) + "/image/-480"} {
		if got := b.do(http.MethodGet, nothing, nil).Code; got != http.StatusNotFound {
			t.Errorf("%s: status %d", nothing, got)
		}
	}
}

// cutOff is a document that ends too early.
type cutOff struct{ *shop }

func (c cutOff) Image(ctx ctx, by web.Caller, id string, width int) (web.Document, error) {
	doc, err := c.shop.Image(ctx, by, id, width)
	if err == nil {
		doc.Body = io.NopCloser(io.MultiReader(io.LimitReader(doc.Body, 10), broken{}))
	}
	return doc, err
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Half a picture is never taken for a whole one.
func TestImageIsNotCutOff(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	broken := newShop(t, func(o *options) { o.Catalog = cutOff{s} })
	defer func() {
		if recover() != http.ErrAbortHandler { //nolint:errorlint // it is that value
			t.Error("the connection is not broken off")
		}
	}()
	broken.browser().do(http.MethodGet, path(s.program.OnSale)+"/image/480", nil)
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	b.language = "de-AT, en;q=0.5"
	a := b.get("/").want(http.StatusOK, "Was läuft")
	if got := a.Header().Values("Vary"); !strings.Contains(strings.Join(got, ","), "Accept-Language") {
		t.Errorf("Vary is %q", got)
	}
	if got := attr(find(a.doc(), func(n *nethtml.Node) bool { return n.Data == "html" }), "lang"); got != "de" {
		t.Errorf("the page's language is %s", got)
	}
	links := map[string]string{}
	for n := range a.doc().Descendants() {
		if n.Data == "link" && attr(n, "rel") != "stylesheet" && attr(n, "rel") != "icon" {
			links[attr(n, "rel")+attr(n, "hreflang")] = attr(n, "href")
		}
	}
	for name, want := range map[string]string{
		"canonical": origin + "/de", "alternateen": origin + "/en", "alternatede": origin + "/de", "alternatex-default": origin + "/",
	} {
		if links[name] != want {
			t.Errorf("%s is %q, want %q", name, links[name], want)
		}
	}
	// An address with a language has that, and so have its links.
	a = b.get("/en/events").want(http.StatusOK, "December 2026")
	if got := strings.Join(a.Header().Values("Vary"), ","); strings.Contains(got, "Accept-Language") {
		t.Errorf("Vary of /en/events is %q", got)
	}
	if strings.Contains(a.body, `href="/e/`) || !strings.Contains(a.body, `href="/en/e/`) {
		t.Error("/en/events has links without a language")
	}
	// The switch leads to the same page, and is remembered.
	a = b.get("/events?q=accordion").want(http.StatusOK, "Dezember 2026")
	a = a.form("/language").with("locale", "en").send().want(http.StatusOK, "December 2026")
	if a.path != "/en/events?q=accordion" {
		t.Errorf("the switch leads to %s", a.path)
	}
	b.get("/events").want(http.StatusOK, "December 2026")
	b.get("/de/events").form("/language").with("locale", "de").send().want(http.StatusOK, "Dezember 2026")
	b.get("/").want(http.StatusOK, "Was läuft")
	if got := b.post("/language", url.Values{"locale": {"xx"}, "to": {"/"}}).Code; got != http.StatusNotFound {
		t.Errorf("a language that is none: %d", got)
	}
	if got := b.do(http.MethodPost, "/language", url.Values{"locale": {"de"}, "to": {"//evil.example"}}).Header().Get("Location"); got != "/de" {
		t.Errorf("the switch leads to %s", got)
	}
	b.get("/de/nothing/here").want(http.StatusNotFound, "Unter dieser Adresse gibt es nichts.")
}

func TestLegal(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, name := range []string{"imprint", "terms", "privacy"} {
		s.browser().get("/legal/"+name).want(http.StatusOK, "has not published this text yet")
	}
	s.browser().get("/legal/secrets").want(http.StatusNotFound)
	s = newShop(t, func(o *options) {
		o.Legal = files{"terms.de.txt": "# Allgemeines\n\nEs gilt\ndas Recht.\n\n<b>Schluss</b>", "imprint.en.txt": "Ana & Co."}
	})
	s.browser().get("/de/legal/terms").want(http.StatusOK, "Allgemeines", "Es gilt das Recht.", "<b>Schluss</b>")
	s.browser().get("/en/legal/terms").want(http.StatusOK, "Allgemeines") // better than nothing
	s.browser().get("/de/legal/imprint").want(http.StatusOK, "Ana & Co.")
	s.browser().get("/de/legal/..%2Fterms").want(http.StatusNotFound)
}
