package booking

import (
	"context"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/services/internal/retry"
)

// StuckBookings are the bookings that recovery has set aside, because driving one
// panicked or its row cannot be read.
// bookingtest.TestStuckBookings holds every promise made here.
type StuckBookings interface {
	// SetAside gives up the booking that is driven by lease, for the reason
	// that s gives. It reads nothing else of the booking.
	//   - Claim does not return the booking before s.RetryAt.
	//   - If lease is not the booking's, it is ErrLeaseLost and nothing changes.
	//   - So it is if lease is "" and the booking is set aside already.
	SetAside(ctx context.Context, id, lease string, s Stuck) error
	// Stuck returns up to limit bookings that are set aside, by their ids, after
	// the one with the id after.
	//   - A booking is listed until somebody has changed it by Store.Update.
	Stuck(ctx context.Context, after string, limit int) ([]StuckBooking, error)
	// RetryStuck makes a booking that is set aside due at now.
	//   - A booking that is being driven keeps its lease.
	//   - ErrNotFound if it is not set aside.
	RetryStuck(ctx context.Context, id string, now time.Time) error
}

// Stuck says why a booking is set aside, since when and until when.
type Stuck struct {
	Error   string
	Since   time.Time
	RetryAt time.Time
}

// StuckBooking is a booking that is set aside, as far as it can always be read.
type StuckBooking struct {
	ID      string
	EventID string
	Status  Status
	Tries   int
	Stuck
}

var stuckPauses = retry.Pauses{First: 10 * time.Second, Limit: 15 * time.Minute}

// StuckPause is how long a booking is set aside after so many tries.
func StuckPause(tries int) time.Duration { return stuckPauses.After(tries) }

// SetAside is why and until when a booking is set aside at now, after so many
// tries.
func SetAside(cause error, tries int, now time.Time) Stuck {
	text := strings.ToValidUTF8(strings.ReplaceAll(cause.Error(), "\x00", ""), "\uFFFD") // what every store takes
	return Stuck{Error: text, Since: now, RetryAt: now.Add(StuckPause(tries))}
}

// Stuck returns up to limit bookings that are set aside, by their ids, after
// the one with the id after, to an admin: ErrForbidden.
func (s *Service) Stuck(ctx context.Context, caller identity.Caller, after string, limit int) ([]StuckBooking, error) {
	if !caller.IsAdmin() {
		return nil, ErrForbidden
	}
	return s.StuckBookings.Stuck(ctx, after, limit)
}

// RetryStuck lets recovery try a booking that is set aside at once, for an
// admin. ErrForbidden, ErrNotFound.
func (s *Service) RetryStuck(ctx context.Context, caller identity.Caller, id string) error {
	if !caller.IsAdmin() {
		return ErrForbidden
	}
	if err := s.StuckBookings.RetryStuck(ctx, id, s.now()); err != nil {
		return err
	}
	s.Log.InfoContext(ctx, "a booking that was set aside is tried again", "booking_id", id, "by", caller.UserID)
	s.wakeUp()
	return nil
}
