package booking

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// saga is a booking on its way, as the holder of its lease knows it. It decides and
// never acts: next says which call or write follows, and each answer changes
// the saga by the method that is named for it. Service.step makes the calls and the
// writes. Every call may have been made before; a saga that begins anew makes it again.
type saga struct {
	b      Booking // with what was learnt since it was stored
	stored Booking

	by    string        // who drives: the user's id, or the worker's name
	trace string        // the W3C traceparent of its messages
	rest  time.Duration // until the next try, where one fails

	// A request for a new booking holds its tickets. A request charges, with token; nobody
	// else ever starts a charge.
	holds       bool
	charges     bool
	token       string
	expected    *money.Amount // the total that the customer has seen; nil for any
	settleAfter time.Duration
	checkoutTTL time.Duration

	unsaved  bool      // something was learnt that is stored before the next call
	held     bool      // the attempt has the tickets
	prepared bool      // the provider is
	declined bool      // the only attempt was, and the charge is to be ended
	lost     bool      // the booking will fail, for its Reason
	released bool      // nothing is held any more
	returned bool      // the tickets of the open cancellation are back
	asked    bool      // whether the event is cancelled
	note     string    // the organizer's, of a cancelled event
	answers  bool      // the customer is told once it is put off
	owes     bool      // and waits to hear how the payment ends
	waits    bool      // a checkout is its customer's again
	closed   bool      // the provider will not charge it any more
	until    time.Time // when the next driver goes on; zero while this one does
	done     bool      // this driver has no more to do

	err      error // why it was put off
	notSaved error // why the last write was in vain, as far as is known
}

// step is what follows in a saga.
type step int

const (
	nothing step = iota

	// Calls to the event service, the payment provider, and for a cancelled event.
	callReserve
	callRelease
	callReturn
	callPrepare
	callCharge
	callLook
	callSettle
	callRefund
	callEvent

	// Writes. All but the first give the lease up.
	writeLearnt
	writePutOff
	writeAwaiting // the payment of a checkout
	writeConfirmed
	writeFailed
	writeCancelled // the open cancellation is done
	writeFees      // fees that were kept first are back
	writeNothing
)

// next is what follows at now.
func (g *saga) next(now time.Time) step {
	b := &g.b
	switch {
	case g.done:
		return nothing
	case !g.until.IsZero():
		return writePutOff
	case g.unsaved:
		return writeLearnt
	case g.waits:
		return writeAwaiting
	case g.refund() != nil:
		return callRefund
	case b.Status == Pending:
		return g.nextOfSale(now)
	case b.Status == Failed:
		return writeNothing // it was being mended, and is settled all the same
	}
	c := b.Open()
	switch {
	case !g.asked && (c == nil || b.Reason == problem.EventCancelled):
		return callEvent
	case c == nil && len(b.untoldFees()) > 0:
		return writeFees
	case c == nil:
		return writeNothing
	case c.All && !g.released:
		return callRelease
	case !c.All && !g.returned:
		return callReturn
	}
	return writeCancelled
}

func (g *saga) nextOfSale(now time.Time) step {
	paid := !g.b.Payment.Captured.IsZero()
	switch {
	case g.declined:
		return callSettle
	case g.lost || len(g.b.Refunds) > 0:
		if !g.released {
			return callRelease
		}
		return writeFailed
	case !g.held && (paid || g.holds):
		return callReserve
	case paid:
		return writeConfirmed
	case g.charges:
		return g.nextOfPayment()
	case g.b.Checkout != nil:
		return g.nextOfCheckout(now)
	}
	return callSettle
}

// nextOfPayment is what follows in a request that pays.
func (g *saga) nextOfPayment() step {
	switch {
	case g.b.Total.IsZero():
		return writeConfirmed
	case !g.prepared && g.b.Payment.Reference == "":
		return callPrepare
	}
	return callCharge
}

// nextOfCheckout is what follows in a checkout that no request pays. It ends when its time
// is over, it is abandoned, or its event is cancelled; until then an attempt is looked at.
func (g *saga) nextOfCheckout(now time.Time) step {
	c := g.b.Checkout
	switch {
	case g.closed, !g.b.Acknowledged, g.b.Reason != "", !now.Before(c.ExpiresAt):
		return callSettle
	case !g.asked:
		return callEvent
	case len(c.Attempts) > 0, g.b.Payment.Reference != "":
		return callLook
	}
	return writeAwaiting
}

