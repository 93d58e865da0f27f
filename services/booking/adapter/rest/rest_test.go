package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/contracts/ticketcode"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/document"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/rest"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/auth"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

const (
	alice = "01890a5d-ac96-774b-bcce-b302099a8001"
	bob   = "01890a5d-ac96-774b-bcce-b302099a8002"
	guest = "01890a5d-ac96-774b-bcce-b302099a8003"
	event = "01890a5d-ac96-774b-bcce-b302099a8057"
	seat  = "01890a5d-ac96-774b-bcce-b302099a8058"
)

// catalog answers what the test sets.
type catalog struct{ availability, reserve, release, holdings error }

func (c *catalog) Availability(context.Context, string) (booking.Availability, error) {
	return booking.Availability{EventID: event, Types: []booking.TicketType{
		{ID: seat, Name: "Seat", Price: money.Amount{AmountMinor: 2500, Currency: "EUR"}, Available: 100},
	}}, c.availability
}

func (c *catalog) Reserve(_ context.Context, r booking.Reservation) (booking.Reserved, error) {
	total, err := r.Items[0].UnitPrice.Times(r.Items[0].Quantity)
	if err != nil {
		return booking.Reserved{}, err
	}
	return booking.Reserved{
		Event: events.Event{ID: event, Title: "E", StartsAt: time.Now().Add(time.Hour), TimeZone: "UTC"}, Items: r.Items, Total: total,
	}, c.reserve
}

func (c *catalog) Release(context.Context, string, string, int) error { return c.release }

func (c *catalog) Return(context.Context, booking.Return) error { return c.release }

func (c *catalog) Holdings(context.Context, string, int) ([]booking.Holding, error) {
	return nil, c.holdings
}

func recheck(context.Context, time.Time) (int, []events.Message, error) { return 0, nil, nil }

// payments are the sandbox's, except that nobody waits: a charge whose answer
// would never come, or late, is unknown at once. It has limits, and does not
// charge little to tok_small.
type payments struct{ *sandbox.Sandbox }

func (p payments) Limits(currency string) (booking.ChargeLimits, error) {
	if currency == "IQD" {
		return booking.ChargeLimits{}, booking.ErrCurrencyNotSupported
	}
	return booking.ChargeLimits{Step: 10, Minimum: 50, Maximum: 45_000}, nil
}

func (p payments) Charge(ctx context.Context, c booking.Charge) (booking.Charged, error) {
	if c.Token == "tok_small" {
		return booking.Charged{}, booking.ErrAmountNotPayable
	}
	if c.Token == sandbox.Timeout || c.Token == sandbox.Slow {
		return booking.Charged{}, booking.ErrOutcomeUnknown
	}
	return p.Sandbox.Charge(ctx, c)
}

type api struct {
	*catalog
	handler http.Handler
	records booking.Records
	store   booking.Store
	service *booking.Service
	outbox  outbox.Store
}

func newAPI(t testing.TB) *api {
	t.Helper()
	return newAPIWith(t, func(d booking.Documents) booking.Documents { return d })
}

