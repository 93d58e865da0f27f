package app

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestANumberThatMakesNoSenseIsSaidByName(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]Config{
		"RESTORED_AT is 2999-01-01T00:00:00Z, which is in the future":            {ReconcileDays: 1, BookingsPerAccount: 60, TicketsPerAccount: 40, RestoredAt: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)},
		"RECONCILE_DAYS is 0, not at least 1":                                    {ReconcileDays: 0, TicketsPerAccount: 40},
		"BOOKINGS_PER_ACCOUNT is 0, not at least 1":                              {ReconcileDays: 30},
		"TICKETS_PER_ACCOUNT is 19, not at least 20, which one booking may have": {ReconcileDays: 30, BookingsPerAccount: 60, TicketsPerAccount: 19},
		"TICKETS_PER_ADDRESS is 19, not at least 20, which one booking may have": {ReconcileDays: 30, BookingsPerAccount: 60, TicketsPerAccount: 40, TicketsPerAddress: 19},
		"CHECKOUTS_PER_ADDRESS is 0, not at least 1":                             {ReconcileDays: 30, BookingsPerAccount: 60, TicketsPerAccount: 40, TicketsPerAddress: 120},
	} {
		a, err := New(t.Context(), cfg, Deps{Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			_ = a.Close()
			t.Errorf("no error; want %q", want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want %q", err, want)
		}
	}
}
