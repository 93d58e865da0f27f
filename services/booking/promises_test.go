package booking_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// check fails t unless, now that everything is settled, the promises hold: no
// ticket is held but by a confirmed booking (P1), the money is that of the
// confirmed bookings (P2), each booking's end is told exactly once (P3), and
// nobody was told of a booking whose end they do not hear of (P4).
func (w *world) check(t *testing.T) {
	t.Helper()
	if wrong := w.broken(t); len(wrong) > 0 {
		t.Errorf("broken promises:\n%s", strings.Join(wrong, "\n"))
	}
}

func (w *world) broken(t *testing.T) (wrong []string) {
	t.Helper()
	sold := map[string]int{}
	messages := w.messages(t)
	for _, b := range w.bookings(t) {
		bad := func(format string, args ...any) {
			wrong = append(wrong, fmt.Sprintf("%s %s: ", b.ID, b.Status)+fmt.Sprintf(format, args...)+fmt.Sprintf("\n\t%+v", b.Timeline))
		}
		captured, refunded, entries := w.books(t, b.ID)
		due := dueOf(b)
		if due > 0 && w.unmended { // it has yet to be made
			refunded += due
		} else if due > 0 {
			bad("refunds %+v", b.Refunds)
		}
		kept, sent := int64(0), messages[b.ID]
		confirmed, cancelled, failed, parts := 0, 0, len(sent[events.TypeBookingFailed]), len(b.Cancellations)
		for _, c := range b.Cancellations {
			kept += c.Fee.AmountMinor
			if !c.Done {
				bad("cancellation %+v is not done", c)
			}
			if off := w.calledOff[b.EventID]; w.cancelled[b.EventID] && !c.At.Before(off) && !c.Fee.IsZero() {
				bad("the event was called off at %s, and %s kept at %s", off, c.Fee, c.At)
			}
		}
		if w.unmended && w.left[b.ID] {
			sold[b.EventID] += w.catalog.Held(b.EventID, b.ID)
			if b.Status == booking.Confirmed {
				sold[b.EventID] -= b.TicketCount()
			}
		}
		switch b.Status {
		case booking.Confirmed:
			if w.cancelled[b.EventID] {
				bad("its event is cancelled")
			}
			confirmed = 1
			kept += b.Total.AmountMinor
			sold[b.EventID] += b.TicketCount()
		case booking.Cancelled:
			confirmed, cancelled = 1, 1+returned(b)
			parts--
		case booking.Failed:
			if w.told[b.ID] && b.Reason != problem.CheckoutAbandoned && (failed < 1 || failed > 1+late(b)) {
				bad("the customer was told of it, but its failure is told %d times", failed)
			}
			if w.told[b.ID] && failed > 0 && refunded == 0 && !sent[events.TypeBookingFailed][0].Acknowledged {
				bad("its failure does not say that the customer waits to hear of it")
			}
		default:
			bad("not settled")
		}
		if captured-refunded != kept || entries > 1+len(b.Refunds) {
			bad("captured %d, refunded %d in %d entries, want to keep %d", captured, refunded, entries, kept)
		}
		if back := b.Refunded().AmountMinor + due; back != refunded || captured > 0 && b.Payment.Captured.AmountMinor != captured {
			bad("refunds %+v, the provider took %d and gave back %d", b.Refunds, captured, refunded)
		}
		if len(sent[events.TypeBookingConfirmed]) != confirmed || len(sent[events.TypeBookingCancelled]) != cancelled ||
			len(sent[events.TypeBookingItemsCancelled]) != parts || failed > 1+late(b) || b.Status != booking.Failed && failed > late(b) {
			bad("messages %+v", sent)
		}
		for kind, list := range sent {
			last := kind == events.TypeBookingFailed && b.Status == booking.Failed || kind == events.TypeBookingCancelled ||
				kind == events.TypeBookingConfirmed && b.Status == booking.Confirmed && len(b.Cancellations) == 0
			if m := list[len(list)-1]; last && (m.Version > b.Version || m.Status != string(b.Status) || m.Attempt != b.Attempt ||
				m.Total != b.Total || m.Refunded.AmountMinor != lastRefund(b) || m.Version == b.Version && !m.OccurredAt.Equal(b.UpdatedAt)) {
				bad("%s says %+v", kind, m)
			}
			for _, m := range list {
				if c := m.Cancellation; c != nil && c.Price.AmountMinor-c.Fee.AmountMinor != c.Refund.AmountMinor+before(c) {
					bad("%s says %+v", kind, c)
				}
			}
		}
		wrong = append(wrong, w.wrongTickets(t, b)...)
		if b.Lease != (booking.Lease{}) || b.Tries != 0 {
			bad("it still has a driver: %+v, tries %d", b.Lease, b.Tries)
		}
	}
	for event, capacity := range w.capacity {
		if available := w.available(t, event); available+sold[event] != capacity {
			wrong = append(wrong, fmt.Sprintf("event %s: %d available + %d sold ≠ %d", event, available, sold[event], capacity))
		}
	}
	return wrong
}

