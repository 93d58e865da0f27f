package webtest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/web"
)

// Ports are all of web's.
type Ports interface {
	web.Catalog
	web.Checkouts
	web.Bookings
	web.Links
	web.SignIns
	web.Accounts
	web.Proofs
}

// World is a platform that the suites ask through the ports. Several suites may share
// one: they keep apart by their own events, accounts and addresses.
type World struct {
	Ports

	// AddEvent publishes an event and returns it as it is shown. Only what an organizer
	// may say of it counts, and the capacity of its ticket types is what is left.
	AddEvent func(t *testing.T, e web.Event) web.Event
	// CancelEvent cancels an event.
	CancelEvent func(t *testing.T, id string)
	// AddImage gives an event a picture.
	AddImage func(t *testing.T, id string)
	// LinkKey returns the key in the link that a booking's buyer is mailed, and TicketKey
	// that of a ticket's holder.
	LinkKey   func(t *testing.T, bookingID string) string
	TicketKey func(t *testing.T, bookingID string, ticket web.Ticket) string
	// MailedToken waits for a mail to an address and returns its token. Its kind is
	// verification, password_reset or email_change.
	MailedToken func(t *testing.T, to, kind string) string
}

// subtest is one promise.
type subtest struct {
	name string
	test func(t *testing.T, w World)
}

func run(t *testing.T, open func(t *testing.T) World, tests []subtest) {
	for _, s := range tests {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.test(t, open(t))
		})
	}
}

// visitors counts the addresses that were given out.
var visitors atomic.Uint32

// visitor is somebody new, with an address that nobody has had.
func visitor() web.Caller {
	n := visitors.Add(1)
	return web.Caller{Address: netip.AddrFrom4([4]byte{100, 64 + byte(n>>16)%64, byte(n >> 8), byte(n)})}
}

// somebody is an email address that nobody has had.
func somebody(name string) string { return name + "." + newID() + "@example.com" }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func wantRefusal(t *testing.T, err error, code string) {
	t.Helper()
	_ = refusal(t, err, code)
}

// refusal returns err, which must be the platform's refusal with this code.
func refusal(t *testing.T, err error, code string) *web.Refusal {
	t.Helper()
	r, ok := errors.AsType[*web.Refusal](err)
	if !ok || r.Code != code {
		t.Fatalf("error %v, want the refusal %s", err, code)
	}
	if r.Detail == "" {
		t.Errorf("the refusal %s says nothing to people", code)
	}
	return r
}

// wantField checks that err is the refusal of one field.
func wantField(t *testing.T, err error, field string) {
	t.Helper()
	r := refusal(t, err, "validation_failed")
	for _, f := range r.Fields {
		if f.Field == field && f.Message != "" {
			return
		}
	}
	t.Errorf("the fields %v are refused, want %s", r.Fields, field)
}

// eventually calls ask until it reports true, for a minute.
func eventually(t *testing.T, what string, ask func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ask(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("after a minute %s", what)
		}
	}
}

// Concert is an event of one type, on sale.
func Concert(price int64, capacity int) web.Event {
	begins := time.Now().Add(30 * 24 * time.Hour).UTC().Truncate(time.Second)
	return web.Event{
		Title: "Nachtzüge " + newID(), Description: "Vier Leute, ein Tisch.", Category: "music", Zone: zone("Europe/Berlin"),
		StartsAt: begins, EndsAt: begins.Add(2 * time.Hour), Transfers: true, MaxPerBooking: 10,
		Venue:              web.Venue{Name: "Alte Münze", Address: "Molkenmarkt 2", City: "Berlin", Country: "DE"},
		TicketTypes:        []web.TicketType{{Name: "Stehplatz", Price: eur(price), Capacity: capacity, Available: capacity}},
		CancellationPolicy: web.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 1000},
	}
}

// person is a visitor who has become somebody.
type person struct {
	web.Caller

	tokens          web.Tokens
	email, password string
}