// refund is the one to ask for next, or nil.
func (g *saga) refund() *Refund {
	n := slices.IndexFunc(g.b.Refunds, func(r Refund) bool { return r.Status == RefundPending })
	if n < 0 {
		return nil
	}
	return &g.b.Refunds[n]
}

func (g *saga) noted(now time.Time, step, detail string) { g.b.note(now, g.by, step, detail) }

// putOff leaves the booking to the next driver: the try has failed with err.
func (g *saga) putOff(err error, now time.Time) {
	g.err, g.until = err, now.Add(g.rest)
}

// backOut ends a booking that cannot be confirmed. What was paid goes back, and the
// refund is stored before the provider hears of it.
func (g *saga) backOut(reason problem.Code, now time.Time) {
	g.b.Reason, g.lost, g.answers = reason, true, g.charges
	if paid := g.b.Payment.Captured; !paid.IsZero() {
		g.b.Refunds, g.unsaved = []Refund{{ID: newID(), Amount: paid, Status: RefundPending, Decided: now}}, true
	}
}

func (g *saga) onReserve(r Reserved, err error, now time.Time) {
	b, paid, code := &g.b, g.b.Payment.Captured, reasonOf(err)
	switch {
	case paid.IsZero() && code != "":
		// No hold, no charge: there is nothing to undo.
		b.Reason, g.lost, g.released = code, true, true
	case paid.IsZero() && err != nil:
		g.noted(now, "reservation_unknown", "the event service did not answer")
		g.putOff(fmt.Errorf("%w: %w", ErrUnavailable, err), now)
	case errors.Is(err, ErrReservationReleased):
		// The tickets were given back before the payment was known: try
		// for others, under an attempt that is stored before it is used.
		b.Attempt++
		g.unsaved = true
	case code != "":
		g.backOut(code, now)
	case err != nil:
		g.putOff(err, now)
	case !paid.IsZero() && r.Total != paid:
		// Reserved anew, and the price has changed since it was paid: at
		// that price there are no tickets left.
		g.backOut(problem.SoldOut, now)
	default:
		g.held = true
		b.Event, b.Items, b.Total = r.Event, r.Items, r.Total
		g.noted(now, "reserved", fmt.Sprintf("%d tickets, attempt %d", b.TicketCount(), b.Attempt))
		switch {
		case !paid.IsZero():
			g.noted(now, "recovered", "the payment had succeeded")
			g.noted(now, "paid", paid.String())
		case g.expected != nil && *g.expected != b.Total:
			g.refused(problem.PriceChanged, now)
		case b.Checkout != nil:
			g.edit().Checkout.ExpiresAt = now.Add(g.checkoutTTL)
			g.await(PaymentAwaiting)
		}
	}
}

func (g *saga) onPrepare(reference string, err error, now time.Time) {
	switch {
	case isFinal(err):
		g.refused(reasonOf(err), now)
	case err != nil && g.b.Checkout != nil:
		g.b.noteOnce(now, g.by, stepUnavailable, "the payment provider does not answer; nothing was charged")
		// The provider knows nothing of the attempt, and the next one has its number.
		c := g.edit().Checkout
		c.Attempts = c.Attempts[:len(c.Attempts)-1]
		g.err = fmt.Errorf("%w: %w", ErrPaymentUnavailable, err)
		g.await(PaymentAwaiting)
	case err != nil:
		g.noted(now, stepUnavailable, "the payment provider does not answer; nothing was charged")
		g.putOff(fmt.Errorf("%w: %w", ErrPaymentUnavailable, err), now)
	default:
		// Without the reference nobody could settle what comes next.
		g.prepared, g.unsaved, g.b.Payment.Reference = true, reference != "", reference
	}
}

