//go:build pact

package pact_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/pacttest"
	"github.com/openboxoffice/boxoffice/services/web"
	"github.com/openboxoffice/boxoffice/services/web/adapter/gateway"
)

// The user service makes its access tokens itself, so that a pact has none: here is what
// web asks without, and how it is refused where it needs one. What it reads with a token
// its contract on the real services proves.
func TestConsumerOfUser(t *testing.T) {
	const of = "there is no such user"
	form := pacttest.Header{"Content-Type": pacttest.Is("application/x-www-form-urlencoded")}
	noToken := pacttest.Problem(401, problem.Unauthenticated)
	nothing := pacttest.Answer{Status: 400, Header: asJSON, Body: pacttest.Body{"error": "invalid_request"}}
	token := strings.Repeat("A", 43)
	signedOut := func(name, method, path string, header pacttest.Header, body any, call func(ctx context.Context, g *gateway.Gateway) error) exchange {
		return exchange{
			of, name, pacttest.Request{Method: method, Path: path, Header: header, Body: body}, noToken,
			func(ctx context.Context, g *gateway.Gateway) error { return wrong(call(ctx, g), web.ErrSignedOut) },
		}
	}
	name, email := "Ada", map[string]any{"email": "ada@example.com"}
	exchanges := []exchange{
		{of, "a guest", pacttest.Request{Method: http.MethodPost, Path: "/guests", Header: withJSON, Body: map[string]any{"name": "Ada", "email": "ada@example.com", "locale": "en"}},
			pacttest.Answer{Status: 201, Header: asJSON, Body: pacttest.Body{"access_token": pacttest.Like("e30.e30.c2ln"), "expires_in": pacttest.Integer(7200), "token_type": "Bearer"}},
			func(ctx context.Context, g *gateway.Gateway) error {
				tokens, err := g.AdmitGuest(ctx, nobody, web.Guest{Name: "Ada", Email: "ada@example.com", Locale: "en"})
				return has("the token", tokens.Access != "" && tokens.ExpiresAt.After(time.Now()), err)
			}},
		{of, "a guest without an address", pacttest.Request{Method: http.MethodPost, Path: "/guests", Header: withJSON, Body: map[string]any{"name": "Ada", "email": "nowhere"}},
			pacttest.Answer{Status: 422, Header: pacttest.Header{"Content-Type": pacttest.Is(problem.ContentType)}, Body: pacttest.Body{
				"code": "validation_failed", "errors": pacttest.Each(pacttest.Body{"location": "body.email", "message": pacttest.Like("must be an email address")}),
			}},
			func(ctx context.Context, g *gateway.Gateway) error {
				_, err := g.AdmitGuest(ctx, nobody, web.Guest{Name: "Ada", Email: "nowhere"})
				r, ok := err.(*web.Refusal) //nolint:errorlint // as it is
				if !ok || len(r.Fields) != 1 || r.Fields[0].Field != "email" {
					return fmt.Errorf("error %w, want the field email", err)
				}
				return nil
			}},
		{of, "an account", pacttest.Request{Method: http.MethodPost, Path: "/users", Header: withJSON, Body: map[string]any{"name": "Ada", "email": "ada@example.com", "password": "a sparrow in the organ"}},
			pacttest.Answer{Status: 201},
			func(ctx context.Context, g *gateway.Gateway) error {
				return g.Register(ctx, nobody, web.Registration{Name: "Ada", Email: "ada@example.com", Password: "a sparrow in the organ"})
			}},
		{"there is a user with no phone", "an account whose address is taken", pacttest.Request{Method: http.MethodPost, Path: "/users", Header: withJSON, Body: map[string]any{"name": "Ada", "email": "ada@example.com", "password": "a sparrow in the organ"}},
			pacttest.Problem(409, problem.EmailTaken),
			func(ctx context.Context, g *gateway.Gateway) error {
				return refused(g.Register(ctx, nobody, web.Registration{Name: "Ada", Email: "ada@example.com", Password: "a sparrow in the organ"}), problem.EmailTaken)
			}},
		// A form is no JSON, of which alone a pact can tell what it must have.
		{of, "a login with nothing", pacttest.Request{Method: http.MethodPost, Path: "/token", Header: form}, nothing,
			func(ctx context.Context, g *gateway.Gateway) error {
				_, err := g.LogIn(ctx, nobody, "", "")
				return refused(err, "invalid_grant")
			}},
		{of, "the end of no session", pacttest.Request{Method: http.MethodPost, Path: "/token/revoke", Header: form}, nothing,
			func(ctx context.Context, g *gateway.Gateway) error {
				return refused(g.LogOut(ctx, nobody, ""), "invalid_grant")
			}},
		{of, "a mail that verifies an address", pacttest.Request{Method: http.MethodPost, Path: "/users/verification", Header: withJSON, Body: email}, pacttest.Answer{Status: 202},
			func(ctx context.Context, g *gateway.Gateway) error {
				return g.RequestVerification(ctx, nobody, "ada@example.com")
			}},
		{of, "a verification by a token that was never sent", pacttest.Request{Method: http.MethodPost, Path: "/users/verification/confirm", Header: withJSON, Body: map[string]any{"token": "x"}},
			pacttest.Answer{Status: 422, Header: pacttest.Header{"Content-Type": pacttest.Is(problem.ContentType)}, Body: pacttest.Body{
				"code": "validation_failed", "errors": pacttest.Each(pacttest.Body{"location": "body.token", "message": pacttest.Like("must be a token from a mail")}),
			}},
			func(ctx context.Context, g *gateway.Gateway) error {
				return refused(g.ConfirmVerification(ctx, nobody, "x"), problem.LinkNotValid)
			}},
		{of, "a mail to set a new password", pacttest.Request{Method: http.MethodPost, Path: "/password-reset", Header: withJSON, Body: email}, pacttest.Answer{Status: 202},
			func(ctx context.Context, g *gateway.Gateway) error {
				return g.RequestPasswordReset(ctx, nobody, "ada@example.com")
			}},
		{of, "a new password by a token that was never sent", pacttest.Request{Method: http.MethodPost, Path: "/password-reset/confirm", Header: withJSON, Body: map[string]any{"token": "x", "password": "a sparrow in the organ"}},
			pacttest.Answer{Status: 422, Header: pacttest.Header{"Content-Type": pacttest.Is(problem.ContentType)}, Body: pacttest.Body{
				"code": "validation_failed", "errors": pacttest.Each(pacttest.Body{"location": "body.token", "message": pacttest.Like("must be a token from a mail")}),
			}},
			func(ctx context.Context, g *gateway.Gateway) error {
				return refused(g.ResetPassword(ctx, nobody, "x", "a sparrow in the organ"), problem.LinkNotValid)
			}},
		signedOut("one's account without a token", http.MethodGet, "/users/me", nil, nil, func(ctx context.Context, g *gateway.Gateway) error { _, err := g.Me(ctx, nobody); return err }),
		signedOut("another name without a token", http.MethodPatch, "/users/me", withJSON, map[string]any{"name": "Ada"}, func(ctx context.Context, g *gateway.Gateway) error {
			_, err := g.Change(ctx, nobody, web.Profile{Name: &name})
			return err
		}),
		signedOut("another address without a token", http.MethodPost, "/users/me/email", withJSON, map[string]any{"email": "ada@example.com", "password": "x"}, func(ctx context.Context, g *gateway.Gateway) error {
			return g.ChangeEmail(ctx, nobody, "ada@example.com", "x")
		}),
		signedOut("the proof of another address without a token", http.MethodPost, "/users/me/email/confirm", withJSON, map[string]any{"token": token}, func(ctx context.Context, g *gateway.Gateway) error {
			return g.ConfirmEmail(ctx, nobody, token)
		}),
		signedOut("one's sessions without a token", http.MethodGet, "/users/me/sessions", nil, nil, func(ctx context.Context, g *gateway.Gateway) error {
			_, _, err := g.Sessions(ctx, nobody, "")
			return err
		}),
		signedOut("the end of a session without a token", http.MethodDelete, "/users/me/sessions/"+sessionID, nil, nil, func(ctx context.Context, g *gateway.Gateway) error { return g.EndSession(ctx, nobody, sessionID) }),
	}
	draw(t, "user", pacttest.As("web"), exchanges)
}
