package bookingtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// PaymentsUnderTest is an adapter of booking.Payments that has not charged
// anything yet.
type PaymentsUnderTest struct {
	Payments   booking.Payments
	Statements booking.Statements
	// Tokens of a means of payment that succeeds, that is declined, that is
	// charged without an answer, and that waits for the customer to act.
	Good, Declined, Timeout, Action string
	// Act lets the customer authenticate for an attempt that waits for it, or fail to.
	// It reports whether there was anything to do.
	Act func(bookingID string, attempt int, succeed bool) bool
	// Forget lets the provider forget what it remembers for a day at most.
	Forget func()
	// Ledger returns how much of a booking's money the provider has taken and
	// given back, in minor units. It is asked of bookings in euros alone.
	Ledger func(bookingID string) (captured, refunded int64)
}

// TestPayments is the contract of booking.Payments and booking.Statements.
func TestPayments(t *testing.T, open func(t *testing.T) PaymentsUnderTest) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, u PaymentsUnderTest)
	}{
		{"limits are multiples of their step", limitsAreWhole},
		{"totals within the limits are charged", limitsHold},
		{"other totals are not payable", limitsRefuse},
		{"a currency that is not supported is not payable", limitsUnsupported},
		{"a single step can be given back", limitsRefund},
		{"the step divides that of fees", limitsFees},

		{"what is prepared moves no money", prepareMovesNothing},
		{"a repeated preparation has the same reference", prepareRepeats},

		{"a charge is captured under a reference", chargeCaptures},
		{"a repeated attempt is captured once under the same reference", chargeRepeats},
		{"an attempt repeated long after is captured once", chargeRepeatsLater},
		{"32 racing calls of one attempt capture once", chargeRace},
		{"amounts are charged exactly whatever the currency", chargeCurrencies},
		{"a repeat of a declined attempt is declined whatever its token", declineRepeats},
		{"a declined attempt is declined long after", declineRepeatsLater},
		{"a charge without an answer is unknown until look or settle finds it", chargeTimesOut},

		{"after a declined attempt another attempt can capture", attemptAfterDecline},
		{"at most one attempt captures and then every attempt answers so", attemptsCaptureOnce},
		{"32 racing attempts capture once", attemptsRace},
		{"a new attempt replaces one that waits for the customer", attemptReplaces},
		{"a repeat of a replaced attempt is declined", attemptReplacedRepeats},
		{"an attempt that arrives after a later one is the same charge", attemptLate},
		{"racing customers and attempts capture once", attemptAndCustomerRace},

		{"before the first attempt the charge is open", lookOpen},
		{"what was captured is captured by its attempt", lookCaptured},
		{"what was declined is declined by the latest attempt", lookDeclined},
		{"what waits for the customer is told with its action", lookAction},
		{"looking ends nothing", lookEndsNothing},
		{"after settle there is nothing to look at but a capture", lookClosed},

		{"what waits for the customer is captured when they have acted", actionWaits},
		{"what waits for the customer is declined when they fail", actionFails},
		{"what waits for the customer is over when it is settled", actionSettled},
		{"racing customers and settlements agree", actionRace},

		{"settle says what was captured", settleCaptured},
		{"settle says that the latest attempt was declined", settleDeclined},
		{"after settle has said never every attempt is refused", settleNever},
		{"a charge without a reference is none", settleNothing},
		{"racing attempts and settlements agree", settleRace},

		{"a refund gives back once however often it is called", refundRepeats},
		{"a refund repeated long after gives back once", refundRepeatsLater},
		{"a refund first asked for long after gives back once", refundLater},
		{"32 racing calls of one refund give back once", refundRace},
		{"32 racing refunds give back no more than was captured", refundsRace},
		{"partial refunds add up", refundParts},
		{"more than is left is refused", refundTooMuch},
		{"what was refused can be asked for anew", refundAnew},
		{"a refund where nothing was captured is refused", refundNothing},

		{"statements say what was captured and given back", statementsSay},
		{"statements have what was begun since then", statementsSince},
		{"pages of statements neither repeat nor skip", statementsPages},

		{"a cancelled context moves no money", paymentsCancelled},
		{"the provider has a name", providerNamed},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, open(t))
		})
	}
}

const price = 12_345

