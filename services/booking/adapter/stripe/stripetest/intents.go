package stripetest

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// intent is a PaymentIntent.
type intent struct {
	id, currency, status, secret string
	charge                       string // of the one that succeeded
	amount, received             int64
	created                      int64
	metadata                     map[string]string
	method, returnURL            string
	reason                       string // of its cancellation
	acting                       string // the attempt that was confirmed last
	lastError                    map[string]any
}

func (i *intent) bookingID() string { return i.metadata["booking_id"] }

// wire is the intent as the API writes it, with its charge in full if asked.
func (s *Server) wire(i *intent, expand bool) map[string]any {
	out := map[string]any{
		"id": i.id, "object": "payment_intent", "amount": i.amount, "amount_received": i.received, "currency": i.currency,
		"status": i.status, "client_secret": i.secret, "metadata": i.metadata, "created": i.created, "livemode": false,
		"capture_method": "automatic", "payment_method_types": []string{"card"},
		"cancellation_reason": null(i.reason), "payment_method": null(i.method), "latest_charge": null(i.charge),
		"last_payment_error": nil, "next_action": nil,
	}
	if i.lastError != nil {
		out["last_payment_error"] = i.lastError
	}
	if i.status == "requires_action" {
		out["next_action"] = map[string]any{"type": "use_stripe_sdk", "use_stripe_sdk": map[string]any{"type": "three_d_secure_redirect"}}
		if i.returnURL != "" {
			out["next_action"] = map[string]any{"type": "redirect_to_url", "redirect_to_url": map[string]any{
				"url": "https://hooks.stripe.example/3d_secure/" + i.id, "return_url": i.returnURL,
			}}
		}
	}
	if expand && i.charge != "" {
		out["latest_charge"] = s.wireCharge(i)
	}
	return out
}

