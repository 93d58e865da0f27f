package booking

import (
	"errors"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// What a Catalog, the event service, answers.
var (
	ErrEventNotFound      = problem.NewRefusal(problem.EventNotFound, "there is no such event")
	ErrTicketTypeNotFound = problem.NewRefusal(problem.TicketTypeNotFound, "the event has no such ticket type")
	ErrSoldOut            = problem.NewRefusal(problem.SoldOut, "there are not enough tickets left")
	// ErrTooManyForBooking is more tickets than the event sells to one booking.
	ErrTooManyForBooking   = problem.NewRefusal(problem.TooManyTickets, "the event sells fewer tickets to one booking: see its max_per_booking")
	ErrNotOnSaleYet        = problem.NewRefusal(problem.NotOnSaleYet, "the sale of these tickets has not begun: see their sales_from")
	ErrSalesClosed         = problem.NewRefusal(problem.SalesClosed, "the sale of these tickets is closed")
	ErrReservationReleased = problem.NewRefusal(problem.ReservationReleased, "this reservation has been released")
	// ErrReturnRefused says that the event service will not take these tickets
	// back, ever.
	ErrReturnRefused = errors.New("these tickets cannot be given back")
)

// What a Payments answers.
var (
	ErrPaymentDeclined = problem.NewRefusal(problem.PaymentDeclined, "the payment was declined")
	// ErrAmountNotPayable says that the provider charges nobody this total.
	ErrAmountNotPayable = problem.NewRefusal(problem.AmountNotPayable, "the payment provider does not charge this price; nothing was charged")
	// ErrPriceChanged says that the total is not the one that the customer expects.
	ErrPriceChanged         = problem.NewRefusal(problem.PriceChanged, "the total is not the expected one: the event's prices have changed; nothing was charged")
	ErrCurrencyNotSupported = problem.NewRefusal(problem.CurrencyNotSupported, "the payment provider does not charge this currency")
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
	ErrNotFound  = problem.NewRefusal(problem.BookingNotFound, "there is no such booking")
	ErrKeyReused = problem.NewRefusal(problem.IdempotencyKeyReused, "this idempotency key was used for another request")
	ErrKeyTaken  = errors.New("this idempotency key has a booking already")
	ErrLeaseLost = errors.New("another driver has taken the booking over")
	// ErrUnreadable says that the booking is there, and its row cannot be read.
	ErrUnreadable = errors.New("the booking cannot be read")
	// ErrEventCancelled says that the event is cancelled, and nothing of it
	// can be confirmed any more.
	ErrEventCancelled = problem.NewRefusal(problem.EventCancelled, "the event has been cancelled")
)

// ErrMalformed is a message that will never be understood, however often it is
// delivered.
var ErrMalformed = errors.New("the message is malformed")

// ErrUnknownType is a message of a type that this version does not know. A newer
// publisher sends it.
var ErrUnknownType = errors.New("the message's type is unknown")

// What the Service answers besides.
var (
	ErrForbidden           = problem.NewRefusal(problem.Forbidden, "this belongs to somebody else")
	ErrInProgress          = problem.NewRefusal(problem.BookingInProgress, "another request for this booking is being worked on")
	ErrNotCancellable      = problem.NewRefusal(problem.NotCancellable, "only a confirmed booking can be cancelled, until the doors open by the date it was booked for")
	ErrTicketsNotBooked    = problem.NewRefusal(problem.TicketsNotBooked, "the booking has not these tickets, or not that many of this type")
	ErrTicketNotFound      = problem.NewRefusal(problem.TicketNotFound, "the booking has no such ticket")
	ErrTransfersNotAllowed = problem.NewRefusal(problem.TransfersNotAllowed, "the tickets of this event cannot be passed on")
	ErrDoorsOpen           = problem.NewRefusal(problem.DoorsOpen, "a ticket can be passed on until the doors open by the date it was booked for")
	ErrTooManyHolders      = problem.NewRefusal(problem.TooManyHolders, "the tickets of this booking have been passed on as often as they can be")
	ErrTicketCancelled     = problem.NewRefusal(problem.TicketCancelled, "this ticket was given back, or its booking has failed or is cancelled")
	ErrPaymentUnavailable  = problem.NewRefusal(problem.UpstreamUnavailable, "the payment provider does not answer; nothing was charged; try again, with the same Idempotency-Key if you gave one")
	ErrUnavailable         = problem.NewRefusal(problem.UpstreamUnavailable, "the event service does not answer; try again, with the same Idempotency-Key if you gave one")
	ErrCheckoutExpired     = problem.NewRefusal(problem.CheckoutExpired, "the time to pay is over; nothing was charged")
	ErrCheckoutAbandoned   = problem.NewRefusal(problem.CheckoutAbandoned, "the checkout was abandoned; nothing was charged")
	ErrPaymentInProgress   = problem.NewRefusal(problem.PaymentInProgress, "a payment of this booking is being worked on; its outcome comes first")
	ErrTooManyAttempts     = problem.NewRefusal(problem.TooManyAttempts, "this booking has had all of its attempts to pay")
	ErrAlreadyPaid         = problem.NewRefusal(problem.AlreadyPaid, "this booking is paid, or needs no payment any more")
	ErrNoValidTickets      = problem.NewRefusal(problem.NoValidTickets, "the booking has no valid tickets: it is not confirmed, or they were given back")
	ErrMailNotDue          = problem.NewRefusal(problem.TicketMailNotDue, "the booking is not confirmed, or what this mail would carry was replaced or given back")
	ErrTooMuchToDraw       = problem.NewRefusal(problem.Unavailable, "too many tickets are being drawn at the moment; try again")
	ErrTooManyResends      = problem.NewRefusal(problem.RateLimited, "the tickets of this booking were sent as often as they are within a day; wait before the next time")
	ErrAlreadyClaimed      = problem.NewRefusal(problem.AlreadyClaimed, "this booking belongs to an account")
	ErrNoMoreExtensions    = problem.NewRefusal(problem.NoMoreExtensions, "this checkout has been extended as often as it can be")
	ErrPaymentAbandoned    = problem.NewRefusal(problem.PaymentAbandoned, "the payment was never completed; nothing was charged")
	ErrNotReconciled       = problem.NewRefusal(problem.UpstreamUnavailable, "the payment provider or another service does not answer; there is no report")
	ErrTooManyTickets      = problem.NewRefusal(problem.TooManyTickets, "the account would have too many free and unpaid tickets of this event")
	ErrTooManyCheckouts    = problem.NewRefusal(problem.TooManyCheckouts, "too many bookings of this account or network address are not paid for yet; complete one of them, or try again when one has expired")
	ErrTooManyAtOnce       = problem.NewRefusal(problem.RateLimited, "this account or network address books too often at the same time; try again")
	ErrTooManyBookings     = problem.NewRefusal(problem.RateLimited, "this account has made as many bookings within an hour as it may")
	ErrPaymentsPaused      = problem.NewRefusal(problem.RateLimited, "too many payments of this account were declined; wait before the next one")
	ErrSalesPaused         = problem.NewRefusal(problem.SalesPaused, "nothing is sold at the moment: the platform was restored from a backup, which is being compared with the payment provider's books; nothing was charged")
	ErrReportNotFound      = problem.NewRefusal(problem.ReportNotFound, "there is no such reconciliation")
	ErrReservationFailed   = problem.NewRefusal(problem.UpstreamUnavailable, "the tickets could not be held; nothing was charged")
)
