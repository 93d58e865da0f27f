package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// changed returns d with some fields changed; nil removes one.
func changed(d obj, pairs ...any) obj {
	d = maps.Clone(d)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(d, pairs[i].(string))
		} else {
			d[pairs[i].(string)] = pairs[i+1]
		}
	}
	return d
}

func TestPublishRefusals(t *testing.T) {
	t.Parallel()
	p := shared(t)
	o := p.register(t, organizer)
	valid := draft(10)
	now := time.Now()
	types := func(pairs ...any) []obj { return []obj{changed(valid["ticket_types"].([]obj)[0], pairs...)} }
	for name, d := range map[string]obj{
		"no title":            changed(valid, "title", nil),
		"an empty title":      changed(valid, "title", "  "),
		"a title of lines":    changed(valid, "title", "a\nBcc: b@c.example"),
		"no venue":            changed(valid, "venue", nil),
		"yesterday":           changed(valid, "starts_at", now.Add(-24*time.Hour)),
		"ends first":          changed(valid, "ends_at", now),
		"no such zone":        changed(valid, "time_zone", "Europe/Atlantis"),
		"a zone of a path":    changed(valid, "time_zone", "../../etc/passwd"),
		"no ticket types":     changed(valid, "ticket_types", []obj{}),
		"no capacity":         changed(valid, "ticket_types", types("capacity", 0)),
		"negative capacity":   changed(valid, "ticket_types", types("capacity", -1)),
		"huge capacity":       changed(valid, "ticket_types", types("capacity", 1e18)),
		"negative price":      changed(valid, "ticket_types", types("price", obj{"amount_minor": -1, "currency": "EUR"})),
		"huge price":          changed(valid, "ticket_types", types("price", obj{"amount_minor": int64(1) << 62, "currency": "EUR"})),
		"no such currency":    changed(valid, "ticket_types", types("price", obj{"amount_minor": 1, "currency": "EURO"})),
		"two currencies":      changed(valid, "ticket_types", append(types(), types("name", "b", "price", obj{"amount_minor": 1, "currency": "USD"})...)),
		"two types, one name": changed(valid, "ticket_types", append(types(), types()...)),
		"half a policy":       changed(valid, "cancellation_policy", obj{"free_hours": 48}),
		"a fee of more":       changed(valid, "cancellation_policy", obj{"free_hours": 48, "fee_basis_points": 10_001}),
		"unknown field":       changed(valid, "colour", "red"),
		"a time of words":     changed(valid, "starts_at", "tomorrow"),
	} {
		res := p.call(t, http.MethodPost, gateway, "/events", as(o), body(d))
		if res.refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed); t.Failed() {
			t.Fatal(name)
		}
	}
	p.call(t, http.MethodPost, gateway, "/events", body(valid)).refused(t, http.StatusUnauthorized, problem.Unauthenticated)
}

func TestEventETags(t *testing.T) {
	t.Parallel()
	p := shared(t)
	o, c := p.register(t, organizer), p.register(t, customer)
	e := p.publish(t, o, draft(10))
	path := "/events/" + e.ID
	tag := p.get(t, gateway, path, nil).header.Get("ETag")

	same := p.call(t, http.MethodGet, gateway, path, header("If-None-Match", tag)).want(t, http.StatusNotModified)
	if same.header.Get("ETag") != tag || len(same.body) > 0 {
		t.Errorf("304 with ETag %q and %d bytes", same.header.Get("ETag"), len(same.body))
	}
	p.book(t, c, e, 1)
	sold := p.call(t, http.MethodGet, gateway, path, header("If-None-Match", tag)).want(t, http.StatusOK)
	if sold.header.Get("ETag") == tag {
		t.Error("a sale does not change the ETag")
	}
	// A sale does not disturb the edit of what was read before it.
	put := func(tag, title string) *answer {
		return p.call(t, http.MethodPut, gateway, path, as(o), header("If-Match", tag), body(changed(draft(10), "title", title,
			"ticket_types", []obj{{"id": e.TicketTypes[0].ID, "name": "Type 1", "capacity": 10, "price": e.TicketTypes[0].Price}})))
	}
	next := put(tag, "First").want(t, http.StatusOK).header.Get("ETag")
	put(tag, "Second").refused(t, http.StatusPreconditionFailed, problem.PreconditionFailed)
	put(next, "Third").want(t, http.StatusOK)
	put("*", "Fourth").want(t, http.StatusOK)
	put("nonsense", "Fifth").refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	for _, stale := range []option{header("If-Match", tag), header("If-None-Match", "*")} {
		p.call(t, http.MethodPost, gateway, path+"/cancel", as(o), stale).refused(t, http.StatusPreconditionFailed, problem.PreconditionFailed)
		p.call(t, http.MethodDelete, gateway, path, as(o), stale).refused(t, http.StatusPreconditionFailed, problem.PreconditionFailed)
	}
	p.call(t, http.MethodGet, gateway, path, header("If-Match", tag)).refused(t, http.StatusPreconditionFailed, problem.PreconditionFailed)
	p.call(t, http.MethodGet, gateway, path, header("If-Match", "nonsense")).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	var now event
	p.get(t, gateway, path, &now)
	if now.Status != "PUBLISHED" || now.Title != "Fourth" || now.TicketTypes[0].Available != 9 {
		t.Errorf("after the edits: %+v", now)
	}
}

