package html

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/web"
)

// openLink exchanges the key of a link for a session.
func (v *visit) openLink() error {
	v.w.Header().Set("Referrer-Policy", "no-referrer")
	return v.open(v.param("id"), v.param("key"))
}

// open keeps the key of a booking if it opens that, and goes on to the booking.
func (v *visit) open(id, key string) error {
	if _, err := uuid.Parse(id); err != nil || key == "" || len(key) > 100 || strings.ContainsFunc(key, func(r rune) bool { return r < '!' || r > '~' }) {
		return v.invalidLink()
	}
	id = strings.ToLower(id)
	by := web.Caller{BookingKey: key, Address: v.address}
	b, err := v.Bookings.Booking(v.ctx, by, id)
	if errors.Is(err, web.ErrNotFound) { // a holder's opens one ticket alone
		_, err = v.Bookings.Tickets(v.ctx, by, id)
	}
	switch {
	case errors.Is(err, web.ErrNotFound), errors.Is(err, web.ErrSignedOut):
		return v.invalidLink()
	case err != nil:
		return err
	}
	if err := v.keep(v.session.WithLink(web.Link{BookingID: id, Key: key})); err != nil {
		return err
	}
	if v.prefix == "" && v.session.Locale == "" {
		v.prefix = prefixFor(b.Buyer.Locale)
	}
	return v.see("/b/" + id)
}

func (v *visit) invalidLink() error {
	f := with()
	f.Problem = v.text("This link is not valid, or no longer. It may have been cut off, or a newer one has replaced it.")
	return v.showFind(http.StatusNotFound, f)
}

// findView is the page on which visitors come back to their bookings.
type findView struct {
	Form  form
	Links []linkView
	// Unpaid are the checkouts that are still open.
	Unpaid []linkView
	Sent   bool
}

// linkView is a booking that the visitor came with a link to.
type linkView struct {
	ID    string
	Title string
	At    time.Time
}

func (v *visit) find() error { return v.showFind(http.StatusOK, with()) }

func (v *visit) showFind(status int, f form) error {
	view := findView{Form: f, Sent: f.Value("sent") != ""}
	for _, l := range v.session.Links {
		b, err := v.Bookings.Booking(v.ctx, web.Caller{BookingKey: l.Key, Address: v.address}, l.BookingID)
		if err != nil {
			continue // it is over, or one ticket's
		}
		view.Links = append(view.Links, linkView{b.ID, b.Event.Title, b.Event.StartsAt})
	}
	for _, by := range v.payers() {
		list, _, err := v.Bookings.Bookings(v.ctx, by, "")
		if err != nil {
			continue // the page is of use without
		}
		for _, b := range list {
			switch l := (linkView{b.ID, b.Event.Title, b.Event.StartsAt}); {
			case b.Event.Title == "":
			case b.Status == web.Pending:
				view.Unpaid = append(view.Unpaid, l)
			case b.Status == web.Confirmed && v.isGuest(by) && v.session.Key(b.ID) == "":
				view.Links = append(view.Links, l)
			}
		}
	}
	return v.render(status, "find", page{Title: v.text("My tickets"), Path: "/b", Section: "tickets", NoIndex: true, Data: view})
}

// findSent mails the links of an address's bookings.
func (v *visit) findSent() error {
	f := v.filled()
	email := f.get("email")
	if !strings.Contains(email, "@") {
		f.wrong["email"] = v.wrongText("email")
		return v.showFind(http.StatusUnprocessableEntity, f)
	}
	if err := v.Links.Find(v.ctx, v.caller(), email); err != nil {
		if v.refuse(&f, err, nil) {
			return v.showFind(http.StatusUnprocessableEntity, f)
		}
		return err
	}
	return v.showFind(http.StatusOK, with("sent", "1"))
}

