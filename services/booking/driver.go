package booking

import (
	"context"
	"errors"
)

// sagaOf is the saga of b, whose lease the caller holds.
func (s *Service) sagaOf(ctx context.Context, b Booking, by string) saga {
	return saga{b: b, stored: b, by: by, trace: s.TraceParent(ctx), settleAfter: s.SettleAfter, checkoutTTL: s.CheckoutTTL}
}

// drive takes a booking as far as it goes now. Its calls end with work, and its writes
// with ctx.
func (s *Service) drive(ctx, work context.Context, g *saga) {
	for s.step(ctx, work, g) {
	}
}

// step makes the next call or write, and reports whether there was one. The booking is
// written only where the saga says so: what calls answer in between is stored together.
func (s *Service) step(ctx, work context.Context, g *saga) bool {
	switch next := g.next(s.now()); next {
	case nothing:
		return false
	case callReserve:
		r, err := s.Catalog.Reserve(work, g.reservation())
		g.onReserve(r, err, s.now())
	case callRelease:
		g.onRelease(s.Catalog.Release(work, g.b.EventID, g.b.ID, g.b.Attempt), s.now())
	case callReturn:
		g.onReturn(s.Catalog.Return(work, g.toReturn()), s.now())
	case callPrepare:
		var reference string
		err := payable(s.Payments, g.b.Items) // its prices may be others than before it was held
		if err == nil {
			reference, err = s.Payments.Prepare(work, g.charge())
		}
		g.onPrepare(reference, err, s.now())
	case callCharge:
		c, err := s.Payments.Charge(work, g.charge())
		if err != nil && !isFinal(err) {
			s.Log.WarnContext(ctx, "payment outcome not known", "booking_id", g.b.ID, "error", err)
		}
		g.onCharge(c, err, s.now())
	case callLook:
		o, err := s.Payments.Look(work, g.unsettled())
		g.onLook(o, err, s.now())
	case callSettle:
		settled, err := s.Payments.Settle(work, g.unsettled())
		g.onSettle(settled, err, s.now())
	case callRefund:
		r := g.refund()
		err := s.Payments.Refund(work, g.refundRequest(r))
		if errors.Is(err, ErrRefundRefused) {
			s.Log.ErrorContext(ctx, "the provider refuses a refund", "booking_id", g.b.ID, "refund_id", r.ID, "refusals", r.Refusals+1, "error", err)
		}
		g.onRefund(err, s.now())
	case callEvent:
		e, err := s.CancelledEvents.CancelledEvent(work, g.b.EventID)
		g.onEvent(e, err, s.now())
	default:
		s.save(ctx, g, next)
	}
	return true
}

// save makes one write of the saga.
func (s *Service) save(ctx context.Context, g *saga, w step) {
	if w == writePutOff && g.err != nil {
		s.Log.WarnContext(ctx, "booking not settled yet", "booking_id", g.b.ID, "status", g.b.Status, "tries", g.b.Tries, "error", g.err)
	}
	b, err := g.write(w, s.now())
	if err != nil {
		g.putOff(err, s.now())
		return
	}
	told := len(b.Effects.Messages) > 0
	b, err = s.Store.Save(ctx, g.stored, b)
	g.onWrite(b, err, s.now())
	if told && err == nil {
		s.Committed()
	}
	switch {
	case g.notSaved != nil && !errors.Is(err, ErrLeaseLost):
		s.Log.ErrorContext(ctx, "booking not stored, and left to recovery", "booking_id", g.b.ID, "error", err)
	case err == nil && g.done:
		if until := g.b.Lease.Until; !until.IsZero() && !until.After(s.now()) {
			s.wakeUp()
		}
	}
}