func (w World) guest(t *testing.T) person {
	t.Helper()
	p := person{Caller: visitor(), email: somebody("guest")}
	var err error
	p.tokens, err = w.AdmitGuest(t.Context(), p.Caller, web.Guest{Name: "Ada Lovelace", Email: p.email, Locale: "de"})
	must(t, err)
	p.AccessToken = p.tokens.Access
	return p
}

func (w World) customer(t *testing.T) person {
	t.Helper()
	p := person{Caller: visitor(), email: somebody("customer"), password: "a sparrow in the organ"}
	must(t, w.Register(t.Context(), p.Caller, web.Registration{Name: "Grace Hopper", Email: p.email, Password: p.password}))
	return w.again(t, p)
}

// again logs p in once more.
func (w World) again(t *testing.T, p person) person {
	t.Helper()
	p.AccessToken = ""
	var err error
	p.tokens, err = w.LogIn(t.Context(), p.Caller, p.email, p.password)
	must(t, err)
	p.AccessToken = p.tokens.Access
	return p
}

// begin holds n tickets of an event's first type.
func (w World) begin(t *testing.T, p person, e web.Event, n int) web.Booking {
	t.Helper()
	b, err := w.Begin(t.Context(), p.Caller, newID(), e.ID, quantities(e, n), total(t, e, n))
	must(t, err)
	return b
}

func quantities(e web.Event, n int) []web.Quantity {
	return []web.Quantity{{TicketTypeID: e.TicketTypes[0].ID, Quantity: n}}
}

func total(t *testing.T, e web.Event, n int) money.Amount {
	t.Helper()
	sum, err := e.TicketTypes[0].Price.Times(n)
	must(t, err)
	return sum
}

// buy pays for n tickets of an event's first type.
func (w World) buy(t *testing.T, p person, e web.Event, n int) web.Booking {
	t.Helper()
	b := w.begin(t, p, e, n)
	b, err := w.Pay(t.Context(), p.Caller, newID(), b.ID, cardFor(b))
	must(t, err)
	if b.Status != web.Confirmed {
		t.Fatalf("a paid booking is %s", b.Status)
	}
	return b
}

func cardFor(b web.Booking) string {
	if b.Total.IsZero() {
		return ""
	}
	return "tok_visa"
}

func (w World) tickets(t *testing.T, by web.Caller, id string) []web.Ticket {
	t.Helper()
	tickets, err := w.Tickets(t.Context(), by, id)
	must(t, err)
	return tickets
}

// available is how many tickets of an event's first type are left.
func (w World) available(t *testing.T, e web.Event) int {
	t.Helper()
	e, err := w.Event(t.Context(), visitor(), e.ID)
	must(t, err)
	return e.TicketTypes[0].Available
}

// asked are calls of a port's methods, by their names.
type asked map[string]func(ctx context.Context, by web.Caller) error

// ends is for every port: a call whose context has ended is not answered.
func ends(t *testing.T, by web.Caller, calls asked) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range calls {
		if err := call(ctx, by); !errors.Is(err, web.ErrUnavailable) {
			t.Errorf("%s after the end of its context: error %v, want ErrUnavailable", name, err)
		}
	}
}

// noToken is for every port that asks for a token.
func noToken(t *testing.T, calls asked) {
	for _, token := range []string{"", "forged", "a.b.c"} {
		by := visitor()
		by.AccessToken = token
		for name, call := range calls {
			if err := call(t.Context(), by); !errors.Is(err, web.ErrSignedOut) {
				t.Errorf("%s with the token %q: error %v, want ErrSignedOut", name, token, err)
			}
		}
	}
}

// noID is for every port with ids: what is none names nothing.
func noID(t *testing.T, by web.Caller, call func(ctx context.Context, by web.Caller, id string) error, name string) {
	for _, id := range []string{"", ".", "..", "x", "../users/me", "a/b", "%2e%2e", "\x00", "🎟", "00000000-0000-0000-0000-000000000000", newID(), fmt.Sprintf("%300d", 1)} {
		if err := call(t.Context(), by, id); !errors.Is(err, web.ErrNotFound) {
			t.Errorf("%s of %q: error %v, want ErrNotFound", name, id, err)
		}
	}
}
