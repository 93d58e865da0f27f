package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/web"
)

type tokenBody struct {
	Access    string `json:"access_token"`
	Refresh   string `json:"refresh_token"`
	ExpiresIn int64  `json:"expires_in"`
}

// tokens returns tokens that were asked for at a moment.
func (b tokenBody) tokens(asked time.Time) web.Tokens {
	return web.Tokens{Access: b.Access, Refresh: b.Refresh, ExpiresAt: asked.Add(time.Duration(b.ExpiresIn) * time.Second)}
}

type emailBody struct {
	Email string `json:"email"`
}

// AdmitGuest implements web.SignIns.
func (g *Gateway) AdmitGuest(ctx context.Context, by web.Caller, guest web.Guest) (web.Tokens, error) {
	asked := g.now()
	var out tokenBody
	err := g.do(ctx, call{Request: post("guests"), by: by, in: struct {
		Name   string `json:"name"`
		Email  string `json:"email"`
		Phone  string `json:"phone,omitempty"`
		Locale string `json:"locale,omitempty"`
	}(guest)}, &out)
	if err != nil {
		return web.Tokens{}, err
	}
	return out.tokens(asked), nil
}

// Register implements web.SignIns.
func (g *Gateway) Register(ctx context.Context, by web.Caller, r web.Registration) error {
	return g.do(ctx, call{Request: post("users"), by: by, in: struct {
		Name     string `json:"name"`
		Email    string `json:"email"`
		Password string `json:"password"`
		Locale   string `json:"locale,omitempty"`
	}(r)}, nil)
}

// LogIn implements web.SignIns.
func (g *Gateway) LogIn(ctx context.Context, by web.Caller, email, password string) (web.Tokens, error) {
	return g.grant(ctx, by, url.Values{"grant_type": {"password"}, "username": {email}, "password": {password}})
}