// PUT takes what GET returned, and ignores in it what is the service's own.
func TestEventRoundTrip(t *testing.T) {
	t.Parallel()
	p := shared(t)
	o := p.register(t, organizer)
	e := p.publish(t, o, draft(10, 20))
	path := "/events/" + e.ID
	got := p.get(t, gateway, path, nil)
	res := p.call(t, http.MethodPut, gateway, path, as(o), content("application/json", got.body)).want(t, http.StatusOK)
	var after event
	if res.into(t, &after); after.UpdatedAt.Before(e.UpdatedAt) {
		t.Errorf("updated at %s, before %s", after.UpdatedAt, e.UpdatedAt)
	}
	after.UpdatedAt = e.UpdatedAt
	if diff := cmp.Diff(e, after); diff != "" {
		t.Errorf("a round trip changes the event:\n%s", diff)
	}
	var v obj
	got.into(t, &v)
	p.call(t, http.MethodPut, gateway, path, as(o), body(changed(v, "status", "CANCELLED", "organizer_id", uuid.NewString(), "id", "x"))).
		want(t, http.StatusOK).into(t, &after)
	if after.Status != "PUBLISHED" || after.OrganizerID != o.id || after.ID != e.ID {
		t.Errorf("a client set what is the service's own: %+v", after)
	}
	p.call(t, http.MethodPut, gateway, path, as(o), body(changed(v, "colour", "red"))).
		refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
}

func TestTicketTypesAndSales(t *testing.T) {
	t.Parallel()
	p := shared(t)
	o, c := p.register(t, organizer), p.register(t, customer)
	e := p.publish(t, o, draft(10, 20))
	path := "/events/" + e.ID
	first := obj{"id": e.TicketTypes[0].ID, "name": "Front", "capacity": 10, "price": e.TicketTypes[0].Price}
	put := func(types ...obj) *answer {
		return p.call(t, http.MethodPut, gateway, path, as(o), body(changed(draft(1), "ticket_types", types)))
	}
	b := p.book(t, c, e, 4)

	var after event
	put(first, obj{"name": "New", "capacity": 5, "price": money.Amount{AmountMinor: 0, Currency: "EUR"}}).want(t, http.StatusOK).into(t, &after)
	if len(after.TicketTypes) != 2 || after.TicketTypes[0].ID != e.TicketTypes[0].ID || after.TicketTypes[0].Name != "Front" ||
		after.TicketTypes[0].Available != 6 || after.TicketTypes[1].ID == e.TicketTypes[1].ID || after.TicketTypes[1].Available != 5 {
		t.Errorf("ticket types after the edit: %+v", after.TicketTypes)
	}
	put(changed(first, "capacity", 4)).want(t, http.StatusOK)
	put(changed(first, "capacity", 3)).refused(t, http.StatusConflict, problem.CapacityBelowSold)
	put(changed(first, "id", nil)).refused(t, http.StatusConflict, problem.TicketTypeInUse)
	put(changed(first, "id", uuid.NewString())).refused(t, http.StatusUnprocessableEntity, problem.TicketTypeNotFound)

	remove := func(by *account) *answer { return p.call(t, http.MethodDelete, gateway, path, as(by)) }
	remove(o).refused(t, http.StatusConflict, problem.EventHasBookings)
	p.call(t, http.MethodPut, gateway, "/bookings/"+b.ID+"/cancel", as(c)).want(t, http.StatusOK)
	remove(o).want(t, http.StatusNoContent)
	p.call(t, http.MethodGet, gateway, path).refused(t, http.StatusNotFound, problem.EventNotFound)
	p.call(t, http.MethodGet, gateway, path+"/availability").refused(t, http.StatusNotFound, problem.EventNotFound)
	remove(o).refused(t, http.StatusNotFound, problem.EventNotFound)
	put(first).refused(t, http.StatusNotFound, problem.EventNotFound)
	p.call(t, http.MethodPost, gateway, "/bookings", as(c), body(obj{"event_id": e.ID, "tickets": 1})).
		refused(t, http.StatusNotFound, problem.EventNotFound)
	// The customer still sees what they had booked.
	if was := p.bookingNow(t, c, b.ID); was.Event == nil || was.Event.Title != e.Title {
		t.Errorf("the booking of a deleted event: %+v", was)
	}
}

