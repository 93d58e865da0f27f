package event_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/event"
	"github.com/openboxoffice/boxoffice/services/event/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/event/eventtest"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

var now = time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)

func newService(t *testing.T) (*event.Service, *sqlite.Store) {
	t.Helper()
	w := newWorld(t)
	return w.Service, w.store
}

// world is the service on an empty database, at a time that stands still.
type world struct {
	*event.Service
	db        *sqlitedb.DB
	store     *sqlite.Store
	bookings  *told
	payments  *provider
	now       time.Time
	committed int // how often the relay was woken
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), filepath.Join(t.TempDir(), "event.db"), sqlite.Migrations())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &world{db: db, store: sqlite.New(db), bookings: &told{}, payments: &provider{Payments: eventtest.AnyPrice{}}, now: now}
	if w.Service, err = event.New(event.Options{
		Store: w.store, Inventory: w.store, Holdings: w.store, Bookings: w.bookings, Payments: w.payments, Now: func() time.Time { return w.now },
		Committed: func() { w.committed++ }, TraceParent: func(context.Context) string { return "00-trace" },
	}); err != nil {
		t.Fatal(err)
	}
	return w
}

func create(t *testing.T, s *event.Service) *event.Event {
	t.Helper()
	e, err := s.Create(t.Context(), identity.Caller{UserID: uuid.NewString(), Role: identity.Organizer}, draft())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func draft() event.Draft {
	return event.Draft{
		Title: " Padded ", Venue: events.Venue{Name: "Hall"}, TimeZone: "Europe/Berlin",
		StartsAt: now.Add(time.Hour + 123456789), EndsAt: now.Add(2 * time.Hour),
		TicketTypes: []event.TicketTypeDraft{{Name: "Standard", Price: money.Amount{AmountMinor: 100, Currency: "EUR"}, Capacity: 10}},
	}
}

// What Create returns is what is stored: texts tidied, instants cut.
func TestCreateReturnsWhatIsStored(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	e := create(t, s)
	got, err := s.Get(t.Context(), e.ID)
	if err != nil {
		t.Fatal(err)
	}
	if got.Title != "Padded" || !got.StartsAt.Equal(e.StartsAt) || e.StartsAt.Nanosecond() != 123456000 {
		t.Errorf("title %q, starts at %v and %v", got.Title, e.StartsAt, got.StartsAt)
	}
}

func message(kind string, e *event.Event, booking string, attempt int) events.Message {
	data, err := json.Marshal(events.Booking{BookingID: booking, Attempt: attempt, Event: events.Event{ID: e.ID}})
	if err != nil {
		panic(err)
	}
	return events.Message{ID: uuid.NewString(), Type: kind, Data: data}
}

func TestHandleBooking(t *testing.T) {
	t.Parallel()
	s, store := newService(t)
	e := create(t, s)
	for _, c := range []struct {
		kind  string
		want  event.State
		taken int
	}{
		{events.TypeBookingConfirmed, event.Sold, 2},
		{events.TypeBookingCancelled, event.Released, 0},
		{events.TypeBookingFailed, event.Released, 0},
	} {
		k := event.Key{EventID: e.ID, BookingID: uuid.NewString(), Attempt: 1}
		if _, err := s.Book(t.Context(), event.BookRequest{Key: k, Tickets: 2}); err != nil {
			t.Fatal(err)
		}
		m := message(c.kind, e, k.BookingID, 1)
		for range 3 { // redelivered
			if err := s.HandleBooking(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		r, err := store.Reservation(t.Context(), k)
		if err != nil || r.State != c.want {
			t.Errorf("after %s the reservation is %v (%v), want %s", c.kind, r, err, c.want)
		}
		got, err := s.Get(t.Context(), e.ID)
		if err != nil || got.Available() != 10-c.taken {
			t.Errorf("after %s %d tickets are available", c.kind, got.Available())
		}
		if err := s.Release(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
}

// Order is not promised: a confirmation that comes after the cancellation that
// followed it sells nothing.
func TestStaleConfirmation(t *testing.T) {
	t.Parallel()
	s, store := newService(t)
	e := create(t, s)
	k := event.Key{EventID: e.ID, BookingID: uuid.NewString(), Attempt: 1}
	if _, err := s.Book(t.Context(), event.BookRequest{Key: k, Tickets: 2}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{events.TypeBookingCancelled, events.TypeBookingConfirmed} {
		if err := s.HandleBooking(t.Context(), message(kind, e, k.BookingID, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := store.Reservation(t.Context(), k); err != nil || r.State != event.Released {
		t.Errorf("the reservation is %v (%v)", r, err)
	}
}

func TestHandleBookingRefusesWhatNobodyUnderstands(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	e := create(t, s)
	id := uuid.NewString()
	good := message(events.TypeBookingConfirmed, e, id, 1)
	spoil := func(f func(*events.Message)) events.Message { m := good; f(&m); return m }
	for name, m := range map[string]events.Message{
		"no data":    spoil(func(m *events.Message) { m.Data = nil }),
		"not JSON":   spoil(func(m *events.Message) { m.Data = json.RawMessage("{") }),
		"array":      spoil(func(m *events.Message) { m.Data = json.RawMessage("[]") }),
		"wrong kind": spoil(func(m *events.Message) { m.Data = json.RawMessage(`{"attempt":"one"}`) }),
		"empty":      spoil(func(m *events.Message) { m.Data = json.RawMessage("{}") }),
		"no id":      spoil(func(m *events.Message) { m.ID = "" }),
		"booking id": message(events.TypeBookingConfirmed, e, "x", 1),
		"event id":   message(events.TypeBookingConfirmed, &event.Event{ID: "x"}, id, 1),
		"attempt":    message(events.TypeBookingConfirmed, e, id, 0),
	} {
		if err := s.HandleBooking(t.Context(), m); !errors.Is(err, event.ErrBadMessage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHandleBookingReportsAnUnknownType(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	m := message("booking.confirmed.v2", create(t, s), uuid.NewString(), 1)
	for _, data := range []json.RawMessage{m.Data, json.RawMessage("no JSON"), nil} {
		m.Data = data
		if err := s.HandleBooking(t.Context(), m); !errors.Is(err, event.ErrUnknownType) || errors.Is(err, event.ErrBadMessage) {
			t.Errorf("data %s: %v", data, err)
		}
	}
}

// faulty is an inventory whose storage fails.
type faulty struct{ event.Inventory }

var errStorage = errors.New("disk full")

func (faulty) Sell(context.Context, string, event.Key) error { return errStorage }

// A failure of the storage is no fault of the message: it is tried again.
func TestStorageFailureIsNoBadMessage(t *testing.T) {
	t.Parallel()
	_, store := newService(t)
	s, err := event.New(event.Options{Store: store, Inventory: faulty{store}, Holdings: store, Payments: eventtest.AnyPrice{}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	e := create(t, s)
	err = s.HandleBooking(t.Context(), message(events.TypeBookingConfirmed, e, uuid.NewString(), 1))
	if !errors.Is(err, errStorage) || errors.Is(err, event.ErrBadMessage) {
		t.Errorf("the error is %v", err)
	}
}

func TestBookRefusesWhatCanNeverBeHad(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	e := create(t, s)
	typeID := e.TicketTypes[0].ID
	k := event.Key{EventID: e.ID, BookingID: uuid.NewString(), Attempt: 1}
	for name, r := range map[string]event.BookRequest{
		"neither":    {Key: k},
		"both":       {Key: k, Tickets: 1, Items: []event.Request{{TicketTypeID: typeID, Quantity: 1}}},
		"negative":   {Key: k, Tickets: -1},
		"too many":   {Key: k, Tickets: 21},
		"a zero":     {Key: k, Items: []event.Request{{TicketTypeID: typeID}}},
		"overflow":   {Key: k, Items: []event.Request{{TicketTypeID: "a", Quantity: 1 << 62}, {TicketTypeID: "b", Quantity: 1 << 62}}},
		"duplicate":  {Key: k, Items: []event.Request{{TicketTypeID: typeID, Quantity: 1}, {TicketTypeID: typeID, Quantity: 1}}},
		"booking id": {Key: event.Key{EventID: e.ID, BookingID: "x", Attempt: 1}, Tickets: 1},
		"attempt":    {Key: event.Key{EventID: e.ID, BookingID: k.BookingID}, Tickets: 1},
	} {
		var invalid problem.Invalid
		if _, err := s.Book(t.Context(), r); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTimeZones: each name of the list is known, and kept as it was given.
func TestTimeZones(t *testing.T) {
	t.Parallel()
	names, err := os.ReadFile("timezones.txt")
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.Lines(string(names)) {
		if _, err := time.LoadLocation(strings.TrimSpace(name)); err != nil {
			t.Error(err)
		}
	}
	s, _ := newService(t)
	for _, zone := range []string{"UTC", "Europe/Berlin", "Asia/Calcutta", "Asia/Kolkata", "US/Eastern", "Etc/GMT+5", "America/Argentina/Buenos_Aires"} {
		d := draft()
		d.TimeZone = zone
		e, err := s.Create(t.Context(), identity.Caller{UserID: uuid.NewString(), Role: identity.Organizer}, d)
		if err != nil || e.TimeZone != zone {
			t.Errorf("%s is answered %v, want it kept", zone, err)
		}
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"STRASSE", "strasse", "Straße", "STRAẞE"}, {"ΟΔΟΣ", "οδος", "οδοσ"}, {"\u212Aelvin", "KELVIN", "kelvin"}, {"Ночь", "НОЧЬ"},
		{"ǅ", "ǆ", "Ǆ"}, {"ſ", "S", "s"}, {"寂しさ"}, {"", " ", "\u200B"},
		{"café", "cafe\u0301", "CAFÉ", "ｃａｆé", " ca\u00ADfé\u2003"}, {"ﬁnale", "FINALE"}, {"A  B", "a\u00A0b"},
		{"가", "\u1100\u1161"}, {"ｼﾞｬｽﾞ", "ジャズ"}, {"ᾼ", "ᾳ", "αι"}, {"İ", "i\u0307"},
	} {
		for _, s := range same {
			if event.Fold(s) != event.Fold(same[0]) || event.Fold(event.Fold(s)) != event.Fold(s) {
				t.Errorf("%q folds to %q, %q to %q", s, event.Fold(s), same[0], event.Fold(same[0]))
			}
		}
	}
	if event.Fold("é") == event.Fold("e") {
		t.Error("an accent is lost")
	}
}

// FuzzFold checks that folding a folded text changes nothing, and that a sort key
// does not depend on anything that Fold removes.
// NFKC makes 18 characters of U+FDFA.
func TestFoldIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\ufdfa", 9990)
	if n := len(event.Fold(long)); n > 4*9990+100 {
		t.Errorf("a text of %d bytes folds to %d", len(long), n)
	}
	if got, want := event.Fold("\ufdfa\ufdfa"), event.Fold("\ufdfa")+event.Fold("\ufdfa"); got != want {
		t.Errorf("two of them fold to %q, want %q", got, want)
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"Straße", "\u0345\u0391", "İ", "ᾼ", "\u1100\u1161 \u00A0", "\xff", "が", "🎷\uFE0F"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		folded := event.Fold(s)
		if again := event.Fold(folded); again != folded {
			t.Errorf("%q folds to %q, and that to %q", s, folded, again)
		}
		if event.SortKey(s) != event.SortKey(folded) {
			t.Errorf("%q and %q sort differently", s, folded)
		}
		for _, w := range (&event.Event{Title: s}).Keys().Words {
			if strings.ContainsAny(w, " \"*\\^$.|?+()[]{}\x00") || w == "" {
				t.Errorf("%q has the word %q", s, w)
			}
			if terms := (event.Query{Text: w}).Terms(); len(terms) != 1 || terms[0] != w {
				t.Errorf("the word %q of %q is looked for as %q", w, s, terms)
			}
		}
	})
}

// TestSortKey: an alphabet, in which case does not count.
func TestSortKey(t *testing.T) {
	t.Parallel()
	ordered := []string{
		"", "!", "1", "2", "a", "Äpfel", "apfelbaum", "b", "cote", "coté", "côte", "résumé", "resumé z", "Straße", "Strassf", "Zoo",
		"Ωδή", "Ёлка", "ночь", "寂",
	}
	for i, title := range ordered[1:] {
		if before := ordered[i]; event.SortKey(before) >= event.SortKey(title) {
			t.Errorf("%q does not come before %q", before, title)
		}
	}
	for _, same := range [][2]string{{"Zoo", "zOO"}, {"É", "e\u0301"}, {"a b", " A  B "}} {
		if event.SortKey(same[0]) != event.SortKey(same[1]) {
			t.Errorf("%q and %q have different places", same[0], same[1])
		}
	}
	if n := len(event.SortKey(strings.Repeat("寂", event.MaxTitle))); n > 512 {
		t.Errorf("the key of a long title has %d bytes, want at most 512", n)
	}
}

func TestSearchesAreBounded(t *testing.T) {
	t.Parallel()
	s, _ := newService(t)
	for text, refused := range map[string]bool{
		"a b c d e f g h i j": false, "a b c d e f g h i j k": true, "a a a a a a a a a a a a": false,
		strings.Repeat("寂し", 10): false, "東京都台東区上野公園七丁目二十番三号国立博物館": false,
		"寂 し い 東 京 都 台 上 野 公": false, "寂 し い 東 京 都 台 上 野 公 園": true,
	} {
		_, _, err := s.List(t.Context(), event.Query{Text: text, Limit: 10})
		var invalid problem.Invalid
		if errors.As(err, &invalid) != refused || !refused && err != nil {
			t.Errorf("%q is answered %v, want it refused: %t", text, err, refused)
		}
	}
	// A long text without spaces is looked for by its beginning.
	address := event.Query{Text: "東京都台東区上野公園七丁目二十番三号国立博物館"}
	if terms := address.Terms(); len(terms) != event.MaxTerms || terms[0] != "東京" {
		t.Errorf("an address is looked for by %q, want its first %d pairs", terms, event.MaxTerms)
	}
	long := event.Event{Title: "Title", Description: strings.Repeat("寂", 50)}
	for i := range 3000 {
		long.Description += fmt.Sprintf(" word%d", i)
	}
	if words := long.Keys().Words; len(words) != event.MaxWords || words[0] != "title" {
		t.Errorf("a long event has %d words, the first %q; want %d and its title", len(words), words[0], event.MaxWords)
	}
}
