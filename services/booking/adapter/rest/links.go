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

// linked returns op, of one booking, for users and for whoever has no access token but
// shows the key in a link to the booking. The handler asks callerOf who that is.
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
	key, _ = ctx.Value(bookingKey{}).(string)
	return key, true
}

// callerOf returns who calls an operation on the booking with this id: the user of the
// access token, or whoever has the link that is its buyer's.
func callerOf(ctx context.Context, s *booking.Service, id string) (identity.Caller, error) {
	if key, instead := keyOf(ctx); instead {
		return s.Buyer(ctx, id, key)
	}
	return auth.Caller(ctx), nil
}

func registerLinks(api huma.API, s *booking.Service, guard *auth.Guard) {
	huma.Register(api, linked(api, guard, httpkit.Refuses(huma.Operation{
		OperationID: "endLinks", Method: http.MethodDelete, Path: "/bookings/{id}/links", DefaultStatus: http.StatusNoContent, Tags: []string{"bookings"},
		Summary:     "End the links to a booking",
		Description: "The links that its buyer was mailed open nothing any more, the one that asks for it included. Holders keep the links to their tickets: a ticket that is passed on ends those.",
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
}
