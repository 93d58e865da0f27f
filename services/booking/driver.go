package booking

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// driver takes one booking along the saga, by its lease. Steps that need no
// write of their own are noted in b and stored with the next write.
type driver struct {
	s      *Service
	b      Booking
	stored Booking // b, as it is stored
	lease  string
	by     string // who drives: the user's id, or the worker's name
	notes  []Step
}

// driverOf returns the driver of b, which is stored, by its lease.
func (s *Service) driverOf(b Booking, by string) driver {
	return driver{s: s, b: b, stored: b.Clone(), lease: b.Lease.Token, by: by}
}

func (d *driver) note(step, detail string) {
	d.notes = append(d.notes, Step{At: d.s.now(), Step: step, Detail: detail, By: d.by})
}

// noteOnce notes a step that the timeline does not end with already.
func (d *driver) noteOnce(step, detail string) {
	if n := len(d.b.Timeline); n > 0 && d.b.Timeline[n-1].Step == step {
		return
	}
	d.note(step, detail)
}

func (d *driver) reservation() Reservation {
	return Reservation{BookingID: d.b.ID, Attempt: d.b.Attempt, EventID: d.b.EventID, Items: d.b.Items}
}

func (d *driver) reserved(r Reserved) {
	d.b.Event, d.b.Items, d.b.Total = r.Event, r.Items, r.Total
	d.note("reserved", fmt.Sprintf("%d tickets, attempt %d", d.b.Tickets(), d.b.Attempt))
}

// update stores what the driver has learnt, its notes, and change.
func (d *driver) update(ctx context.Context, change func(*Booking)) error {
	return d.commit(ctx, func(b *Booking) error {
		change(b)
		return nil
	})
}

// commit is update with a change that may fail; then nothing is stored.
func (d *driver) commit(ctx context.Context, change func(*Booking) error) error {
	edit := func(b *Booking) error {
		b.Event, b.Items, b.Total, b.Payment = d.b.Event, d.b.Items, d.b.Total, d.b.Payment
		for _, r := range d.b.Refunds { // one that d does not know was stored without an answer, and stays
			if stored := b.Refund(r.ID); stored != nil {
				*stored = r
			}
		}
		b.UpdatedAt = d.s.now()
		b.Timeline = append(b.Timeline, d.notes...)
		return change(b)
	}
	if d.stored.Lease.Token != d.lease {
		return ErrLeaseLost // d has given it up
	}
	after := d.stored.Clone()
	if err := edit(&after); err != nil {
		return err
	}
	b, err := d.s.Store.Save(ctx, d.stored, after)
	if errors.Is(err, ErrLeaseLost) {
		// The lease may be d's still, and a write before have taken effect without
		// an answer.
		b, err = d.s.Store.Update(ctx, d.b.ID, d.lease, edit)
	}
	if err != nil {
		return err
	}
	d.b, d.stored, d.notes = b, b.Clone(), nil
	if b.Lease.Token == "" {
		d.s.Committed()
	}
	return nil
}

// later gives the booking up until at, for recovery to go on with.
func (d *driver) later(ctx context.Context, at time.Time, change func(*Booking)) {
	err := d.update(ctx, func(b *Booking) {
		change(b)
		b.Lease = Lease{Until: at} // nobody drives it until then
	})
	if err != nil {
		// Recovery takes it up all the same, when the lease runs out.
		d.s.Log.WarnContext(ctx, "booking left to recovery", "booking_id", d.b.ID, "error", err)
	}
	if !at.After(d.s.now()) {
		d.s.wakeUp()
	}
}

