package html

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	ics "github.com/arran4/golang-ical"
	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/web"
	"github.com/openboxoffice/boxoffice/services/web/poster"
)

const (
	pageSize = 20
	// fewLeft is from how many tickets on their number is said.
	fewLeft = 10
	// atOnce is how many tickets of a type are offered, if the event says nothing.
	atOnce = 10
)

// card is an event in a list.
type card struct {
	web.Event

	Path  string
	State saleState
	// From is the lowest price, and Several says that there are others. If only some
	// tickets are free, SomeFree is true, and From is the lowest price of the others.
	From              money.Amount
	Several, SomeFree bool
	Picture           picture
	Later             time.Time // when the sale begins, if State is notYet
	Left              int       // if State is few
	Days              bool      // it runs for days
	Running           bool      // it does, and has begun
}

// rowView is a card in a list of a page.
type rowView struct {
	*visit

	Card *card
}

func rowOf(p *page, c *card) rowView { return rowView{p.visit, c} }

// saleState is what there is to say about an event's tickets.
type saleState string

const (
	onSale    saleState = "on"
	few       saleState = "few"
	notYet    saleState = "soon"
	soldOut   saleState = "sold"
	closed    saleState = "closed"
	cancelled saleState = "cancelled"
	over      saleState = "over"
)

// picture is an event's own, or a poster.
type picture struct {
	Poster        template.HTML
	Source, Set   string
	Width, Height int
}

func (v *visit) card(e web.Event) card {
	days := runsForDays(e.StartsAt, e.EndsAt)
	c := card{Event: e, Path: eventPath(e), Picture: pictureOf(e), State: closed, Days: days, Running: days && !v.Now().Before(e.StartsAt) && v.Now().Before(e.EndsAt)}
	switch {
	case e.Status == web.Cancelled:
		c.State = cancelled
	case !v.Now().Before(e.EndsAt):
		c.State = over
	default:
		c.State, c.Later, c.Left = stateOf(e.TicketTypes)
	}
	offered := slices.DeleteFunc(slices.Clone(e.TicketTypes), func(t web.TicketType) bool {
		return t.State != web.OnSale && (c.State == onSale || c.State == few)
	})
	prices := make([]money.Amount, 0, len(offered))
	for _, t := range offered {
		prices = append(prices, t.Price)
	}
	slices.SortFunc(prices, func(a, b money.Amount) int { return cmp.Compare(a.AmountMinor, b.AmountMinor) })
	if prices = slices.Compact(prices); len(prices) > 1 && prices[0].IsZero() {
		c.SomeFree, prices = true, prices[1:]
	}
	if len(prices) > 0 {
		c.From, c.Several = prices[0], len(prices) > 1
	}
	return c
}

// stateOf is what there is to say about the tickets of an event that takes place.
func stateOf(types []web.TicketType) (s saleState, later time.Time, left int) {
	s = closed
	for _, t := range types {
		switch t.State {
		case web.OnSale:
			left += t.Available
		case web.NotYet:
			if later.IsZero() || t.SalesFrom.Before(later) {
				later = t.SalesFrom
			}
		case web.SoldOut:
			s = soldOut
		}
	}
	switch {
	case left > fewLeft:
		return onSale, later, left
	case left > 0:
		return few, later, left
	case !later.IsZero():
		return notYet, later, 0
	}
	return s, later, 0
}

func pictureOf(e web.Event) picture {
	if e.Image == nil || len(e.Image.Widths) == 0 {
		return picture{Poster: trusted(poster.SVG(e.ID, e.Category))}
	}
	at := func(width int) string {
		return fmt.Sprintf("%s/image/%d?%s", eventPath(e), width, url.Values{"v": {e.Image.Tag}}.Encode())
	}
	p := picture{Source: at(e.Image.Widths[0]), Width: e.Image.Width, Height: e.Image.Height}
	set := make([]string, len(e.Image.Widths))
	for i, w := range e.Image.Widths {
		set[i] = fmt.Sprintf("%s %dw", at(w), w)
	}
	p.Set = strings.Join(set, ", ")
	return p
}

// eventPath is the address of an event's page, without a language.
func eventPath(e web.Event) string { return "/e/" + slug(e.Title) + "-" + e.ID }

