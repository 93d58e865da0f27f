package stripe

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// maxWebhook is how large an event of Stripe's may be, in bytes. A payment
// intent has a few KiB, and 50 pieces of metadata of 500 characters at most.
const maxWebhook = 256 << 10

const webhookPath = "/payments/stripe/webhook"

// Register adds the operation by which Stripe tells what has become of a payment.
// webhook is nil where Stripe is not the provider: the operation is documented all
// the same, for there is one document of one version, and there is nothing at its
// path.
func Register(api huma.API, s *booking.Service, webhook *Webhook) {
	huma.Register(api, httpkit.Refuses(huma.Operation{
		OperationID: "hearStripe", Method: http.MethodPost, Path: webhookPath, Tags: []string{"payments"}, DefaultStatus: http.StatusOK,
		Summary: "Hear from Stripe",
		Description: "The webhook for Stripe to call; its signature is what lets in. 200 says that the event is kept, and is acted on " +
			"without being told again. There is nothing here where another payment provider is used.",
		MaxBodyBytes: maxWebhook, SkipValidateBody: true,
	}, problem.RouteNotFound, problem.InvalidSignature), func(ctx context.Context, in *struct {
		Signature string `header:"Stripe-Signature" doc:"When it was signed, and the signatures" example:"t=1735689600,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd"`
		RawBody   []byte `contentType:"application/json"`
	},
	) (*struct{}, error) {
		if webhook == nil {
			return nil, httpkit.NewProblem(http.StatusNotFound, problem.RouteNotFound, "Stripe is not the payment provider here.")
		}
		e, err := webhook.Event(in.RawBody, in.Signature)
		if err != nil {
			return nil, httpkit.Errors{}.To(ctx, err)
		}
		if err := (httpkit.Errors{}).To(ctx, s.KeepPaymentEvent(ctx, e)); err != nil {
			// Whatever it is, Stripe is to tell it again.
			var p *httpkit.Error
			if errors.As(err, &p) && p.Code == problem.Unavailable {
				return nil, p
			}
			return nil, httpkit.NewProblem(http.StatusServiceUnavailable, problem.Unavailable, "The event cannot be kept now. Try again.").WithRetryAfter(1)
		}
		return nil, nil
	})
	// huma documents a raw body as binary.
	content := api.OpenAPI().Paths[webhookPath].Post.RequestBody.Content["application/json"]
	content.Schema = &huma.Schema{
		Type: huma.TypeObject, Description: "Stripe's event", Required: []string{"id", "type"}, AdditionalProperties: true,
		Properties: map[string]*huma.Schema{"id": {Type: huma.TypeString}, "type": {Type: huma.TypeString}},
	}
	content.Example = map[string]any{"id": "evt_4711", "type": "payment_intent.succeeded"}
}
