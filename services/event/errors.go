package event

import (
	"errors"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// Errors of the domain. A text is what a client reads as the detail of the
// problem, so it says what happened and nothing about storage.
var (
	ErrEventNotFound       = problem.NewRefusal(problem.EventNotFound, "there is no such event")
	ErrTicketTypeNotFound  = problem.NewRefusal(problem.TicketTypeNotFound, "the event has no such ticket type")
	ErrReservationNotFound = problem.NewRefusal(problem.TicketsNotBooked, "there is no such reservation")

	ErrEmailNotVerified = problem.NewRefusal(problem.EmailNotVerified, "verify your email address before you publish an event: POST /users/verification sends you a mail; your session goes on, and you need not log in again")

	// ErrTooManyEvents comes as a *TooManyEventsError.
	ErrTooManyEvents = problem.NewRefusal(problem.RateLimited, "this account has published too many events within a day")

	ErrForbidden = problem.NewRefusal(problem.Forbidden, "the event belongs to another organizer")
	// ErrStale is a request on the condition of another version.
	ErrStale = problem.NewRefusal(problem.PreconditionFailed, "the event's version is not one that the request asks for: it may have changed since it was read")

	ErrSoldOut             = problem.NewRefusal(problem.SoldOut, "not enough tickets are left")
	ErrTooManyTickets      = problem.NewRefusal(problem.TooManyTickets, "the event sells fewer tickets to one booking: see its max_per_booking")
	ErrNotOnSaleYet        = problem.NewRefusal(problem.NotOnSaleYet, "the sale of these tickets has not begun: see their sales_from")
	ErrSalesClosed         = problem.NewRefusal(problem.SalesClosed, "the event is cancelled or has started, or the sale of these tickets has ended")
	ErrReservationReleased = problem.NewRefusal(problem.ReservationReleased, "this attempt of the booking has been released")
	ErrReservationMismatch = problem.NewRefusal(problem.ReservationMismatch, "the booking's attempt has reserved other tickets")
	ErrReturnTooMany       = problem.NewRefusal(problem.TicketsNotBooked, "the booking's attempt has not that many tickets left")

	ErrImageNotFound = problem.NewRefusal(problem.ImageNotFound, "the event has no image, or none of this width")
	// ErrImageUnreadable is what is no image of the media type that it was said to be.
	ErrImageUnreadable = problem.NewRefusal(problem.ImageUnreadable, "the body is not a whole image of its Content-Type, or it is an animation")
	ErrImageSize       = problem.NewRefusal(problem.ImageSize, "the image must be at least 480 pixels wide, have at most 40 megapixels, and be at most 3 times as wide as high and 2 times as high as wide; a progressive JPEG may have 25 megapixels or less")
	// ErrTooManyUploads is that images wait for others to be read.
	ErrTooManyUploads = problem.NewRefusal(problem.Unavailable, "too many images are being uploaded, or another one by this account")

	ErrCapacityBelowSold = problem.NewRefusal(problem.CapacityBelowSold, "the capacity would fall below the tickets sold or held")
	ErrTicketTypeInUse   = problem.NewRefusal(problem.TicketTypeInUse, "tickets of a ticket type left out are sold or held")
	ErrEventHasBookings  = problem.NewRefusal(problem.EventHasBookings, "tickets of the event are sold or held")

	ErrEventCancelled = problem.NewRefusal(problem.EventCancelled, "the event has been cancelled")
	ErrNotCancelled   = problem.NewRefusal(problem.EventNotCancelled, "the event has not been cancelled")
	// ErrNotTold is that booking has not heard yet of an event's cancellation.
	ErrNotTold            = problem.NewRefusal(problem.EventHasBookings, "the event's bookings have not been told of its cancellation yet")
	ErrBookingUnavailable = problem.NewRefusal(problem.UpstreamUnavailable, "the booking service does not answer")

	// ErrCurrencyNotSupported is a currency that the payment provider does not
	// charge.
	ErrCurrencyNotSupported = problem.NewRefusal(problem.CurrencyNotSupported, "the payment provider does not charge this currency")

	// ErrBadMessage is a message that will never be understood, however often
	// it is delivered.
	ErrBadMessage = errors.New("the message is malformed")

	// ErrUnknownType is a message of a type that this version does not know. A
	// newer publisher sends it.
	ErrUnknownType = errors.New("the message's type is unknown")
)
