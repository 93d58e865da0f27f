package mongo

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/event"
)

// Instants are microseconds since 1970: a date of BSON has milliseconds.

func micros(t time.Time) int64     { return t.UnixMicro() }
func fromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// optional is micros, and 0 for no time.
func optional(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return micros(t)
}

func fromOptional(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return fromMicros(n)
}

type venueDoc struct {
	Name    string `bson:"name"`
	Address string `bson:"address"`
	City    string `bson:"city"`
	Country string `bson:"country"`
}

// policyDoc is absent from documents that are older than it: cancelling is free
// there.
type policyDoc struct {
	FreeHours      int `bson:"free_hours"`
	FeeBasisPoints int `bson:"fee_basis_points"`
}

// typeDoc is types.<its id>.
type typeDoc struct {
	Position  int    `bson:"position"`
	Name      string `bson:"name"`
	Price     int64  `bson:"price"`
	Currency  string `bson:"currency"`
	Capacity  int    `bson:"capacity"`
	Available int    `bson:"available"` // Capacity − sold − held

	// These are absent from documents of an earlier release.
	Description string `bson:"description"`
	SalesFrom   int64  `bson:"sales_from"`  // 0 from the event's publication
	SalesUntil  int64  `bson:"sales_until"` // 0 until it starts
}

// eventDoc is an event as it is read. Besides, a document has its keys; and what passes through it: holds, held_at, fenced,
// returned, marked_at, forgotten; and message_id, message, message_closed_at.
type eventDoc struct {
	ID          string             `bson:"_id"`
	OrganizerID string             `bson:"organizer_id"`
	Title       string             `bson:"title"`
	Description string             `bson:"description"`
	Category    string             `bson:"category"`
	Venue       venueDoc           `bson:"venue"`
	StartsAt    int64              `bson:"starts_at"`
	EndsAt      int64              `bson:"ends_at"`
	DoorsAt     int64              `bson:"doors_at"` // 0 for StartsAt
	TimeZone    string             `bson:"time_zone"`
	Status      string             `bson:"status"`
	CreatedAt   int64              `bson:"created_at"`
	UpdatedAt   int64              `bson:"updated_at"`
	Version     int64              `bson:"version"`
	Inventory   int64              `bson:"inventory"`
	Types       map[string]typeDoc `bson:"types"`
	Policy      policyDoc          `bson:"cancellation_policy"`
	CancelledAt int64              `bson:"cancelled_at"` // 0 while it takes place
	Note        string             `bson:"cancellation_note"`
	MessageDue  int64              `bson:"message_due"` // 0 where none is open

	MaxPerBooking int  `bson:"max_per_booking"` // 0 for event.MaxTickets
	NoTransfers   bool `bson:"no_transfers"`

	Summary  string `bson:"summary"`
	Language string `bson:"language"`

	Image *imageDoc `bson:"image"`
}

// eventOnly leaves out what is no part of an event.
var eventOnly = bson.M{
	"title_key": 0, "category_key": 0, "city_key": 0, "words": 0, "keys_version": 0,
	"months": 0, "currency": 0, "lowest_price": 0,
	"holds": 0, "held_at": 0, "fenced": 0, "returned": 0, "marked_at": 0, "forgotten": 0,
	"message_id": 0, "message": 0, "message_closed_at": 0,
}

func (d *eventDoc) event() *event.Event {
	e := &event.Event{
		ID: d.ID, OrganizerID: d.OrganizerID, Title: d.Title, Description: d.Description, Category: d.Category,
		Venue: events.Venue(d.Venue), StartsAt: fromMicros(d.StartsAt), EndsAt: fromMicros(d.EndsAt),
		TimeZone: d.TimeZone, Status: event.Status(d.Status),
		CancellationPolicy: events.CancellationPolicy(d.Policy), CancellationNote: d.Note,
		CreatedAt: fromMicros(d.CreatedAt), UpdatedAt: fromMicros(d.UpdatedAt),
		Version: d.Version, Inventory: d.Inventory,
		DoorsAt: fromOptional(d.DoorsAt), MaxPerBooking: d.MaxPerBooking, NoTransfers: d.NoTransfers,
		CancelledAt: fromOptional(d.CancelledAt), Summary: d.Summary, Language: d.Language, Image: d.Image.image(),
	}
	for id, t := range d.Types {
		e.TicketTypes = append(e.TicketTypes, event.TicketType{
			ID: id, Name: t.Name, Price: money.Amount{AmountMinor: t.Price, Currency: t.Currency},
			Capacity: t.Capacity, Available: t.Available,
			Description: t.Description, SalesFrom: fromOptional(t.SalesFrom), SalesUntil: fromOptional(t.SalesUntil),
		})
	}
	slices.SortFunc(e.TicketTypes, func(a, b event.TicketType) int {
		return cmp.Compare(d.Types[a.ID].Position, d.Types[b.ID].Position)
	})
	return e
}