// notReserved ends a request whose tickets could not be had.
func (d *driver) notReserved(ctx context.Context, err error) (Booking, error) {
	if code := reasonOf(err); code != "" {
		// No hold, no charge: there is nothing to undo. The refusal is told only
		// once it is stored: its key must answer the same again.
		if err := d.fail(ctx, code); err != nil {
			return d.notStored(ctx, err)
		}
		return d.b, refusal(code)
	}
	d.note("reservation_unknown", "the event service did not answer")
	d.later(ctx, d.s.now(), func(*Booking) {})
	return Booking{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// notCharged ends a request whose payment failed, or may have.
func (d *driver) notCharged(ctx context.Context, err error) (Booking, error) {
	if !isFinal(err) {
		d.s.Log.WarnContext(ctx, "payment outcome not known", "booking_id", d.b.ID, "error", err)
		d.note("payment_unknown", "the payment provider has not answered yet")
		// The customer is told only of what is stored: recovery keeps silent
		// about a booking that nobody knows of.
		if err := d.update(ctx, func(b *Booking) {
			b.Acknowledged, b.Lease = true, Lease{Until: d.s.now().Add(d.s.SettleAfter)}
		}); err != nil {
			return d.notStored(ctx, err)
		}
		return d.b, nil
	}
	return d.notPaid(ctx, reasonOf(err))
}

// notPaid ends a request whose payment the provider has refused.
func (d *driver) notPaid(ctx context.Context, reason problem.Code) (Booking, error) {
	if reason == problem.PaymentDeclined {
		d.b.Payment.Status = PaymentDeclined
	}
	d.note(string(reason), "")
	release, cancel := context.WithTimeout(ctx, d.s.CatalogTimeout)
	defer cancel()
	if err := d.release(release); err != nil {
		// The refusal is final; only the tickets wait.
		d.later(ctx, d.s.now(), func(b *Booking) { b.Reason = reason })
		return d.b, refusal(reason)
	}
	if err := d.fail(ctx, reason); err != nil {
		// The provider remembers a decline, and recovery asks it.
		d.s.Log.ErrorContext(ctx, "refused payment left to recovery", "booking_id", d.b.ID, "error", err)
	}
	return d.b, refusal(reason)
}

// notStored ends a request whose outcome could not be stored: another driver
// has settled the booking, or recovery will.
func (d *driver) notStored(ctx context.Context, err error) (Booking, error) {
	d.s.Log.ErrorContext(ctx, "booking not stored by its request", "booking_id", d.b.ID, "error", err)
	b, getErr := d.s.Store.Get(ctx, d.b.ID)
	switch {
	case getErr == nil && b.Status != Pending:
		return replay(b) // another driver was faster
	case d.b.Payment.Status == PaymentCaptured:
		// Recovery will confirm it or give the money back, and say so.
		return d.b, nil
	case errors.Is(err, ErrLeaseLost):
		return Booking{}, ErrInProgress
	}
	return Booking{}, err
}

// confirm makes the booking Confirmed: its tickets are held and, unless it is
// free, paid under reference. ErrEventCancelled when it can be no more.
func (d *driver) confirm(ctx context.Context, reference string) error {
	if d.b.Total.IsZero() {
		d.b.Payment = Payment{Provider: "none", Status: PaymentNotRequired}
	} else {
		d.b.Payment.Reference, d.b.Payment.Status, d.b.Payment.Captured = reference, PaymentCaptured, d.b.Total
		d.note("paid", d.b.Total.String())
	}
	d.b.Payment.Action, d.b.Payment.Deadline = nil, time.Time{}
	return d.commit(ctx, func(b *Booking) error {
		b.Status, b.Lease, b.Tries = Confirmed, Lease{}, 0
		b.note(b.UpdatedAt, d.by, "confirmed", "")
		return d.tell(ctx, b, events.TypeBookingConfirmed, nil, "")
	})
}

// finish ends a request that is paid under reference, or free.
func (d *driver) finish(ctx context.Context, reference string) (Booking, error) {
	err := d.confirm(ctx, reference)
	if errors.Is(err, ErrEventCancelled) {
		work, cancel := context.WithTimeout(ctx, d.s.CatalogTimeout)
		defer cancel()
		if err := d.backOut(work, problem.EventCancelled); err != nil {
			d.s.Log.WarnContext(ctx, "booking of a cancelled event left to recovery", "booking_id", d.b.ID, "error", err)
			d.later(ctx, d.s.now(), func(b *Booking) { b.Acknowledged = true })
			return d.b, nil
		}
		return d.b, ErrEventCancelled
	}
	if err != nil {
		return d.notStored(ctx, err)
	}
	return d.b, nil
}

// release gives the tickets back.
func (d *driver) release(ctx context.Context) error {
	err := d.s.Catalog.Release(ctx, d.b.EventID, d.b.ID, d.b.Attempt)
	if err != nil && !errors.Is(err, ErrEventNotFound) {
		return err
	}
	d.note("released", "")
	return nil
}

// fail makes the booking Failed. Nothing is held or owed any more.
func (d *driver) fail(ctx context.Context, reason problem.Code) error {
	return d.commit(ctx, func(b *Booking) error {
		told := b.Acknowledged || len(b.Refunds) > 0 || b.Payment.Status == PaymentDeclined
		b.Status, b.Reason, b.Lease, b.Tries = Failed, reason, Lease{}, 0
		b.refunded()
		if b.Payment.Status == PaymentOpen || b.Payment.Status == PaymentAction {
			b.Payment.Status = PaymentNever
		}
		b.Payment.Action, b.Payment.Deadline = nil, time.Time{}
		b.note(b.UpdatedAt, d.by, "failed", string(reason))
		if reason == "" {
			b.Effects.FreeKey = true
		}
		if !told {
			return nil
		}
		return d.tell(ctx, b, events.TypeBookingFailed, nil, "")
	})
}

// tell puts a message about b, as it is after this change, into the outbox: of
// the cancellation c, and with the organizer's note, where there are such.
func (d *driver) tell(ctx context.Context, b *Booking, kind string, c *events.Cancellation, note string) error {
	refunded, due := money.Amount{Currency: b.Total.Currency}, false
	if c == nil {
		for _, r := range b.Refunds { // of a booking that failed: what it had paid
			refunded, due = r.Amount, r.Status == RefundDue
		}
	} else {
		refunded = c.Refund
	}
	event := b.Event
	event.ID = b.EventID // even where nothing else is known of it
	data, err := json.Marshal(events.Booking{
		BookingID: b.ID, Version: b.Version + 1, Attempt: b.Attempt,
		UserID: b.UserID, UserEmail: b.UserEmail, UserName: b.UserName, Status: string(b.Status),
		Event: event, Items: b.Items, Total: b.Total, Refunded: refunded,
		Reason: string(b.Reason), OccurredAt: b.UpdatedAt, Acknowledged: b.Acknowledged,
		RefundDue: due, Cancellation: c, Note: note,
	})
	if err != nil { // a time out of range, say
		return fmt.Errorf("the message about booking %s cannot be written: %w", b.ID, err)
	}
	b.Effects.Messages = append(b.Effects.Messages, events.Message{
		SpecVersion: events.SpecVersion, ID: newID(), Source: "booking", Type: kind, Subject: b.ID,
		Time: b.UpdatedAt, DataContentType: "application/json", TraceParent: d.s.TraceParent(ctx), Data: data,
	})
	return nil
}
