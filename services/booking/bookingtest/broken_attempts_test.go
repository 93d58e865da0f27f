package bookingtest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// TestPaymentsSuiteCatchesBrokenAttempts is TestPaymentsSuiteCatchesBrokenAdapters
// for attempts, and for looking at them.
func TestPaymentsSuiteCatchesBrokenAttempts(t *testing.T) {
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
	// again captures once more, where spoiled says so of a charge and its answer.
	again := func(spoiled func(p *provider, c booking.Charge, err error) bool) func(p *provider) {
		return func(p *provider) {
			p.charge = func(ctx context.Context, c booking.Charge) (booking.Charged, error) {
				charged, err := p.Sandbox.Charge(ctx, c)
				if !spoiled(p, c, err) {
					return charged, err
				}
				p.move(p.taken, c.BookingID, c.Amount.AmountMinor)
				return booking.Charged{Reference: "again"}, nil
			}
		}
	}
	captured := func(p *provider, c booking.Charge) bool {
		entries, err := p.Entries(context.Background(), c.BookingID, 0, 1)
		return err == nil && len(entries) > 0
	}
	looks := func(spoil func(o *booking.Outcome, err *error)) func(p *provider) {
		return func(p *provider) {
			p.look = func(ctx context.Context, c booking.Unsettled) (booking.Outcome, error) {
				o, err := p.Sandbox.Look(ctx, c)
				spoil(&o, &err)
				return o, err
			}
		}
	}

	broken("declines_for_good", "after_a_declined_attempt_another_attempt_can_capture", func(p *provider) {
		p.charge = func(ctx context.Context, c booking.Charge) (booking.Charged, error) {
			if p.before(c.BookingID) > 0 {
				return booking.Charged{}, booking.ErrPaymentDeclined
			}
			return p.Sandbox.Charge(ctx, c)
		}
	})
	broken("keeps_no_declines", "a_declined_attempt_is_declined_long_after", func(p *provider) {
		forgotten := false
		p.forget = func() { forgotten = true }
		again(func(_ *provider, c booking.Charge, err error) bool {
			return forgotten && c.Token == sandbox.Visa && errors.Is(err, booking.ErrPaymentDeclined)
		})(p)
	})
	capturesEach := again(func(p *provider, c booking.Charge, err error) bool {
		return err == nil && c.Attempt > 1 && p.before(c.BookingID) > 0
	})
	broken("captures_each_attempt", "at_most_one_attempt_captures_and_then_every_attempt_answers_so", capturesEach)
	broken("captures_racing_attempts", "32_racing_attempts_capture_once", capturesEach)
	broken("lets_the_customer_act_on_a_replaced_attempt", "a_new_attempt_replaces_one_that_waits_for_the_customer", func(p *provider) {
		p.act = func(id string, n int, _ bool) bool {
			p.move(p.taken, id, 12_345)
			return n == 1
		}
	})
	broken("captures_a_replaced_attempt", "a_repeat_of_a_replaced_attempt_is_declined", again(func(_ *provider, c booking.Charge, err error) bool {
		return c.Attempt == 1 && c.Token == sandbox.Visa && errors.Is(err, booking.ErrPaymentDeclined)
	}))
	broken("charges_a_late_attempt_besides", "an_attempt_that_arrives_after_a_later_one_is_the_same_charge", again(func(p *provider, c booking.Charge, _ error) bool {
		return c.Attempt == 1 && captured(p, c)
	}))
	broken("captures_for_the_customer_and_the_attempt", "racing_customers_and_attempts_capture_once", func(p *provider) {
		p.act = func(id string, _ int, _ bool) bool {
			p.move(p.taken, id, 12_345)
			return true
		}
	})

	broken("takes_nothing_for_a_decline", "before_the_first_attempt_the_charge_is_open", looks(func(o *booking.Outcome, _ *error) {
		if o.State == booking.ChargeOpen {
			o.State = booking.ChargeDeclined
		}
	}))
	broken("knows_one_attempt", "what_was_captured_is_captured_by_its_attempt", looks(func(o *booking.Outcome, _ *error) {
		o.Attempt = min(o.Attempt, 1)
	}))
	broken("remembers_the_first_decline", "what_was_declined_is_declined_by_the_latest_attempt", looks(func(o *booking.Outcome, _ *error) {
		if o.State == booking.ChargeDeclined {
			o.Attempt = 1
		}
	}))
	broken("keeps_the_action_to_itself", "what_waits_for_the_customer_is_told_with_its_action", looks(func(o *booking.Outcome, _ *error) {
		o.Action = nil
	}))
	broken("settles_to_look", "looking_ends_nothing", func(p *provider) {
		p.look = func(ctx context.Context, c booking.Unsettled) (booking.Outcome, error) {
			o, err := p.Sandbox.Look(ctx, c)
			_, _ = p.Sandbox.Settle(ctx, c)
			return o, err
		}
	})
	broken("looks_past_a_settlement", "after_settle_there_is_nothing_to_look_at_but_a_capture", looks(func(o *booking.Outcome, err *error) {
		if errors.Is(*err, booking.ErrPaymentClosed) {
			*o, *err = booking.Outcome{State: booking.ChargeOpen}, nil
		}
	}))
	broken("does_not_find_a_lost_answer", "a_charge_without_an_answer_is_unknown_until_look_or_settle_finds_it", looks(func(o *booking.Outcome, _ *error) {
		*o = booking.Outcome{State: booking.ChargeOpen}
	}))
	broken("ends_the_first_attempt_alone", "after_settle_has_said_never_every_attempt_is_refused", again(func(_ *provider, c booking.Charge, err error) bool {
		return c.Attempt > 1 && errors.Is(err, booking.ErrPaymentClosed)
	}))
}
