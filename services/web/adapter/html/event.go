package html

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/web"
)

// eventView is an event's page.
type eventView struct {
	card

	Types      []typeRow
	Paragraphs []string
	Place      []string
	Policy     string
	// Open says that something can be booked now.
	Open bool
	// Key is the idempotency key of the form.
	Key string
	// Problem is what is wrong with the form, or empty.
	Problem string
	// Currency is the one of all types.
	Currency string
	Digits   int
	Money    string // an amount, with {} for its number
}

// typeRow is a ticket type in the form.
type typeRow struct {
	web.TicketType

	Most, Chosen int
	Price        string // as the form sends it back
	Cost         money.Amount
	Few          bool
}

func (v *visit) event() error {
	e, done, err := v.found("")
	if err != nil || done {
		return err
	}
	return v.showEvent(http.StatusOK, e, selection{}, "")
}

// showEvent shows an event's page, with what was chosen, and what is wrong with it.
func (v *visit) showEvent(status int, e web.Event, chosen selection, problem string) error {
	view := eventView{
		card: v.card(e), Paragraphs: paragraphs(e.Description), Place: v.place(e.Venue),
		Policy: v.policyText(e.CancellationPolicy, e.StartsAt, e.DoorsAt), Key: ownKey, Problem: problem,
	}
	view.Open = view.State == onSale || view.State == few
	for _, t := range e.TicketTypes {
		row := typeRow{TicketType: t, Most: atOnce, Chosen: chosen.of(t.ID), Price: priceValue(t.Price), Cost: t.Price}
		if e.MaxPerBooking > 0 {
			row.Most = e.MaxPerBooking
		}
		row.Most = min(row.Most, t.Available)
		row.Chosen = min(row.Chosen, row.Most)
		row.Few = t.Available <= fewLeft
		view.Currency = t.Price.Currency
		view.Types = append(view.Types, row)
	}
	view.Digits, view.Money = money.Decimals(view.Currency), v.say.Pattern(view.Currency)
	// Where there is nothing to choose from, one ticket is what most people mean.
	if len(view.Types) == 1 && chosen.empty() && view.Open {
		view.Types[0].Chosen = min(1, view.Types[0].Most)
	}
	p := page{Title: e.Title, Description: e.Summary, Path: view.Path, Section: "events", Data: view}
	if p.Description == "" {
		p.Description = cut(strings.Join(strings.Fields(e.Description), " "), 160)
	}
	if e.Image != nil && v.URL != nil && len(e.Image.Widths) > 0 {
		p.Image = v.absolute(fmt.Sprintf("%s/image/%d?v=%s", view.Path, e.Image.Widths[len(e.Image.Widths)-1], e.Image.Tag))
	}
	p.Structured = v.structured(e, view, p.Image)
	return v.render(status, "event", p)
}

// paragraphs are a text's, between empty lines.
func paragraphs(text string) (all []string) {
	for p := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			all = append(all, p)
		}
	}
	return all
}

// venueLines are a venue's name and address, from the narrow to the wide.
func venueLines(p web.Venue) (all []string) {
	for _, s := range []string{p.Name, p.Address, p.City, p.Country} {
		if s != "" {
			all = append(all, s)
		}
	}
	return all
}

// policyText says what a buyer gets back for returned tickets.
func (v *visit) policyText(p web.CancellationPolicy, start, doors time.Time) string {
	if doors.IsZero() {
		doors = start
	}
	free := start.Add(-time.Duration(p.FreeHours) * time.Hour)
	late := !v.Now().Before(free)
	switch {
	case !v.Now().Before(doors):
		return v.text("Tickets can no longer be returned.")
	case p.FeeBasisPoints == 0 || p.FreeHours == 0:
		return v.text("You can return tickets for a full refund until the doors open.")
	case p.FeeBasisPoints >= 10_000 && late:
		return v.text("Tickets are no longer refunded.")
	case p.FeeBasisPoints >= 10_000:
		return v.text("You can return tickets for a full refund until %s. After that, they are not refunded.", v.say.Moment(free))
	case late:
		return v.text("You can return tickets until the doors open. %s of the price is kept.", v.say.Percent(p.FeeBasisPoints))
	}
	return v.text("You can return tickets for a full refund until %s. After that, until the doors open, %s of the price is kept.", v.say.Moment(free), v.say.Percent(p.FeeBasisPoints))
}

