package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// What is open is either ready to be claimed, or it waits until it is due: it is
// leased, to be tried again, or behind another. Each has an index by just these
// words.
const (
	ready   = `status IN ('RESOLVING', 'PENDING') AND ready = 1`
	waiting = `status IN ('RESOLVING', 'PENDING') AND ready = 0`
)

// readied is how many deliveries one claim makes ready at most. It is more than
// a claim takes, and keeps its cost independent of how many there are.
const readied = 256

// Claim implements notification.Store. A look through a read connection comes
// first: a worker that finds nothing to do holds up no writer.
func (s *Store) Claim(ctx context.Context, c notification.Channel, now, until time.Time, limit int) ([]notification.Notification, error) {
	claimed := []notification.Notification{}
	var due bool
	if err := s.db.Read.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM deliveries WHERE channel = ?1 AND `+ready+`)
			OR EXISTS (SELECT 1 FROM deliveries WHERE channel = ?1 AND `+waiting+` AND due <= ?2)`,
		c, sqlitedb.Time(now)).Scan(&due); err != nil || !due {
		return claimed, err
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		claimed = []notification.Notification{}
		if err := makeReady(ctx, tx, c, now); err != nil {
			return err
		}
		for {
			want := limit - len(claimed)
			found, behind, err := next(ctx, tx, c, now, want)
			if err != nil {
				return err
			}
			for id, due := range behind {
				if _, err := tx.ExecContext(ctx, `UPDATE deliveries SET ready = 0, due = ? WHERE id = ?`, due, id); err != nil {
					return err
				}
			}
			if err := lease(ctx, tx, found, until); err != nil {
				return err
			}
			claimed = append(claimed, found...)
			if len(behind) == 0 || len(found)+len(behind) < want {
				return nil
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// BringForward implements notification.Store. It reads before it writes, as Claim does.
func (s *Store) BringForward(ctx context.Context, leased, waits time.Time) error {
	// ?1 is the channel, ?2 leased, ?3 waiting.
	open := `FROM deliveries WHERE channel = ?1 AND ` + waiting + ` AND due > min(?2, ?3) AND due > iif(lease = '', ?3, ?2)`
	settled := `FROM deliveries WHERE channel = ?1 AND status NOT IN ('RESOLVING', 'PENDING') AND lease <> '' AND due > ?2 AND ?3 = ?3`
	for _, c := range []notification.Channel{notification.Email, notification.SMS} {
		for _, late := range []string{open, settled} {
			args := []any{c, sqlitedb.Time(leased), sqlitedb.Time(waits)}
			var some bool
			if err := s.db.Read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 `+late+`)`, args...).Scan(&some); err != nil {
				return err
			}
			if !some {
				continue
			}
			if err := s.db.Sweep(ctx, `UPDATE deliveries SET due = iif(lease = '', ?3, ?2) WHERE id IN (SELECT id `+late+` LIMIT ?4)`,
				append(args, sqlitedb.Piece)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeReady moves what is due of one channel from what waits to what is ready. What was leased
// gets its grace first.
func makeReady(ctx context.Context, tx *sql.Tx, c notification.Channel, now time.Time) error {
	rows, err := tx.QueryContext(ctx, `
		SELECT id, lease <> '' AND ended = 0 FROM deliveries WHERE channel = ? AND `+waiting+` AND due <= ? ORDER BY due LIMIT ?`,
		c, sqlitedb.Time(now), readied)
	if err != nil {
		return err
	}
	defer rows.Close()
	var free, ended []string
	for rows.Next() {
		var id string
		var leased bool
		if err := rows.Scan(&id, &leased); err != nil {
			return err
		}
		if leased {
			ended = append(ended, id)
		} else {
			free = append(free, id)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	if err := updateAll(ctx, tx, free, `ready = 1`); err != nil {
		return err
	}
	return updateAll(ctx, tx, ended, `ended = 1, due = ?2`, sqlitedb.Time(now.Add(notification.Grace)))
}

// updateAll sets the deliveries of these ids; ?1 is the list, args are from ?2 on.
func updateAll(ctx context.Context, tx *sql.Tx, ids []string, set string, args ...any) error {
	if len(ids) == 0 {
		return nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	//nolint:gosec // it is joined of constants
	_, err = tx.ExecContext(ctx, `UPDATE deliveries SET `+set+` WHERE id IN (SELECT value FROM json_each(?1))`,
		append([]any{string(list)}, args...)...)
	return err
}

// next is the next deliveries of one channel that are ready, up to limit together: those that
// can be claimed, and when those are due again that are behind an earlier one.
func next(ctx context.Context, tx *sql.Tx, c notification.Channel, now time.Time, limit int) (found []notification.Notification, behind map[string]int64, err error) {
	at := sqlitedb.Time(now)
	rows, err := tx.QueryContext(ctx, `
		SELECT `+columns+`, r.booking_id <> '' AND EXISTS (
				SELECT 1 FROM records n WHERE n.booking_id = r.booking_id AND n.version > r.version AND n.once <> n.message_id AND n.kind <> ?),
			iif(d.booking_id = '', NULL, (
				SELECT max(iif(e.lease = '', e.due, 0)) FROM deliveries e JOIN records er ON er.message_id = e.message_id
				WHERE e.booking_id = d.booking_id AND e.channel = d.channel AND er.version < r.version
					AND (e.status IN ('RESOLVING', 'PENDING') OR e.lease <> '' AND e.due > ?)))
		FROM `+tables+` WHERE d.channel = ? AND d.`+ready+` ORDER BY d.turn, d.due, d.id LIMIT ?`,
		notification.Resent, sqlitedb.Time(now.Add(-notification.Grace)), c, limit)
	if err != nil {
		return nil, nil, err
	}
	behind = map[string]int64{}
	found, err = scanAll(rows, func(scan func(more ...any) (notification.Notification, error)) (notification.Notification, bool, error) {
		var overtaken bool
		var earlier sql.NullInt64
		n, err := scan(&overtaken, &earlier)
		if earlier.Valid {
			behind[n.ID] = max(at, earlier.Int64) + notification.Behind.Microseconds()
		}
		n.Overtaken = overtaken
		return n, !earlier.Valid, err
	})
	return found, behind, err
}

// lease leases ns.
func lease(ctx context.Context, tx *sql.Tx, ns []notification.Notification, until time.Time) error {
	// One token for all: with the id it is nobody else's.
	token, ids := uuid.NewString(), make([]string, len(ns))
	for i := range ns {
		n := &ns[i]
		ids[i], n.Lease, n.Due = n.ID, token, sqlitedb.FromTime(sqlitedb.Time(until))
	}
	return updateAll(ctx, tx, ids, `ready = 0, ended = 0, lease = ?2, due = ?3`, token, sqlitedb.Time(until))
}

// EndLeases makes everything that is leased claimable at once: for the start
// of the only process that works on this file, whose leases are those of a
// process that is gone. What waits for another attempt goes on waiting.
func (s *Store) EndLeases(ctx context.Context, now time.Time) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE deliveries INDEXED BY deliveries_waiting SET lease = '', ended = 0, due = min(due, ?)
			WHERE `+waiting+` AND lease <> ''`, sqlitedb.Time(now)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE deliveries SET lease = '' WHERE status NOT IN ('RESOLVING', 'PENDING') AND lease <> ''`)
		return err
	})
}
