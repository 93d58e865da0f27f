package event

import (
	_ "embed"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/contracts/text"
)

// Limits on what an organizer may write. Lengths are in characters.
const (
	MaxTitle       = 200
	MaxSummary     = 300
	MaxLanguage    = 35
	MaxDescription = 10_000
	MaxCategory    = 50
	MaxVenueName   = 200
	MaxAddress     = 300
	MaxPlace       = 100 // city, country
	MaxTicketTypes = 20
	MaxTypeName    = 100
	MaxTypeText    = 500
	MaxCapacity    = 1_000_000   // per ticket type
	MaxPrice       = 100_000_000 // minor units
	MaxFreeHours   = 8760        // a year
	MaxBasisPoints = 10_000      // the whole price
	MaxDoors       = 24 * time.Hour
)

// maxYear keeps every instant writable as RFC 3339 in any time zone.
const maxYear = 9998

// Draft is what an organizer says of an event.
type Draft struct {
	Title       string
	Summary     string
	Description string
	Language    string // "" where it is not said
	Category    string
	Venue       events.Venue
	StartsAt    time.Time
	EndsAt      time.Time
	DoorsAt     time.Time // zero for StartsAt
	TimeZone    string
	TicketTypes []TicketTypeDraft

	MaxPerBooking int // 0 for MaxTickets
	NoTransfers   bool

	CancellationPolicy events.CancellationPolicy // the zero value is that cancelling is always free
}

// TicketTypeDraft is what an organizer says of a ticket type. Without an ID it
// is a new one.
type TicketTypeDraft struct {
	ID          string
	Name        string
	Description string
	Price       money.Amount
	Capacity    int
	SalesFrom   time.Time // zero: from the event's publication
	SalesUntil  time.Time // zero: until the event starts
}

// tidy cuts what surrounds the texts, and instants to the microsecond in UTC,
// so that what is checked is what is stored.
func (d Draft) tidy() Draft {
	for _, s := range []*string{
		&d.Title, &d.Summary, &d.Description, &d.Category,
		&d.Venue.Name, &d.Venue.Address, &d.Venue.City, &d.Venue.Country,
	} {
		*s = strings.TrimSpace(*s)
	}
	if !text.IsVisible(d.Description) {
		d.Description = ""
	}
	if isLanguage(d.Language) {
		d.Language = language.Make(d.Language).String()
	}
	for _, at := range []*time.Time{&d.StartsAt, &d.EndsAt, &d.DoorsAt} {
		*at = tidyTime(*at)
	}
	types := make([]TicketTypeDraft, len(d.TicketTypes))
	for i, t := range d.TicketTypes {
		t.Name, t.Description = strings.TrimSpace(t.Name), strings.TrimSpace(t.Description)
		t.SalesFrom, t.SalesUntil = tidyTime(t.SalesFrom), tidyTime(t.SalesUntil)
		if id, ok := canonical(t.ID); ok {
			t.ID = id
		}
		types[i] = t
	}
	d.TicketTypes = types
	return d
}

