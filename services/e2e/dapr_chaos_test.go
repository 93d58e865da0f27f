//go:build integration

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/servertest/mongotest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/pgtest"
	"github.com/openboxoffice/boxoffice/services/internal/servertest/rabbittest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// outage is how long a database is away.
const outage = 5 * time.Second

// fault is one thing that goes wrong, and is put right.
type fault struct {
	what string
	// away is how long it lasts; 0 is a kill and a start at once.
	away  time.Duration
	bring func(ctx context.Context) error
	mend  func(ctx context.Context) error
}

// killedServer is the fault of a server that is killed; its files stay.
func killedServer(what string, away time.Duration, s databaseServer) fault {
	return fault{what, away, s.Kill, s.Start}
}

func killedProgram(what string, p *program, start func() error) fault {
	return fault{what, 0, func(context.Context) error { p.kill(); return nil }, func(context.Context) error { return start() }}
}

// startDapr starts the platform with a sidecar for each process, on servers of
// its own, which can be killed.
func startDapr(t *testing.T, o setup) (*platform, *manyProcesses, map[string]databaseServer) {
	t.Helper()
	postgres, mongo, rabbitmq := pgtest.NewServer(t), mongotest.NewServer(t), rabbittest.NewServer(t)
	o.sidecars, o.rabbitmq = true, rabbitmq.New(t).URL()
	o.databases = map[service]string{
		gateway: postgres.New(t, nil), bookings: postgres.New(t, nil), events: mongo.New(t), notifications: mongo.New(t),
	}
	p, s := startProcesses(t, o)
	if err := rabbitmq.Restart(t.Context()); err != nil { // it has new queues
		t.Fatal(err)
	}
	return p, s, map[string]databaseServer{"PostgreSQL": postgres, "MongoDB": mongo, "RabbitMQ": rabbitmq}
}

// Each service, each sidecar, RabbitMQ and the databases are killed while people
// book and cancel, at random moments, in random order: once each, three times in
// the long tier.
// CHAOS_SEED repeats the choices of one run.
func TestDaprChaos(t *testing.T) {
	t.Parallel()
	choose := chaosSeed(t)
	p, s, servers := startDapr(t, setup{options: options{checkoutTTL: "8s"}})
	l := newLoad(t, p, 6, true)
	back := chaos(t, l, faultsOf(s, servers, services...), suitetest.Amount(1, 3), choose)
	t.Logf("%d kills, of each service, each sidecar, RabbitMQ and the databases (these for %s): served again %s after the start; %s",
		len(back), outage, back, l.end(t))
}

// The same, once, with the parts that money passes through, while people pay
// through a provider; and booking is killed when that has moved money and has not
// said so.
func TestDaprMoneyChaos(t *testing.T) {
	t.Parallel()
	choose := chaosSeed(t)
	o := options{checkoutTTL: "8s"}
	provider := o.paidByStripe(t)
	p, s, servers := startDapr(t, setup{options: o})
	p.paidBy(provider)
	l := newLoad(t, p, 4, true)
	back := chaos(t, l, faultsOf(s, servers, gateway, bookings), 1, choose)
	between := killBetween(t, l, provider, s.of(bookings)[0], suitetest.Amount(2, 4))
	l.awaitServed(t)
	t.Logf("paid through a provider, %d kills, of the gateway, booking, their sidecars, RabbitMQ and the databases (these for %s), and of booking between provider and database %v: served again %s after the start; %s",
		len(back), outage, between, back, l.end(t))
}

