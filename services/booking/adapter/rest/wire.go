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
	EventID string       `json:"event_id" format:"uuid" doc:"The event" example:"01890a5d-ac96-774b-bcce-b302099a8057"`
	Tickets int          `json:"tickets,omitempty" minimum:"1" maximum:"20" doc:"That many of the event's first ticket type; or give items" example:"2"`
	Items   []wantedBody `json:"items,omitempty" minItems:"1" maxItems:"20" doc:"Tickets by type; or give tickets"`
	UserID  string       `json:"user_id,omitempty" format:"uuid" doc:"The caller's own id, if given"`
	Payment *payBody     `json:"payment,omitempty" doc:"How to pay"`
}

// TransformSchema implements huma.SchemaTransformer: tickets, or items, and not
// both.
func (createBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	httpkit.DocumentOneOf(s, "tickets", "items")
	s.Examples = []any{createBody{EventID: "01890a5d-ac96-774b-bcce-b302099a8057", Tickets: 2, Payment: &payBody{Token: "tok_visa"}}}
	return s
}

type wantedBody struct {
	TicketTypeID string `json:"ticket_type_id" format:"uuid"`
	Quantity     int    `json:"quantity" minimum:"1" maximum:"20"`
}

type payBody struct {
	Token string `json:"token" minLength:"1" maxLength:"255" doc:"The payment provider's token for a card. The sandbox knows tok_visa, tok_declined, tok_insufficient_funds, tok_timeout and tok_slow" example:"tok_visa"`
}

// TransformSchema implements huma.SchemaTransformer: it may be null.
func (payBody) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Nullable = true
	return s
}

type bookingBody struct {
	ID        string        `json:"id" format:"uuid"`
	UserID    string        `json:"user_id" format:"uuid"`
	EventID   string        `json:"event_id" format:"uuid"`
	Event     *events.Event `json:"event,omitempty" doc:"The event as it was booked; absent until tickets are held"`
	Items     []events.Item `json:"items" nullable:"false"`
	Tickets   int           `json:"tickets" doc:"How many in all" example:"2"`
	Total     *money.Amount `json:"total,omitempty" doc:"Absent until tickets are held"`
	Status    string        `json:"status" enum:"PENDING,CONFIRMED,FAILED,CANCELLING,CANCELLED" example:"CANCELLED"`
	Reason    string        `json:"reason,omitempty" doc:"Why it failed: a problem code" example:"payment_declined"`
	Payment   paymentBody   `json:"payment"`
	Refund    *refundBody   `json:"refund,omitempty"`
	Timeline  []stepBody    `json:"timeline" nullable:"false"`
	CreatedAt time.Time     `json:"created_at"`
	UpdatedAt time.Time     `json:"updated_at"`
}

type paymentBody struct {
	Provider  string `json:"provider" example:"sandbox"`
	Reference string `json:"reference" doc:"The provider's; empty until captured" example:"ch_4711"`
	Status    string `json:"status" enum:"pending,captured,declined,not_charged,refunded,not_required" example:"refunded"`
}

type refundBody struct {
	ID     string       `json:"id" format:"uuid"`
	Amount money.Amount `json:"amount"`
	Status string       `json:"status" enum:"pending,refunded" example:"refunded"`
}

type stepBody struct {
	At     time.Time `json:"at"`
	Step   string    `json:"step" example:"confirmed"`
	Detail string    `json:"detail" example:"attempt 1"`
}

func toBody(b booking.Booking) bookingBody {
	out := bookingBody{
		ID: b.ID, UserID: b.UserID, EventID: b.EventID, Items: b.Items, Tickets: b.Tickets(),
		Status: string(b.Status), Reason: string(b.Reason),
		Payment:   paymentBody{b.Payment.Provider, b.Payment.Reference, string(b.Payment.Status)},
		Timeline:  make([]stepBody, len(b.Timeline)),
		CreatedAt: b.CreatedAt, UpdatedAt: b.UpdatedAt,
	}
	if b.Event.ID != "" {
		out.Event = &b.Event
	}
	if b.Total.Currency != "" {
		out.Total = &b.Total
	}
	if b.Refund != nil {
		status := "pending"
		if b.Refund.Done {
			status = "refunded"
		}
		out.Refund = &refundBody{b.Refund.ID, b.Refund.Amount, status}
	}
	for i, s := range b.Timeline {
		out.Timeline[i] = stepBody(s)
	}
	return out
}

type ledgerBody struct {
	BookingID string       `json:"booking_id" format:"uuid"`
	Kind      string       `json:"kind" enum:"charge,refund"`
	Amount    money.Amount `json:"amount"`
	Reference string       `json:"reference" example:"ch_4711"`
	At        time.Time    `json:"at"`
}
