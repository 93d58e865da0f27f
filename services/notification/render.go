package notification

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	"text/template"
	"time"
	_ "time/tzdata" // event zones are known wherever this runs

	"golang.org/x/text/unicode/bidi"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

//go:embed templates
var templates embed.FS

var (
	texts = template.Must(template.New("").Option("missingkey=error").Funcs(template.FuncMap{"isolate": isolate}).ParseFS(templates, "templates/*.txt"))
	pages = htmltemplate.Must(htmltemplate.New("").Option("missingkey=error").ParseFS(templates, "templates/*.html"))
)

// Content is what a notification says.
type Content struct {
	Subject string
	Text    string
	HTML    string
	SMS     string

	Calendar string // attached to the mail; mostly empty
}

// view is what the templates see. Every text in it is one line.
type view struct {
	Subject   string
	Name      string // may be empty
	Reference string
	BookingID string
	Title     string
	When      string // "Friday, 12 March 2027, 19:30 (CET, Europe/Berlin)"
	WhenShort string // "12 Mar 2027, 19:30 CET"
	Venue     string // its name
	Address   string // the rest, in one line
	viewItems
	Policy    string // what cancelling costs, in a sentence; of a confirmation alone
	Fee       string // kept of the price; empty when nothing is
	Refund    string // empty when nothing is refunded
	RefundDue bool   // Refund could not be made yet
	Before    string // what was refunded before; empty for nothing
	Free      bool   // nothing had been paid
	Left      viewItems
	Overtaken bool       // tickets were cancelled since
	Because   string     // why it failed; may be empty
	Off       bool       // it failed because the event is cancelled: there is nothing to book again
	Declined  bool       // the payment was, and did not just fail to come
	URL       string     // of a mail about an account: its link
	Token     string     // where there is no web site
	Operation string     // which takes it
	Until     string     // when the link ends
	Note      [][]string // what the organizer says: paragraphs of lines; may be empty
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

// subject is that of what kind tells about b.
func subject(kind Kind, b events.Booking) string { return subjects[kind](view{Title: b.Event.Title}) }

// render writes what kind tells about b, which decode has checked. If it is
// overtaken, it says nothing about the state of the booking.
func render(kind Kind, b events.Booking, overtaken bool) (Content, error) {
	v := view{
		Overtaken: overtaken,
		Name:      b.UserName, Reference: events.Reference(b.BookingID), BookingID: b.BookingID,
		Title: b.Event.Title, Venue: b.Event.Venue.Name,
		Address: join(", ", b.Event.Venue.Address, b.Event.Venue.City, b.Event.Venue.Country),
	}
	for p := range strings.SplitSeq(b.Note, "\n\n") {
		if p != "" {
			v.Note = append(v.Note, strings.Split(p, "\n"))
		}
	}
	loc := zone(b.Event.TimeZone)
	v.When = moment(b.Event.StartsAt, loc)
	v.WhenShort = b.Event.StartsAt.In(loc).Format("2 Jan 2006, 15:04 MST")
	if kind.confirms() {
		v.Policy = policy(b, loc)
	}
	v.Because, v.Off, v.Declined = because(b), b.Reason == string(problem.EventCancelled), b.Reason == string(problem.PaymentDeclined)

	items, price, refund := b.Items, b.Total, b.Refunded
	if c := b.Cancellation; c != nil { // messages from before there were fees have none
		price, refund = c.Price, c.Refund
		if len(c.Items) > 0 {
			items = c.Items
		}
		if !c.Fee.IsZero() {
			v.Fee = c.Fee.String()
		}
		v.RefundDue = c.RefundDue
		if before := c.RefundedBefore; before != nil && !before.IsZero() {
			v.Before = before.String()
		}
	}
	v.RefundDue = v.RefundDue || b.RefundDue
	v.Free = price.IsZero()
	if !refund.IsZero() {
		v.Refund = refund.String()
	}
	var err error
	if v.viewItems, err = listed(items, price); err != nil {
		return Content{}, err
	}
	if kind == ItemsCancelled && !overtaken {
		if v.Left, err = listed(b.Items, b.Total); err != nil {
			return Content{}, err
		}
	}
	return execute(kind, v)
}

// listed is items as they are shown.
func listed(items []events.Item, total money.Amount) (viewItems, error) {
	v := viewItems{Total: total.String()}
	for _, it := range items {
		sum, err := it.UnitPrice.Times(it.Quantity)
		if err != nil {
			return v, fmt.Errorf("%w: an item's total is out of range", ErrMalformed)
		}
		v.Tickets += it.Quantity
		v.Items = append(v.Items, viewItem{it.Quantity, it.Name, it.UnitPrice.String(), sum.String()})
	}
	return v, nil
}

// moment is t as people in loc say it.
func moment(t time.Time, loc *time.Location) string {
	if loc == time.UTC {
		return t.In(loc).Format("Monday, 2 January 2006, 15:04 (MST)")
	}
	return t.In(loc).Format("Monday, 2 January 2006, 15:04 (MST, ") + loc.String() + ")"
}

// policy says what it costs to cancel b, as of when it was confirmed.
func policy(b events.Booking, loc *time.Location) string {
	p := b.Event.CancellationPolicy
	part := percent(p.FeeBasisPoints) + " of the price"
	if p.FeeBasisPoints == 10_000 {
		part = "the whole price"
	}
	last := "the event starts"
	if !b.Event.DoorsAt.IsZero() {
		last = "the doors open"
	}
	until := b.Event.StartsAt.Add(-time.Duration(p.FreeHours) * time.Hour)
	switch {
	case p.FeeBasisPoints == 0 || b.Total.IsZero() || !until.Before(b.Event.Doors()):
		return "You can cancel free of charge until " + last + "."
	case until.Before(b.OccurredAt):
		return "You can cancel until " + last + "; " + part + " is kept."
	}
	return "You can cancel free of charge until " + moment(until, loc) + "; after that, until " + last + ", " + part + " is kept."
}

// percent is basis points as people write them: "12.5 %".
func percent(basisPoints int) string {
	s := fmt.Sprintf("%d.%02d", basisPoints/100, basisPoints%100)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".") + " %"
}

