package html

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"
	"go.opentelemetry.io/otel/trace"

	"github.com/openboxoffice/boxoffice/services/web"
)

// maxForm bounds the body of every form.
const maxForm = 16 << 10

// visit is one request, and what is known of the visitor.
type visit struct {
	*site
	wording

	w       http.ResponseWriter
	r       *http.Request
	ctx     context.Context //nolint:containedctx // a visit lives no longer than its request
	kind    kind
	prefix  string // "/en", "/de" or ""
	session web.Session
	address netip.Addr
	nonce   string
	stripe  bool // the page loads the provider's script
}

// handler answers the requests of a route.
func (s *site) handler(rt route, prefix string, guard *http.CrossOriginProtection) http.HandlerFunc {
	serve := func(w http.ResponseWriter, r *http.Request) {
		v := &visit{site: s, w: w, r: r, ctx: r.Context(), kind: rt.kind, prefix: prefix, address: s.Clients.Address(r), nonce: rand.Text()}
		if c, err := r.Cookie(s.cookieName()); err == nil {
			v.session = s.Sessions.Open(c.Value)
		}
		v.wording = wordingFor(prefix, v.session.Locale, r.Header.Get("Accept-Language"))
		v.headers()
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p) // how a handler gives up an answer half-way
			default:
				s.Log.ErrorContext(v.ctx, "panic", "panic", p, "stack", string(debug.Stack()))
				v.broken()
			}
		}()
		if err := v.answer(rt); err != nil {
			v.fail(err)
		}
	}
	if guard == nil {
		return serve
	}
	return guard.Handler(http.HandlerFunc(serve)).ServeHTTP
}

func (v *visit) answer(rt route) error {
	if v.r.Method == http.MethodPost {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
		if err := v.r.ParseForm(); err != nil {
			return errForm
		}
	}
	if rt.kind == personal {
		if err := v.refresh(); err != nil {
			return err
		}
	}
	if v.shareable() && v.again() {
		return nil
	}
	return rt.handle(v)
}

// refresh renews the account's tokens if that is due.
func (v *visit) refresh() error {
	session, changed, err := v.Sessions.Current(v.ctx, v.session, v.address)
	if errors.Is(err, web.ErrSignedOut) {
		session, changed, err = v.session, true, nil
		session.Account = nil
	}
	if err != nil {
		return err
	}
	if changed {
		return v.keep(session)
	}
	return nil
}

// keep makes a session the visitor's.
func (v *visit) keep(session web.Session) error {
	sealed, err := v.Sessions.Seal(session)
	if err != nil {
		return fmt.Errorf("seal the session: %w", err)
	}
	v.session = session
	v.w.Header().Del("Set-Cookie")    // one, the last
	http.SetCookie(v.w, &http.Cookie{ //nolint:gosec // Secure but on plain loopback, where browsers would drop it
		Name: v.cookieName(), Value: sealed, Path: "/", MaxAge: int(web.SessionLife.Seconds()),
		HttpOnly: true, Secure: v.Secure, SameSite: http.SameSiteLaxMode,
	})
	v.w.Header().Set("Cache-Control", "no-store")
	return nil
}

// cookieName has the prefix of cookies that no other host, and no plain connection, can
// have set. On plain loopback browsers do not take it.
func (s *site) cookieName() string {
	if s.Secure {
		return "__Host-boxoffice"
	}
	return "boxoffice"
}

// caller is the visitor without credentials.
func (v *visit) caller() web.Caller { return web.Caller{Address: v.address} }

// account is the caller that is logged in.
func (v *visit) account() (web.Caller, error) {
	if v.session.Account == nil {
		return web.Caller{}, web.ErrSignedOut
	}
	return web.Caller{AccessToken: v.session.Account.Access, Address: v.address}, nil
}

func (v *visit) headers() {
	h := v.w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Add("Vary", "Cookie")
	if v.prefix == "" {
		h.Add("Vary", "Accept-Language")
	}
	switch {
	case v.kind == secret:
		h.Set("Cache-Control", "no-store")
		// Forms keep their origin. No path goes anywhere.
		h.Set("Referrer-Policy", "strict-origin")
	case v.kind != public || v.signedIn() || v.session.Guest != nil || len(v.session.Links) > 0:
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "same-origin")
	default:
		h.Set("Cache-Control", "private, no-cache")
		h.Set("Referrer-Policy", "same-origin")
	}
}

func (v *visit) signedIn() bool { return v.session.Account != nil }

