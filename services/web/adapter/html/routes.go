package html

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// route is one page or form.
type route struct {
	method, pattern string
	handle          func(*visit) error
	kind            kind
}

// kind says how an answer is to be kept, and what it may tell others.
type kind int

const (
	public   kind = iota // the same for everybody but for the header
	personal             // about the visitor, whose tokens must be good
	alone                // about the visitor, and of no account
	secret               // its address has a credential
)

// table lists all pages and forms.
func (s *site) table() []route {
	return []route{
		{http.MethodGet, "/", (*visit).home, public},
		{http.MethodGet, "/events", (*visit).events, public},
		{http.MethodGet, "/e/{ref}", (*visit).event, public},
		{http.MethodGet, "/e/{ref}/calendar.ics", (*visit).eventCalendar, public},
		{http.MethodGet, "/e/{ref}/image/{width}", (*visit).image, public},
		{http.MethodGet, "/legal/{name}", (*visit).legal, public},
		{http.MethodPost, "/language", (*visit).language, alone},

		{http.MethodPost, "/checkout", (*visit).choose, personal},
		{http.MethodGet, "/checkout/new", (*visit).details, personal},
		{http.MethodPost, "/checkout/new", (*visit).detailsSent, personal},
		{http.MethodGet, "/checkout/{id}", (*visit).checkout, personal},
		{http.MethodPost, "/checkout/{id}/payment", (*visit).pay, personal},
		{http.MethodPost, "/checkout/{id}/extension", (*visit).extend, personal},
		{http.MethodPost, "/checkout/{id}/abandon", (*visit).abandon, personal},
		{http.MethodGet, "/checkout/{id}/challenge", (*visit).challenge, personal},
		{http.MethodPost, "/checkout/{id}/challenge", (*visit).challengeAnswered, personal},

		{http.MethodGet, "/b", (*visit).find, personal},
		{http.MethodPost, "/b/find", (*visit).findSent, personal},
		{http.MethodPost, "/b/link", (*visit).linkPasted, personal},
		{http.MethodGet, "/b/{id}", (*visit).booking, personal},
		{http.MethodGet, "/b/{id}/{key}", (*visit).openLink, secret},
		{http.MethodGet, "/b/{id}/tickets.pdf", (*visit).ticketsPDF, personal},
		{http.MethodGet, "/b/{id}/calendar.ics", (*visit).bookingCalendar, personal},
		{http.MethodGet, "/b/{id}/return", (*visit).giveBack, personal},
		{http.MethodPost, "/b/{id}/return", (*visit).giveBackSent, personal},
		{http.MethodPost, "/b/{id}/resend", (*visit).resend, personal},
		{http.MethodPost, "/b/{id}/claim", (*visit).claim, personal},
		{http.MethodPost, "/b/{id}/links/end", (*visit).endLinks, personal},
		{http.MethodGet, "/b/{id}/tickets/{ticket}", (*visit).holder, personal},
		{http.MethodPost, "/b/{id}/tickets/{ticket}", (*visit).holderSent, personal},
		{http.MethodGet, "/b/{id}/tickets/{ticket}/pdf", (*visit).ticketPDF, personal},
		{http.MethodGet, "/b/{id}/tickets/{ticket}/qr.svg", (*visit).ticketSVG, personal},
		{http.MethodGet, "/b/{id}/tickets/{ticket}/qr.png", (*visit).ticketPNG, personal},

		{http.MethodGet, "/login", (*visit).login, personal},
		{http.MethodPost, "/login", (*visit).loginSent, personal},
		{http.MethodGet, "/register", (*visit).register, personal},
		{http.MethodPost, "/register", (*visit).registerSent, personal},
		{http.MethodPost, "/logout", (*visit).logout, alone},
		{http.MethodGet, "/account", (*visit).accountPage, personal},
		{http.MethodPost, "/account/profile", (*visit).profileSent, personal},
		{http.MethodPost, "/account/email", (*visit).emailSent, personal},
		{http.MethodPost, "/account/password", (*visit).passwordSent, personal},
		{http.MethodPost, "/account/verification", (*visit).verificationSent, personal},
		{http.MethodPost, "/account/sessions/{session}", (*visit).sessionEnded, personal},
		{http.MethodGet, "/verify/{token}", (*visit).verify, secret},
		{http.MethodPost, "/verify/{token}", (*visit).verifySent, secret},
		{http.MethodGet, "/email/{token}", (*visit).newEmail, secret},
		{http.MethodPost, "/email/{token}", (*visit).newEmailSent, secret},
		{http.MethodGet, "/password-reset", (*visit).reset, personal},
		{http.MethodPost, "/password-reset", (*visit).resetSent, personal},
		{http.MethodGet, "/password-reset/{token}", (*visit).newPassword, secret},
		{http.MethodPost, "/password-reset/{token}", (*visit).newPasswordSent, secret},
	}
}

// routes returns the handler of all pages.
func (s *site) routes() (http.Handler, error) {
	mux := httpkit.NewRouter(s.Log)
	mux.Get("/assets/{hash}/{name}", serveAsset)
	mux.Get("/favicon.ico", serveIcon)
	mux.Get("/robots.txt", serveRobots)

	// An unsafe request that another site sends has none of the visitor's cookies, by
	// SameSite, and gets no further than here.
	guard := http.NewCrossOriginProtection()
	if s.URL != nil {
		if err := guard.AddTrustedOrigin(s.URL.Scheme + "://" + s.URL.Host); err != nil {
			return nil, err
		}
	}
	guard.SetDenyHandler(s.handler(route{handle: (*visit).crossOrigin, kind: alone}, "", nil))

	for _, prefix := range append([]string{""}, prefixes...) {
		for _, r := range s.table() {
			pattern := prefix + r.pattern
			if prefix != "" && r.pattern == "/" {
				pattern = prefix
				mux.Get(prefix+"/", func(w http.ResponseWriter, r *http.Request) { redirect(w, r, http.StatusMovedPermanently, prefix) })
			}
			mux.Method(r.method, pattern, s.handler(r, prefix, guard))
		}
	}
	mux.NotFound(s.handler(route{handle: (*visit).missing, kind: public}, "", guard))
	mux.MethodNotAllowed(s.handler(route{handle: (*visit).missing, kind: public}, "", guard))

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !readable(r.URL) {
			// Nothing has such an address, and a browser is not told so in JSON.
			u, nowhere := *r.URL, *r
			u.Path, u.RawPath, u.RawQuery = "/-", "", ""
			nowhere.URL = &u
			r = &nowhere
		}
		mux.ServeHTTP(w, r)
	}), nil
}

// readable reports whether an address is text.
func readable(u *url.URL) bool {
	text := u.Path
	query, err := url.ParseQuery(u.RawQuery)
	for name, values := range query {
		text += name + strings.Join(values, "")
	}
	return err == nil && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

// param is a part of the path.
func (v *visit) param(name string) string {
	text, err := url.PathUnescape(chi.URLParam(v.r, name))
	if err != nil {
		return ""
	}
	return text
}
