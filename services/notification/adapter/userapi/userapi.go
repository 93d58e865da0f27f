// Package userapi is the user service as notification needs it.
package userapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// Timeout is how long one call may take.
const Timeout = 5 * time.Second

// Users is a notification.Contacts and a notification.AccountMails.
type Users struct{ client *httpkit.Client }

var (
	_ notification.Contacts     = (*Users)(nil)
	_ notification.AccountMails = (*Users)(nil)
)

// New returns the user service that client calls.
func New(client *httpkit.Client) *Users { return &Users{client: client} }

// AccountMail implements notification.AccountMails with GET /account-mails/{id}.
func (u *Users) AccountMail(ctx context.Context, id string) (notification.AccountMail, error) {
	var out struct {
		To        string    `json:"to"`
		Name      string    `json:"name"`
		Locale    string    `json:"locale"`
		URL       string    `json:"url"`
		Token     string    `json:"token"`
		Operation string    `json:"operation"`
		Code      string    `json:"code"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	err := u.client.Do(ctx, http.MethodGet, []string{"account-mails", id}, nil, &out)
	var p *problem.Problem
	switch {
	case errors.As(err, &p) && p.Code == problem.MailNotDue:
		return notification.AccountMail{}, notification.ErrNotDue
	case err != nil:
		return notification.AccountMail{}, err
	}
	return notification.AccountMail(out), nil
}

// Contact implements notification.Contacts with GET /users/{id}/contact.
func (u *Users) Contact(ctx context.Context, userID string) (notification.Contact, error) {
	var out struct {
		Email  string `json:"email"`
		Name   string `json:"name"`
		Phone  string `json:"phone"`
		Locale string `json:"locale"`
	}
	err := u.client.Do(ctx, http.MethodGet, []string{"users", userID, "contact"}, nil, &out)
	var p *problem.Problem
	switch {
	case errors.As(err, &p) && p.Code == problem.UserNotFound:
		return notification.Contact{}, notification.ErrNoContact
	case err != nil:
		return notification.Contact{}, err
	}
	return notification.Contact(out), nil
}
