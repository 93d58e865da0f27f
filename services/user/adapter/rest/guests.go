package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/user"
)

type guestBody struct {
	Name   string           `json:"name" minLength:"1" maxLength:"200" example:"Ada Lovelace"`
	Email  string           `json:"email" maxLength:"1000" example:"ada@example.com"`
	Phone  httpkit.Optional `json:"phone,omitempty" doc:"E.164. With it, there are SMS about what is paid" example:"+4915112345678"`
	Locale httpkit.Optional `json:"locale,omitempty" doc:"The language in which we write to the guest, a BCP 47 tag" example:"de-AT"`
}

type guestTokenBody struct {
	ID          string `json:"id" format:"uuid" doc:"The user_id of the guest's bookings"`
	AccessToken string `json:"access_token" doc:"A JWT (RFC 9068) of the role guest, good for expires_in seconds" example:"eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl"`
	TokenType   string `json:"token_type" enum:"Bearer"`
	ExpiresIn   int    `json:"expires_in" doc:"Seconds" example:"7200"`
}

func (h *handlers) registerGuests(api huma.API) {
	huma.Register(api, h.fromClient(httpkit.Refuses(huma.Operation{
		OperationID: "admitGuest", Method: http.MethodPost, Path: "/guests", DefaultStatus: http.StatusCreated, Tags: []string{"tokens"},
		Summary:     "Get an access token to book without an account",
		Description: "Each request makes a guest of its own, who sees and cancels the bookings made with this token, and no others. There is no refresh token.",
	}, problem.RateLimited)), h.admitGuest)
}

func (h *handlers) admitGuest(ctx context.Context, in *struct{ Body guestBody }) (*struct {
	CacheControl string `header:"Cache-Control"`
	Body         guestTokenBody
}, error,
) {
	a := h.attemptOf(ctx, in.Body.Email)
	if err := h.guests.enter(ctx, a, h.knows(a)); err != nil {
		return nil, refused(ctx, err)
	}
	g, err := h.service.AdmitGuest(ctx, user.Guest{
		Name: in.Body.Name, Email: in.Body.Email, Phone: in.Body.Phone.Value, Locale: in.Body.Locale.Value,
	})
	if err != nil {
		return nil, refused(ctx, err)
	}
	return &struct {
		CacheControl string `header:"Cache-Control"`
		Body         guestTokenBody
	}{"no-store", guestTokenBody{ID: g.GuestID, AccessToken: g.AccessToken, TokenType: "Bearer", ExpiresIn: int(g.ExpiresIn.Seconds())}}, nil
}
