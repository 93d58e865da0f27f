package booking_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/openboxoffice/boxoffice/contracts/events"
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
		captured, refunded, entries := w.ledger(t, b.ID)
		kept, sent := int64(0), messages[b.ID]
		confirmed, cancelled, failed := 0, 0, len(sent[events.TypeBookingFailed])
		switch b.Status {
		case booking.Confirmed:
			kept, confirmed = b.Total.AmountMinor, 1
			sold[b.EventID] += b.Tickets()
		case booking.Cancelled:
			confirmed, cancelled = 1, 1
		case booking.Failed:
			if w.told[b.ID] && failed != 1 {
				bad("the customer was told of it, but its failure is told %d times", failed)
			}
			if w.told[b.ID] && failed == 1 && refunded == 0 && !sent[events.TypeBookingFailed][0].Acknowledged {
				bad("its failure does not say that the customer waits to hear of it")
			}
		default:
			bad("not settled")
		}
		if captured-refunded != kept || entries > 2 {
			bad("captured %d, refunded %d in %d entries, want to keep %d", captured, refunded, entries, kept)
		}
		if b.Refund != nil && (!b.Refund.Done || b.Refund.Amount.AmountMinor != refunded) {
			bad("refund %+v, the provider gave back %d", b.Refund, refunded)
		}
		if len(sent[events.TypeBookingConfirmed]) != confirmed || len(sent[events.TypeBookingCancelled]) != cancelled ||
			failed > 1 || b.Status != booking.Failed && failed > 0 {
			bad("messages %+v", sent)
		}
		for kind, list := range sent {
			last := kind == events.TypeBookingFailed || kind == events.TypeBookingCancelled || b.Status == booking.Confirmed
			if m := list[0]; last && (m.Version != b.Version || m.Status != string(b.Status) || m.Attempt != b.Attempt ||
				m.Total != b.Total || m.Refunded.AmountMinor != refunded || !m.OccurredAt.Equal(b.UpdatedAt)) {
				bad("%s says %+v", kind, m)
			}
		}
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
