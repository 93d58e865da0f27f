package stripe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
)

func charge(id, token string) booking.Charge {
	return booking.Charge{BookingID: id, Attempt: 1, Since: time.Now(), Amount: money.Amount{AmountMinor: 2500, Currency: "EUR"}, Token: token}
}

// pay prepares and charges.
func pay(t *testing.T, p *stripe.Payments, c booking.Charge) (booking.Charge, booking.Charged, error) {
	t.Helper()
	var err error
	if c.Reference, err = p.Prepare(t.Context(), c); err != nil {
		return c, booking.Charged{}, err
	}
	charged, err := p.Charge(t.Context(), c)
	return c, charged, err
}

func refundOf(c booking.Charge, id string) booking.RefundRequest {
	return booking.RefundRequest{ID: id, BookingID: c.BookingID, Reference: c.Reference, Amount: c.Amount, Since: time.Now()}
}

// What goes wrong in passing is made good within the call, and done once.
func TestPassingFaults(t *testing.T) {
	t.Parallel()
	for _, f := range []stripetest.Fault{
		{Kind: "before"}, {Kind: "after"}, {Kind: "status", Status: 429}, {Kind: "status", Status: 500}, {Kind: "status", Status: 409},
		{Kind: "before", Times: 3}, {Kind: "after", Times: 3},
	} {
		for _, operation := range []string{"create", "method", "update", "confirm", "refund"} {
			p, server := start(t, stripe.Options{})
			f.Operation = operation
			server.Fail(f)
			c, _, err := pay(t, p, charge("b", "tok_chargeDeclined"))
			if !errors.Is(err, booking.ErrPaymentDeclined) {
				t.Errorf("%+v: %v", f, err)
			}
			c.Attempt, c.Token = 2, "tok_visa"
			if _, err := p.Charge(t.Context(), c); err != nil {
				t.Errorf("%+v: %v", f, err)
			}
			if err := p.Refund(t.Context(), refundOf(c, "r")); err != nil {
				t.Errorf("%+v: %v", f, err)
			}
			if b := server.Books()["b"]; b != (stripetest.Balance{Captured: 2500, Refunded: 2500, Charges: 1, Refunds: 1}) {
				t.Errorf("%+v: the books say %+v", f, b)
			}
		}
	}
}

// What goes on going wrong is unknown, and never a decline or a refusal.
func TestLastingFaults(t *testing.T) {
	t.Parallel()
	for _, f := range []stripetest.Fault{
		{Kind: "before"}, {Kind: "after"}, {Kind: "status", Status: 429}, {Kind: "status", Status: 500},
		{Kind: "status", Status: 401}, {Kind: "status", Status: 403},
	} {
		p, server := start(t, stripe.Options{})
		paid, _, err := pay(t, p, charge("paid", stripetest.Visa))
		if err != nil {
			t.Fatal(err)
		}
		open := charge("open", stripetest.Visa)
		if open.Reference, err = p.Prepare(t.Context(), open); err != nil {
			t.Fatal(err)
		}
		f.Times = -1
		server.Fail(f)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, prepare := p.Prepare(ctx, charge("new", stripetest.Visa))
		_, confirm := p.Charge(ctx, open)
		_, look := p.Look(ctx, booking.Unsettled{BookingID: "open", Reference: open.Reference})
		_, settle := p.Settle(ctx, booking.Unsettled{BookingID: "open", Reference: open.Reference})
		refund := p.Refund(ctx, refundOf(paid, "r"))
		for what, err := range map[string]error{"prepare": prepare, "charge": confirm, "look": look, "settle": settle, "refund": refund} {
			if !errors.Is(err, booking.ErrOutcomeUnknown) || errors.Is(err, booking.ErrPaymentDeclined) || errors.Is(err, booking.ErrRefundRefused) {
				t.Errorf("%+v: %s says %v", f, what, err)
			}
		}
	}
}

// A 500 is repeated under its key for a day. What was done in spite of it is found.
func TestARefundThatFailedAndWasMade(t *testing.T) {
	t.Parallel()
	p, server := start(t, stripe.Options{})
	c, _, err := pay(t, p, charge("b", stripetest.Visa))
	if err != nil {
		t.Fatal(err)
	}
	server.Fail(stripetest.Fault{Operation: "refund", Kind: "failed", Status: http.StatusInternalServerError})
	for range 2 {
		if err := p.Refund(t.Context(), refundOf(c, "r")); err != nil {
			t.Error(err)
		}
	}
	if b := server.Books()["b"]; b.Refunded != 2500 || b.Refunds != 1 {
		t.Errorf("the books say %+v", b)
	}
}

