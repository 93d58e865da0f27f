package gateway_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
	"github.com/openboxoffice/boxoffice/services/web"
	"github.com/openboxoffice/boxoffice/services/web/adapter/gateway"
)

const id = "01890a5d-ac96-774b-bcce-b302099a8057"

// over returns the platform behind a gateway that answers like this.
func over(t testing.TB, answer http.HandlerFunc) *gateway.Gateway {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	c, err := httpkit.NewClient(s.URL, func() (string, error) { return "web's", nil }, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return gateway.New(c, c)
}

func answer(status int, contentType, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Each call shows those credentials that it asks for, and no others: a link in a visitor's
// session opens one booking, and is nobody else's business.
func TestACallShowsWhatItAsksFor(t *testing.T) {
	t.Parallel()
	by := web.Caller{AccessToken: "token", BookingKey: "key", Address: netip.MustParseAddr("203.0.113.7")}
	link := web.Caller{BookingKey: "key", Address: by.Address}
	for name, c := range map[string]struct {
		call        func(ctx context.Context, g *gateway.Gateway) error
		auth, key   string
		idempotency string
	}{
		"an event": {call: func(ctx context.Context, g *gateway.Gateway) error { _, err := g.Event(ctx, by, id); return err }},
		"the events": {call: func(ctx context.Context, g *gateway.Gateway) error {
			_, err := g.Events(ctx, by, web.EventQuery{})
			return err
		}},
		"a picture":              {call: func(ctx context.Context, g *gateway.Gateway) error { _, err := g.Image(ctx, by, id, 480); return err }},
		"who takes the money":    {call: func(ctx context.Context, g *gateway.Gateway) error { _, err := g.Config(ctx, by); return err }},
		"a booking":              {call: func(ctx context.Context, g *gateway.Gateway) error { _, err := g.Booking(ctx, by, id); return err }, auth: "Bearer token"},
		"a booking, by its link": {call: func(ctx context.Context, g *gateway.Gateway) error { _, err := g.Booking(ctx, link, id); return err }, key: "key"},
		"a document, by its link": {call: func(ctx context.Context, g *gateway.Gateway) error {
			_, err := g.Document(ctx, link, id, "", web.TicketsPDF, "de")
			return err
		}, key: "key"},
		"the bookings": {call: func(ctx context.Context, g *gateway.Gateway) error { _, _, err := g.Bookings(ctx, by, ""); return err }, auth: "Bearer token"},
		"the bookings, by a link": {call: func(ctx context.Context, g *gateway.Gateway) error {
			_, _, err := g.Bookings(ctx, link, "")
			return err
		}},
		"a payment": {call: func(ctx context.Context, g *gateway.Gateway) error {
			_, err := g.Pay(ctx, by, "once", id, "tok_visa")
			return err
		}, auth: "Bearer token", idempotency: "once"},
		"a claim":     {call: func(ctx context.Context, g *gateway.Gateway) error { _, err := g.Claim(ctx, by, id); return err }, auth: "Bearer token", key: "key"},
		"the account": {call: func(ctx context.Context, g *gateway.Gateway) error { _, err := g.Me(ctx, by); return err }, auth: "Bearer token"},
		"a login": {call: func(ctx context.Context, g *gateway.Gateway) error {
			_, err := g.LogIn(ctx, by, "a@example.com", "x")
			return err
		}},
		"a renewal": {call: func(ctx context.Context, g *gateway.Gateway) error { _, err := g.Renew(ctx, by, "r"); return err }},
		"a guest": {call: func(ctx context.Context, g *gateway.Gateway) error {
			_, err := g.AdmitGuest(ctx, by, web.Guest{})
			return err
		}},
		"a proof":                  {call: func(ctx context.Context, g *gateway.Gateway) error { return g.ConfirmVerification(ctx, by, "t") }},
		"a proof of a new address": {call: func(ctx context.Context, g *gateway.Gateway) error { return g.ConfirmEmail(ctx, by, "t") }, auth: "Bearer token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := false
			_ = c.call(t.Context(), over(t, func(_ http.ResponseWriter, r *http.Request) {
				asked = true
				for header, want := range map[string]string{
					"Authorization": c.auth, "Booking-Key": c.key, "Idempotency-Key": c.idempotency, "Client-Address": "203.0.113.7", "X-Service-Token": "web's",
				} {
					if got := r.Header.Get(header); got != want {
						t.Errorf("%s: %q, want %q", header, got, want)
					}
				}
			}))
			if !asked {
				t.Error("the gateway was not asked")
			}
		})
	}
}

func TestAVisitorWithoutAnAddressHasNone(t *testing.T) {
	t.Parallel()
	_, _ = over(t, func(_ http.ResponseWriter, r *http.Request) {
		if got, ok := r.Header["Client-Address"]; ok {
			t.Errorf("it is %q", got)
		}
	}).Event(t.Context(), web.Caller{}, id)
}

func TestWhatTheGatewayAnswers(t *testing.T) {
	t.Parallel()
	refused := func(status int, body string, headers ...string) http.HandlerFunc {
		return answer(status, problem.ContentType, body, headers...)
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"no token":              {refused(401, `{"code":"unauthenticated"}`), web.ErrSignedOut},
		"a token that is over":  {refused(401, `{"code":"invalid_token"}`), web.ErrSignedOut},
		"no booking":            {refused(404, `{"code":"booking_not_found"}`), web.ErrNotFound},
		"somebody else's":       {refused(403, `{"code":"forbidden"}`), web.ErrNotFound},
		"an id that is none":    {refused(422, `{"code":"validation_failed","errors":[{"location":"path.id","message":"must be a UUID"}]}`), web.ErrNotFound},
		"nothing at this path":  {refused(404, `{"code":"route_not_found"}`), web.ErrNotFound},
		"an outage behind":      {refused(503, `{"code":"upstream_unavailable"}`), web.ErrUnavailable},
		"a fault":               {refused(500, `{"code":"internal_error"}`), web.ErrUnavailable},
		"a page of a proxy":     {answer(404, "text/html", "<h1>Not found</h1>"), web.ErrUnavailable},
		"a problem without":     {refused(409, `{}`), web.ErrUnavailable},
		"no JSON":               {answer(200, "application/json", `{"id":`), web.ErrUnavailable},
		"JSON of another shape": {answer(200, "application/json", `[]`), web.ErrUnavailable},
		"a redirect":            {answer(302, "text/html", "", "Location", "/elsewhere"), web.ErrUnavailable},
		"too much":              {answer(200, "application/json", `{"id":"`+strings.Repeat("x", httpkit.MaxBodyBytes)+`"}`), web.ErrUnavailable},
		"a cut":                 {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, web.ErrUnavailable},
	} {
		_, err := over(t, c.answer).Booking(t.Context(), web.Caller{AccessToken: "t"}, id)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
	_, err := over(t, refused(409, `{"code":"sold_out","detail":"Gone.","booking_id":"b","errors":[{"location":"body.items[0].quantity","message":"m"}]}`, "Retry-After", "3")).
		Booking(t.Context(), web.Caller{AccessToken: "t"}, id)
	r, ok := errors.AsType[*web.Refusal](err)
	if !ok || r.Code != "sold_out" || r.Detail != "Gone." || r.RetryAfter != 3*time.Second || r.BookingID != "b" || len(r.Fields) != 1 || r.Fields[0] != (web.FieldError{Field: "items[0].quantity", Message: "m"}) {
		t.Errorf("the refusal is %+v", err)
	}
}

// Tokens are answered as OAuth 2.0 has it.
func TestWhatIsAnsweredAboutTokens(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		code   string
		err    error
		after  time.Duration
	}{
		"wrong":           {answer: answer(400, "application/json", `{"error":"invalid_grant"}`), code: "invalid_grant"},
		"nothing":         {answer: answer(400, "application/json", `{"error":"invalid_request"}`), code: "invalid_grant"},
		"too many":        {answer: answer(429, "application/json", `{"error":"slow_down"}`, "Retry-After", "60"), code: "rate_limited", after: time.Minute},
		"busy":            {answer: answer(503, "application/json", `{"error":"temporarily_unavailable"}`), err: web.ErrUnavailable},
		"a fault":         {answer: answer(500, "application/json", `{"error":"server_error"}`), err: web.ErrUnavailable},
		"a proxy's":       {answer: answer(400, "text/html", `<h1>Bad request</h1>`), err: web.ErrUnavailable},
		"no error":        {answer: answer(400, "application/json", `{}`), err: web.ErrUnavailable},
		"no token":        {answer: answer(200, "application/json", `{"access_token":"a","expires_in":900}`), err: web.ErrUnavailable},
		"not even a JSON": {answer: answer(200, "application/json", ``), err: web.ErrUnavailable},
	} {
		_, err := over(t, c.answer).LogIn(t.Context(), web.Caller{}, "a@example.com", "x")
		r, _ := errors.AsType[*web.Refusal](err)
		if web.Refused(err) != c.code || !errors.Is(err, c.err) && c.err != nil || r != nil && r.RetryAfter != c.after {
			t.Errorf("%s: error %v", name, err)
		}
	}
	began := time.Now()
	tokens, err := over(t, answer(200, "application/json", `{"access_token":"a","refresh_token":"r","expires_in":900,"token_type":"Bearer"}`)).LogIn(t.Context(), web.Caller{}, "a@example.com", "x")
	if end := tokens.ExpiresAt; err != nil || tokens.Access != "a" || tokens.Refresh != "r" || end.Before(began.Add(15*time.Minute)) || end.After(time.Now().Add(15*time.Minute)) {
		t.Errorf("%+v, error %v", tokens, err)
	}
}

func TestDocumentsAreWholeOrNone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		whole  bool
	}{
		"whole": {answer(200, "application/pdf", "%PDF-", "ETag", `"1"`), true},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "%PDF-")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, false},
		"too long": {answer(200, "application/pdf", strings.Repeat("x", 8<<20+1)), false},
	} {
		d, err := over(t, c.answer).Document(t.Context(), web.Caller{BookingKey: "k"}, id, "", web.TicketsPDF, "en")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_, err = io.ReadAll(d.Body)
		if whole := err == nil; whole != c.whole || !whole && !errors.Is(err, web.ErrUnavailable) {
			t.Errorf("%s: error %v", name, err)
		}
		if c.whole && (d.ContentType != "application/pdf" || d.ETag != `"1"` || d.Size != 5) {
			t.Errorf("%s: it is %+v", name, d)
		}
		if err := d.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	for status, want := range map[int]error{204: web.ErrUnavailable, 304: web.ErrUnavailable, 302: web.ErrUnavailable, 503: web.ErrUnavailable} {
		if _, err := over(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }).Image(t.Context(), web.Caller{}, id, 480); !errors.Is(err, want) {
			t.Errorf("%d: error %v", status, err)
		}
	}
}

