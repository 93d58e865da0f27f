package html

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/web"
)

// lastPayment is how long before the end of a checkout no payment begins any more.
const lastPayment = 30 * time.Second

// checkoutView is the page of a checkout.
type checkoutView struct {
	web.Booking

	Form      form
	EventPath string
	Lines     []line
	Tickets   []web.Ticket
	Cards     []testCard
	Card      string // that is chosen
	Config    web.PaymentsConfig
	// Left is how long the tickets are held.
	Left time.Duration
	Late bool // for a payment
	// Minutes is Left, rounded up.
	Minutes int
	Free    bool
	Key     string
	// Guest says that the contact may be corrected.
	Guest bool
	// Act says that the buyer's bank waits for the buyer.
	Act bool
	// Over says why the checkout has ended, or is empty.
	Over, OverText string
}

// testCard is a card of the sandbox.
type testCard struct{ Token, Name, Text string }

func (v *visit) testCards() []testCard {
	return []testCard{
		{"tok_visa", v.text("A card that works"), v.text("The payment succeeds at once.")},
		{"tok_authenticate", v.text("A card with 3-D Secure"), v.text("The bank asks you to confirm the payment.")},
		{"tok_decline_once", v.text("A card that works the second time"), v.text("It is declined once.")},
		{"tok_declined", v.text("A card that is declined"), v.text("It is declined every time.")},
		{"tok_insufficient_funds", v.text("A card without money"), v.text("It is declined: there is nothing on the account.")},
		{"tok_timeout", v.text("A card whose bank is slow to answer"), v.text("The payment succeeds, and it takes a while until that is known.")},
	}
}

// payers are who may pay a booking: the account, or the guest. A link may not.
func (v *visit) payers() (all []web.Caller) {
	if v.session.Account != nil {
		all = append(all, web.Caller{AccessToken: v.session.Account.Access, Address: v.address})
	}
	if v.session.Guest != nil {
		all = append(all, web.Caller{AccessToken: v.session.Guest.Access, Address: v.address})
	}
	return all
}

// readers are who may read a booking, the payers first.
func (v *visit) readers(id string) []web.Caller {
	all := v.payers()
	if key := v.session.Key(id); key != "" {
		all = append(all, web.Caller{BookingKey: key, Address: v.address})
	}
	return all
}

// first returns the answer to the first caller who gets one.
func first[T any](callers []web.Caller, ask func(web.Caller) (T, error)) (answer T, by web.Caller, err error) {
	err = web.ErrNotFound
	for _, by = range callers {
		answer, err = ask(by)
		if !errors.Is(err, web.ErrNotFound) && !errors.Is(err, web.ErrSignedOut) && web.Refused(err) != "forbidden" {
			return answer, by, err
		}
	}
	if err != nil {
		err = web.ErrNotFound // whoever may not see it is not told that it is there
	}
	return answer, by, err
}

// paid is the booking of the path, for its payer.
func (v *visit) payable() (web.Booking, web.Caller, error) {
	return first(v.payers(), func(by web.Caller) (web.Booking, error) { return v.Bookings.Booking(v.ctx, by, v.param("id")) })
}

func (v *visit) isGuest(by web.Caller) bool {
	return v.session.Guest != nil && by.AccessToken == v.session.Guest.Access
}

func (v *visit) checkout() error {
	b, by, err := v.payable()
	if errors.Is(err, web.ErrNotFound) {
		return v.noCheckout()
	}
	if err != nil {
		return err
	}
	f := with("name", b.Buyer.Name, "email", b.Buyer.Email)
	if v.r.URL.Query().Has("answered") && b.Payment.Status == "awaiting" {
		f.Problem = v.text("The payment was not confirmed. Nothing was charged, and your tickets are still held. Please try again, or use another card.")
	}
	return v.showCheckout(http.StatusOK, b, by, f, rand.Text())
}

// noCheckout answers a visitor who may not see a checkout.
func (v *visit) noCheckout() error {
	head := v.text("This checkout is not open here.")
	return v.render(http.StatusNotFound, "trouble", page{Title: head, Path: "/", Data: trouble{
		Head: head, Text: v.text("It belongs to another browser, or you have signed out in another tab. If you have paid, the tickets are in your mail."),
	}})
}