func (s *Server) wireCharge(i *intent) map[string]any {
	refunded := s.refunded(i.id)
	return map[string]any{
		"id": i.charge, "object": "charge", "amount": i.amount, "amount_captured": i.received, "amount_refunded": refunded,
		"currency": i.currency, "status": "succeeded", "paid": true, "captured": true, "refunded": refunded == i.received,
		"payment_intent": i.id, "metadata": i.metadata, "created": i.created,
	}
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// find returns the intent of the path. s.mu is held.
func (s *Server) find(id string) (*intent, answer) {
	for _, i := range s.intents {
		if i.id == id {
			return i, answer{}
		}
	}
	return nil, refuse(404, "invalid_request_error", "resource_missing", "intent", "No such payment_intent: '"+id+"'")
}

const (
	threeDecimal = " bhd jod kwd omr tnd "
	wholeOnly    = " isk ugx "
	// notCharged are currencies that Stripe does not charge, or not for every
	// account: the real.
	notCharged = " iqd lyd mru brl "
)

// minimums and maximums are those of some currencies, as Stripe publishes them; of
// the others they are 1 and maximum.
var (
	minimums = map[string]int64{"eur": 50, "usd": 50, "gbp": 30, "jpy": 50, "krw": 50, "huf": 17_500, "idr": 50, "inr": 50}
	maximums = map[string]int64{"huf": 9_999_999_999, "jpy": 9_999_999_999, "idr": 999_999_999_999, "inr": 999_999_999}
)

const maximum = 99_999_999

func (s *Server) createIntent(r *http.Request) answer {
	amount, err := strconv.ParseInt(r.Form.Get("amount"), 10, 64)
	currency := r.Form.Get("currency")
	switch {
	case len(currency) != 3 || currency != strings.ToLower(currency) || strings.Contains(notCharged, " "+currency+" "):
		return invalid("", "currency", "Invalid currency: "+currency)
	case err != nil || amount < cmp.Or(minimums[currency], 1):
		return invalid("amount_too_small", "amount", "Amount is too small.")
	case amount > cmp.Or(maximums[currency], maximum):
		return invalid("amount_too_large", "amount", "Amount is too large.")
	case strings.Contains(wholeOnly, " "+currency+" ") && amount%100 != 0:
		return invalid("invalid_charge_amount_no_decimal_compatible", "", "Invalid amount.")
	case strings.Contains(threeDecimal, " "+currency+" ") && amount%10 != 0:
		return invalid("", "amount", "The amount of a three-decimal currency must end in 0.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := &intent{
		id: newID("pi"), amount: amount, currency: currency, status: "requires_payment_method",
		created: time.Now().Unix(), metadata: metadata(r),
	}
	i.secret = i.id + "_secret_" + newID("x")
	s.intents = append(s.intents, i)
	s.tell("payment_intent.created", s.wire(i, false))
	return ok(s.wire(i, false))
}

func (s *Server) getIntent(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, missing := s.find(r.PathValue("id"))
	if i == nil {
		return missing
	}
	return ok(s.wire(i, false))
}

func (s *Server) listIntents(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	since, _ := strconv.ParseInt(r.Form.Get("created[gte]"), 10, 64)
	var all []map[string]any
	for _, i := range slices.Backward(s.intents) {
		if i.created >= since {
			all = append(all, s.wire(i, strings.HasPrefix(r.Form.Get("expand[0]"), "data.latest_charge")))
		}
	}
	return list(r, all)
}

// list answers a page of all.
func list(r *http.Request, all []map[string]any) answer {
	limit, err := strconv.Atoi(r.Form.Get("limit"))
	if err != nil {
		limit = 10
	}
	if after := r.Form.Get("starting_after"); after != "" {
		n := slices.IndexFunc(all, func(o map[string]any) bool { return o["id"] == after })
		if n < 0 {
			return refuse(400, "invalid_request_error", "resource_missing", "starting_after", "No such object: '"+after+"'")
		}
		all = all[n+1:]
	}
	page := all[:min(limit, len(all))]
	if page == nil {
		page = []map[string]any{}
	}
	return ok(map[string]any{"object": "list", "data": page, "has_more": len(page) < len(all), "url": r.URL.Path})
}

// method is the means of payment that a token of a card stands for; "" for none.
func method(token string) string {
	name, ok := strings.CutPrefix(token, "tok_")
	if !ok {
		return ""
	}
	for _, m := range []string{"pm_card_" + name, "pm_" + name} {
		if slices.Contains(methods, m) {
			return m
		}
	}
	return ""
}

var methods = []string{
	Visa, "pm_card_mastercard", Declined, InsufficientFunds, Authentication, TimeoutAfter, TimeoutBefore, Slow, AmountTooSmall, LateSuccess,
}

func (s *Server) createMethod(r *http.Request) answer {
	token := r.Form.Get("card[token]")
	m := method(token)
	if m == "" {
		return invalid("resource_missing", "card[token]", "No such token: '"+token+"'")
	}
	return ok(map[string]any{"id": m, "object": "payment_method", "type": "card", "livemode": false})
}

// updateIntent changes metadata, and the means of payment: that has to be confirmed
// anew, and whatever the customer was to do for the one before is over. Any change
// clears the last error.
func (s *Server) updateIntent(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, missing := s.find(r.PathValue("id"))
	if i == nil {
		return missing
	}
	if m := r.Form.Get("payment_method"); m != "" {
		if refused, ok := i.takes(m); !ok {
			return refused
		}
		i.status, i.method = "requires_confirmation", m
	}
	i.metadata = maps.Clone(i.metadata) // answers and events are still written with the old
	for name, value := range metadata(r) {
		if i.metadata[name] = value; value == "" {
			delete(i.metadata, name)
		}
	}
	i.lastError = nil
	return ok(s.wire(i, false))
}

// attempt is the latest of those that the metadata tells of; "1" where it tells of
// none.
func (i *intent) attempt() string {
	latest := 1
	for name := range i.metadata {
		if n, err := strconv.Atoi(strings.TrimPrefix(name, "attempt_")); err == nil {
			latest = max(latest, n)
		}
	}
	return strconv.Itoa(latest)
}

// takes reports whether the intent can have the means of payment m, and else the
// answer.
func (i *intent) takes(m string) (refused answer, ok bool) {
	switch {
	case !slices.Contains(methods, m):
		return invalid("resource_missing", "payment_method", "No such PaymentMethod: '"+m+"'"), false
	case !slices.Contains([]string{"requires_payment_method", "requires_confirmation", "requires_action"}, i.status):
		return refuse(400, "invalid_request_error", "payment_intent_unexpected_state", "",
			"This PaymentIntent's payment_method could not be updated because it has a status of "+i.status+"."), false
	}
	return answer{}, true
}

func (s *Server) confirmIntent(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, missing := s.find(r.PathValue("id"))
	if i == nil {
		return missing
	}
	return s.confirm(i, r.Form.Get("payment_method"), r.Form.Get("return_url"))
}

// Confirm is the customer who confirms with the client secret and a means of
// payment, as Stripe.js does, past the seller. It reports whether they could.
func (s *Server) Confirm(clientSecret, method string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.intents {
		if i.secret == clientSecret {
			_, open := i.takes(method)
			s.confirm(i, method, "")
			return open
		}
	}
	return false
}

// confirm tries m, instead of one that the customer was to act for. s.mu is held.
func (s *Server) confirm(i *intent, m, returnURL string) answer {
	if refused, ok := i.takes(m); !ok {
		return refused
	}
	if m == AmountTooSmall {
		return invalid("amount_too_small", "", "Amount is too small.")
	}
	i.method, i.returnURL, i.lastError, i.acting = m, returnURL, nil, i.attempt()
	switch m {
	case Declined:
		return s.decline(i, "generic_decline")
	case InsufficientFunds:
		return s.decline(i, "insufficient_funds")
	case Authentication:
		i.status = "requires_action"
		s.tell("payment_intent.requires_action", s.wire(i, false))
	case TimeoutBefore, LateSuccess:
		i.status = "requires_confirmation"
		return answer{hang: true}
	case TimeoutAfter:
		s.capture(i)
		return answer{hang: true}
	case Slow:
		i.status = "processing"
		s.mu.Unlock()
		open := s.wait(s.o.Slow)
		s.mu.Lock()
		if !open {
			return answer{hang: true}
		}
		s.capture(i)
	default:
		s.capture(i)
	}
	return ok(s.wire(i, false))
}

// capture moves the money. s.mu is held.
func (s *Server) capture(i *intent) {
	i.status, i.received, i.charge, i.lastError, i.reason = "succeeded", i.amount, newID("ch"), nil, ""
	s.tell("charge.succeeded", s.wireCharge(i))
	s.tell("payment_intent.succeeded", s.wire(i, false))
}

func (s *Server) decline(i *intent, why string) answer {
	a := refuse(402, "card_error", "card_declined", "", "Your card was declined.")
	e := a.body.(map[string]any)["error"].(map[string]any)
	e["decline_code"] = why
	i.status, i.method, i.lastError = "requires_payment_method", "", map[string]any{
		"type": "card_error", "code": "card_declined", "decline_code": why, "message": "Your card was declined.",
	}
	e["payment_intent"] = s.wire(i, false)
	s.tell("payment_intent.payment_failed", s.wire(i, false))
	return a
}

func (s *Server) cancelIntent(r *http.Request) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, missing := s.find(r.PathValue("id"))
	if i == nil {
		return missing
	}
	switch i.status {
	case "succeeded", "canceled", "processing":
		return refuse(400, "invalid_request_error", "payment_intent_unexpected_state", "", "You cannot cancel this PaymentIntent: it is "+i.status)
	}
	late := i.method == LateSuccess
	i.status, i.reason = "canceled", r.Form.Get("cancellation_reason")
	s.tell("payment_intent.canceled", s.wire(i, false))
	if late {
		s.later(s.o.Late, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.capture(i)
		})
	}
	return ok(s.wire(i, false))
}