// priceValue is a price as forms have it: "2500EUR".
func priceValue(a money.Amount) string { return fmt.Sprint(a.AmountMinor, a.Currency) }

// The types below are schema.org's.
type (
	ldEvent struct {
		Context     string    `json:"@context"`
		Type        string    `json:"@type"`
		Name        string    `json:"name"`
		Description string    `json:"description,omitempty"`
		StartDate   string    `json:"startDate"`
		EndDate     string    `json:"endDate"`
		DoorTime    string    `json:"doorTime,omitempty"`
		Status      string    `json:"eventStatus"`
		Mode        string    `json:"eventAttendanceMode"`
		Language    string    `json:"inLanguage,omitempty"`
		URL         string    `json:"url"`
		Image       string    `json:"image,omitempty"`
		Location    ldPlace   `json:"location"`
		Offers      []ldOffer `json:"offers,omitempty"`
	}
	ldPlace struct {
		Type    string    `json:"@type"`
		Name    string    `json:"name"`
		Address ldAddress `json:"address"`
	}
	ldAddress struct {
		Type    string `json:"@type"`
		Street  string `json:"streetAddress,omitempty"`
		City    string `json:"addressLocality,omitempty"`
		Country string `json:"addressCountry,omitempty"`
	}
	ldOffer struct {
		Type         string `json:"@type"`
		Name         string `json:"name"`
		Price        string `json:"price"`
		Currency     string `json:"priceCurrency"`
		Availability string `json:"availability"`
		ValidFrom    string `json:"validFrom,omitempty"`
		ValidThrough string `json:"validThrough,omitempty"`
		URL          string `json:"url"`
	}
)

// structured describes an event to search engines.
func (v *visit) structured(e web.Event, view eventView, image string) ldEvent {
	at := v.absolute(view.Path)
	ld := ldEvent{
		Context: "https://schema.org", Type: "Event", Name: e.Title, Description: e.Summary,
		StartDate: e.StartsAt.Format(time.RFC3339), EndDate: e.EndsAt.Format(time.RFC3339),
		Status: "https://schema.org/EventScheduled", Mode: "https://schema.org/OfflineEventAttendanceMode",
		Language: e.Language, URL: at, Image: image,
		Location: ldPlace{"Place", e.Venue.Name, ldAddress{"PostalAddress", e.Venue.Address, e.Venue.City, e.Venue.Country}},
	}
	if ld.Description == "" {
		ld.Description = e.Description
	}
	if !e.DoorsAt.IsZero() {
		ld.DoorTime = e.DoorsAt.Format(time.RFC3339)
	}
	if view.State == cancelled {
		ld.Status = "https://schema.org/EventCancelled"
	}
	for _, t := range e.TicketTypes {
		o := ldOffer{
			Type: "Offer", Name: t.Name, Price: strings.Fields(t.Price.String())[0], Currency: t.Price.Currency, URL: at,
			Availability: "https://schema.org/SoldOut",
		}
		switch {
		case view.State == cancelled || view.State == over:
			o.Availability = "https://schema.org/Discontinued"
		case t.State == web.OnSale:
			o.Availability = "https://schema.org/InStock"
		case t.State == web.NotYet:
			o.Availability = "https://schema.org/PreOrder"
		case t.State == web.Closed:
			o.Availability = "https://schema.org/Discontinued"
		}
		if !t.SalesFrom.IsZero() {
			o.ValidFrom = t.SalesFrom.Format(time.RFC3339)
		}
		if !t.SalesUntil.IsZero() {
			o.ValidThrough = t.SalesUntil.Format(time.RFC3339)
		}
		ld.Offers = append(ld.Offers, o)
	}
	return ld
}
