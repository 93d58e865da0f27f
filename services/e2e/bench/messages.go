package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// delays are how long the mails took after the customer had been answered:
// until the file in the folder was whole and on disk. It begins with the COMMIT
// and the way of the answer back to the customer, some milliseconds earlier.
func (m *mailbox) delays(sold map[string]time.Time) latencies {
	var l latencies
	for id, answered := range sold {
		if at := m.at[id]; !at.IsZero() {
			l = append(l, max(0, at.Sub(answered)))
		}
	}
	return l
}

// paced lets one buy so many tickets a second, which is no load, and returns
// how long their mails took.
func (b *bench) paced(p *platform, organizer *account, buyers []*account, mails *mailbox) (*Result, error) {
	const perSecond = 20
	event, err := p.publish(organizer, 10_000)
	if err != nil {
		return nil, err
	}
	r := &Result{What: fmt.Sprintf("mail after booking, %d bookings/s", perSecond), Way: p.way, Clients: 1, Codes: map[string]int{}}
	body, err := json.Marshal(map[string]any{"event_id": event, "tickets": 1})
	if err != nil {
		return nil, err
	}
	sold := map[string]time.Time{}
	tick := time.NewTicker(time.Second / perSecond)
	defer tick.Stop()
	began := time.Now()
	for i := 0; time.Since(began) < b.time && b.ctx.Err() == nil; i++ {
		<-tick.C
		a, err := p.send(http.MethodPost, "user", "/bookings", buyers[i%len(buyers)], body)
		if err != nil {
			return nil, err
		}
		r.Codes[a.code()]++
		var booking struct{ ID string }
		if a.status == http.StatusCreated && json.Unmarshal(a.body, &booking) == nil {
			sold[booking.ID] = time.Now()
		}
	}
	return r, b.mailed(p, mails, sold, r)
}

// mailed waits for the mails of what was sold, and makes r how long they took.
func (b *bench) mailed(p *platform, mails *mailbox, sold map[string]time.Time, r *Result) error {
	began := time.Now()
	missing, err := mails.missing(b.ctx, sold, b.patience)
	if err != nil {
		return err
	}
	open, err := p.open(b.ctx, "")
	if err != nil {
		return err
	}
	r.Count = len(sold) - missing
	mails.delays(sold).into(r)
	switch {
	case missing > 0 && open > 0:
		r.note("%d mails of %d are still on their way %s later, %d messages are not known to everybody", missing, len(sold), b.patience, open)
	case missing > 0:
		r.note("%d mails of %d have not been written yet %s later, and no message is on its way", missing, len(sold), time.Since(began).Round(time.Second))
	}
	return nil
}

// most is how many mails printed looks at.
const most = 10_000

// printed sees how fast the mails of a sale go out that it has left behind, at most so
// many: booking draws the tickets of each, as PDF and as QR codes. A sale comes first.
func (b *bench) printed(p *platform, mails *mailbox, sold map[string]time.Time) (*Result, error) {
	missing, err := mails.missing(b.ctx, sold, 0)
	if err != nil {
		return nil, err
	}
	m, err := startMeter(p.at.Processes)
	if err != nil {
		return nil, err
	}
	began, before := time.Now(), missing
	r := &Result{What: "drain of mails with tickets after a sale", Way: p.way, PerThousand: true}
	for left := max(0, before-most); missing > left && time.Since(began) < 10*b.time; {
		if missing, err = mails.missing(b.ctx, sold, time.Second); err != nil {
			return nil, err
		}
		r.Seconds = time.Since(began).Seconds()
	}
	r.Count = before - missing
	r.rate()
	if missing > 0 {
		r.note("%d mails are still on their way", missing)
	}
	r.Usage, err = m.read()
	return r, err
}

// lost waits for the mails of all that was sold, once more and longer. What has
// none although nothing is on its way, or waits to be mailed, is lost.
func (b *bench) lost(p *platform, mails *mailbox, sold map[string]time.Time) (*Result, error) {
	r := &Result{What: "mails of all that was sold", Way: p.way, Lost: new(int)}
	missing, err := mails.missing(b.ctx, sold, b.patience)
	if err != nil {
		return nil, err
	}
	r.Count = len(sold) - missing
	if missing == 0 {
		return r, nil
	}
	var waiting struct{ Items []struct{} }
	if err := p.must(http.StatusOK, &waiting, http.MethodGet, "user", "/notifications?status=PENDING&limit=1", p.admin, nil); err != nil {
		return nil, err
	}
	open, err := p.open(b.ctx, "")
	if err != nil {
		return nil, err
	}
	if open == 0 && len(waiting.Items) == 0 {
		// They may have come between the two looks.
		if err := mails.look(); err != nil {
			return nil, err
		}
		for id := range sold {
			if mails.at[id].IsZero() {
				*r.Lost++
			}
		}
		return r, nil
	}
	r.note("%d mails of %d are still on their way: none is known to be lost", missing, len(sold))
	return r, nil
}

// backlog is the first id of the messages that drain makes: greater than those
// of all others.
const backlog = "ffffffff-ffff-7fff-8fff-"

