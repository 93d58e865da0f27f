package html

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/web"
)

// selection is the tickets that somebody chose, at the prices that they saw.
type selection struct {
	Event string
	Items []chosen
}

type chosen struct {
	Type     string
	Quantity int
	Price    money.Amount
}

const (
	maxKinds = 50
	// reuseGuest is how long a guest's token must be good for another checkout.
	reuseGuest = 45 * time.Minute
)

func (s selection) empty() bool { return len(s.Items) == 0 }

// of is how many tickets of a type were chosen.
func (s selection) of(ticketType string) int {
	for _, c := range s.Items {
		if c.Type == ticketType {
			return c.Quantity
		}
	}
	return 0
}

// chosenOnPage reads the form of an event's page.
func chosenOnPage(in url.Values) (s selection, ok bool) {
	s.Event = in.Get("event")
	for name := range in {
		id, is := strings.CutPrefix(name, "q-")
		if !is {
			continue
		}
		n := strings.TrimSpace(in.Get(name))
		if n == "" || n == "0" {
			continue
		}
		if !s.add(id, n, in.Get("p-"+id)) {
			return s, false
		}
	}
	s.sort()
	return s, true
}

// chosenInQuery reads what values wrote.
func chosenInQuery(in url.Values) (s selection, ok bool) {
	s.Event = in.Get("event")
	for _, text := range in["t"] {
		part := strings.Split(text, ".")
		if len(part) != 3 || !s.add(part[0], part[1], part[2]) {
			return s, false
		}
	}
	s.sort()
	return s, true
}

func (s *selection) add(id, quantity, price string) bool {
	n, err := strconv.Atoi(quantity)
	amount := priceOf(price)
	if _, idErr := uuid.Parse(id); idErr != nil || err != nil || n < 1 || n > 1000 || amount == nil || len(s.Items) == maxKinds {
		return false
	}
	s.Items = append(s.Items, chosen{id, n, *amount})
	return true
}

func (s *selection) sort() {
	slices.SortFunc(s.Items, func(a, b chosen) int { return strings.Compare(a.Type, b.Type) })
}

// values is the selection in an address.
func (s selection) values() url.Values {
	q := url.Values{"event": {s.Event}}
	for _, c := range s.Items {
		q.Add("t", c.written())
	}
	return q
}

func (c chosen) written() string {
	return fmt.Sprintf("%s.%d.%s", c.Type, c.Quantity, priceValue(c.Price))
}

