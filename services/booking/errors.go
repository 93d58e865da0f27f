package booking

import "errors"

// What a Catalog, the event service, answers.
var (
	ErrEventNotFound       = errors.New("there is no such event")
	ErrTicketTypeNotFound  = errors.New("the event has no such ticket type")
	ErrSoldOut             = errors.New("there are not enough tickets left")
	ErrSalesClosed         = errors.New("sales for this event are closed")
	ErrReservationReleased = errors.New("this reservation has been released")
	// ErrReturnRefused says that the event service will not take these tickets
	// back, ever.
	ErrReturnRefused = errors.New("these tickets cannot be given back")
)

// What a Payments answers.
var (
	ErrPaymentDeclined = errors.New("the payment was declined")
	// ErrAmountNotPayable says that the provider charges nobody this total.
	ErrAmountNotPayable     = errors.New("the payment provider does not charge this price; nothing was charged")
	ErrCurrencyNotSupported = errors.New("the payment provider does not charge this currency")
	// ErrPaymentClosed says that Settle has answered that there never will
	// be a charge.
	ErrPaymentClosed = errors.New("this booking can no longer be charged")
	// ErrRefundRefused says that the provider will not refund this, ever.
	ErrRefundRefused = errors.New("the refund was refused")
)

// ErrOutcomeUnknown says that a Catalog or a Payments gave no answer: it may
// have done what it was asked, or not, or may do so yet.
var ErrOutcomeUnknown = errors.New("the outcome is not known")

// What a Store answers.
var (
	ErrNotFound  = errors.New("there is no such booking")
	ErrKeyReused = errors.New("this idempotency key was used for another request")
	ErrKeyTaken  = errors.New("this idempotency key has a booking already")
	ErrLeaseLost = errors.New("another driver has taken the booking over")
	// ErrUnreadable says that the booking is there, and its row cannot be read.
	ErrUnreadable = errors.New("the booking cannot be read")
	// ErrEventCancelled says that the event is cancelled, and nothing of it
	// can be confirmed any more.
	ErrEventCancelled = errors.New("the event has been cancelled")
)

// ErrMalformed is a message that will never be understood, however often it is
// delivered.
var ErrMalformed = errors.New("the message is malformed or of an unknown type")

// What the Service answers besides.
var (
	ErrForbidden          = errors.New("this belongs to somebody else")
	ErrInProgress         = errors.New("another request for this booking is being worked on")
	ErrNotCancellable     = errors.New("only a confirmed booking can be cancelled, until its event starts by the date it was booked for")
	ErrTicketsNotBooked   = errors.New("the booking has not that many tickets of this type")
	ErrPaymentUnavailable = errors.New("the payment provider does not answer; nothing was charged; try again, with the same Idempotency-Key if you gave one")
	ErrUnavailable        = errors.New("the event service does not answer; try again, with the same Idempotency-Key if you gave one")
	ErrPaymentAbandoned   = errors.New("the payment was never completed; nothing was charged")
	ErrNotReconciled      = errors.New("the payment provider or another service does not answer; there is no report")
	ErrTooManyTickets     = errors.New("the account would have too many free and unpaid tickets of this event")
	ErrTooManyAtOnce      = errors.New("this account books too often at the same time; try again")
	ErrPaymentsPaused     = errors.New("too many payments of this account were declined; wait before the next one")
	ErrSalesPaused        = errors.New("nothing is sold at the moment: the platform was restored from a backup, which is being compared with the payment provider's books; nothing was charged")
	ErrReportNotFound     = errors.New("there is no such reconciliation")
	ErrReservationFailed  = errors.New("the tickets could not be held; nothing was charged")
)
