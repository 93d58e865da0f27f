package main

import (
	"context"
	"database/sql"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"
)

// openBookings opens the booking service's database beside the service.
func (p *platform) openBookings() (*sql.DB, error) {
	if at := p.at.Databases["booking"]; p.way != standalone {
		return sql.Open("pgx", at)
	}
	return openFile(p.at.Databases["booking"])
}

func openFile(path string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
}

// books is what the databases say of an event.
type books struct {
	status  map[string]string // of each booking
	charged map[string]int64  // money taken and not given back, in minor units
	taken   int               // tickets, says the event service
}

func (p *platform) audit(ctx context.Context, event string) (*books, error) {
	b := &books{status: map[string]string{}, charged: map[string]int64{}}
	db, err := p.openBookings()
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // it was read only
	id, status := "", ""
	if err := each(ctx, db, func() { b.status[id] = status }, `SELECT id, status FROM bookings WHERE event_id = '`+event+`'`, &id, &status); err != nil {
		return nil, err
	}
	ledger, err := openFile(p.at.Sandbox)
	if err != nil {
		return nil, err
	}
	defer ledger.Close() //nolint:errcheck // it was read only
	kind, amount := "", int64(0)
	if err := each(ctx, ledger, func() {
		if _, ours := b.status[id]; ours {
			b.charged[id] += map[string]int64{"charge": amount, "refund": -amount}[kind]
		}
	}, `SELECT booking_id, kind, amount_minor FROM ledger`, &id, &kind, &amount); err != nil {
		return nil, err
	}
	var left struct{ Capacity, Available int }
	err = p.must(http.StatusOK, &left, http.MethodGet, "user", "/events/"+event+"/availability", nil, nil)
	b.taken = left.Capacity - left.Available
	return b, err
}

// each calls f after each row has been scanned.
func each(ctx context.Context, db *sql.DB, f func(), query string, into ...any) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		f()
	}
	return rows.Err()
}

// check waits until no booking of the sale is pending, and compares what was
// answered, what is booked, what is taken of the event, and what was paid.
func (s *sale) check(ctx context.Context, p *platform, within time.Duration, r *Result) error {
	var b *books
	var pending int
	for deadline := time.Now().Add(within); ; {
		var err error
		if b, err = p.audit(ctx, s.event); err != nil {
			return err
		}
		pending = 0
		for _, status := range b.status {
			if status == "PENDING" {
				pending++
			}
		}
		if pending == 0 && b.taken == b.confirmed() || time.Now().After(deadline) {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	r.Oversold, r.Lost = new(int), new(int)
	*r.Oversold = max(0, b.confirmed()-s.tickets, b.taken-s.tickets)
	for id := range s.sold {
		if b.status[id] != "CONFIRMED" {
			*r.Lost++
		}
	}
	if pending > 0 {
		r.note("%d bookings are still pending %s after the sale", pending, within)
		return nil
	}
	if b.taken != b.confirmed() {
		r.fault("%d tickets are booked, and %d are taken of the event", b.confirmed(), b.taken)
	}
	for id, status := range b.status {
		if want := map[bool]int64{true: price}[status == "CONFIRMED"]; b.charged[id] != want {
			r.fault("booking %s is %s, and %d was paid for it", id, status, b.charged[id])
		}
	}
	return nil
}

func (b *books) confirmed() (n int) {
	for _, status := range b.status {
		if status == "CONFIRMED" {
			n++
		}
	}
	return n
}

// mailbox reads the folder of mails, each once.
type mailbox struct {
	dir  string
	read map[string]bool
	at   map[string]time.Time // when the confirmation of a booking was there
}

func newMailbox(p *platform) *mailbox {
	return &mailbox{p.at.Mail, map[string]bool{}, map[string]time.Time{}}
}

var bookingID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)

var bookingLine = regexp.MustCompile(`Booking id: ([0-9a-f-]{36})`)

func (m *mailbox) look() error {
	entries, err := os.ReadDir(m.dir)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, e := range entries {
		if m.read[e.Name()] || !strings.HasSuffix(e.Name(), ".eml") {
			continue
		}
		name := filepath.Join(m.dir, e.Name())
		text, err := head(name)
		if err != nil {
			return err
		}
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		m.read[e.Name()] = true
		if found := bookingLine.FindSubmatch(text); found != nil {
			m.at[string(found[1])] = info.ModTime()
		}
	}
	return nil
}

// head is the beginning of a mail, which names the booking. Its tickets are many times as
// large.
func head(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was read only
	return io.ReadAll(io.LimitReader(f, 8<<10))
}

// missing waits for the mails of the bookings and returns how many there are
// not within that time.
func (m *mailbox) missing(ctx context.Context, sold map[string]time.Time, within time.Duration) (n int, err error) {
	for deadline := time.Now().Add(within); ; {
		if err := m.look(); err != nil {
			return 0, err
		}
		n = 0
		for id := range sold {
			if m.at[id].IsZero() {
				n++
			}
		}
		if n == 0 || time.Now().After(deadline) {
			return n, nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// open counts the messages that not everybody has yet.
func (p *platform) open(ctx context.Context, since string) (n int, err error) {
	db, err := p.openBookings()
	if err != nil {
		return 0, err
	}
	defer db.Close() //nolint:errcheck // it was read only
	err = db.QueryRowContext(ctx, `SELECT count(*) FROM outbox WHERE closed_at IS NULL AND id >= '`+since+`'`).Scan(&n)
	return n, err
}
