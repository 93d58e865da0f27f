package rest

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// eventBody has its times as text: see instant.
type eventBody struct {
	ID          string           `json:"id" format:"uuid"`
	Title       string           `json:"title" example:"Night of Strings"`
	Summary     string           `json:"summary,omitempty" doc:"One line about it" example:"Twelve strings, three centuries, one evening."`
	Language    string           `json:"language,omitempty" doc:"BCP 47, of the texts; absent where the organizer has not said" example:"en"`
	Description string           `json:"description" example:"Bach, Dvořák and Piazzolla on twelve strings."`
	Category    string           `json:"category" example:"Concert"`
	Venue       events.Venue     `json:"venue"`
	StartsAt    string           `json:"starts_at" format:"date-time"`
	EndsAt      string           `json:"ends_at" format:"date-time" example:"2030-06-01T20:30:00Z"`
	DoorsAt     string           `json:"doors_at,omitempty" format:"date-time" doc:"When people are let in; absent where that is at starts_at"`
	TimeZone    string           `json:"time_zone" doc:"IANA name" example:"Europe/Berlin"`
	OrganizerID string           `json:"organizer_id" format:"uuid"`
	Status      string           `json:"status" enum:"PUBLISHED,CANCELLED"`
	TicketTypes []ticketTypeBody `json:"ticket_types" nullable:"false"`

	CancellationPolicy events.CancellationPolicy `json:"cancellation_policy"`

	MaxPerBooking int  `json:"max_per_booking" minimum:"1" maximum:"20" doc:"How many tickets one booking may have" example:"20"`
	Transfers     bool `json:"transfers" doc:"Tickets can be passed on to others" example:"true"`

	Image *imageBody `json:"image,omitempty" doc:"Absent where it has none"`

	CreatedAt string `json:"created_at" format:"date-time"`
	UpdatedAt string `json:"updated_at" format:"date-time"`
}

type imageBody struct {
	ETag   string `json:"etag" doc:"Names what the renditions show: /events/{id}/image/{width}?v={etag} never changes" example:"9f2c4a7be01d5c88a4f0b1c2d3e4f506"`
	Width  int    `json:"width" doc:"Of the widest rendition" example:"1600"`
	Height int    `json:"height" doc:"Of the widest rendition" example:"900"`
	Color  string `json:"color" doc:"The average of its pixels" example:"#1f4e5a"`
	Widths []int  `json:"widths" nullable:"false" doc:"Of the renditions" example:"[480,960,1600]"`
}

type ticketTypeBody struct {
	ID        string       `json:"id" format:"uuid"`
	Name      string       `json:"name" example:"Standard"`
	Price     money.Amount `json:"price"`
	Capacity  int          `json:"capacity" example:"200"`
	Available int          `json:"available" doc:"Neither sold nor held" example:"120"`

	Description string `json:"description,omitempty" doc:"One line about it" example:"At the table, with a glass of wine"`
	SalesFrom   string `json:"sales_from,omitempty" format:"date-time" doc:"When its sale begins; absent where that was the event's publication" example:"2030-01-01T09:00:00Z"`
	SalesUntil  string `json:"sales_until,omitempty" format:"date-time" doc:"When its sale ends; absent where that is starts_at" example:"2030-05-31T22:00:00Z"`
	State       string `json:"state" enum:"ON_SALE,NOT_YET,CLOSED,SOLD_OUT" doc:"Whether a ticket can be had now. What is closed is CLOSED even where it is sold out, too" example:"ON_SALE"`
}

type availabilityBody struct {
	EventID   string `json:"event_id" format:"uuid"`
	Capacity  int    `json:"capacity" example:"200"`
	Available int    `json:"available" example:"120"`
	SalesOpen bool   `json:"sales_open"`

	MaxPerBooking int `json:"max_per_booking" minimum:"1" maximum:"20" doc:"How many tickets one booking may have" example:"20"`

	TicketTypes []ticketTypeBody `json:"ticket_types" nullable:"false"`
}

