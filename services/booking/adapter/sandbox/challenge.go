package sandbox

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"html/template"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// challengePath is followed by the nonce of an attempt that waits.
const challengePath = "/payments/sandbox/challenge/"

// errChallengeOver says that nothing waits under a nonce, or no more.
var errChallengeOver = problem.NewRefusal(problem.LinkNotValid, "there is nothing to confirm here, or no more")

// challenge is what a customer is asked to confirm.
type challenge struct {
	bookingID string
	attempt   int
	Amount    money.Amount
	waits     bool
}

// challenge returns that of the nonce; errChallengeOver if there never was one.
func (s *Sandbox) challenge(ctx context.Context, nonce string) (c challenge, err error) {
	err = s.db.Read.QueryRowContext(ctx, `
		SELECT a.booking_id, a.attempt, a.amount_minor, a.currency,
			a.state = 'waiting' AND NOT EXISTS (SELECT 1 FROM charges c WHERE c.booking_id = a.booking_id)
		FROM attempts a WHERE a.nonce = ?`, nonce).
		Scan(&c.bookingID, &c.attempt, &c.Amount.AmountMinor, &c.Amount.Currency, &c.waits)
	if errors.Is(err, sql.ErrNoRows) {
		err = errChallengeOver
	}
	return c, err
}

// page is a page of HTML. Only whoever knows the nonce in its address may read it.
type page struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	Policy      string `header:"Content-Security-Policy" doc:"Nothing is loaded, and forms stay here"`
	Cache       string `header:"Cache-Control" doc:"Not to be kept"`
	Referrer    string `header:"Referrer-Policy" doc:"Nobody is told the address"`
	Body        []byte
}

func pageOf(t *template.Template, data any) (*page, error) {
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return nil, err
	}
	return &page{
		"text/html; charset=utf-8", "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", "no-store", "no-referrer", out.Bytes(),
	}, nil
}

const head = `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sandbox payment</title></head>
<body><main>
`

var (
	asks = template.Must(template.New("asks").Parse(head + `<h1>Confirm your payment</h1>
<p>This is the page of a bank that does not exist. No money moves.</p>
<p>Amount: <strong>{{.Amount}}</strong></p>
<form method="post" action="?outcome=confirmed"><button>Confirm</button></form>
<form method="post" action="?outcome=refused"><button>Refuse</button></form>
</main></body></html>
`))
	thanks = template.Must(template.New("thanks").Parse(head + `<h1>{{if .}}Payment confirmed{{else}}Payment refused{{end}}</h1>
<p>You can close this page and return to the shop.</p>
</main></body></html>
`))
)

// Register adds the pages where customers act who pay by the sandbox. s is nil where
// another provider takes the money: the operations are documented all the same, for
// there is one document of one version, and there is nothing at their path.
func Register(api huma.API, bookings *booking.Service, s *Sandbox) {
	operation := func(op huma.Operation) huma.Operation {
		op.Path, op.Tags, op.DefaultStatus = challengePath+"{nonce}", []string{"payments"}, http.StatusOK
		op.Responses = map[string]*huma.Response{"200": {
			Description: "A page for the customer's browser",
			Content:     map[string]*huma.MediaType{"text/html": {Schema: &huma.Schema{Type: huma.TypeString}, Example: "<!DOCTYPE html>…"}},
		}}
		return httpkit.Refuses(op, problem.RouteNotFound, problem.LinkNotValid)
	}
	find := func(ctx context.Context, nonce string) (challenge, error) {
		if s == nil {
			return challenge{}, httpkit.NewProblem(http.StatusNotFound, problem.RouteNotFound, "The sandbox is not the payment provider here.")
		}
		c, err := s.challenge(ctx, nonce)
		return c, httpkit.Errors{}.To(ctx, err)
	}
	huma.Register(api, operation(huma.Operation{
		OperationID: "showSandboxChallenge", Method: http.MethodGet, Summary: "Ask the customer to confirm a payment",
		Description: "The page that `next_action` sends the customer to. Whoever has its address may act. There is nothing here where another payment provider is used.",
	}), func(ctx context.Context, in *struct {
		Nonce string `path:"nonce" pattern:"^[A-Z2-7]{26,52}$" doc:"Of the payment; from next_action" example:"UQ4SCMBVQKQLZ5NUJKO6PKW2QE"`
	},
	) (*page, error) {
		c, err := find(ctx, in.Nonce)
		switch {
		case err != nil:
			return nil, err
		case !c.waits:
			return nil, httpkit.Errors{}.To(ctx, errChallengeOver)
		}
		return pageOf(asks, c)
	})
	huma.Register(api, operation(huma.Operation{
		OperationID: "answerSandboxChallenge", Method: http.MethodPost, Summary: "Confirm or refuse a payment",
		Description: "What the page of showSandboxChallenge sends. It works once.",
	}), func(ctx context.Context, in *struct {
		Nonce   string `path:"nonce" pattern:"^[A-Z2-7]{26,52}$" doc:"Of the payment; from next_action" example:"UQ4SCMBVQKQLZ5NUJKO6PKW2QE"`
		Outcome string `query:"outcome" required:"true" enum:"confirmed,refused" doc:"What the customer does"`
	},
	) (*page, error) {
		c, err := find(ctx, in.Nonce)
		if err != nil {
			return nil, err
		}
		confirmed := in.Outcome == "confirmed"
		acted, err := s.Act(ctx, c.bookingID, c.attempt, confirmed)
		if err == nil {
			// A repeat hints again: the first may have died before.
			err = bookings.KeepPaymentEvent(ctx, booking.PaymentEvent{
				ID: fmt.Sprintf("sandbox_%s_%d", c.bookingID, c.attempt), Type: "challenge." + in.Outcome, BookingID: c.bookingID,
			})
		}
		if err == nil && !acted {
			err = errChallengeOver
		}
		if err != nil {
			return nil, httpkit.Errors{}.To(ctx, err)
		}
		return pageOf(thanks, confirmed)
	})
}
