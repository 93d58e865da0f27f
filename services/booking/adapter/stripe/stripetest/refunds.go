package stripetest

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

type refund struct {
	id, intent, currency, status string
	amount, created              int64
	metadata                     map[string]string
}

func (r *refund) wire() map[string]any {
	return map[string]any{
		"id": r.id, "object": "refund", "amount": r.amount, "currency": r.currency, "status": r.status,
		"payment_intent": r.intent, "metadata": r.metadata, "created": r.created,
	}
}

// refunded is how much of an intent has gone back, or will. s.mu is held.
func (s *Server) refunded(intentID string) (sum int64) {
	for _, r := range s.refunds {
		if r.intent == intentID && r.status != "failed" && r.status != "canceled" {
			sum += r.amount
		}
	}
	return sum
}

func (s *Server) createRefund(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, missing := s.find(r.Form.Get("payment_intent"))
	if i == nil {
		missing.status = 400
		return missing
	}
	amount, err := strconv.ParseInt(r.Form.Get("amount"), 10, 64)
	left := i.received - s.refunded(i.id)
	switch {
	case err != nil || amount < 1:
		return invalid("parameter_invalid_integer", "amount", "Invalid positive integer")
	case i.status != "succeeded":
		return refuse(400, "invalid_request_error", "", "", "This PaymentIntent does not have a successful charge to refund.")
	case s.refuse != 0:
		s.refuse--
		return refuse(400, "invalid_request_error", "refund_disputed_payment", "", "This was to be.")
	case left == 0:
		return refuse(400, "invalid_request_error", "charge_already_refunded", "", "The charge has already been refunded.")
	case amount > left:
		return refuse(400, "invalid_request_error", "", "amount", "Refund amount is greater than unrefunded amount on charge.")
	}
	made := &refund{
		id: newID("re"), intent: i.id, currency: i.currency, status: "succeeded", amount: amount,
		created: time.Now().Unix(), metadata: metadata(r),
	}
	s.refunds = append(s.refunds, made)
	s.tell("refund.created", made.wire())
	s.tell("charge.refunded", s.wireCharge(i))
	return ok(made.wire())
}

func (s *Server) getRefund(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, made := range s.refunds {
		if made.id == r.PathValue("id") {
			return ok(made.wire())
		}
	}
	return refuse(404, "invalid_request_error", "resource_missing", "id", "No such refund")
}

func (s *Server) listRefunds(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []map[string]any
	for _, made := range slices.Backward(s.refunds) {
		if want := r.Form.Get("payment_intent"); want == "" || made.intent == want {
			all = append(all, made.wire())
		}
	}
	return list(r, all)
}

// RefuseRefunds refuses the next n refunds, all of them where n is below 0, none
// any more where it is 0.
func (s *Server) RefuseRefunds(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = n
}

// FailRefunds lets the refunds of a booking fail that were made, as a bank may
// days later. The money is back.
func (s *Server) FailRefunds(bookingID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, made := range s.refunds {
		if made.metadata["booking_id"] == bookingID {
			made.status = "failed"
			s.tell("refund.failed", made.wire())
		}
	}
}

// Balance is what has been moved for a booking, in Stripe's units.
type Balance struct {
	Captured int64 `json:"captured"`
	Refunded int64 `json:"refunded"`
	// Charges and Refunds are how many there are: one charge at most, if all is
	// well.
	Charges int `json:"charges"`
	Refunds int `json:"refunds"`
}

// Books are what has been moved, by booking.
func (s *Server) Books() map[string]Balance {
	s.mu.Lock()
	defer s.mu.Unlock()
	books := map[string]Balance{}
	for _, i := range s.intents {
		b := books[i.bookingID()]
		b.Captured += i.received
		if i.received > 0 {
			b.Charges++
		}
		for _, r := range s.refunds {
			if r.intent == i.id && r.status != "failed" && r.status != "canceled" {
				b.Refunded += r.amount
				b.Refunds++
			}
		}
		books[i.bookingID()] = b
	}
	return books
}