// Renew implements web.SignIns.
func (g *Gateway) Renew(ctx context.Context, by web.Caller, refresh string) (web.Tokens, error) {
	tokens, err := g.grant(ctx, by, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
	if web.Refused(err) == invalidGrant {
		err = fmt.Errorf("%w: %w", web.ErrSignedOut, err)
	}
	return tokens, err
}

// LogOut implements web.SignIns.
func (g *Gateway) LogOut(ctx context.Context, by web.Caller, refresh string) error {
	return g.oauth(ctx, by, "revoke", url.Values{"token": {refresh}}, nil)
}

func (g *Gateway) grant(ctx context.Context, by web.Caller, form url.Values) (web.Tokens, error) {
	asked := g.now()
	var out tokenBody
	if err := g.oauth(ctx, by, "", form, &out); err != nil {
		return web.Tokens{}, err
	}
	if out.Access == "" || out.Refresh == "" {
		return web.Tokens{}, fmt.Errorf("%w: no token in its answer", web.ErrUnavailable)
	}
	return out.tokens(asked), nil
}

// Errors of OAuth 2.0.
const (
	invalidGrant   = "invalid_grant"
	invalidRequest = "invalid_request" // a field is missing: it belongs to nobody
	slowDown       = "slow_down"
)

// oauth makes a call of /token or what is below it, which refuses as RFC 6749 §5.2 has it.
func (g *Gateway) oauth(ctx context.Context, by web.Caller, below string, form url.Values, out any) error {
	path := []string{"token"}
	if below != "" {
		path = append(path, below)
	}
	c := call{Request: post(path...), by: by}
	c.ContentType, c.Body = "application/x-www-form-urlencoded", []byte(form.Encode())
	client, r, err := g.prepared(c)
	if err != nil {
		return err
	}
	res, err := client.Open(ctx, r)
	if err != nil {
		return c.refused(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusBadRequest && res.StatusCode != http.StatusTooManyRequests {
		return c.refused(httpkit.Read(res, out))
	}
	var refused struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(res.Body).Decode(&refused); err != nil {
		return fmt.Errorf("%w: unreadable answer: %w", web.ErrUnavailable, err)
	}
	refusal := &web.Refusal{Code: refused.Error, Detail: refused.Description, RetryAfter: httpkit.RetryAfter(res)}
	switch refused.Error {
	case invalidRequest:
		refusal.Code = invalidGrant
	case slowDown:
		refusal.Code = string(problem.RateLimited)
	case "":
		return fmt.Errorf("%w: %s without an error", web.ErrUnavailable, res.Status)
	}
	return refusal
}

type accountBody struct {
	ID            string    `json:"id"`
	Name          string    `json:"name"`
	Email         string    `json:"email"`
	Phone         string    `json:"phone"`
	Locale        string    `json:"locale"`
	EmailVerified bool      `json:"email_verified"`
	PhoneVerified bool      `json:"phone_verified"`
	Role          string    `json:"role"`
	CreatedAt     time.Time `json:"created_at"`
}

func (g *Gateway) account(ctx context.Context, c call) (web.Account, error) {
	var out accountBody
	if err := g.do(ctx, c, &out); err != nil {
		return web.Account{}, err
	}
	return web.Account{
		ID: out.ID, Name: out.Name, Email: out.Email, Phone: out.Phone, Locale: out.Locale,
		EmailVerified: out.EmailVerified, PhoneVerified: out.PhoneVerified, Role: out.Role, CreatedAt: out.CreatedAt,
	}, nil
}

// Me implements web.Accounts.
func (g *Gateway) Me(ctx context.Context, by web.Caller) (web.Account, error) {
	return g.account(ctx, call{Request: get("users", "me"), by: by, shows: account})
}

// Change implements web.Accounts.
func (g *Gateway) Change(ctx context.Context, by web.Caller, to web.Profile) (web.Account, error) {
	c := call{Request: post("users", "me"), by: by, shows: account, in: struct {
		Name            *string `json:"name,omitempty"`
		Locale          *string `json:"locale,omitempty"`
		Password        *string `json:"password,omitempty"`
		CurrentPassword *string `json:"current_password,omitempty"`
	}(to)}
	c.Method = http.MethodPatch
	return g.account(ctx, c)
}

// ChangeEmail implements web.Accounts.
func (g *Gateway) ChangeEmail(ctx context.Context, by web.Caller, email, password string) error {
	return g.do(ctx, call{Request: post("users", "me", "email"), by: by, shows: account, in: struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}{email, password}}, nil)
}

// Sessions implements web.Accounts.
func (g *Gateway) Sessions(ctx context.Context, by web.Caller, cursor string) (items []web.AccountSession, next string, err error) {
	c := call{Request: get("users", "me", "sessions"), by: by, shows: account}
	c.Query = after(cursor)
	var page struct {
		Items []struct {
			ID         string    `json:"id"`
			Current    bool      `json:"current"`
			StartedAt  time.Time `json:"started_at"`
			LastUsedAt time.Time `json:"last_used_at"`
			ExpiresAt  time.Time `json:"expires_at"`
		} `json:"items"`
		Next string `json:"next_cursor"`
	}
	if err := g.do(ctx, c, &page); err != nil {
		return nil, "", err
	}
	for _, s := range page.Items {
		items = append(items, web.AccountSession(s))
	}
	return items, page.Next, nil
}

// EndSession implements web.Accounts.
func (g *Gateway) EndSession(ctx context.Context, by web.Caller, id string) error {
	c := call{Request: post("users", "me", "sessions", id), by: by, shows: account}
	c.Method = http.MethodDelete
	return g.do(ctx, c, nil)
}

type linkBody struct {
	Token string `json:"token"`
}

// proof makes a call with a token from a mail. One that no mail has had proves nothing.
func (g *Gateway) proof(ctx context.Context, c call) error {
	err := g.do(ctx, c, nil)
	if r, ok := errors.AsType[*web.Refusal](err); ok && slices.ContainsFunc(r.Fields, func(f web.FieldError) bool { return f.Field == "token" }) {
		return &web.Refusal{Code: string(problem.LinkNotValid), Detail: r.Detail}
	}
	return err
}

// RequestVerification implements web.Proofs.
func (g *Gateway) RequestVerification(ctx context.Context, by web.Caller, email string) error {
	return g.do(ctx, call{Request: post("users", "verification"), by: by, in: emailBody{email}}, nil)
}

// ConfirmVerification implements web.Proofs.
func (g *Gateway) ConfirmVerification(ctx context.Context, by web.Caller, token string) error {
	return g.proof(ctx, call{Request: post("users", "verification", "confirm"), by: by, in: linkBody{token}})
}

// ConfirmEmail implements web.Proofs.
func (g *Gateway) ConfirmEmail(ctx context.Context, by web.Caller, token string) error {
	return g.proof(ctx, call{Request: post("users", "me", "email", "confirm"), by: by, shows: account, in: linkBody{token}})
}

// RequestPasswordReset implements web.Proofs.
func (g *Gateway) RequestPasswordReset(ctx context.Context, by web.Caller, email string) error {
	return g.do(ctx, call{Request: post("password-reset"), by: by, in: emailBody{email}}, nil)
}

// ResetPassword implements web.Proofs.
func (g *Gateway) ResetPassword(ctx context.Context, by web.Caller, token, password string) error {
	return g.proof(ctx, call{Request: post("password-reset", "confirm"), by: by, in: struct {
		Token    string `json:"token"`
		Password string `json:"password"`
	}{token, password}})
}