// showCheckout shows how far a checkout is.
func (v *visit) showCheckout(status int, b web.Booking, by web.Caller, f form, key string) error {
	view := checkoutView{Booking: b, Form: f, Key: key, Guest: v.isGuest(by), Free: b.Total.IsZero(), EventPath: bookedPath(b)}
	for _, i := range b.Items {
		price, err := i.UnitPrice.Times(i.Quantity)
		if err != nil {
			return err
		}
		view.Lines = append(view.Lines, line{i.Name, i.Quantity, price})
	}
	p := page{Title: v.text("Checkout"), Path: "/checkout/" + b.ID}
	switch b.Status {
	case web.Confirmed, web.Cancelling, web.BookingCancelled:
		return v.see("/b/" + b.ID + "?booked")
	case web.Failed:
		view.Over, view.OverText = v.overTexts(b.Reason)
		p.Data = view
		return v.render(http.StatusOK, "ended", p)
	}
	view.Left = max(0, b.Payment.ExpiresAt.Sub(v.Now()))
	view.Minutes = int((view.Left + time.Minute - 1) / time.Minute)
	view.Late = view.Left < lastPayment
	answered := v.r.Method == http.MethodGet && v.r.URL.Query().Has("answered")
	view.Act = b.Payment.Action != nil && !answered
	if b.Payment.Status == "pending" || answered && b.Payment.Status == "requires_action" || b.Event.Title == "" {
		p.Again, p.Data = p.Path+"?answered", view
		return v.render(status, "waiting", p)
	}
	var err error
	if view.Tickets, err = v.Bookings.Tickets(v.ctx, by, b.ID); err != nil {
		return err
	}
	if view.Config, err = v.Checkouts.Config(v.ctx, by); err != nil {
		return err
	}
	if view.Config.Provider == "sandbox" {
		view.Cards = v.testCards()
		if view.Card = f.Value("card"); !slices.ContainsFunc(view.Cards, func(c testCard) bool { return c.Token == view.Card }) {
			view.Card = view.Cards[0].Token
		}
	} else if !view.Free {
		v.stripe = true
	}
	p.Data = view
	return v.render(status, "checkout", p)
}

// overTexts say why a checkout has ended.
func (v *visit) overTexts(reason string) (head, text string) {
	switch reason {
	case "checkout_expired", "payment_abandoned":
		return v.text("The time to pay is over."), v.text("Your tickets are on sale again. Nothing was charged.")
	case "checkout_abandoned":
		return v.text("You have given the tickets back."), v.text("They are on sale again. Nothing was charged.")
	case "event_cancelled":
		return v.text("This event has been cancelled."), v.text("Nothing was charged.")
	case "sold_out":
		return v.text("The tickets are gone."), v.text("Somebody else was faster. Nothing was charged.")
	}
	return v.text("This booking did not work."), v.text("Nothing was charged.")
}

// bookedPath is the page of a booking's event.
func bookedPath(b web.Booking) string {
	return eventPath(web.Event{ID: b.EventID, Title: b.Event.Title})
}

// pay takes the form of a checkout: what was corrected first, then the payment.
func (v *visit) pay() error {
	b, by, err := v.payable()
	if errors.Is(err, web.ErrNotFound) {
		return v.noCheckout()
	}
	if err != nil {
		return err
	}
	if b.Status != web.Pending {
		return v.see("/checkout/" + b.ID)
	}
	f := v.filled()
	key, before := f.get("key"), b.Buyer.Name
	if b, err = v.correct(b, by, &f); err == nil && len(f.wrong) == 0 {
		err = v.name(b, by, before, &f)
	}
	if err == nil && (len(f.wrong) > 0 || key == "") {
		return v.showCheckout(http.StatusUnprocessableEntity, b, by, f, rand.Text())
	}
	card := f.get("card")
	if err == nil && card == "" && !b.Total.IsZero() {
		f.Problem = v.text("Please choose how to pay.")
		return v.showCheckout(http.StatusUnprocessableEntity, b, by, f, rand.Text())
	}
	if err == nil {
		if b.Total.IsZero() {
			card = ""
		}
		_, err = v.Checkouts.Pay(v.ctx, by, derive("pay", key, b.ID, card), b.ID, card)
	}
	switch code := web.Refused(err); {
	case err == nil:
		return v.see("/checkout/" + b.ID)
	case errors.Is(err, web.ErrUnavailable):
		// The same form repeats the same payment, and so nothing is charged twice.
		f.Problem = v.text("The answer to your payment did not arrive. Please try again: you pay only once.")
		now, readErr := v.Bookings.Booking(v.ctx, by, b.ID)
		if readErr != nil {
			return err
		}
		if now.Status != web.Pending || now.Payment.Status != "awaiting" {
			return v.see("/checkout/" + b.ID)
		}
		return v.showCheckout(http.StatusServiceUnavailable, now, by, f, key)
	case slices.Contains([]string{"checkout_expired", "checkout_abandoned", "event_cancelled", "already_paid", "payment_in_progress", "booking_in_progress"}, code):
		return v.refused(b, by, f, err)
	}
	if !v.refuse(&f, err, nil) {
		return err
	}
	return v.refused(b, by, f, err)
}

