package eventtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/services/event"
)

func listSuite(t *testing.T, open func(t *testing.T) Adapter) {
	for _, s := range []struct {
		name string
		test func(t *testing.T, a Adapter)
	}{
		{"list of none is the empty slice", listEmpty},
		{"list returns whole events", listWhole},
		{"list is in the order of the sort", listOrder},
		{"list matches without regard to case", listFolds},
		{"every word must occur", listWords},
		{"from is included and to is not", listRange},
		{"paging neither repeats nor skips", listPages},
		{"an edited event is found by what it is now", listEdited},
	} {
		t.Run(s.name, func(t *testing.T) { s.test(t, open(t)) })
	}
}

func (a Adapter) list(t *testing.T, q event.Query) []event.Event {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	list, err := a.List(t.Context(), q)
	must(t, err)
	return list
}

// titles lists by title.
func (a Adapter) titles(t *testing.T, q event.Query) []string {
	t.Helper()
	titles := []string{}
	for _, e := range a.list(t, q) {
		titles = append(titles, e.Title)
	}
	return titles
}

func titled(title string) func(*event.Event) {
	return func(e *event.Event) { e.Title = title }
}

func listEmpty(t *testing.T, a Adapter) {
	if list := a.list(t, event.Query{}); list == nil || len(list) != 0 {
		t.Errorf("the list is %#v, want empty and not nil", list)
	}
}

func listWhole(t *testing.T, a Adapter) {
	first := a.create(t, []int{3, 2, 1})
	second := a.create(t, []int{7}, func(e *event.Event) { e.StartsAt = first.StartsAt.Add(time.Microsecond) })
	a.hold(t, key(second), second, 4)
	want := []event.Event{*a.get(t, first.ID), *a.get(t, second.ID)}
	if diff := cmp.Diff(want, a.list(t, event.Query{})); diff != "" {
		t.Errorf("list and Get differ (-get +list):\n%s", diff)
	}
}

func listOrder(t *testing.T, a Adapter) {
	for i, title := range []string{"b2", "Σίγμα", "A1", "a2", "Éclair", "B1"} {
		a.create(t, []int{1}, titled(title), func(e *event.Event) {
			e.StartsAt = now.Add(time.Duration(10+i) * time.Microsecond)
		})
	}
	for sort, want := range map[event.Sort][]string{
		event.ByStart:       {"b2", "Σίγμα", "A1", "a2", "Éclair", "B1"},
		event.ByStartLatest: {"B1", "Éclair", "a2", "A1", "Σίγμα", "b2"},
		event.ByTitle:       {"A1", "a2", "B1", "b2", "Éclair", "Σίγμα"},
	} {
		if diff := cmp.Diff(want, a.titles(t, event.Query{Sort: sort})); diff != "" {
			t.Errorf("sorted by %s (-want +got):\n%s", sort, diff)
		}
	}
	if got := a.titles(t, event.Query{Sort: event.ByTitle, Limit: 2}); len(got) != 2 {
		t.Errorf("a limit of 2 gives %d", len(got))
	}
}