func TestEventList(t *testing.T) {
	t.Parallel()
	p := shared(t)
	o := p.register(t, organizer)
	city := "City " + uuid.NewString() // the list is everybody's: these are ours
	const n = 23
	var ids []string
	starts := time.Now().Add(100 * 24 * time.Hour).UTC().Truncate(time.Second)
	for i := range n {
		at := starts.Add(time.Duration(i/2) * time.Hour) // two start at once
		e := p.publish(t, o, changed(draft(5), "title", fmt.Sprintf("Title %c", 'z'-rune(i)), "category", []string{"jazz", "Talk"}[i%2],
			"venue", venue{Name: "Hall", City: city}, "starts_at", at, "ends_at", at.Add(time.Hour)))
		ids = append(ids, e.ID)
	}
	at := "/events?city=" + url.QueryEscape(city)
	idsOf := func(query string) []string {
		var got []string
		for _, e := range wholeList[event](t, p, gateway, at+query) {
			got = append(got, e.ID)
		}
		return got
	}
	reversed := slices.Clone(ids)
	slices.Reverse(reversed)
	for query, want := range map[string][]string{
		"&limit=7":                ids,
		"&sort=starts_at&limit=1": ids,
		"&sort=-starts_at&limit=5&from=" + starts.Format(time.RFC3339): reversed,
		"&sort=title&limit=4":                                 reversed,
		"&to=" + starts.Add(time.Hour).Format(time.RFC3339):   ids[:2],
		"&from=" + starts.Add(time.Hour).Format(time.RFC3339): ids[2:],
		"&q=TITLE+z":  ids[:1],
		"&q=no-such":  nil,
		"&limit=100":  ids,
		"&limit=23":   ids,
		"&sort=title": reversed,
	} {
		if diff := cmp.Diff(want, idsOf(query)); diff != "" && !sameButTies(query, want, idsOf(query)) {
			t.Errorf("%s:\n%s", query, diff)
		}
	}
	if got := idsOf("&category=JAZZ"); len(got) != (n+1)/2 {
		t.Errorf("%d of one category, want %d", len(got), (n+1)/2)
	}

	var page list[event]
	p.get(t, gateway, at+"&limit=3", &page)
	cursor := "&cursor=" + *page.NextCursor
	p.call(t, http.MethodGet, gateway, at+"&sort=title"+cursor).refused(t, http.StatusUnprocessableEntity, problem.InvalidCursor)
	p.call(t, http.MethodGet, gateway, at+cursor+"x").refused(t, http.StatusUnprocessableEntity, problem.InvalidCursor)
	for _, bad := range []string{"&limit=0", "&limit=101", "&limit=-1", "&limit=ten", "&limit=1e3", "&sort=price", "&from=yesterday", "&to=2030"} {
		p.call(t, http.MethodGet, gateway, at+bad).refused(t, http.StatusUnprocessableEntity, problem.ValidationFailed)
	}
}

