package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// linked returns op, an operation on one booking, for users with an access token and for
// requests with a Booking-Key instead. The handler calls callerOf for the caller.
func linked(api huma.API, guard *auth.Guard, op huma.Operation, roles ...identity.Role) huma.Operation {
	op.Middlewares = append(op.Middlewares, withBookingKey)
	return guard.UserOr(api, op, httpkit.SchemeBookingKey, httpkit.BookingKey, roles...)
}

type bookingKey struct{}

// withBookingKey passes on the key that a request shows. No cache may keep the answer.
func withBookingKey(ctx huma.Context, next func(huma.Context)) {
	r, _ := humachi.Unwrap(ctx)
	switch keys := r.Header.Values(httpkit.BookingKey); len(keys) {
	case 0:
	case 1:
		ctx.SetHeader("Cache-Control", "no-store")
		ctx = huma.WithValue(ctx, bookingKey{}, keys[0])
	default: // no link has two
		ctx.SetHeader("Cache-Control", "no-store")
	}
	next(ctx)
}

// keyOf returns the key that the request shows in place of an access token.
func keyOf(ctx context.Context) (key string, instead bool) {
	if auth.Caller(ctx).UserID != "" {
		return "", false
	}
	return shownKey(ctx), true
}

// shownKey returns the key that the request shows, beside its access token or without one.
func shownKey(ctx context.Context) string {
	key, _ := ctx.Value(bookingKey{}).(string)
	return key
}

// callerOf returns the caller of an operation on the booking with this id: the user of the
// access token, or the buyer whose key the request has.
func callerOf(ctx context.Context, s *booking.Service, id string) (identity.Caller, error) {
	if key, instead := keyOf(ctx); instead {
		return s.Buyer(ctx, id, key)
	}
	return auth.Caller(ctx), nil
}

type resendInput struct {
	ID             string `path:"id" format:"uuid"`
	IdempotencyKey string `header:"Idempotency-Key" required:"true" minLength:"1" doc:"Repeat a request with the same key, and it sends once. Kept 24 hours" example:"resend-4711"`
}

func registerLinks(api huma.API, s *booking.Service, guard *auth.Guard) {
	huma.Register(api, linked(api, guard, httpkit.Refuses(huma.Operation{
		OperationID: "endLinks", Method: http.MethodDelete, Path: "/bookings/{id}/links", DefaultStatus: http.StatusNoContent, Tags: []string{"bookings"},
		Summary:     "End the links to a booking",
		Description: "The keys of its buyer open nothing any more, the one that asks for it included. Holders keep the links to their tickets: a ticket that is passed on ends those.",
	},
		problem.Forbidden, problem.BookingNotFound, problem.BookingInProgress,
	), identity.Everybody...), func(ctx context.Context, in *struct {
		ID string `path:"id" format:"uuid"`
	},
	) (*struct{}, error) {
		id := canonical(in.ID)
		c, err := callerOf(ctx, s, id)
		if err == nil {
			err = s.EndLinks(ctx, c, id)
		}
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return nil, nil
	})

	huma.Register(api, linked(api, guard, httpkit.Refuses(huma.Operation{
		OperationID: "resendBooking", Method: http.MethodPost, Path: "/bookings/{id}/resend", DefaultStatus: http.StatusAccepted, Tags: []string{"bookings"},
		Summary:     "Mail the confirmation of a booking again",
		Description: "The mail goes to the address of the booking, five times within 24 hours at most.",
	},
		problem.Forbidden, problem.BookingNotFound, problem.NoValidTickets, problem.RateLimited, problem.BookingInProgress, problem.IdempotencyKeyReused,
	), identity.Everybody...), func(ctx context.Context, in *resendInput) (*struct{}, error) {
		id := canonical(in.ID)
		c, err := callerOf(ctx, s, id)
		if err == nil {
			err = s.Resend(ctx, c, id, in.IdempotencyKey)
		}
		if err != nil {
			return nil, refused(ctx, booking.Booking{}, err)
		}
		return nil, nil
	})

	claim := guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "claimBooking", Method: http.MethodPost, Path: "/bookings/{id}/claim", Tags: []string{"bookings"}, Middlewares: huma.Middlewares{withBookingKey},
		Summary:     "Move a guest's booking to one's account",
		Description: "By the access token of the account, and the key in the link that the buyer was mailed, both. From then on the booking's mails go to the account. If that has another address, the links of before end. The names on the tickets stay. Repeating it answers the booking.",
	},
		problem.Forbidden, problem.BookingNotFound, problem.AlreadyClaimed, problem.BookingInProgress, problem.PaymentInProgress,
	))
	claim.Security = []map[string][]string{{httpkit.SchemeBearer: {}, httpkit.SchemeBookingKey: {}}}
	huma.Register(api, claim, func(ctx context.Context, in *struct {
		ID string `path:"id" format:"uuid"`
	},
	) (*struct{ Body bookingBody }, error) {
		b, err := s.ClaimBooking(ctx, auth.Caller(ctx), canonical(in.ID), shownKey(ctx))
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body bookingBody }{toBody(b)}, nil
	})
}
