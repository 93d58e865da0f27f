package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// The answers, as far as the tests look at them.

type ticketType struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`
	Price     money.Amount `json:"price"`
	Capacity  int          `json:"capacity"`
	Available int          `json:"available"`
}

type venue struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	City    string `json:"city"`
	Country string `json:"country"`
}

type event struct {
	ID          string       `json:"id"`
	Title       string       `json:"title"`
	Description string       `json:"description"`
	Category    string       `json:"category"`
	Venue       venue        `json:"venue"`
	StartsAt    time.Time    `json:"starts_at"`
	EndsAt      time.Time    `json:"ends_at"`
	TimeZone    string       `json:"time_zone"`
	OrganizerID string       `json:"organizer_id"`
	Status      string       `json:"status"`
	TicketTypes []ticketType `json:"ticket_types"`
	Policy      struct {
		FreeHours      int `json:"free_hours"`
		FeeBasisPoints int `json:"fee_basis_points"`
	} `json:"cancellation_policy"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

type availability struct {
	EventID     string       `json:"event_id"`
	Capacity    int          `json:"capacity"`
	Available   int          `json:"available"`
	SalesOpen   bool         `json:"sales_open"`
	TicketTypes []ticketType `json:"ticket_types"`
}

type booking struct {
	ID      string `json:"id"`
	UserID  string `json:"user_id"`
	EventID string `json:"event_id"`
	Event   *struct {
		ID    string `json:"id"`
		Title string `json:"title"`
		Venue venue  `json:"venue"`
	} `json:"event"`
	Items []struct {
		TicketTypeID string       `json:"ticket_type_id"`
		Name         string       `json:"name"`
		Quantity     int          `json:"quantity"`
		UnitPrice    money.Amount `json:"unit_price"`
	} `json:"items"`
	Tickets int           `json:"tickets"`
	Total   *money.Amount `json:"total"`
	Status  string        `json:"status"`
	Reason  string        `json:"reason"`
	Payment struct {
		Provider   string        `json:"provider"`
		Reference  string        `json:"reference"`
		Status     string        `json:"status"`
		Captured   *money.Amount `json:"captured"`
		NextAction *struct{}     `json:"next_action"`
	} `json:"payment"`
	Refunds []struct {
		ID     string       `json:"id"`
		Amount money.Amount `json:"amount"`
		Status string       `json:"status"`
	} `json:"refunds"`
	Cancellations []struct {
		ID     string       `json:"id"`
		Price  money.Amount `json:"price"`
		Fee    money.Amount `json:"fee"`
		All    bool         `json:"all"`
		Status string       `json:"status"`
	} `json:"cancellations"`
	Timeline []struct {
		At     time.Time `json:"at"`
		Step   string    `json:"step"`
		Detail string    `json:"detail"`
	} `json:"timeline"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// wasLate says that it was paid when it was over.
func (b booking) wasLate() bool {
	for _, s := range b.Timeline {
		if s.Step == "late_payment" {
			return true
		}
	}
	return false
}

type notification struct {
	ID        string     `json:"id"`
	BookingID string     `json:"booking_id"`
	UserID    string     `json:"user_id"`
	Channel   string     `json:"channel"`
	To        string     `json:"to"`
	Subject   string     `json:"subject"`
	Status    string     `json:"status"`
	Attempts  int        `json:"attempts"`
	Error     string     `json:"error"`
	CreatedAt time.Time  `json:"created_at"`
	SentAt    *time.Time `json:"sent_at"`
}

// entry is a line of the sandbox's ledger.
type entry struct {
	BookingID string       `json:"booking_id"`
	Kind      string       `json:"kind"`
	Amount    money.Amount `json:"amount"`
	Reference string       `json:"reference"`
	At        time.Time    `json:"at"`
}

type list[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}

// all follows a list's cursors from its first page to its last.
func all[T any](p *platform, s service, path string, options ...option) ([]T, error) {
	var items []T
	u, err := url.Parse(path)
	if err != nil {
		return nil, err
	}
	for {
		res, err := p.patiently(http.MethodGet, s, u.String(), options...)
		if err != nil {
			return nil, err
		}
		if res.status != http.StatusOK {
			return nil, fmt.Errorf("%s: %d %s", res.request, res.status, res.body)
		}
		var page list[T]
		if err := json.Unmarshal(res.body, &page); err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if page.NextCursor == nil {
			return items, nil
		}
		q := u.Query()
		q.Set("cursor", *page.NextCursor)
		u.RawQuery = q.Encode()
	}
}

// wholeList is all, of a list that must be had.
func wholeList[T any](t testing.TB, p *platform, s service, path string, options ...option) []T {
	t.Helper()
	items, err := all[T](p, s, path, options...)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// ledgerOf is what was charged and refunded for a booking.
func (p *platform) ledgerOf(t testing.TB, bookingID string) []entry {
	t.Helper()
	return wholeList[entry](t, p, bookings, "/payments/sandbox/ledger?booking_id="+bookingID, as(p.admin))
}

// draft is an event that can be published, with these capacities at 25 and
// 10 euro in turn.
func draft(capacities ...int) obj {
	starts := time.Now().Add(30 * 24 * time.Hour).UTC().Truncate(time.Second)
	types := []obj{}
	for i, c := range capacities {
		types = append(types, obj{
			"name": fmt.Sprintf("Type %d", i+1), "capacity": c,
			"price": money.Amount{AmountMinor: []int64{2500, 1000}[i%2], Currency: "EUR"},
		})
	}
	return obj{
		"title": "Ein Abend für Zoë – 夜", "description": "Doors at seven.", "category": "music",
		"venue":     venue{Name: "Kleine Halle", Address: "Torstraße 1", City: "Berlin", Country: "DE"},
		"starts_at": starts, "ends_at": starts.Add(2 * time.Hour), "time_zone": "Europe/Berlin",
		"ticket_types": types,
	}
}

// publish publishes what draft says.
func (p *platform) publish(t testing.TB, by *account, draft obj) event {
	t.Helper()
	var e event
	post := func() *answer { return p.call(t, http.MethodPost, gateway, "/events", as(by), body(draft)) }
	res := post()
	if res.is(problem.EmailNotVerified) { // a platform that is running already may send mail
		p.verify(t, by)
		res = post()
	}
	res.want(t, http.StatusCreated).into(t, &e)
	return e
}

// available returns what is left of an event.
func (p *platform) available(t testing.TB, eventID string) availability {
	t.Helper()
	a, err := p.leftOf(eventID)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (p *platform) leftOf(eventID string) (a availability, err error) {
	res, err := p.patiently(http.MethodGet, gateway, "/events/"+eventID+"/availability")
	if err != nil {
		return a, err
	}
	if res.status != http.StatusOK {
		return a, fmt.Errorf("%s: %d %s", res.request, res.status, res.body)
	}
	return a, json.Unmarshal(res.body, &a)
}

// book books so many of the event's first ticket type, which must succeed.
func (p *platform) book(t testing.TB, by *account, e event, tickets int) booking {
	t.Helper()
	var b booking
	p.call(t, http.MethodPost, gateway, "/bookings", as(by), body(obj{"event_id": e.ID, "tickets": tickets})).
		want(t, http.StatusCreated).into(t, &b)
	return b
}

// bookingNow is how a booking stands.
func (p *platform) bookingNow(t testing.TB, by *account, id string) booking {
	t.Helper()
	var b booking
	p.get(t, gateway, "/bookings/"+id, &b, as(by))
	return b
}