// Act is what the customer does who has to: authenticate, or fail to. It reports
// whether there was anything to do: what is over can no more be acted on.
func (s *Server) Act(bookingID string, succeed bool) bool { return s.act(bookingID, "", succeed) }

// ActOn is Act on what an attempt has asked for.
func (s *Server) ActOn(bookingID string, attempt int, succeed bool) bool {
	return s.act(bookingID, strconv.Itoa(attempt), succeed)
}

func (s *Server) act(bookingID, attempt string, succeed bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.intents {
		if i.bookingID() != bookingID || i.status != "requires_action" || attempt != "" && i.acting != attempt {
			continue
		}
		if succeed {
			s.capture(i)
			return true
		}
		i.status, i.method, i.lastError = "requires_payment_method", "", map[string]any{
			"type": "invalid_request_error", "code": "payment_intent_authentication_failure",
			"message": "The provided PaymentMethod has failed authentication.",
		}
		s.tell("payment_intent.payment_failed", s.wire(i, false))
		return true
	}
	return false
}

// Capture takes the money of a booking's intent whatever has been said of it, as
// no provider should. It reports whether there is one.
func (s *Server) Capture(bookingID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.intents {
		if i.bookingID() == bookingID {
			s.capture(i)
			return true
		}
	}
	return false
}
