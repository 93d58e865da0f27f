package html

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	recentMost  = 128
	recentBytes = 64 << 10
)

// recent are pages that were just made, for visitors of whom nothing is known: when a
// sale begins, many look at one page. What is their own, the nonce and the form's key, is
// put in for each. BenchmarkPages shows what it spares.
type recent struct {
	life time.Duration // 0: none are kept

	mu    sync.Mutex
	pages map[string]recentPage
}

type recentPage struct {
	body  []byte
	until time.Time
}

// These stand in a page that is kept for what each visitor has of their own. Nobody
// knows them, and so no text of others has them.
var ownNonce, ownKey = rand.Text(), rand.Text()

// shareable reports whether others may have the page that this visitor gets.
func (v *visit) shareable() bool {
	return v.recent.life > 0 && v.kind == public && v.r.Method == http.MethodGet && len(v.r.URL.RequestURI()) <= 512 &&
		!v.signedIn() && v.session.Guest == nil && len(v.session.Links) == 0
}

func (v *visit) recentKey() string {
	return strings.Join([]string{v.prefix, v.Locale, v.r.URL.RequestURI()}, " ")
}

// again answers with a page that was just made, if there is one.
func (v *visit) again() bool {
	v.recent.mu.Lock()
	p, known := v.recent.pages[v.recentKey()]
	v.recent.mu.Unlock()
	if !known || !v.Now().Before(p.until) {
		return false
	}
	v.send(http.StatusOK, p.body)
	return true
}

// keepRecent keeps a page for the next visitors.
func (v *visit) keepRecent(body []byte) {
	if len(body) > recentBytes {
		return
	}
	r, now := &v.site.recent, v.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pages) >= recentMost {
		for k, p := range r.pages {
			if !now.Before(p.until) {
				delete(r.pages, k)
			}
		}
	}
	if len(r.pages) >= recentMost {
		return
	}
	if r.pages == nil {
		r.pages = map[string]recentPage{}
	}
	r.pages[v.recentKey()] = recentPage{body, now.Add(r.life)}
}

// own puts what is this visitor's own into a page.
func (v *visit) own(body []byte) []byte {
	body = bytes.ReplaceAll(body, []byte(ownNonce), []byte(v.nonce))
	return bytes.ReplaceAll(body, []byte(ownKey), []byte(rand.Text()))
}