// prepare returns a charge that is ready.
func (u PaymentsUnderTest) prepare(t *testing.T, token string) booking.Charge {
	t.Helper()
	return u.prepareOf(t, euros(price), token)
}

func (u PaymentsUnderTest) prepareOf(t *testing.T, amount money.Amount, token string) booking.Charge {
	t.Helper()
	c := booking.Charge{BookingID: newID(), Attempt: 1, Since: time.Now(), Amount: amount, Token: token}
	var err error
	c.Reference, err = u.Payments.Prepare(t.Context(), c)
	must(t, err)
	return c
}

// charge takes what is captured at once.
func (u PaymentsUnderTest) charge(ctx context.Context, c booking.Charge) (reference string, err error) {
	charged, err := u.Payments.Charge(ctx, c)
	if err == nil && charged.Action != nil {
		err = errors.New("the customer has to act")
	}
	return charged.Reference, err
}

// charged returns a charge that has been captured, and its reference.
func (u PaymentsUnderTest) charged(t *testing.T) (c booking.Charge, reference string) {
	t.Helper()
	c = u.prepare(t, u.Good)
	reference, err := u.charge(t.Context(), c)
	must(t, err)
	return c, reference
}

func (u PaymentsUnderTest) settle(ctx context.Context, c booking.Charge) (booking.Settlement, error) {
	return u.Payments.Settle(ctx, booking.Unsettled{BookingID: c.BookingID, Reference: c.Reference})
}

// refundOf asks for a part of what was charged under reference.
func refundOf(c booking.Charge, reference string, amount int64) booking.RefundRequest {
	return booking.RefundRequest{
		ID: newID(), BookingID: c.BookingID, Reference: reference, Since: time.Now(),
		Amount: money.Amount{AmountMinor: amount, Currency: c.Amount.Currency},
	}
}

func (u PaymentsUnderTest) wantLedger(t *testing.T, c booking.Charge, captured, refunded int64) {
	t.Helper()
	if took, gave := u.Ledger(c.BookingID); took != captured || gave != refunded {
		t.Errorf("the ledger has %d captured and %d refunded, want %d and %d", took, gave, captured, refunded)
	}
}

// wantSettled fails unless Settle answers want, and again.
func (u PaymentsUnderTest) wantSettled(t *testing.T, c booking.Charge, want booking.Settlement) {
	t.Helper()
	for range 2 {
		got, err := u.settle(t.Context(), c)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("settlement (-want +got):\n%s", diff)
		}
	}
}

func captured(reference string) booking.Settlement {
	return booking.Settlement{Captured: true, Reference: reference, Amount: euros(price)}
}

func prepareMovesNothing(t *testing.T, u PaymentsUnderTest) {
	for _, token := range []string{u.Good, u.Declined, u.Timeout, u.Action} {
		c := u.prepare(t, token)
		u.wantLedger(t, c, 0, 0)
		if u.Act(c.BookingID, 1, true) {
			t.Error("the customer can act on what was not charged")
		}
		u.wantSettled(t, c, booking.Settlement{})
		u.wantLedger(t, c, 0, 0)
	}
}

func prepareRepeats(t *testing.T, u PaymentsUnderTest) {
	c, other := u.prepare(t, u.Good), u.prepare(t, u.Good)
	if c.Reference != "" && c.Reference == other.Reference {
		t.Errorf("two charges have the reference %q", c.Reference)
	}
	first := c.Reference
	c.Reference = ""
	again, err := u.Payments.Prepare(t.Context(), c)
	must(t, err)
	if again != first {
		t.Errorf("a repeat has the reference %q, want %q", again, first)
	}
}

func chargeCaptures(t *testing.T, u PaymentsUnderTest) {
	c, reference := u.charged(t)
	if reference == "" {
		t.Error("the reference is empty")
	}
	u.wantLedger(t, c, price, 0)
	other, otherReference := u.charged(t)
	if reference == otherReference {
		t.Errorf("two charges have the reference %q", reference)
	}
	u.wantLedger(t, other, price, 0)
	u.wantLedger(t, c, price, 0)
}

func chargeRepeats(t *testing.T, u PaymentsUnderTest) {
	c, reference := u.charged(t)
	for range 3 {
		if again, err := u.charge(t.Context(), c); err != nil || again != reference {
			t.Errorf("a repeat is answered %q, %v, want %q", again, err, reference)
		}
	}
	u.wantLedger(t, c, price, 0)
}