// newAPIWith is newAPI with other documents.
func newAPIWith(t testing.TB, with func(booking.Documents) booking.Documents) *api {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "b.db"))
	if err != nil {
		t.Fatal(err)
	}
	pay, err := sandbox.Open(t.Context(), filepath.Join(t.TempDir(), "s.db"), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = store.Close(), pay.Close() })
	log := slog.New(slog.DiscardHandler)
	a := &api{catalog: &catalog{}, records: store, store: store}
	s := booking.New(booking.Options{
		Store: store, StuckBookings: store, CancelledEvents: store, Catalog: a.catalog, Payments: payments{pay}, Log: log, PaymentTimeout: time.Hour,
		Records: store, Holdings: a.catalog, Statements: pay, Recheck: recheck, LinkKeys: linkKeys, LinkMails: store.LinkMails(),
	})
	a.service, a.outbox = s, store.Outbox()
	guard := &auth.Guard{Verify: func(_ context.Context, token string) (identity.Caller, error) {
		c := identity.Caller{UserID: token, Email: "a@example.com", Role: identity.Customer}
		switch token {
		case "admin":
			c.Role = identity.Admin
		case guest:
			c.Role = identity.Guest
		}
		return c, nil
	}, VerifyService: func(token string) (string, error) { return token, nil }} // it is the service
	ticketKeys, err := ticketcode.NewKeys([]byte(strings.Repeat("k", ticketcode.MinSecret)))
	if err != nil {
		t.Fatal(err)
	}
	documents, err := document.New()
	if err != nil {
		t.Fatal(err)
	}
	mux := httpkit.NewRouter(log)
	rest.Register(httpkit.NewAPI(mux, "t", ""), s, rest.Options{Guard: guard, Address: func(r *http.Request) string { return r.Header.Get("From") }, AuditLog: store, CancelledEvents: store, Records: store, Ledger: pay, TicketKeys: ticketKeys, Documents: with(documents)})
	a.handler = mux
	return a
}

type result struct {
	status int
	header http.Header
	body   map[string]any
	raw    string
}

func (r result) String() string { return fmt.Sprintf("%d %s", r.status, r.raw) }