// policy is the Content-Security-Policy of a page.
func (v *visit) policy() string {
	scripts, connects, frames := "'nonce-"+v.nonce+"'", "'self'", ""
	if v.stripe {
		scripts += " https://js.stripe.com"
		connects += " https://api.stripe.com"
		frames = "; frame-src https://js.stripe.com https://hooks.stripe.com"
	}
	return "default-src 'none'; script-src " + scripts + "; style-src 'nonce-" + v.nonce + "'; img-src 'self'; connect-src " + connects +
		"; form-action 'self'; base-uri 'none'; frame-ancestors 'none'" + frames
}

// page is what the layout shows around a page's own Data.
type page struct {
	*visit

	Title       string
	Description string
	// Path is that of the page without a language, and without its query.
	Path string
	// Query is the part of the query that makes it another page.
	Query string
	// NoIndex keeps the page out of search engines.
	NoIndex bool
	// Image is the absolute URL of a picture for previews, or empty.
	Image string
	// Structured is data for search engines, or nil.
	Structured any
	// Again is what the page looks at every two seconds, until that is another page.
	Again string
	// Section is what the header marks as current.
	Section string
	Data    any
}

// render answers with a page.
func (v *visit) render(status int, name string, p page) error {
	p.visit = v
	if v.kind != public || status >= http.StatusBadRequest {
		p.NoIndex = true
	}
	t, known := v.pages[v.Locale][name]
	if !known {
		return fmt.Errorf("no template %s", name)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "layout", &p); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	if status == http.StatusOK && v.shareable() {
		v.keepRecent(out.Bytes())
	}
	v.send(status, out.Bytes())
	return nil
}

// send answers with a page that is made.
func (v *visit) send(status int, body []byte) {
	body = v.own(body)
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Locale)
	h.Set("Content-Security-Policy", v.policy())
	h.Set("Content-Length", strconv.Itoa(len(body)))
	v.w.WriteHeader(status)
	_, _ = v.w.Write(body) // the visitor may be gone
}

// To is the address of a page in the language of this one.
func (v *visit) To(path string) string { return localized(v.prefix, path) }

func localized(prefix, path string) string {
	if path == "/" && prefix != "" {
		return prefix
	}
	return prefix + path
}

// SignedIn reports whether an account is logged in.
func (p page) SignedIn() bool { return p.signedIn() }

// Nonce is the page's own, for its script and its style sheet.
func (p page) Nonce() string { return ownNonce }

// Canonical is the one address of the page's content.
func (p page) Canonical() string { return p.absolute(p.address("/" + p.Locale)) }

// Alternates are the page's addresses by language.
func (p page) Alternates() map[string]string {
	all := map[string]string{"x-default": p.absolute(p.address(""))}
	for _, l := range wordings {
		all[l.Locale] = p.absolute(p.address("/" + l.Locale))
	}
	return all
}

func (p page) address(prefix string) string {
	at := localized(prefix, p.Path)
	if p.Query != "" {
		at += "?" + p.Query
	}
	return at
}

// Here is the page's address without a language, to come back to.
func (p page) Here() string {
	if p.r.Method != http.MethodGet || p.kind == secret {
		return p.Path
	}
	return p.address("")
}

// Stripe reports whether the page takes a card for Stripe.
func (p page) Stripe() bool { return p.stripe }

// absolute is an address with the shop's host, if that is known.
func (s *site) absolute(path string) string {
	if s.URL == nil {
		return path
	}
	return strings.TrimSuffix(s.URL.String(), "/") + path
}

// see answers a form: the browser asks for another page.
func (v *visit) see(path string) error {
	redirect(v.w, v.r, http.StatusSeeOther, v.To(path))
	return nil
}

func redirect(w http.ResponseWriter, r *http.Request, status int, to string) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	http.Redirect(w, r, to, status)
}

// local returns path if it is one of this site, and elsewhere "/".
func local(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" ||
		!strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") ||
		strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f }) ||
		strings.HasPrefix(u.Path, "//") {
		return "/"
	}
	return path
}

// errForm says that a form could not be read.
var errForm = errors.New("the form is too long, or no form")

