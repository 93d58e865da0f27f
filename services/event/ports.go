package event

import (
	"context"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
)

// Store keeps the events. A cancelled context changes nothing. Instants are
// kept to the microsecond and given back in UTC. Text is kept exactly.
type Store interface {
	// Create stores e with all its tickets available, as version 1. What it
	// stores is what Get returns.
	//
	//   - Within any CreationPeriod an organizer creates at most most events, by their
	//     CreatedAt, whoever stores them at the same time. Another one is a
	//     *TooManyEventsError and not stored.
	//   - A deleted event counts.
	//   - One that is refused does not count. One that failed otherwise may.
	//   - Other organizers' events do not count.
	Create(ctx context.Context, e *Event, most int) error

	// Get returns the event, or ErrEventNotFound. Its ticket types are in the
	// order they were stored in. Its versions and what is available are of one
	// moment.
	Get(ctx context.Context, id string) (*Event, error)

	// List returns the events that q describes, at most q.Limit, in q.Sort's
	// order and by id where that is equal. None is the empty slice. Category
	// and city match if their Fold is the same. Each of q.Terms must begin one
	// of the event's Keys.Words. Spaces alone do not restrict; any other text,
	// category or city of which nothing is left to compare finds nothing. From is included, To is not.
	// Month finds what runs in it, MostPrice what can be had for so much. Paging by After
	// neither repeats nor skips an event while others are added.
	List(ctx context.Context, q Query) ([]Event, error)

	// Update lets edit change the event and stores the result as the next
	// version, and returns it. Racing updates happen one after the other: none
	// is lost. An error from edit is returned and changes nothing. edit may be
	// called more than once, and does no I/O. What edit makes of Available and
	// of the versions does not count: tickets sold or held stay so, and the
	// rest of the new capacity is available. A capacity under what is sold or
	// held is ErrCapacityBelowSold. A ticket type left out is deleted, or
	// ErrTicketTypeInUse where tickets of it are sold or held. An unknown id is
	// ErrEventNotFound.
	Update(ctx context.Context, id string, edit func(*Event) error) (*Event, error)

	// Cancel is Update, and puts the message that cancel returns into the
	// outbox, due at once: the change and the message are stored together or
	// not at all. An event has one message, once.
	Cancel(ctx context.Context, id string, cancel func(*Event) (events.Message, error)) (*Event, error)

	// SetImage is Update, and makes p the event's image, or removes it where p is nil. The
	// event and its renditions change together: whoever finds an image finds its
	// renditions. Without an image there is nothing to remove, but it counts as an edit. Update
	// and Cancel leave the image as it is.
	SetImage(ctx context.Context, id string, edit func(*Event) error, p *Picture) (*Event, error)

	// Rendition returns the event's image at a width. Without an image, or where it has
	// no rendition of that width, it is ErrImageNotFound. An unknown event is
	// ErrEventNotFound. While images are replaced it is that of one of them.
	Rendition(ctx context.Context, id string, width int) (*Rendition, error)

	// Delete removes the event. While any of its tickets is sold or held it is
	// ErrEventHasBookings. While its message is open in the outbox it is
	// ErrNotTold, and the message stays. An error from check, which sees the event as it is
	// when it goes, is returned and changes nothing. check may be called more
	// than once, and does no I/O. An unknown id is ErrEventNotFound. What was
	// reserved at the event goes with it: no reservation is found, the attempts
	// are free for other events, and no change of another event waits until all
	// of them are removed. So does its image.
	Delete(ctx context.Context, id string, check func(*Event) error) error
}

// Query selects events. The zero value of a field does not restrict.
type Query struct {
	Text           string
	Category, City string
	From, To       time.Time // of StartsAt
	Month          string    // one of the event's Months, like 2026-12
	// MostPrice finds events of its currency whose LowestPrice is not above it.
	MostPrice *money.Amount
	Sort      Sort
	After     *Position // nil from the start
	Limit     int
}

// Sort is an order of events.
type Sort string

// The orders of events.
const (
	ByStart       Sort = "starts_at"
	ByStartLatest Sort = "-starts_at"
	ByTitle       Sort = "title" // SortKey
)

// Position is an event's place in every order.
type Position struct {
	StartsAt time.Time
	TitleKey string // SortKey of the title
	ID       string
}

// Position returns the event's place, to list what comes after it.
func (e *Event) Position() Position {
	return Position{StartsAt: e.StartsAt, TitleKey: SortKey(e.Title), ID: e.ID}
}