func chaosSeed(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("CHAOS_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("CHAOS_SEED: %v", err)
		}
	}
	t.Logf("CHAOS_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// faultsOf are those of the servers, these services and their sidecars.
func faultsOf(s *manyProcesses, servers map[string]databaseServer, of ...service) []fault {
	faults := []fault{
		killedServer("RabbitMQ", 0, servers["RabbitMQ"]),
		killedServer("PostgreSQL", outage, servers["PostgreSQL"]),
		killedServer("MongoDB", outage, servers["MongoDB"]),
	}
	for _, r := range s.all {
		if slices.Contains(of, r.of) {
			faults = append(faults, killedProgram(string(r.of), &r.program, r.start),
				killedProgram("the sidecar of "+string(r.of), &r.sidecar.program, r.sidecar.begin))
		}
	}
	return faults
}

// chaos brings about each of the faults so many times, and returns how long it
// took each time until somebody could book again.
func chaos(t *testing.T, l *load, faults []fault, times int, choose *rand.Rand) (back durations) {
	t.Helper()
	for range times {
		choose.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
		for _, f := range faults {
			<-time.After(time.Duration(100+choose.IntN(800)) * time.Millisecond)
			if err := f.bring(t.Context()); err != nil {
				t.Fatalf("%s: %v", f.what, err)
			}
			<-time.After(f.away)
			began := time.Now()
			if err := f.mend(t.Context()); err != nil {
				t.Fatalf("%s: %v", f.what, err)
			}
			l.awaitServed(t)
			back = append(back, time.Since(began))
		}
	}
	return back
}

// RabbitMQ is away for a while, a minute in the long tier, and people book. They
// notice nothing except that their mails come late.
func TestDaprRabbitMQDown(t *testing.T) {
	t.Parallel()
	down := time.Duration(suitetest.Amount(10, 60)) * time.Second
	p, s, servers := startDapr(t, setup{})
	documents := openDocuments(t, s.databases[events])
	// As many as the stand-in for MongoDB catches up with: to take one delivery
	// it reads all that are due.
	l := newLoad(t, p, 2, false)
	l.awaitServed(t)
	if err := servers["RabbitMQ"].Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, refusedBefore := l.counts()
	largest := 0
	for until := time.Now().Add(down); time.Now().Before(until); <-time.After(500 * time.Millisecond) {
		largest = max(largest, documents.size(t, l.event.ID))
		l.awaitServed(t) // all the time
	}
	tried, refused := l.counts()
	if err := servers["RabbitMQ"].Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	figures := l.end(t)
	// A stand-in for MongoDB may be slow for a moment; RabbitMQ is needed by none.
	if 50*(refused-refusedBefore) > tried-before {
		t.Errorf("%d of %d requests were refused while RabbitMQ was away", refused-refusedBefore, tried-before)
	}
	// MongoDB takes 16 MiB. What waits for its message has left the document.
	if limit := 256 << 10; largest > limit {
		t.Errorf("the event's document grew to %d bytes", largest)
	}
	t.Logf("RabbitMQ away for %s: %d requests meanwhile, %d refused; the event's document had %d bytes at most; all was told %.1f s after its start; %s",
		down, tried-before, refused-refusedBefore, largest, time.Since(began).Seconds(), figures)
}

// refusedAll checks that nobody can book now, and that everybody is told so. It
// returns the longest that it took.
func refusedAll(t *testing.T, p *platform, by *account, e event, times int) (slowest time.Duration) {
	t.Helper()
	for i := range times {
		at := []service{gateway, bookings}[i%2]
		began := time.Now()
		res, err := p.send("POST", at, "/bookings", as(by), body(obj{"event_id": e.ID, "tickets": 1}))
		slowest = max(slowest, time.Since(began))
		if err != nil {
			t.Fatal(err)
		}
		if res.status != 503 && res.status != 202 {
			t.Errorf("%s, without the event service: %d %s", res.request, res.status, res.body)
		}
	}
	return slowest
}

// The event service is killed. Everybody is refused, and nothing stays unfinished
// when it is back.
func TestDaprEventServiceDown(t *testing.T) {
	t.Parallel()
	p, s, _ := startDapr(t, setup{})
	visitor := p.register(t, customer)
	l := newLoad(t, p, 6, true)
	l.awaitTried(t, 20)
	down := s.of(events)[0]
	down.kill()
	slowest := refusedAll(t, p, visitor, l.event, 20)
	l.awaitRefused(t, 20)
	began := time.Now()
	if err := down.start(); err != nil {
		t.Fatal(err)
	}
	back := l.awaitServed(t)
	l.witnessed(t, visitor)
	figures := l.end(t)
	t.Logf("the event service killed: the slowest of 20 refusals took %.2f s, served again %.1f s after its start, everything settled %.1f s after it; %s",
		slowest.Seconds(), back.Seconds(), time.Since(began).Seconds(), figures)
}

// errOf is for eventually.
func errOf(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
