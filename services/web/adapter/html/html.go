// Package html is the shop's pages. They work without JavaScript; what little
// there is of it makes them more comfortable.
//
// Every page has three addresses: /en/… and /de/… in a language, and one without, which
// answers in the visitor's. Forms are answered with a redirect, or with the form and
// what is wrong with it.
package html

import (
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/web"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Options are what the pages need. Legal and Now may be nil.
type Options struct {
	Catalog   web.Catalog
	Checkouts web.Checkouts
	Bookings  web.Bookings
	Links     web.Links
	SignIns   web.SignIns
	Accounts  web.Accounts
	Proofs    web.Proofs
	Sessions  *web.Sessions
	// URL is the shop's public address, or nil if it has none.
	URL *url.URL
	// Clients tells a visitor's address.
	Clients httpkit.Clients
	Log     *slog.Logger
	// Secure says that visitors come by TLS.
	Secure bool
	// Recent is how long a page is shown to other visitors of whom nothing is known,
	// before it is made anew. 0 makes each page anew.
	Recent time.Duration
	// Legal are the operator's texts, "terms.en.txt" and the like.
	Legal fs.FS
	Now   func() time.Time
}

// site answers the requests.
type site struct {
	Options

	pages  map[string]pages // by locale
	facets facetCache
	recent recent
	holds  once[hold]
}

// New returns the pages.
func New(o Options) (http.Handler, error) {
	if o.Catalog == nil || o.Checkouts == nil || o.Bookings == nil || o.Links == nil || o.SignIns == nil ||
		o.Accounts == nil || o.Proofs == nil || o.Sessions == nil || o.Log == nil {
		return nil, errors.New("html: a port is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &site{Options: o, pages: map[string]pages{}, recent: recent{life: o.Recent}}
	for _, l := range wordings {
		parsed, err := parsePages(l)
		if err != nil {
			return nil, err
		}
		s.pages[l.Locale] = parsed
	}
	return s.routes()
}