// Inventory is who has which tickets. For each ticket type, sold + held never
// exceeds capacity. A cancelled context changes nothing. Nothing expires by
// itself: a hold ends when it is released. What takes or gives back tickets
// raises the event's Inventory and leaves its Version.
//
// All of it is within reach of one conditional update of one event's document,
// with a record for each reservation: no promise needs a transaction over
// several events.
type Inventory interface {
	// Reserve holds all the tickets wanted, or none. want names each ticket
	// type once. A repeat holds nothing more, and returns the same reservation
	// even when meanwhile the tickets are sold out, sales are closed, or the
	// event and its prices are edited. The same booking and attempt with other
	// tickets, or at another event, is ErrReservationMismatch. An attempt
	// that is released, or not after one that is, is ErrReservationReleased.
	// Too few tickets left is ErrSoldOut. More tickets than the event's
	// BookingLimit is ErrTooManyTickets. A type whose SalesFrom is after now is
	// ErrNotOnSaleYet. An event that is cancelled, and a type whose SalesEnd is not
	// after now, is ErrSalesClosed. These are of the event as it is when the tickets
	// are taken: an edit counts at once. An unknown ticket type is
	// ErrTicketTypeNotFound. An unknown event is ErrEventNotFound. Other
	// attempts and other bookings have reservations of their own.
	Reserve(ctx context.Context, k Key, want []Request, now time.Time) (*Reservation, error)

	// Release gives the tickets of the booking's attempts up to k.Attempt at
	// this event back, held or sold, exactly once. Those attempts are closed,
	// also where nothing was held: a delayed Reserve finds them released. A
	// later attempt keeps its tickets. What the booking has at another event
	// stays. An unknown event is ErrEventNotFound.
	Release(ctx context.Context, k Key) error

	// Return gives some of the tickets of the attempt's reservation back, held
	// or sold, once for each returnID, which is a UUID, however often it is
	// called. items names each ticket type once. All of them come back, or
	// none: more than earlier returns have left is ErrReturnTooMany. The same
	// returnID with other items is ErrReservationMismatch. The reservation
	// keeps its state, and is as it was for Reserve and Reservation: Sell sells
	// what is left of it, and Release gives that back. Of an attempt that is
	// released all is back already: nothing happens, and it is no error. An
	// attempt that has no reservation at this event is ErrReservationNotFound.
	// An unknown event is ErrEventNotFound.
	Return(ctx context.Context, k Key, returnID string, items []Request) error

	// Sell turns the attempt's hold into a sale, as the message messageID
	// says. A reservation that is released, or unknown, stays so. The tickets
	// stay taken throughout. The message is recorded in the same step: it is
	// known when it has had its effect, and not before. A redelivery changes
	// nothing.
	Sell(ctx context.Context, messageID string, k Key) error

	// GiveBack is Release, as the message messageID says, and records the
	// message as Sell does. An unknown event is no error: it had nothing to
	// give back.
	GiveBack(ctx context.Context, messageID string, k Key) error

	// ReturnHeard is Return, as the message messageID says, and records the
	// message as Sell does. One that Return refuses otherwise is not recorded,
	// but an unknown event or reservation is no error: it had nothing to give
	// back.
	ReturnHeard(ctx context.Context, messageID string, k Key, returnID string, items []Request) error

	// Reservation returns what the attempt reserved at this event, also when
	// it is released. None is ErrReservationNotFound.
	Reservation(ctx context.Context, k Key) (*Reservation, error)
}

// Bookings is the booking service, which cancels the bookings of a cancelled
// event. eventtest.TestBookings holds every promise made here.
type Bookings interface {
	// Progress says how far that is. Where booking has not heard yet that the
	// event is cancelled it is ErrNotTold. No answer, and one that is not
	// understood, is ErrBookingUnavailable.
	Progress(ctx context.Context, eventID string) (Progress, error)
}

// Payments is the payment provider, which booking asks for money.
// eventtest.TestPayments holds every promise made here.
type Payments interface {
	// Limits returns which totals of a currency the provider charges.
	//   - Limits are those of the currency.
	//   - A currency that is not charged is ErrCurrencyNotSupported.
	//   - No answer is ErrBookingUnavailable. So is one that is not understood.
	Limits(ctx context.Context, currency string) (ChargeLimits, error)
}

// Pictures draws images of what organizers upload. eventtest.TestPictures holds every
// promise made here.
type Pictures interface {
	// Draw returns the picture of an upload, which is a JPEG, a PNG or a WebP.
	//
	//   - There is a rendition for each of the ImageWidths that the upload is as wide as.
	//   - A rendition is a JPEG of less than MaxRendition bytes, in the upload's proportions.
	//   - Nothing of the upload is kept but its pixels.
	//   - It stands as its EXIF data say, and on white where it is transparent.
	//   - The same pixels have the same ETag, and others another one.
	//   - Its Color is the average of its pixels.
	//   - What is no image of the media type is ErrImageUnreadable. So are half an image
	//     and an animated WebP. Of an animated PNG it draws the still image.
	//   - An image of more than MaxImagePixels, or otherwise out of bounds, is
	//     ErrImageSize, before anything is allocated for its pixels.
	//   - A context that ends while others are being drawn is ErrTooManyUploads.
	Draw(ctx context.Context, mediaType string, upload []byte) (*Picture, error)
}

// Holdings tells reconciliation who has tickets.
type Holdings interface {
	// Holdings returns the reservations that have tickets now, held or sold,
	// with how many are left of them: those of the bookings after the one with
	// the id after, "" from the start, in the order of booking and attempt. It
	// returns limit of them, which is at least 1, and with the last one all of
	// its booking's: no booking is split between two pages. Fewer than limit are
	// the last page; none is the empty slice. Paging by the last booking neither
	// repeats nor skips what was there at the first page while others are added
	// and given back. A reservation that is being made, or given back, at the
	// same time may be there or not.
	Holdings(ctx context.Context, after string, limit int) ([]Holding, error)
}
