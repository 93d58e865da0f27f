package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/openboxoffice/boxoffice/services/event"
)

// imageRow is events.image.
type imageRow struct {
	ETag   string `json:"etag"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Color  string `json:"color"`
	Widths []int  `json:"widths"`
}

// SetImage implements event.Store.
func (s *Store) SetImage(ctx context.Context, id string, edit func(*event.Event) error, p *event.Picture) (*event.Event, error) {
	return s.update(ctx, id, edit, func(tx *sql.Tx, next *event.Event) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM images WHERE event_id = ?`, id); err != nil {
			return err
		}
		next.Image = nil
		image := []byte{}
		if p != nil {
			next.Image = new(p.Image)
			var err error
			if image, err = json.Marshal(imageRow(p.Image)); err != nil {
				return err
			}
			for i, width := range p.Widths {
				if _, err := tx.ExecContext(ctx, `INSERT INTO images (event_id, width, etag, jpeg) VALUES (?, ?, ?, ?)`,
					id, width, p.ETag, p.JPEG[i]); err != nil {
					return err
				}
			}
		}
		_, err := tx.ExecContext(ctx, `UPDATE events SET image = ? WHERE id = ?`, string(image), id)
		return err
	})
}

// Rendition implements event.Store.
func (s *Store) Rendition(ctx context.Context, id string, width int) (*event.Rendition, error) {
	var r event.Rendition
	err := s.db.Brief(ctx, func(ctx context.Context, c *sql.Conn) error {
		err := c.QueryRowContext(ctx, `SELECT etag, jpeg FROM images WHERE event_id = ? AND width = ?`, id, width).Scan(&r.ETag, &r.JPEG)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		var there bool
		if err := c.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM events WHERE id = ?)`, id).Scan(&there); err != nil {
			return err
		}
		if !there {
			return event.ErrEventNotFound
		}
		return event.ErrImageNotFound
	})
	if err != nil {
		return nil, err
	}
	return &r, nil
}
