// Package rest is the notification service's HTTP API: the only package here
// that knows status codes.
package rest

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// table says how each of the domain's errors is answered: none reaches a
// client but those that every service has.
var table = httpkit.Errors{}

// body is a notification as clients see it.
type body struct {
	ID        string     `json:"id" format:"uuid"`
	BookingID string     `json:"booking_id,omitempty" format:"uuid" doc:"Absent for a test mail"`
	UserID    string     `json:"user_id" format:"uuid"`
	Channel   string     `json:"channel" enum:"email,sms"`
	To        string     `json:"to" doc:"Mail address or phone number" example:"ada@example.com"`
	Subject   string     `json:"subject" example:"Your tickets for Night of Strings"`
	Status    string     `json:"status" enum:"PENDING,SENT,FAILED,OUTDATED" example:"SENT" doc:"OUTDATED was not sent, because it was no longer true"`
	Attempts  int        `json:"attempts" doc:"How often it was tried"`
	Error     string     `json:"error,omitempty" doc:"Why the last attempt failed, or why it was not sent" example:"the mail server does not answer"`
	CreatedAt time.Time  `json:"created_at"`
	SentAt    *time.Time `json:"sent_at" doc:"null until it is sent"`
}

func toBody(n notification.Notification) body {
	b := body{
		ID: n.ID, BookingID: n.BookingID, UserID: n.UserID, Channel: string(n.Channel), To: n.To, Subject: n.Subject,
		Status: string(n.Status), Attempts: n.Attempts, Error: n.Error, CreatedAt: n.CreatedAt.UTC(),
	}
	if !n.SentAt.IsZero() {
		at := n.SentAt.UTC()
		b.SentAt = &at
	}
	return b
}

// Register adds the operations to api.
func Register(api huma.API, s *notification.Service, guard *auth.Guard) {
	huma.Register(api, guard.User(api, huma.Operation{
		OperationID: "listNotifications", Method: http.MethodGet, Path: "/notifications", Tags: []string{"notifications"},
		Summary:     "List one's own notifications",
		Description: "The newest first. An admin sees everybody's.",
	}), func(ctx context.Context, in *struct {
		httpkit.Page
		Status    string `query:"status" enum:"PENDING,SENT,FAILED,OUTDATED"`
		BookingID string `query:"booking_id" format:"uuid"`
	}) (*struct{ Body httpkit.List[body] }, error) {
		// One more than asked for tells whether there is another page.
		f := notification.Filter{BookingID: canonical(in.BookingID), Status: notification.Status(in.Status), Limit: in.Limit + 1}
		var err error
		if f.After, err = position(in.Cursor); err != nil {
			return nil, err
		}
		ns, err := s.List(ctx, auth.Caller(ctx), f)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		next := func(last notification.Notification) any { return last.Position() }
		return &struct{ Body httpkit.List[body] }{httpkit.ListOf(ns, in.Limit, toBody, next)}, nil
	})

	test := func(ctx context.Context, _ *struct{}) (*struct{ Body body }, error) {
		n, err := s.SendTest(ctx, auth.Caller(ctx))
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body body }{toBody(n)}, nil
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		huma.Register(api, guard.User(api, huma.Operation{
			OperationID: strings.ToLower(method) + "TestMail", Method: method, Path: "/notifications/test",
			DefaultStatus: http.StatusOK, Tags: []string{"notifications"},
			Summary:     "Send a test mail to oneself",
			Description: "Sends at once and answers the notification as it then stands: SENT, or PENDING with the error of the first attempt. For admins.",
		}, identity.Admin), test)
	}
}

// canonical is how ids are stored: huma takes a UUID in any case.
func canonical(id string) string {
	if u, err := uuid.Parse(id); err == nil {
		return u.String()
	}
	return id
}

// position reads a cursor of this list.
func position(cursor string) (*notification.Position, error) {
	if cursor == "" {
		return nil, nil
	}
	var p notification.Position
	if err := httpkit.DecodeCursor(cursor, &p); err != nil {
		return nil, err
	}
	// UnixMicro is undefined outside these years; no list has given them out.
	if y := p.CreatedAt.Year(); y < 2000 || y > 9999 || uuid.Validate(p.ID) != nil {
		return nil, httpkit.ErrCursor()
	}
	return &p, nil
}
