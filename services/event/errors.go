package event

import "errors"

// Errors of the domain. A text is what a client reads as the detail of the
// problem, so it says what happened and nothing about storage.
var (
	ErrEventNotFound       = errors.New("there is no such event")
	ErrTicketTypeNotFound  = errors.New("the event has no such ticket type")
	ErrReservationNotFound = errors.New("there is no such reservation")

	ErrForbidden = errors.New("the event belongs to another organizer")
	// ErrStale is a request on the condition of another version.
	ErrStale = errors.New("the event's version is not one that the request asks for: it may have changed since it was read")

	ErrSoldOut             = errors.New("not enough tickets are left")
	ErrSalesClosed         = errors.New("the event is cancelled or has started")
	ErrReservationReleased = errors.New("this attempt of the booking has been released")
	ErrReservationMismatch = errors.New("the booking's attempt has reserved other tickets")
	ErrReturnTooMany       = errors.New("the booking's attempt has not that many tickets left")

	ErrCapacityBelowSold = errors.New("the capacity would fall below the tickets sold or held")
	ErrTicketTypeInUse   = errors.New("tickets of a ticket type left out are sold or held")
	ErrEventHasBookings  = errors.New("tickets of the event are sold or held")

	ErrEventCancelled = errors.New("the event has been cancelled")
	ErrNotCancelled   = errors.New("the event has not been cancelled")
	// ErrNotTold is that booking has not heard yet of an event's cancellation.
	ErrNotTold            = errors.New("the event's bookings have not been told of its cancellation yet")
	ErrBookingUnavailable = errors.New("the booking service does not answer")

	// ErrCurrencyNotSupported is a currency that the payment provider does not
	// charge.
	ErrCurrencyNotSupported = errors.New("the payment provider does not charge this currency")

	// ErrBadMessage is a message that will never be understood, however often
	// it is delivered.
	ErrBadMessage = errors.New("the message is malformed or of an unknown type")
)