func tidyTime(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// validate returns problem.Invalid with everything that is wrong with d, or
// nil. The start must lie ahead of now, unless it is the one the event has.
func (d Draft) validate(now, oldStart time.Time) error {
	var v validation
	v.line("title", d.Title, 1, MaxTitle)
	v.line("summary", d.Summary, 0, MaxSummary)
	v.lines("description", d.Description, MaxDescription)
	v.check(d.Language == "" || isLanguage(d.Language), "language", "must be a language tag of BCP 47, like de or pt-BR")
	v.line("category", d.Category, 0, MaxCategory)
	v.line("venue.name", d.Venue.Name, 1, MaxVenueName)
	v.line("venue.address", d.Venue.Address, 0, MaxAddress)
	v.line("venue.city", d.Venue.City, 0, MaxPlace)
	v.line("venue.country", d.Venue.Country, 0, MaxPlace)

	v.check(d.StartsAt.After(now) || d.StartsAt.Equal(oldStart), "starts_at", "must lie in the future")
	v.check(d.EndsAt.After(d.StartsAt), "ends_at", "must be after starts_at")
	v.check(d.StartsAt.Year() <= maxYear, "starts_at", "is too far ahead")
	v.check(d.EndsAt.Year() <= maxYear, "ends_at", "is too far ahead")
	v.check(!d.DoorsAt.After(d.StartsAt), "doors_at", "must not be after starts_at")
	v.check(d.DoorsAt.IsZero() || d.StartsAt.Sub(d.DoorsAt) <= MaxDoors, "doors_at",
		fmt.Sprintf("must not be more than %d hours before starts_at", MaxDoors/time.Hour))
	v.check(d.MaxPerBooking >= 0 && d.MaxPerBooking <= MaxTickets, "max_per_booking", fmt.Sprintf("must be 1 to %d", MaxTickets))
	v.check(isTimeZone(d.TimeZone), "time_zone", "must be a name of the IANA time zone database, like Europe/Berlin")

	v.policy(d.CancellationPolicy)
	v.check(len(d.TicketTypes) >= 1 && len(d.TicketTypes) <= MaxTicketTypes, "ticket_types",
		fmt.Sprintf("must be 1 to %d", MaxTicketTypes))
	v.ticketTypes(d.TicketTypes)
	v.sales(d)
	if len(v) > 0 {
		return problem.Invalid(v)
	}
	return nil
}

// validation collects what is wrong.
type validation problem.Invalid

func (v *validation) check(ok bool, name, message string) {
	if !ok {
		*v = append(*v, problem.InvalidField{Name: name, Message: message})
	}
}

func (v *validation) policy(p events.CancellationPolicy) {
	v.check(p.FreeHours >= 0 && p.FreeHours <= MaxFreeHours, "cancellation_policy.free_hours",
		fmt.Sprintf("must be 0 to %d", MaxFreeHours))
	v.check(p.FeeBasisPoints >= 0 && p.FeeBasisPoints <= MaxBasisPoints, "cancellation_policy.fee_basis_points",
		fmt.Sprintf("must be 0 to %d", MaxBasisPoints))
}

func (v *validation) ticketTypes(types []TicketTypeDraft) {
	names, ids := map[string]bool{}, map[string]bool{}
	for i, t := range types[:min(len(types), MaxTicketTypes)] {
		at := fmt.Sprintf("ticket_types[%d]", i)
		v.line(at+".name", t.Name, 1, MaxTypeName)
		v.line(at+".description", t.Description, 0, MaxTypeText)
		v.check(!names[Fold(t.Name)], at+".name", "is the name of another ticket type of the event")
		names[Fold(t.Name)] = true
		v.check(t.ID == "" || !ids[t.ID], at+".id", "is listed twice")
		ids[t.ID] = true
		v.check(t.Capacity >= 1 && t.Capacity <= MaxCapacity, at+".capacity", fmt.Sprintf("must be 1 to %d", MaxCapacity))
		v.check(t.Price.AmountMinor >= 0 && t.Price.AmountMinor <= MaxPrice, at+".price.amount_minor",
			fmt.Sprintf("must be 0 to %d", MaxPrice))
		if !isCurrency(t.Price.Currency) {
			v.check(false, at+".price.currency", "must be a code of ISO 4217, like EUR")
		} else {
			v.check(t.Price.Currency == types[0].Price.Currency, at+".price.currency", "must be the same for the whole event")
		}
	}
}

// sales checks when the ticket types are sold. The start and the end are wrong
// already where they are in no order.
func (v *validation) sales(d Draft) {
	for i, t := range d.TicketTypes[:min(len(d.TicketTypes), MaxTicketTypes)] {
		at := fmt.Sprintf("ticket_types[%d]", i)
		v.check(!t.SalesUntil.After(d.EndsAt), at+".sales_until", "must not be after ends_at")
		switch {
		case t.SalesFrom.IsZero():
		case !t.SalesUntil.IsZero():
			v.check(t.SalesFrom.Before(t.SalesUntil), at+".sales_from", "must be before sales_until")
		default:
			v.check(t.SalesFrom.Before(d.StartsAt), at+".sales_from", "must be before starts_at, when sales end without sales_until")
		}
	}
}

// isLanguage reports whether the tag names a language.
func isLanguage(tag string) bool {
	if len(tag) > MaxLanguage {
		return false
	}
	parsed, err := language.Parse(tag)
	return err == nil && parsed != language.Und
}

// line checks a text of one line. A control character would end up in a mail's
// header or a terminal.
func (v *validation) line(name, s string, least, most int) {
	n := utf8.RuneCountInString(s)
	switch {
	case n < least || n > most:
		v.check(false, name, fmt.Sprintf("must have %d to %d characters", least, most))
	case !text.IsLine(s):
		v.check(false, name, "must be text of one line, without control characters")
	case s != "" && !text.IsVisible(s):
		v.check(false, name, "must have characters that can be seen")
	}
}

// lines checks a text of several lines.
func (v *validation) lines(name, s string, most int) {
	switch {
	case utf8.RuneCountInString(s) > most:
		v.check(false, name, fmt.Sprintf("must have at most %d characters", most))
	case !text.IsText(strings.ReplaceAll(s, "\r", "")):
		v.check(false, name, "must be text without control characters")
	}
}

// timeZones are the names of the IANA database, aliases included, one a line.
//
//go:embed timezones.txt
var timeZones string

// isTimeZone reports whether name is in the IANA database, as it is written
// there. Go also finds files that only some machines have, and on some machines
// in any case, so that an event would be valid here and not there.
func isTimeZone(name string) bool {
	return name != "" && !strings.Contains(name, "\n") && strings.Contains("\n"+timeZones, "\n"+name+"\n")
}

// apply writes the draft into e. A ticket type with an id is updated, one
// without is new, with an id from newID; those left out go. An id that e does
// not have is ErrTicketTypeNotFound.
func (d Draft) apply(e *Event, newID func() string) error {
	old := map[string]TicketType{}
	for _, t := range e.TicketTypes {
		old[t.ID] = t
	}
	types := make([]TicketType, len(d.TicketTypes))
	for i, t := range d.TicketTypes {
		if t.ID == "" {
			types[i] = TicketType{ID: newID(), Available: t.Capacity}
		} else if was, ok := old[t.ID]; ok {
			types[i] = was
		} else {
			return ErrTicketTypeNotFound
		}
		types[i].Name, types[i].Description, types[i].Price, types[i].Capacity = t.Name, t.Description, t.Price, t.Capacity
		types[i].SalesFrom, types[i].SalesUntil = t.SalesFrom, t.SalesUntil
	}
	e.Title, e.Summary, e.Description, e.Language, e.Category = d.Title, d.Summary, d.Description, d.Language, d.Category
	e.Venue, e.TimeZone = d.Venue, d.TimeZone
	e.StartsAt, e.EndsAt, e.DoorsAt = d.StartsAt, d.EndsAt, d.DoorsAt
	e.MaxPerBooking, e.NoTransfers = d.MaxPerBooking, d.NoTransfers
	e.TicketTypes, e.CancellationPolicy = types, d.CancellationPolicy
	return nil
}

// Revise makes next, an edited copy of e, the version that follows e: it
// settles what is available, or returns ErrCapacityBelowSold or
// ErrTicketTypeInUse. It is the rule that every adapter's Update follows.
func (e *Event) Revise(next *Event) error {
	taken := map[string]int{}
	for _, t := range e.TicketTypes {
		if n := t.Capacity - t.Available; n > 0 {
			taken[t.ID] = n
		}
	}
	left := maps.Clone(taken)
	for i := range next.TicketTypes {
		t := &next.TicketTypes[i]
		if t.Available = t.Capacity - taken[t.ID]; t.Available < 0 {
			return ErrCapacityBelowSold
		}
		delete(left, t.ID)
	}
	if len(left) > 0 {
		return ErrTicketTypeInUse
	}
	next.ID, next.Version, next.Inventory, next.Image = e.ID, e.Version+1, e.Inventory, e.Image
	return nil
}
