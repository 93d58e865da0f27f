package app

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

// consumer knows these messages.
type consumer struct {
	known []string
	err   error
}

func (c *consumer) Known(_ context.Context, ids []string) ([]string, error) {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !slices.Contains(c.known, id) }), c.err
}

// What a consumer has lost, a database brought back from a copy say, is told
// again, and nothing else.
func TestWhatAConsumerHasLostIsToldAgain(t *testing.T) {
	t.Parallel()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "booking.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	now := time.Now().UTC().Truncate(time.Microsecond)
	var ids []string
	for range recheckPage + 2 { // two pages
		id := uuid.Must(uuid.NewV7()).String()
		b := booking.Booking{ID: id, Status: booking.Confirmed, CreatedAt: now, UpdatedAt: now}
		b.Effects.Messages = []events.Message{{ID: id, Type: events.TypeBookingConfirmed, Subject: id, Time: now, Data: []byte(`{}`)}}
		if err := s.Create(t.Context(), b, booking.Key{}, nil); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if err := s.Outbox().Close(t.Context(), ids, now); err != nil {
		t.Fatal(err)
	}
	lost := ids[len(ids)-1]
	event, notification := &consumer{known: ids}, &consumer{known: ids[:len(ids)-1]}
	woken := 0
	ask := recheck(s.Archive(), map[string]map[string]outbox.Receipts{
		events.TopicBookings: {"event": event, "notification": notification},
	}, func() { woken++ })

	checked, again, err := ask(t.Context(), now.Add(-time.Hour))
	if err != nil || checked != len(ids) || len(again) != 1 || again[0].ID != lost || woken != 1 {
		t.Errorf("%d checked, again %+v, woken %d times, %v", checked, again, woken, err)
	}
	open, err := s.Outbox().Claim(t.Context(), time.Now(), time.Now().Add(time.Hour), 10)
	if err != nil || len(open) != 1 || open[0].Message.ID != lost {
		t.Errorf("to be told are %+v, %v", open, err)
	}

	// One that does not answer has lost nothing for that.
	event.err, event.known = errors.New("no answer"), nil
	if _, again, err := ask(t.Context(), now.Add(-time.Hour)); err == nil || len(again) > 0 {
		t.Errorf("again %+v, %v", again, err)
	}
}

func TestAReportAsItIsPrinted(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := booking.Report{Since: time.Date(2030, 6, 1, 0, 0, 0, 0, time.UTC), Checked: booking.Checked{Bookings: 12, Charges: 11, Holdings: 10, Messages: 13}}
	if open := printReport(&out, r); open != 0 {
		t.Errorf("%d are open", open)
	}
	r.Findings = []booking.Finding{
		{Kind: booking.FoundHoldLeaked, BookingID: "b1", Detail: "2 tickets", Repaired: true},
		{Kind: booking.FoundChargeUnknown, BookingID: "b2", Detail: "25.00 EUR"},
	}
	r.Counts = map[booking.FindingKind]booking.Count{booking.FoundHoldLeaked: {Found: 1}, booking.FoundChargeUnknown: {Found: 5, Open: 5}}
	if open := printReport(&out, r); open != 5 {
		t.Errorf("%d are open, want 5", open)
	}
	const looked = "Bookings made since 2030-06-01: 12. Looked at 11 charges, 10 reservations, 13 messages.\n"
	want := looked + "Everything agrees.\n" + looked + `
WHAT            REPAIRED  BOOKING  DETAIL
hold_leaked     yes       b1       2 tickets
charge_unknown  no        b2       25.00 EUR

4 more are left out; the log has each.
`
	if out.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", out.String(), want)
	}
}
