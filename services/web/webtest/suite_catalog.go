package webtest

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/web"
)

// TestCatalog is the contract of web.Catalog.
func TestCatalog(t *testing.T, open func(t *testing.T) World) {
	run(t, open, []subtest{
		{"every part of the query leaves out what does not match", catalogQuery},
		{"events that are over are left out", catalogOver},
		{"cancelled events are listed", catalogListsCancelled},
		{"the pages together neither repeat nor skip an event", catalogPages},
		{"a cursor that the platform did not give out is refused", catalogCursor},
		{"an event is returned whole", catalogWhole},
		{"cancelled events are returned", catalogCancelled},
		{"times are in the event's zone", catalogZone},
		{"each ticket type says whether it can be booked now", catalogStates},
		{"each width of a picture is one to ask for", catalogImage},
		{"an event without a picture has none", func(t *testing.T, w World) {
			_, err := w.Image(t.Context(), visitor(), w.AddEvent(t, Concert(2500, 5)).ID, 480)
			wantErr(t, err, web.ErrNotFound)
		}},
		{"an id that is none is not found", func(t *testing.T, w World) {
			noID(t, visitor(), func(ctx context.Context, by web.Caller, id string) error {
				_, err := w.Event(ctx, by, id)
				return err
			}, "Event")
			noID(t, visitor(), func(ctx context.Context, by web.Caller, id string) error {
				_, err := w.Image(ctx, by, id, 480)
				return err
			}, "Image")
		}},
		{"a call ends with its context", func(t *testing.T, w World) {
			id := w.AddEvent(t, Concert(2500, 5)).ID
			ends(t, visitor(), asked{
				"Events": func(ctx context.Context, by web.Caller) error {
					_, err := w.Events(ctx, by, web.EventQuery{})
					return err
				},
				"Event": func(ctx context.Context, by web.Caller) error { _, err := w.Event(ctx, by, id); return err },
				"Image": func(ctx context.Context, by web.Caller) error { _, err := w.Image(ctx, by, id, 480); return err },
			})
		}},
	})
}

func (w World) list(t *testing.T, q web.EventQuery) []web.Event {
	t.Helper()
	page, err := w.Events(t.Context(), visitor(), q)
	must(t, err)
	return page.Events
}

func (w World) wantListed(t *testing.T, what string, q web.EventQuery, id string, want bool) {
	t.Helper()
	if got := slices.ContainsFunc(w.list(t, q), func(e web.Event) bool { return e.ID == id }); got != want {
		t.Errorf("%s: listed is %v, want %v", what, got, want)
	}
}

func catalogQuery(t *testing.T, w World) {
	e := Concert(2500, 5)
	word, city, category := "wort"+newID()[24:], "Stadt "+newID(), "art "+newID()
	e.Title, e.Venue.City, e.Category = "Ein "+word, city, category
	e = w.AddEvent(t, e)
	dearest := eur(2500)
	all := web.EventQuery{Text: word, City: city, Category: category, Month: e.StartsAt.Format("2006-01"), PriceMax: &dearest}
	w.wantListed(t, "all that it has", all, e.ID, true)
	for what, change := range map[string]func(q *web.EventQuery){
		"another word":     func(q *web.EventQuery) { q.Text += " anders" },
		"another city":     func(q *web.EventQuery) { q.City = "Berlin" },
		"another category": func(q *web.EventQuery) { q.Category = "music" },
		"another month":    func(q *web.EventQuery) { q.Month = e.StartsAt.AddDate(0, 2, 0).Format("2006-01") },
		"a lower price":    func(q *web.EventQuery) { cheaper := eur(2499); q.PriceMax = &cheaper },
		"a later time":     func(q *web.EventQuery) { q.From = e.EndsAt.Add(time.Second) },
	} {
		q := all
		change(&q)
		w.wantListed(t, what, q, e.ID, false)
	}
}

func catalogOver(t *testing.T, w World) {
	e := Concert(2500, 5)
	e.Venue.City = "Stadt " + newID()
	e = w.AddEvent(t, e)
	w.wantListed(t, "before it begins", web.EventQuery{City: e.Venue.City, From: e.StartsAt.Add(-time.Second)}, e.ID, true)
	w.wantListed(t, "when it is over", web.EventQuery{City: e.Venue.City, From: e.EndsAt.Add(time.Second)}, e.ID, false)
}

func catalogListsCancelled(t *testing.T, w World) {
	e := Concert(2500, 5)
	e.Venue.City = "Stadt " + newID()
	e = w.AddEvent(t, e)
	w.CancelEvent(t, e.ID)
	found := w.list(t, web.EventQuery{City: e.Venue.City})
	if len(found) != 1 || found[0].Status != web.Cancelled {
		t.Errorf("the list has %d events, want the cancelled one", len(found))
	}
}

