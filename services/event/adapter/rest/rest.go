// Package rest is the event service's HTTP API: the only package here that
// knows status codes.
package rest

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// table says how each of the domain's errors is answered.
var table = httpkit.Errors{
	{Err: event.ErrEventNotFound, Status: http.StatusNotFound, Code: problem.EventNotFound},
	{Err: event.ErrTicketTypeNotFound, Status: http.StatusUnprocessableEntity, Code: problem.TicketTypeNotFound},
	{Err: event.ErrForbidden, Status: http.StatusForbidden, Code: problem.Forbidden},
	{Err: event.ErrStale, Status: http.StatusPreconditionFailed, Code: problem.PreconditionFailed},
	{Err: event.ErrSoldOut, Status: http.StatusConflict, Code: problem.SoldOut},
	{Err: event.ErrSalesClosed, Status: http.StatusConflict, Code: problem.SalesClosed},
	{Err: event.ErrReservationReleased, Status: http.StatusConflict, Code: problem.ReservationReleased},
	{Err: event.ErrReservationMismatch, Status: http.StatusConflict, Code: problem.ReservationMismatch},
	{Err: event.ErrReservationNotFound, Status: http.StatusConflict, Code: problem.TicketsNotBooked},
	{Err: event.ErrReturnTooMany, Status: http.StatusConflict, Code: problem.TicketsNotBooked},
	{Err: event.ErrCapacityBelowSold, Status: http.StatusConflict, Code: problem.CapacityBelowSold},
	{Err: event.ErrTicketTypeInUse, Status: http.StatusConflict, Code: problem.TicketTypeInUse},
	{Err: event.ErrEventHasBookings, Status: http.StatusConflict, Code: problem.EventHasBookings},
	{Err: event.ErrNotTold, Status: http.StatusConflict, Code: problem.EventHasBookings},
	{Err: event.ErrEventCancelled, Status: http.StatusConflict, Code: problem.EventCancelled},
	{Err: event.ErrNotCancelled, Status: http.StatusNotFound, Code: problem.EventNotCancelled},
	{Err: event.ErrBookingUnavailable, Status: http.StatusServiceUnavailable, Code: problem.UpstreamUnavailable, RetryAfter: 1},
}

// Register adds the operations to api.
func Register(api huma.API, s *event.Service, guard *auth.Guard) {
	registerReading(api, s)
	registerEditing(api, s, guard)
	registerCancelling(api, s, guard)
	registerInventory(api, s, guard)
}