// because says why a booking failed, where there is something to say.
func because(b events.Booking) string {
	switch problem.Code(b.Reason) {
	case problem.EventCancelled:
		return "the event is cancelled by its organizer"
	case problem.SalesClosed, problem.EventNotFound:
		return "its tickets are not sold any more"
	case problem.PaymentDeclined, problem.PaymentAbandoned:
		return "its payment came too late: its tickets could no longer be held"
	case problem.SoldOut, problem.TooManyTickets:
		return "its tickets could no longer be held"
	}
	return ""
}

// renderTest writes the test mail.
func renderTest(name string, at time.Time) (Content, error) {
	return execute(Test, view{Name: line(name), When: at.UTC().Format("Monday, 2 January 2006, 15:04:05 (MST)")})
}

// subjects of the mails; the SMS says the same in its own template.
var subjects = map[Kind]func(v view) string{
	Confirmation:    func(v view) string { return "Booking confirmed: " + isolate(v.Title) },
	Resent:          func(v view) string { return "Your booking: " + isolate(v.Title) },
	Cancellation:    func(v view) string { return "Booking cancelled: " + isolate(v.Title) },
	ItemsCancelled:  func(v view) string { return "Tickets cancelled: " + isolate(v.Title) },
	EventCancelled:  func(v view) string { return "Event cancelled: " + isolate(v.Title) },
	PaymentFailed:   func(v view) string { return strings.TrimSuffix("Payment failed: "+isolate(v.Title), ": ") },
	PaymentReturned: func(v view) string { return strings.TrimSuffix("Payment refunded: "+isolate(v.Title), ": ") },
	NotCompleted:    func(v view) string { return strings.TrimSuffix("Booking not completed: "+isolate(v.Title), ": ") },
	Verification:    func(view) string { return "Confirm your email address" },
	EmailChange:     func(view) string { return "Confirm your new email address" },
	EmailChanged:    func(view) string { return "Your email address was changed" },
	PasswordReset:   func(view) string { return "Choose a new password" },
	PhoneChange:     func(view) string { return "Your code" },
	Test:            func(view) string { return "Boxoffice test mail" },
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

func execute(kind Kind, v view) (Content, error) {
	v.Subject = subjects[kind](v)
	c := Content{Subject: v.Subject}
	var b strings.Builder
	if err := texts.ExecuteTemplate(&b, string(kind)+".txt", v); err != nil {
		return Content{}, fmt.Errorf("render: %w", err)
	}
	c.Text = strings.TrimSpace(b.String()) + "\n"
	b.Reset()
	if err := pages.ExecuteTemplate(&b, string(kind)+".html", v); err != nil {
		return Content{}, fmt.Errorf("render: %w", err)
	}
	c.HTML = b.String()
	if kind == Test || kind == Resent || kind.aboutAccount() {
		return c, nil
	}
	v.Title = shorten(v.Title, 60) // one or two segments are enough
	b.Reset()
	if err := texts.ExecuteTemplate(&b, string(kind)+".sms.txt", v); err != nil {
		return Content{}, fmt.Errorf("render: %w", err)
	}
	// A joiner costs an SMS more than half of its characters.
	c.SMS = strings.ReplaceAll(strings.TrimSpace(b.String()), string(joiner), " ")
	return c, nil
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
