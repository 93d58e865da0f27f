package sqlite

import (
	"context"
	"database/sql"
	"strings"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/notification"
)

// List implements notification.Store. A plus keeps a condition from the choice of an
// index: of a booking there are few deliveries, whatever else is asked for, and
// without a status the order of all of them serves.
func (s *Store) List(ctx context.Context, f notification.Filter) ([]notification.Notification, error) {
	if f.Status != "" && !f.Status.Shown() {
		return []notification.Notification{}, nil
	}
	where, args := []string{}, []any{}
	add := func(cond string, values ...any) { where, args = append(where, cond), append(args, values...) }
	switch {
	case f.Status == "":
		add(`+d.status IN ('PENDING', 'SENT', 'FAILED', 'OUTDATED')`)
	case f.BookingID != "":
		add(`+d.status = ?`, f.Status)
	default:
		add(`d.status = ?`, f.Status)
	}
	switch {
	case f.BookingID != "" && f.UserID != "":
		add(`d.booking_id = ? AND +d.user_id = ?`, f.BookingID, f.UserID)
	case f.BookingID != "":
		add(`d.booking_id = ?`, f.BookingID)
	case f.UserID != "":
		add(`d.user_id = ?`, f.UserID)
	}
	if f.After != nil {
		add(`(d.created_at, d.id) < (?, ?)`, sqlitedb.Time(f.After.CreatedAt), f.After.ID)
	}
	var page []notification.Notification
	err := s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) error {
		//nolint:gosec // it is joined of the constants above
		rows, err := tx.QueryContext(ctx, `
			SELECT `+columns+` FROM `+tables+` WHERE `+strings.Join(where, " AND ")+`
			ORDER BY d.created_at DESC, d.id DESC LIMIT ?`, append(args, f.Limit)...)
		if err != nil {
			return err
		}
		page, err = scanAll(rows, func(scan func(more ...any) (notification.Notification, error)) (notification.Notification, bool, error) {
			n, err := scan()
			return n, true, err
		})
		return err
	})
	return page, err
}