func (g *saga) onCharge(c Charged, err error, now time.Time) {
	p := &g.b.Payment
	switch {
	case isFinal(err):
		g.refused(reasonOf(err), now)
		g.declined = g.lost && errors.Is(err, ErrPaymentDeclined)
	case err != nil:
		g.noted(now, "payment_unknown", "the payment provider has not answered yet")
		g.answers, g.owes, g.until = true, true, now.Add(g.settleAfter)
		if a := g.edit().Checkout.Latest(); a != nil {
			a.Told = true
		}
	case c.Action != nil:
		// The tickets are held until the deadline. Then recovery settles it, or
		// before, when the provider says that something has happened.
		g.noted(now, "payment_action", "the customer has to act")
		p.Reference, p.Action, g.answers, g.owes = c.Reference, c.Action, true, true
		if g.b.Checkout != nil {
			g.attempted(PaymentAction)
			g.await(PaymentAction)
			return
		}
		g.until = now.Add(g.checkoutTTL)
		p.Status, p.Deadline = PaymentAction, g.until
	default:
		p.Reference, p.Status, p.Captured = c.Reference, PaymentCaptured, g.b.Total
		g.attempted(PaymentCaptured)
		g.noted(now, "paid", p.Captured.String())
	}
}

// isFinal says that the provider has refused a charge for good.
func isFinal(err error) bool {
	return errors.Is(err, ErrPaymentDeclined) || errors.Is(err, ErrAmountNotPayable)
}

// edit returns the booking to change in place. What is stored stays.
func (g *saga) edit() *Booking {
	g.b.Checkout = g.b.Checkout.clone()
	return &g.b
}

// attempted notes what has become of a checkout's latest attempt.
func (g *saga) attempted(outcome PaymentStatus) {
	if a := g.edit().Checkout.Latest(); a != nil {
		a.Outcome = outcome
	}
}

// await leaves a checkout to its customer.
func (g *saga) await(status PaymentStatus) {
	p := &g.b.Payment
	p.Status, p.Deadline, g.waits = status, g.b.Checkout.ExpiresAt, true
	if status != PaymentAction {
		p.Action = nil
	}
}

func (g *saga) refused(reason problem.Code, now time.Time) {
	if reason == problem.PaymentDeclined && g.b.Checkout != nil {
		g.noted(now, string(reason), "")
		g.attempted(PaymentDeclined)
		g.await(PaymentAwaiting)
		return
	}
	if reason == problem.PaymentDeclined {
		g.b.Payment.Status = PaymentDeclined
	}
	g.b.Reason, g.lost = reason, true
	g.noted(now, string(reason), "")
}

// stepUnavailable is the step of a payment provider that does not answer.
const stepUnavailable = "payment_unavailable"

// unseen is how long after it was stored an attempt that the provider has not seen counts
// as declined. Should it arrive after all, it is the same charge.
const unseen = 30 * time.Second

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// onLook hears where the charge of a checkout stands.
func (g *saga) onLook(o Outcome, err error, now time.Time) {
	c := g.b.Checkout
	last := c.Latest()
	if last == nil { // restored from a backup of before it was made
		last = &Attempt{}
	}
	latest := o.Attempt >= len(c.Attempts)
	open := last.Outcome == PaymentOpen
	switch {
	case errors.Is(err, ErrPaymentClosed):
		g.closed = true
	case err != nil:
		g.putOff(err, now)
	case o.State == ChargeCaptured:
		g.captured(o.Reference, o.Amount, now)
	case o.State == ChargeAction && latest:
		g.attempted(PaymentAction)
		g.owes = true // who asks again is told to act
		if o.Action != nil {
			g.b.Payment.Action = o.Action
		}
		g.await(PaymentAction)
	case open && (o.State != ChargeDeclined || !latest) && now.Sub(last.At).Abs() < unseen: // the clock may have been set back
		g.until = earlier(last.At.Add(unseen), c.ExpiresAt)
	default:
		if open || last.Outcome == PaymentAction {
			g.noted(now, string(problem.PaymentDeclined), "")
			g.attempted(PaymentDeclined)
		}
		g.await(PaymentAwaiting)
	}
}

// captured notes that the charge has succeeded.
func (g *saga) captured(reference string, amount money.Amount, now time.Time) {
	p := &g.b.Payment
	p.Reference, p.Status, p.Captured, g.lost = reference, PaymentCaptured, amount, false
	g.b.Total = amount // the driver may have died before it was stored
	g.attempted(PaymentCaptured)
	if g.held {
		g.noted(now, "paid", amount.String())
	}
	if g.b.Reason == problem.EventCancelled {
		g.backOut(problem.EventCancelled, now)
	}
}

