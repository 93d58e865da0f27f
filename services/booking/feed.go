package booking

import "context"

// TicketsOfEvent returns a page of the bookings of an event that are or were Confirmed, without
// their timelines, by their ids, after the one with the id after; and the id after
// which the next page begins, "" where there is none. It leaves out those that cannot
// be read, and sets them aside for an admin. A booking that is confirmed meanwhile may
// be on no page: a message tells of it.
func (s *Service) TicketsOfEvent(ctx context.Context, eventID, after string, limit int) (page []Booking, next string, err error) {
	found, err := s.Store.OfEvent(ctx, eventID, after, limit)
	if err != nil {
		return nil, "", err
	}
	for _, b := range found {
		if b.Unreadable != nil {
			s.setUnreadableAside(ctx, b)
			continue
		}
		page = append(page, b)
	}
	if len(found) == limit {
		next = found[len(found)-1].ID
	}
	return page, next, nil
}
