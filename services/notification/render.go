package notification

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/unicode/bidi"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/speech"
)

// Content is what a notification says.
type Content struct {
	Subject string
	Text    string
	HTML    string
	SMS     string

	Inline      []Inline
	Attachments []Attachment
}

// view is what the templates see. Every text in it is one line.
type view struct {
	Subject   string
	Name      string // may be empty
	Reference string
	BookingID string
	Title     string
	When      string // "Friday, 12 March 2027, 19:30 (Europe/Berlin, UTC+1)"
	WhenShort string // "12 Mar 2027, 19:30"
	Venue     string // its name
	Address   string // the rest, in one line
	viewItems
	Policy string // what cancelling costs, in a sentence; of a confirmation alone
	Fee    string // kept of the price; empty when nothing is
	Refund string // empty when nothing is refunded
	// RefundCode is Refund with its currency's code, as an SMS has it.
	RefundCode string
	RefundDue  bool   // Refund could not be made yet
	Before     string // what was refunded before; empty for nothing
	Free       bool   // nothing had been paid
	Left       viewItems
	Overtaken  bool         // tickets were cancelled since
	Because    string       // why it failed; may be empty
	Off        bool         // it failed because the event is cancelled: there is nothing to book again
	Declined   bool         // the payment was, and did not just fail to come
	URL        string       // of a mail about an account: its link
	Token      string       // where there is no web site
	Operation  string       // which takes it
	Until      string       // when the link ends
	Linked     []linkedView // of a mail with links
	Note       [][]string   // what the organizer says: paragraphs of lines; may be empty
	carried
}

// viewItems are tickets and what they cost together.
type viewItems struct {
	Items   []viewItem
	Tickets int
	Total   string
}

type viewItem struct {
	Quantity               int
	Name, UnitPrice, Total string
}

// render writes what kind tells about b, which decode has checked, in the language
// that suits locale. If it is overtaken, it says nothing about the state of the booking.
func render(kind Kind, b events.Booking, overtaken bool, locale string, with carried) (Content, error) {
	in := editionOf(locale)
	v := view{
		carried: with, Overtaken: overtaken,
		Name: b.UserName, Reference: events.Reference(b.BookingID), BookingID: b.BookingID,
		Title: b.Event.Title, Venue: b.Event.Venue.Name,
		Address: join(", ", b.Event.Venue.Address, b.Event.Venue.City, b.Event.Venue.Country),
	}
	for p := range strings.SplitSeq(b.Note, "\n\n") {
		if p != "" {
			v.Note = append(v.Note, strings.Split(p, "\n"))
		}
	}
	starts := b.Event.StartsAt.In(speech.Zone(b.Event.TimeZone))
	v.When, v.WhenShort = in.moment(starts), in.ShortMoment(starts)
	if kind.confirms() {
		v.Policy = in.policy(b, starts)
	}
	v.Because = in.because(kind, b)
	v.Off, v.Declined = b.Reason == string(problem.EventCancelled), b.Reason == string(problem.PaymentDeclined)

	items, price, refund := b.Items, b.Total, b.Refunded
	if c := b.Cancellation; c != nil { // messages from before there were fees have none
		price, refund = c.Price, c.Refund
		if len(c.Items) > 0 {
			items = c.Items
		}
		if !c.Fee.IsZero() {
			v.Fee = in.Amount(c.Fee)
		}
		v.RefundDue = c.RefundDue
		if before := c.RefundedBefore; before != nil && !before.IsZero() {
			v.Before = in.Amount(*before)
		}
	}
	v.RefundDue = v.RefundDue || b.RefundDue
	v.Free = price.IsZero()
	if !refund.IsZero() {
		v.Refund, v.RefundCode = in.Amount(refund), in.AmountByCode(refund)
	}
	var err error
	if v.viewItems, err = in.listed(items, price); err != nil {
		return Content{}, err
	}
	if kind == ItemsCancelled && !overtaken {
		if v.Left, err = in.listed(b.Items, b.Total); err != nil {
			return Content{}, err
		}
	}
	return in.execute(kind, v)
}

// listed is items as they are shown.
func (in edition) listed(items []events.Item, total money.Amount) (viewItems, error) {
	v := viewItems{Total: in.Amount(total)}
	for _, it := range items {
		sum, err := it.UnitPrice.Times(it.Quantity)
		if err != nil {
			return v, fmt.Errorf("%w: an item's total is out of range", ErrMalformed)
		}
		v.Tickets += it.Quantity
		v.Items = append(v.Items, viewItem{it.Quantity, it.Name, in.Amount(it.UnitPrice), in.Amount(sum)})
	}
	return v, nil
}

// moment is t, and which time that is.
func (in edition) moment(t time.Time) string { return in.Moment(t) + " (" + speech.ZoneName(t) + ")" }