// An event service of before does not say itself whether tickets are sold.
func TestTheStateOfTicketsOfBefore(t *testing.T) {
	t.Parallel()
	body := func(status string, starts time.Time, available int, state string) string {
		return `{"status":"` + status + `","starts_at":"` + starts.Format(time.RFC3339) + `","ticket_types":[{"available":` + string(rune('0'+available)) + `,"state":"` + state + `"}]}`
	}
	later, before := time.Now().Add(time.Hour), time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		body string
		want web.SaleState
	}{
		"on sale":           {body("PUBLISHED", later, 1, ""), web.OnSale},
		"sold out":          {body("PUBLISHED", later, 0, ""), web.SoldOut},
		"begun":             {body("PUBLISHED", before, 1, ""), web.Closed},
		"cancelled":         {body("CANCELLED", later, 1, ""), web.NoneSold},
		"said":              {body("PUBLISHED", before, 0, "ON_SALE"), web.OnSale},
		"cancelled, closed": {body("CANCELLED", later, 1, "CLOSED"), web.NoneSold},
	} {
		e, err := over(t, answer(200, "application/json", c.body)).Event(t.Context(), web.Caller{}, id)
		if err != nil || e.TicketTypes[0].State != c.want {
			t.Errorf("%s: %q, error %v, want %q", name, e.TicketTypes[0].State, err, c.want)
		}
	}
}