// slug is a title as a part of an address: its first words in letters and digits of
// ASCII, at most 60 of them.
func slug(title string) string {
	const most = 60
	title = letters.Replace(strings.ToLower(norm.NFC.String(title)))
	title = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r) || r == '\'' || r == '’':
			return -1
		case r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			return unicode.ToLower(r)
		}
		return ' '
	}, norm.NFKD.String(title))
	out := ""
	for i, word := range strings.Fields(title) {
		switch {
		case i == 0:
			out = word[:min(len(word), most)]
		case len(out)+1+len(word) > most:
			return out
		default:
			out += "-" + word
		}
	}
	return cmp.Or(out, "event")
}

// letters are those that are written with others where there are no accents.
var letters = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "æ", "ae", "ø", "o", "ł", "l", "đ", "d")

// eventID is the id at the end of an event's reference.
func eventID(ref string) (string, error) {
	const length = 36
	if len(ref) < length {
		return "", web.ErrNotFound
	}
	id := strings.ToLower(ref[len(ref)-length:])
	if _, err := uuid.Parse(id); err != nil {
		return "", web.ErrNotFound
	}
	return id, nil
}

// found is the event that the path names. It returns done after it has sent the
// visitor to the event's own address.
func (v *visit) found(rest string) (e web.Event, done bool, err error) {
	ref := v.param("ref")
	id, err := eventID(ref)
	if err != nil {
		return e, false, err
	}
	if e, err = v.Catalog.Event(v.ctx, v.caller(), id); err != nil {
		return e, false, err
	}
	if own := eventPath(e); "/e/"+ref != own {
		to := v.To(own + rest)
		if v.r.URL.RawQuery != "" {
			to += "?" + v.r.URL.RawQuery
		}
		redirect(v.w, v.r, http.StatusMovedPermanently, to)
		return e, true, nil
	}
	return e, false, nil
}

// home shows what comes next.
func (v *visit) home() error {
	list, err := v.Catalog.Events(v.ctx, v.caller(), web.EventQuery{From: v.Now(), Limit: 9})
	if err != nil {
		return err
	}
	data := struct {
		Lead   *card
		Cards  []*card
		More   bool
		Facets facets
	}{More: list.Next != "", Facets: v.facetsNow()}
	for _, e := range list.Events {
		c := v.card(e)
		if data.Lead == nil && (c.State == onSale || c.State == few) {
			data.Lead = &c
			continue
		}
		data.Cards = append(data.Cards, &c)
	}
	return v.render(http.StatusOK, "home", page{
		Title: "Boxoffice", Description: v.text("Concerts, talks, workshops: find an event, and have your tickets in a minute."),
		Path: "/", Section: "events", Data: data,
	})
}

// search is what the form of the list says.
type search struct{ Text, Category, City, Month, Price, Cursor string }

func (s search) values() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"q": s.Text, "category": s.Category, "city": s.City, "month": s.Month, "price": s.Price} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// Narrow reports whether anything is searched for.
func (s search) Narrow() bool { return len(s.values()) > 0 }

// Filtered reports whether anything but words is.
func (s search) Filtered() bool { return s.Category+s.City+s.Month+s.Price != "" }

type option struct{ Value, Label string }

