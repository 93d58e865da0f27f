package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// Growth is how long one operation takes on more and more data.
type Growth struct {
	Way       string    `json:"way"`
	Operation string    `json:"operation"`
	Medians   []float64 `json:"median_ms"` // at each of the report's sizes
	// Ratio is the median at the largest size to that at the smallest.
	Ratio float64 `json:"ratio"`
}

// Size is how much there is.
type Size struct {
	Bookings int `json:"bookings"`
	Events   int `json:"events"`
}

func (s Size) String() string { return fmt.Sprintf("%d/%d", s.Bookings, s.Events) }

// sizes are what is measured; huge asks for a million bookings.
func sizes(huge bool) []Size {
	all := []Size{{1_000, 100}, {10_000, 1_000}, {100_000, 10_000}, {100_000, 100_000}}
	if huge {
		all[3].Bookings = 1_000_000
	}
	return all
}

// The copies of rows have ids that sort before all others, so that they are the
// oldest.
const copies = "01000000-0000-7000-8000-"

// growth measures a small workload on each of the sizes. Rows are copies, made
// while nobody runs, of one booking and one event; the bookings are of a
// thousand customers.
func (b *bench) growth(p *platform, sizes []Size) ([]*Growth, error) {
	organizers, err := p.crowd(1, "organizer")
	if err != nil {
		return nil, err
	}
	customers, err := p.crowd(1, "customer")
	if err != nil {
		return nil, err
	}
	organizer, customer := organizers[0], customers[0]
	event, err := p.publish(organizer, 100_000)
	if err != nil {
		return nil, err
	}
	// What a search finds stays one event, however many there are.
	if _, err := p.publish(organizer, 1, "Rarity"); err != nil {
		return nil, err
	}
	// The one that is copied, with all that comes of it.
	mails := newMailbox(p)
	id, err := p.bookOne(event, customer)
	if err != nil {
		return nil, err
	}
	if missing, err := mails.missing(b.ctx, map[string]time.Time{id: {}}, b.patience); err != nil || missing > 0 {
		return nil, errors.Join(err, errors.New("the first booking has no mail"))
	}
	var found []*Growth
	have := Size{}
	for _, size := range sizes {
		b.say("%s: %d bookings, %d events", p.way, size.Bookings, size.Events)
		operations, err := b.at(p, id, event, have, size, organizer, customer)
		if err != nil {
			return found, err // as far as it came
		}
		have = size
		for i, o := range operations {
			if len(found) <= i {
				found = append(found, &Growth{Way: p.way, Operation: o.what})
			}
			g := found[i]
			g.Medians = append(g.Medians, o.median)
			g.Ratio = o.median / g.Medians[0]
		}
	}
	return found, nil
}

// at adds rows while nobody runs, and measures.
func (b *bench) at(p *platform, booking, event string, have, size Size, organizer, customer *account) ([]operation, error) {
	if err := p.tell("kill"); err != nil {
		return nil, err
	}
	if err := b.grow(p, booking, event, have, size); err != nil {
		return nil, err
	}
	if err := p.tell("start"); err != nil {
		return nil, err
	}
	if err := errors.Join(p.login(organizer), p.login(customer)); err != nil {
		return nil, err
	}
	return b.workload(p, event, customer)
}

func (p *platform) bookOne(event string, by *account) (id string, err error) {
	var booking struct{ ID string }
	err = p.must(http.StatusCreated, &booking, http.MethodPost, "user", "/bookings", by,
		map[string]any{"event_id": event, "tickets": 1}, "Idempotency-Key", uuid.NewString())
	return booking.ID, err
}

type operation struct {
	what   string
	median float64
}