// refused shows a checkout after a refusal, as it is now.
func (v *visit) refused(b web.Booking, by web.Caller, f form, err error) error {
	var refusal *web.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	now, readErr := v.Bookings.Booking(v.ctx, by, b.ID)
	if readErr != nil {
		return readErr
	}
	if now.Status != web.Pending {
		return v.see("/checkout/" + b.ID)
	}
	if f.Problem == "" {
		f.Problem = v.Refusal(refusal.Code)
	}
	return v.showCheckout(statusOf(refusal), now, by, f, rand.Text())
}

// correct changes a guest's contact, if that was changed.
func (v *visit) correct(b web.Booking, by web.Caller, f *form) (web.Booking, error) {
	name, email := f.get("name"), f.get("email")
	if !v.isGuest(by) || !f.values.Has("email") || name == b.Buyer.Name && email == b.Buyer.Email {
		return b, nil
	}
	changed, err := v.Checkouts.Correct(v.ctx, by, b.ID, web.Buyer{Name: name, Email: email, Phone: b.Buyer.Phone, Locale: v.Locale})
	if web.Refused(err) == "validation_failed" && v.refuse(f, err, nil) {
		return b, nil
	}
	if err != nil {
		return b, err
	}
	return changed, nil
}

// name says who the tickets are for, of those whose holder was changed. before is the
// buyer's name as the form showed it: who has it is the buyer.
func (v *visit) name(b web.Booking, by web.Caller, before string, f *form) error {
	named := false
	for field := range f.values {
		named = named || strings.HasPrefix(field, "holder-")
	}
	if !named {
		return nil
	}
	tickets, err := v.Bookings.Tickets(v.ctx, by, b.ID)
	if err != nil {
		return err
	}
	for _, t := range tickets {
		field := "holder-" + t.ID
		name := f.get(field)
		if name == before {
			name = b.Buyer.Name
		}
		if !f.values.Has(field) || name == "" || name == t.Holder.Name || t.Status != web.Held {
			continue
		}
		_, err := v.Bookings.ChangeHolder(v.ctx, by, b.ID, t.ID, web.Holder{Name: name, Email: t.Holder.Email})
		if web.Refused(err) == "validation_failed" {
			f.wrong[field] = v.wrongText("holder")
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// extend gives the checkout more time.
func (v *visit) extend() error {
	return v.checkoutAction(func(b web.Booking, by web.Caller, key string) error {
		_, err := v.Checkouts.Extend(v.ctx, by, derive("extend", key, b.ID), b.ID)
		return err
	})
}

// abandon gives the held tickets back.
func (v *visit) abandon() error {
	return v.checkoutAction(func(b web.Booking, by web.Caller, _ string) error {
		_, err := v.Checkouts.Abandon(v.ctx, by, b.ID)
		return err
	})
}

// checkoutAction does something with a checkout, and shows it again.
func (v *visit) checkoutAction(act func(b web.Booking, by web.Caller, key string) error) error {
	b, by, err := v.payable()
	if errors.Is(err, web.ErrNotFound) {
		return v.noCheckout()
	}
	key := v.r.PostForm.Get("key")
	if err == nil && b.Status == web.Pending && key != "" {
		err = act(b, by, key)
	}
	if web.Refused(err) != "" {
		return v.refused(b, by, with("name", b.Buyer.Name, "email", b.Buyer.Email), err)
	}
	if err != nil {
		return err
	}
	return v.see("/checkout/" + b.ID)
}

// challengeView is the page of the bank that the sandbox stands for.
type challengeView struct {
	ID    string
	Total money.Amount
}

// challenge asks the buyer to confirm a payment at the sandbox.
func (v *visit) challenge() error {
	b, _, err := v.payable()
	if errors.Is(err, web.ErrNotFound) {
		return v.noCheckout()
	}
	if err != nil {
		return err
	}
	if b.Payment.Action == nil || b.Payment.Action.Type != "authenticate" {
		return v.see("/checkout/" + b.ID)
	}
	return v.render(http.StatusOK, "challenge", page{Title: v.text("Confirm your payment"), Path: "/checkout/" + b.ID + "/challenge", Data: challengeView{b.ID, b.Total}})
}

func (v *visit) challengeAnswered() error {
	b, by, err := v.payable()
	if errors.Is(err, web.ErrNotFound) {
		return v.noCheckout()
	}
	if err != nil {
		return err
	}
	if a := b.Payment.Action; a != nil && a.Type == "authenticate" {
		err = v.Checkouts.AnswerSandbox(v.ctx, by, a.URL, v.r.PostForm.Get("outcome") == "confirmed")
		if err != nil && web.Refused(err) != "link_not_valid" {
			return err
		}
	}
	return v.see("/checkout/" + b.ID + "?answered")
}