// seated is what a ticket was, when it was seen last.
type seated struct {
	typeID string
	number int
	status booking.TicketStatus
	issue  int
	holder booking.Holder
}

// wrongTickets says what must not be of b's tickets at any moment: others valid than those
// that are paid for, one that was another before or is valid again, messages that have another list.
func (w *world) wrongTickets(t *testing.T, b booking.Booking) (wrong []string) {
	t.Helper()
	bad := func(format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("%s %s: ", b.ID, b.Status)+fmt.Sprintf(format, args...)+fmt.Sprintf("\n\t%+v", b.Timeline))
	}
	valid, value := 0, int64(0)
	for i, ticket := range b.Tickets() {
		now := seated{ticket.Item.TicketTypeID, ticket.Number, ticket.Status, ticket.Issue, ticket.Holder}
		before, seen := w.seated[ticket.ID]
		w.seated[ticket.ID] = now
		switch {
		case ticket.Number != i+1 || ticket.Item.Quantity != 1:
			bad("at %d it has the ticket %+v", i+1, ticket)
		case seen && (before.typeID != now.typeID || before.number != now.number || before.issue > now.issue):
			bad("ticket %d was %+v and is %+v", ticket.Number, before, now)
		case seen && before.status != booking.TicketHeld && now.status != booking.TicketHeld && (before.holder != now.holder) != (before.issue != now.issue):
			bad("ticket %d was %+v and is %+v", ticket.Number, before, now)
		case seen && before.status == booking.TicketCancelled && now.status == booking.TicketValid && late(b) == 0:
			bad("ticket %d was given back and is valid", ticket.Number)
		}
		if ticket.Status == booking.TicketValid {
			valid++
			value += ticket.Item.UnitPrice.AmountMinor
		}
	}
	paid := 0
	if b.Status == booking.Confirmed {
		paid = b.TicketCount()
	}
	if valid != paid || paid > 0 && value != b.Total.AmountMinor {
		bad("%d tickets for %d are valid, and %d for %s are paid for", valid, value, paid, b.Total)
	}
	if last := latest(w.messages(t)[b.ID]); last != nil && b.Status != booking.Pending {
		if d := cmp.Diff(told(b), last.Tickets); d != "" {
			bad("version %d is told with other tickets (-want +got):\n%s", last.Version, d)
		}
	}
	return wrong
}

// told is what messages say of b's tickets.
func told(b booking.Booking) []events.Ticket {
	list := []events.Ticket{}
	for _, t := range b.Tickets() {
		list = append(list, events.Ticket{
			ID: t.ID, Number: t.Number, TicketTypeID: t.Item.TicketTypeID, Status: string(t.Status), Issue: t.Issue, HolderName: t.Holder.Name,
		})
	}
	return list
}

// latest is the message that counts, in whatever order they come; nil for none.
func latest(sent map[string][]events.Booking) (last *events.Booking) {
	for _, list := range sent {
		for i := range list {
			if last == nil || list[i].Version > last.Version {
				last = &list[i]
			}
		}
	}
	return last
}

// lastRefund is what the last message about b says was given back: fees of
// before included.
func lastRefund(b booking.Booking) (sum int64) {
	n := len(b.Cancellations)
	if n == 0 {
		return b.Refunded().AmountMinor + dueOf(b)
	}
	for _, c := range b.Cancellations {
		if r := b.Refund(c.FeeRefundID); r != nil {
			sum += r.Amount.AmountMinor
		}
	}
	if r := b.Refund(b.Cancellations[n-1].RefundID); r != nil && returned(b) == 0 {
		sum += r.Amount.AmountMinor
	}
	return sum
}

// returned counts how often b, which was cancelled, got its fees back after all.
func returned(b booking.Booking) (n int) {
	for _, s := range b.Timeline {
		if s.Step == "fees_returned" {
			n++
		}
	}
	return n
}

// before is what c says was given back before.
func before(c *events.Cancellation) int64 {
	if c.RefundedBefore == nil {
		return 0
	}
	return c.RefundedBefore.AmountMinor
}

// dueOf is how much of the refunds is due.
func dueOf(b booking.Booking) (sum int64) {
	for _, r := range b.Refunds {
		if r.Status == booking.RefundDue {
			sum += r.Amount.AmountMinor
		}
	}
	return sum
}

// late counts how often b was taken up again after it had failed.
func late(b booking.Booking) (n int) {
	for _, s := range b.Timeline {
		if s.Step == "late_payment" {
			n++
		}
	}
	return n
}
