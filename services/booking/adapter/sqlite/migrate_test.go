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

// migratedTo makes a file with the migrations that come before this name.
func migratedTo(t *testing.T, name string) (path string) {
	t.Helper()
	files, err := os.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	before := fstest.MapFS{}
	for _, f := range files {
		if f.Name() >= name {
			continue
		}
		data, err := os.ReadFile(filepath.Join("migrations", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		before[f.Name()] = &fstest.MapFile{Data: data}
	}
	path = filepath.Join(t.TempDir(), "booking.db")
	old, err := sqlitedb.Open(t.Context(), path, before)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// open opens the file at path with this version, which migrates it.
func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// An upgrade comes to fees that were kept after their event had been cancelled.
func TestOldFeesAreLookedAtAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	path := migratedTo(t, "00007")
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
	bookingtest.CheckOldFees(t, open(t, path))
}

// An upgrade counts the tickets that are unpaid already.
func TestOldBookingsCountAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	path := migratedTo(t, "00008")
	insert := func(user, status, items string) {
		plantest.Fill(t, path, strings.NewReplacer("$user", user, "$status", status, "$items", items).Replace(`
			INSERT INTO bookings (id, user_id, user_email, user_name, event_id, event, items, total_minor, currency, status, payment_provider,
				payment_reference, payment_status, reason, attempt, acknowledged, timeline, version, created_at, updated_at, lease_token, tries)
			VALUES ('$user', '$user', '', '', 'e', '{}', '$items', 0, 'EUR', '$status', '', '', '', '', 1, 0, '[]', 1, 1, 1, '', 0)`))
	}
	for _, a := range bookingtest.OldAccounts {
		insert(a.User, a.Status, a.Items)
	}
	insert("unreadable", "PENDING", "{") // it does not keep the service from starting
	bookingtest.CheckOldAccounts(t, open(t, path))
}

// An upgrade keeps the steps that are in the audit log one a row.
func TestOldStepsAreReadAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	path := migratedTo(t, "00009")
	plantest.Fill(t, path, `
		INSERT INTO bookings (id, user_id, user_email, user_name, event_id, event, items, total_minor, currency, status, payment_provider,
			payment_reference, payment_status, reason, attempt, acknowledged, timeline, version, created_at, updated_at, lease_token, tries)
		VALUES ('`+bookingtest.OldAudited+`', 'user', '', '', 'e', '{}', '[]', 0, 'EUR', 'CONFIRMED', '', '', '', '', 1, 0, '[]', 1, 1, 1, '', 0)`)
	for _, step := range bookingtest.OldSteps {
		plantest.Fill(t, path, `INSERT INTO audit_log (at, by, step, detail, booking_id, event_id, version)
			VALUES (1, 'user', '`+step+`', '', '`+bookingtest.OldAudited+`', 'e', 1)`)
	}
	s := open(t, path)
	bookingtest.CheckOldAudit(t, bookingtest.StoreUnderTest{Store: s, AuditLog: s})
	plantest.Fill(t, path, `CREATE TABLE counted (n INTEGER CHECK (n = 4))`)
	plantest.Fill(t, path, `INSERT INTO counted SELECT count(*) FROM audit_log`) // one row for both steps
}

func micros(t *testing.T, at string) string {
	t.Helper()
	instant, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatInt(sqlitedb.Time(instant), 10)
}