type reservationBody struct {
	BookingID string        `json:"booking_id" format:"uuid"`
	Event     events.Event  `json:"event"`
	Items     []events.Item `json:"items" nullable:"false"`
	Total     money.Amount  `json:"total"`
}

type venueInput struct {
	Name    string `json:"name" minLength:"1" maxLength:"200" example:"Philharmonie"`
	Address string `json:"address,omitempty" maxLength:"300" example:"Herbert-von-Karajan-Str. 1"`
	City    string `json:"city,omitempty" maxLength:"100" example:"Berlin"`
	Country string `json:"country,omitempty" maxLength:"100" example:"DE"`
}

// DraftBody (exported, or huma would not see through it) is what an organizer says of an event, but for its ticket types.
type DraftBody struct {
	Title       string        `json:"title" minLength:"1" maxLength:"200" doc:"One line" example:"Night of Strings"`
	Summary     string        `json:"summary,omitempty" maxLength:"300" doc:"One line about it" example:"Twelve strings, three centuries, one evening."`
	Language    string        `json:"language,omitempty" maxLength:"35" doc:"BCP 47, of the texts" example:"en"`
	Description string        `json:"description,omitempty" maxLength:"10000" example:"Bach, Dvořák and Piazzolla on twelve strings."`
	Category    string        `json:"category,omitempty" maxLength:"50" example:"Concert"`
	Venue       venueInput    `json:"venue"`
	StartsAt    httpkit.Time  `json:"starts_at" doc:"In the future"`
	EndsAt      httpkit.Time  `json:"ends_at" doc:"After starts_at" example:"2030-06-01T20:30:00Z"`
	DoorsAt     *httpkit.Time `json:"doors_at,omitempty" doc:"When people are let in, at most 24 hours before starts_at. Absent: at starts_at. Customers can give tickets back and pass them on until then"`
	TimeZone    string        `json:"time_zone" minLength:"1" maxLength:"64" doc:"IANA name" example:"Europe/Berlin"`

	CancellationPolicy *policyInput `json:"cancellation_policy,omitempty" doc:"Absent: cancelling is always free. It holds for what is booked from now on"`

	MaxPerBooking *int  `json:"max_per_booking,omitempty" minimum:"1" maximum:"20" doc:"How many tickets one booking may have. Absent: 20" example:"20"`
	Transfers     *bool `json:"transfers,omitempty" doc:"Whether tickets can be passed on to others. Absent: true" example:"true"`
}

type policyInput events.CancellationPolicy

// TransformSchema implements huma.SchemaTransformer: null is absent, and, which
// huma lets pass in what may itself be null, 0.
func (policyInput) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Nullable = true
	for _, p := range s.Properties {
		p.Nullable = true
	}
	return s
}

func (b DraftBody) draft() event.Draft {
	d := event.Draft{
		Title: b.Title, Summary: b.Summary, Description: b.Description, Language: b.Language, Category: b.Category, Venue: events.Venue(b.Venue),
		StartsAt: b.StartsAt.Time(), EndsAt: b.EndsAt.Time(), TimeZone: b.TimeZone,
	}
	if b.CancellationPolicy != nil {
		d.CancellationPolicy = events.CancellationPolicy(*b.CancellationPolicy)
	}
	d.DoorsAt = optionalTime(b.DoorsAt)
	if b.MaxPerBooking != nil {
		d.MaxPerBooking = *b.MaxPerBooking
	}
	d.NoTransfers = b.Transfers != nil && !*b.Transfers
	return d
}