func (g *saga) onSettle(s Settlement, err error, now time.Time) {
	b, p := &g.b, &g.b.Payment
	g.declined = false
	switch {
	case err != nil:
		g.putOff(err, now) // a refusal that was made stays one
	case s.Captured:
		g.captured(s.Reference, s.Amount, now)
	case s.Declined && b.Checkout == nil:
		b.Reason, p.Status, g.lost = problem.PaymentDeclined, PaymentDeclined, true
	default:
		g.lost = true
		switch {
		case !b.Acknowledged || b.Reason != "":
		case b.Checkout != nil:
			b.Reason = problem.CheckoutExpired
		default:
			b.Reason = problem.PaymentAbandoned
		}
	}
}

// maxRefusals is how often a refund may be refused before it is Due.
const maxRefusals = 5

func (g *saga) onRefund(err error, now time.Time) {
	g.b.Refunds = slices.Clone(g.b.Refunds) // what is stored stays
	r := g.refund()
	switch {
	case err == nil:
		r.Status = RefundDone
		g.noted(now, "refunded", r.Amount.String())
	case !errors.Is(err, ErrRefundRefused):
		g.putOff(err, now)
	case r.Refusals+1 < maxRefusals:
		r.Refusals++
		if !g.b.endsWith("refund_refused") {
			g.noted(now, "refund_refused", "the payment provider refuses it")
		}
		g.putOff(err, now)
	default:
		// The tickets need not wait for the money. Reconciliation goes on with it,
		// until somebody has seen to it.
		r.Refusals++
		r.Status = RefundDue
		g.noted(now, "refund_due", "the payment provider refuses "+r.Amount.String()+"; the operator has to see to it")
	}
}

func (g *saga) onRelease(err error, now time.Time) {
	if err != nil && !errors.Is(err, ErrEventNotFound) {
		g.putOff(err, now)
		return
	}
	g.released = true
	g.noted(now, "released", "")
}

func (g *saga) onReturn(err error, now time.Time) {
	if err != nil && !errors.Is(err, ErrEventNotFound) {
		g.putOff(err, now)
		return
	}
	g.returned = true
	g.noted(now, "returned", fmt.Sprintf("%d tickets", tickets(g.b.Open().Items)))
}

// onEvent hears whether the event is cancelled. A checkout ends with it. A booking that is Confirmed is
// cancelled with it, in full whatever the policy, and fees that were kept after the
// organizer had cancelled it are given back.
func (g *saga) onEvent(e CancelledEvent, err error, now time.Time) {
	begun := g.b.Open() != nil
	switch {
	case errors.Is(err, ErrEventNotFound) && !begun:
		g.asked = true // it takes place
		return
	case err != nil:
		g.putOff(err, now)
		return
	}
	g.asked, g.note = true, e.Note
	switch {
	case begun:
		return
	case g.b.Status == Pending:
		g.b.Reason = problem.EventCancelled
		return
	}
	b := g.b.Clone()
	b.UpdatedAt = now
	if b.Status == Confirmed {
		if err := b.giveBack(ToCancel{}, Cancellation{ID: newID(), At: now, By: g.by}, true); err != nil { // the price is out of range
			g.putOff(err, now)
			return
		}
	}
	b.returnFees(e.OccurredAt, now, g.by)
	if b.Open() == nil && len(b.untoldFees()) == 0 {
		return
	}
	b.Reason = problem.EventCancelled
	if b.Open() != nil {
		if err := g.tell(&b, events.TypeBookingTicketsChanged, nil); err != nil { // a time is
			g.putOff(err, now)
			return
		}
	}
	g.b, g.unsaved = b, true
}