// edited are the fields that an edit sets, without the ticket types.
func edited(e *event.Event) bson.M {
	fields := bson.M{
		"organizer_id": e.OrganizerID, "title": e.Title, "description": e.Description, "category": e.Category,
		"venue": venueDoc(e.Venue), "starts_at": micros(e.StartsAt), "ends_at": micros(e.EndsAt),
		"time_zone": e.TimeZone, "status": string(e.Status),
		"cancellation_policy": policyDoc(e.CancellationPolicy), "cancelled_at": optional(e.CancelledAt), "cancellation_note": e.CancellationNote,
		"created_at": micros(e.CreatedAt), "updated_at": micros(e.UpdatedAt), "version": e.Version,
		"doors_at": optional(e.DoorsAt), "max_per_booking": e.MaxPerBooking, "no_transfers": e.NoTransfers,
		"summary": e.Summary, "language": e.Language,
	}
	maps.Copy(fields, keys(e))
	return fields
}

// keys are the fields that an event is found and sorted by, and the version of
// the rules that made them.
func keys(e *event.Event) bson.M {
	k, price := e.Keys(), e.LowestPrice()
	return bson.M{
		"months": e.Months(), "currency": price.Currency, "lowest_price": price.AmountMinor,
		"title_key": k.Title, "category_key": k.Category, "city_key": k.City, "words": k.Words,
		"keys_version": event.KeysVersion,
	}
}

func newTypeDoc(position int, t event.TicketType) typeDoc {
	return typeDoc{
		Position: position, Name: t.Name, Price: t.Price.AmountMinor, Currency: t.Price.Currency,
		Capacity: t.Capacity, Available: t.Capacity,
		Description: t.Description, SalesFrom: optional(t.SalesFrom), SalesUntil: optional(t.SalesUntil),
	}
}

// mayBePath refuses what is no UUID: it would not be one step in the path of a
// field.
func mayBePath(types []event.TicketType) error {
	for _, t := range types {
		if len(t.ID) != 36 || uuid.Validate(t.ID) != nil {
			return fmt.Errorf("ticket type %q: the id is no UUID", t.ID)
		}
	}
	return nil
}

// The states of a record, besides those of a reservation.
const (
	intent    event.State = "INTENT"    // the tickets are being taken, or were not taken after all
	returning event.State = "RETURNING" // the tickets are being given back
	shut      event.State = "CLOSED"    // the attempt was released before it had any
)

type itemDoc struct {
	Type     string `bson:"type"`
	Name     string `bson:"name"`
	Quantity int    `bson:"quantity"`
	Price    int64  `bson:"price"`
	Currency string `bson:"currency"`
	Position int    `bson:"type_position"` // in the event's list, from 1; 0 in documents of an earlier release
}

// snapshotDoc is the part of an event that a booking keeps, as it was.
type snapshotDoc struct {
	OrganizerID string    `bson:"organizer_id"` // empty in documents of an earlier release
	Title       string    `bson:"title"`
	StartsAt    int64     `bson:"starts_at"`
	TimeZone    string    `bson:"time_zone"`
	Venue       venueDoc  `bson:"venue"`
	Policy      policyDoc `bson:"cancellation_policy"`
	EndsAt      int64     `bson:"ends_at"`  // 0 in documents of an earlier release
	DoorsAt     int64     `bson:"doors_at"` // 0 for StartsAt
	NoTransfers bool      `bson:"no_transfers"`
}

func newSnapshotDoc(e events.Event) snapshotDoc {
	return snapshotDoc{
		OrganizerID: e.OrganizerID, Title: e.Title, StartsAt: micros(e.StartsAt), TimeZone: e.TimeZone, Venue: venueDoc(e.Venue),
		Policy: policyDoc(e.CancellationPolicy), EndsAt: optional(e.EndsAt), DoorsAt: optional(e.DoorsAt), NoTransfers: e.NoTransfers,
	}
}

// holdDoc is holds.<nonce>: what the record with this id becomes HELD with.
type holdDoc struct {
	Record string      `bson:"record"`
	At     int64       `bson:"at"`
	Event  snapshotDoc `bson:"event"`
	Items  []itemDoc   `bson:"items"`
}

func newHoldDoc(r *event.Reservation, at time.Time) *holdDoc {
	h := &holdDoc{
		Record: recordID(r.BookingID, r.Attempt), At: micros(at),
		Event: newSnapshotDoc(r.Event),
	}
	for _, i := range r.Items {
		h.Items = append(h.Items, itemDoc{i.TicketTypeID, i.Name, i.Quantity, i.UnitPrice.AmountMinor, i.UnitPrice.Currency, i.Position})
	}
	return h
}