// sameButTies reports whether two orders by starts_at differ only among those
// that start together: two neighbours each.
func sameButTies(query string, a, b []string) bool {
	if len(a) != len(b) || len(a) < 22 || slices.Contains([]string{"&sort=title", "&sort=title&limit=4"}, query) {
		return false
	}
	for i := range a {
		near := b[max(0, i-1):min(len(b), i+2)]
		if !slices.Contains(near, a[i]) {
			return false
		}
	}
	return true
}

// TestImages: what an organizer uploads through the gateway is what everybody sees there.
func TestImages(t *testing.T) {
	t.Parallel()
	p := shared(t)
	o := p.register(t, organizer)
	e := p.publish(t, o, draft(1))
	at := "/events/" + e.ID + "/image"
	m := image.NewRGBA(image.Rect(0, 0, 1000, 600))
	draw.Draw(m, m.Rect, image.NewUniform(color.RGBA{R: 200, A: 255}), image.Point{}, draw.Src)
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, m, nil); err != nil {
		t.Fatal(err)
	}
	put := func(mediaType string, b []byte) *answer {
		return p.call(t, http.MethodPut, gateway, at, as(o), content(mediaType, b))
	}
	p.call(t, http.MethodGet, gateway, at+"/480").refused(t, http.StatusNotFound, problem.ImageNotFound)
	// More than a megabyte, which no other body may have.
	padded := append(bytes.Clone(photo.Bytes()), make([]byte, 3<<20)...)
	var got struct {
		Image struct {
			ETag   string
			Widths []int
		}
	}
	put("image/jpeg", padded).want(t, http.StatusOK).into(t, &got)
	if fmt.Sprint(got.Image.Widths) != "[480 960]" {
		t.Errorf("the widths are %v", got.Image.Widths)
	}
	for query, cache := range map[string]string{"?v=" + got.Image.ETag: "public, max-age=31536000, immutable", "": "public, no-cache"} {
		a := p.call(t, http.MethodGet, gateway, at+"/960"+query).want(t, http.StatusOK)
		shown, err := jpeg.Decode(bytes.NewReader(a.body))
		if err != nil || shown.Bounds().Dx() != 960 {
			t.Errorf("%q shows no image of 960 pixels: %v", query, err)
		}
		for name, want := range map[string]string{
			"Cache-Control": cache, "Content-Type": "image/jpeg", "X-Content-Type-Options": "nosniff", "ETag": `"` + got.Image.ETag + `"`,
		} {
			if value := a.header.Get(name); value != want {
				t.Errorf("%q: %s is %q, want %q", query, name, value, want)
			}
		}
		p.call(t, http.MethodGet, gateway, at+"/960"+query, header("If-None-Match", a.header.Get("ETag"))).want(t, http.StatusNotModified)
	}
	put("image/jpeg", photo.Bytes()[:200]).refused(t, http.StatusUnprocessableEntity, problem.ImageUnreadable)
	put("image/png", onlySize(40_000)).refused(t, http.StatusUnprocessableEntity, problem.ImageSize)
	put("image/svg+xml", []byte("<svg/>")).refused(t, http.StatusUnsupportedMediaType, problem.UnsupportedMedia)
	put("image/jpeg", make([]byte, 8<<20+1)).refused(t, http.StatusRequestEntityTooLarge, problem.BodyTooLarge)
	p.call(t, http.MethodDelete, gateway, at, as(p.register(t, organizer))).refused(t, http.StatusForbidden, problem.Forbidden)
	p.call(t, http.MethodDelete, gateway, at, as(o)).want(t, http.StatusNoContent)
	p.call(t, http.MethodGet, gateway, at+"/480").refused(t, http.StatusNotFound, problem.ImageNotFound)
}

// onlySize is the beginning of a PNG that is this high and as wide, and 30 KB of nothing.
func onlySize(n uint32) []byte {
	chunk := append([]byte("IHDR"), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, n), n)...)
	chunk = append(chunk, 8, 2, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\r"), chunk...)
	return append(binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(chunk)), make([]byte, 30_000)...)
}
