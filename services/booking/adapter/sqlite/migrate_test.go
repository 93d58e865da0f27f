package sqlite_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb/plantest"
)

// An upgrade comes to fees that were kept after their event had been cancelled.
func TestOldFeesAreLookedAtAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	before := fstest.MapFS{}
	for _, f := range files {
		if f.Name() >= "00007" {
			continue
		}
		data, err := os.ReadFile(filepath.Join("migrations", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		before[f.Name()] = &fstest.MapFile{Data: data}
	}
	path := filepath.Join(t.TempDir(), "booking.db")
	old, err := sqlitedb.Open(t.Context(), path, before)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ event, fee, updated string }{
		{"late", bookingtest.OldFeeLate, bookingtest.OldFeeLate},
		{"early", bookingtest.OldFeeEarly, bookingtest.OldFeeLate},
		{"before", bookingtest.OldFeeEarly, bookingtest.OldFeeEarly},
	} {
		plantest.Fill(t, path, strings.NewReplacer("$event", c.event, "$fees", bookingtest.OldFees(c.fee),
			"$updated", micros(t, c.updated), "$off", micros(t, bookingtest.OldEventOff)).Replace(`
			INSERT INTO bookings (id, user_id, user_email, user_name, event_id, event, items, total_minor, currency, status, payment_provider,
				payment_reference, payment_status, reason, attempt, acknowledged, timeline, version, created_at, updated_at, lease_token, tries, cancellations)
			VALUES ('$event', 'user', '', '', '$event', '{}', '[]', 1000, 'EUR', 'CANCELLED', '', '', '', '', 1, 0, '[]', 1, 1, $updated, '', 0, '$fees');
			INSERT INTO cancelled_events (event_id, title, by, note, occurred_at, recorded_at, done_at)
			VALUES ('$event', '', '', '', $off, $off, $off)`))
	}
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	bookingtest.CheckOldFees(t, s)
}

func micros(t *testing.T, at string) string {
	t.Helper()
	instant, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatInt(sqlitedb.Time(instant), 10)
}
