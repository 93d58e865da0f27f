package rest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"

	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/storage"
	"github.com/openboxoffice/boxoffice/services/user"
)

// tokenBody is an answer of RFC 6749 §5.1.
type tokenBody struct {
	AccessToken  string `json:"access_token" doc:"A JWT (RFC 9068), good for expires_in seconds" example:"eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl"`
	TokenType    string `json:"token_type" enum:"Bearer"`
	ExpiresIn    int    `json:"expires_in" doc:"Seconds" example:"900"`
	RefreshToken string `json:"refresh_token" doc:"Good for one use within 30 days, which may be repeated until the next token is used. Using it after that ends the session" example:"bYT2m3RqFq0u4wq8pEJ5lQ3uP1gq0w8y3e5K6zvJx1c"`
}

// oauthError is an answer of RFC 6749 §5.2.
type oauthError struct {
	Error       string `json:"error" enum:"invalid_request,invalid_grant,unsupported_grant_type,slow_down,temporarily_unavailable,server_error"`
	Description string `json:"error_description,omitempty" example:"grant_type is needed"`
}

// token is POST /token.
func (h *handlers) token(w http.ResponseWriter, r *http.Request) {
	f, ok := h.oauthForm(w, r)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	var grant user.Grant
	var err error
	switch f["grant_type"] {
	case "password":
		if f["username"] == "" || f["password"] == "" {
			refuseRequest(w, "username and password are needed")
			return
		}
		err = h.login(ctx, h.clientOf(r), user.EmailKey(h.service.Normalize(f["username"])), func() error {
			grant, err = h.service.Login(ctx, f["username"], f["password"])
			return err
		})
	case "refresh_token":
		if f["refresh_token"] == "" {
			refuseRequest(w, "refresh_token is needed")
			return
		}
		grant, err = h.service.Refresh(ctx, f["refresh_token"])
	case "":
		refuseRequest(w, "grant_type is needed")
		return
	default:
		writeOAuth(w, http.StatusBadRequest, oauthError{"unsupported_grant_type", "grant_type must be password or refresh_token"})
		return
	}
	if err != nil {
		h.oauthFailure(w, r, err)
		return
	}
	writeOAuth(w, http.StatusOK, tokenBody{
		AccessToken: grant.AccessToken, TokenType: "Bearer",
		ExpiresIn: int(grant.ExpiresIn.Seconds()), RefreshToken: grant.RefreshToken,
	})
}

// revoke is POST /token/revoke (RFC 7009). A token that is not known is
// answered like one that is.
func (h *handlers) revoke(w http.ResponseWriter, r *http.Request) {
	f, ok := h.oauthForm(w, r)
	if !ok {
		return
	}
	if f["token"] == "" {
		refuseRequest(w, "token is needed")
		return
	}
	if err := h.service.Revoke(r.Context(), f["token"]); err != nil {
		h.oauthFailure(w, r, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// login runs try, a login to account from c. An address with many wrong passwords
// is slowed down, but for the accounts that were registered or have logged in from
// there.
func (h *handlers) login(ctx context.Context, c client, account string, try func() error) error {
	a := attemptOf(c, account)
	if err := h.logins.full(a.account); err != nil {
		return err
	}
	// What is refused anyway takes no time from the others at its address.
	if err := h.byAccountFromAddress.full(a); err != nil {
		return err
	}
	if !h.knows(a) {
		l := unsuspected
		if h.byAccountFromAddress.struck(a) {
			l = suspected
		}
		if err := h.pace.wait(ctx, c, l); err != nil {
			return err
		}
	}
	err := h.tryPassword(ctx, a, try)
	switch {
	case err == nil:
		h.logins.add(a.account)
		h.know(a)
	case errors.Is(err, user.ErrInvalidGrant):
		h.pace.count(c)
	}
	return err
}

// tryPassword runs try, which compares one password, when it is a's turn. After
// too many wrong ones it returns *errThrottled.
func (h *handlers) tryPassword(ctx context.Context, a attempt, try func() error) error {
	end, err := h.byAccountFromAddress.begin(ctx, a)
	if err != nil {
		return err
	}
	o := void
	defer func() { end(o) }()
	leave, err := h.line.enter(ctx, a)
	if err != nil {
		return err
	}
	defer leave()
	err = try()
	switch {
	case err == nil:
		o = pardon
	case errors.Is(err, user.ErrInvalidGrant), errors.Is(err, user.ErrWrongPassword):
		o = strike
	}
	return err
}

// knows reports whether a was registered or has logged in before: its account from
// its address.
func (h *handlers) knows(a attempt) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.known.Contains(a)
}

func (h *handlers) know(a attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known.Add(a, struct{}{})
}

// oauthForm returns the parameters of r, or answers it.
func (h *handlers) oauthForm(w http.ResponseWriter, r *http.Request) (form, bool) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		writeOAuth(w, http.StatusMethodNotAllowed, oauthError{"invalid_request", "the method must be POST"})
		return nil, false
	}
	f, err := readForm(w, r)
	var unread *httpkit.Error
	switch {
	case errors.As(err, &unread):
		maps.Copy(w.Header(), unread.Headers)
		writeOAuth(w, unread.Status, oauthError{"invalid_request", unread.Detail})
		return nil, false
	case err != nil:
		refuseRequest(w, err.Error())
		return nil, false
	}
	return f, true
}

// oauthFailure answers what the use cases refused. slow_down is RFC 8628's.
func (h *handlers) oauthFailure(w http.ResponseWriter, r *http.Request, err error) {
	var throttled *errThrottled
	switch {
	case errors.As(err, &throttled):
		w.Header().Set("Retry-After", strconv.Itoa(httpkit.Seconds(throttled.wait)))
		writeOAuth(w, http.StatusTooManyRequests, oauthError{"slow_down", "there were too many attempts"})
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", strconv.Itoa(httpkit.Seconds(busyRetry)))
		writeOAuth(w, http.StatusServiceUnavailable, oauthError{"temporarily_unavailable", "too many log in at once; try again"})
	case errors.Is(err, user.ErrInvalidGrant):
		writeOAuth(w, http.StatusBadRequest, oauthError{"invalid_grant", user.ErrInvalidGrant.Error()})
	case errors.Is(err, storage.ErrUnavailable):
		h.service.Log.WarnContext(r.Context(), "refused for want of the database", "error", err)
		w.Header().Set("Retry-After", "1")
		writeOAuth(w, http.StatusServiceUnavailable, oauthError{"temporarily_unavailable", "the database does not answer; try again"})
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		w.Header().Set("Retry-After", "1")
		writeOAuth(w, http.StatusServiceUnavailable, oauthError{"temporarily_unavailable", "the request took too long or was given up"})
	default:
		h.service.Log.ErrorContext(r.Context(), "unexpected error", "error", err)
		writeOAuth(w, http.StatusInternalServerError, oauthError{"server_error", "something went wrong on our side"})
	}
}

func refuseRequest(w http.ResponseWriter, description string) {
	writeOAuth(w, http.StatusBadRequest, oauthError{"invalid_request", description})
}

func writeOAuth(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The client may be gone; there is nobody to tell.
	_ = json.NewEncoder(w).Encode(body)
}
