package storage

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrBusy says that too much else is being searched or listed, or that a search
// takes too long. It is ErrUnavailable, but says nothing of the database.
var ErrBusy = fmt.Errorf("%w: there are too many searches and lists", ErrUnavailable)

const (
	// patience is how long a read waits for a place in its lane.
	patience = 500 * time.Millisecond

	// LaneLimit is how long a read in a lane may take once it has its place.
	LaneLimit = 2 * time.Second

	// LaneTimeout is when a read in a lane has its answer. It is less than any
	// caller waits: an expensive question is refused, and does not look like a
	// service that hangs.
	LaneTimeout = patience + LaneLimit
)

// Lane keeps reads whose cost depends on what there is, such as lists, searches
// and reports, apart from reads by key: few of them run at a time, and each for
// a limited time.
type Lane struct{ places chan struct{} }

// NewLane returns a lane for that many reads at a time.
func NewLane(places int) *Lane { return &Lane{make(chan struct{}, places)} }

// Do runs read when there is a place. ErrBusy means that none became free in
// time, or that read was ended because it took too long. If ctx ends first, the
// error is that of ctx.
func (l *Lane) Do(ctx context.Context, read func(ctx context.Context) error) error {
	select {
	case l.places <- struct{}{}:
	default:
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case l.places <- struct{}{}:
		case <-timer.C:
			return ErrBusy
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() { <-l.places }()
	limited, cancel := context.WithTimeout(ctx, LaneLimit)
	defer cancel()
	err := read(limited)
	if err != nil && ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}
