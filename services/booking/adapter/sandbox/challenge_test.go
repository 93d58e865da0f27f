package sandbox_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sandbox"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/sqlite"
	"github.com/openboxoffice/boxoffice/services/internal/httpkit"
)

// bank is a sandbox with its pages, and the service that is told.
type bank struct {
	*sandbox.Sandbox
	store *sqlite.Store
	serve func(method, target string) (status int, header http.Header, body string)
}

func newBank(t *testing.T) *bank {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "b.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	log := slog.New(slog.DiscardHandler)
	b := &bank{Sandbox: open(t), store: store}
	mux := httpkit.NewRouter(log)
	sandbox.Register(httpkit.NewAPI(mux, "t", ""), booking.New(booking.Options{Store: store, PaymentEvents: store.PaymentEvents(), Log: log}), b.Sandbox)
	b.serve = func(method, target string) (int, http.Header, string) {
		r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
		if method == http.MethodPost { // as a browser sends an empty form
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Code, w.Header(), w.Body.String()
	}
	return b
}

// waiting makes an attempt that waits, and returns where its customer acts.
func (b *bank) waiting(t *testing.T, bookingID string, attempt int) (url string) {
	t.Helper()
	charged, err := b.Charge(t.Context(), booking.Charge{
		BookingID: bookingID, Attempt: attempt, Amount: money.Amount{AmountMinor: 2550, Currency: "EUR"}, Token: sandbox.Authentication,
	})
	if err != nil || charged.Action == nil || !strings.HasPrefix(charged.Action.URL, "/payments/sandbox/challenge/") {
		t.Fatalf("%+v, %v", charged, err)
	}
	return charged.Action.URL
}

func (b *bank) wantGone(t *testing.T, method, target string) {
	t.Helper()
	if status, _, body := b.serve(method, target); status != http.StatusGone || !strings.Contains(body, `"link_not_valid"`) {
		t.Errorf("%s %s: %d %s", method, target, status, body)
	}
}

func (b *bank) wantLook(t *testing.T, bookingID string, want booking.ChargeState) {
	t.Helper()
	if o, err := b.Look(t.Context(), booking.Unsettled{BookingID: bookingID}); err != nil || o.State != want {
		t.Errorf("the charge is %+v, %v, want %s", o, err, want)
	}
}

// hints returns the bookings that the service is to look at.
func (b *bank) hints(t *testing.T) (ids []string) {
	t.Helper()
	all, err := b.store.PaymentEvents().Unhandled(t.Context(), 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		ids = append(ids, e.BookingID)
	}
	return ids
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[string]booking.ChargeState{"confirmed": booking.ChargeCaptured, "refused": booking.ChargeDeclined} {
		b, id := newBank(t), uuid.NewString()
		url := b.waiting(t, id, 1)
		if again := b.waiting(t, id, 1); again != url {
			t.Errorf("a repeat sends the customer to %s, the first to %s", again, url)
		}
		for range 2 { // reading changes nothing
			status, header, body := b.serve(http.MethodGet, url)
			if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/html") || !strings.Contains(body, "25.50 EUR") {
				t.Errorf("the page: %d %s %s", status, header.Get("Content-Type"), body)
			}
			for name, want := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
				if got := header.Get(name); got != want {
					t.Errorf("%s: %q", name, got)
				}
			}
		}
		if got := b.hints(t); got != nil {
			t.Errorf("told of %v before anybody acted", got)
		}
		if status, _, body := b.serve(http.MethodPost, url+"?outcome="+outcome); status != http.StatusOK || !strings.Contains(body, outcome) {
			t.Errorf("%s: %d %s", outcome, status, body)
		}
		b.wantLook(t, id, want)
		if got := b.hints(t); len(got) != 1 || got[0] != id {
			t.Errorf("told of %v", got)
		}
		b.wantGone(t, http.MethodGet, url)
		b.wantGone(t, http.MethodPost, url+"?outcome=confirmed")
		b.wantLook(t, id, want)
	}
}

// A page that is still open does nothing once another card is tried, or the charge
// has ended.
func TestChallengesThatAreOver(t *testing.T) {
	t.Parallel()
	b, replaced, settled := newBank(t), uuid.NewString(), uuid.NewString()
	first, second := b.waiting(t, replaced, 1), b.waiting(t, replaced, 2)
	other := b.waiting(t, settled, 1)
	if first == second || first == other {
		t.Error("two attempts have one page")
	}
	if _, err := b.Settle(t.Context(), booking.Unsettled{BookingID: settled}); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{first, other, "/payments/sandbox/challenge/" + strings.Repeat("A", 26)} {
		b.wantGone(t, http.MethodGet, url)
		b.wantGone(t, http.MethodPost, url+"?outcome=confirmed")
	}
	b.wantLook(t, replaced, booking.ChargeAction)
	for _, target := range []string{second, second + "?outcome=", second + "?outcome=perhaps"} {
		if status, _, body := b.serve(http.MethodPost, target); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", target, status, body)
		}
	}
	b.wantLook(t, replaced, booking.ChargeAction)
}

func TestNoChallengesWithoutTheSandbox(t *testing.T) {
	t.Parallel()
	mux := httpkit.NewRouter(slog.New(slog.DiscardHandler))
	sandbox.Register(httpkit.NewAPI(mux, "t", ""), nil, nil)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/payments/sandbox/challenge/"+strings.Repeat("A", 26)+"?outcome=refused", nil))
		if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), `"route_not_found"`) {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
}
