package notification

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"strings"
	"text/template"
	"time"
	_ "time/tzdata" // event zones are known wherever this runs

	"github.com/openboxoffice/boxoffice/contracts/events"
)

//go:embed templates
var templates embed.FS

var (
	texts = template.Must(template.New("").Option("missingkey=error").ParseFS(templates, "templates/*.txt"))
	pages = htmltemplate.Must(htmltemplate.New("").Option("missingkey=error").ParseFS(templates, "templates/*.html"))
)

// Content is what a notification says.
type Content struct {
	Subject string
	Text    string
	HTML    string
	SMS     string
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
	Items     []viewItem
	Tickets   int
	Total     string
	Refund    string // empty when nothing was refunded
	Free      bool   // nothing had been paid
}

type viewItem struct {
	Quantity               int
	Name, UnitPrice, Total string
}

// render writes what kind tells about b, which decode has checked.
func render(kind Kind, b events.Booking) (Content, error) {
	v := view{
		Name: b.UserName, Reference: Reference(b.BookingID), BookingID: b.BookingID,
		Title: b.Event.Title, Venue: b.Event.Venue.Name,
		Address: join(", ", b.Event.Venue.Address, b.Event.Venue.City, b.Event.Venue.Country),
		Total:   b.Total.String(), Free: b.Total.IsZero(),
	}
	loc := zone(b.Event.TimeZone)
	local := b.Event.StartsAt.In(loc)
	v.When = local.Format("Monday, 2 January 2006, 15:04 (MST, ") + loc.String() + ")"
	if loc == time.UTC {
		v.When = local.Format("Monday, 2 January 2006, 15:04 (MST)")
	}
	v.WhenShort = local.Format("2 Jan 2006, 15:04 MST")
	if !b.Refunded.IsZero() {
		v.Refund = b.Refunded.String()
	}
	for _, it := range b.Items {
		sum, err := it.UnitPrice.Times(it.Quantity)
		if err != nil {
			return Content{}, fmt.Errorf("%w: an item's total is out of range", ErrMalformed)
		}
		v.Tickets += it.Quantity
		v.Items = append(v.Items, viewItem{it.Quantity, it.Name, it.UnitPrice.String(), sum.String()})
	}
	return execute(kind, v)
}

// renderTest writes the test mail.
func renderTest(name string, at time.Time) (Content, error) {
	return execute(Test, view{Name: line(name), When: at.UTC().Format("Monday, 2 January 2006, 15:04:05 (MST)")})
}

// subjects of the mails; the SMS says the same in its own template.
var subjects = map[Kind]func(v view) string{
	Confirmation: func(v view) string { return "Booking confirmed: " + v.Title },
	Cancellation: func(v view) string { return "Booking cancelled: " + v.Title },
	NotCompleted: func(v view) string { return strings.TrimSuffix("Booking not completed: "+v.Title, ": ") },
	Test:         func(view) string { return "Boxoffice test mail" },
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
	if kind == Test {
		return c, nil
	}
	v.Title = shorten(v.Title, 60) // one or two segments are enough
	b.Reset()
	if err := texts.ExecuteTemplate(&b, string(kind)+".sms.txt", v); err != nil {
		return Content{}, fmt.Errorf("render: %w", err)
	}
	c.SMS = strings.TrimSpace(b.String())
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
