package booking

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
)

// HandleEvent has the effect of an event.* message, exactly once for each
// message id: of a cancelled event no booking is confirmed any more, and those
// that are will be cancelled and refunded in full, one by one, by recovery. A
// message of another type is ErrUnknownType, and one that nobody can understand
// is ErrMalformed.
func (s *Service) HandleEvent(ctx context.Context, m events.Message) error {
	if m.Type != events.TypeEventCancelled {
		return fmt.Errorf("%w: %q", ErrUnknownType, m.Type)
	}
	var e events.EventCancelled
	if err := json.Unmarshal(m.Data, &e); err != nil {
		return fmt.Errorf("%w: the data is no cancelled event", ErrMalformed)
	}
	id, err := uuid.Parse(e.Event.ID)
	if err != nil || m.ID == "" {
		return fmt.Errorf("%w: the ids are none", ErrMalformed)
	}
	if e.OccurredAt.IsZero() {
		e.OccurredAt = m.Time
	}
	if err := s.CancelledEvents.RecordCancelled(ctx, m.ID, CancelledEvent{
		EventID: id.String(), Title: e.Event.Title, By: e.By, Note: e.Note, OccurredAt: e.OccurredAt, RecordedAt: s.now(),
	}); err != nil {
		return err
	}
	s.wakeUp()
	return nil
}

// tell puts a message about b, as it is after this change, into the outbox: of
// the cancellation c, unless it is nil.
func (g *saga) tell(b *Booking, kind string, c *events.Cancellation) error {
	return b.tell(kind, c, g.note, g.trace)
}

func (b *Booking) tell(kind string, c *events.Cancellation, note, trace string) error {
	return b.tellWith(kind, trace, func(m *events.Booking) {
		m.Cancellation, m.Note = c, note
		if c != nil {
			m.Refunded = c.Refund
		}
	})
}

// tellWith is tell, with what add says besides.
func (b *Booking) tellWith(kind, trace string, add func(*events.Booking)) error {
	refunded, due := money.Amount{Currency: b.Total.Currency}, false
	if b.Status == Failed {
		for _, r := range b.Refunds { // what it had paid
			refunded, due = r.Amount, r.Status == RefundDue
		}
	}
	event := b.Event
	event.ID = b.EventID // even where nothing else is known of it
	m := events.Booking{
		BookingID: b.ID, Version: b.Version + 1, Attempt: b.Attempt,
		UserID: b.UserID, UserEmail: b.UserEmail, UserName: b.UserName, Contact: b.Contact, LinkVersion: b.LinkVersion, Status: string(b.Status),
		Event: event, Items: b.Items, Tickets: b.TicketList(), Total: b.Total, Refunded: refunded,
		Reason: string(b.Reason), OccurredAt: b.UpdatedAt, Acknowledged: b.Owed,
		RefundDue: due,
	}
	add(&m)
	data, err := json.Marshal(m)
	if err != nil { // a time out of range, say
		return fmt.Errorf("the message about booking %s cannot be written: %w", b.ID, err)
	}
	b.Effects.Messages = append(b.Effects.Messages, events.Message{
		SpecVersion: events.SpecVersion, ID: newID(), Source: "booking", Type: kind, Subject: b.ID,
		Time: b.UpdatedAt, DataContentType: "application/json", TraceParent: trace, Data: data,
	})
	return nil
}

// TicketList is what messages, and their readers, are told of the booking's tickets.
func (b *Booking) TicketList() []events.Ticket {
	all := b.Tickets()
	list := make([]events.Ticket, len(all))
	for i, t := range all {
		list[i] = events.Ticket{
			ID: t.ID, Number: t.Number, TicketTypeID: t.Item.TicketTypeID, Status: string(t.Status),
			Issue: t.Issue, HolderName: t.Holder.Name,
		}
	}
	return list
}
