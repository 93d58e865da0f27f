package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

func registerStuckBookings(api huma.API, s *booking.Service, guard *auth.Guard) {
	type after struct {
		ID string `json:"b"`
	}
	huma.Register(api, guard.User(api, huma.Operation{
		OperationID: "listStuckBookings", Method: http.MethodGet, Path: "/admin/stuck-bookings", Tags: []string{"admin"},
		Summary:     "List the bookings that are set aside",
		Description: "The service failed unexpectedly at these bookings, or cannot read them. It tries each again after a pause, which grows from 10 seconds to 15 minutes. By their ids, for an admin.",
	}, identity.Admin), func(ctx context.Context, in *struct{ httpkit.Page }) (*struct {
		Body httpkit.List[stuckBody]
	}, error,
	) {
		var c after
		if in.Cursor != "" {
			if err := httpkit.DecodeCursor(in.Cursor, &c); err != nil {
				return nil, err
			}
			if u, err := uuid.Parse(c.ID); err != nil || u.String() != c.ID {
				return nil, httpkit.ErrCursor()
			}
		}
		stuck, err := s.Stuck(ctx, auth.Caller(ctx), c.ID, in.Limit+1)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct {
			Body httpkit.List[stuckBody]
		}{httpkit.ListOf(stuck, in.Limit, toStuck, func(b booking.StuckBooking) any { return after{b.ID} })}, nil
	})

	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "retryStuckBooking", Method: http.MethodPost, Path: "/admin/stuck-bookings/{id}/retry", DefaultStatus: http.StatusNoContent, Tags: []string{"admin"},
		Summary:     "Try a booking that is set aside again, at once",
		Description: "404 for a booking that is not set aside. For an admin.",
	}, problem.BookingNotFound), identity.Admin), func(ctx context.Context, in *struct {
		ID string `path:"id" format:"uuid"`
	},
	) (*struct{}, error) {
		return nil, table.To(ctx, s.RetryStuck(ctx, auth.Caller(ctx), canonical(in.ID)))
	})
}

type stuckBody struct {
	BookingID string    `json:"booking_id" format:"uuid"`
	EventID   string    `json:"event_id" format:"uuid"`
	Status    string    `json:"status" enum:"PENDING,CONFIRMED,FAILED,CANCELLING,CANCELLED" example:"PENDING"`
	Error     string    `json:"error" doc:"What went wrong the last time" example:"panic: runtime error: index out of range [1] with length 1"`
	Since     time.Time `json:"since" doc:"When it was last set aside"`
	Tries     int       `json:"tries" minimum:"0" doc:"How often it was tried" example:"3"`
	RetryAt   time.Time `json:"retry_at" doc:"When it is tried again"`
}

func toStuck(b booking.StuckBooking) stuckBody {
	return stuckBody{
		BookingID: b.ID, EventID: b.EventID, Status: string(b.Status), Error: b.Error, Since: b.Since, Tries: b.Tries, RetryAt: b.RetryAt,
	}
}