func catalogPages(t *testing.T, w World) {
	city := "Stadt " + newID()
	var want []string
	for i := range 5 {
		e := Concert(2500, 5)
		e.Venue.City = city
		e.StartsAt = e.StartsAt.Add(time.Duration(i/2) * time.Hour) // two at a time
		e.EndsAt = e.EndsAt.Add(time.Duration(i/2) * time.Hour)
		want = append(want, w.AddEvent(t, e).ID)
	}
	var got []string
	var last time.Time
	for q := (web.EventQuery{City: city, Limit: 2}); ; {
		page, err := w.Events(t.Context(), visitor(), q)
		must(t, err)
		if len(page.Events) > 2 {
			t.Errorf("a page has %d events, want 2 at most", len(page.Events))
		}
		for _, e := range page.Events {
			if e.StartsAt.Before(last) {
				t.Errorf("an event of %s comes after one of %s", e.StartsAt, last)
			}
			last, got = e.StartsAt, append(got, e.ID)
		}
		if q.Cursor = page.Next; q.Cursor == "" || len(got) > len(want) {
			break
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the pages have %d events, want each of the %d once", len(got), len(want))
	}
}

func catalogCursor(t *testing.T, w World) {
	for _, cursor := range []string{"x", "%%%", "eyJ9"} {
		_, err := w.Events(t.Context(), visitor(), web.EventQuery{Cursor: cursor})
		wantRefusal(t, err, "invalid_cursor")
	}
}

func catalogWhole(t *testing.T, w World) {
	want := Concert(2500, 5)
	want.DoorsAt = want.StartsAt.Add(-time.Hour)
	want.TicketTypes = append(want.TicketTypes, web.TicketType{Name: "Frei", Price: eur(0), Capacity: 3, Available: 3})
	added := w.AddEvent(t, want)
	got, err := w.Event(t.Context(), visitor(), added.ID)
	must(t, err)
	for what, same := range map[string]bool{
		"title":         got.Title == want.Title,
		"description":   got.Description == want.Description,
		"category":      got.Category == want.Category,
		"status":        got.Status == web.Published,
		"start":         got.StartsAt.Equal(want.StartsAt),
		"end":           got.EndsAt.Equal(want.EndsAt),
		"doors":         got.DoorsAt.Equal(want.DoorsAt),
		"venue":         got.Venue == want.Venue,
		"organizer":     got.OrganizerID != "",
		"limit":         got.MaxPerBooking == want.MaxPerBooking,
		"transfers":     got.Transfers == want.Transfers,
		"policy":        got.CancellationPolicy == want.CancellationPolicy,
		"last edit":     !got.UpdatedAt.IsZero(),
		"ticket types":  len(got.TicketTypes) == 2,
		"image":         got.Image == nil,
		"the same list": slices.ContainsFunc(w.list(t, web.EventQuery{Text: want.Title[len(want.Title)-12:]}), func(e web.Event) bool { return e.ID == got.ID }),
	} {
		if !same {
			t.Errorf("its %s is another: %+v", what, got)
		}
	}
	for i, kind := range got.TicketTypes {
		if w := want.TicketTypes[i]; kind.ID == "" || kind.Name != w.Name || kind.Price != w.Price || kind.Capacity != w.Capacity || kind.Available != w.Available {
			t.Errorf("a ticket type is %+v, want %+v", kind, w)
		}
	}
}

func catalogCancelled(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 5))
	w.CancelEvent(t, e.ID)
	got, err := w.Event(t.Context(), visitor(), e.ID)
	must(t, err)
	if got.Status != web.Cancelled {
		t.Errorf("it is %s, want CANCELLED", got.Status)
	}
	if state := got.TicketTypes[0].State; state != web.NoneSold {
		t.Errorf("its tickets are %q, want none sold", state)
	}
}

func catalogZone(t *testing.T, w World) {
	e := Concert(2500, 5)
	e.Zone = zone("Asia/Tokyo")
	e.DoorsAt = e.StartsAt.Add(-time.Hour)
	e = w.AddEvent(t, e)
	got, err := w.Event(t.Context(), visitor(), e.ID)
	must(t, err)
	for what, at := range map[string]time.Time{"start": got.StartsAt, "end": got.EndsAt, "doors": got.DoorsAt} {
		if at.Location().String() != "Asia/Tokyo" {
			t.Errorf("the %s is in %s, want Asia/Tokyo", what, at.Location())
		}
	}
	if got.Zone == nil || got.Zone.String() != "Asia/Tokyo" {
		t.Errorf("the zone is %v, want Asia/Tokyo", got.Zone)
	}
}

func catalogStates(t *testing.T, w World) {
	e := w.AddEvent(t, Concert(2500, 2))
	if e.TicketTypes[0].State != web.OnSale {
		t.Errorf("it is %q, want on sale", e.TicketTypes[0].State)
	}
	w.begin(t, w.guest(t), e, 2)
	e, err := w.Event(t.Context(), visitor(), e.ID)
	must(t, err)
	if e.TicketTypes[0].State != web.SoldOut || e.TicketTypes[0].Available != 0 {
		t.Errorf("all held, it is %q with %d left", e.TicketTypes[0].State, e.TicketTypes[0].Available)
	}
}

func catalogImage(t *testing.T, w World) {
	id := w.AddEvent(t, Concert(2500, 5)).ID
	w.AddImage(t, id)
	e, err := w.Event(t.Context(), visitor(), id)
	must(t, err)
	if i := e.Image; i == nil || i.Tag == "" || len(i.Widths) == 0 || !slices.IsSorted(i.Widths) || i.Widths[len(i.Widths)-1] != i.Width || i.Height < 1 {
		t.Fatalf("the picture is %+v", i)
	}
	for _, width := range e.Image.Widths {
		d, err := w.Image(t.Context(), visitor(), id, width)
		must(t, err)
		if picture := read(t, d); d.ContentType != "image/jpeg" || d.ETag == "" || !strings.HasPrefix(picture, "\xff\xd8") {
			t.Errorf("in %d pixels it is %s %s", width, d.ContentType, d.ETag)
		}
	}
	_, err = w.Image(t.Context(), visitor(), id, e.Image.Width+1)
	wantErr(t, err, web.ErrNotFound)
}

func read(t *testing.T, d web.Document) string {
	t.Helper()
	defer func() { must(t, d.Body.Close()) }()
	b, err := io.ReadAll(d.Body)
	must(t, err)
	if d.Size >= 0 && d.Size != int64(len(b)) {
		t.Errorf("it has %d bytes, and says %d", len(b), d.Size)
	}
	return string(b)
}
