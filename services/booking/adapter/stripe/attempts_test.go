package stripe_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
)

// checkout is a booking whose customer tries several cards.
type checkout struct {
	*stripe.Payments
	server *stripetest.Server
	c      booking.Charge
}

func newCheckout(t *testing.T) *checkout {
	t.Helper()
	p, server := start(t, stripe.Options{})
	c := charge("b", stripetest.Visa)
	var err error
	if c.Reference, err = p.Prepare(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return &checkout{p, server, c}
}

func (c *checkout) unsettled() booking.Unsettled {
	return booking.Unsettled{BookingID: c.c.BookingID, Reference: c.c.Reference}
}

// try makes an attempt.
func (c *checkout) try(t *testing.T, attempt int, token string) (booking.Charged, error) {
	t.Helper()
	charge := c.c
	charge.Attempt, charge.Token = attempt, token
	return c.Charge(t.Context(), charge)
}

func (c *checkout) wantDeclined(t *testing.T, attempt int, token string) {
	t.Helper()
	if charged, err := c.try(t, attempt, token); !errors.Is(err, booking.ErrPaymentDeclined) {
		t.Errorf("attempt %d with %s: %+v, %v", attempt, token, charged, err)
	}
}

func (c *checkout) wantPaid(t *testing.T, attempt int, token string) {
	t.Helper()
	if charged, err := c.try(t, attempt, token); err != nil || charged.Action != nil {
		t.Errorf("attempt %d with %s: %+v, %v", attempt, token, charged, err)
	}
	c.wantBooks(t, 1)
}

func (c *checkout) wantBooks(t *testing.T, charges int) {
	t.Helper()
	if b := c.server.Books()["b"]; b.Charges != charges || b.Captured != int64(charges)*2500 {
		t.Errorf("the books say %+v, want %d charges", b, charges)
	}
}

func (c *checkout) wantLook(t *testing.T, state booking.ChargeState, attempt int) {
	t.Helper()
	o, err := c.Look(t.Context(), c.unsettled())
	if err != nil || o.State != state || o.Attempt != attempt {
		t.Errorf("looking finds %+v, %v, want %s by attempt %d", o, err, state, attempt)
	}
}

// lose makes an attempt of which no answer comes, while f lasts.
func (c *checkout) lose(t *testing.T, f stripetest.Fault, attempt int, token string) {
	t.Helper()
	f.Times = -1
	c.server.Fail(f)
	defer c.server.Mend()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	charge := c.c
	charge.Attempt, charge.Token = attempt, token
	if charged, err := c.Charge(ctx, charge); !errors.Is(err, booking.ErrOutcomeUnknown) {
		t.Errorf("attempt %d without an answer: %+v, %v", attempt, charged, err)
	}
}

func TestASecondCardAfterADecline(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	c.wantDeclined(t, 1, stripetest.Declined)
	if got := status(t, c.server, c.c.Reference); got != "requires_payment_method" {
		t.Errorf("the payment is %s", got)
	}
	c.wantPaid(t, 2, stripetest.Visa)
	c.wantLook(t, booking.ChargeCaptured, 2)
}

// The answer about the first or the second card is lost, whether or not Stripe has done
// what it was asked. Look, and a repeat, find out which.
func TestLostAnswersOfAttempts(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"update", "confirm"} {
		for _, kind := range []string{"before", "after"} {
			f := stripetest.Fault{Operation: operation, Kind: kind}
			done := kind == "after" && operation == "confirm"

			if operation == "confirm" { // of the first card, which is declined
				c := newCheckout(t)
				c.lose(t, f, 1, stripetest.Declined)
				if done {
					c.wantLook(t, booking.ChargeDeclined, 1)
				} else {
					c.wantLook(t, booking.ChargeOpen, 0)
				}
				c.wantDeclined(t, 1, stripetest.Declined)
				c.wantPaid(t, 2, stripetest.Visa)
				c.wantOneCapture(t)
			}

			c := newCheckout(t) // of the second, which succeeds
			c.wantDeclined(t, 1, stripetest.Declined)
			c.lose(t, f, 2, stripetest.Visa)
			switch {
			case done:
				c.wantLook(t, booking.ChargeCaptured, 2)
			case operation == "update" && kind == "before":
				c.wantLook(t, booking.ChargeDeclined, 1)
			default: // begun, and not tried
				c.wantLook(t, booking.ChargeOpen, 0)
			}
			c.wantPaid(t, 2, stripetest.Visa)
			c.wantPaid(t, 3, stripetest.Visa) // which the customer tries meanwhile
			c.wantOneCapture(t)
		}
	}
}

