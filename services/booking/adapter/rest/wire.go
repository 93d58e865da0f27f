package rest

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

type createBody struct {
	EventID       string        `json:"event_id" format:"uuid" doc:"The event" example:"01890a5d-ac96-774b-bcce-b302099a8057"`
	Tickets       int           `json:"tickets,omitempty" minimum:"1" maximum:"20" doc:"That many of the event's first ticket type; or give items" example:"2"`
	Items         []wantedBody  `json:"items,omitempty" minItems:"1" maxItems:"20" doc:"Tickets by type; or give tickets"`
	UserID        string        `json:"user_id,omitempty" format:"uuid" doc:"The caller's own id, if given"`
	Payment       *payBody      `json:"payment,omitempty" doc:"How to pay"`
	Checkout      bool          `json:"checkout,omitempty" doc:"Hold the tickets only, until payment.expires_at, and pay later: POST /bookings/{id}/payment. Not with payment.token"`
	ExpectedTotal *expectedBody `json:"expected_total,omitempty" doc:"The total that the customer has seen. Where it is another by now, nothing is booked: price_changed. A shop gives it always"`
}

// TransformSchema implements huma.SchemaTransformer: tickets, or items, and not
// both.
func (createBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	httpkit.DocumentOneOf(s, "tickets", "items")
	s.Examples = []any{createBody{EventID: "01890a5d-ac96-774b-bcce-b302099a8057", Tickets: 2, Payment: &payBody{Token: "tok_visa"}}}
	return s
}

type expectedBody struct {
	AmountMinor int64  `json:"amount_minor" minimum:"0" doc:"Amount in minor units (cents of a euro, yen of a yen)" example:"5000"`
	Currency    string `json:"currency" pattern:"^[A-Z]{3}$" doc:"ISO 4217 code" example:"EUR"`
}

// TransformSchema implements huma.SchemaTransformer: it may be null.
func (expectedBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Nullable = true
	return s
}

type wantedBody struct {
	TicketTypeID string `json:"ticket_type_id" format:"uuid"`
	Quantity     int    `json:"quantity" minimum:"1" maximum:"20"`
}

type payBody struct {
	Token string `json:"token" minLength:"1" maxLength:"255" doc:"The payment provider's token for a card: Stripe's pm_… or tok_…, which it needs. The sandbox knows tok_visa, tok_declined, tok_insufficient_funds, tok_decline_once, tok_authenticate, tok_timeout and tok_slow" example:"tok_visa"`
}

// TransformSchema implements huma.SchemaTransformer: it may be null.
func (payBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Nullable = true
	return s
}

type bookingBody struct {
	ID            string             `json:"id" format:"uuid"`
	UserID        string             `json:"user_id" format:"uuid"`
	Buyer         buyerBody          `json:"buyer"`
	EventID       string             `json:"event_id" format:"uuid"`
	Event         *events.Event      `json:"event,omitempty" doc:"The event as it was booked; absent until tickets are held"`
	Items         []events.Item      `json:"items" nullable:"false"`
	Tickets       int                `json:"tickets" doc:"How many in all" example:"2"`
	Total         *money.Amount      `json:"total,omitempty" doc:"Absent until tickets are held"`
	Status        string             `json:"status" enum:"PENDING,CONFIRMED,FAILED,CANCELLING,CANCELLED" example:"CANCELLED"`
	Reason        string             `json:"reason,omitempty" doc:"Why it failed, or was cancelled by another than the customer: a problem code" example:"payment_declined"`
	Payment       paymentBody        `json:"payment"`
	Refunds       []refundBody       `json:"refunds" nullable:"false" doc:"The money given back, or on its way"`
	Cancellations []cancellationBody `json:"cancellations" nullable:"false" doc:"The tickets given back; all of them, or some and the rest stands"`
	Timeline      []stepBody         `json:"timeline" nullable:"false"`
	CreatedAt     time.Time          `json:"created_at"`
	UpdatedAt     time.Time          `json:"updated_at"`
}

