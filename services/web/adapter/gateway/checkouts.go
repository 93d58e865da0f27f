package gateway

import (
	"context"
	"net/http"
	"strings"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/web"
)

// Config implements web.Checkouts.
func (g *Gateway) Config(ctx context.Context, by web.Caller) (web.PaymentsConfig, error) {
	var out struct {
		Provider       string `json:"provider"`
		PublishableKey string `json:"publishable_key"`
	}
	err := g.do(ctx, call{Request: get("payments", "config"), by: by}, &out)
	return web.PaymentsConfig(out), err
}

type wantedBody struct {
	TicketTypeID string `json:"ticket_type_id"`
	Quantity     int    `json:"quantity"`
}

// Begin implements web.Checkouts.
func (g *Gateway) Begin(ctx context.Context, by web.Caller, key, eventID string, items []web.Quantity, total money.Amount) (web.Booking, error) {
	in := struct {
		EventID       string       `json:"event_id"`
		Items         []wantedBody `json:"items"`
		Checkout      bool         `json:"checkout"`
		ExpectedTotal money.Amount `json:"expected_total"`
	}{EventID: eventID, Checkout: true, ExpectedTotal: total}
	for _, item := range items {
		in.Items = append(in.Items, wantedBody(item))
	}
	return g.booking(ctx, call{Request: post("bookings"), by: by, shows: user, key: key, in: in})
}

// Pay implements web.Checkouts.
func (g *Gateway) Pay(ctx context.Context, by web.Caller, key, bookingID, token string) (web.Booking, error) {
	in := struct {
		Token string `json:"token,omitempty"`
	}{token}
	return g.booking(ctx, call{Request: post("bookings", bookingID, "payment"), by: by, shows: buyer, key: key, in: in})
}

// challengePath is where the sandbox waits for a customer, before a nonce.
const challengePath = "/payments/sandbox/challenge/"

// AnswerSandbox implements web.Checkouts.
func (g *Gateway) AnswerSandbox(ctx context.Context, by web.Caller, url string, confirmed bool) error {
	nonce, ok := strings.CutPrefix(url, challengePath)
	if !ok {
		return web.ErrNotFound
	}
	c := call{Request: post("payments", "sandbox", "challenge", nonce), by: by}
	c.Query = map[string][]string{"outcome": {"refused"}}
	if confirmed {
		c.Query.Set("outcome", "confirmed")
	}
	return g.do(ctx, c, nil)
}

// Extend implements web.Checkouts.
func (g *Gateway) Extend(ctx context.Context, by web.Caller, key, bookingID string) (web.Booking, error) {
	return g.booking(ctx, call{Request: post("bookings", bookingID, "extension"), by: by, shows: buyer, key: key})
}

// Abandon implements web.Checkouts.
func (g *Gateway) Abandon(ctx context.Context, by web.Caller, bookingID string) (web.Booking, error) {
	c := call{Request: post("bookings", bookingID, "cancel"), by: by, shows: buyer}
	c.Method = http.MethodPut
	return g.booking(ctx, c)
}

// Correct implements web.Checkouts.
func (g *Gateway) Correct(ctx context.Context, by web.Caller, bookingID string, to web.Buyer) (web.Booking, error) {
	c := call{Request: post("bookings", bookingID), by: by, shows: buyer, in: struct {
		Name   string `json:"name"`
		Email  string `json:"email"`
		Phone  string `json:"phone"`
		Locale string `json:"locale"`
	}(to)}
	c.Method = http.MethodPatch
	return g.booking(ctx, c)
}

func (g *Gateway) booking(ctx context.Context, c call) (web.Booking, error) {
	var out bookingBody
	if err := g.do(ctx, c, &out); err != nil {
		return web.Booking{}, err
	}
	return out.booking(), nil
}
