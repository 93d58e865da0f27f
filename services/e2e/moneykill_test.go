package e2e

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/services/booking/adapter/stripe/stripetest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

const moneyClients = 8

// killedWhenDone kills, once, whoever the provider works for: as soon as it has
// done this operation and has it on its books, before anybody is told. It
// returns when that has happened, or not within the time given, which it
// reports.
func killedWhenDone(provider *stripetest.Server, operation string, within time.Duration, kill func()) bool {
	var once sync.Once
	dead := make(chan struct{})
	provider.Done(func(done string) {
		if done == operation {
			once.Do(func() {
				kill()
				close(dead)
			})
		}
	})
	defer provider.Done(nil)
	select {
	case <-dead:
		return true
	case <-time.After(within):
	}
	killed := true // just now
	once.Do(func() { killed = false })
	return killed
}

// The platform is killed while a provider takes people's money and gives it
// back: most often just when that has happened, and nobody has been told. What
// was paid and what was got agree in the end.
func TestMoneyKillNine(t *testing.T) {
	t.Parallel()
	seed := killSeed(t)
	choose := rand.New(rand.NewPCG(seed, 0))
	p, provider := startWithStripe(t, options{checkoutTTL: "8s"})
	e := p.publish(t, p.register(t, organizer), changed(draft(4000, 400), "cancellation_policy", feeAlways))
	buyers := make([]*buyer, moneyClients)
	finish := make(chan struct{})
	var load sync.WaitGroup
	for i, a := range p.crowd(t, moneyClients) {
		buyers[i] = newBuyer(p, a, e, seed, i, chosen.pace)
		load.Go(func() { buyers[i].shop(finish) })
	}
	between := map[string]int{}
	kills := suitetest.Amount(6, 12) // each kind of moment at least once
	for round := range kills {
		<-time.After(time.Duration(100+choose.IntN(600)) * time.Millisecond)
		operation := []string{"confirm", "refund", "create", "", "confirm", "refund"}[round%6]
		if operation != "" && killedWhenDone(provider, operation, time.Minute, p.kill) {
			between[operation]++
		} else {
			p.kill()
		}
		p.restart(t)
		p.paidBy(provider) // it is elsewhere now
	}
	awaitCheckouts(t, buyers)
	close(finish)
	load.Wait()

	s := survey{p: p, event: e, buyers: buyers, kills: kills}
	s.settle(t)
	for _, v := range s.violations() {
		t.Error(v)
	}
	if between["confirm"] == 0 || between["refund"] == 0 {
		t.Errorf("killed between provider and database only %v", between)
	}
	t.Logf("kill -9, paid through a provider: %s; killed between provider and database %v", s.figures(), between)
	if !t.Failed() {
		s.control(t)
	}
}