func (a *api) do(t testing.TB, as, method, path, body string, header ...string) result {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if as != "" {
		r.Header.Set("Authorization", "Bearer "+as)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	out := result{status: w.Code, header: w.Header(), raw: w.Body.String()}
	if strings.HasSuffix(out.header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(w.Body.Bytes(), &out.body); err != nil {
			t.Fatalf("%s %s: %q is no JSON", method, path, out.raw)
		}
	}
	return out
}

func book(extra string) string { return `{"event_id":"` + event + `","tickets":2` + extra + `}` }

func TestBookAndRead(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	r := a.do(t, alice, http.MethodPost, "/bookings", book(""))
	if r.status != 201 || r.body["status"] != "CONFIRMED" || r.body["tickets"] != 2.0 || r.body["user_id"] != alice {
		t.Fatal(r)
	}
	id := r.body["id"].(string)
	if r.header.Get("Location") != "/bookings/"+id {
		t.Errorf("Location %q", r.header.Get("Location"))
	}
	for _, field := range []string{"event", "items", "total", "payment", "timeline", "created_at", "updated_at", "event_id"} {
		if r.body[field] == nil {
			t.Errorf("no %s in %s", field, r.raw)
		}
	}
	for as, want := range map[string]int{alice: 200, bob: 403, "admin": 200} {
		for _, path := range []string{"/bookings/" + id, "/bookings/" + strings.ToUpper(id), "/bookings/user/" + alice} {
			if r := a.do(t, as, http.MethodGet, path, ""); r.status != want {
				t.Errorf("%s as %s: %s", path, as, r)
			}
		}
	}
	if r := a.do(t, bob, http.MethodGet, "/bookings", ""); r.raw != `{"items":[],"next_cursor":null}`+"\n" {
		t.Errorf("bob's list: %s", r)
	}
	if r := a.do(t, bob, http.MethodPut, "/bookings/"+id+"/cancel", ""); r.status != 403 {
		t.Errorf("bob cancels: %s", r)
	}
	if r := a.do(t, alice, http.MethodPut, "/bookings/"+id+"/cancel", ""); r.status != 200 || r.body["status"] != "CANCELLED" {
		t.Errorf("alice cancels: %s", r)
	}
	ledger := a.do(t, "admin", http.MethodGet, "/payments/sandbox/ledger?booking_id="+id, "")
	if items, _ := ledger.body["items"].([]any); len(items) != 2 {
		t.Errorf("ledger: %s", ledger)
	}
	if r := a.do(t, alice, http.MethodGet, "/payments/sandbox/ledger", ""); r.status != 403 {
		t.Errorf("the ledger for a customer: %s", r)
	}
}

func TestChargeLimits(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ask := func(service, currency string) result {
		return a.do(t, alice, http.MethodGet, "/charge-limits/"+currency, "", "X-Service-Token", service)
	}
	want := `{"currency":"KWD","step_minor":10,"minimum_minor":50,"maximum_minor":45000}` + "\n"
	if r := ask("event", "KWD"); r.status != 200 || r.raw != want {
		t.Errorf("limits: %s, want %s", r, want)
	}
	for _, c := range []struct {
		service, currency string
		status            int
		code              problem.Code
	}{
		{"event", "IQD", 404, problem.CurrencyNotSupported},
		{"event", "kwd", 422, problem.ValidationFailed},
		{"event", "EURO", 422, problem.ValidationFailed},
		{"notification", "KWD", 403, problem.Forbidden},
		{"", "KWD", 401, problem.Unauthenticated},
	} {
		if r := ask(c.service, c.currency); r.status != c.status || r.body["code"] != string(c.code) {
			t.Errorf("%s for %q: %s, want %d %s", c.currency, c.service, r, c.status, c.code)
		}
	}
}

func TestTheTicketsOfAnEventAreForAdmission(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	ask := func(service, query string) result {
		return a.do(t, alice, http.MethodGet, "/events/"+strings.ToUpper(event)+"/tickets"+query, "", "X-Service-Token", service)
	}
	if r := ask("admission", ""); r.status != 200 || len(r.body["items"].([]any)) > 0 || r.body["next_after"] != nil || len(r.body["public_keys"].([]any)) != 1 {
		t.Errorf("without bookings: %s", r)
	}
	var want, got []string
	for range 3 {
		id := a.do(t, alice, http.MethodPost, "/bookings", `{"event_id":"`+event+`","tickets":2}`).body["id"].(string)
		want = append(want, id)
	}
	a.do(t, alice, http.MethodPost, "/bookings", `{"event_id":"`+event+`","tickets":1,"payment":{"token":"tok_declined"}}`)
	a.do(t, alice, http.MethodPost, "/bookings/"+want[1]+"/cancellations", returning(booking.TicketID(want[1], 1)), "Idempotency-Key", "k")
	a.do(t, alice, http.MethodPatch, "/bookings/"+want[2]+"/tickets/"+booking.TicketID(want[2], 2), `{"holder":{"name":"Grace","email":"grace@example.com"}}`)
	var tickets []string
	for query, n := "?limit=2", 0; n < 3; n++ {
		r := ask("admission", query)
		for _, item := range r.body["items"].([]any) {
			of := item.(map[string]any)
			got = append(got, of["booking_id"].(string))
			for _, one := range of["tickets"].([]any) {
				ticket := one.(map[string]any)
				tickets = append(tickets, fmt.Sprintf("%v %v %v %v", ticket["number"], ticket["status"], ticket["issue"], ticket["holder_name"]))
			}
			if v := of["version"].(float64); v < 2 {
				t.Errorf("version %v", v)
			}
		}
		if strings.Contains(r.raw, "@") {
			t.Errorf("it has an address: %s", r)
		}
		next, _ := r.body["next_after"].(string)
		if next == "" {
			break
		}
		query = "?limit=2&after=" + strings.ToUpper(next)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("bookings (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"1 VALID 1 ", "2 VALID 1 ", "1 CANCELLED 1 ", "2 VALID 1 ", "1 VALID 1 ", "2 VALID 2 Grace"}, tickets); d != "" {
		t.Errorf("tickets (-want +got):\n%s", d)
	}
	for _, c := range []struct {
		service, query string
		status         int
	}{
		{"admission", "?limit=1001", 422},
		{"admission", "?after=x", 422},
		{"event", "", 403},
		{"", "", 401},
	} {
		if r := ask(c.service, c.query); r.status != c.status {
			t.Errorf("%s for %q: %s, want %d", c.query, c.service, r, c.status)
		}
	}
}

// A service reads 1 MiB of an answer. What does not fit is on the next page.
func TestAPageOfTicketsIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	var want, got []string
	for range 60 {
		b := booking.Booking{
			ID: uuid.Must(uuid.NewV7()).String(), UserID: alice, EventID: event, Status: booking.Confirmed, Attempt: 1, Version: 1,
			Items:     []events.Item{{TicketTypeID: seat, Name: "Seat", Quantity: booking.MaxTickets, UnitPrice: money.Amount{Currency: "EUR"}}},
			CreatedAt: time.Now(), UpdatedAt: time.Now(),
		}
		for n := range booking.MaxTickets {
			b.Holders = append(b.Holders, booking.TicketHolder{Number: n + 1, Holder: booking.Holder{Name: strings.Repeat("🎷", 200)}, Issue: 2})
		}
		if err := a.store.Create(t.Context(), b, booking.Key{}, nil); err != nil {
			t.Fatal(err)
		}
		want = append(want, b.ID)
	}
	for after, pages := "", 0; ; pages++ {
		r := a.do(t, alice, http.MethodGet, "/events/"+event+"/tickets?after="+after, "", "X-Service-Token", "admission")
		if r.status != 200 || len(r.raw) > httpkit.MaxBodyBytes {
			t.Fatalf("page %d: status %d, %d bytes, want 200 and at most %d", pages+1, r.status, len(r.raw), httpkit.MaxBodyBytes)
		}
		for _, item := range r.body["items"].([]any) {
			got = append(got, item.(map[string]any)["booking_id"].(string))
		}
		var more bool
		if after, more = r.body["next_after"].(string); !more {
			break
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("bookings (-want +got):\n%s", d)
	}
}

func TestPagesNeitherRepeatNorSkip(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for range 5 {
		a.do(t, alice, http.MethodPost, "/bookings", book(""))
	}
	seen, path := map[any]bool{}, "/bookings?limit=2"
	for path != "" {
		r := a.do(t, alice, http.MethodGet, path, "")
		for _, it := range r.body["items"].([]any) {
			seen[it.(map[string]any)["id"]] = true
		}
		path = ""
		if c, ok := r.body["next_cursor"].(string); ok {
			path = "/bookings?limit=2&cursor=" + c
			a.do(t, alice, http.MethodPost, "/bookings", book(""))
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d of 5 bookings seen", len(seen))
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, c := range []struct {
		name, body string
		set        func(*catalog)
		status     int
		code       problem.Code
	}{
		{"declined", book(`,"payment":{"token":"tok_declined"}`), nil, 402, problem.PaymentDeclined},
		{"no money", book(`,"payment":{"token":"tok_insufficient_funds"}`), nil, 402, problem.PaymentDeclined},
		{"too much in all", `{"event_id":"` + event + `","tickets":20}`, nil, 409, problem.AmountNotPayable},
		{"too little for this card", book(`,"payment":{"token":"tok_small"}`), nil, 409, problem.AmountNotPayable},
		{"sold out at once", book(""), func(c *catalog) { c.availability = booking.ErrSoldOut }, 409, problem.SoldOut},
		{"sold out at last", book(""), func(c *catalog) { c.reserve = booking.ErrSoldOut }, 409, problem.SoldOut},
		{"closed", book(""), func(c *catalog) { c.reserve = booking.ErrSalesClosed }, 409, problem.SalesClosed},
		{"too early", book(""), func(c *catalog) { c.reserve = booking.ErrNotOnSaleYet }, 409, problem.NotOnSaleYet},
		{"no event", book(""), func(c *catalog) { c.availability = booking.ErrEventNotFound }, 404, problem.EventNotFound},
		{"event service down", book(""), func(c *catalog) { c.availability = booking.ErrOutcomeUnknown }, 503, problem.UpstreamUnavailable},
		{"event service dies", book(""), func(c *catalog) { c.reserve = booking.ErrOutcomeUnknown }, 503, problem.UpstreamUnavailable},
		{"for somebody else", book(`,"user_id":"` + bob + `"`), nil, 403, problem.Forbidden},
		{"unknown ticket type", `{"event_id":"` + event + `","items":[{"ticket_type_id":"` + event + `","quantity":1}]}`, nil, 422, problem.TicketTypeNotFound},
		{"another total than expected", book(`,"expected_total":{"amount_minor":1,"currency":"EUR"}`), nil, 409, problem.PriceChanged},
		{"a negative total", book(`,"expected_total":{"amount_minor":-1,"currency":"EUR"}`), nil, 422, problem.ValidationFailed},
		{"a total without a currency", book(`,"expected_total":{"amount_minor":5000}`), nil, 422, problem.ValidationFailed},
		{"a total in no currency", book(`,"expected_total":{"amount_minor":5000,"currency":"euro"}`), nil, 422, problem.ValidationFailed},
		{"a total that is a number", book(`,"expected_total":5000`), nil, 422, problem.ValidationFailed},
		{"a token that is null", book(`,"payment":{"token":null}`), nil, 422, problem.ValidationFailed},
		{"nothing wanted", `{"event_id":"` + event + `"}`, nil, 422, problem.ValidationFailed},
		{"both forms", `{"event_id":"` + event + `","tickets":1,"items":[{"ticket_type_id":"` + seat + `","quantity":1}]}`, nil, 422, problem.ValidationFailed},
		{"no tickets", `{"event_id":"` + event + `","tickets":0}`, nil, 422, problem.ValidationFailed},
		{"too many", `{"event_id":"` + event + `","tickets":21}`, nil, 422, problem.ValidationFailed},
		{"a type twice", `{"event_id":"` + event + `","items":[{"ticket_type_id":"` + seat + `","quantity":1},{"ticket_type_id":"` + strings.ToUpper(seat) + `","quantity":1}]}`, nil, 422, problem.ValidationFailed},
	} {
		*a.catalog = catalog{}
		if c.set != nil {
			c.set(a.catalog)
		}
		r := a.do(t, alice, http.MethodPost, "/bookings", c.body)
		if r.status != c.status || r.body["code"] != string(c.code) {
			t.Errorf("%s: %s, want %d %s", c.name, r, c.status, c.code)
		}
		if c.status == 402 && r.body["booking_id"] == nil {
			t.Errorf("%s: which booking? %s", c.name, r)
		}
	}
}

func TestTheLimitsOfAnAccount(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for _, tickets := range []int{18, 18, 4} {
		body := fmt.Sprintf(`{"event_id":%q,"tickets":%d,"payment":{"token":"tok_timeout"}}`, event, tickets)
		if r := a.do(t, alice, http.MethodPost, "/bookings", body); r.status != 202 {
			t.Errorf("%d tickets that are not paid for yet: %s", tickets, r)
		}
	}
	if r := a.do(t, alice, http.MethodPost, "/bookings", book("")); r.status != 409 || r.body["code"] != string(problem.TooManyTickets) {
		t.Errorf("more than the account may have: %s, want 409 %s", r, problem.TooManyTickets)
	} else if want := "An account may have 40 free and unpaid tickets of an event; 0 more can be booked now"; r.body["detail"] != want {
		t.Errorf("the detail is %q, want %q", r.body["detail"], want)
	}

	// The pauses grow until the machine is not slower than they are.
	var r result
	for declined := 0; r.status != 429; declined++ {
		if r = a.do(t, bob, http.MethodPost, "/bookings", book(`,"payment":{"token":"tok_declined"}`)); r.status != 402 && (r.status != 429 || declined < 3) {
			t.Fatalf("after %d declined payments: %s", declined, r)
		}
	}
	after, err := strconv.Atoi(r.header.Get("Retry-After"))
	if r.body["code"] != string(problem.RateLimited) || r.body["booking_id"] != nil || err != nil || after < 1 || after > 300 {
		t.Errorf("%s, Retry-After %q, want %s and 1 to 300", r, r.header.Get("Retry-After"), problem.RateLimited)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	first := a.do(t, alice, http.MethodPost, "/bookings", book(""), "Idempotency-Key", "k")
	again := a.do(t, alice, http.MethodPost, "/bookings", `{"tickets":2, "event_id":"`+strings.ToUpper(event)+`"}`, "Idempotency-Key", "k")
	if again.status != 201 || again.body["id"] != first.body["id"] {
		t.Errorf("the same request: %s", again)
	}
	if r := a.do(t, alice, http.MethodPost, "/bookings", book(`,"payment":{"token":"tok_visa"}`), "Idempotency-Key", "k"); r.status != 422 || r.body["code"] != string(problem.IdempotencyKeyReused) {
		t.Errorf("another request: %s", r)
	}
	if r := a.do(t, bob, http.MethodPost, "/bookings", book(""), "Idempotency-Key", "k"); r.status != 201 || r.body["id"] == first.body["id"] {
		t.Errorf("another caller: %s", r)
	}
	if r := a.do(t, alice, http.MethodPost, "/bookings", book(""), "Idempotency-Key", strings.Repeat("k", 256)); r.status != 422 {
		t.Errorf("a long key: %s", r)
	}
	if r := a.do(t, alice, http.MethodPost, "/bookings", book(""), "Idempotency-Key", "ü"); r.status != 422 {
		t.Errorf("a key that is not ASCII: %s", r)
	}
	pending := a.do(t, alice, http.MethodPost, "/bookings", book(`,"payment":{"token":"tok_timeout"}`), "Idempotency-Key", "slow")
	if pending.status != 202 || pending.body["status"] != "PENDING" || pending.header.Get("Location") == "" {
		t.Errorf("an unknown outcome: %s", pending)
	}
	if r := a.do(t, alice, http.MethodPost, "/bookings", book(`,"payment":{"token":"tok_timeout"}`), "Idempotency-Key", "slow"); r.status != 202 || r.body["id"] != pending.body["id"] {
		t.Errorf("its replay: %s", r)
	}
	if r := a.do(t, alice, http.MethodPut, fmt.Sprint("/bookings/", pending.body["id"], "/cancel"), ""); r.status != 409 || r.body["code"] != string(problem.NotCancellable) {
		t.Errorf("cancelling what is pending: %s", r)
	}
	if r := a.do(t, alice, http.MethodGet, "/bookings/"+uuid.NewString(), ""); r.status != 404 || r.body["code"] != string(problem.BookingNotFound) {
		t.Errorf("no such booking: %s", r)
	}
}

// A key that hides behind another line of its header is not overlooked.
func TestAKeyIsThereOnce(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const header = "Idempotency-Key"
	b := a.do(t, alice, http.MethodPost, "/bookings", book(""))
	for name, lines := range map[string][]string{
		"an empty line": {header, ""}, "an empty line before": {header, "", header, "k"}, "an empty line after": {header, "k", header, ""},
		"two keys": {header, "k", header, "l"}, "one key twice": {header, "k", header, "k"},
	} {
		for path, body := range map[string]string{
			"/bookings": book(""), fmt.Sprint("/bookings/", b.body["id"], "/cancellations"): `{"items":[{"ticket_type_id":"` + seat + `","quantity":1}]}`,
		} {
			if r := a.do(t, alice, http.MethodPost, path, body, lines...); r.status != 422 {
				t.Errorf("%s at %s: %s, want 422", name, path, r)
			}
		}
	}
	if r := a.do(t, alice, http.MethodGet, "/bookings", ""); len(r.body["items"].([]any)) != 1 {
		t.Errorf("after refusals the account has the bookings %s, want the first alone", r.raw)
	}
}

// FuzzCreate sends any body, key and query: the answer is never a 5xx.
func FuzzCreate(f *testing.F) {
	f.Add(book(""), "k", "limit=1")
	f.Add(`{"event_id":"`+event+`","items":[{"ticket_type_id":"`+seat+`","quantity":1e3}]}`, "", "cursor=e30")
	f.Add(`{"event_id":1,"tickets":-1,"payment":null}`, "\x00", "cursor=eyJhIjoieCJ9")
	a := newAPI(f)
	f.Fuzz(func(t *testing.T, body, key, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/bookings", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+alice)
		r.Header.Set("Idempotency-Key", key)
		w := httptest.NewRecorder()
		a.handler.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%q with key %q: %d %s", body, key, w.Code, w.Body)
		}
		r = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/bookings", nil)
		r.URL.RawQuery = query
		r.Header.Set("Authorization", "Bearer "+alice)
		w = httptest.NewRecorder()
		a.handler.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("?%s: %d %s", query, w.Code, w.Body)
		}
	})
}

func TestARefusalSaysWhereTheFieldStood(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	for name, c := range map[string]struct{ body, key, location string }{
		"a long key":       {book(""), strings.Repeat("k", 256), "header.Idempotency-Key"},
		"a long token":     {book(`,"payment":{"token":"` + strings.Repeat("t", 256) + `"}`), "k", "body.payment.token"},
		"too many tickets": {`{"event_id":"` + event + `","items":[{"ticket_type_id":"` + seat + `","quantity":20},{"ticket_type_id":"` + event + `","quantity":20}]}`, "k", "body"},
	} {
		r := a.do(t, alice, http.MethodPost, "/bookings", c.body, "Idempotency-Key", c.key)
		if !strings.Contains(r.raw, `"location":"`+c.location+`"`) {
			t.Errorf("%s: %s, want the location %s", name, r, c.location)
		}
	}
}

// A client that sends an empty key, or two, believes that a repeat books nothing more.
func TestEmptyAndSeveralKeysAreRefused(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	id := a.do(t, alice, http.MethodPost, "/bookings", book("")).body["id"].(string)
	for path, body := range map[string]string{
		"/bookings":                          book(""),
		"/bookings/" + id + "/cancellations": cancelling(1),
		"/bookings/" + id + "/payment":       `{}`,
		"/bookings/" + id + "/extension":     "",
	} {
		for _, keys := range [][]string{{"Idempotency-Key", ""}, {"Idempotency-Key", "a", "Idempotency-Key", "b"}} {
			if r := a.do(t, alice, http.MethodPost, path, body, keys...); r.status != 422 || !strings.Contains(r.raw, "header.Idempotency-Key") {
				t.Errorf("%s with the keys %q: %v", path, keys, r)
			}
		}
	}
}

func TestACorrectionNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	held := a.do(t, guest, http.MethodPost, "/bookings", `{"event_id":"`+event+`","tickets":1,"checkout":true}`)
	path := "/bookings/" + held.body["id"].(string)
	for body, where := range map[string]string{
		`{"name":null}`:                               "body.name",
		`{"name":"\u202e"}`:                           "body.name",
		`{"email":""}`:                                "body.email",
		`{"email":"a@b"}`:                             "body.email",
		`{"phone":"1"}`:                               "body.phone",
		`{"locale":"german"}`:                         "body.locale",
		`{"user_id":"` + guest + `"}`:                 "body.user_id",
		`{"name":"` + strings.Repeat("x", 201) + `"}`: "body.name",
	} {
		if r := a.do(t, guest, http.MethodPatch, path, body); r.status != 422 || !strings.Contains(r.raw, `"`+where+`"`) {
			t.Errorf("%s: %d %s", body, r.status, r.raw)
		}
	}
	if r := a.do(t, guest, http.MethodPatch, path, `{"phone":"+4930123456"}`); r.status != 200 || !strings.Contains(r.raw, `"buyer":{"name":"","email":"a@example.com","phone":"+4930123456"}`) {
		t.Errorf("corrected: %d %s", r.status, r.raw)
	}
	if r := a.do(t, guest, http.MethodPatch, path, `{"phone":null}`); r.status != 200 || !strings.Contains(r.raw, `"phone":""`) {
		t.Errorf("removed: %d %s", r.status, r.raw)
	}
	for _, by := range []string{alice, "admin"} {
		if r := a.do(t, by, http.MethodPatch, path, `{"name":"Ada"}`); r.status != 403 {
			t.Errorf("%s: %d %s", by, r.status, r.raw)
		}
	}
}