// wantOneCapture repeats every attempt: each finds the one capture.
func (c *checkout) wantOneCapture(t *testing.T) {
	t.Helper()
	c.server.ForgetKeys()
	for attempt := 1; attempt <= 3; attempt++ {
		c.wantPaid(t, attempt, stripetest.Declined)
	}
	if s, err := c.Settle(t.Context(), c.unsettled()); err != nil || !s.Captured || s.Amount != c.c.Amount {
		t.Errorf("settled %+v, %v", s, err)
	}
}

// The customer leaves the 3-D Secure page of the first card and takes another. The
// page may still be open.
func TestAnotherCardInsteadOf3DSecure(t *testing.T) {
	t.Parallel()
	for _, token := range []string{stripetest.Visa, stripetest.Declined, stripetest.Authentication, "pm_nosuch"} {
		c := newCheckout(t)
		if charged, err := c.try(t, 1, stripetest.Authentication); err != nil || charged.Action == nil {
			t.Fatalf("%+v, %v", charged, err)
		}
		charged, err := c.try(t, 2, token)
		switch token {
		case stripetest.Visa:
			if err != nil {
				t.Error(err)
			}
			c.wantLook(t, booking.ChargeCaptured, 2)
		case stripetest.Authentication:
			if err != nil || charged.Action == nil {
				t.Errorf("%+v, %v", charged, err)
			}
			c.wantLook(t, booking.ChargeAction, 2)
		default:
			if !errors.Is(err, booking.ErrPaymentDeclined) {
				t.Error(err)
			}
			c.wantLook(t, booking.ChargeDeclined, 2)
		}
		// An attempt without a card that exists has replaced nothing.
		if acted := c.server.ActOn("b", 1, true); acted != (token == "pm_nosuch") {
			t.Errorf("%s: the customer can act on the first card: %t", token, acted)
		}
		c.wantPaid(t, 3, stripetest.Visa)
	}
}

// A customer with the client secret can confirm with another card, past the platform.
func TestACustomerWhoConfirmsElsewhere(t *testing.T) {
	t.Parallel()
	for _, card := range []string{stripetest.Visa, stripetest.Declined, stripetest.Authentication} {
		for _, first := range []string{"waits", "has failed", "is replaced"} {
			c := newCheckout(t)
			charged, err := c.try(t, 1, stripetest.Authentication)
			if err != nil {
				t.Fatal(err)
			}
			n := 1
			switch first {
			case "has failed":
				c.server.ActOn("b", 1, false)
			case "is replaced":
				n = 2
				c.wantDeclined(t, n, stripetest.Declined)
			}
			if !c.server.Confirm(charged.Action.ClientSecret, card) {
				t.Fatalf("the first attempt %s, and the customer cannot confirm", first)
			}
			switch card {
			case stripetest.Visa:
				c.wantLook(t, booking.ChargeCaptured, n)
			case stripetest.Declined:
				c.wantLook(t, booking.ChargeDeclined, n)
			case stripetest.Authentication:
				c.wantLook(t, booking.ChargeAction, n)
			}
			c.wantPaid(t, 3, stripetest.Visa)
			if c.server.Confirm(charged.Action.ClientSecret, stripetest.Visa) {
				t.Error("the customer confirms what is paid")
			}
			c.wantOneCapture(t)
		}
	}
}