func listFolds(t *testing.T, a Adapter) {
	a.create(t, []int{1}, func(e *event.Event) {
		e.Title, e.Description, e.Category = "Ночь ΜΟΥΣΙΚΗΣ", "100% _real_ 'quotes' \\ *", "Ópera"
		e.Venue.Name, e.Venue.City = "Teatro Ñ", "ÅRHUS"
	})
	a.create(t, []int{1}, func(e *event.Event) { e.Title, e.Category, e.Venue.City = "other", "Opera", "Arhus" })
	for _, q := range []event.Query{
		{Text: "нОЧЬ"}, {Text: "μουσικης"}, {Text: "teatro ñ"}, {Text: "århus"},
		{Category: "óPERA"}, {City: "århus"}, {City: "Århus", Category: "ÓPERA", Text: "ночь"},
		{Text: "100%"}, {Text: "_REAL_"}, {Text: "'quotes'"}, {Text: `\`}, {Text: "*"},
	} {
		if got := a.titles(t, q); len(got) != 1 || got[0] != "Ночь ΜΟΥΣΙΚΗΣ" {
			t.Errorf("%+v finds %q", q, got)
		}
	}
	for _, q := range []event.Query{{Text: "nowhere"}, {Category: "Óper"}, {City: "År"}, {Text: ".*"}, {Text: "100_"}} {
		if got := a.titles(t, q); len(got) != 0 {
			t.Errorf("%+v finds %q", q, got)
		}
	}
}

func listWords(t *testing.T, a Adapter) {
	a.create(t, []int{1}, func(e *event.Event) { e.Title, e.Description, e.Venue.City = "Jazz Night", "saxophone", "Berlin" })
	a.create(t, []int{1}, func(e *event.Event) { e.Title, e.Description, e.Venue.City = "Jazz Day", "piano", "Bern" })
	for text, want := range map[string]int{
		"jazz": 2, "night jazz": 1, "berlin jazz SAX": 1, "ber": 2, "piano berlin": 0, "  ": 2, "jazz jazz": 2,
	} {
		if got := a.titles(t, event.Query{Text: text}); len(got) != want {
			t.Errorf("%q finds %q, want %d", text, got, want)
		}
	}
}

func listRange(t *testing.T, a Adapter) {
	at := func(d time.Duration) time.Time { return now.Add(d) }
	for i := range 5 {
		a.create(t, []int{1}, titled(fmt.Sprint(i)), func(e *event.Event) { e.StartsAt = at(time.Duration(i) * time.Microsecond) })
	}
	for want, q := range map[string]event.Query{
		"[1 2]":     {From: at(time.Microsecond), To: at(3 * time.Microsecond)},
		"[3 4]":     {From: at(3 * time.Microsecond)},
		"[0]":       {To: at(time.Microsecond)},
		"[]":        {From: at(time.Hour)},
		"[2 3 4]":   {From: at(2 * time.Microsecond), Sort: event.ByTitle},
		"[1 0]":     {To: at(2 * time.Microsecond), Sort: event.ByStartLatest},
		"[0 1 2 3]": {To: at(4 * time.Microsecond).In(time.FixedZone("", -7200))},
	} {
		if got := fmt.Sprint(a.titles(t, q)); got != want {
			t.Errorf("%+v finds %s, want %s", q, got, want)
		}
	}
}

// listPages pages through events of which many share a place in the order,
// while others are added before, among and after them.
func listPages(t *testing.T, a Adapter) {
	for _, sort := range []event.Sort{event.ByStart, event.ByStartLatest, event.ByTitle} {
		category := "paging " + string(sort)
		add := func(i int) string {
			return a.create(t, []int{1}, titled(fmt.Sprintf("%c", "aAbBcC"[i%6])), func(e *event.Event) {
				e.Category, e.StartsAt = category, now.Add(time.Duration(i%3)*time.Microsecond)
			}).ID
		}
		want := map[string]int{}
		for i := range 23 {
			want[add(i)] = 0
		}
		q := event.Query{Sort: sort, Category: category, Limit: 4}
		var all []event.Event
		for {
			page := a.list(t, q)
			all = append(all, page...)
			if len(page) < q.Limit {
				break
			}
			if len(all) < 40 {
				add(len(all))
			}
			p := page[len(page)-1].Position()
			q.After = &p
		}
		seen := map[string]int{}
		for _, e := range all {
			seen[e.ID]++
			if seen[e.ID] > 1 {
				t.Errorf("sorted by %s, an event is repeated", sort)
			}
		}
		for id := range want {
			if seen[id] == 0 {
				t.Errorf("sorted by %s, an event is skipped", sort)
			}
		}
		if !slices.IsSortedFunc(all, func(x, y event.Event) int { return compare(sort, x.Position(), y.Position()) }) {
			t.Errorf("sorted by %s, the pages are out of order", sort)
		}
	}
}

func compare(sort event.Sort, x, y event.Position) int {
	c := x.StartsAt.Compare(y.StartsAt)
	if sort == event.ByTitle {
		c = strings.Compare(x.TitleKey, y.TitleKey)
	}
	if c == 0 {
		c = strings.Compare(x.ID, y.ID)
	}
	if sort == event.ByStartLatest {
		return -c
	}
	return c
}

func listEdited(t *testing.T, a Adapter) {
	e := a.create(t, []int{1})
	_, err := a.Update(t.Context(), e.ID, func(e *event.Event) error {
		e.Title, e.Category, e.Venue.City, e.StartsAt = "Fresh", "Opera", "Oslo", now.Add(time.Hour)
		return nil
	})
	must(t, err)
	for _, q := range []event.Query{{Text: "FRESH"}, {Category: "opera"}, {City: "oslo"}, {To: now.Add(2 * time.Hour)}} {
		if len(a.list(t, q)) != 1 {
			t.Errorf("%+v does not find what it is", q)
		}
	}
	for _, q := range []event.Query{{Text: "Zoë"}, {Category: "jazz"}, {City: "köln"}, {From: now.Add(2 * time.Hour)}} {
		if len(a.list(t, q)) != 0 {
			t.Errorf("%+v finds what it was", q)
		}
	}
}
