package html

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/openboxoffice/boxoffice/services/web"
)

// form is what somebody has typed, and what is wrong with it.
type form struct {
	// Problem is about the whole form, or empty.
	Problem string

	values url.Values
	wrong  map[string]string
}

// filled is a form with what was sent.
func (v *visit) filled() form { return form{values: v.r.PostForm, wrong: map[string]string{}} }

// with is a form with a value that was not typed.
func with(pairs ...string) form {
	f := form{values: url.Values{}, wrong: map[string]string{}}
	for pair := range slices.Chunk(pairs, 2) {
		f.values.Set(pair[0], pair[1])
	}
	return f
}

func (f form) get(name string) string { return strings.TrimSpace(f.values.Get(name)) }

// Value is what was typed into a field.
func (f form) Value(name string) string { return f.values.Get(name) }

// Wrong says what is wrong with a field, or is empty.
func (f form) Wrong(name string) string { return f.wrong[name] }

// refuse marks what the platform does not take. It reports false for an error that is not
// about what was typed. fields are the form's names of what the platform calls otherwise.
func (v *visit) refuse(f *form, err error, fields map[string]string) bool {
	var refusal *web.Refusal
	if !errors.As(err, &refusal) {
		return false
	}
	if refusal.Code != "validation_failed" {
		text, known := v.refusalText(refusal)
		if known {
			f.Problem = text
		}
		return known
	}
	for _, e := range refusal.Fields {
		name := e.Field[strings.LastIndex(e.Field, ".")+1:]
		if own, renamed := fields[e.Field]; renamed {
			name = own
		}
		f.wrong[name] = v.wrongText(name)
	}
	if len(refusal.Fields) == 0 {
		f.Problem = v.text("Something in this form is not right. Please check it.")
	}
	return true
}

// wrongText says how a field is to be filled in.
func (v *visit) wrongText(name string) string {
	switch {
	case name == "email" || strings.HasSuffix(name, "email"):
		return v.text("Please enter a whole email address, like ana@example.org.")
	case name == "name" || strings.HasPrefix(name, "holder"):
		return v.text("Please enter a name of at most 200 characters.")
	case strings.HasSuffix(name, "password"):
		return v.text("Please choose a password of at least 10 characters.")
	}
	return v.text("Please check this.")
}

// refusalText says what a refusal means to a visitor, if that is known.
func (v *visit) refusalText(r *web.Refusal) (string, bool) {
	if r.Code == "rate_limited" {
		if m := int(r.RetryAfter.Minutes()); m > 0 {
			return v.text("There were too many tries. Please come back in %s.", v.text("%d minutes", m+1)), true
		}
		return v.text("There were too many tries. Please wait a moment."), true
	}
	english, known := refusals[r.Code]
	if !known {
		return "", false
	}
	return v.text(english), true
}

// Refusal says what a code means to a visitor.
func (v *visit) Refusal(code string) string {
	english, known := refusals[code]
	if !known {
		english = "Please go back and try again."
	}
	return v.text(english)
}

// refusals are what the platform's codes mean to a visitor.
var refusals = map[string]string{
	"sold_out":                "There are not enough tickets left. Please choose again.",
	"sales_closed":            "These tickets are no longer on sale.",
	"not_on_sale_yet":         "These tickets are not on sale yet.",
	"too_few_tickets":         "These tickets are only sold in larger numbers.",
	"too_many_tickets":        "These are more tickets than one booking may have.",
	"ticket_type_not_found":   "The organizer has changed the tickets. Please choose again.",
	"price_changed":           "The price has changed. Please look at it and choose again. Nothing was charged.",
	"too_many_checkouts":      "You have several unfinished bookings. Please pay for one of them or give it back first: you find them under My tickets.",
	"event_cancelled":         "This event has been cancelled.",
	"payment_declined":        "The card was declined. Nothing was charged, and your tickets are still held. Please try another card.",
	"too_many_attempts":       "No more cards can be tried for this booking. You can give the tickets back and begin again.",
	"no_more_extensions":      "The time cannot be extended any further. Please pay now, or give the tickets back.",
	"amount_not_payable":      "The payment provider does not take this amount. Nothing was charged.",
	"sales_paused":            "Sales are paused for a moment. Please try again in a few minutes.",
	"currency_not_supported":  "The payment provider does not take this currency.",
	"idempotency_key_reused":  "This page was open for too long. Please load it again.",
	"booking_in_progress":     "Your booking is being worked on. Please try again in a moment.",
	"payment_in_progress":     "A payment is being worked on. Please wait for its outcome.",
	"booking_not_cancellable": "These tickets can no longer be returned.",
	"tickets_not_booked":      "These tickets are not part of the booking.",
	"ticket_cancelled":        "This ticket has been returned.",
	"no_valid_tickets":        "This booking has no valid tickets.",
	"transfers_not_allowed":   "Tickets for this event cannot be passed on.",
	"doors_open":              "The doors are open. Tickets can no longer be changed.",
	"too_many_holders":        "The tickets of this booking have changed hands too often.",
	"already_claimed":         "This booking belongs to an account already.",
	"email_taken":             "There is an account with this address already. Sign in, or reset the password.",
	"invalid_grant":           "Address and password do not belong together.",
	"wrong_password":          "The current password is not right.",
	"password_too_common":     "Everybody tries this password first. Please choose another one.",
	"link_not_valid":          "This link was used already, or is too old. Please ask for a new one.",
	"email_not_verified":      "Please confirm your email address first.",
	"forbidden":               "This is not possible with your account.",
}

// fieldView is one field of a form.
type fieldView struct {
	Name, Label, Type, Complete, Value, Wrong, Hint string
	Optional                                        bool
	Most                                            int
}

// fieldOf is for templates: the form, its name, label, type and what browsers fill in.
func fieldOf(f form, name, label, kind, complete string, hint ...string) fieldView {
	view := fieldView{Name: name, Label: label, Type: kind, Complete: complete, Wrong: f.Wrong(name), Hint: strings.Join(hint, " "), Most: 200}
	switch kind {
	case "password":
		view.Most = 1000 // is never shown again
	case "email":
		view.Most, view.Value = 254, f.Value(name)
	default:
		view.Value = f.Value(name)
	}
	return view
}

// optional makes a field one that may stay empty.
func optional(f fieldView) fieldView {
	f.Optional = true
	return f
}