func (v *visit) events() error {
	in := v.r.URL.Query()
	field := func(name string) string { return cut(strings.TrimSpace(in.Get(name)), 200) }
	s := search{field("q"), field("category"), field("city"), field("month"), field("price"), in.Get("cursor")}
	query := web.EventQuery{Text: s.Text, Category: s.Category, City: s.City, From: v.Now(), Cursor: s.Cursor, Limit: pageSize}
	if _, err := time.Parse("2006-01", s.Month); err == nil {
		query.Month = s.Month
	} else {
		s.Month = ""
	}
	if query.PriceMax = priceOf(s.Price); query.PriceMax == nil {
		s.Price = ""
	}
	list, err := v.Catalog.Events(v.ctx, v.caller(), query)
	if web.Refused(err) == "invalid_cursor" && s.Cursor != "" {
		return v.see("/events?" + s.values().Encode()) // the list begins anew
	}
	if code := web.Refused(err); code == "validation_failed" { // nothing is called so
		list, err = web.EventPage{}, nil
	}
	if err != nil {
		return err
	}
	f := v.facetsNow()
	data := struct {
		Search search
		Months []monthOf
		Next   string
		First  string
		Later  bool
		Facets facets
		Month  []option
		Prices []option
	}{Search: s, First: v.To("/events?" + s.values().Encode()), Later: s.Cursor != "", Facets: f.with(s), Month: v.monthOptions(s.Month), Prices: v.priceOptions(f.Currency, s.Price)}
	for _, e := range list.Events {
		c := v.card(e)
		at := c.StartsAt
		if now := v.Now().In(e.Zone); at.Before(now) {
			at = now // of what is running the present month's
		}
		if n := len(data.Months); n == 0 || data.Months[n-1].At.Month() != at.Month() || data.Months[n-1].At.Year() != at.Year() {
			data.Months = append(data.Months, monthOf{At: at})
		}
		last := &data.Months[len(data.Months)-1]
		last.Cards = append(last.Cards, &c)
	}
	if list.Next != "" {
		q := s.values()
		q.Set("cursor", list.Next)
		data.Next = v.To("/events?" + q.Encode())
	}
	return v.render(http.StatusOK, "events", page{
		Title: v.text("Events"), Description: v.text("All events, soonest first."), Path: "/events", Query: s.values().Encode(),
		NoIndex: s.Cursor != "" || s.Text != "", Section: "events", Data: data,
	})
}

type monthOf struct {
	At    time.Time
	Cards []*card
}

func (v *visit) monthOptions(chosen string) []option {
	now := v.Now()
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	var all []option
	for n := range 12 {
		m := first.AddDate(0, n, 0)
		all = append(all, option{m.Format("2006-01"), v.say.Month(m)})
	}
	if !slices.ContainsFunc(all, func(o option) bool { return o.Value == chosen }) && chosen != "" {
		if m, err := time.Parse("2006-01", chosen); err == nil {
			all = append(all, option{chosen, v.say.Month(m)})
		}
	}
	return all
}

// priceOf reads a highest price, "2500EUR".
func priceOf(s string) *money.Amount {
	if len(s) < 4 || len(s) > 15 {
		return nil
	}
	minor, err := strconv.ParseUint(s[:len(s)-3], 10, 40)
	currency := s[len(s)-3:]
	if err != nil || strings.ContainsFunc(currency, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return nil
	}
	return &money.Amount{AmountMinor: int64(minor), Currency: currency}
}

func (v *visit) priceOptions(currency, chosen string) []option {
	unit := int64(1)
	for range money.Decimals(currency) {
		unit *= 10
	}
	if unit == 1 {
		unit = 100 // of yen, say
	}
	all := []option{{"0" + currency, v.text("Free")}}
	for _, n := range []int64{10, 25, 50, 100} {
		a := money.Amount{AmountMinor: n * unit, Currency: currency}
		all = append(all, option{fmt.Sprint(a.AmountMinor, currency), v.text("up to %s", v.say.Amount(a))})
	}
	if !slices.ContainsFunc(all, func(o option) bool { return o.Value == chosen }) && chosen != "" {
		all = append(all, option{chosen, v.text("up to %s", v.say.Amount(*priceOf(chosen)))})
	}
	return all
}

// facets are what the search form offers.
type facets struct {
	Categories, Cities []string
	Currency           string
}

// with has what is searched for among them, if it is not.
func (f facets) with(s search) facets {
	add := func(all []string, one string) []string {
		if one == "" || slices.ContainsFunc(all, func(o string) bool { return strings.EqualFold(o, one) }) {
			return all
		}
		return append(slices.Clone(all), one)
	}
	f.Categories, f.Cities = add(f.Categories, s.Category), add(f.Cities, s.City)
	return f
}

// facetCache keeps the facets for a minute. While one visitor's request fetches new ones,
// the others have the old.
type facetCache struct {
	fetching sync.Mutex

	mu    sync.Mutex
	known facets
	until time.Time
}