// fail answers with what went wrong.
func (v *visit) fail(err error) {
	var refusal *web.Refusal
	switch {
	case v.ctx.Err() != nil:
		return // the visitor is gone
	case errors.Is(err, web.ErrNotFound):
		err = v.missing()
	case errors.Is(err, web.ErrSignedOut):
		err = v.signInFirst()
	case errors.Is(err, errForm):
		err = v.oops(http.StatusRequestEntityTooLarge, "This form is too long.", "Please go back, shorten what you wrote, and send it again.")
	case errors.Is(err, web.ErrUnavailable), web.Refused(err) == "service_unavailable", web.Refused(err) == "upstream_unavailable":
		v.Log.WarnContext(v.ctx, "the platform does not answer", "route", v.route(), "error", err)
		v.w.Header().Set("Retry-After", "10")
		err = v.away()
	case errors.As(err, &refusal) && refusal.Code == "rate_limited":
		wait := max(1, int(refusal.RetryAfter.Seconds()))
		v.w.Header().Set("Retry-After", strconv.Itoa(wait))
		err = v.oops(http.StatusTooManyRequests, "Too many tries.", "Please wait a moment, then try again.")
	case errors.As(err, &refusal):
		v.Log.InfoContext(v.ctx, "refused", "route", v.route(), "code", refusal.Code)
		err = v.oops(http.StatusConflict, "That did not work.", v.Refusal(refusal.Code))
	default:
		v.Log.ErrorContext(v.ctx, "unexpected error", "route", v.route(), "error", err)
		v.broken()
		return
	}
	if err != nil {
		v.Log.ErrorContext(v.ctx, "unexpected error", "route", v.route(), "error", err)
		v.broken()
	}
}

// route is the pattern of the request's path. The path itself may hold a key.
func (v *visit) route() string { return chi.RouteContext(v.ctx).RoutePattern() }

// trouble is what an error page says.
type trouble struct {
	Head, Text string
	Trace      string
	Search     bool
	Retry      bool
}

func (v *visit) oops(status int, head, text string) error {
	head, text = v.text(head), v.text(text)
	return v.render(status, "trouble", page{Title: head, Path: "/", Data: trouble{Head: head, Text: text}})
}

func (v *visit) missing() error {
	if prefix, ok := prefixOf(v.r.URL.Path); ok && v.prefix == "" {
		v.prefix, v.wording = prefix, wordingFor(prefix, "", "")
	}
	head := v.text("There is nothing at this address.")
	return v.render(http.StatusNotFound, "trouble", page{Title: head, Path: "/", Data: trouble{
		Head: head, Text: v.text("The link may be old, or have a typing mistake. You can search here:"), Search: true,
	}})
}

func (v *visit) away() error {
	head := v.text("We will be right back.")
	return v.render(http.StatusServiceUnavailable, "trouble", page{Title: head, Path: "/", Data: trouble{
		Head: head, Text: v.text("A part of the shop does not answer at the moment. Nothing that you have booked is lost. Please try again in a minute."),
		Trace: v.trace(), Retry: v.r.Method == http.MethodGet,
	}})
}

// broken answers when nothing else can.
func (v *visit) broken() {
	head := v.text("Something went wrong on our side.")
	err := v.render(http.StatusInternalServerError, "trouble", page{Title: head, Path: "/", Data: trouble{
		Head: head, Text: v.text("We have noted it. If you write to us about it, please give this number:"), Trace: v.trace(),
	}})
	if err != nil {
		v.Log.ErrorContext(v.ctx, "no error page", "error", err)
		http.Error(v.w, head, http.StatusInternalServerError)
	}
}

func (v *visit) crossOrigin() error {
	return v.oops(http.StatusForbidden, "This form came from another site.", "For your safety it was not accepted. Please open the page here and send the form again.")
}

func (v *visit) trace() string {
	return trace.SpanContextFromContext(v.ctx).TraceID().String()
}

// signInFirst sends the visitor to the login, and back afterwards.
func (v *visit) signInFirst() error {
	next := "/account"
	if v.r.Method == http.MethodGet && v.kind != secret {
		next = bare(v.r.URL.RequestURI())
	}
	return v.see("/login?" + url.Values{"next": {local(next)}}.Encode())
}

// language keeps the language that the visitor has chosen.
func (v *visit) language() error {
	chosen := v.r.PostForm.Get("locale")
	if _, known := v.pages[chosen]; !known {
		return v.missing()
	}
	session := v.session
	session.Locale = chosen
	if err := v.keep(session); err != nil {
		return err
	}
	v.prefix = "/" + chosen
	return v.see(bare(local(v.r.PostForm.Get("to"))))
}

// trusted is markup of our own.
func trusted(s string) template.HTML {
	return template.HTML(s) //nolint:gosec // it is made here, of nobody's texts
}