// workload does each of a few things some times, in turn, so that whatever else
// happens on the machine happens to all of them.
func (b *bench) workload(p *platform, event string, customer *account) ([]operation, error) {
	var id string
	if _, err := b.timed(func() (err error) { id, err = p.bookOne(event, customer); return err }); err != nil {
		return nil, err
	}
	get := func(path string, by *account) func() error {
		return func() error { return p.must(http.StatusOK, nil, http.MethodGet, "user", path, by, nil) }
	}
	var some struct{ Items []struct{ ID string } }
	if _, err := b.timed(func() error {
		return p.must(http.StatusOK, &some, http.MethodGet, "user", "/events?limit=20", nil, nil)
	}); err != nil {
		return nil, err
	}
	if len(some.Items) == 0 {
		return nil, errors.New("there are no events")
	}
	does := []struct {
		what string
		do   func() error
	}{
		{"POST /bookings", func() error { _, err := p.bookOne(event, customer); return err }},
		{"GET /bookings/{id}", get("/bookings/"+id, customer)},
		{"GET /bookings", get("/bookings", customer)},
		{"GET /events", get("/events", nil)},
		{"GET /events?city=", get("/events?city=berlin&sort=title", nil)},
		{"GET /events?q=", get("/events?q=rarity", nil)},
		{"GET /events/{id}", get("/events/"+some.Items[0].ID, nil)},
		{"GET /events/{id}/availability", get("/events/"+event+"/availability", nil)},
		{"GET /notifications", get("/notifications", customer)},
	}
	took := make([]latencies, len(does))
	for round := range b.rounds + 5 {
		for i, d := range does {
			lasted, err := b.timed(d.do)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", d.what, err)
			}
			if round >= 5 { // the first are for caches and connections
				took[i] = append(took[i], lasted)
			}
		}
	}
	var all []operation
	for i, d := range does {
		slices.Sort(took[i])
		all = append(all, operation{d.what, milliseconds(took[i][len(took[i])/2])})
	}
	return all, nil
}

// timed returns how long it takes to do something. Who is told to come again does
// so: what stands in for a database may be slow to begin with.
func (b *bench) timed(do func() error) (time.Duration, error) {
	for try := 0; ; try++ {
		began := time.Now()
		err := do()
		if !errors.Is(err, errUnavailable) || try == 30 {
			return time.Since(began), err
		}
		select {
		case <-b.ctx.Done():
			return 0, b.ctx.Err()
		case <-time.After(patience):
		}
	}
}

// grow adds rows until there are as many.
func (b *bench) grow(p *platform, booking, event string, from, to Size) error {
	d := p.dialect()
	copied := d.id(copies)
	// i is of a thousand users.
	user := d.idOf("02000000-0000-7000-8000-", "i % 1000")
	of := "booking_id = '" + booking + "'"
	tables := []struct {
		table, where string
		differs      map[string]string
	}{
		{"bookings", "id = '" + booking + "'", map[string]string{"id": copied, "user_id": user}},
		{"idempotency_keys", of, map[string]string{"user_id": user, "key": copied, "booking_id": copied}},
		{"audit_log", of, map[string]string{"number": "", "booking_id": copied}},
		{"outbox", "CAST(attributes AS TEXT) LIKE '%" + booking + "%' AND id NOT LIKE '" + copies + "%'", map[string]string{"id": copied, "closed_at": d.either("closed_at", "due")}},
	}
	db, err := p.openBookings()
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // the commit is what counts
	for _, t := range tables {
		if err := d.copyRows(b.ctx, db, t.table, t.where, from.Bookings+1, to.Bookings, t.differs); err != nil {
			return err
		}
	}
	if d.postgres { // as autovacuum does; nobody does it to a SQLite file
		if _, err := db.ExecContext(b.ctx, "ANALYZE"); err != nil {
			return err
		}
	}
	if err := b.growSandbox(p, booking, from, to); err != nil {
		return err
	}
	if p.files {
		return errors.Join(b.growEvents(p, booking, event, from, to), b.growNotifications(p, booking, from, to))
	}
	return errors.Join(b.growCollection(p, "event", "events", from.Events, to.Events),
		b.growCollection(p, "notification", "messages", from.Bookings, to.Bookings))
}

// either is a, or b where that is NULL.
func (d dialect) either(a, b string) string { return "coalesce(" + a + ", " + b + ")" }

func growFile(path string, do func(db *sql.DB) error) error {
	db, err := openFile(path)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // the commit is what counts
	return do(db)
}

func (b *bench) growSandbox(p *platform, booking string, from, to Size) error {
	var d dialect
	copied, of := d.id(copies), "booking_id = '"+booking+"'"
	return growFile(p.at.Sandbox, func(db *sql.DB) error {
		return errors.Join(
			d.copyRows(b.ctx, db, "charges", of, from.Bookings+1, to.Bookings, map[string]string{"booking_id": copied}),
			d.copyRows(b.ctx, db, "ledger", of, from.Bookings+1, to.Bookings, map[string]string{"number": "", "booking_id": copied}))
	})
}

