package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
)

// bareEnv makes this program be a server that reads and writes the JSON of the
// API, and does nothing else: what HTTP and JSON cost alone.
const bareEnv = "BENCH_BARE"

// The JSON of the API, as the services write it. Values stand for any.

type bareType struct {
	ID        string       `json:"id"`
	Name      string       `json:"name"`
	Price     money.Amount `json:"price"`
	Capacity  int          `json:"capacity"`
	Available int          `json:"available"`
}

type bareEvent struct {
	ID          string                    `json:"id"`
	Title       string                    `json:"title"`
	Description string                    `json:"description"`
	Category    string                    `json:"category"`
	Venue       events.Venue              `json:"venue"`
	StartsAt    time.Time                 `json:"starts_at"`
	EndsAt      time.Time                 `json:"ends_at"`
	TimeZone    string                    `json:"time_zone"`
	OrganizerID string                    `json:"organizer_id"`
	Status      string                    `json:"status"`
	Policy      events.CancellationPolicy `json:"cancellation_policy"`
	TicketTypes []bareType                `json:"ticket_types"`
	CreatedAt   time.Time                 `json:"created_at"`
	UpdatedAt   time.Time                 `json:"updated_at"`
}

type bareAvailability struct {
	EventID     string     `json:"event_id"`
	Capacity    int        `json:"capacity"`
	Available   int        `json:"available"`
	SalesOpen   bool       `json:"sales_open"`
	TicketTypes []bareType `json:"ticket_types"`
}

type bareOrder struct {
	EventID string `json:"event_id"`
	Tickets int    `json:"tickets"`
}

type bareStep struct {
	At     time.Time `json:"at"`
	Step   string    `json:"step"`
	Detail string    `json:"detail"`
}

type bareBooking struct {
	ID      string        `json:"id"`
	UserID  string        `json:"user_id"`
	EventID string        `json:"event_id"`
	Event   events.Event  `json:"event"`
	Items   []events.Item `json:"items"`
	Tickets int           `json:"tickets"`
	Total   money.Amount  `json:"total"`
	Status  string        `json:"status"`
	Payment struct {
		Provider  string `json:"provider"`
		Reference string `json:"reference"`
		Status    string `json:"status"`
	} `json:"payment"`
	Refunds       []struct{} `json:"refunds"`
	Cancellations []struct{} `json:"cancellations"`
	Timeline      []bareStep `json:"timeline"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
}

// serveBare serves until standard input ends, and says first where.
func serveBare() error {
	const id = "01890a5d-ac96-774b-bcce-b302099a8057"
	now, euros := time.Now().UTC(), money.Amount{AmountMinor: price, Currency: "EUR"}
	hall := events.Venue{Name: "Kleine Halle", Address: "Torstraße 1", City: "Berlin", Country: "DE"}
	types := []bareType{{ID: id, Name: "Standing", Price: euros, Capacity: 20_000, Available: 12_345}}
	event := bareEvent{
		ID: id, Title: "Ein Abend für Zoë – 夜", Description: "Doors at seven.", Category: "music", Venue: hall,
		StartsAt: now, EndsAt: now, TimeZone: "Europe/Berlin", OrganizerID: id, Status: "PUBLISHED", TicketTypes: types,
		CreatedAt: now, UpdatedAt: now,
	}
	list := map[string]any{"items": make([]bareEvent, 20), "next_cursor": id + id}
	for i := range list["items"].([]bareEvent) {
		list["items"].([]bareEvent)[i] = event
	}
	booking := bareBooking{
		ID: id, UserID: id, EventID: id, Event: events.Event{ID: id, Title: event.Title, StartsAt: now, TimeZone: event.TimeZone, Venue: hall},
		Items: []events.Item{{TicketTypeID: id, Name: "Standing", Quantity: 1, UnitPrice: euros}}, Tickets: 1, Total: euros, Status: "CONFIRMED",
		Refunds: []struct{}{}, Cancellations: []struct{}{}, CreatedAt: now, UpdatedAt: now,
		Timeline: []bareStep{{now, "created", ""}, {now, "reserved", "attempt 1"}, {now, "charged", id}, {now, "confirmed", ""}},
	}
	booking.Payment.Provider, booking.Payment.Reference, booking.Payment.Status = "sandbox", id, "captured"

	mux := chi.NewMux()
	write := func(status int, v any) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(v) // whoever does not read it is gone
		}
	}
	mux.Get("/events", write(http.StatusOK, list))
	mux.Get("/events/{id}", write(http.StatusOK, event))
	mux.Get("/events/{id}/availability", write(http.StatusOK, bareAvailability{id, 20_000, 12_345, true, types}))
	mux.Post("/bookings", func(w http.ResponseWriter, r *http.Request) {
		var order bareOrder
		if err := json.NewDecoder(r.Body).Decode(&order); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		b := booking
		b.EventID, b.Tickets = order.EventID, order.Tickets
		write(http.StatusCreated, b)(w, r)
	})
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	if _, err := fmt.Fprintln(os.Stdout, "http://"+ln.Addr().String()); err != nil {
		return err
	}
	_ = server.Serve(ln) // Close ends it
	return nil
}

// limitBare is what a bare handler takes, of the requests that are measured.
func (b *bench) limitBare(clients int) (all []*Result, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(b.ctx, self) //nolint:gosec // this very program
	cmd.Env = append(os.Environ(), bareEnv+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		_ = in.Close()
		_ = cmd.Wait() // it has nothing to say
	}()
	at, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, err
	}
	bare := &platform{way: limits, client: newClient()}
	bare.at.Addresses = map[string]string{"bare": strings.TrimSpace(at)}
	bare.at.Processes = map[string]int{"bare": cmd.Process.Pid}
	short := *b
	short.time = b.time / 3
	order, err := json.Marshal(bareOrder{"01890a5d-ac96-774b-bcce-b302099a8057", 1})
	if err != nil {
		return nil, err
	}
	for _, read := range []struct{ method, what, path, want string }{
		{http.MethodPost, "bare POST /bookings", "/bookings", "201"},
		{http.MethodGet, "bare GET /events", "/events", "200"},
		{http.MethodGet, "bare GET /events/{id}", "/events/x", "200"},
		{http.MethodGet, "bare GET /events/{id}/availability", "/events/x/availability", "200"},
	} {
		r, err := short.repeat(bare, read.what, clients, 0, func(int, int) (*answer, error) {
			if read.method == http.MethodPost {
				return bare.send(read.method, "bare", read.path, nil, order)
			}
			return bare.send(read.method, "bare", read.path, nil, nil)
		}, read.want)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}
