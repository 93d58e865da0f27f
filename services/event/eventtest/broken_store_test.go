package eventtest_test

import (
	"context"
	"errors"
	"time"

	"github.com/openboxoffice/boxoffice/services/event"
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

type milliseconds struct{ broken }

func (b milliseconds) Get(ctx context.Context, id string) (*event.Event, error) {
	e, err := b.Store.Get(ctx, id)
	if e != nil {
		e.StartsAt = e.StartsAt.Truncate(time.Millisecond)
	}
	return e, err
}
