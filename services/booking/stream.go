package booking

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// stream reads pages as one sequence.
type stream[T any] struct {
	read  func(ctx context.Context, after string, limit int) ([]T, error)
	id    func(T) string
	after string
	page  []T
	end   bool
}

// peek returns what comes next, or false at the end.
func (s *stream[T]) peek(ctx context.Context) (v T, more bool, err error) {
	if len(s.page) == 0 && !s.end {
		if s.page, err = s.read(ctx, s.after, reconcilePage); err != nil {
			return v, false, err
		}
		if len(s.page) == 0 {
			s.end = true
		} else {
			s.after = s.id(s.page[len(s.page)-1])
		}
	}
	if s.end {
		return v, false, nil
	}
	return s.page[0], true, nil
}

func (s *stream[T]) next() { s.page = s.page[1:] }

// firstID is before every UUIDv7 made at that time or later.
func firstID(at time.Time) string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(max(at.UnixMilli(), 0))<<16)
	return id.String()
}

// madeAt is when a UUIDv7 was made.
func madeAt(id uuid.UUID) time.Time {
	return time.Unix(id.Time().UnixTime())
}
