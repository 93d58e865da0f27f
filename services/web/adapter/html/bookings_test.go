package html_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	nethtml "golang.org/x/net/html"

	"github.com/openboxoffice/boxoffice/services/web"
)

// booked is a booking of two tickets, and the path of the link to it.
func booked(t *testing.T, s *shop, e web.Event) (id, link string) {
	t.Helper()
	_, id = s.browser().booked(e, 2)
	return id, "/b/" + id + "/" + s.LinkKey(id)
}

// The key in a link is exchanged for a session, and then stands in no address.
func TestLink(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id, link := booked(t, s, s.program.OnSale)
	b := s.browser()
	a := b.do(http.MethodGet, link, nil)
	if got := a.Header().Get("Location"); a.Code != http.StatusSeeOther || got != "/en/b/"+id {
		t.Fatalf("%d %s", a.Code, got)
	}
	if strings.Contains(a.body, s.LinkKey(id)) {
		t.Error("the answer has the key")
	}
	a.follow().want(http.StatusOK, s.program.OnSale.Title, "Ticket 1", "Ticket 2", "for Ana Costa", "Total €48.00", "Booking number "+id)
	b.get("/b").want(http.StatusOK, "Open in this browser", s.program.OnSale.Title)
	// Capital letters in the id are the same booking.
	s.browser().get("/b/"+strings.ToUpper(id)+"/"+s.LinkKey(id)).want(http.StatusOK, "Ticket 1")
	for _, bad := range []string{"/b/" + id + "/wrong", "/b/x/" + s.LinkKey(id), "/b/" + id + "/" + strings.Repeat("A", 500), "/b/" + id + "/%0a", "/b/01890a5d-ac96-774b-bcce-b302099a8057/" + s.LinkKey(id)} {
		other := s.browser()
		a := other.do(http.MethodGet, bad, nil).want(http.StatusNotFound, "This link is not valid, or no longer.", "Link to your booking")
		if len(other.cookies) > 0 || a.Header().Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: cookies %v, referrer %s", bad, other.cookies, a.Header().Get("Referrer-Policy"))
		}
	}
	s.Fail("Booking", 1, web.ErrUnavailable)
	s.browser().get(link).want(http.StatusServiceUnavailable)
}

// The page speaks the buyer's language, unless the visitor chose another.
func TestLinkInTheBuyersLanguage(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	buyer := s.browser()
	buyer.language = "de"
	_, id := buyer.booked(s.program.OnSale, 1)
	link := "/b/" + id + "/" + s.LinkKey(id)
	if got := s.browser().do(http.MethodGet, link, nil).Header().Get("Location"); got != "/de/b/"+id {
		t.Errorf("the link leads to %s", got)
	}
	b := s.browser()
	b.post("/language", url.Values{"locale": {"en"}, "to": {"/"}})
	if got := b.do(http.MethodGet, link, nil).Header().Get("Location"); got != "/b/"+id {
		t.Errorf("the link leads to %s", got)
	}
	if got := s.browser().do(http.MethodGet, "/en"+link, nil).Header().Get("Location"); got != "/en/b/"+id {
		t.Errorf("the link leads to %s", got)
	}
}

func TestWithoutASession(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id, link := booked(t, s, s.program.OnSale)
	b := s.browser()
	page := b.get("/b/"+id).want(http.StatusNotFound, "Link to your booking", "Find my bookings").without("Ana", s.program.OnSale.Title)
	for _, at := range []string{"/tickets.pdf", "/calendar.ics", "/return", "/tickets/" + id, "/tickets/" + id + "/qr.svg"} {
		b.get("/b/" + id + at).want(http.StatusNotFound)
	}
	for _, at := range []string{"/return", "/resend", "/links/end", "/tickets/" + id} {
		b.post("/b/"+id+at, url.Values{"key": {"x"}}).want(http.StatusNotFound)
	}
	f := page.form("/b/link")
	for _, wrong := range []string{"", "x", "https://tickets.example/", "%%%", "/b/" + id} {
		f.with("link", wrong).send().want(http.StatusUnprocessableEntity, "Please paste the whole link.", origin+"/b/")
	}
	f.with("link", " "+origin+link+" ").send().want(http.StatusOK, "Ticket 2")
	s.browser().get("/b").form("/b/link").with("link", "tickets.example/de"+link+"?utm=1").send().want(http.StatusOK, "Ticket 2")
}