// linkPasted opens a link that was copied from a mail.
func (v *visit) linkPasted() error {
	f := v.filled()
	id, key, ok := linkParts(f.get("link"))
	if !ok {
		f.wrong["link"] = v.text("Please paste the whole link. It looks like %s", v.absolute("/b/…/…"))
		return v.showFind(http.StatusUnprocessableEntity, f)
	}
	return v.open(id, key)
}

// linkParts reads booking and key from a link, with or without what stands before it.
func linkParts(link string) (id, key string, ok bool) {
	u, err := url.Parse(link)
	if err != nil {
		return "", "", false
	}
	part := strings.Split(strings.Trim(u.Path, "/"), "/")
	if n := len(part); n >= 3 && part[n-3] == "b" {
		return part[n-2], part[n-1], true
	}
	return "", "", false
}

// bookingView is the page of a booking.
type bookingView struct {
	web.Booking

	EventPath string
	// Card is the picture.
	Picture picture
	Tickets []ticketView
	// Whole is false for the holder of one ticket, who sees that alone.
	Whole bool
	// Fresh says that it has just been booked.
	Fresh bool
	// Valid is the number of tickets that admit.
	Valid int
	// Change and Return say what may still be done.
	Change, Return bool
	// Claim says that the visitor's account may take the booking.
	Claim  bool
	Guest  bool
	Policy string
	Place  []string
	Lines  []line
	// Back is the money that was and will be paid back, Kept what was not.
	Back, Kept money.Amount
	Done       string // what has just been done
	Key        string
	Days       bool
}

// ticketView is a ticket with what its page offers.
type ticketView struct {
	web.Ticket

	Valid bool
}

// booking is the booking of the path, for whoever may read it.
func (v *visit) theBooking() (web.Booking, web.Caller, error) {
	id := strings.ToLower(v.param("id"))
	return first(v.readers(id), func(by web.Caller) (web.Booking, error) { return v.Bookings.Booking(v.ctx, by, id) })
}

func (v *visit) booking() error {
	b, by, err := v.theBooking()
	if errors.Is(err, web.ErrNotFound) {
		return v.oneTicket()
	}
	if err != nil {
		return err
	}
	if b.Status == web.Pending || b.Status == web.Failed {
		if by.BookingKey == "" {
			return v.see("/checkout/" + b.ID)
		}
		return web.ErrNotFound
	}
	return v.showBooking(b, by)
}

// done are the notes after a form, by what stands in the address.
func (v *visit) done() string {
	switch v.r.URL.Query().Get("done") {
	case "holder":
		return v.text("The ticket has a new holder. The old code is no longer valid.")
	case "returned":
		return v.text("The tickets have been returned.")
	case "sent":
		return v.text("The tickets are on their way to %s.", v.text("your mailbox"))
	case "claimed":
		return v.text("The booking is in your account now.")
	}
	return ""
}

func (v *visit) showBooking(b web.Booking, by web.Caller) error {
	tickets, err := v.Bookings.Tickets(v.ctx, by, b.ID)
	if err != nil {
		return err
	}
	open := b.Status == web.Confirmed && v.Now().Before(doorsOf(b.Event))
	view := bookingView{
		Booking: b, EventPath: bookedPath(b), Whole: true, Fresh: v.r.URL.Query().Has("booked"), Done: v.done(), Key: rand.Text(),
		Change: open && b.Event.Transfers, Return: open, Guest: by.BookingKey != "" || v.isGuest(by),
		Policy: v.policyText(b.Event.CancellationPolicy, b.Event.StartsAt, b.Event.DoorsAt), Place: v.place(b.Event.Venue), Days: runsForDays(b.Event.StartsAt, b.Event.EndsAt),
		Back: money.Amount{Currency: b.Total.Currency}, Kept: money.Amount{Currency: b.Total.Currency},
	}
	view.Claim = v.signedIn() && by.BookingKey != ""
	for _, t := range tickets {
		valid := t.Status == web.Valid
		if valid {
			view.Valid++
		}
		view.Tickets = append(view.Tickets, ticketView{t, valid})
	}
	slices.SortStableFunc(view.Tickets, func(a, b ticketView) int { return rank(a) - rank(b) })
	view.Return = view.Return && view.Valid > 0
	for _, i := range b.Items {
		price, err := i.UnitPrice.Times(i.Quantity)
		if err != nil {
			return err
		}
		view.Lines = append(view.Lines, line{i.Name, i.Quantity, price})
	}
	for _, r := range b.Refunds {
		if view.Back, err = view.Back.Plus(r.Amount); err != nil {
			return err
		}
	}
	for _, c := range b.Cancellations {
		if view.Kept, err = view.Kept.Plus(c.Fee); err != nil {
			return err
		}
	}
	return v.render(http.StatusOK, "booking", page{Title: b.Event.Title, Path: "/b/" + b.ID, Section: "tickets", Data: view})
}

