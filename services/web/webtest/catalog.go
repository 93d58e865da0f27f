package webtest

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/jpeg"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/services/web"
)

// AddEvent adds an event, or replaces the one with its id. Without an id it gets
// one. What it does not say is filled in: a zone, a policy, a limit, the ids of its
// ticket types. The state of a ticket type follows from its times and from what is
// left, whatever it says.
func (p *Platform) AddEvent(e web.Event) web.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.ID == "" {
		e.ID = newID()
	}
	if e.OrganizerID == "" {
		e.OrganizerID = newID()
	}
	if e.Zone == nil {
		e.Zone = time.UTC
	}
	if e.UpdatedAt.IsZero() {
		e.UpdatedAt = p.clock()
	}
	e.Status = cmp.Or(e.Status, web.Published)
	e.MaxPerBooking = cmp.Or(e.MaxPerBooking, 20)
	e.TicketTypes = slices.Clone(e.TicketTypes)
	for i := range e.TicketTypes {
		e.TicketTypes[i].ID = cmp.Or(e.TicketTypes[i].ID, newID())
	}
	p.events[e.ID] = &e
	return p.shown(&e)
}

// ChangeEvent changes an event.
func (p *Platform) ChangeEvent(id string, change func(e *web.Event)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p.events[id])
}

// CancelEvent is what an organizer does: bookings of the event are cancelled, and
// their money goes back.
func (p *Platform) CancelEvent(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events[id].Status = web.Cancelled
	for _, b := range p.bookings {
		if b.EventID != id {
			continue
		}
		switch b.Status {
		case web.Pending:
			p.end(b, "event_cancelled")
		case web.Confirmed:
			b.Reason = "event_cancelled"
			p.giveBack(b, b.valid(), true)
		}
	}
}

// shown is a copy of e as it is now.
func (p *Platform) shown(e *web.Event) web.Event {
	out := *e
	out.StartsAt, out.EndsAt = e.StartsAt.In(e.Zone), e.EndsAt.In(e.Zone)
	if !e.DoorsAt.IsZero() {
		out.DoorsAt = e.DoorsAt.In(e.Zone)
	}
	out.TicketTypes = slices.Clone(e.TicketTypes)
	for i := range out.TicketTypes {
		t := &out.TicketTypes[i]
		t.State = p.state(e, *t)
		if !t.SalesFrom.IsZero() {
			t.SalesFrom = t.SalesFrom.In(e.Zone)
		}
		if !t.SalesUntil.IsZero() {
			t.SalesUntil = t.SalesUntil.In(e.Zone)
		}
	}
	return out
}

func (p *Platform) state(e *web.Event, t web.TicketType) web.SaleState {
	now := p.clock()
	switch {
	case e.Status == web.Cancelled:
		return web.NoneSold
	case !now.Before(e.StartsAt) && t.SalesUntil.IsZero(), !t.SalesUntil.IsZero() && !now.Before(t.SalesUntil):
		return web.Closed
	case now.Before(t.SalesFrom):
		return web.NotYet
	case t.Available == 0:
		return web.SoldOut
	}
	return web.OnSale
}

// Events implements web.Catalog. Words are found anywhere, by their letters alone.
func (p *Platform) Events(ctx context.Context, by web.Caller, q web.EventQuery) (web.EventPage, error) {
	return ask(ctx, p, Call{Method: "Events", By: by}, func() (page web.EventPage, err error) {
		if q.From.IsZero() {
			q.From = p.clock()
		}
		var found []web.Event
		for _, e := range p.events {
			if matches(e, q) {
				found = append(found, p.shown(e))
			}
		}
		slices.SortFunc(found, func(a, b web.Event) int {
			return cmp.Or(a.StartsAt.Compare(b.StartsAt), cmp.Compare(a.ID, b.ID))
		})
		if q.Cursor != "" {
			at, id, ok := strings.Cut(q.Cursor, "~")
			after, err := time.Parse(time.RFC3339Nano, at)
			if !ok || err != nil {
				return page, refuse("invalid_cursor", "The cursor is not one that this list gave out.")
			}
			found = slices.DeleteFunc(found, func(e web.Event) bool {
				return cmp.Or(e.StartsAt.Compare(after), cmp.Compare(e.ID, id)) <= 0
			})
		}
		limit := cmp.Or(q.Limit, 20)
		if len(found) > limit {
			found = found[:limit]
			last := found[limit-1]
			page.Next = last.StartsAt.UTC().Format(time.RFC3339Nano) + "~" + last.ID
		}
		page.Events = found
		return page, nil
	})
}

func matches(e *web.Event, q web.EventQuery) bool {
	all := strings.ToLower(strings.Join([]string{e.Title, e.Summary, e.Description, e.Category, e.Venue.Name, e.Venue.City}, " "))
	for _, word := range strings.Fields(strings.ToLower(q.Text)) {
		if !strings.Contains(all, word) {
			return false
		}
	}
	cheapest := func() bool {
		return slices.ContainsFunc(e.TicketTypes, func(t web.TicketType) bool {
			return t.Price.Currency == q.PriceMax.Currency && t.Price.AmountMinor <= q.PriceMax.AmountMinor
		})
	}
	return e.EndsAt.After(q.From) &&
		(q.Category == "" || strings.EqualFold(e.Category, q.Category)) &&
		(q.City == "" || strings.EqualFold(e.Venue.City, q.City)) &&
		(q.Month == "" || e.StartsAt.In(e.Zone).Format("2006-01") == q.Month) &&
		(q.PriceMax == nil || cheapest())
}

// Event implements web.Catalog.
func (p *Platform) Event(ctx context.Context, by web.Caller, id string) (web.Event, error) {
	return ask(ctx, p, Call{Method: "Event", By: by}, func() (web.Event, error) {
		e, ok := p.events[id]
		if !ok {
			return web.Event{}, web.ErrNotFound
		}
		return p.shown(e), nil
	})
}

// Image implements web.Catalog. The picture is black.
func (p *Platform) Image(ctx context.Context, by web.Caller, id string, width int) (web.Document, error) {
	return ask(ctx, p, Call{Method: "Image", By: by}, func() (web.Document, error) {
		e, ok := p.events[id]
		if !ok || e.Image == nil || !slices.Contains(e.Image.Widths, width) {
			return web.Document{}, web.ErrNotFound
		}
		picture := image.NewGray(image.Rect(0, 0, width, max(1, width*e.Image.Height/max(1, e.Image.Width))))
		var out bytes.Buffer
		if err := jpeg.Encode(&out, picture, nil); err != nil {
			return web.Document{}, err
		}
		return document("image/jpeg", out.String(), `"`+e.Image.Tag+"."+strconv.Itoa(width)+`"`), nil
	})
}

func document(contentType, body, etag string) web.Document {
	return web.Document{Body: io.NopCloser(strings.NewReader(body)), ContentType: contentType, ETag: etag, Size: int64(len(body))}
}
