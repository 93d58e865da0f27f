package problem

// Code is a stable machine-readable error code. Each belongs to one HTTP status.
type Code string

// Codes that every service uses.
const (
	BadRequest          Code = "bad_request"
	MalformedBody       Code = "malformed_body"
	Unauthenticated     Code = "unauthenticated"
	InvalidToken        Code = "invalid_token"
	Forbidden           Code = "forbidden"
	RouteNotFound       Code = "route_not_found"
	MethodNotAllowed    Code = "method_not_allowed"
	RequestTimeout      Code = "request_timeout"
	PreconditionFailed  Code = "precondition_failed"
	BodyTooLarge        Code = "body_too_large"
	UnsupportedMedia    Code = "unsupported_media_type"
	ValidationFailed    Code = "validation_failed"
	InvalidCursor       Code = "invalid_cursor"
	RateLimited         Code = "rate_limited"
	Internal            Code = "internal_error"
	Unavailable         Code = "service_unavailable"
	UpstreamUnavailable Code = "upstream_unavailable"
)

// Codes of the user service.
const (
	UserNotFound      Code = "user_not_found"
	EmailTaken        Code = "email_taken"
	PasswordTooCommon Code = "password_too_common"
	WrongPassword     Code = "wrong_password"
	SessionNotFound   Code = "session_not_found"
	LinkNotValid      Code = "link_not_valid"
	WrongCode         Code = "wrong_code"
	MailNotDue        Code = "account_mail_not_due"
)

// Codes of the event service.
const (
	EmailNotVerified    Code = "email_not_verified"
	EventNotFound       Code = "event_not_found"
	SoldOut             Code = "sold_out"
	NotOnSaleYet        Code = "not_on_sale_yet"
	SalesClosed         Code = "sales_closed"
	ReservationReleased Code = "reservation_released"
	ReservationMismatch Code = "reservation_mismatch"
	CapacityBelowSold   Code = "capacity_below_sold"
	TicketTypeInUse     Code = "ticket_type_in_use"
	EventHasBookings    Code = "event_has_bookings"
	TicketTypeNotFound  Code = "ticket_type_not_found"
	EventCancelled      Code = "event_cancelled"
	EventNotCancelled   Code = "event_not_cancelled"
	ImageNotFound       Code = "image_not_found"
	ImageUnreadable     Code = "image_unreadable"
	ImageSize           Code = "image_size_not_allowed"
)

// Codes of the booking service.
const (
	BookingNotFound      Code = "booking_not_found"
	PaymentDeclined      Code = "payment_declined"
	PaymentAbandoned     Code = "payment_abandoned"
	CheckoutExpired      Code = "checkout_expired"
	CheckoutAbandoned    Code = "checkout_abandoned"
	PaymentInProgress    Code = "payment_in_progress"
	TooManyAttempts      Code = "too_many_attempts"
	AlreadyClaimed       Code = "already_claimed"
	AlreadyPaid          Code = "already_paid"
	NoMoreExtensions     Code = "no_more_extensions"
	AmountNotPayable     Code = "amount_not_payable"
	PriceChanged         Code = "price_changed"
	CurrencyNotSupported Code = "currency_not_supported"
	BookingInProgress    Code = "booking_in_progress"
	NotCancellable       Code = "booking_not_cancellable"
	IdempotencyKeyReused Code = "idempotency_key_reused"
	TooManyTickets       Code = "too_many_tickets"
	TooManyCheckouts     Code = "too_many_checkouts"
	TicketsNotBooked     Code = "tickets_not_booked"
	TicketCancelled      Code = "ticket_cancelled"
	TicketNotFound       Code = "ticket_not_found"
	NoValidTickets       Code = "no_valid_tickets"
	TicketMailNotDue     Code = "mail_not_due"
	TransfersNotAllowed  Code = "transfers_not_allowed"
	DoorsOpen            Code = "doors_open"
	TooManyHolders       Code = "too_many_holders"
	InvalidSignature     Code = "invalid_signature"
	SalesPaused          Code = "sales_paused"
	ReportNotFound       Code = "reconciliation_not_found"
)

// Codes of dead letters, which every consumer of messages has.
const (
	DeadLetterNotFound Code = "dead_letter_not_found"
	ReplayFailed       Code = "replay_failed"
)

