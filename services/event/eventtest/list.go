package eventtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/suitetest"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/money"
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
		{"category and city match by their fold", listFolds},
		{"a filter of spaces alone does not restrict", listBlank},
		{"a filter without a character to be found by finds nothing", listNothingToFind},
		{"each term begins a word", listTerms},
		{"terms match without regard to case and accents", listPlain},
		{"scripts without spaces are found by any part", listUnspaced},
		{"text combines with filters, sort and paging", listCombined},
		{"from is included and to is not", listRange},
		{"a month finds what runs in it", listMonth},
		{"a price finds what costs no more", listPrice},
		{"month and price combine with filters, sort and cursor", listMonthAndPrice},
		{"filters, sort and cursor combine", listFiltered},
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
	var list []event.Event
	suitetest.Ask(t, func(ctx context.Context) (err error) {
		list, err = a.List(ctx, q)
		return err
	})
	return list
}

// titles lists by title.
func (a Adapter) titles(t *testing.T, q event.Query) []string {
	t.Helper()
	return titlesOf(a.list(t, q))
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
	for i, title := range []string{"Zoo", "Σίγμα", "A1", "a2", "E\u0301clair", "Écla", "eclair", "Äpfel", "寂", "zoo!", "B 1"} {
		a.create(t, []int{1}, titled(title), func(e *event.Event) {
			e.StartsAt = now.Add(time.Duration(10+i) * time.Microsecond)
		})
	}
	for sort, want := range map[event.Sort][]string{
		event.ByStart:       {"Zoo", "Σίγμα", "A1", "a2", "E\u0301clair", "Écla", "eclair", "Äpfel", "寂", "zoo!", "B 1"},
		event.ByStartLatest: {"B 1", "zoo!", "寂", "Äpfel", "eclair", "Écla", "E\u0301clair", "a2", "A1", "Σίγμα", "Zoo"},
		event.ByTitle:       {"A1", "a2", "Äpfel", "B 1", "Écla", "eclair", "E\u0301clair", "Zoo", "zoo!", "Σίγμα", "寂"},
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
	a.create(t, []int{1}, titled("it"), func(e *event.Event) { e.Category, e.Venue.City = "Ópera", "ÅRHUS" })
	a.create(t, []int{1}, titled("other"), func(e *event.Event) { e.Category, e.Venue.City = "Opera", "Arhus" })
	for _, q := range []event.Query{
		{Category: "óPERA"}, {City: "århus"}, {City: "A\u030Arhus", Category: "O\u0301PERA"},
		{Category: " Ópera\u00A0"}, {City: "Å\u200Brhus"}, {City: "Ａ\u030ARHUS"},
	} {
		if got := a.titles(t, q); len(got) != 1 || got[0] != "it" {
			t.Errorf("%+v finds %q", q, got)
		}
	}
	for _, q := range []event.Query{{Category: "Óper"}, {City: "År"}, {City: "År%"}} {
		if got := a.titles(t, q); len(got) != 0 {
			t.Errorf("%+v finds %q", q, got)
		}
	}
}

func listBlank(t *testing.T, a Adapter) {
	a.create(t, []int{1})
	for _, blank := range []string{" ", "\t", "\u00A0 \u3000"} {
		for filter, q := range map[string]event.Query{"category": {Category: blank}, "city": {City: blank}, "text": {Text: blank}} {
			if got := a.titles(t, q); len(got) != 1 {
				t.Errorf("%s %+q finds %d events, want the one there is", filter, blank, len(got))
			}
		}
	}
}

func listNothingToFind(t *testing.T, a Adapter) {
	a.create(t, []int{1})
	a.create(t, []int{1}, func(e *event.Event) { e.Category, e.Venue.City = "", "" })
	for _, invisible := range []string{"\u200B", " \u00AD ", "\uFE0F\u2060", "\u3164"} {
		for filter, q := range map[string]event.Query{
			"category": {Category: invisible}, "city": {City: invisible}, "text": {Text: invisible},
			"category, beside a city,": {Category: invisible, City: "köln"}, "city, beside a text,": {Text: "zoë", City: invisible},
		} {
			if got := a.titles(t, q); len(got) != 0 {
				t.Errorf("%s %+q finds %d events, want none", filter, invisible, len(got))
			}
		}
	}
	a.finds(t, map[string]int{"?!": 0, "*": 0, "\u0301": 0})
}

// finds fails t unless the texts find as many events.
func (a Adapter) finds(t *testing.T, want map[string]int) {
	t.Helper()
	for text, n := range want {
		if got := a.titles(t, event.Query{Text: text}); len(got) != n {
			t.Errorf("%q finds %q, want %d", text, got, n)
		}
	}
}

func listTerms(t *testing.T, a Adapter) {
	a.create(t, []int{1}, func(e *event.Event) {
		e.Title, e.Description, e.Venue.City = "Jazz Night: don't miss it!", "saxophone\n(100% real) 🎷 \"AC/DC\"", "Berlin"
	})
	a.create(t, []int{1}, func(e *event.Event) { e.Title, e.Description, e.Venue.City = "Jazz Day", "piano", "Bern" })
	a.finds(t, map[string]int{
		"jazz": 2, "night jazz": 1, "berlin jazz SAX": 1, "ber": 2, "piano berlin": 0, "jazz jazz": 2, "": 2, " ": 2,
		"don't": 1, "\"ac/dc\"": 1, "100%": 1, "🎷": 1, "night*": 1, "jazz OR piano": 0, "NOT night": 0, "jazz-night": 1,
		"azz": 0, "phone": 0, "nowhere": 0, "words: jazz": 0, "köln": 0, "große": 2, "straße": 2,
	})
}

func listPlain(t *testing.T, a Adapter) {
	a.create(t, []int{1}, func(e *event.Event) {
		e.Title, e.Description = "Cafe\u0301 ΜΟΥΣΙΚΗΣ Ёлка", "Smørrebrød in İSTANBUL, Łódź; STRASSE ﬁnale"
		e.Venue.Name, e.Venue.Address = "Teatro Ñ", "Diyarbakır, مُوسِيقَى"
	})
	a.finds(t, map[string]int{
		"café": 1, "CAFE": 1, "cafe\u0301": 1, "μουσικής": 1, "ΜΟΥΣΙΚΗσ": 1, "елка": 1, "ЁЛКА": 1, "smorre": 1, "SMØRREBRØD": 1,
		"istanbul": 1, "İstanbul": 1, "lodz": 1, "łódź": 1, "straße": 1, "finale": 1, "n teatro": 1, "DIYARBAKIR": 1, "موسيقى": 1,
		"ｃａｆｅ": 1, "ca\u00ADfe": 1, "cafes": 0,
	})
}

func listUnspaced(t *testing.T, a Adapter) {
	a.create(t, []int{1}, func(e *event.Event) {
		e.Title, e.Description, e.Venue.City = "東京ジャズフェスティバル2031", "ดนตรีแจ๊สในกรุงเทพ", "서울특별시"
	})
	a.finds(t, map[string]int{
		"東": 1, "京": 1, "東京": 1, "京ジャ": 1, "ジャズ": 1, "フェスティバル": 1, "ル": 1, "2031": 1, "東京 ジャズ": 1, "ｼﾞｬｽﾞ": 1,
		"京都": 0, "シャス": 0, "ジャム": 0, "แจ๊ส": 1, "กรุงเทพ": 1, "เชียงใหม่": 0, "서울": 1, "서울특": 1, "부산": 0,
	})
}

// listCombined searches for so many events, and so few, that a store may go
// about it in another way.
func listCombined(t *testing.T, a Adapter) {
	for i := range 12 {
		a.create(t, []int{1}, titled(fmt.Sprintf("Match %c", 'a'+11-i)), func(e *event.Event) {
			e.StartsAt, e.Venue.City = now.Add(time.Duration(10+i)*time.Microsecond), []string{"Oslo", "Rome"}[i%2]
		})
		a.create(t, []int{1}, titled("Miss"), func(e *event.Event) { e.StartsAt = now.Add(time.Duration(10+i) * time.Microsecond) })
	}
	for _, q := range []event.Query{
		{Text: "mat"}, {Text: "mat", City: "oslo"}, {Text: "rome match"}, {Text: "mat", From: now.Add(15 * time.Microsecond)},
		{Text: "match f"}, {Text: "mat", Category: "jazz", To: now.Add(17 * time.Microsecond)},
	} {
		for _, sort := range []event.Sort{event.ByStart, event.ByStartLatest, event.ByTitle} {
			q.Sort, q.After, q.Limit = sort, nil, 0
			var want []string
			for _, e := range a.list(t, q) {
				want = append(want, e.ID)
			}
			var got []string
			q.Limit = 2
			for page := a.list(t, q); len(page) > 0 && len(got) <= len(want); page = a.list(t, q) {
				for _, e := range page {
					got = append(got, e.ID)
				}
				p := page[len(page)-1].Position()
				q.After = &p
			}
			if len(want) == 0 || !slices.Equal(got, want) {
				t.Errorf("%q sorted by %s pages through %d events, want the %d that one page has, in its order", q.Text, sort, len(got), len(want))
			}
		}
	}
	if got := fmt.Sprint(a.titles(t, event.Query{Text: "match", City: "ROME", From: now.Add(16 * time.Microsecond), Sort: event.ByTitle})); got != "[Match a Match c Match e]" {
		t.Errorf("text, city, start and sort together find %s", got)
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

// listFiltered lists by every set of filters in every order, from the start and
// from a place before, in and after what the filters leave.
// during makes an event last from one time in its zone to another one.
func during(zone, from, to string) func(*event.Event) {
	return func(e *event.Event) {
		place, err := time.LoadLocation(zone)
		if err != nil {
			panic(err) // a test's mistake
		}
		at := func(text string) time.Time {
			t, err := time.ParseInLocation("2006-01-02 15:04", text, place)
			if err != nil {
				panic(err)
			}
			return t.UTC()
		}
		e.TimeZone, e.StartsAt, e.EndsAt = zone, at(from), at(to)
	}
}

func listMonth(t *testing.T, a Adapter) {
	const berlin, tokyo, chatham = "Europe/Berlin", "Asia/Tokyo", "Pacific/Chatham"
	a.create(t, []int{1}, titled("an evening"), during(berlin, "2031-06-30 20:00", "2031-06-30 22:00"))
	a.create(t, []int{1}, titled("until midnight"), during(berlin, "2031-06-30 20:00", "2031-07-01 00:00"))
	a.create(t, []int{1}, titled("past midnight"), during(berlin, "2031-06-30 20:00", "2031-07-01 00:01"))
	a.create(t, []int{1}, titled("still June elsewhere"), during(tokyo, "2031-07-01 08:00", "2031-07-01 09:00"))
	a.create(t, []int{1}, titled("July nowhere else"), during(chatham, "2031-07-01 00:30", "2031-07-01 01:30"))
	weeks := a.create(t, []int{1}, titled("an exhibition"), during(berlin, "2031-04-15 10:00", "2031-08-03 18:00"))
	a.create(t, []int{1}, titled("years"), during(berlin, "2030-12-31 23:00", "2060-01-01 00:00"))
	for month, want := range map[string][]string{
		"2030-11": nil, "2030-12": {"years"}, "2031-04": {"years", "an exhibition"}, "2031-05": {"years", "an exhibition"},
		"2031-06": {"years", "an exhibition", "an evening", "until midnight", "past midnight"},
		"2031-07": {"years", "an exhibition", "July nowhere else", "past midnight", "still June elsewhere"},
		"2031-08": {"years", "an exhibition"}, "2032-11": {"years"}, "2032-12": nil, "2031-6": nil,
	} {
		got := a.titles(t, event.Query{Month: month})
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s finds %q, want %q", month, got, want)
		}
	}
	_, err := a.Update(t.Context(), weeks.ID, func(e *event.Event) error {
		during(berlin, "2031-08-01 10:00", "2031-09-01 00:00")(e)
		return nil
	})
	must(t, err)
	for month, want := range map[string]int{"2031-05": 1, "2031-08": 2, "2031-09": 1} {
		if got := a.titles(t, event.Query{Month: month}); len(got) != want {
			t.Errorf("after the event has moved, %s finds %q, want %d", month, got, want)
		}
	}
	must(t, a.Delete(t.Context(), weeks.ID, anyEdit))
	if got := a.titles(t, event.Query{Month: "2031-08"}); len(got) != 1 {
		t.Errorf("after the event is deleted its month has %q", got)
	}
}

// costs gives an event's types these prices.
func costs(currency string, prices ...int64) func(*event.Event) {
	return func(e *event.Event) {
		for i, n := range prices {
			e.TicketTypes[i].Price = money.Amount{AmountMinor: n, Currency: currency}
		}
	}
}

func listPrice(t *testing.T, a Adapter) {
	cheap := a.create(t, []int{1, 1}, titled("from 10 euros"), costs("EUR", 5000, 1000))
	a.create(t, []int{1}, titled("10.01 euros"), costs("EUR", 1001))
	a.create(t, []int{1}, titled("free"), costs("EUR", 0))
	a.create(t, []int{1}, titled("10 pounds"), costs("GBP", 1000))
	finds := func(n int64, currency string, want ...string) {
		t.Helper()
		got := a.titles(t, event.Query{MostPrice: &money.Amount{AmountMinor: n, Currency: currency}, Sort: event.ByTitle})
		if !slices.Equal(got, want) {
			t.Errorf("%d %s finds %q, want %q", n, currency, got, want)
		}
	}
	finds(0, "EUR", "free")
	finds(999, "EUR", "free")
	finds(1000, "EUR", "free", "from 10 euros")
	finds(1001, "EUR", "10.01 euros", "free", "from 10 euros")
	finds(1000, "GBP", "10 pounds")
	finds(1_000_000, "JPY")
	_, err := a.Update(t.Context(), cheap.ID, func(e *event.Event) error { costs("EUR", 999, 2000)(e); return nil })
	must(t, err)
	finds(999, "EUR", "free", "from 10 euros")
}

// listMonthAndPrice: whatever else is asked for, all pages together have what runs in
// the month at no more than the price, in order.
func listMonthAndPrice(t *testing.T, a Adapter) {
	for i := range 24 {
		a.create(t, []int{1}, titled(fmt.Sprintf("Night %02d %s", i*7%24, []string{"jazz", "folk"}[i%2])), costs([]string{"EUR", "GBP"}[i/12%2], int64(i%4)*1000), func(e *event.Event) {
			e.StartsAt = time.Date(2031, time.Month(5+i%3), 1+i%5, 20, 0, 0, 0, time.UTC)
			e.EndsAt, e.TimeZone = e.StartsAt.AddDate(0, i%2, 0), "UTC" // some run in two months
			e.Category, e.Venue.City = []string{"x", "y"}[i%2], []string{"a", "b", "c"}[i%3]
		})
	}
	all := a.list(t, event.Query{})
	for set := range 1 << 6 {
		for _, sort := range []event.Sort{event.ByStart, event.ByStartLatest, event.ByTitle} {
			q := event.Query{Sort: sort, Limit: 2}
			for i, restrict := range []func(){
				func() { q.Month = "2031-06" }, func() { q.MostPrice = &money.Amount{AmountMinor: 2000, Currency: "EUR"} },
				func() { q.Category = "x" }, func() { q.City = "a" }, func() { q.Text = "jazz" },
				func() {
					q.From, q.To = time.Date(2031, 5, 2, 20, 0, 0, 0, time.UTC), time.Date(2031, 6, 4, 20, 0, 0, 0, time.UTC)
				},
			} {
				if set>>i&1 == 1 {
					restrict()
				}
			}
			if q.Month == "" && q.MostPrice == nil {
				continue
			}
			want := slices.DeleteFunc(slices.Clone(all), func(e event.Event) bool {
				return q.Month != "" && !slices.Contains(e.Months(), q.Month) ||
					q.MostPrice != nil && (e.LowestPrice().Currency != "EUR" || e.LowestPrice().AmountMinor > 2000) ||
					q.Category != "" && e.Category != "x" || q.City != "" && e.Venue.City != "a" || q.Text != "" && !strings.Contains(e.Title, "jazz") ||
					!q.From.IsZero() && (e.StartsAt.Before(q.From) || !e.StartsAt.Before(q.To))
			})
			slices.SortFunc(want, func(x, y event.Event) int { return compare(sort, x.Position(), y.Position()) })
			var got []event.Event
			for page := a.list(t, q); len(page) > 0; page = a.list(t, q) {
				got = append(got, page...)
				at := page[len(page)-1].Position()
				q.After = &at
			}
			if diff := cmp.Diff(titlesOf(want), titlesOf(got)); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", q, diff)
			}
		}
	}
}

func listFiltered(t *testing.T, a Adapter) {
	var all []event.Event
	for i := range 16 {
		all = append(all, *a.create(t, []int{1}, titled(string(rune('a'+i*7%16))), func(e *event.Event) {
			e.Category, e.Venue.City = []string{"Jazz", "Opera"}[i%2], []string{"Oslo", "Rome"}[i/2%2]
			e.StartsAt = now.Add(time.Duration(i*5%12) * time.Hour)
		}))
	}
	from, to := now.Add(4*time.Hour), now.Add(9*time.Hour)
	filters := []struct {
		name  string
		set   func(q *event.Query)
		meets func(e event.Event) bool
	}{
		{"category", func(q *event.Query) { q.Category = "jazz" }, func(e event.Event) bool { return e.Category == "Jazz" }},
		{"city", func(q *event.Query) { q.City = "rome" }, func(e event.Event) bool { return e.Venue.City == "Rome" }},
		{"from", func(q *event.Query) { q.From = from }, func(e event.Event) bool { return !e.StartsAt.Before(from) }},
		{"to", func(q *event.Query) { q.To = to }, func(e event.Event) bool { return e.StartsAt.Before(to) }},
	}
	for _, sort := range []event.Sort{event.ByStart, event.ByStartLatest, event.ByTitle} {
		order := slices.SortedFunc(slices.Values(all), func(x, y event.Event) int { return compare(sort, x.Position(), y.Position()) })
		for set := range 1 << len(filters) {
			q, names, left := event.Query{Sort: sort}, "", slices.Clone(order)
			for i, f := range filters {
				if set>>i&1 == 1 {
					f.set(&q)
					names += f.name + " "
					left = slices.DeleteFunc(left, func(e event.Event) bool { return !f.meets(e) })
				}
			}
			for _, after := range []int{-1, 1, 6, 9, 14} {
				want := titlesOf(left)
				if q.After = nil; after >= 0 {
					q.After = new(order[after].Position())
					want = titlesOf(slices.DeleteFunc(slices.Clone(left), func(e event.Event) bool {
						return compare(sort, e.Position(), *q.After) <= 0
					}))
				}
				if got := a.titles(t, q); !slices.Equal(got, want) {
					t.Errorf("filtered by %q, sorted by %s, after place %d, the list is %q, want %q", names, sort, after, got, want)
				}
			}
		}
	}
}

func titlesOf(list []event.Event) []string {
	titles := []string{}
	for _, e := range list {
		titles = append(titles, e.Title)
	}
	return titles
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
