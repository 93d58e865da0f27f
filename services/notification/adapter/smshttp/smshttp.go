// Package smshttp is an SMSProvider over HTTP: a gateway that takes
//
//	POST <base>/messages
//	Authorization: Bearer <token>
//	Idempotency-Key: <notification id>
//	{"to": "+4930123456", "text": "…"}
//
// and answers with any 2xx. 409 means that it has this key already.
package smshttp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/openboxoffice/boxoffice/services/notification"
)

const timeout = 15 * time.Second

// Gateway is a notification.SMSProvider.
type Gateway struct {
	endpoint, token string
	http            *http.Client
}

var _ notification.SMSProvider = (*Gateway)(nil)

// New returns the gateway at the base URL. An empty token sends none.
func New(base, token string) (*Gateway, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, errors.New("sms: the base URL must be http:// or https://")
	}
	return &Gateway{
		endpoint: u.JoinPath("messages").String(), token: token,
		http: &http.Client{
			Timeout: timeout,
			// A redirect would carry the text and the number elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Send implements notification.SMSProvider.
func (g *Gateway) Send(ctx context.Context, t notification.Text) error {
	body, err := json.Marshal(struct {
		To   string `json:"to"`
		Text string `json:"text"`
	}{t.To, t.Body})
	if err != nil {
		return &notification.SendError{Reason: "the SMS cannot be written", Permanent: true}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.endpoint, bytes.NewReader(body))
	if err != nil {
		return &notification.SendError{Reason: "the SMS provider cannot be used as configured"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", t.ID)
	if g.token != "" {
		req.Header.Set("Authorization", "Bearer "+g.token)
	}
	res, err := g.http.Do(req)
	if err != nil {
		return &notification.SendError{Reason: "the SMS provider does not answer"}
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection is kept
	switch code := res.StatusCode; {
	case code >= 200 && code < 300, code == http.StatusConflict:
		return nil
	case code == http.StatusBadRequest, code == http.StatusUnprocessableEntity:
		// It can read us and does not want this one. Other refusals (a wrong
		// token, a wrong path, too many) are the operator's to put right.
		return &notification.SendError{Reason: fmt.Sprintf("the SMS provider answered %d", code), Permanent: true}
	default:
		return &notification.SendError{Reason: fmt.Sprintf("the SMS provider answered %d", code)}
	}
}