// policy says what it costs to cancel b, which starts then, as of when it was confirmed.
func (in edition) policy(b events.Booking, starts time.Time) string {
	p := b.Event.CancellationPolicy
	part := in.Sprintf("%s of the price", in.Percent(p.FeeBasisPoints))
	if p.FeeBasisPoints == 10_000 {
		part = in.Sprintf("the whole price")
	}
	last := in.Sprintf("the event starts")
	if !b.Event.DoorsAt.IsZero() {
		last = in.Sprintf("the doors open")
	}
	until := starts.Add(-time.Duration(p.FreeHours) * time.Hour)
	switch {
	case p.FeeBasisPoints == 0 || b.Total.IsZero() || !until.Before(b.Event.Doors()):
		return in.Sprintf("You can cancel free of charge until %s.", last)
	case until.Before(b.OccurredAt):
		return in.Sprintf("You can cancel until %s; %s is kept.", last, part)
	}
	return in.Sprintf("You can cancel free of charge until %s; after that, until %s, %s is kept.", in.moment(until), last, part)
}

// because says why a booking failed, where there is something to say.
func (in edition) because(kind Kind, b events.Booking) string {
	declined := b.Reason == string(problem.PaymentDeclined)
	switch {
	case kind == PaymentFailed && declined:
		return in.Sprintf("its payment was declined")
	case kind == PaymentFailed:
		return in.Sprintf("its payment did not come through")
	}
	switch problem.Code(b.Reason) {
	case problem.EventCancelled:
		return in.Sprintf("the event is cancelled by its organizer")
	case problem.SalesClosed, problem.EventNotFound:
		return in.Sprintf("its tickets are not sold any more")
	case problem.NotOnSaleYet:
		return in.Sprintf("its tickets are not on sale now")
	case problem.PaymentDeclined, problem.PaymentAbandoned:
		return in.Sprintf("its payment came too late: its tickets could no longer be held")
	case problem.SoldOut, problem.TooManyTickets:
		return in.Sprintf("its tickets could no longer be held")
	}
	return ""
}

// renderTest writes the test mail.
func renderTest(name string, at time.Time, locale string) (Content, error) {
	in := editionOf(locale)
	return in.execute(Test, view{Name: line(name), When: in.moment(at.UTC())})
}

// subjects of the mails, in English; the SMS says the same in its own template.
var subjects = map[Kind]string{ //nolint:gosec // one is about a password, and none is one
	Confirmation:    "Booking confirmed: %s",
	Resent:          "Your booking: %s",
	TicketReceived:  "Your ticket: %s",
	TicketPassedOn:  "Ticket passed on: %s",
	Cancellation:    "Booking cancelled: %s",
	ItemsCancelled:  "Tickets cancelled: %s",
	EventCancelled:  "Event cancelled: %s",
	PaymentFailed:   "Payment failed: %s",
	PaymentReturned: "Payment refunded: %s",
	NotCompleted:    "Booking not completed: %s",
	Links:           "The links to your bookings",
	Verification:    "Confirm your email address",
	EmailChange:     "Confirm your new email address",
	EmailChanged:    "Your email address was changed",
	PasswordReset:   "Choose a new password",
	PhoneChange:     "Your code",
	Test:            "Boxoffice test mail",
}

// subject is that of what kind tells about the event with this title, which may be
// unknown.
func (in edition) subject(kind Kind, title string) string {
	if !strings.Contains(subjects[kind], "%s") {
		return in.Sprintf(subjects[kind])
	}
	return strings.TrimSuffix(in.Sprintf(subjects[kind], isolate(title)), ": ")
}

// isolate is s, a text of others, as it stands in the middle of a line: one that
// runs from right to left turns nothing around it.
func isolate(s string) string {
	if !strings.ContainsFunc(s, rightToLeft) {
		return s
	}
	return "\u2068" + s + "\u2069"
}

func rightToLeft(r rune) bool {
	properties, _ := bidi.LookupRune(r)
	return properties.Class() == bidi.R || properties.Class() == bidi.AL
}

func (in edition) execute(kind Kind, v view) (Content, error) {
	v.Subject = in.subject(kind, v.Title)
	c := Content{Subject: v.Subject}
	var b strings.Builder
	if err := in.texts.ExecuteTemplate(&b, string(kind)+".txt", v); err != nil {
		return Content{}, fmt.Errorf("render: %w", err)
	}
	c.Text = strings.TrimSpace(b.String()) + "\n"
	b.Reset()
	if err := in.pages.ExecuteTemplate(&b, string(kind)+".html", v); err != nil {
		return Content{}, fmt.Errorf("render: %w", err)
	}
	c.HTML = b.String()
	if kind == Test || kind == Resent || kind == Links || kind.toHolder() || kind.aboutAccount() {
		return c, nil
	}
	var err error
	c.SMS, err = in.sms(kind, v)
	return c, err
}

// join joins the parts that are not empty.
func join(sep string, parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, sep)
}