func TestAZoneThatIsNotKnownIsUTC(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"Mars/Olympus", "../../etc/passwd", ""} {
		e, err := over(t, answer(200, "application/json", `{"time_zone":"`+zone+`","starts_at":"2030-06-01T10:00:00Z"}`)).Event(t.Context(), web.Caller{}, id)
		if err != nil || e.Zone == nil || e.Zone.String() != "UTC" || e.StartsAt.Hour() != 10 {
			t.Errorf("%q: %v, error %v", zone, e.Zone, err)
		}
	}
}

// BenchmarkEvents reads a page of the list.
func BenchmarkEvents(b *testing.B) {
	item := `{"id":"` + id + `","title":"Night of Strings","description":"` + strings.Repeat("Bach. ", 100) + `","status":"PUBLISHED","time_zone":"Europe/Berlin","starts_at":"2030-06-01T10:00:00Z","ends_at":"2030-06-01T12:00:00Z","ticket_types":[{"id":"` + id + `","name":"Standing","price":{"amount_minor":2500,"currency":"EUR"},"available":5,"state":"ON_SALE"}]}`
	page := `{"items":[` + strings.TrimSuffix(strings.Repeat(item+",", 20), ",") + `],"next_cursor":null}`
	g := over(b, answer(200, "application/json", page))
	for b.Loop() {
		if p, err := g.Events(b.Context(), web.Caller{}, web.EventQuery{}); err != nil || len(p.Events) != 20 {
			b.Fatal(len(p.Events), err)
		}
	}
}

// A search is asked for as the event service reads it.
func TestASearchIsAskedFor(t *testing.T) {
	t.Parallel()
	var asked url.Values
	g := over(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query()
		answer(200, "application/json", `{"items": [], "next_cursor": null}`)(w, r)
	})
	from := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	if _, err := g.Events(t.Context(), web.Caller{}, web.EventQuery{
		Text: "a b", Category: "music", City: "Berlin", Month: "2026-12", PriceMax: &money.Amount{AmountMinor: 0, Currency: "EUR"}, From: from, Cursor: "c", Limit: 7,
	}); err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"q": {"a b"}, "category": {"music"}, "city": {"Berlin"}, "month": {"2026-12"}, "price_max": {"0"}, "currency": {"EUR"},
		"from": {"2026-12-01T09:00:00Z"}, "cursor": {"c"}, "limit": {"7"},
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}

func TestThePictureOfAnEvent(t *testing.T) {
	t.Parallel()
	e, err := over(t, answer(200, "application/json", `{"id": "1", "image": {"etag": "9f2c", "widths": [1600, 480], "width": 1600, "height": 900, "color": "#1f4e5a"}}`)).Event(t.Context(), web.Caller{}, id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&web.Image{Tag: "9f2c", Widths: []int{480, 1600}, Width: 1600, Height: 900}, e.Image); diff != "" {
		t.Error(diff)
	}
}