func (v *visit) facetsNow() facets {
	c := &v.site.facets
	read := func() (facets, bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.known, v.Now().Before(c.until)
	}
	known, fresh := read()
	if fresh || !c.fetching.TryLock() {
		return known
	}
	defer c.fetching.Unlock()
	// The visitor waits for it no longer than they would notice.
	ctx, cancel := context.WithTimeout(v.ctx, time.Second)
	defer cancel()
	list, err := v.Catalog.Events(ctx, v.caller(), web.EventQuery{From: v.Now(), Limit: 100})
	if err == nil {
		known = facetsOf(list.Events)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known, c.until = known, v.Now().Add(time.Minute)
	return known
}

func facetsOf(events []web.Event) facets {
	f := facets{Currency: "EUR"}
	categories, cities, currencies := map[string]int{}, map[string]int{}, map[string]int{}
	for _, e := range events {
		categories[e.Category]++
		cities[e.Venue.City]++
		for _, t := range e.TicketTypes {
			if currencies[t.Price.Currency]++; currencies[t.Price.Currency] > currencies[f.Currency] {
				f.Currency = t.Price.Currency
			}
		}
	}
	f.Categories, f.Cities = often(categories, 12), often(cities, 40)
	return f
}

// often returns the names that are there most, in their order.
func often(count map[string]int, most int) []string {
	var names []string
	for name := range count {
		if name != "" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return strings.Compare(a, b)
	})
	names = names[:min(len(names), most)]
	slices.Sort(names)
	return names
}

// cut shortens a text to so many bytes.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// image passes an event's picture on.
func (v *visit) image() error {
	id, err := eventID(v.param("ref"))
	if err != nil {
		return err
	}
	width, err := strconv.Atoi(v.param("width"))
	if err != nil || width < 1 || width > 10_000 {
		return web.ErrNotFound
	}
	doc, err := v.Catalog.Image(v.ctx, v.caller(), id, width)
	if err != nil {
		return err
	}
	defer doc.Body.Close() //nolint:errcheck // there is nothing to do about it
	if !slices.Contains([]string{"image/jpeg", "image/png", "image/webp"}, doc.ContentType) {
		return web.ErrNotFound // nothing else is shown under our name
	}
	h := v.w.Header()
	h.Del("Vary")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Content-Type", doc.ContentType)
	h.Set("Cache-Control", "public, no-cache")
	if doc.ETag != "" {
		h.Set("ETag", doc.ETag)
		// The event's tag stands before what tells its widths apart.
		if tag := v.r.URL.Query().Get("v"); tag != "" && strings.HasPrefix(strings.Trim(strings.TrimPrefix(doc.ETag, "W/"), `"`), tag) {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		if matches(v.r.Header.Get("If-None-Match"), doc.ETag) {
			v.w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	v.stream(doc)
	return nil
}

// stream writes a document. One that is cut off breaks the connection, so that nobody
// takes it for whole.
func (v *visit) stream(doc web.Document) {
	if doc.Size >= 0 {
		v.w.Header().Set("Content-Length", strconv.FormatInt(doc.Size, 10))
	}
	v.w.WriteHeader(http.StatusOK)
	if v.r.Method == http.MethodHead {
		return
	}
	if _, err := io.Copy(v.w, doc.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// matches reports whether an If-None-Match names a tag.
func matches(header, tag string) bool {
	tag = strings.TrimPrefix(tag, "W/")
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == "*" || one == tag {
			return true
		}
	}
	return false
}

// eventCalendar is the event as an entry for calendars.
func (v *visit) eventCalendar() error {
	e, done, err := v.found("/calendar.ics")
	if err != nil || done {
		return err
	}
	cal := ics.NewCalendarFor("Boxoffice")
	cal.SetMethod(ics.MethodPublish)
	entry := cal.AddEvent("event-" + e.ID + "@boxoffice")
	entry.SetDtStampTime(v.Now())
	entry.SetStartAt(e.StartsAt)
	entry.SetEndAt(e.EndsAt)
	entry.SetSummary(e.Title)
	entry.SetLocation(strings.Join(venueLines(e.Venue), ", "))
	if e.Status == web.Cancelled {
		entry.SetStatus(ics.ObjectStatusCancelled)
	}
	if v.URL != nil {
		entry.SetURL(v.absolute(eventPath(e)))
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/calendar; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="event.ics"`)
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	_, _ = io.WriteString(v.w, cal.Serialize())
	return nil
}