// Of an attempt, of Settle and of a customer who confirms elsewhere one comes first.
func TestASettledCheckoutIsConfirmedByNobody(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	charged, err := c.try(t, 1, stripetest.Authentication)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := c.Settle(t.Context(), c.unsettled()); err != nil || s.Captured {
		t.Fatalf("settled %+v, %v", s, err)
	}
	if c.server.Confirm(charged.Action.ClientSecret, stripetest.Visa) || c.server.ActOn("b", 1, true) {
		t.Error("the customer can still act")
	}
	if _, err := c.try(t, 2, stripetest.Visa); !errors.Is(err, booking.ErrPaymentClosed) {
		t.Errorf("another card: %v", err)
	}
	c.wantBooks(t, 0)
}

// What Stripe tells is about a booking, and says nothing of its state: the event of
// a decline may come when a later card has succeeded.
func TestEventsOfAttemptsAreHints(t *testing.T) {
	t.Parallel()
	w, err := stripe.NewWebhook("whsec")
	if err != nil {
		t.Fatal(err)
	}
	c := newCheckout(t)
	hints := func() (types []string) {
		for _, payload := range c.server.Events() {
			e, err := w.Event(payload, stripetest.Sign(payload, "whsec", time.Now()))
			if err != nil {
				t.Fatal(err)
			}
			if e.BookingID == "" {
				continue
			}
			if want := (booking.PaymentEvent{ID: e.ID, Type: e.Type, BookingID: "b"}); e != want {
				t.Errorf("an event tells %+v", e)
			}
			types = append(types, e.Type)
		}
		return types
	}
	c.wantDeclined(t, 1, stripetest.Declined)
	before := hints()
	if !slices.Equal(before, []string{"payment_intent.payment_failed"}) {
		t.Errorf("told were %v", before)
	}
	c.wantLook(t, booking.ChargeDeclined, 1)
	c.wantPaid(t, 2, stripetest.Visa)
	if after := hints(); !slices.Equal(after, []string{"payment_intent.payment_failed", "payment_intent.succeeded"}) {
		t.Errorf("told were %v", after)
	}
	for range hints() { // at either, in any order
		c.wantLook(t, booking.ChargeCaptured, 2)
	}
}

// An attempt that comes after a later one, with a card that does not exist, takes
// nothing from that.
func TestALateCardThatDoesNotExist(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	if charged, err := c.try(t, 2, stripetest.Authentication); err != nil || charged.Action == nil {
		t.Fatalf("%+v, %v", charged, err)
	}
	c.wantDeclined(t, 1, "pm_nosuch")
	c.wantLook(t, booking.ChargeAction, 2)
	if charged, err := c.try(t, 2, stripetest.Authentication); err != nil || charged.Action == nil {
		t.Errorf("a repeat of the second attempt: %+v, %v", charged, err)
	}
	if !c.server.ActOn("b", 2, true) {
		t.Error("the customer cannot act")
	}
	c.wantLook(t, booking.ChargeCaptured, 2)
}

// Somebody edits the payment in Stripe's dashboard, which clears its last error.
func TestADeclineOfAPaymentThatWasEdited(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	c.wantDeclined(t, 1, stripetest.Declined)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/payment_intents/"+c.c.Reference, strings.NewReader("metadata[note]=x"))
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	c.server.ServeHTTP(httptest.NewRecorder(), r)
	c.wantDeclined(t, 1, stripetest.Declined)
	c.wantPaid(t, 2, stripetest.Visa)
}

// Stripe forgets an attempt's keys after a day. A repeat after that looks the attempt up,
// and does not try it again.
func TestAttemptsOfYesterday(t *testing.T) {
	t.Parallel()
	c := newCheckout(t)
	c.wantDeclined(t, 1, stripetest.Declined)
	c.server.ForgetKeys()
	c.c.Since = time.Now().Add(-24 * time.Hour)
	c.wantDeclined(t, 1, stripetest.Visa)
	c.wantDeclined(t, 2, stripetest.Visa)
	c.wantBooks(t, 0)
	c.c.Since = time.Now()
	c.wantPaid(t, 2, stripetest.Visa)
}