func chargeRepeatsLater(t *testing.T, u PaymentsUnderTest) {
	c, reference := u.charged(t)
	u.Forget()
	c.Since = c.Since.Add(-day)
	if again, err := u.charge(t.Context(), c); err != nil || again != reference {
		t.Errorf("a repeat is answered %q, %v, want %q", again, err, reference)
	}
	u.wantLedger(t, c, price, 0)
}

func chargeRace(t *testing.T, u PaymentsUnderTest) {
	c := u.prepare(t, u.Good)
	var references [workers]string
	race(workers, func(i int) {
		var err error
		if references[i], err = u.charge(t.Context(), c); err != nil {
			t.Error(err)
		}
	})
	for _, r := range references {
		if r != references[0] {
			t.Fatalf("references differ: %q", references)
		}
	}
	u.wantLedger(t, c, price, 0)
	u.wantSettled(t, c, captured(references[0]))
}

// Currencies with no decimals, with two, with three; and those that providers
// count otherwise than the standard does.
func chargeCurrencies(t *testing.T, u PaymentsUnderTest) {
	began := time.Now()
	for _, amount := range []money.Amount{
		{AmountMinor: 501, Currency: "JPY"},
		{AmountMinor: 12_340, Currency: "KWD"},
		{AmountMinor: 501, Currency: "EUR"},
		{AmountMinor: 501, Currency: "ISK"},
		{AmountMinor: 501, Currency: "UGX"},
		{AmountMinor: 50_100, Currency: "MGA"},
	} {
		c := u.prepareOf(t, amount, u.Good)
		reference, err := u.charge(t.Context(), c)
		must(t, err)
		u.wantSettled(t, c, booking.Settlement{Captured: true, Reference: reference, Amount: amount})
		part := refundOf(c, reference, amount.AmountMinor/100*100)
		must(t, u.Payments.Refund(t.Context(), part))
		want := booking.Statement{BookingID: c.BookingID, Reference: reference, Captured: amount, Refunded: part.Amount}
		if diff := cmp.Diff(want, u.statement(t, began, c)); diff != "" {
			t.Errorf("statement (-want +got):\n%s", diff)
		}
	}
}

func declineRepeats(t *testing.T, u PaymentsUnderTest) {
	c := u.prepare(t, u.Declined)
	for _, token := range []string{u.Declined, u.Declined, u.Good, u.Action} {
		u.wantDeclined(t, c, 1, token)
	}
	u.wantLedger(t, c, 0, 0)
}

func declineRepeatsLater(t *testing.T, u PaymentsUnderTest) {
	c := u.prepare(t, u.Declined)
	u.wantDeclined(t, c, 1, u.Declined)
	u.wantDeclined(t, c, 2, u.Declined)
	u.Forget()
	c.Since = c.Since.Add(-day)
	for n := 1; n <= 3; n++ { // the third was never made, and it is too late for it
		u.wantDeclined(t, c, n, u.Declined)
	}
	for n := 1; n <= 2; n++ {
		u.wantDeclined(t, c, n, u.Good)
	}
	u.wantLedger(t, c, 0, 0)
}

// wantDeclined fails unless the attempt n of c is declined.
func (u PaymentsUnderTest) wantDeclined(t *testing.T, c booking.Charge, n int, token string) {
	t.Helper()
	charged, err := u.attempt(t.Context(), c, n, token)
	wantErr(t, err, booking.ErrPaymentDeclined)
	if charged.Reference != "" {
		t.Errorf("a declined attempt has the reference %q", charged.Reference)
	}
}

func chargeTimesOut(t *testing.T, u PaymentsUnderTest) {
	c := u.prepare(t, u.Timeout)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answer := make(chan error, 1)
	go func() {
		_, err := u.charge(ctx, c)
		answer <- err
	}()
	eventually(t, "the charge is in the ledger", func() bool { took, _ := u.Ledger(c.BookingID); return took > 0 })
	cancel()
	wantErr(t, <-answer, booking.ErrOutcomeUnknown)

	seen, err := u.look(t.Context(), c)
	must(t, err)
	if seen.State != booking.ChargeCaptured || seen.Reference == "" {
		t.Errorf("looking finds %+v", seen)
	}
	u.wantSettled(t, c, captured(seen.Reference))
	u.wantLedger(t, c, price, 0)
}