func TestFind(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	booked(t, s, s.program.OnSale)
	b := s.browser()
	f := b.get("/b").form("/b/find")
	known := f.with("email", "ana@example.org").send().want(http.StatusOK, "a mail with their links is on its way")
	unknown := f.with("email", "nobody@example.org").send().want(http.StatusOK)
	if known.text() != unknown.text() {
		t.Error("the page tells whether there are bookings")
	}
	mails := s.Mails("ana@example.org")
	if mails[len(mails)-1].Kind != "links" {
		t.Errorf("the last mail is %s", mails[len(mails)-1].Kind)
	}
	f.with("email", "nonsense").send().want(http.StatusUnprocessableEntity, "Please enter a whole email address")
	s.Fail("Find", 1, &web.Refusal{Code: "rate_limited", RetryAfter: time.Minute})
	f.with("email", "ana@example.org").send().want(http.StatusUnprocessableEntity, "Please come back in 2 minutes.")
}

// A holder sees one ticket, and may do nothing with the booking.
func TestHoldersLink(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id, _ := booked(t, s, s.program.OnSale)
	b := s.browser()
	page := b.get("/b/"+id+"/"+s.TicketKey(id, 2)).want(http.StatusOK, "Your ticket", "Ticket 2").without("Ticket 1", "Return tickets", "ana@example.org", "Change the holder")
	page.valid()
	qr := find(page.doc(), func(n *nethtml.Node) bool { return n.Data == "img" })
	if a := b.get(attr(qr, "src")); a.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("%d %s", a.Code, a.Header().Get("Content-Type"))
	}
	b.get("/b/" + id + "/return").want(http.StatusNotFound)
	b.post("/b/"+id+"/resend", url.Values{"key": {"x"}}).want(http.StatusNotFound)
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id, link := booked(t, s, s.program.OnSale)
	b := s.browser()
	page := b.get(link)
	for end, kind := range map[string]string{
		"/tickets.pdf": "application/pdf", "/calendar.ics": "text/calendar; charset=utf-8", "/pdf": "application/pdf", "/qr.svg": "image/svg+xml",
	} {
		n := find(page.doc(), func(n *nethtml.Node) bool { return strings.HasSuffix(attr(n, "href")+attr(n, "src"), end) })
		a := b.do(http.MethodGet, attr(n, "href")+attr(n, "src"), nil)
		if got := a.Header().Get("Content-Type"); a.Code != http.StatusOK || got != kind || a.body == "" {
			t.Errorf("%s: %d %s", end, a.Code, got)
		}
		if got := a.Header().Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s may be kept: %s", end, got)
		}
		if attached := strings.HasPrefix(a.Header().Get("Content-Disposition"), "attachment; filename="); attached != (kind != "image/svg+xml") {
			t.Errorf("%s: %s", end, a.Header().Get("Content-Disposition"))
		}
	}
	if a := b.get("/b/" + id + "/tickets/x/pdf"); a.Code != http.StatusNotFound {
		t.Errorf("a ticket that is none: %d", a.Code)
	}
}

func TestPassingOn(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	_, link := booked(t, s, s.program.OnSale)
	b := s.browser()
	page := b.get(link)
	n := find(page.doc(), func(n *nethtml.Node) bool { return n.Data == "a" && textOf(n) == "Change the holder" })
	form := b.get(attr(n, "href")).want(http.StatusOK, "Change the holder", "The ticket gets a new code.").form("")
	wrong := form.with("name", " ", "email", "ben").send().want(http.StatusUnprocessableEntity, "Please enter a name")
	wrong.valid()
	form.with("name", "Ben", "email", "ben@example.org").send().want(http.StatusOK, "The ticket has a new holder.", "for Ben", "for Ana Costa")
	if mails := s.Mails("ben@example.org"); len(mails) != 1 {
		t.Errorf("%d mails to the holder", len(mails))
	}
	s.Fail("ChangeHolder", 1, &web.Refusal{Code: "too_many_holders"})
	form.send().want(http.StatusConflict, "The tickets of this booking have changed hands too often.")
	s.Advance(10 * 24 * time.Hour)
	b.get(page.path).want(http.StatusOK).without("Change the holder", "Return tickets")
	form.with("name", "Cleo").send().want(http.StatusConflict, "The doors are open.")
}

