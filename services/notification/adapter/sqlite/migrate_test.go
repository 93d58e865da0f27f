package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

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
