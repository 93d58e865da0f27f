package booking

import (
	"context"
	"time"
)

// CancelledEvents is what is known of events that were cancelled.
// bookingtest.TestCancelledEvents holds every promise made here.
type CancelledEvents interface {
	// RecordCancelled stores that the event is cancelled and that the message
	// messageID was heard, together or not at all. Once it has returned no
	// booking of the event becomes Confirmed any more. A message heard before
	// changes nothing, and of two messages about one event the first stands.
	//   - Pending bookings of the event that nobody drives are due at once.
	RecordCancelled(ctx context.Context, messageID string, e CancelledEvent) error
	// CancelledEvent returns what was recorded, or ErrEventNotFound.
	CancelledEvent(ctx context.Context, eventID string) (CancelledEvent, error)
	// Progress counts what has become of the event's bookings, or is
	// ErrEventNotFound where no cancellation is recorded.
	Progress(ctx context.Context, eventID string) (CancellationProgress, error)
}

// CancelledEvent is an event that was cancelled.
type CancelledEvent struct {
	EventID    string
	Title      string
	By         string    // the id of the user who cancelled it
	Note       string    // the organizer's
	OccurredAt time.Time // when the organizer did it
	RecordedAt time.Time // when it was heard
}

// CancellationProgress is how far the cancellation of an event's bookings has
// come.
type CancellationProgress struct {
	CancelledEvent
	Pending    int // still in the making; each will fail
	Confirmed  int // not begun with
	Cancelling int // those included whose fee has yet to go back
	Cancelled  int
	RefundsDue int // refused by the payment provider: the operator has to see to them
}

// Done reports whether every booking is cancelled and no refund is due.
func (p CancellationProgress) Done() bool {
	return p.Pending+p.Confirmed+p.Cancelling+p.RefundsDue == 0
}