// drain fills the outbox while the platform is down, and sees how fast it gets
// empty when it is up: a message is gone when each consumer has said that it has
// stored it. What these do then goes on beside it: of these messages nobody is mailed, as
// the booking service knows no such bookings.
func (b *bench) drain(p *platform, mails *mailbox, n int) (*Result, error) {
	if err := p.tell("kill"); err != nil {
		return nil, err
	}
	if err := b.fillOutbox(p, n); err != nil {
		return nil, err
	}
	if err := mails.look(); err != nil {
		return nil, err
	}
	mailsBefore := len(mails.read)
	if err := p.tell("start"); err != nil {
		return nil, err
	}
	m, err := startMeter(p.at.Processes)
	if err != nil {
		return nil, err
	}
	before, err := p.open(b.ctx, backlog)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	left := before
	r := &Result{What: fmt.Sprintf("drain of %d messages", n), Way: p.way, PerThousand: true}
	tick := time.NewTicker(500 * time.Millisecond) // counting costs something, too
	defer tick.Stop()
	for deadline := began.Add(3*b.time + time.Duration(n)*time.Millisecond); left > 0 && time.Now().Before(deadline); {
		select {
		case <-b.ctx.Done():
			return nil, b.ctx.Err()
		case <-tick.C:
		}
		if left, err = p.open(b.ctx, backlog); err != nil {
			return nil, err
		}
		r.Seconds = time.Since(began).Seconds()
	}
	r.Count = before - left
	r.rate()
	if r.Usage, err = m.read(); err != nil {
		return nil, err
	}
	if err := mails.look(); err != nil {
		return nil, err
	}
	r.note("%d mails were written meanwhile", len(mails.read)-mailsBefore)
	if left > 0 {
		r.note("%d messages were left when the time was over", left)
	}
	return r, nil
}

// fillOutbox adds n messages like one that was sent, each of a booking of its
// own. The event service knows no reservation of it, and leaves it at that.
func (b *bench) fillOutbox(p *platform, n int) error {
	db, err := p.openBookings()
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // the commit is what counts
	var id, attributes string
	if err := db.QueryRowContext(b.ctx, `SELECT id, CAST(attributes AS TEXT) FROM outbox WHERE CAST(attributes AS TEXT) LIKE '%booking.confirmed.v1%' LIMIT 1`).
		Scan(&id, &attributes); err != nil {
		return fmt.Errorf("a message to copy: %w", err)
	}
	var message struct{ Subject string }
	if err := json.Unmarshal([]byte(attributes), &message); err != nil {
		return err
	}
	d := p.dialect()
	fresh, booking := d.id(backlog), d.id("ffffffff-ffff-7fff-9fff-")
	renamed := fmt.Sprintf(`replace(replace(CAST(attributes AS TEXT), '%s', %s), '%s', %s)`, id, fresh, message.Subject, booking)
	data := fmt.Sprintf(`replace(%s, '%s', %s)`, d.text("data"), message.Subject, booking)
	return d.copyRows(b.ctx, db, "outbox", "id = '"+id+"'", 1, n, map[string]string{
		"id": fresh, "attributes": d.json(renamed), "data": d.bytes(data), "due": "time",
		"attempts": "0", "published_at": "NULL", "closed_at": "NULL",
	})
}

// dialect is how a database writes what the standard does not say.
type dialect struct{ postgres bool }

func (p *platform) dialect() dialect { return dialect{p.way != standalone} }

// id is the expression of a UUID that begins with prefix and ends with i.
func (d dialect) id(prefix string) string { return d.idOf(prefix, "i") }

func (d dialect) idOf(prefix, number string) string {
	if d.postgres {
		return "'" + prefix + "' || lpad(to_hex((" + number + ")::bigint), 12, '0')"
	}
	return "printf('" + prefix + "%012x', " + number + ")"
}

func (d dialect) text(bytes string) string {
	if d.postgres {
		return "convert_from(" + bytes + ", 'UTF8')"
	}
	return "CAST(" + bytes + " AS TEXT)"
}

func (d dialect) bytes(text string) string {
	if d.postgres {
		return "convert_to(" + text + ", 'UTF8')"
	}
	return "CAST(" + text + " AS BLOB)"
}

func (d dialect) json(text string) string {
	if d.postgres {
		return "CAST(" + text + " AS json)"
	}
	return text
}

// copyRows adds copies of the rows of a table that fulfil where: for each i from
// first to last one, which differs in the columns that are named; those that are
// named "" are left to the database.
func (d dialect) copyRows(ctx context.Context, db *sql.DB, table, where string, first, last int, differs map[string]string) error {
	if last < first {
		return nil
	}
	columns, err := columnsOf(ctx, db, table)
	if err != nil {
		return err
	}
	into, from := "", ""
	for _, c := range columns {
		expression, named := differs[c]
		switch {
		case named && expression == "":
			continue
		case !named:
			expression = c
		}
		if into != "" {
			into, from = into+", ", from+", "
		}
		into, from = into+c, from+expression
	}
	series := fmt.Sprintf("(WITH RECURSIVE s (i) AS (SELECT %d UNION ALL SELECT i + 1 FROM s WHERE i < %d) SELECT i FROM s) AS s", first, last)
	if d.postgres {
		series = fmt.Sprintf("generate_series(%d, %d) AS s (i)", first, last)
	}
	//nolint:gosec // nothing in it is from elsewhere
	_, err = db.ExecContext(ctx, "INSERT INTO "+table+" ("+into+") SELECT "+from+" FROM (SELECT * FROM "+table+" WHERE "+where+") AS t, "+series)
	if err != nil {
		return fmt.Errorf("rows for %s: %w", table, err)
	}
	return nil
}

func columnsOf(ctx context.Context, db *sql.DB, table string) ([]string, error) {
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+table+" LIMIT 0") //nolint:gosec // a name of ours
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	return columns, errors.Join(err, rows.Err())
}
