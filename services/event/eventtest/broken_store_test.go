package eventtest_test

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/event"
	outbox "github.com/openboxoffice/boxoffice/services/internal/outbox/sqlite"
)

type losesUpdates struct{ broken }

func (b losesUpdates) Update(ctx context.Context, id string, edit func(*event.Event) error) (*event.Event, error) {
	read, err := b.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := edit(read); err != nil {
		return nil, err
	}
	return b.Store.Update(ctx, id, func(e *event.Event) error { *e = *read; return nil })
}

type storesRefused struct{ broken }

func (b storesRefused) Update(ctx context.Context, id string, edit func(*event.Event) error) (*event.Event, error) {
	var refused error
	e, err := b.Store.Update(ctx, id, func(e *event.Event) error { refused = edit(e); return nil })
	return e, errors.Join(err, refused)
}

type deletesSold struct{ broken }

func (b deletesSold) Delete(ctx context.Context, id string, check func(*event.Event) error) error {
	if err := b.Store.Delete(ctx, id, check); !errors.Is(err, event.ErrEventHasBookings) {
		return err
	}
	return b.exec(ctx, `DELETE FROM events WHERE id = ?`, id)
}

type skipsRow struct{ broken }

func (b skipsRow) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	if q.After == nil {
		return b.Store.List(ctx, q)
	}
	q.Limit++
	list, err := b.Store.List(ctx, q)
	return list[min(1, len(list)):], err
}

type keyAlone struct{ broken }

func (b keyAlone) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	if q.After != nil {
		after := *q.After
		if after.ID = "z"; q.Sort == event.ByStartLatest {
			after.ID = ""
		}
		q.After = &after
	}
	return b.Store.List(ctx, q)
}

type startsRangeAgain struct{ broken }

func (b startsRangeAgain) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	if !q.From.IsZero() && !q.To.IsZero() {
		q.After = nil
	}
	return b.Store.List(ctx, q)
}

type startsInMonth struct{ broken }

func (b startsInMonth) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	return b.scan(ctx, q, func(e event.Event) bool { return q.Month == "" || e.Months()[0] == q.Month })
}

type firstPrice struct{ broken }

func (b firstPrice) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	return b.scan(ctx, q, func(e event.Event) bool {
		return q.MostPrice == nil || e.TicketTypes[0].Price.AmountMinor <= q.MostPrice.AmountMinor
	})
}

type forgetsMonth struct{ broken }

func (b forgetsMonth) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	if len(q.Terms()) > 0 {
		q.Month = ""
	}
	return b.Store.List(ctx, q)
}

type foldsASCII struct{ broken }

func (b foldsASCII) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	list, err := b.Store.List(ctx, q)
	for _, r := range q.Category + q.City + q.Text {
		if r > 127 && len(list) > 0 {
			return []event.Event{}, err
		}
	}
	return list, err
}

// scan returns all events for which fits says so.
func (b broken) scan(ctx context.Context, q event.Query, fits func(event.Event) bool) ([]event.Event, error) {
	limit := q.Limit
	q.Text, q.Limit = "", 1000
	list, err := b.Store.List(ctx, q)
	list = slices.DeleteFunc(list, func(e event.Event) bool { return !fits(e) })
	return list[:min(len(list), limit)], err
}

type sortsByCodePoints struct{ broken }

func (b sortsByCodePoints) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	list, err := b.scan(ctx, q, func(event.Event) bool { return true })
	if q.Sort == event.ByTitle {
		slices.SortStableFunc(list, func(x, y event.Event) int { return strings.Compare(event.Fold(x.Title), event.Fold(y.Title)) })
	}
	return list, err
}

type anyTerm struct{ broken }

func (b anyTerm) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	terms := q.Terms()
	return b.scan(ctx, q, func(e event.Event) bool {
		return len(terms) == 0 || slices.ContainsFunc(terms, func(t string) bool {
			return slices.ContainsFunc(e.Keys().Words, func(w string) bool { return strings.HasPrefix(w, t) })
		})
	})
}

type withinWords struct{ broken }

func (b withinWords) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	terms := q.Terms()
	return b.scan(ctx, q, func(e event.Event) bool {
		words := strings.Join(e.Keys().Words, " ")
		return !slices.ContainsFunc(terms, func(t string) bool { return !strings.Contains(words, t) })
	})
}

type mindsAccents struct{ broken }

func (b mindsAccents) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	text := event.Fold(q.Text)
	list, err := b.Store.List(ctx, q)
	return slices.DeleteFunc(list, func(e event.Event) bool {
		return !strings.Contains(event.Fold(strings.Join([]string{
			e.Title, e.Description, e.Venue.Name, e.Venue.Address, e.Venue.City, e.Venue.Country,
		}, " ")), text)
	}), err
}

