package bookingtest

import (
	"context"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// CheckPrunedAddresses checks that prune forgets the addresses that free bookings
// have kept for booking.AddressKept, and no others.
func CheckPrunedAddresses(t *testing.T, s booking.Store, prune func(ctx context.Context, now time.Time) error) {
	t.Helper()
	u := StoreUnderTest{Store: s}
	long := createdAt(start.Add(-booking.AddressKept - time.Microsecond))
	kept := fromAddress("Zm9vYmFy")
	free := func(edits ...func(*booking.Booking)) booking.Booking {
		return u.create(t, settled(append(edits, ofTickets(2, 0), kept)...), booking.Key{})
	}
	bookings := []booking.Booking{free(), free(long), free(long), u.create(t, pending(kept, long), booking.Key{})}
	must(t, prune(t.Context(), start))
	for i, b := range bookings {
		if i == 1 || i == 2 {
			b.Address = ""
		}
		u.want(t, b)
	}
}
