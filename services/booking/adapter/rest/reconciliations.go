package rest

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

func registerReconciliations(api huma.API, s *booking.Service, records booking.Records, guard *auth.Guard) {
	type page struct {
		Body httpkit.List[reportBody]
	}
	type before struct {
		ID string `json:"b"`
	}
	huma.Register(api, guard.User(api, huma.Operation{
		OperationID: "listReconciliations", Method: http.MethodGet, Path: "/admin/reconciliations", Tags: []string{"admin"},
		Summary:     "List what reconciliations have found, newest first",
		Description: "Each compares the payment provider's books, the bookings, what the other services have heard, and who holds tickets. For an admin.",
	}, identity.Admin), func(ctx context.Context, in *struct{ httpkit.Page }) (*page, error) {
		id := ""
		if in.Cursor != "" {
			var c before
			if err := httpkit.DecodeCursor(in.Cursor, &c); err != nil {
				return nil, err
			}
			if u, err := uuid.Parse(c.ID); err != nil || u.String() != c.ID {
				return nil, httpkit.ErrCursor()
			}
			id = c.ID
		}
		reports, err := records.Reports(ctx, id, in.Limit+1)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &page{httpkit.ListOf(reports, in.Limit, toReport, func(r booking.Report) any { return before{r.ID} })}, nil
	})

	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "reconcile", Method: http.MethodPost, Path: "/admin/reconciliations", DefaultStatus: http.StatusCreated, Tags: []string{"admin"},
		Summary:     "Reconcile now",
		Description: "Of the bookings of the last days, repairs what is safe, and answers with the report. It is also done by itself once a day. For an admin.",
	}, problem.UpstreamUnavailable), identity.Admin), func(ctx context.Context, in *struct {
		Days int `query:"days" minimum:"1" maximum:"3660" default:"30" doc:"How many days back"`
	},
	) (*struct{ Body reportBody }, error) {
		r, err := s.Reconcile(ctx, auth.Caller(ctx).UserID, time.Now().AddDate(0, 0, -in.Days))
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body reportBody }{toReport(r)}, nil
	})

	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "acceptReconciliation", Method: http.MethodPost, Path: "/admin/reconciliations/{id}/accept", DefaultStatus: http.StatusOK, Tags: []string{"admin"},
		Summary:     "Accept what a reconciliation has found",
		Description: "Says that an admin has dealt with the findings, or takes them as they are. After a restore from a backup nothing is sold while findings are left: accepting the newest report by \"restore\" opens sales, within seconds. Repeating it changes nothing. For an admin.",
	}, problem.ReportNotFound), identity.Admin), func(ctx context.Context, in *struct {
		ID string `path:"id" format:"uuid"`
	},
	) (*struct{ Body reportBody }, error) {
		r, err := s.AcceptReport(ctx, auth.Caller(ctx), in.ID)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body reportBody }{toReport(r)}, nil
	})
}

type reportBody struct {
	ID         string        `json:"id" format:"uuid"`
	By         string        `json:"by" doc:"The id of the user, or the name of the worker, who asked for it" example:"recovery"`
	Since      time.Time     `json:"since" doc:"It looked at bookings made since then"`
	StartedAt  time.Time     `json:"started_at"`
	FinishedAt time.Time     `json:"finished_at"`
	Checked    checkedBody   `json:"checked"`
	Findings   []findingBody `json:"findings" nullable:"false" doc:"The first 1,000"`
	LeftOut    int           `json:"left_out" minimum:"0" example:"0" doc:"How many findings there are beside these; the booking service's log has each"`
	Counts     []countBody   `json:"counts" nullable:"false" doc:"Of all findings, those left out too"`
	AcceptedBy string        `json:"accepted_by,omitempty" doc:"The id of the admin who has accepted the findings" example:"01890a5d-ac96-774b-bcce-b302099a8057"`
	AcceptedAt *time.Time    `json:"accepted_at,omitempty"`
}

type countBody struct {
	Kind  string `json:"kind" example:"hold_leaked"`
	Found int    `json:"found" minimum:"1" example:"3"`
	Open  int    `json:"open" minimum:"0" example:"0" doc:"Those that were not repaired"`
}

type checkedBody struct {
	Bookings int `json:"bookings" example:"1200"`
	Charges  int `json:"charges" example:"1150"`
	Holdings int `json:"holdings" example:"1100"`
	Messages int `json:"messages" example:"1300"`
}

type findingBody struct {
	Kind      string `json:"kind" enum:"late_payment,refund_due,hold_leaked,message_lost,money_disagrees,charge_unknown,charge_missing,tickets_missing,booking_stuck,no_answer" example:"hold_leaked"`
	BookingID string `json:"booking_id" doc:"As the one who has it says; empty where nobody knows" example:"01890a5d-ac96-774b-bcce-b302099a8057"`
	Detail    string `json:"detail" example:"2 tickets of event 01890a5d-ac96-774b-bcce-b302099a8057, attempt 1: there is no such booking"`
	Repaired  bool   `json:"repaired" doc:"Whether there is nothing left to do about it"`
}

func toReport(r booking.Report) reportBody {
	r = r.Bounded()
	out := reportBody{
		ID: r.ID, By: r.By, Since: r.Since, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt,
		Checked: checkedBody(r.Checked), Findings: make([]findingBody, len(r.Findings)), AcceptedBy: r.AcceptedBy,
		LeftOut: r.LeftOut(), Counts: make([]countBody, 0, len(r.Counts)),
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Counts)) {
		c := r.Counts[kind]
		out.Counts = append(out.Counts, countBody{string(kind), c.Found, c.Open})
	}
	if !r.AcceptedAt.IsZero() {
		out.AcceptedAt = &r.AcceptedAt
	}
	for i, f := range r.Findings {
		out.Findings[i] = findingBody{string(f.Kind), f.BookingID, f.Detail, f.Repaired}
	}
	return out
}