func rank(t ticketView) int {
	if t.Valid {
		return 0
	}
	return 1
}

// doorsOf is when tickets can no longer be changed.
func doorsOf(e web.BookedEvent) time.Time {
	if e.DoorsAt.IsZero() {
		return e.StartsAt
	}
	return e.DoorsAt
}

// oneTicket shows its ticket to a holder, or else the form for a link.
func (v *visit) oneTicket() error {
	id := strings.ToLower(v.param("id"))
	key := v.session.Key(id)
	if key == "" {
		return v.showFind(http.StatusNotFound, with())
	}
	by := web.Caller{BookingKey: key, Address: v.address}
	tickets, err := v.Bookings.Tickets(v.ctx, by, id)
	if errors.Is(err, web.ErrNotFound) {
		if err := v.keep(v.session.WithoutLink(id)); err != nil {
			return err
		}
		return v.invalidLink()
	}
	if err != nil {
		return err
	}
	view := bookingView{Booking: web.Booking{ID: id, Status: web.Confirmed}}
	for _, t := range tickets {
		view.Tickets = append(view.Tickets, ticketView{t, t.Status == web.Valid})
	}
	return v.render(http.StatusOK, "booking", page{Title: v.text("Your ticket"), Path: "/b/" + id, Section: "tickets", Data: view})
}

// document passes one of the booking's documents on.
func (v *visit) document(kind web.DocumentKind, contentType, name string) error {
	id, ticket := strings.ToLower(v.param("id")), v.param("ticket")
	doc, _, err := first(v.readers(id), func(by web.Caller) (web.Document, error) {
		return v.Bookings.Document(v.ctx, by, id, ticket, kind, v.Locale)
	})
	if err != nil {
		return err
	}
	defer doc.Body.Close() //nolint:errcheck // there is nothing to do about it
	h := v.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if name != "" {
		h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	}
	v.stream(doc)
	return nil
}

func (v *visit) ticketsPDF() error {
	return v.document(web.TicketsPDF, "application/pdf", "tickets.pdf")
}

func (v *visit) bookingCalendar() error {
	return v.document(web.Calendar, "text/calendar; charset=utf-8", "event.ics")
}

func (v *visit) ticketPDF() error { return v.document(web.TicketPDF, "application/pdf", "ticket.pdf") }

func (v *visit) ticketSVG() error { return v.document(web.TicketSVG, "image/svg+xml", "") }

func (v *visit) ticketPNG() error { return v.document(web.TicketPNG, "image/png", "") }

// holderView is the page on which a ticket is passed on.
type holderView struct {
	web.Ticket

	Form    form
	Booking web.Booking
}

// ticketOf is the ticket of the path, which may be passed on.
func (v *visit) ticketOf() (t web.Ticket, b web.Booking, by web.Caller, err error) {
	if b, by, err = v.theBooking(); err != nil {
		return t, b, by, err
	}
	all, err := v.Bookings.Tickets(v.ctx, by, b.ID)
	if err != nil {
		return t, b, by, err
	}
	i := slices.IndexFunc(all, func(t web.Ticket) bool { return t.ID == strings.ToLower(v.param("ticket")) })
	if i < 0 {
		return t, b, by, web.ErrNotFound
	}
	return all[i], b, by, nil
}