// Codes lists all codes, as they are documented.
var Codes = []struct {
	Code    Code
	Status  int
	Meaning string
}{
	{BadRequest, 400, "The path or the query is not UTF-8 or badly escaped, or a header is too long or not ASCII."},
	{MalformedBody, 400, "The body is not what its type says, in UTF-8."},
	{Unauthenticated, 401, "There is no credential."},
	{InvalidToken, 401, "The token is expired, forged or malformed, or its session is over."},
	{Forbidden, 403, "It belongs to somebody else, or needs another role."},
	{RouteNotFound, 404, "There is nothing at this path."},
	{MethodNotAllowed, 405, "This path does not know this method."},
	{RequestTimeout, 408, "The body did not arrive in time."},
	{PreconditionFailed, 412, "If-Match or If-None-Match does not hold: somebody else may have edited it first."},
	{BodyTooLarge, 413, "The body is larger than the operation takes."},
	{UnsupportedMedia, 415, "The body has another type than it must have."},
	{ValidationFailed, 422, "Some fields have values that are not allowed: errors says which."},
	{InvalidCursor, 422, "The cursor is not one that this list gave out."},
	{RateLimited, 429, "There were too many attempts: Retry-After says when to come back."},
	{Internal, 500, "Something went wrong on our side."},
	{Unavailable, 503, "The service cannot work now: Retry-After says when to try again."},
	{UpstreamUnavailable, 503, "A service or provider behind this one does not answer: Retry-After says when to try again."},

	{UserNotFound, 404, "There is no such user."},
	{EmailTaken, 409, "Another account has this email address."},
	{PasswordTooCommon, 422, "The password is one of those that everybody tries first."},
	{WrongPassword, 422, "The current password is not right."},
	{SessionNotFound, 404, "The user has no such session."},
	{LinkNotValid, 410, "The token or code was used, has expired, was tried too often, or was never sent."},
	{WrongCode, 422, "This is not the code that was sent last."},
	{MailNotDue, 404, "There is no such mail about an account, or there is no reason to send it any more."},

	{EmailNotVerified, 403, "The account's email address is not verified: ask for the mail with POST /users/verification, and confirm it."},
	{EventNotFound, 404, "There is no such event."},
	{SoldOut, 409, "Not enough tickets are left."},
	{NotOnSaleYet, 409, "The sale of tickets of a type asked for has not begun: see its sales_from."},
	{SalesClosed, 409, "The event is cancelled or has started, or the sale of tickets of a type asked for has ended."},
	{ReservationReleased, 409, "This attempt of the booking has been released."},
	{ReservationMismatch, 409, "The booking's attempt has reserved other tickets."},
	{CapacityBelowSold, 409, "The capacity would fall below the tickets sold or held."},
	{TicketTypeInUse, 409, "Tickets of a ticket type left out are sold or held."},
	{EventHasBookings, 409, "Tickets of the event are sold or held, or its bookings have not been told yet that it is cancelled."},
	{EventCancelled, 409, "The event has been cancelled."},
	{EventNotCancelled, 404, "The event has not been cancelled."},
	{ImageNotFound, 404, "The event has no image, or none of this width."},
	{ImageUnreadable, 422, "The body is not a whole image of its Content-Type, or it is an animation."},
	{ImageSize, 422, "The image is narrower than 480 pixels, has more than 40 megapixels (as a progressive JPEG about 25), or is more than 3 times as wide as high or 2 times as high as wide."},
	{TicketTypeNotFound, 422, "The event has no such ticket type."},

	{BookingNotFound, 404, "There is no such booking."},
	{PaymentDeclined, 402, "The payment was declined."},
	{PaymentAbandoned, 402, "The payment was never completed; nothing was charged."},
	{CheckoutExpired, 409, "The time to pay for this booking is over; nothing was charged."},
	{CheckoutAbandoned, 409, "The customer gave the checkout up; nothing was charged."},
	{PaymentInProgress, 409, "A payment of this booking is being worked on: its outcome comes first."},
	{TooManyAttempts, 409, "The booking has had all of its attempts to pay."},
	{AlreadyClaimed, 409, "The booking belongs to an account."},
	{AlreadyPaid, 409, "The booking is paid, or needs no payment any more."},
	{NoMoreExtensions, 409, "The checkout was extended as often as it can be."},
	{AmountNotPayable, 409, "The payment provider does not charge this total: it is too small, too large, or no multiple of what the provider counts in. Nothing was charged."},
	{PriceChanged, 409, "The total is not the one expected: the event's prices have changed. Nothing was charged."},
	{CurrencyNotSupported, 404, "The payment provider does not charge this currency."},
	{BookingInProgress, 409, "Another request for this booking is being worked on: Retry-After says when to ask again."},
	{NotCancellable, 409, "The booking is not confirmed, or the doors of its event are open."},
	{TooManyTickets, 409, "A booking, an account or a network address would have too many tickets of this event: a booking more than the event sells to one, or an account or address more that are free or not paid for yet than it may."},
	{TooManyCheckouts, 409, "Too many bookings of this account or network address are not paid for yet. Complete one of them, or try again when one has expired."},
	{TicketsNotBooked, 409, "The booking has not these tickets, or not that many of this type."},
	{TicketCancelled, 409, "The ticket was given back, or its booking has failed or is cancelled."},
	{TicketNotFound, 404, "The booking has no such ticket."},
	{NoValidTickets, 409, "The booking has no valid tickets: it is not confirmed, or they were given back."},
	{TicketMailNotDue, 409, "There is no reason any more to send this mail with tickets: its booking is not confirmed, its link has ended, or its ticket has another holder."},
	{TransfersNotAllowed, 409, "The event's tickets cannot be passed on: their holders are those that were named before the payment."},
	{DoorsOpen, 409, "The doors are open, by the date that was booked: tickets cannot be passed on any more."},
	{TooManyHolders, 409, "The booking's tickets have been passed on as often as they can be."},
	{InvalidSignature, 400, "The signature is missing, wrong or too old."},
	{SalesPaused, 503, "Nothing is sold until the data, which was restored from a backup, agrees with the payment provider's books: Retry-After says when to ask again."},
	{ReportNotFound, 404, "There is no such reconciliation."},
	{IdempotencyKeyReused, 422, "This idempotency key was used for another request."},

	{DeadLetterNotFound, 404, "There is no such dead letter."},
	{ReplayFailed, 409, "The handler refused the message again."},
}
