package bookingtest_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// provider is a good adapter to spoil, and what its spoiled parts have moved
// besides.
type provider struct {
	*sandbox.Sandbox
	mu              sync.Mutex
	seen            map[string]int
	taken, returned map[string]int64

	limits  func(currency string) (booking.ChargeLimits, error)
	prepare func(context.Context, booking.Charge) (string, error)
	charge  func(context.Context, booking.Charge) (booking.Charged, error)
	look    func(context.Context, booking.Unsettled) (booking.Outcome, error)
	settle  func(context.Context, booking.Unsettled) (booking.Settlement, error)
	refund  func(context.Context, booking.RefundRequest) error
	act     func(bookingID string, n int, succeed bool) bool
	forget  func()
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	s, err := sandbox.Open(t.Context(), filepath.Join(t.TempDir(), "sandbox.db"), sandbox.Options{Slow: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &provider{
		Sandbox: s, seen: map[string]int{}, taken: map[string]int64{}, returned: map[string]int64{},
		limits: s.Limits, prepare: s.Prepare, charge: s.Charge, look: s.Look, settle: s.Settle, refund: s.Refund,
		act: func(id string, n int, succeed bool) bool {
			acted, err := s.Act(t.Context(), id, n, succeed)
			if err != nil {
				t.Error(err)
			}
			return acted
		},
		forget: func() {},
	}
}

func (p *provider) Limits(currency string) (booking.ChargeLimits, error) { return p.limits(currency) }

func (p *provider) Prepare(ctx context.Context, c booking.Charge) (string, error) {
	return p.prepare(ctx, c)
}

func (p *provider) Charge(ctx context.Context, c booking.Charge) (booking.Charged, error) {
	return p.charge(ctx, c)
}

func (p *provider) Look(ctx context.Context, c booking.Unsettled) (booking.Outcome, error) {
	return p.look(ctx, c)
}

func (p *provider) Settle(ctx context.Context, c booking.Unsettled) (booking.Settlement, error) {
	return p.settle(ctx, c)
}

func (p *provider) Refund(ctx context.Context, r booking.RefundRequest) error {
	return p.refund(ctx, r)
}

// before returns how often this was called with id before.
func (p *provider) before(id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[id]++
	return p.seen[id] - 1
}

func (p *provider) move(books map[string]int64, id string, amount int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	books[id] += amount
}

func (p *provider) underTest(t *testing.T) bookingtest.PaymentsUnderTest {
	return bookingtest.PaymentsUnderTest{
		Payments: p, Statements: p.Sandbox,
		Good: sandbox.Visa, Declined: sandbox.Declined, Timeout: sandbox.Timeout, Action: sandbox.Authentication,
		Act: func(id string, n int, succeed bool) bool { return p.act(id, n, succeed) }, Forget: func() { p.forget() },
		Ledger: func(id string) (captured, refunded int64) {
			entries, err := p.Entries(t.Context(), id, 0, 1000)
			if err != nil {
				t.Error(err)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			captured, refunded = p.taken[id], p.returned[id]
			for _, e := range entries {
				if e.Kind == "charge" {
					captured += e.Amount.AmountMinor
				} else {
					refunded += e.Amount.AmountMinor
				}
			}
			return captured, refunded
		},
	}
}

// TestPaymentsSuiteCatchesBrokenAdapters: a suite that passes on one of these
// is worthless.
func TestPaymentsSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	broken := func(name, caughtBy string, spoil func(p *provider)) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			bookingtest.TestPayments(t, func(t *testing.T) bookingtest.PaymentsUnderTest {
				p := newProvider(t)
				spoil(p)
				return p.underTest(t)
			})
		}, caughtBy)
	}
	limit := func(l booking.ChargeLimits) func(string) (booking.ChargeLimits, error) {
		return func(string) (booking.ChargeLimits, error) { return l, nil }
	}
	// keeps makes the adapter refuse amounts outside its limits.
	keeps := func(p *provider) {
		p.prepare = func(_ context.Context, c booking.Charge) (string, error) { return "", booking.Payable(p, c.Amount) }
	}
	broken("has_a_minimum_between_two_steps", "limits_are_multiples_of_their_step", func(p *provider) {
		p.limits = limit(booking.ChargeLimits{Step: 10, Minimum: 15, Maximum: 1000})
	})
	broken("refuses_totals_within_its_limits", "totals_within_the_limits_are_charged", func(p *provider) {
		p.prepare = func(_ context.Context, c booking.Charge) (string, error) {
			if c.Amount.Currency == "KWD" && c.Amount.AmountMinor%10 != 0 {
				return "", booking.ErrAmountNotPayable
			}
			return "", nil
		}
	})
	broken("charges_less_than_its_minimum", "other_totals_are_not_payable", func(p *provider) {
		p.limits = limit(booking.ChargeLimits{Step: 1, Minimum: 50, Maximum: 99_999_999})
	})
	broken("declines_what_is_not_payable", "other_totals_are_not_payable", func(p *provider) {
		p.prepare = func(_ context.Context, c booking.Charge) (string, error) {
			if booking.Payable(p, c.Amount) != nil {
				return "", booking.ErrPaymentDeclined
			}
			return "", nil
		}
	})
	broken("prepares_what_is_not_supported", "a_currency_that_is_not_supported_is_not_payable", func(p *provider) {
		p.limits = func(currency string) (booking.ChargeLimits, error) {
			if currency == "IQD" {
				return booking.ChargeLimits{}, booking.ErrCurrencyNotSupported
			}
			return p.Sandbox.Limits(currency)
		}
	})
	broken("gives_back_whole_units_alone", "a_single_step_can_be_given_back", func(p *provider) {
		p.refund = func(ctx context.Context, r booking.RefundRequest) error {
			if r.Amount.AmountMinor%100 != 0 {
				return booking.ErrRefundRefused
			}
			return p.Sandbox.Refund(ctx, r)
		}
	})
	broken("charges_in_steps_that_fees_do_not_keep_to", "the_step_divides_that_of_fees", func(p *provider) {
		p.limits = limit(booking.ChargeLimits{Step: 1000, Minimum: 1000, Maximum: 1_000_000})
		keeps(p)
	})
	chargesTwice := func(p *provider) {
		p.charge = func(ctx context.Context, c booking.Charge) (booking.Charged, error) {
			charged, err := p.Sandbox.Charge(ctx, c)
			if p.before(c.BookingID) > 0 && err == nil {
				p.move(p.taken, c.BookingID, c.Amount.AmountMinor)
			}
			return charged, err
		}
	}
	broken("charges_twice", "a_repeated_attempt_is_captured_once_under_the_same_reference", chargesTwice)
	broken("charges_twice_in_a_race", "32_racing_calls_of_one_attempt_capture_once", chargesTwice)
	broken("forgets_a_decline", "a_repeat_of_a_declined_attempt_is_declined_whatever_its_token", func(p *provider) {
		p.charge = func(ctx context.Context, c booking.Charge) (booking.Charged, error) {
			charged, err := p.Sandbox.Charge(ctx, c)
			if errors.Is(err, booking.ErrPaymentDeclined) && c.Token == sandbox.Visa {
				p.move(p.taken, c.BookingID, c.Amount.AmountMinor)
				return booking.Charged{Reference: "late"}, nil
			}
			return charged, err
		}
	})
	broken("takes_a_timeout_for_a_decline", "a_charge_without_an_answer_is_unknown_until_look_or_settle_finds_it", func(p *provider) {
		p.charge = func(ctx context.Context, c booking.Charge) (booking.Charged, error) {
			charged, err := p.Sandbox.Charge(ctx, c)
			if errors.Is(err, booking.ErrOutcomeUnknown) {
				err = booking.ErrPaymentDeclined
			}
			return charged, err
		}
	})
	broken("lets_a_late_charge_through", "after_settle_has_said_never_every_attempt_is_refused", func(p *provider) {
		p.charge = func(ctx context.Context, c booking.Charge) (booking.Charged, error) {
			charged, err := p.Sandbox.Charge(ctx, c)
			if errors.Is(err, booking.ErrPaymentClosed) && p.before(c.BookingID) == 0 {
				p.move(p.taken, c.BookingID, c.Amount.AmountMinor)
				return booking.Charged{Reference: "late"}, nil
			}
			return charged, err
		}
	})
	broken("settles_without_closing", "racing_attempts_and_settlements_agree", func(p *provider) {
		p.settle = func(ctx context.Context, c booking.Unsettled) (booking.Settlement, error) {
			entries, err := p.Entries(ctx, c.BookingID, 0, 1)
			if err != nil || len(entries) == 0 {
				return booking.Settlement{}, err
			}
			return booking.Settlement{Captured: true, Reference: entries[0].Reference, Amount: entries[0].Amount}, nil
		}
	})
	broken("forgets_that_it_declined", "settle_says_that_the_latest_attempt_was_declined", func(p *provider) {
		p.settle = func(ctx context.Context, c booking.Unsettled) (booking.Settlement, error) {
			s, err := p.Sandbox.Settle(ctx, c)
			s.Declined = false
			return s, err
		}
	})
	refundsTwice := func(p *provider) {
		p.refund = func(ctx context.Context, r booking.RefundRequest) error {
			err := p.Sandbox.Refund(ctx, r)
			if p.before(r.ID) > 0 && err == nil {
				p.move(p.returned, r.BookingID, r.Amount.AmountMinor)
			}
			return err
		}
	}
	broken("refunds_twice", "a_refund_gives_back_once_however_often_it_is_called", refundsTwice)
	broken("refunds_twice_in_a_race", "32_racing_calls_of_one_refund_give_back_once", refundsTwice)
	broken("refunds_more_than_there_is", "more_than_is_left_is_refused", func(p *provider) {
		p.refund = func(ctx context.Context, r booking.RefundRequest) error {
			err := p.Sandbox.Refund(ctx, r)
			if errors.Is(err, booking.ErrRefundRefused) {
				p.move(p.returned, r.BookingID, r.Amount.AmountMinor)
				return nil
			}
			return err
		}
	})
	broken("refunds_once_for_a_booking", "partial_refunds_add_up", func(p *provider) {
		p.refund = func(ctx context.Context, r booking.RefundRequest) error {
			if p.before(r.BookingID) > 0 {
				return nil
			}
			return p.Sandbox.Refund(ctx, r)
		}
	})
	broken("goes_on_when_cancelled", "a_cancelled_context_moves_no_money", func(p *provider) {
		p.charge = func(ctx context.Context, c booking.Charge) (booking.Charged, error) {
			if c.Token == sandbox.Visa {
				ctx = context.WithoutCancel(ctx)
			}
			return p.Sandbox.Charge(ctx, c)
		}
	})
	broken("charges_what_is_prepared", "what_is_prepared_moves_no_money", func(p *provider) {
		p.prepare = func(ctx context.Context, c booking.Charge) (string, error) {
			if c.Token != sandbox.Visa {
				return "", nil
			}
			charged, err := p.Sandbox.Charge(ctx, c)
			return charged.Reference, err
		}
	})
	broken("prepares_anew", "a_repeated_preparation_has_the_same_reference", func(p *provider) {
		p.prepare = func(context.Context, booking.Charge) (string, error) { return uuid.NewString(), nil }
	})
	broken("counts_in_hundredths", "amounts_are_charged_exactly_whatever_the_currency", func(p *provider) {
		p.charge = func(ctx context.Context, c booking.Charge) (booking.Charged, error) {
			if c.Amount.Currency == "JPY" {
				c.Amount.AmountMinor *= 100
			}
			return p.Sandbox.Charge(ctx, c)
		}
	})
	broken("does_not_wait_for_the_customer", "what_waits_for_the_customer_is_captured_when_they_have_acted", func(p *provider) {
		p.charge = func(ctx context.Context, c booking.Charge) (booking.Charged, error) {
			charged, err := p.Sandbox.Charge(ctx, c)
			if charged.Action != nil {
				p.act(c.BookingID, 1, true)
			}
			return charged, err
		}
	})
	broken("lets_the_customer_act_too_late", "what_waits_for_the_customer_is_over_when_it_is_settled", func(p *provider) {
		p.act = func(id string, _ int, _ bool) bool {
			p.move(p.taken, id, 1)
			return true
		}
	})
	broken("takes_a_failure_for_an_absence", "what_waits_for_the_customer_is_declined_when_they_fail", func(p *provider) {
		p.act = func(string, int, bool) bool { return true }
	})
	broken("wants_a_reference_to_settle", "a_charge_without_a_reference_is_none", func(p *provider) {
		p.settle = func(ctx context.Context, c booking.Unsettled) (booking.Settlement, error) {
			if c.Reference == "" {
				return booking.Settlement{}, booking.ErrOutcomeUnknown
			}
			return p.Sandbox.Settle(ctx, c)
		}
	})
	// forgets lets the adapter rely on keys that the provider has forgotten.
	forgets := func(p *provider) {
		forgotten := 0
		p.forget = func() { forgotten++ }
		p.refund = func(ctx context.Context, r booking.RefundRequest) error {
			r.ID += strings.Repeat("'", forgotten)
			return p.Sandbox.Refund(ctx, r)
		}
		p.charge = func(ctx context.Context, c booking.Charge) (booking.Charged, error) {
			charged, err := p.Sandbox.Charge(ctx, c)
			if err == nil && forgotten > 0 {
				p.move(p.taken, c.BookingID, c.Amount.AmountMinor)
			}
			return charged, err
		}
	}
	broken("forgets_the_key_of_a_refund", "a_refund_repeated_long_after_gives_back_once", forgets)
	broken("forgets_the_key_of_a_charge", "an_attempt_repeated_long_after_is_captured_once", forgets)
	broken("refuses_for_ever", "what_was_refused_can_be_asked_for_anew", func(p *provider) {
		refused := map[string]bool{}
		p.refund = func(ctx context.Context, r booking.RefundRequest) error {
			err := p.Sandbox.Refund(ctx, r)
			if refused[r.ID] = refused[r.ID] || errors.Is(err, booking.ErrRefundRefused); refused[r.ID] {
				return booking.ErrRefundRefused
			}
			return err
		}
	})
}
