package gateway

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/web"
)

type eventBody struct {
	ID                 string                    `json:"id"`
	Title              string                    `json:"title"`
	Summary            string                    `json:"summary"`
	Description        string                    `json:"description"`
	Language           string                    `json:"language"`
	Category           string                    `json:"category"`
	Status             string                    `json:"status"`
	TimeZone           string                    `json:"time_zone"`
	StartsAt           time.Time                 `json:"starts_at"`
	EndsAt             time.Time                 `json:"ends_at"`
	DoorsAt            time.Time                 `json:"doors_at"`
	Venue              events.Venue              `json:"venue"`
	OrganizerID        string                    `json:"organizer_id"`
	TicketTypes        []ticketTypeBody          `json:"ticket_types"`
	MaxPerBooking      int                       `json:"max_per_booking"`
	Transfers          bool                      `json:"transfers"`
	CancellationPolicy events.CancellationPolicy `json:"cancellation_policy"`
	UpdatedAt          time.Time                 `json:"updated_at"`
	Image              *imageBody                `json:"image"`
}

type imageBody struct {
	ETag   string `json:"etag"`
	Widths []int  `json:"widths"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

type ticketTypeBody struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Price       money.Amount `json:"price"`
	Capacity    int          `json:"capacity"`
	Available   int          `json:"available"`
	State       string       `json:"state"`
	SalesFrom   time.Time    `json:"sales_from"`
	SalesUntil  time.Time    `json:"sales_until"`
}

// Events implements web.Catalog.
func (g *Gateway) Events(ctx context.Context, by web.Caller, q web.EventQuery) (web.EventPage, error) {
	from := q.From
	if from.IsZero() {
		from = g.now()
	}
	query := url.Values{"from": {from.UTC().Format(time.RFC3339Nano)}}
	for name, value := range map[string]string{"q": q.Text, "category": q.Category, "city": q.City, "month": q.Month, "cursor": q.Cursor} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if q.PriceMax != nil {
		query.Set("price_max", strconv.FormatInt(q.PriceMax.AmountMinor, 10))
		query.Set("currency", q.PriceMax.Currency)
	}
	if q.Limit > 0 {
		query.Set("limit", strconv.Itoa(q.Limit))
	}
	c := call{Request: get("events"), by: by}
	c.Query = query
	var page struct {
		Items []eventBody `json:"items"`
		Next  string      `json:"next_cursor"`
	}
	if err := g.do(ctx, c, &page); err != nil {
		return web.EventPage{}, err
	}
	out := web.EventPage{Events: make([]web.Event, len(page.Items)), Next: page.Next}
	for i := range page.Items {
		out.Events[i] = page.Items[i].event(g.now())
	}
	return out, nil
}

// Event implements web.Catalog.
func (g *Gateway) Event(ctx context.Context, by web.Caller, id string) (web.Event, error) {
	var out eventBody
	if err := g.do(ctx, call{Request: get("events", id), by: by}, &out); err != nil {
		return web.Event{}, err
	}
	return out.event(g.now()), nil
}

// Image implements web.Catalog.
func (g *Gateway) Image(ctx context.Context, by web.Caller, id string, width int) (web.Document, error) {
	return g.open(ctx, call{Request: get("events", id, "image", strconv.Itoa(width)), by: by})
}

func (b *eventBody) event(now time.Time) web.Event {
	zone := zoneOf(b.TimeZone)
	e := web.Event{
		ID: b.ID, Title: b.Title, Summary: b.Summary, Description: b.Description, Language: b.Language, Category: b.Category,
		Status: web.EventStatus(b.Status), Zone: zone,
		StartsAt: in(zone, b.StartsAt), EndsAt: in(zone, b.EndsAt), DoorsAt: in(zone, b.DoorsAt),
		Venue: web.Venue(b.Venue), OrganizerID: b.OrganizerID, TicketTypes: make([]web.TicketType, len(b.TicketTypes)),
		MaxPerBooking: b.MaxPerBooking, Transfers: b.Transfers, CancellationPolicy: web.CancellationPolicy(b.CancellationPolicy),
		UpdatedAt: b.UpdatedAt,
	}
	if i := b.Image; i != nil {
		e.Image = &web.Image{Tag: i.ETag, Widths: slices.Sorted(slices.Values(i.Widths)), Width: i.Width, Height: i.Height}
	}
	for i, t := range b.TicketTypes {
		e.TicketTypes[i] = web.TicketType{
			ID: t.ID, Name: t.Name, Description: t.Description, Price: t.Price, Capacity: t.Capacity, Available: t.Available,
			State: b.state(t, now), SalesFrom: in(zone, t.SalesFrom), SalesUntil: in(zone, t.SalesUntil),
		}
	}
	return e
}

// state says whether tickets of the type can be booked. An event service of before does
// not say it itself: it sells tickets until the event starts.
func (b *eventBody) state(t ticketTypeBody, now time.Time) web.SaleState {
	switch {
	case web.EventStatus(b.Status) == web.Cancelled:
		return web.NoneSold
	case t.State != "":
		return web.SaleState(t.State)
	case !now.Before(b.StartsAt):
		return web.Closed
	case t.Available <= 0:
		return web.SoldOut
	}
	return web.OnSale
}

// in returns t in a zone; the zero Time stays.
func in(zone *time.Location, t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.In(zone)
}

// zones are the time zones by their names, which are some hundred: reading one takes
// longer than reading an event. BenchmarkEvents has what that saves.
var zones sync.Map

// zoneOf returns a time zone by its name, and UTC for one that is not known here.
func zoneOf(name string) *time.Location {
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	zones.Store(name, zone)
	return zone
}
