package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
	"github.com/openboxoffice/boxoffice/services/user"
)

// Guests is a user.Guests.
type Guests struct{ db *postgresdb.DB }

var _ user.Guests = (*Guests)(nil)

// Create implements user.Guests.
func (s *Guests) Create(ctx context.Context, g user.Guest) error {
	return s.db.Write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO guests (id, name, email, phone, locale, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			g.ID, g.Name, g.Email, g.Phone, g.Locale, g.CreatedAt)
		return err
	})
}

// Get implements user.Guests.
func (s *Guests) Get(ctx context.Context, id string) (g user.Guest, err error) {
	err = s.db.Read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT id, name, email, phone, locale, created_at FROM guests WHERE id = $1`, id).
			Scan(&g.ID, &g.Name, &g.Email, &g.Phone, &g.Locale, &g.CreatedAt)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows), postgresdb.IsNoText(err):
		return user.Guest{}, user.ErrNotFound
	case err != nil:
		return user.Guest{}, err
	}
	return g, nil
}

// Prune implements user.Guests.
func (s *Guests) Prune(ctx context.Context, before time.Time) error {
	return s.db.Sweep(ctx, `
		DELETE FROM guests WHERE id = ANY (ARRAY(
			SELECT id FROM guests WHERE created_at < $1 LIMIT 1000 FOR UPDATE SKIP LOCKED))`, before)
}