type buyerBody struct {
	Name   string  `json:"name" doc:"As of the booking, or as a guest has corrected it" example:"Ada Lovelace"`
	Email  string  `json:"email" doc:"As of the booking, or as a guest has corrected it" example:"ada@example.com"`
	Phone  *string `json:"phone,omitempty" doc:"Absent unless a guest has corrected it; empty for none" example:"+4915112345678"`
	Locale *string `json:"locale,omitempty" doc:"Absent unless a guest has corrected it; empty for none" example:"de-AT"`
}

func toBuyer(b booking.Booking) buyerBody {
	out := buyerBody{Name: b.UserName, Email: b.UserEmail}
	if b.Contact != nil {
		out.Phone, out.Locale = b.Contact.Phone, b.Contact.Locale
	}
	return out
}

type paymentBody struct {
	Provider   string        `json:"provider" example:"sandbox"`
	Reference  string        `json:"reference" doc:"The provider's; empty until there is one" example:"ch_4711"`
	Status     string        `json:"status" enum:"awaiting,pending,requires_action,captured,declined,not_charged,partially_refunded,refunded,not_required" example:"refunded"`
	Captured   *money.Amount `json:"captured,omitempty" doc:"What was paid; absent until it was"`
	NextAction *actionBody   `json:"next_action,omitempty" doc:"What the customer has to do before the money moves; absent where there is nothing"`
	ExpiresAt  *time.Time    `json:"expires_at,omitempty" doc:"Until when they can act, or pay; then the booking fails, and nothing is charged"`
}

type actionBody struct {
	Type         string `json:"type" doc:"The provider's" example:"redirect_to_url"`
	URL          string `json:"url,omitempty" doc:"Where to send the customer, if anywhere; a path is one of this API" example:"https://hooks.stripe.com/3d_secure_2/4711"`
	ClientSecret string `json:"client_secret,omitempty" doc:"For the provider's library, on the seller's page" example:"pi_4711_secret_0815"`
}

func toPayment(p booking.Payment) paymentBody {
	out := paymentBody{Provider: p.Provider, Reference: p.Reference, Status: string(p.Status)}
	if p.Captured.Currency != "" {
		out.Captured = &p.Captured
	}
	if p.Action != nil {
		out.NextAction = &actionBody{p.Action.Type, p.Action.URL, p.Action.ClientSecret}
	}
	if !p.Deadline.IsZero() {
		out.ExpiresAt = &p.Deadline
	}
	return out
}

type refundBody struct {
	ID     string       `json:"id" format:"uuid"`
	Amount money.Amount `json:"amount"`
	Status string       `json:"status" enum:"pending,refunded,due" doc:"due: the payment provider refuses it, and somebody has to see to it" example:"refunded"`
}

type cancellationBody struct {
	ID       string        `json:"id" format:"uuid"`
	Items    []events.Item `json:"items" nullable:"false"`
	Price    money.Amount  `json:"price" doc:"What the tickets had cost"`
	Fee      money.Amount  `json:"fee" doc:"What is kept of it, by the event's cancellation policy"`
	RefundID string        `json:"refund_id,omitempty" format:"uuid" doc:"Absent where nothing goes back"`
	FeeID    string        `json:"fee_refund_id,omitempty" format:"uuid" doc:"Of the refund of a fee that was kept first: the event had been cancelled by then"`
	All      bool          `json:"all" doc:"Whether no ticket is left"`
	Status   string        `json:"status" enum:"IN_PROGRESS,DONE" example:"DONE"`
	At       time.Time     `json:"at"`
}

func toCancellation(c booking.Cancellation) cancellationBody {
	status := "IN_PROGRESS"
	if c.Done {
		status = "DONE"
	}
	return cancellationBody{c.ID, c.Items, c.Price, c.Fee, c.RefundID, c.FeeRefundID, c.All, status, c.At}
}

type stepBody struct {
	At     time.Time `json:"at"`
	Step   string    `json:"step" example:"confirmed"`
	Detail string    `json:"detail" example:"attempt 1"`
}