func (v *visit) holder() error {
	t, b, _, err := v.ticketOf()
	if err != nil {
		return v.unread(err)
	}
	return v.showHolder(http.StatusOK, t, b, with("name", t.Holder.Name, "email", t.Holder.Email))
}

// unread answers a visitor who may not see a booking.
func (v *visit) unread(err error) error {
	if errors.Is(err, web.ErrNotFound) {
		return v.showFind(http.StatusNotFound, with())
	}
	return err
}

func (v *visit) showHolder(status int, t web.Ticket, b web.Booking, f form) error {
	return v.render(status, "holder", page{Title: v.text("Change the holder"), Path: "/b/" + b.ID + "/tickets/" + t.ID, Section: "tickets", Data: holderView{t, f, b}})
}

func (v *visit) holderSent() error {
	t, b, by, err := v.ticketOf()
	if err != nil {
		return v.unread(err)
	}
	f := v.filled()
	_, err = v.Bookings.ChangeHolder(v.ctx, by, b.ID, t.ID, web.Holder{Name: f.get("name"), Email: f.get("email")})
	if err == nil {
		return v.see("/b/" + b.ID + "?done=holder#ticket-" + t.ID)
	}
	if v.refuse(&f, err, nil) {
		var refusal *web.Refusal
		errors.As(err, &refusal)
		return v.showHolder(statusOf(refusal), t, b, f)
	}
	return err
}

// returnView is the page on which tickets are given back, in two steps.
type returnView struct {
	web.Booking

	Problem string
	Tickets []returnable
	// Review is the second step, which says what is paid back before it is done.
	Review           bool
	Price, Fee, Back money.Amount
	Policy           string
	Key              string
	All              bool
	Free             bool
}

type returnable struct {
	web.Ticket

	Price  money.Amount
	Chosen bool
}

func (v *visit) giveBack() error { return v.returns(nil) }

func (v *visit) giveBackSent() error {
	return v.returns(v.r.PostForm["ticket"])
}

// returns shows what may be returned, what of it was chosen, or returns that.
func (v *visit) returns(wanted []string) error {
	b, by, err := v.theBooking()
	if err != nil {
		return v.unread(err)
	}
	tickets, err := v.Bookings.Tickets(v.ctx, by, b.ID)
	if err != nil {
		return err
	}
	zero := money.Amount{Currency: b.Total.Currency}
	view := returnView{Booking: b, Policy: v.policyText(b.Event.CancellationPolicy, b.Event.StartsAt, b.Event.DoorsAt), Price: zero, Fee: zero, Key: v.r.PostForm.Get("key")}
	if view.Key == "" {
		view.Key = rand.Text()
	}
	var ids []string
	for _, t := range tickets {
		if t.Status != web.Valid {
			continue
		}
		r := returnable{t, priceOfTicket(b, t), slices.Contains(wanted, t.ID)}
		view.Tickets = append(view.Tickets, r)
		if !r.Chosen {
			continue
		}
		ids = append(ids, t.ID)
		if view.Price, err = view.Price.Plus(r.Price); err != nil {
			return err
		}
	}
	if b.Status != web.Confirmed || len(view.Tickets) == 0 || !v.Now().Before(doorsOf(b.Event)) {
		if len(wanted) > 0 && v.r.PostForm.Get("step") == "return" {
			return v.see("/b/" + b.ID + "?done=returned") // a form that was sent twice
		}
		return v.see("/b/" + b.ID)
	}
	p := page{Title: v.text("Return tickets"), Path: "/b/" + b.ID + "/return", Section: "tickets"}
	show := func(status int) error {
		p.Data = view
		return v.render(status, "return", p)
	}
	post := v.r.Method == http.MethodPost
	switch {
	case !post:
		return show(http.StatusOK)
	case v.r.PostForm.Get("step") == "return" && len(ids) < len(wanted):
		return v.see("/b/" + b.ID + "?done=returned")
	case len(ids) == 0:
		view.Problem = v.text("Please choose the tickets that you want to return.")
		return show(http.StatusUnprocessableEntity)
	}
	view.All, view.Review, view.Free = len(ids) == len(view.Tickets), true, view.Price.IsZero()
	if view.Fee, err = feeOf(b.Event, view.Price, v.Now()); err != nil {
		return err
	}
	if view.Back, err = view.Price.Minus(view.Fee); err != nil {
		return err
	}
	// The fee may have come into effect since the visitor was told otherwise.
	if v.r.PostForm.Get("step") != "return" || v.r.PostForm.Get("back") != priceValue(view.Back) {
		return show(http.StatusOK)
	}
	_, err = v.Bookings.Return(v.ctx, by, derive(append([]string{"return", view.Key, b.ID}, ids...)...), b.ID, ids)
	if code := web.Refused(err); code == "ticket_cancelled" || code == "tickets_not_booked" {
		return v.see("/b/" + b.ID)
	}
	if text, known := v.refusalOf(err); known {
		view.Problem = text
		return show(http.StatusConflict)
	}
	if err != nil {
		return err
	}
	return v.see("/b/" + b.ID + "?done=returned")
}