func (b *bench) growEvents(p *platform, booking, event string, from, to Size) error {
	var d dialect
	copied, of := d.id(copies), "booking_id = '"+booking+"'"
	return growFile(p.at.Databases["event"], func(db *sql.DB) error {
		return errors.Join(
			d.copyRows(b.ctx, db, "events", "id = '"+event+"'", from.Events+1, to.Events, map[string]string{
				"id": copied, "starts_at": "starts_at + i * 1000000",
				"keys_version": "0", // the copies get theirs at the start
			}),
			d.copyRows(b.ctx, db, "ticket_types", "event_id = '"+event+"'", from.Events+1, to.Events, map[string]string{"event_id": copied}),
			d.copyRows(b.ctx, db, "reservations", of, from.Bookings+1, to.Bookings, map[string]string{"booking_id": copied}),
			d.copyRows(b.ctx, db, "reservation_items", of, from.Bookings+1, to.Bookings, map[string]string{"booking_id": copied}),
			d.copyRows(b.ctx, db, "inbox", "message_id = (SELECT max(message_id) FROM inbox)", from.Bookings+1, to.Bookings, map[string]string{"message_id": copied}))
	})
}

func (b *bench) growNotifications(p *platform, booking string, from, to Size) error {
	var d dialect
	copied, of := d.id(copies), "booking_id = '"+booking+"'"
	return growFile(p.at.Databases["notification"], func(db *sql.DB) error {
		return errors.Join(
			d.copyRows(b.ctx, db, "records", of, from.Bookings+1, to.Bookings,
				map[string]string{"message_id": copied, "booking_id": copied, "once": copied}),
			d.copyRows(b.ctx, db, "deliveries", of+" AND channel = 'email'", from.Bookings+1, to.Bookings,
				map[string]string{"id": copied, "message_id": copied, "booking_id": copied, "user_id": d.idOf("02000000-0000-7000-8000-", "i % 1000")}),
			d.copyRows(b.ctx, db, "inbox", "message_id = (SELECT max(message_id) FROM inbox)", from.Bookings+1, to.Bookings, map[string]string{"message_id": copied}))
	})
}

// growCollection adds documents to a collection until there are as many: copies
// of its oldest, whose ids are their own. Only these are added in MongoDB: what
// else there is, is looked up by its id.
func (b *bench) growCollection(p *platform, of, collection string, from, to int) error {
	if to <= from {
		return nil
	}
	at, err := url.Parse(p.at.Databases[of])
	if err != nil {
		return err
	}
	client, err := mongo.Connect(options.Client().ApplyURI(p.at.Databases[of]))
	if err != nil {
		return err
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(b.ctx)) }()
	c := client.Database(strings.TrimPrefix(at.Path, "/")).Collection(collection)
	var like bson.D
	if err := c.FindOne(b.ctx, bson.M{}, options.FindOne().SetSort(bson.M{"_id": 1})).Decode(&like); err != nil {
		return fmt.Errorf("a document of %s to copy: %w", collection, err)
	}
	const batch = 1000
	for i := from + 1; i <= to; i += batch {
		var documents []any
		for n := i; n <= min(to, i+batch-1); n++ {
			copied := slices.Clone(like)
			for j, field := range copied {
				switch field.Key {
				case "_id":
					copied[j].Value = fmt.Sprintf("%s%012x", copies, n)
				case "user_id":
					copied[j].Value = fmt.Sprintf("02000000-0000-7000-8000-%012x", n%1000)
				case "booking_id":
					copied[j].Value = fmt.Sprintf("%s%012x", copies, n)
				case "once", "email", "sms":
					if copied[j].Value, err = renumbered(field.Value, n); err != nil {
						return err
					}
				}
			}
			documents = append(documents, copied)
		}
		if _, err := c.InsertMany(b.ctx, documents, options.InsertMany().SetOrdered(false)); err != nil {
			return fmt.Errorf("documents for %s: %w", collection, err)
		}
	}
	return nil
}

// renumbered is a value with another number in each id in it.
func renumbered(v any, n int) (any, error) {
	b, err := bson.MarshalExtJSON(bson.M{"v": v}, true, false)
	if err != nil {
		return nil, err
	}
	text := bookingID.ReplaceAllString(string(b), fmt.Sprintf("%s%012x", copies, n))
	var out bson.M
	err = bson.UnmarshalExtJSON([]byte(text), true, &out)
	return out["v"], err
}