func (s selection) total() (sum money.Amount, err error) {
	for i, c := range s.Items {
		price, err := c.Price.Times(c.Quantity)
		if err != nil {
			return sum, err
		}
		if i == 0 {
			sum.Currency = price.Currency
		}
		if sum, err = sum.Plus(price); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

func (s selection) quantities() (all []web.Quantity) {
	for _, c := range s.Items {
		all = append(all, web.Quantity{TicketTypeID: c.Type, Quantity: c.Quantity})
	}
	return all
}

// derive makes an Idempotency-Key of a form's key and of what the form says: the same
// form with other values is another request.
func derive(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return base64.RawURLEncoding.EncodeToString(sum[:18])
}

// choose takes the form of an event's page.
func (v *visit) choose() error {
	s, ok := chosenOnPage(v.r.PostForm)
	e, err := v.Catalog.Event(v.ctx, v.caller(), s.Event)
	if err != nil {
		return err
	}
	switch {
	case !ok:
		return v.showEvent(http.StatusUnprocessableEntity, e, s, v.text("Please choose how many tickets you want."))
	case s.empty():
		return v.showEvent(http.StatusUnprocessableEntity, e, s, v.text("Please choose at least one ticket."))
	}
	if !v.signedIn() {
		return v.see("/checkout/new?" + s.values().Encode())
	}
	return v.begin(e, s, v.r.PostForm.Get("key"), nil)
}

// detailsView asks who buys.
type detailsView struct {
	Form   form
	Event  card
	Lines  []line
	Total  money.Amount
	Values []string // of the selection
	Key    string
	// Known says that an account is logged in, which needs no form.
	Known bool
	Login string // its address, which leads back here
}

// line is a number of tickets and what they cost.
type line struct {
	Name     string
	Quantity int
	Price    money.Amount
}

// details shows the form for visitors without an account.
func (v *visit) details() error {
	s, ok := chosenInQuery(v.r.URL.Query())
	if !ok || s.empty() {
		return web.ErrNotFound
	}
	e, err := v.Catalog.Event(v.ctx, v.caller(), s.Event)
	if err != nil {
		return err
	}
	return v.showDetails(http.StatusOK, e, s, with())
}

func (v *visit) showDetails(status int, e web.Event, s selection, f form) error {
	total, err := s.total()
	if err != nil {
		return web.ErrNotFound
	}
	next := "/checkout/new?" + s.values().Encode()
	view := detailsView{Form: f, Event: v.card(e), Total: total, Values: s.values()["t"], Key: f.Value("key"), Known: v.signedIn(), Login: "/login?" + url.Values{"next": {next}}.Encode()}
	if view.Key == "" {
		view.Key = rand.Text()
	}
	for _, c := range s.Items {
		i := slices.IndexFunc(e.TicketTypes, func(t web.TicketType) bool { return t.ID == c.Type })
		if i < 0 {
			return v.showEvent(http.StatusConflict, e, selection{}, v.Refusal("ticket_type_not_found"))
		}
		price, err := c.Price.Times(c.Quantity)
		if err != nil {
			return web.ErrNotFound
		}
		view.Lines = append(view.Lines, line{e.TicketTypes[i].Name, c.Quantity, price})
	}
	return v.render(status, "details", page{Title: v.text("Your details"), Path: "/checkout/new", Query: s.values().Encode(), Data: view})
}

// detailsSent begins the checkout of a guest.
func (v *visit) detailsSent() error {
	s, ok := chosenInQuery(v.r.PostForm)
	if !ok || s.empty() {
		return web.ErrNotFound
	}
	e, err := v.Catalog.Event(v.ctx, v.caller(), s.Event)
	if err != nil {
		return err
	}
	f := v.filled()
	if v.signedIn() {
		return v.begin(e, s, f.get("key"), nil)
	}
	guest := web.Guest{Name: f.get("name"), Email: f.get("email"), Locale: v.Locale}
	if guest.Name == "" {
		f.wrong["name"] = v.wrongText("name")
	}
	if !strings.Contains(guest.Email, "@") {
		f.wrong["email"] = v.wrongText("email")
	}
	if len(f.wrong) > 0 {
		return v.showDetails(http.StatusUnprocessableEntity, e, s, f)
	}
	return v.begin(e, s, f.get("key"), &guest)
}

// hold is a checkout that has begun, and the guest whose it is.
type hold struct {
	booking web.Booking
	guest   *web.Tokens
}

// begin holds the tickets, for the account or for a guest, and goes on to the checkout.
func (v *visit) begin(e web.Event, s selection, key string, guest *web.Guest) error {
	total, err := s.total()
	if err != nil || key == "" {
		return v.showEvent(http.StatusUnprocessableEntity, e, s, v.text("Please choose how many tickets you want."))
	}
	request := append([]string{key, s.Event, priceValue(total)}, s.values()["t"]...)
	var h hold
	if guest == nil {
		by, err := v.account()
		if err != nil {
			return err
		}
		if h.booking, err = v.held(by, s, total, request); err != nil {
			return v.notHeld(e, s, err, nil)
		}
		return v.see("/checkout/" + h.booking.ID)
	}
	h, err = v.holds.do(derive(append(request, guest.Name, guest.Email, v.address.String())...), v.Now(), func() (hold, error) {
		return v.guestHolds(s, total, request, *guest)
	})
	if err != nil {
		return v.notHeld(e, s, err, guest)
	}
	if h.guest != nil {
		if err := v.keep(v.session.WithGuest(*h.guest)); err != nil {
			return err
		}
	}
	return v.see("/checkout/" + h.booking.ID)
}

// guestHolds holds the tickets for the guest of the session, or for a new one. One guest
// may have several checkouts, each with a contact of its own.
func (v *visit) guestHolds(s selection, total money.Amount, request []string, guest web.Guest) (h hold, err error) {
	h.guest = v.session.Guest
	if h.guest == nil || h.guest.ExpiresAt.Before(v.Now().Add(reuseGuest)) {
		admitted, err := v.SignIns.AdmitGuest(v.ctx, v.caller(), guest)
		if err != nil {
			return h, err
		}
		h.guest = &admitted
	}
	by := web.Caller{AccessToken: h.guest.Access, Address: v.address}
	if h.booking, err = v.held(by, s, total, request); err != nil {
		return h, err
	}
	if b := h.booking.Buyer; h.booking.Status == web.Pending && (b.Name != guest.Name || b.Email != guest.Email) {
		h.booking, err = v.Checkouts.Correct(v.ctx, by, h.booking.ID, web.Buyer{Name: guest.Name, Email: guest.Email, Phone: b.Phone, Locale: guest.Locale})
	}
	return h, err
}

// held begins a checkout. If the same form began one that is over, it begins another.
func (v *visit) held(by web.Caller, s selection, total money.Amount, request []string) (b web.Booking, err error) {
	for again := range 5 {
		b, err = v.Checkouts.Begin(v.ctx, by, derive(append(request, strconv.Itoa(again))...), s.Event, s.quantities(), total)
		code := web.Refused(err)
		if code != "checkout_expired" && code != "checkout_abandoned" && (err != nil || b.Status != web.Failed) {
			break
		}
	}
	return b, err
}

// notHeld answers where tickets could not be held: on the event's page, or on the form of
// the guest if that is wrong.
func (v *visit) notHeld(e web.Event, s selection, err error, guest *web.Guest) error {
	var refusal *web.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	if guest != nil && (refusal.Code == "validation_failed" || refusal.Code == "rate_limited") {
		f := v.filled()
		if v.refuse(&f, err, nil) {
			return v.showDetails(statusOf(refusal), e, s, f)
		}
	}
	text, known := v.refusalText(refusal)
	if !known {
		return err
	}
	if fresh, err := v.Catalog.Event(v.ctx, v.caller(), e.ID); err == nil {
		e = fresh
	}
	return v.showEvent(statusOf(refusal), e, s, text)
}

// statusOf is the status of a page that shows a refusal.
func statusOf(r *web.Refusal) int {
	switch r.Code {
	case "validation_failed":
		return http.StatusUnprocessableEntity
	case "rate_limited":
		return http.StatusTooManyRequests
	case "payment_declined":
		return http.StatusPaymentRequired
	}
	return http.StatusConflict
}
