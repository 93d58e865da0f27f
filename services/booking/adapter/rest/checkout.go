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

type payInput struct {
	ID             string `path:"id" format:"uuid"`
	IdempotencyKey string `header:"Idempotency-Key" required:"true" minLength:"1" doc:"Repeat a request with the same key, and it answers what became of the first. Kept 24 hours" example:"pay-4711"`
	Body           attemptBody
}

type attemptBody struct {
	Token string `json:"token,omitempty" minLength:"1" maxLength:"255" doc:"The payment provider's token for a card, as in POST /bookings; absent where nothing is to be paid" example:"tok_visa"`
}

type extendInput struct {
	ID             string `path:"id" format:"uuid"`
	IdempotencyKey string `header:"Idempotency-Key" required:"true" minLength:"1" doc:"Repeat a request with the same key, and it extends once. Kept 24 hours" example:"extend-4711"`
}

type correctInput struct {
	ID   string `path:"id" format:"uuid"`
	Body correctBody
}

type correctBody struct {
	Name   httpkit.Optional `json:"name,omitempty" nullable:"false" minLength:"1" maxLength:"200" example:"Ada King"`
	Email  httpkit.Optional `json:"email,omitempty" nullable:"false" maxLength:"1000" example:"ada@example.com"`
	Phone  httpkit.Optional `json:"phone,omitempty" maxLength:"20" doc:"E.164. With it, there are SMS about what is paid; null or empty removes it" example:"+4915112345678"`
	Locale httpkit.Optional `json:"locale,omitempty" maxLength:"35" doc:"The language in which we write to the guest, a BCP 47 tag; null or empty removes it" example:"de-AT"`
}

// checkoutOver is why a checkout can be neither paid nor extended.
var checkoutOver = []problem.Code{
	problem.Forbidden, problem.BookingNotFound, problem.CheckoutExpired, problem.CheckoutAbandoned, problem.AlreadyPaid,
	problem.PaymentInProgress, problem.BookingInProgress, problem.EventCancelled, problem.IdempotencyKeyReused, problem.SalesPaused,
}

func registerCheckout(api huma.API, s *booking.Service, guard *auth.Guard, sale *rush) {
	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "payBooking", Middlewares: huma.Middlewares{sale.counted}, Method: http.MethodPost, Path: "/bookings/{id}/payment", Tags: []string{"bookings"},
		Summary:     "Pay for a booking that was made with checkout",
		Description: "Tries one card, and confirms the booking when it is paid. 202 with next_action says that the customer has to act first, and without it that the outcome is not known yet: look at Location. A declined card, 402, ends nothing: the tickets are held until payment.expires_at, and another card can be tried, five in all. None is tried in the last 30 seconds, or in the last quarter of a time to pay that is shorter than two minutes. A new try replaces one that waits for the customer. After several declined payments in a row, of all bookings of the account, there is a pause before the next.",
	},
		append(checkoutOver, problem.PaymentDeclined, problem.AmountNotPayable, problem.TooManyAttempts, problem.RateLimited)...,
	), identity.Everybody...), func(ctx context.Context, in *payInput) (*answer, error) {
		b, err := s.Pay(ctx, auth.Caller(ctx), canonical(in.ID), in.Body.Token, in.IdempotencyKey)
		if err != nil {
			return nil, refused(ctx, b, err)
		}
		return checkedOut(b), nil
	})
	httpkit.AlsoAnswers(api, "payBooking", http.StatusAccepted, true, "The customer has to act, or the payment's outcome is not known yet; look at Location")

	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "extendBooking", Method: http.MethodPost, Path: "/bookings/{id}/extension", Tags: []string{"bookings"},
		Summary:     "Take more time to pay for a booking",
		Description: "Holds the tickets of a booking that was made with checkout for its full time from now on, at most twice.",
	},
		append(checkoutOver, problem.NoMoreExtensions)...,
	), identity.Everybody...), func(ctx context.Context, in *extendInput) (*struct{ Body bookingBody }, error) {
		b, err := s.Extend(ctx, auth.Caller(ctx), canonical(in.ID), in.IdempotencyKey)
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body bookingBody }{toBody(b)}, nil
	})
}

func registerCorrection(api huma.API, s *booking.Service, guard *auth.Guard) {
	huma.Register(api, guard.User(api, httpkit.Refuses(huma.Operation{
		OperationID: "correctBooking", Method: http.MethodPatch, Path: "/bookings/{id}", Tags: []string{"bookings"},
		Summary:     "Correct who has booked, and how they hear of it",
		Description: "For a guest, of a booking that was made with checkout, until it is paid and while no payment is being worked on. What is left out stays. It counts for this booking alone.",
	},
		problem.Forbidden, problem.BookingNotFound, problem.CheckoutExpired, problem.CheckoutAbandoned, problem.AlreadyPaid,
		problem.PaymentInProgress, problem.EventCancelled, problem.SalesPaused,
	), identity.Guest), func(ctx context.Context, in *correctInput) (*struct{ Body bookingBody }, error) {
		b, err := s.Correct(ctx, auth.Caller(ctx), canonical(in.ID), booking.Correction{
			Name: in.Body.Name.Given(), Email: in.Body.Email.Given(), Phone: in.Body.Phone.Given(), Locale: in.Body.Locale.Given(),
		})
		if err != nil {
			return nil, table.To(ctx, err)
		}
		return &struct{ Body bookingBody }{toBody(b)}, nil
	})
}

// checkedOut answers a payment.
func checkedOut(b booking.Booking) *answer {
	status := http.StatusOK
	if b.Status == booking.Pending {
		status = http.StatusAccepted
	}
	return &answer{Status: status, Location: "/bookings/" + b.ID, Body: toBody(b)}
}
