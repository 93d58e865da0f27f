package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/user"
)

// Guests is a user.Guests.
type Guests struct{ db *sqlitedb.DB }

var _ user.Guests = (*Guests)(nil)

// Create implements user.Guests.
func (s *Guests) Create(ctx context.Context, g user.Guest) error {
	return s.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO guests (id, name, email, phone, locale, created_at) VALUES (?, ?, ?, ?, ?, ?)`,
			g.ID, g.Name, g.Email, g.Phone, g.Locale, sqlitedb.Time(g.CreatedAt))
		return err
	})
}

// Get implements user.Guests.
func (s *Guests) Get(ctx context.Context, id string) (g user.Guest, err error) {
	var created int64
	err = s.db.Read.QueryRowContext(ctx, `SELECT id, name, email, phone, locale, created_at FROM guests WHERE id = ?`, id).
		Scan(&g.ID, &g.Name, &g.Email, &g.Phone, &g.Locale, &created)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return user.Guest{}, user.ErrNotFound
	case err != nil:
		return user.Guest{}, err
	}
	g.CreatedAt = sqlitedb.FromTime(created)
	return g, nil
}

// Prune implements user.Guests.
func (s *Guests) Prune(ctx context.Context, before time.Time) error {
	return s.db.Sweep(ctx, `DELETE FROM guests WHERE id IN (SELECT id FROM guests WHERE created_at < ? LIMIT ?)`, sqlitedb.Time(before), sqlitedb.Piece)
}
