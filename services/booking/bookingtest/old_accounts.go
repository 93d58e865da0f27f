package bookingtest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// OldItems are two free tickets and three others, in JSON.
const OldItems = `[
	{"ticket_type_id":"t1","name":"Child","quantity":2,"unit_price":{"amount_minor":0,"currency":"EUR"}},
	{"ticket_type_id":"t2","name":"Adult","quantity":3,"unit_price":{"amount_minor":2500,"currency":"EUR"}}]`

// OldAccounts are bookings of before there was unpaid_tickets: of each user one for
// the event "e", in this status, with these items.
var OldAccounts = []struct {
	User, Status, Items string
	unpaid              int
}{
	{"pending", "PENDING", OldItems, 5},
	{"confirmed", "CONFIRMED", OldItems, 2},
	{"cancelled", "CANCELLED", OldItems, 0},
	{"no items", "PENDING", "null", 0},
}

// CheckOldAccounts checks a store that was migrated with OldAccounts in it.
func CheckOldAccounts(t *testing.T, s booking.Store) {
	t.Helper()
	want, got := map[string]int{}, map[string]int{}
	for _, a := range OldAccounts {
		want[a.User] = a.unpaid
		got[a.User] = StoreUnderTest{Store: s}.account(t, a.User, "e", start).Tickets
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("unpaid tickets after the upgrade (-want +got):\n%s", diff)
	}
}
