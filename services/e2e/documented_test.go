package e2e

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/openapi"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/e2e/specs"
)

// documented holds every answer that the suite receives to the document of the
// service that gave it.
var documented = newConformance()

// conformance remembers what came.
type conformance struct {
	apis map[service]*specs.API

	mu         sync.Mutex
	violations []error
	seen       map[refusal]bool
	answers    int
}

// refusal is a problem of a service, by its code.
type refusal struct {
	by   service
	code problem.Code
}

func newConformance() *conformance {
	c := &conformance{apis: map[service]*specs.API{}, seen: map[refusal]bool{}}
	for _, s := range services {
		api, err := specs.NewAPI(string(s))
		if err != nil {
			panic(err)
		}
		c.apis[s] = api
	}
	return c
}

// check takes in an answer. It belongs to no test's verdict, but to that on the
// whole run: some tests expect that requests fail.
func (c *conformance) check(by service, a *answer) {
	code, err := c.apis[by].Check(specs.Answer{Method: a.method, URL: a.url, Status: a.status, Header: a.header, Body: a.body})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers++
	if code != "" {
		c.seen[refusal{by, code}] = true
		if behind := c.behind(by, a); behind != "" && !slices.Contains(gatewaysOwn, code) {
			c.seen[refusal{behind, code}] = true
		}
	}
	if err != nil {
		c.violations = append(c.violations, err)
	}
}

// gatewaysOwn are what the gateway refuses itself.
var gatewaysOwn = []problem.Code{
	problem.BadRequest, problem.BodyTooLarge, problem.MalformedBody, problem.ValidationFailed, problem.UpstreamUnavailable,
	problem.InvalidToken, problem.UnsupportedMedia,
}

// behind is the service whose operation the gateway passed on, if it did: the
// refusal, where that service documents it, is that service's.
func (c *conformance) behind(by service, a *answer) service {
	if by != gateway {
		return ""
	}
	for _, s := range services[1:] {
		if c.apis[s].Has(a.method, a.url) {
			return s
		}
	}
	return ""
}

// fromInside are the refusals that the suite cannot bring about, for want of a
// service's secret or of a fault at the right moment, and the test that does:
// its folder in services, and its name.
var fromInside = []struct {
	by           []service
	codes        []problem.Code
	folder, test string
}{
	{services, []problem.Code{problem.Internal, problem.Unavailable}, "internal/httpkit", "TestEveryRefusalIsAProblemWithACode"},
	{services, []problem.Code{problem.RequestTimeout}, "internal/httpkit", "TestABodyThatDoesNotArriveIsGivenUp"},
	{[]service{events, bookings, notifications}, []problem.Code{problem.UpstreamUnavailable}, "internal/auth", "TestGuard"},
	{[]service{gateway}, []problem.Code{problem.UpstreamUnavailable}, "user/adapter/gateway", "TestServiceThatIsDown"},
	{[]service{gateway}, []problem.Code{problem.RateLimited}, "user/adapter/rest", "TestGuessingTheCurrentPasswordIsThrottled"},
	{[]service{gateway}, []problem.Code{problem.MailNotDue}, "user/adapter/rest", "TestVerification"},
	{[]service{gateway}, []problem.Code{problem.UserNotFound}, "user/adapter/rest", "TestContactIsForNotificationAlone"},
	{[]service{events}, []problem.Code{problem.SoldOut, problem.SalesClosed, problem.ReservationMismatch}, "event/adapter/rest", "TestBook"},
	{[]service{events}, []problem.Code{problem.TooManyTickets}, "event/adapter/rest", "TestDoorsLimitAndTransfers"},
	{[]service{events}, []problem.Code{problem.NotOnSaleYet}, "event/adapter/rest", "TestSales"},
	{[]service{events}, []problem.Code{problem.RateLimited}, "event/adapter/rest", "TestEventsOfAnOrganizerAreLimited"},
	{[]service{events}, []problem.Code{problem.ReservationReleased}, "event/adapter/rest", "TestRelease"},
	{[]service{events}, []problem.Code{problem.TicketsNotBooked}, "event/adapter/rest", "TestReturn"},
	{[]service{gateway, bookings}, []problem.Code{problem.PaymentAbandoned}, "booking", "TestAnUnknownPaymentThatNeverHappenedIsAbandoned"},
	{[]service{gateway, bookings}, []problem.Code{problem.DoorsOpen}, "booking", "TestAHolderIsRefused"},
	{[]service{gateway, bookings}, []problem.Code{problem.AlreadyClaimed}, "booking/adapter/rest", "TestClaim"},
	{[]service{gateway, bookings}, []problem.Code{problem.NoValidTickets}, "booking", "TestResendsAreRefused"},
	{[]service{gateway, bookings}, []problem.Code{problem.TooManyHolders}, "booking", "TestTicketsArePassedOnSoOftenAndNoMore"},
	{[]service{bookings}, []problem.Code{problem.EventCancelled}, "booking", "TestABookingInFlightOfACancelledEventBacksOut"},
	{[]service{bookings}, []problem.Code{problem.TicketMailNotDue}, "booking/adapter/rest", "TestWhatAMailCarries"},
	{[]service{bookings}, []problem.Code{problem.CurrencyNotSupported}, "booking/adapter/rest", "TestChargeLimits"},
	{[]service{events, bookings, notifications}, []problem.Code{problem.ReplayFailed}, "internal/inbox/inboxrest", "TestReplay"},
	{
		[]service{notifications}, []problem.Code{problem.BodyTooLarge, problem.MalformedBody, problem.UnsupportedMedia},
		"internal/broker/httppush", "TestRefusals",
	},
}