// write is the booking as this write stores it.
func (g *saga) write(w step, now time.Time) (b Booking, err error) {
	b = g.b.Clone()
	b.UpdatedAt = now
	if w == writeLearnt {
		return b, nil
	}
	b.Lease = Lease{Until: g.until} // nobody drives it until then
	if w == writeAwaiting {
		b.Lease.Until, b.Acknowledged, b.Tries = b.Checkout.ExpiresAt, true, 0
	}
	if w == writePutOff || w == writeAwaiting {
		b.Acknowledged, b.Owed = b.Acknowledged || g.answers, b.Owed || g.owes
		return b, nil
	}
	b.Tries = 0
	b.refunded()
	switch w {
	case writeConfirmed:
		if b.Total.IsZero() {
			b.Payment = Payment{Provider: "none", Status: PaymentNotRequired}
		}
		b.Payment.Action, b.Payment.Deadline = nil, time.Time{}
		b.Status, b.Reason = Confirmed, ""
		b.note(now, g.by, "confirmed", "")
		err = g.tell(&b, events.TypeBookingConfirmed, nil)
	case writeFailed:
		err = g.fail(&b, now)
	case writeCancelled:
		err = g.cancel(&b, now)
	case writeFees:
		b.note(now, g.by, "fees_returned", "")
		err = g.tell(&b, events.TypeBookingCancelled, told(&b, b.tellFees()...))
	}
	return b, err
}

// fail makes b Failed. Nothing is held or owed any more.
func (g *saga) fail(b *Booking, now time.Time) error {
	told := b.Owed && b.Reason != problem.CheckoutAbandoned || len(b.Refunds) > 0 || b.Payment.Status == PaymentDeclined
	b.Status = Failed
	switch b.Payment.Status {
	case PaymentOpen, PaymentAction, PaymentAwaiting:
		b.Payment.Status = PaymentNever
	}
	b.Payment.Action, b.Payment.Deadline = nil, time.Time{}
	b.note(now, g.by, "failed", string(b.Reason))
	// Nobody was told of a booking without a reason: its key is freed, and the
	// customer's retry begins anew.
	b.Effects.FreeKey = b.Reason == ""
	if !told {
		return nil
	}
	return g.tell(b, events.TypeBookingFailed, nil)
}

// cancel closes the cancellation that is open.
func (g *saga) cancel(b *Booking, now time.Time) error {
	c := b.Open()
	c.Done = true
	if !c.All {
		b.note(now, g.by, "tickets_cancelled", "")
		return g.tell(b, events.TypeBookingItemsCancelled, told(b, *c))
	}
	b.Status = Cancelled
	b.note(now, g.by, "cancelled", "")
	return g.tell(b, events.TypeBookingCancelled, told(b, append(b.tellFees(), *c)...))
}

// onWrite takes the answer to a write: the booking as it is stored.
func (g *saga) onWrite(b Booking, err error, now time.Time) {
	switch {
	case errors.Is(err, ErrEventCancelled):
		g.backOut(problem.EventCancelled, now)
	case err != nil:
		// The write may have had its effect. Recovery goes on where it has not, when
		// the lease runs out.
		g.notSaved, g.done = err, true
	default:
		g.b, g.stored, g.unsaved, g.done = b, b, false, b.Lease.Token == ""
	}
}

func (g *saga) reservation() Reservation {
	return Reservation{BookingID: g.b.ID, Attempt: g.b.Attempt, EventID: g.b.EventID, Items: g.b.Items}
}

func (g *saga) charge() Charge {
	c := Charge{
		BookingID: g.b.ID, Attempt: 1, Since: g.b.CreatedAt, Reference: g.b.Payment.Reference, Amount: g.b.Total, Token: g.token,
	}
	if a := g.b.Checkout.Latest(); a != nil {
		c.Attempt, c.Since = len(g.b.Checkout.Attempts), a.At
	}
	return c
}

func (g *saga) unsettled() Unsettled {
	return Unsettled{BookingID: g.b.ID, Reference: g.b.Payment.Reference}
}

func (g *saga) refundRequest(r *Refund) RefundRequest {
	return RefundRequest{
		ID: r.ID, BookingID: g.b.ID, Reference: g.b.Payment.Reference, Amount: r.Amount, Since: r.Decided, Refusals: r.Refusals,
	}
}

func (g *saga) toReturn() Return {
	c := g.b.Open()
	return Return{EventID: g.b.EventID, BookingID: g.b.ID, Attempt: g.b.Attempt, CancellationID: c.ID, Items: c.Items}
}