func TestRefusedRefunds(t *testing.T) {
	t.Parallel()
	p, server := start(t, stripe.Options{})
	c, _, err := pay(t, p, charge("b", stripetest.Visa))
	if err != nil {
		t.Fatal(err)
	}
	server.RefuseRefunds(2)
	r := refundOf(c, "r")
	for r.Refusals = range 2 {
		for range 2 { // it is not even asked for again
			if err := p.Refund(t.Context(), r); !errors.Is(err, booking.ErrRefundRefused) {
				t.Errorf("refusal %d: %v", r.Refusals, err)
			}
		}
	}
	r.Refusals = 2
	if err := p.Refund(t.Context(), r); err != nil {
		t.Error(err)
	}
	// The customer's bank sends it back, days later.
	server.FailRefunds("b")
	for _, age := range []time.Duration{0, 100 * time.Hour} {
		r.Since = time.Now().Add(-age)
		if err := p.Refund(t.Context(), r); !errors.Is(err, booking.ErrRefundRefused) {
			t.Errorf("a refund that failed, %v old: %v", age, err)
		}
	}
	r.Refusals = 3
	for range 2 {
		if err := p.Refund(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	if b := server.Books()["b"]; b.Refunded != 2500 || b.Refunds != 1 {
		t.Errorf("the books say %+v", b)
	}
}

// A refund of a clock that was ahead may be older than the keys that Stripe knows.
func TestARefundOfAClockThatWasAheadIsMadeOnce(t *testing.T) {
	t.Parallel()
	p, server := start(t, stripe.Options{})
	c, _, err := pay(t, p, charge("b", stripetest.Visa))
	if err != nil {
		t.Fatal(err)
	}
	r := refundOf(c, "r")
	r.Amount.AmountMinor, r.Since = 1000, time.Now().Add(48*time.Hour)
	for range 2 {
		if err := p.Refund(t.Context(), r); err != nil {
			t.Error(err)
		}
		server.ForgetKeys()
	}
	if b := server.Books()["b"]; b.Refunded != 1000 {
		t.Errorf("%d were given back, want 1000", b.Refunded)
	}
}

func TestDeclines(t *testing.T) {
	t.Parallel()
	for _, keeps := range []bool{true, false} {
		t.Run(fmt.Sprintf("refused parameters are kept %t", keeps), func(t *testing.T) {
			t.Parallel()
			declines(t, stripetest.Options{Key: key, KeepInvalid: keeps})
		})
	}
}

func declines(t *testing.T, provider stripetest.Options) {
	t.Helper()
	for _, token := range []string{
		stripetest.Declined, stripetest.InsufficientFunds, "tok_chargeDeclined", "tok_nosuch", "pm_nosuch", "4242424242424242", "",
	} {
		p, server := startAt(t, stripe.Options{}, provider)
		c := charge("b", token)
		if token == "" { // it is refused before anything is prepared
			if _, err := p.Prepare(t.Context(), c); !errors.Is(err, booking.ErrPaymentDeclined) {
				t.Errorf("no token: %v", err)
			}
		}
		var err error
		if c.Reference, err = p.Prepare(t.Context(), charge("b", stripetest.Visa)); err != nil {
			t.Fatal(err)
		}
		u := booking.Unsettled{BookingID: "b", Reference: c.Reference}
		for c.Attempt = 1; c.Attempt <= 2; c.Attempt++ {
			for _, c.Token = range []string{token, token, stripetest.Visa, "tok_visa"} {
				if _, err := p.Charge(t.Context(), c); !errors.Is(err, booking.ErrPaymentDeclined) {
					t.Errorf("%q, then %q: %v", token, c.Token, err)
				}
			}
			if o, err := p.Look(t.Context(), u); err != nil || o != (booking.Outcome{State: booking.ChargeDeclined, Attempt: c.Attempt}) {
				t.Errorf("%q: looking finds %+v, %v", token, o, err)
			}
		}
		server.ForgetKeys()
		for range 2 {
			if s, err := p.Settle(t.Context(), u); err != nil || !s.Declined || s.Captured {
				t.Errorf("%q: settled %+v, %v", token, s, err)
			}
			if _, err := p.Charge(t.Context(), c); !errors.Is(err, booking.ErrPaymentClosed) {
				t.Errorf("%q: after that a charge says %v", token, err)
			}
		}
		if b := server.Books()["b"]; b.Charges != 0 {
			t.Errorf("%q: the books say %+v", token, b)
		}
	}
}

func TestAmountsThatStripeNeverTakes(t *testing.T) {
	t.Parallel()
	p, _ := start(t, stripe.Options{})
	for _, a := range []money.Amount{
		{AmountMinor: 12_345, Currency: "KWD"}, {AmountMinor: 1234, Currency: "IQD"}, {AmountMinor: 1 << 62, Currency: "ISK"},
		{AmountMinor: 150, Currency: "MGA"}, {AmountMinor: 9_999_999_999_999, Currency: "EUR"}, {AmountMinor: 100, Currency: "NO"},
		{AmountMinor: 49, Currency: "EUR"}, {AmountMinor: 0, Currency: "EUR"},
		{AmountMinor: 1000, Currency: "BRL"}, // which this account alone does not charge
	} {
		c := charge(a.String(), stripetest.Visa)
		c.Amount = a
		if _, err := p.Prepare(t.Context(), c); !errors.Is(err, booking.ErrAmountNotPayable) || errors.Is(err, booking.ErrPaymentDeclined) {
			t.Errorf("%v: %v", a, err)
		}
	}
}

// Stripe knows some minimums only by the means of payment.
func TestAnAmountThatIsRefusedWhenItIsConfirmed(t *testing.T) {
	t.Parallel()
	p, server := start(t, stripe.Options{})
	c, _, err := pay(t, p, charge("b", stripetest.AmountTooSmall))
	if !errors.Is(err, booking.ErrAmountNotPayable) || errors.Is(err, booking.ErrPaymentDeclined) {
		t.Errorf("the charge: %v", err)
	}
	if got := status(t, server, c.Reference); got != "canceled" {
		t.Errorf("the payment is %s", got)
	}
	if s, err := p.Settle(t.Context(), booking.Unsettled{BookingID: "b", Reference: c.Reference}); err != nil || s.Captured || s.Declined {
		t.Errorf("settled %+v, %v", s, err)
	}
	c.Token = stripetest.Visa
	if _, err := p.Charge(t.Context(), c); !errors.Is(err, booking.ErrPaymentClosed) {
		t.Errorf("another card: %v", err)
	}
	if b := server.Books()["b"]; b.Charges != 0 {
		t.Errorf("the books say %+v", b)
	}
}

func TestLimitsInMinorUnits(t *testing.T) {
	t.Parallel()
	p, _ := start(t, stripe.Options{})
	for currency, want := range map[string]booking.ChargeLimits{
		"EUR": {Step: 1, Minimum: 50, Maximum: 99_999_999},
		"KWD": {Step: 10, Minimum: 10, Maximum: 99_999_990},
		"JPY": {Step: 1, Minimum: 50, Maximum: 9_999_999_999},
		"KRW": {Step: 1, Minimum: 50, Maximum: 99_999_999},
		"ISK": {Step: 1, Minimum: 1, Maximum: 999_999},
		"UGX": {Step: 1, Minimum: 1, Maximum: 999_999},
		"MGA": {Step: 100, Minimum: 100, Maximum: 9_999_999_900},
		"HUF": {Step: 1, Minimum: 17_500, Maximum: 9_999_999_999},
		"TWD": {Step: 1, Minimum: 1, Maximum: 99_999_999},
		"IDR": {Step: 1, Minimum: 50, Maximum: 999_999_999_999},
		"INR": {Step: 1, Minimum: 50, Maximum: 999_999_999},
	} {
		if got, err := p.Limits(currency); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", currency, got, err, want)
		}
	}
	for _, currency := range []string{"", "eur", "IQD", "MRU", "EUR JPY", " EU"} {
		if got, err := p.Limits(currency); !errors.Is(err, booking.ErrCurrencyNotSupported) {
			t.Errorf("%q: %+v, %v", currency, got, err)
		}
	}
}

func TestACustomerWhoIsSentElsewhere(t *testing.T) {
	t.Parallel()
	p, _ := start(t, stripe.Options{ReturnURL: "https://shop.example/paid"})
	_, charged, err := pay(t, p, charge("b", stripetest.Authentication))
	if err != nil || charged.Action == nil || charged.Action.Type != "redirect_to_url" || charged.Action.URL == "" ||
		!strings.HasPrefix(charged.Action.ClientSecret, charged.Reference+"_secret_") {
		t.Errorf("%+v, %v", charged.Action, err)
	}
}

// Who authenticates elsewhere comes back to the booking.
func TestTheReturnURLNamesTheBooking(t *testing.T) {
	t.Parallel()
	for template, want := range map[string]string{
		"https://shop.example/checkout/" + stripe.BookingID: "https://shop.example/checkout/b-4711",
		"https://shop.example/paid":                         "https://shop.example/paid",
	} {
		var asked url.Values
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			asked = r.PostForm
			_, _ = io.WriteString(w, `{"id":"pi_1"}`)
		}))
		t.Cleanup(server.Close)
		p, err := stripe.New(stripe.Options{Key: "sk_test", URL: server.URL, ReturnURL: template})
		if err != nil {
			t.Fatal(err)
		}
		c := charge("b-4711", "pm_card_visa")
		c.Reference = "pi_1"
		_, _ = p.Charge(t.Context(), c)
		if got := asked.Get("return_url"); got != want {
			t.Errorf("the customer comes back to %q, want %q", got, want)
		}
	}
}