// brought reports whether a refusal came, or is brought about from inside.
func (c *conformance) brought(r refusal) bool {
	for _, inside := range fromInside {
		if slices.Contains(inside.by, r.by) && slices.Contains(inside.codes, r.code) {
			return true
		}
	}
	return c.seen[r]
}

// TestFromInside looks for the tests that fromInside names.
func TestFromInside(t *testing.T) {
	t.Parallel()
	for _, inside := range fromInside {
		names, err := filepath.Glob(filepath.Join("..", filepath.FromSlash(inside.folder), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(names, func(name string) bool {
			b, err := os.ReadFile(name)
			return err == nil && strings.Contains(string(b), "\nfunc "+inside.test+"(t *testing.T)")
		}) {
			t.Errorf("there is no %s in %s", inside.test, inside.folder)
		}
	}
}

// TestServedDocuments compares what each port serves with the document that its
// answers are held to. Where messages do not come over HTTP, it lacks that.
func TestServedDocuments(t *testing.T) {
	t.Parallel()
	p := shared(t)
	for _, s := range services {
		var served, known struct {
			Paths map[string]any `json:"paths"`
		}
		p.get(t, s, "/openapi.json", &served)
		if err := json.Unmarshal(openapi.Document(string(s)), &known); err != nil {
			t.Fatal(err)
		}
		if _, there := served.Paths["/messages/{topic}"]; !there {
			delete(known.Paths, "/messages/{topic}")
		}
		if diff := cmp.Diff(known.Paths, served.Paths); diff != "" {
			t.Errorf("%s serves another document (+):\n%s", s, diff)
		}
	}
}

// verdict returns an error when an answer was not as documented; or, after a
// whole run that went well, when a documented refusal never came.
func (c *conformance) verdict(well bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.violations) > 0 {
		const shown = 20
		return fmt.Errorf("%d of %d answers are not as documented:\n%w", len(c.violations), c.answers,
			errors.Join(c.violations[:min(shown, len(c.violations))]...))
	}
	if !well || flag.Lookup("test.run").Value.String() != "" || flag.Lookup("test.skip").Value.String() != "" {
		return nil
	}
	var missing []string
	all := 0
	for by, api := range c.apis {
		for _, code := range api.Codes() {
			all++
			if !c.brought(refusal{by, code}) {
				missing = append(missing, string(by)+" "+string(code))
			}
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		return fmt.Errorf("documented refusals that no test brought about:\n%s", strings.Join(missing, "\n"))
	}
	fmt.Fprintf(os.Stderr, "%d answers were as documented; each of %d documented refusals came, here or in a test that is named\n", c.answers, all)
	return nil
}
