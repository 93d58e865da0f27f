package e2e

import (
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

const killClients = 12

// killSeed is that of the choices of a run: KILL_SEED, or another each time.
func killSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("KILL_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("KILL_SEED: %v", err)
		}
	}
	t.Logf("KILL_SEED=%d", seed)
	return seed
}

// The platform is killed in each of eight rounds, twenty in the long tier, while
// people book, check out and cancel.
// What it has promised them holds, seen from outside: nothing acknowledged is
// lost, nothing is done twice, money and tickets agree.
func TestKillNine(t *testing.T) {
	t.Parallel()
	seed := killSeed(t)
	choose := rand.New(rand.NewPCG(seed, 0))
	within := func(least, most int) <-chan time.Time {
		return time.After(time.Duration(least+choose.IntN(most-least)) * time.Millisecond)
	}

	p := start(t, options{checkoutTTL: "8s"})
	e := p.publish(t, p.register(t, organizer), draft(4000, 400))
	buyers := make([]*buyer, killClients)
	finish := make(chan struct{})
	var load sync.WaitGroup
	for i, a := range p.crowd(t, killClients) {
		buyers[i] = newBuyer(p, a, e, seed, i, chosen.pace)
		load.Go(func() { buyers[i].shop(finish) })
	}
	kills := 0
	for round := range suitetest.Amount(8, 20) {
		<-within(100, 900)
		p.kill()
		kills++
		if round%4 == 3 { // and once more, when it has hardly begun to recover
			if err := p.start(); err != nil {
				t.Fatal(err)
			}
			<-within(0, 250)
			p.kill()
			kills++
		}
		p.restart(t)
	}
	awaitCheckouts(t, buyers)
	close(finish)
	load.Wait()

	s := survey{p: p, event: e, buyers: buyers, kills: kills}
	s.settle(t)
	// What is still to be done would be done after another start.
	if err := p.stop(); err != nil {
		t.Error(err)
	}
	p.restart(t)
	s.settle(t)
	for _, v := range s.violations() {
		t.Error(v)
	}
	t.Log("kill -9: " + s.figures())
	if !t.Failed() {
		s.control(t)
	}
}

// control shows that the survey finds what is wrong, by changing what it has
// seen.
func (s survey) control(t testing.TB) {
	t.Helper()
	var confirmed booking
	for _, b := range s.bookings {
		if b.Status == "CONFIRMED" {
			confirmed = b
		}
	}
	told := slices.IndexFunc(s.mails, func(m mail) bool { return m.booking() == confirmed.ID && m.confirms() })
	move := func(captured, refunded int64, charges, refunds int) func(*survey) {
		return func(s *survey) {
			b := s.books[confirmed.ID]
			s.books[confirmed.ID] = balance{b.captured + captured, b.refunded + refunded, b.charges + charges, b.refunds + refunds}
		}
	}
	for what, change := range map[string]func(*survey){
		"a booking is lost":            func(s *survey) { delete(s.bookings, confirmed.ID) },
		"a booking was not told":       func(s *survey) { s.bookings["another"] = confirmed },
		"a charge is lost":             func(s *survey) { delete(s.books, confirmed.ID) },
		"a charge came twice":          move(confirmed.Total.AmountMinor, 0, 1, 0),
		"a refund came for nothing":    move(0, 1, 0, 1),
		"a refund came twice":          move(0, 0, 0, 1),
		"too little was charged":       move(-1, 0, 0, 0),
		"a mail is lost":               func(s *survey) { s.mails = slices.Delete(s.mails, told, told+1) },
		"a mail came twice":            func(s *survey) { s.mails = append(s.mails, s.mails[told]) },
		"a ticket is sold to nobody":   func(s *survey) { s.left.TicketTypes[0].Available-- },
		"a ticket is sold twice":       func(s *survey) { s.left.TicketTypes[0].Available++ },
		"a booking has another status": func(s *survey) { b := confirmed; b.Status = "CANCELLED"; s.bookings[b.ID] = b },
	} {
		other := s
		other.bookings, other.books, other.mails = maps.Clone(s.bookings), maps.Clone(s.books), slices.Clone(s.mails)
		other.left.TicketTypes = slices.Clone(s.left.TicketTypes)
		if change(&other); len(other.violations()) == 0 {
			t.Errorf("%s, and the survey does not see it", what)
		}
	}
	if s.p.provider == nil {
		return
	}
	// Of those that were cancelled in part.
	n := slices.IndexFunc(s.mails, mail.shortens)
	if n < 0 {
		t.Log("nobody has cancelled some tickets")
		return
	}
	id := s.mails[n].booking()
	for what, change := range map[string]func(*survey){
		"a mail about some tickets is lost":      func(s *survey) { s.mails = slices.Delete(s.mails, n, n+1) },
		"a mail about some tickets came twice":   func(s *survey) { s.mails = append(s.mails, s.mails[n]) },
		"a cancellation of some tickets is lost": func(s *survey) { b := s.bookings[id]; b.Cancellations = nil; s.bookings[id] = b },
		"a fee was not kept": func(s *survey) {
			b := s.books[id]
			b.refunded += s.bookings[id].Cancellations[0].Fee.AmountMinor
			s.books[id] = b
		},
		"the wrong fee was kept": func(s *survey) { s.event.Policy.FeeBasisPoints += 1000 },
	} {
		other := s
		other.bookings, other.books, other.mails = maps.Clone(s.bookings), maps.Clone(s.books), slices.Clone(s.mails)
		if change(&other); len(other.violations()) == 0 {
			t.Errorf("%s, and the survey does not see it", what)
		}
	}
}
