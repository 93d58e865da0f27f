package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"

	inboxsqlite "github.com/openboxoffice/boxoffice/services/internal/inbox/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/notification"
	"github.com/openboxoffice/boxoffice/services/notification/adapter/sqlite"
)

// What the first version stored: a mail that was sent, and one that a process
// had claimed until 2030-01-01 10:00:00 UTC. They stay as they are.
const firstRows = `
INSERT INTO records VALUES ('m1', 'b1', 'booking.confirmed', 1, 'b1/booking.confirmed'), ('m2', 'b2', 'booking.confirmed', 1, 'b2/booking.confirmed');
INSERT INTO inbox VALUES ('m1', 1893492000000000), ('m2', 1893492000000000);
INSERT INTO deliveries (id, message_id, booking_id, user_id, channel, recipient, subject, text, html, status, attempts, error, created_at, sent_at, due, lease)
VALUES ('d1', 'm1', 'b1', 'u1', 'email', 'zoë@example.com', 'Zoë', 't', 'h', 'SENT', 1, '', 1893492000000000, 1893492001000000, 1893492000000000, ''),
       ('d2', 'm2', 'b2', 'u1', 'email', 'zoë@example.com', 'Zoë', 't', 'h', 'PENDING', 0, '', 1893492000000000, NULL, 1893492000000000, 'lease-1');
`

// TestWhatTheFirstVersionStoredIsStillRead: every migration after the first
// keeps what is there.
func TestWhatTheFirstVersionStoredIsStillRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notification.db")
	const name = "00001_init.sql"
	first, err := os.ReadFile(filepath.Join("migrations", name))
	if err != nil {
		t.Fatal(err)
	}
	old, err := sqlitedb.Open(t.Context(), path, fstest.MapFS{name: {Data: first}})
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(firstRows)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}

	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	store := sqlite.New(db)
	list, err := store.List(t.Context(), notification.Filter{UserID: "u1", Limit: 10})
	if err != nil || len(list) != 2 {
		t.Fatalf("%d of 2 are there (%v)", len(list), err)
	}
	for _, n := range list {
		if n.Calendar != "" || n.Subject != "Zoë" {
			t.Errorf("it is %+v", n)
		}
	}
	if known, err := inboxsqlite.New(db).Known(t.Context(), []string{"m1", "m2", "m3"}); err != nil || len(known) != 2 {
		t.Errorf("known are %v (%v), want m1 and m2", known, err)
	}
	// The lease has ended: first its grace, then it can be had.
	end := time.UnixMicro(1893492000000000)
	for _, c := range []struct {
		at   time.Time
		want int
	}{{end, 0}, {end.Add(notification.Grace - time.Second), 0}, {end.Add(notification.Grace), 1}} {
		got, err := store.Claim(t.Context(), notification.Email, c.at, c.at.Add(time.Minute), 10)
		if err != nil || len(got) != c.want {
			t.Errorf("at %v: %d claimed (%v), want %d", c.at, len(got), err, c.want)
		}
	}
}

// An earlier release took the date of any event, be it in the year 9998.
func TestRecordsOfFarEventsAreForgotten(t *testing.T) {
	t.Parallel()
	path, before := filepath.Join(t.TempDir(), "notification.db"), fstest.MapFS{}
	files, err := os.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name() >= "00010" {
			continue
		}
		data, err := os.ReadFile(filepath.Join("migrations", f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		before[f.Name()] = &fstest.MapFile{Data: data}
	}
	old, err := sqlitedb.Open(t.Context(), path, before)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Truncate(time.Microsecond)
	far, near := record(at), record(at)
	far.EventAt, near.EventAt = time.Date(9998, 12, 31, 0, 0, 0, 0, time.UTC), at.Add(time.Hour)
	for _, r := range []notification.Record{far, near} {
		if outcome, err := sqlite.New(old).Enqueue(t.Context(), r); err != nil || outcome != notification.Stored {
			t.Fatalf("outcome %q, error %v", outcome, err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	latest := at.Add(notification.MaxAhead)
	for _, c := range []struct {
		before time.Time
		want   int
	}{{at.Add(time.Hour), 0}, {latest, 1}, {latest.Add(time.Microsecond), 1}} {
		if n, err := sqlite.New(db).Forget(t.Context(), c.before, 10); err != nil || n != c.want {
			t.Errorf("%d are forgotten before %v (%v), want %d", n, c.before, err, c.want)
		}
	}
}

// record is a message with a mail.
func record(at time.Time) notification.Record {
	return notification.Record{
		MessageID: uuid.NewString(), BookingID: uuid.NewString(), Kind: notification.Confirmation, At: at,
		Deliveries: []notification.Notification{{ID: uuid.NewString(), Channel: notification.Email, Status: notification.Pending, CreatedAt: at, Due: at}},
	}
}