func toBody(b booking.Booking) bookingBody {
	out := bookingBody{
		ID: b.ID, UserID: b.UserID, Buyer: toBuyer(b), EventID: b.EventID, Items: b.Items, Tickets: b.TicketCount(),
		Status: string(b.Status), Reason: string(b.Reason),
		Payment: toPayment(b.Payment),
		Refunds: make([]refundBody, len(b.Refunds)), Cancellations: make([]cancellationBody, len(b.Cancellations)),
		Timeline:  make([]stepBody, len(b.Timeline)),
		CreatedAt: b.CreatedAt, UpdatedAt: b.UpdatedAt,
	}
	if b.Event.ID != "" {
		out.Event = &b.Event
	}
	if b.Total.Currency != "" {
		out.Total = &b.Total
	}
	for i, r := range b.Refunds {
		out.Refunds[i] = refundBody{r.ID, r.Amount, string(r.Status)}
	}
	for i, c := range b.Cancellations {
		out.Cancellations[i] = toCancellation(c)
	}
	for i, s := range b.Timeline {
		out.Timeline[i] = stepBody{s.At, s.Step, s.Detail}
	}
	return out
}

type toCancelBody struct {
	Items   []wantedBody `json:"items,omitempty" minItems:"1" maxItems:"20" doc:"The tickets to cancel by type, of which those with the highest numbers go; or give tickets"`
	Tickets []string     `json:"tickets,omitempty" minItems:"1" maxItems:"20" format:"uuid" doc:"The tickets to cancel, by their ids; or give items"`
}

// TransformSchema implements huma.SchemaTransformer: items, or tickets, and not
// both.
func (toCancelBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	httpkit.DocumentOneOf(s, "items", "tickets")
	s.Examples = []any{toCancelBody{Tickets: []string{"01890a5d-ac96-774b-bcce-b302099a8057"}}}
	return s
}

type auditBody struct {
	Number    int64     `json:"number" doc:"Grows with every entry" example:"4711"`
	At        time.Time `json:"at"`
	By        string    `json:"by" doc:"The id of the user, or the name of the worker, who did it; link for whoever had the link to the booking" example:"recovery"`
	Step      string    `json:"step" example:"refunded"`
	Detail    string    `json:"detail" example:"25.00 EUR"`
	BookingID string    `json:"booking_id,omitempty" format:"uuid" doc:"Absent for what concerns an event"`
	EventID   string    `json:"event_id" format:"uuid"`
	Version   int64     `json:"version" doc:"The booking's, from this on" example:"3"`
}

type progressBody struct {
	EventID    string    `json:"event_id" format:"uuid"`
	RecordedAt time.Time `json:"recorded_at"`
	Done       bool      `json:"done" doc:"No booking is left to cancel, and no refund is due"`
	Pending    int       `json:"pending" doc:"Bookings still in the making: each will fail" example:"0"`
	Confirmed  int       `json:"confirmed" doc:"Bookings not begun with" example:"120"`
	Cancelling int       `json:"cancelling" example:"8"`
	Cancelled  int       `json:"cancelled" example:"72"`
	RefundsDue int       `json:"refunds_due" doc:"Refunds that the payment provider refuses: somebody has to see to them" example:"0"`
}

type chargeLimitsBody struct {
	Currency string `json:"currency" example:"EUR"`
	Step     int64  `json:"step_minor" minimum:"1" doc:"Every total is a multiple of it, in minor units" example:"1"`
	Minimum  int64  `json:"minimum_minor" minimum:"1" doc:"In minor units" example:"50"`
	Maximum  int64  `json:"maximum_minor" minimum:"1" doc:"In minor units" example:"99999999"`
}

type ledgerBody struct {
	BookingID string       `json:"booking_id" format:"uuid"`
	Kind      string       `json:"kind" enum:"charge,refund"`
	Amount    money.Amount `json:"amount"`
	Reference string       `json:"reference" example:"ch_4711"`
	At        time.Time    `json:"at"`
}
