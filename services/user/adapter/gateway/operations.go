package gateway

import (
	"net/http"
	"time"
)

type service string

const (
	event        service = "event"
	booking      service = "booking"
	notification service = "notification"
)

// operation is one thing that clients may do at a service behind. What of a request
// and of its answer crosses, that service's document says; see exchange.
type operation struct {
	id      string
	method  string
	path    string
	service service
	// timeout is how long it may take with all that is sent both ways; readTimeout or
	// writeTimeout where it is 0.
	timeout time.Duration
}

var operations = []operation{
	{id: "listEvents", method: http.MethodGet, path: "/events", service: event},
	{id: "getEvent", method: http.MethodGet, path: "/events/{id}", service: event},
	{id: "getAvailability", method: http.MethodGet, path: "/events/{id}/availability", service: event},
	{id: "createEvent", method: http.MethodPost, path: "/events", service: event},
	{id: "updateEvent", method: http.MethodPut, path: "/events/{id}", service: event},
	{id: "deleteEvent", method: http.MethodDelete, path: "/events/{id}", service: event},
	{id: "cancelEvent", method: http.MethodPost, path: "/events/{id}/cancel", service: event},
	{id: "getCancellation", method: http.MethodGet, path: "/events/{id}/cancellation", service: event},
	{id: "setImage", method: http.MethodPut, path: "/events/{id}/image", service: event, timeout: time.Minute},
	{id: "removeImage", method: http.MethodDelete, path: "/events/{id}/image", service: event},
	{id: "getImage", method: http.MethodGet, path: "/events/{id}/image/{width}", service: event},
	{id: "createBooking", method: http.MethodPost, path: "/bookings", service: booking},
	{id: "listBookings", method: http.MethodGet, path: "/bookings", service: booking},
	{id: "getBooking", method: http.MethodGet, path: "/bookings/{id}", service: booking},
	{id: "listBookingsOfUser", method: http.MethodGet, path: "/bookings/user/{user_id}", service: booking},
	{id: "correctBooking", method: http.MethodPatch, path: "/bookings/{id}", service: booking},
	{id: "payBooking", method: http.MethodPost, path: "/bookings/{id}/payment", service: booking},
	{id: "extendBooking", method: http.MethodPost, path: "/bookings/{id}/extension", service: booking},
	{id: "cancelBooking", method: http.MethodPut, path: "/bookings/{id}/cancel", service: booking},
	{id: "cancelTickets", method: http.MethodPost, path: "/bookings/{id}/cancellations", service: booking},
	{id: "listTickets", method: http.MethodGet, path: "/bookings/{id}/tickets", service: booking},
	{id: "changeHolder", method: http.MethodPatch, path: "/bookings/{id}/tickets/{ticket_id}", service: booking},
	{id: "claimBooking", method: http.MethodPost, path: "/bookings/{id}/claim", service: booking},
	{id: "resendBooking", method: http.MethodPost, path: "/bookings/{id}/resend", service: booking},
	{id: "endLinks", method: http.MethodDelete, path: "/bookings/{id}/links", service: booking},
	{id: "findBookings", method: http.MethodPost, path: "/bookings/links", service: booking},
	{id: "printTickets", method: http.MethodGet, path: "/bookings/{id}/tickets.pdf", service: booking},
	{id: "printTicket", method: http.MethodGet, path: "/bookings/{id}/tickets/{ticket_id}/pdf", service: booking},
	{id: "drawTicketPNG", method: http.MethodGet, path: "/bookings/{id}/tickets/{ticket_id}/qr.png", service: booking},
	{id: "drawTicketSVG", method: http.MethodGet, path: "/bookings/{id}/tickets/{ticket_id}/qr.svg", service: booking},
	{id: "getCalendar", method: http.MethodGet, path: "/bookings/{id}/calendar.ics", service: booking},
	{id: "getPaymentsConfig", method: http.MethodGet, path: "/payments/config", service: booking},
	{id: "hearStripe", method: http.MethodPost, path: "/payments/stripe/webhook", service: booking},
	{id: "showSandboxChallenge", method: http.MethodGet, path: "/payments/sandbox/challenge/{nonce}", service: booking},
	{id: "answerSandboxChallenge", method: http.MethodPost, path: "/payments/sandbox/challenge/{nonce}", service: booking},
	{id: "listAuditLog", method: http.MethodGet, path: "/admin/audit", service: booking},
	{id: "listReconciliations", method: http.MethodGet, path: "/admin/reconciliations", service: booking},
	{id: "reconcile", method: http.MethodPost, path: "/admin/reconciliations", service: booking},
	{id: "acceptReconciliation", method: http.MethodPost, path: "/admin/reconciliations/{id}/accept", service: booking},
	{id: "listStuckBookings", method: http.MethodGet, path: "/admin/stuck-bookings", service: booking},
	{id: "retryStuckBooking", method: http.MethodPost, path: "/admin/stuck-bookings/{id}/retry", service: booking},
	{id: "listNotifications", method: http.MethodGet, path: "/notifications", service: notification},
}
