package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

func registerAudit(api huma.API, log booking.AuditLog, guard *auth.Guard) {
	type page struct{ Body httpkit.List[auditBody] }
	type before struct {
		Number int64 `json:"n"`
	}
	huma.Register(api, guard.User(api, huma.Operation{
		OperationID: "listAuditLog", Method: http.MethodGet, Path: "/admin/audit", Tags: []string{"admin"},
		Summary:     "List what was done to money and tickets, newest first",
		Description: "Who did what, when and why: of one booking, of one event, or all. Entries are only ever added. For an admin.",
	}, identity.Admin), func(ctx context.Context, in *struct {
		httpkit.Page
		BookingID string `query:"booking_id" format:"uuid"`
		EventID   string `query:"event_id" format:"uuid" doc:"Not together with booking_id"`
	},
	) (*page, error) {
		q := booking.AuditQuery{BookingID: canonical(in.BookingID), EventID: canonical(in.EventID), Limit: in.Limit + 1}
		if q.BookingID != "" && q.EventID != "" {
			return nil, httpkit.Invalid(problem.Field{Location: "query.event_id", Message: "give either booking_id or event_id, not both"})
		}
		if in.Cursor != "" {
			var c before
			if err := httpkit.DecodeCursor(in.Cursor, &c); err != nil {
				return nil, err
			}
			if c.Number < 1 {
				return nil, httpkit.ErrCursor()
			}
			q.Before = c.Number
		}
		entries, err := log.Audit(ctx, q)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		body := func(e booking.AuditEntry) auditBody {
			return auditBody{e.Number, e.At, e.By, e.Step.Step, e.Detail, e.BookingID, e.EventID, e.Version}
		}
		return &page{httpkit.ListOf(entries, in.Limit, body, func(e booking.AuditEntry) any { return before{e.Number} })}, nil
	})
}