type searchesAlone struct{ broken }

func (b searchesAlone) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	if q.Text != "" {
		q.City, q.Category, q.From, q.To = "", "", time.Time{}, time.Time{}
	}
	return b.Store.List(ctx, q)
}

type forgetsInvisible struct{ broken }

func (b forgetsInvisible) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	q.Category, q.City = event.Fold(q.Category), event.Fold(q.City)
	return b.Store.List(ctx, q)
}

type mindsSpaces struct{ broken }

func (b mindsSpaces) List(ctx context.Context, q event.Query) ([]event.Event, error) {
	if q.Category != "" && event.Fold(q.Category) == "" {
		return []event.Event{}, nil
	}
	return b.Store.List(ctx, q)
}

type milliseconds struct{ broken }

func (b milliseconds) Get(ctx context.Context, id string) (*event.Event, error) {
	e, err := b.Store.Get(ctx, id)
	if e != nil {
		e.StartsAt = e.StartsAt.Truncate(time.Millisecond)
	}
	return e, err
}

type forgetsPolicy struct{ broken }

func (b forgetsPolicy) Create(ctx context.Context, e *event.Event, most int) error {
	free := *e
	free.CancellationPolicy = events.CancellationPolicy{}
	return b.Store.Create(ctx, &free, most)
}

type countsByDay struct{ broken }

func (b countsByDay) Create(ctx context.Context, e *event.Event, most int) error {
	day := *e
	day.CreatedAt = e.CreatedAt.Truncate(event.CreationPeriod)
	return b.Store.Create(ctx, &day, most)
}

// countsFirst counts, and creates when the others have counted, too.
type countsFirst struct{ broken }

func (b countsFirst) Create(ctx context.Context, e *event.Event, most int) error {
	var n int
	if err := b.db.Read.QueryRowContext(ctx, `SELECT count(*) FROM creations WHERE organizer_id = ?`, e.OrganizerID).Scan(&n); err != nil {
		return err
	}
	others.Wait()
	if n < most {
		most = math.MaxInt
	}
	return b.Store.Create(ctx, e, most)
}

type countsWhatIsThere struct{ broken }

func (b countsWhatIsThere) Delete(ctx context.Context, id string, check func(*event.Event) error) error {
	e, err := b.Get(ctx, id)
	if err != nil {
		return err
	}
	return errors.Join(b.Store.Delete(ctx, id, check), b.exec(ctx, `DELETE FROM creations WHERE organizer_id = ?`, e.OrganizerID))
}

type countsRefused struct{ broken }

func (b countsRefused) Create(ctx context.Context, e *event.Event, most int) error {
	err := b.Store.Create(ctx, e, most)
	if errors.Is(err, event.ErrTooManyEvents) {
		err = errors.Join(err, b.exec(ctx, `INSERT INTO creations (organizer_id, at) VALUES (?, ?)`, e.OrganizerID, e.CreatedAt.UnixMicro()))
	}
	return err
}

type countsAll struct{ broken }

func (b countsAll) Create(ctx context.Context, e *event.Event, most int) error {
	all := *e
	all.OrganizerID = "all"
	return errors.Join(b.Store.Create(ctx, &all, most), b.exec(ctx, `UPDATE events SET organizer_id = ? WHERE id = ?`, e.OrganizerID, e.ID))
}

// cancelsSilently stores the change, and would store the message later.
type cancelsSilently struct{ broken }

func (b cancelsSilently) Cancel(ctx context.Context, id string, cancel func(*event.Event) (events.Message, error)) (*event.Event, error) {
	return b.Update(ctx, id, func(e *event.Event) error { _, err := cancel(e); return err })
}

// tellsFirst stores the message before the change.
type tellsFirst struct{ broken }

func (b tellsFirst) Cancel(ctx context.Context, id string, cancel func(*event.Event) (events.Message, error)) (*event.Event, error) {
	e, err := b.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	m, err := cancel(e)
	if err != nil {
		return nil, err
	}
	if err := b.db.Write(ctx, func(tx *sql.Tx) error { return outbox.Insert(ctx, tx, events.TopicEvents, m, m.Time) }); err != nil {
		return nil, err
	}
	return b.Update(ctx, id, func(next *event.Event) error { *next = *e; return nil })
}

type deletesUntold struct{ broken }

func (b deletesUntold) Delete(ctx context.Context, id string, check func(*event.Event) error) error {
	if err := b.Store.Delete(ctx, id, check); !errors.Is(err, event.ErrNotTold) {
		return err
	}
	return b.exec(ctx, `DELETE FROM events WHERE id = ?`, id)
}
