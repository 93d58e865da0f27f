package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/contracts/text"
)

// MaxNote is how many characters an organizer may say about a cancellation.
const MaxNote = 500

// Cancellation is what has become of a cancelled event's bookings.
type Cancellation struct {
	EventID     string
	CancelledAt time.Time
	Note        string

	// Told says that booking has heard of it. Before that nothing is known of
	// the Progress.
	Told     bool
	Progress Progress
}

// Progress is how far the bookings of an event are cancelled.
type Progress struct {
	Pending, Confirmed, Cancelling, Cancelled int // bookings in this state
	RefundsDue                                int // refunds that the operator has to see to
	// Done says that none is left that has to be cancelled.
	Done bool
}

// Cancel calls the event off, also after its start: no ticket is sold any more,
// and each of its bookings is going to be cancelled and refunded in full, by
// booking, which hears of it by the message that is stored with the change.
// note is what the customers are told. An event of somebody else's is
// ErrForbidden. One that is cancelled already stays as it is, and is returned.
// match is as in Update.
func (s *Service) Cancel(ctx context.Context, caller identity.Caller, id string, match func(version int64) bool, note string) (*Event, error) {
	id, ok := canonical(id)
	if !ok {
		return nil, ErrEventNotFound
	}
	note, err := tidyNote(note)
	if err != nil {
		return nil, err
	}
	now, messageID, trace := s.Now(), newID(), s.traceParent(ctx)
	var before *Event
	e, err := s.store.Cancel(ctx, id, func(e *Event) (events.Message, error) {
		if err := mayEdit(caller, e, match); err != nil {
			return events.Message{}, err
		}
		if e.Status == Cancelled {
			before = e
			return events.Message{}, ErrEventCancelled
		}
		e.Status, e.CancelledAt, e.CancellationNote, e.UpdatedAt = Cancelled, now, note, now
		data, err := json.Marshal(events.EventCancelled{
			Event: e.Snapshot(), Version: e.Version + 1, By: caller.UserID, Note: note, OccurredAt: now,
		})
		if err != nil {
			return events.Message{}, err
		}
		return events.Message{
			SpecVersion: events.SpecVersion, ID: messageID, Source: "event", Type: events.TypeEventCancelled,
			Subject: e.ID, Time: now, DataContentType: "application/json", TraceParent: trace, Data: data,
		}, nil
	})
	if errors.Is(err, ErrEventCancelled) {
		return before, nil
	}
	if err != nil {
		return nil, err
	}
	s.committed()
	return e, nil
}

// Cancellation says how far the bookings of a cancelled event are cancelled:
// ErrEventNotFound, ErrForbidden, or ErrNotCancelled. ErrBookingUnavailable
// where booking does not answer.
func (s *Service) Cancellation(ctx context.Context, caller identity.Caller, id string) (Cancellation, error) {
	e, err := s.Get(ctx, id)
	if err != nil {
		return Cancellation{}, err
	}
	if !caller.Owns(e.OrganizerID) {
		return Cancellation{}, ErrForbidden
	}
	if e.Status != Cancelled {
		return Cancellation{}, ErrNotCancelled
	}
	c := Cancellation{EventID: e.ID, CancelledAt: e.CancelledAt, Note: e.CancellationNote}
	switch c.Progress, err = s.bookings.Progress(ctx, e.ID); {
	case errors.Is(err, ErrNotTold):
		return c, nil
	case err != nil:
		return Cancellation{}, err
	}
	c.Told = true
	return c, nil
}

// tidyNote cuts what surrounds the note, and makes its line ends one kind. It
// goes into mails: a control character has no place there.
func tidyNote(note string) (string, error) {
	note = strings.TrimSpace(strings.ReplaceAll(note, "\r\n", "\n"))
	var v validation
	v.check(utf8.RuneCountInString(note) <= MaxNote, "note", fmt.Sprintf("must have at most %d characters", MaxNote))
	v.check(text.IsLine(strings.ReplaceAll(note, "\n", "")),
		"note", "must be text without control characters but line breaks")
	if len(v) > 0 {
		return "", problem.Invalid(v)
	}
	if !text.IsVisible(note) {
		note = ""
	}
	return note, nil
}