// recordDoc is what became of one attempt of a booking.
type recordDoc struct {
	ID        string      `bson:"_id"` // recordID
	BookingID string      `bson:"booking_id"`
	Attempt   int         `bson:"attempt"`
	EventID   string      `bson:"event_id"`
	Nonce     string      `bson:"nonce"`
	State     event.State `bson:"state"`
	At        int64       `bson:"at"`
	Event     snapshotDoc `bson:"event,omitempty"` // from HELD on
	Items     []itemDoc   `bson:"items,omitempty"` // as they were reserved
	// SoldBy is the message that it is sold by, which is known by this alone.
	SoldBy string `bson:"sold_by,omitempty"`

	// Returns are the tickets that come back before the rest, by the id of
	// their return. None is added to a record that is RETURNING.
	Returns     map[string]returnDoc `bson:"returns,omitempty"`
	ReturnsMade int                  `bson:"returns_made,omitempty"` // how many there are
	ReturnsOpen int                  `bson:"returns_open,omitempty"` // how many are not done
}

// returnDoc is returns.<return id>.
type returnDoc struct {
	Nonce string       `bson:"nonce"` // of its mark in the event
	At    int64        `bson:"at"`
	Items []ticketsDoc `bson:"items"`
	Done  bool         `bson:"done,omitempty"`
}

type ticketsDoc struct {
	TicketTypeID string `bson:"type"`
	Quantity     int    `bson:"quantity"`
}

func newReturnDoc(items []event.Request, at time.Time) returnDoc {
	r := returnDoc{Nonce: uuid.NewString(), At: micros(at)}
	for _, item := range items {
		r.Items = append(r.Items, ticketsDoc(item))
	}
	return r
}

func (d returnDoc) items() []event.Request {
	items := make([]event.Request, len(d.Items))
	for i, item := range d.Items {
		items[i] = event.Request(item)
	}
	return items
}

// returned is all that comes back before the rest.
func (d *recordDoc) returned() []event.Request {
	var all []event.Request
	for _, r := range d.Returns {
		all = append(all, r.items()...)
	}
	return all
}

// open reports whether a release has something to do with it.
func (d *recordDoc) open() bool {
	return d.State == event.Held || d.State == event.Sold || d.State == returning
}

// rest is what a release gives back.
func (d *recordDoc) rest() []event.Request { return d.reservation().Rest(d.returned()) }

// tickets are what the hold has taken.
func (d *holdDoc) tickets() []event.Request {
	tickets := make([]event.Request, len(d.Items))
	for i, item := range d.Items {
		tickets[i] = event.Request{TicketTypeID: item.Type, Quantity: item.Quantity}
	}
	return tickets
}

func recordID(bookingID string, attempt int) string { return fmt.Sprintf("%s/%d", bookingID, attempt) }

func (d *recordDoc) reservation() *event.Reservation {
	r := &event.Reservation{
		Key:   event.Key{EventID: d.EventID, BookingID: d.BookingID, Attempt: d.Attempt},
		State: d.State,
		Event: events.Event{
			ID: d.EventID, OrganizerID: d.Event.OrganizerID, Title: d.Event.Title, StartsAt: fromMicros(d.Event.StartsAt),
			EndsAt: fromOptional(d.Event.EndsAt), DoorsAt: fromOptional(d.Event.DoorsAt),
			TimeZone: d.Event.TimeZone, Venue: events.Venue(d.Event.Venue),
			CancellationPolicy: events.CancellationPolicy(d.Event.Policy), NoTransfers: d.Event.NoTransfers,
		},
	}
	if d.State == returning {
		r.State = event.Released
	}
	for _, i := range d.Items {
		r.Items = append(r.Items, events.Item{
			TicketTypeID: i.Type, Name: i.Name, Quantity: i.Quantity,
			UnitPrice: money.Amount{AmountMinor: i.Price, Currency: i.Currency}, Position: i.Position,
		})
	}
	return r
}

// closureDoc says that a booking's attempts up to one are closed at an event.
type closureDoc struct {
	ID        string `bson:"_id"` // closureID
	EventID   string `bson:"event_id"`
	BookingID string `bson:"booking_id"`
	Attempt   int    `bson:"attempt"`
	// OpenSince is when it was written, until all that the attempts had is
	// given back.
	OpenSince int64 `bson:"open_since,omitempty"`
	// Sealed says that each of the attempts has a record. Those that an earlier
	// release finished do not have it.
	Sealed bool `bson:"sealed,omitempty"`
}

func closureID(k event.Key) string { return k.EventID + "/" + k.BookingID }