// status is how a payment intent stands.
func status(t *testing.T, server *stripetest.Server, intent string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/payment_intents/"+intent, nil)
	r.Header.Set("Authorization", "Bearer "+key)
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	var answer struct{ Status string }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Status
}

// What is processing cannot be stopped, and is waited for.
func TestSlow(t *testing.T) {
	t.Parallel()
	p, server := start(t, stripe.Options{})
	c := charge("b", stripetest.Slow)
	var err error
	if c.Reference, err = p.Prepare(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	charged := make(chan error, 1)
	go func() {
		_, err := p.Charge(ctx, c)
		charged <- err
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for status(t, server, c.Reference) != "processing" {
		select {
		case err := <-charged:
			t.Fatalf("the charge ended before it was under way: %v", err)
		case <-tick.C:
		}
	}
	cancel()
	if err := <-charged; !errors.Is(err, booking.ErrOutcomeUnknown) {
		t.Error(err)
	}
	if _, err := p.Settle(t.Context(), booking.Unsettled{BookingID: "b", Reference: c.Reference}); !errors.Is(err, booking.ErrOutcomeUnknown) {
		t.Error(err)
	}
	if b := server.Books()["b"]; b.Captured != 0 {
		t.Errorf("the books say %+v", b)
	}
}

// A provider that captures what it has cancelled is believed in the end.
func TestLateSuccess(t *testing.T) {
	t.Parallel()
	p, server := start(t, stripe.Options{})
	c := charge("b", stripetest.Visa)
	var err error
	if c.Reference, err = p.Prepare(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	u := booking.Unsettled{BookingID: "b", Reference: c.Reference}
	if s, err := p.Settle(t.Context(), u); err != nil || s.Captured || s.Declined {
		t.Fatalf("%+v, %v", s, err)
	}
	if !server.Capture("b") {
		t.Fatal("nothing to capture")
	}
	if s, err := p.Settle(t.Context(), u); err != nil || !s.Captured || s.Amount != c.Amount {
		t.Errorf("%+v, %v", s, err)
	}
}

// Nothing that an error says opens anything: messages of Stripe quote what was sent.
func TestErrorsKeepSecrets(t *testing.T) {
	t.Parallel()
	p, server := start(t, stripe.Options{})
	c, charged, err := pay(t, p, charge("b", stripetest.Authentication))
	if err != nil {
		t.Fatal(err)
	}
	secret := charged.Action.ClientSecret
	c.Token = "pm_private"
	_, wrongToken := p.Charge(t.Context(), c)
	_, _, alsoWrong := pay(t, p, charge("c", "tok_private"))
	server.Fail(stripetest.Fault{Kind: "status", Status: 403, Times: -1})
	_, refused := p.Settle(t.Context(), booking.Unsettled{BookingID: "b", Reference: c.Reference})
	_, url := stripetest.Start(t, stripetest.Options{Key: "another"})
	stranger, err := stripe.New(stripe.Options{Key: key, URL: url})
	if err != nil {
		t.Fatal(err)
	}
	_, strange := stranger.Prepare(t.Context(), charge("b", "pm_private"))
	for _, err := range []error{wrongToken, alsoWrong, refused, strange} {
		if err == nil {
			continue // that it waits for the customer
		}
		for _, private := range []string{key, "private", secret} {
			if strings.Contains(err.Error(), private) {
				t.Errorf("%q tells %q", err, private)
			}
		}
	}
	if strange == nil || !strings.Contains(strange.Error(), "401") {
		t.Errorf("of a wrong key the error says %v", strange)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, o := range []stripe.Options{{}, {Key: key, URL: "nowhere"}, {Key: key, ReturnURL: "javascript:alert(1)"}} {
		if _, err := stripe.New(o); err == nil || strings.Contains(err.Error(), key) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// A payment that is decided days later would hold its tickets until then.
func TestOnlyCardsAreTaken(t *testing.T) {
	t.Parallel()
	var asked url.Values
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked = r.PostForm
		_, _ = io.WriteString(w, `{"id":"pi_1"}`)
	}))
	t.Cleanup(server.Close)
	p, err := stripe.New(stripe.Options{Key: "sk_test", URL: server.URL, ReturnURL: "https://shop.example/paid"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Prepare(t.Context(), charge("b", "pm_card_visa")); err != nil {
		t.Fatal(err)
	}
	if types := asked["payment_method_types[0]"]; !slices.Equal(types, []string{"card"}) || asked.Has("payment_method_types[1]") || asked.Has("automatic_payment_methods[enabled]") {
		t.Errorf("asked for %v", asked)
	}
}