// TicketTypeInput is what an organizer says of a ticket type. The limits of
// the price are the domain's.
type TicketTypeInput struct {
	Name     string       `json:"name" minLength:"1" maxLength:"100" doc:"Unique within the event" example:"Standard"`
	Price    money.Amount `json:"price" doc:"One currency for the whole event. 0 is free"`
	Capacity int          `json:"capacity" minimum:"1" maximum:"1000000" example:"200"`

	Description string        `json:"description,omitempty" maxLength:"500" doc:"One line about it" example:"At the table, with a glass of wine"`
	SalesFrom   *httpkit.Time `json:"sales_from,omitempty" doc:"When its sale begins. Absent: at once" example:"2030-01-01T09:00:00Z"`
	SalesUntil  *httpkit.Time `json:"sales_until,omitempty" doc:"When its sale ends, at most ends_at. Absent: when the event starts" example:"2030-05-31T22:00:00Z"`
}

func (t TicketTypeInput) draft(id string) event.TicketTypeDraft {
	return event.TicketTypeDraft{
		ID: id, Name: t.Name, Description: t.Description, Price: t.Price, Capacity: t.Capacity,
		SalesFrom: optionalTime(t.SalesFrom), SalesUntil: optionalTime(t.SalesUntil),
	}
}

func optionalTime(t *httpkit.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time()
}

type createBody struct {
	DraftBody
	TicketTypes []TicketTypeInput `json:"ticket_types" minItems:"1" maxItems:"20" nullable:"false"`
}

func (b createBody) draft() event.Draft {
	d := b.DraftBody.draft()
	for _, t := range b.TicketTypes {
		d.TicketTypes = append(d.TicketTypes, t.draft(""))
	}
	return d
}

// updateBody has a place for everything that GET returns. What is any is the
// service's own to say, and ignored.
type updateBody struct {
	DraftBody
	TicketTypes []ticketTypeUpdate `json:"ticket_types" minItems:"1" maxItems:"20" nullable:"false"`

	ID          any `json:"id,omitempty" doc:"Ignored"`
	OrganizerID any `json:"organizer_id,omitempty" doc:"Ignored"`
	Status      any `json:"status,omitempty" doc:"Ignored"`
	CreatedAt   any `json:"created_at,omitempty" doc:"Ignored"`
	UpdatedAt   any `json:"updated_at,omitempty" doc:"Ignored"`
	Image       any `json:"image,omitempty" doc:"Ignored: see PUT /events/{id}/image"`
}

type ticketTypeUpdate struct {
	ID string `json:"id,omitempty" maxLength:"64" doc:"Absent for a new ticket type" example:"01890a5d-ac96-774b-bcce-b302099a8057"`
	TicketTypeInput
	Available any `json:"available,omitempty" doc:"Ignored"`
	State     any `json:"state,omitempty" doc:"Ignored"`
}

func (b updateBody) draft() event.Draft {
	d := b.DraftBody.draft()
	for _, t := range b.TicketTypes {
		d.TicketTypes = append(d.TicketTypes, t.draft(t.ID))
	}
	return d
}

type bookBody struct {
	BookingID string      `json:"booking_id" format:"uuid"`
	Attempt   int         `json:"attempt,omitempty" minimum:"1" maximum:"1000" default:"1"`
	Tickets   int         `json:"tickets,omitempty" minimum:"1" maximum:"20" doc:"That many of the first ticket type; or give items"`
	Items     []itemInput `json:"items,omitempty" minItems:"1" maxItems:"20" doc:"Tickets by type, each type once; or give tickets"`
}

// TransformSchema implements huma.SchemaTransformer: tickets, or items, and not
// both.
func (bookBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	httpkit.DocumentOneOf(s, "tickets", "items")
	s.Examples = []any{bookBody{BookingID: "01890a5d-ac96-774b-bcce-b302099a8057", Attempt: 1, Tickets: 2}}
	return s
}

type itemInput struct {
	TicketTypeID string `json:"ticket_type_id" format:"uuid"`
	Quantity     int    `json:"quantity" minimum:"1" maximum:"20"`
}

func (b bookBody) request(eventID string) event.BookRequest {
	return event.BookRequest{
		Key: event.Key{EventID: eventID, BookingID: b.BookingID, Attempt: b.Attempt}, Tickets: b.Tickets, Items: requests(b.Items),
	}
}