// What is paid back is said before it is done.
func TestReturning(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id, link := booked(t, s, s.program.OnSale)
	b := s.browser()
	b.get(link)
	choose := b.get("/b/"+id+"/return").want(http.StatusOK, "Which tickets?", "Ticket 1 · Standing, Ana Costa · €24.00", "10% of the price is kept")
	choose.form("/return").send().want(http.StatusUnprocessableEntity, "Please choose the tickets that you want to return.")
	review := choose.form("/return").with("ticket", ticketOf(choose)).send().
		want(http.StatusOK, "Fee that is kept €0.00", "You get back €24.00", "Your other tickets stay valid.", "This cannot be undone.")
	if got := len(s.Calls("Return")); got != 0 {
		t.Fatal("it was done before it was confirmed")
	}
	// Meanwhile the time in which it is free ends: the visitor is told first.
	s.Advance(8 * 24 * time.Hour)
	review = review.form("/return").send().want(http.StatusOK, "Fee that is kept €2.40", "You get back €21.60")
	if got := len(s.Calls("Return")); got != 0 {
		t.Fatal("less was paid back than was said")
	}
	review.form("/return").send().want(http.StatusOK, "The tickets have been returned.", "Returned", "Valid", "Paid back: €21.60 · kept: €2.40")
	// The same form again gives nothing more back.
	review.form("/return").send().want(http.StatusOK)
	if got := len(s.Calls("Return")); got != 1 {
		t.Errorf("tickets were returned %d times", got)
	}
	rest := b.get("/b/" + id + "/return")
	rest.form("/return").with("ticket", ticketOf(rest)).send().want(http.StatusOK, "These are all of your tickets").
		form("/return").send().want(http.StatusOK, "All tickets of this booking have been returned.").without("Return tickets", "Download the tickets")
	b.get("/b/"+id+"/return").want(http.StatusOK, "All tickets of this booking have been returned.")
}

func TestReturningFreeTickets(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id, link := booked(t, s, s.program.Free)
	b := s.browser()
	b.get(link)
	choose := b.get("/b/" + id + "/return")
	choose.form("/return").with("ticket", ticketOf(choose)).send().want(http.StatusOK).without("You get back", "Fee").
		form("/return").send().want(http.StatusOK, "The tickets have been returned.")
}

func TestCancelledEvent(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	_, link := booked(t, s, s.program.OnSale)
	s.CancelEvent(s.program.OnSale.ID)
	s.browser().get(link).want(http.StatusOK, "This event has been cancelled.", "You get the whole price back.", "Paid back: €48.00").without("Valid", "Return tickets")
}

func TestResend(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	_, link := booked(t, s, s.program.OnSale)
	page := s.browser().get(link)
	page.form("/resend").send().want(http.StatusOK, "The tickets are on their way to your mailbox.")
	page.form("/resend").send().want(http.StatusOK)
	if got := len(s.Mails("ana@example.org")); got != 2 {
		t.Errorf("%d mails: the form was sent twice", got)
	}
	s.Fail("Resend", 1, &web.Refusal{Code: "rate_limited", RetryAfter: time.Hour})
	page.form("/resend").send().want(http.StatusTooManyRequests)
}

func TestClaim(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id, link := booked(t, s, s.program.OnSale)
	b := s.signedIn()
	b.get(link).want(http.StatusOK).form("/claim").send().want(http.StatusOK, "The booking is in your account now.").without("Move this booking")
	b.get("/account").want(http.StatusOK, s.program.OnSale.Title, "2 tickets")
	s.browser().post("/b/"+id+"/claim", nil).want(http.StatusOK, "Sign in")
}

// A link that was made invalid opens nothing, and neither does a session with it.
func TestEndOfLinks(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	id, link := booked(t, s, s.program.OnSale)
	other := s.browser()
	other.get(link).want(http.StatusOK)
	s.browser().get(link).form("/links/end").send().want(http.StatusOK, "My tickets")
	s.browser().get(link).want(http.StatusNotFound, "This link is not valid")
	other.get("/b/"+id).want(http.StatusNotFound, "This link is not valid")
}

// A booking that is not paid is no booking yet.
func TestUnpaidBooking(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	b := s.browser()
	page := b.checkout(s.program.OnSale, 1)
	id := strings.TrimPrefix(page.path, "/checkout/")
	if a := b.get("/b/" + id); a.path != page.path {
		t.Errorf("it leads to %s", a.path)
	}
	s.browser().get("/b/" + id + "/" + s.LinkKey(id)).want(http.StatusNotFound)
}