func (v *visit) refusalOf(err error) (string, bool) {
	var refusal *web.Refusal
	if !errors.As(err, &refusal) {
		return "", false
	}
	return v.refusalText(refusal)
}

// priceOfTicket is what was paid for a ticket.
func priceOfTicket(b web.Booking, t web.Ticket) money.Amount {
	for _, i := range b.Items {
		if i.TicketTypeID == t.TicketTypeID {
			return i.UnitPrice
		}
	}
	return money.Amount{Currency: b.Total.Currency}
}

// feeOf is what the policy keeps of a price, as the booking service reckons it.
func feeOf(e web.BookedEvent, price money.Amount, at time.Time) (money.Amount, error) {
	if !at.After(e.StartsAt.Add(-time.Duration(e.CancellationPolicy.FreeHours) * time.Hour)) {
		return money.Amount{Currency: price.Currency}, nil
	}
	return price.BasisPoints(e.CancellationPolicy.FeeBasisPoints)
}

// resend mails the tickets again.
func (v *visit) resend() error {
	b, by, err := v.theBooking()
	if err != nil {
		return v.unread(err)
	}
	if err := v.Bookings.Resend(v.ctx, by, derive("resend", v.r.PostForm.Get("key"), b.ID), b.ID); err != nil {
		return err
	}
	return v.see("/b/" + b.ID + "?done=sent")
}

// claim moves the booking of a link to the visitor's account.
func (v *visit) claim() error {
	by, err := v.account()
	if err != nil {
		return err
	}
	id := strings.ToLower(v.param("id"))
	if by.BookingKey = v.session.Key(id); by.BookingKey == "" {
		return web.ErrNotFound
	}
	if _, err := v.Links.Claim(v.ctx, by, id); err != nil {
		return err
	}
	if err := v.keep(v.session.WithoutLink(id)); err != nil {
		return err
	}
	return v.see("/b/" + id + "?done=claimed")
}

// endLinks makes the links to a booking invalid, that of this session too.
func (v *visit) endLinks() error {
	b, by, err := v.theBooking()
	if err != nil {
		return v.unread(err)
	}
	if err := v.Links.End(v.ctx, by, b.ID); err != nil {
		return err
	}
	if err := v.keep(v.session.WithoutLink(b.ID)); err != nil {
		return err
	}
	return v.see("/b")
}
