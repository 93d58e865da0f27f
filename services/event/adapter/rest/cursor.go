package rest

import (
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// cursor is the last event of a page: its place in the order Sort.
type cursor struct {
	Sort     string `json:"s"`
	StartsAt int64  `json:"t"` // microseconds since 1970
	TitleKey string `json:"k,omitempty"`
	ID       string `json:"i"`
}

func cursorOf(p event.Position, sort event.Sort) cursor {
	c := cursor{Sort: string(sort), ID: p.ID}
	if sort == event.ByTitle {
		c.TitleKey = p.TitleKey
	} else {
		c.StartsAt = p.StartsAt.UnixMicro()
	}
	return c
}

// decodeCursor returns the position in s, nil where s is empty, or the answer
// to a cursor that is none, or of another order.
func decodeCursor(s string, sort event.Sort) (*event.Position, error) {
	if s == "" {
		return nil, nil
	}
	var c cursor
	if err := httpkit.DecodeCursor(s, &c); err != nil {
		return nil, err
	}
	if c.Sort != string(sort) || uuid.Validate(c.ID) != nil {
		return nil, httpkit.ErrCursor()
	}
	return &event.Position{StartsAt: time.UnixMicro(c.StartsAt).UTC(), TitleKey: c.TitleKey, ID: c.ID}, nil
}