func requests(items []itemInput) []event.Request {
	var out []event.Request
	for _, item := range items {
		out = append(out, event.Request(item))
	}
	return out
}

type releaseBody struct {
	BookingID string `json:"booking_id" format:"uuid"`
	Attempt   int    `json:"attempt,omitempty" minimum:"1" maximum:"1000" default:"1"`
}

type returnBody struct {
	BookingID string      `json:"booking_id" format:"uuid"`
	Attempt   int         `json:"attempt,omitempty" minimum:"1" maximum:"1000" default:"1"`
	ReturnID  string      `json:"return_id" format:"uuid" doc:"The cancellation's id"`
	Items     []itemInput `json:"items" minItems:"1" maxItems:"20" nullable:"false" doc:"Tickets by type, each type once"`
}

type holdingsBody struct {
	Items []holdingBody `json:"items" nullable:"false"`
}

type holdingBody struct {
	EventID   string `json:"event_id" format:"uuid"`
	BookingID string `json:"booking_id" format:"uuid"`
	Attempt   int    `json:"attempt" minimum:"1" maximum:"1000" example:"1"`
	State     string `json:"state" enum:"HELD,SOLD"`
	Tickets   int    `json:"tickets" minimum:"1" maximum:"20" doc:"What is left of them" example:"2"`
}

func toHoldings(page []event.Holding) holdingsBody {
	items := make([]holdingBody, len(page))
	for i, h := range page {
		items[i] = holdingBody{EventID: h.EventID, BookingID: h.BookingID, Attempt: h.Attempt, State: string(h.State), Tickets: h.Tickets}
	}
	return holdingsBody{items}
}

func toBody(e *event.Event, now time.Time) eventBody {
	return eventBody{
		ID: e.ID, Title: e.Title, Summary: e.Summary, Language: e.Language, Description: e.Description, Category: e.Category, Venue: e.Venue,
		StartsAt: instant(e.StartsAt), EndsAt: instant(e.EndsAt), DoorsAt: optionalInstant(e.DoorsAt), TimeZone: e.TimeZone, OrganizerID: e.OrganizerID,
		Status: string(e.Status), TicketTypes: toTicketTypes(e, now), CancellationPolicy: e.CancellationPolicy,
		MaxPerBooking: e.BookingLimit(), Transfers: !e.NoTransfers, Image: (*imageBody)(e.Image),
		CreatedAt: instant(e.CreatedAt), UpdatedAt: instant(e.UpdatedAt),
	}
}

// instant is how time.Time is written in JSON, too. There it is parsed again to
// see whether it is JSON: a third of what writing a page of events took.
func instant(t time.Time) string { return t.Format(time.RFC3339Nano) }

// optionalInstant is "" for no time.
func optionalInstant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return instant(t)
}

func toTicketTypes(e *event.Event, now time.Time) []ticketTypeBody {
	out := make([]ticketTypeBody, len(e.TicketTypes))
	for i, t := range e.TicketTypes {
		out[i] = ticketTypeBody{
			ID: t.ID, Name: t.Name, Price: t.Price, Capacity: t.Capacity, Available: t.Available, Description: t.Description,
			SalesFrom: optionalInstant(t.SalesFrom), SalesUntil: optionalInstant(t.SalesUntil), State: string(e.Sale(t, now)),
		}
	}
	return out
}

func toAvailability(e *event.Event, now time.Time) availabilityBody {
	return availabilityBody{
		EventID: e.ID, Capacity: e.Capacity(), Available: e.Available(), SalesOpen: e.SalesOpen(now),
		MaxPerBooking: e.BookingLimit(),
		TicketTypes:   toTicketTypes(e, now),
	}
}

func toReservation(r *event.Reservation) (reservationBody, error) {
	total, err := r.Total()
	return reservationBody{BookingID: r.BookingID, Event: r.Event, Items: r.Items, Total: total}, err
}
