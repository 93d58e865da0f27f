package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

const (
	saleTickets = 50
	salePeople  = 40
	saleEach    = 5 // purchases that each of them makes at the same moment
	saleBuyers  = salePeople * saleEach
)

// 200 purchases of 50 tickets start at the same moment, or within way.rush. Buyers
// retry under the same key when an answer asks them to.
func TestFlashSale(t *testing.T) {
	t.Parallel()
	p := start(t, options{})
	sale := runSale(t, p, saleCrowd(t, p))
	for _, v := range sale.violations(t, p) {
		t.Error(v)
	}
	eventually(t, func() error {
		mails, err := p.mails()
		if err != nil {
			return err
		}
		confirmed, _, violations := mailsAbout(mails)
		if len(violations) > 0 {
			return final{fmt.Errorf("%v", violations)}
		}
		for id := range sale.sold {
			if confirmed[id] != 1 {
				return fmt.Errorf("booking %s has %d confirmations", id, confirmed[id])
			}
		}
		return nil
	})
	t.Logf("flash sale: %d buyers, %d tickets: %v, %.1f s", saleBuyers, saleTickets, sale.answers, sale.took.Seconds())
}

// The control: on an inventory that looks first and takes later, the same
// checks must find what is wrong. Whether it oversells is for the race to say;
// that it does not in five sales is as good as impossible.
func TestFlashSaleCatchesOverselling(t *testing.T) {
	t.Parallel()
	p := start(t, options{racyInventory: true})
	buyers := saleCrowd(t, p)
	for range 5 {
		sale := runSale(t, p, buyers)
		violations := sale.violations(t, p)
		if len(sale.sold) <= saleTickets {
			continue
		}
		if len(violations) == 0 {
			t.Fatalf("a racy inventory sold %d of %d tickets, and the checks do not see it", len(sale.sold), saleTickets)
		}
		t.Logf("the control run sold %d of %d tickets; the checks say %q", len(sale.sold), saleTickets, violations[0])
		return
	}
	t.Fatal("a racy inventory oversells in none of five sales: the race is not hard enough to prove anything")
}

// saleCrowd returns the buyers of a sale: few people, because each costs two
// password hashes.
func saleCrowd(t *testing.T, p *platform) []*account {
	t.Helper()
	return slices.Repeat(p.crowd(t, salePeople), saleEach)
}

// sale is what came of one.
type sale struct {
	event   event
	buyers  []*account
	answers map[string]int // how often each
	sold    map[string]int // booking ids of 201s
	odd     []string       // neither 201 nor 409 sold_out
	took    time.Duration
}

func runSale(t *testing.T, p *platform, buyers []*account) *sale {
	t.Helper()
	s := &sale{
		event: p.publish(t, p.register(t, organizer), draft(saleTickets)), buyers: buyers,
		answers: map[string]int{}, sold: map[string]int{},
	}
	want := body(obj{"event_id": s.event.ID, "tickets": 1})
	var mu sync.Mutex
	var wg sync.WaitGroup
	open := make(chan struct{})
	for i, a := range buyers {
		wg.Go(func() {
			<-open
			<-time.After(chosen.rush * time.Duration(i) / time.Duration(len(buyers)))
			request := []option{as(a), want, key(uuid.NewString())}
			res, err := insist(func() (*answer, error) { return p.send(http.MethodPost, gateway, "/bookings", request...) })
			mu.Lock()
			defer mu.Unlock()
			s.note(res, err)
		})
	}
	began := time.Now()
	close(open)
	wg.Wait()
	s.took = time.Since(began)
	return s
}

// insist sends a request until its answer does not ask to ask again.
func insist(send func() (*answer, error)) (*answer, error) {
	res, err := send()
	for deadline := time.Now().Add(patience); again(res, err) && time.Now().Before(deadline); {
		<-time.After(time.Second) // Retry-After
		res, err = send()
	}
	return res, err
}

// again reports whether an answer asks to ask again: for want of an answer from
// elsewhere, because it is not known yet what became of the payment, or because
// the account has too many purchases at the same moment.
func again(res *answer, err error) bool {
	if err != nil {
		return false
	}
	if res.status == http.StatusAccepted {
		return true
	}
	refusal, err := res.problem()
	return err == nil && (res.status == http.StatusServiceUnavailable || refusal.Code == problem.BookingInProgress || refusal.Code == problem.RateLimited)
}

func (s *sale) note(res *answer, err error) {
	if err != nil {
		s.odd = append(s.odd, err.Error())
		return
	}
	if res.status == http.StatusCreated {
		s.answers["201"]++
		var b booking
		if err := json.Unmarshal(res.body, &b); err != nil || b.Status != "CONFIRMED" {
			s.odd = append(s.odd, fmt.Sprintf("201 %s", res.body))
		}
		s.sold[b.ID]++
		return
	}
	refusal, err := res.problem()
	s.answers[fmt.Sprintf("%d %s", res.status, refusal.Code)]++
	if err != nil || res.status != http.StatusConflict || refusal.Code != problem.SoldOut {
		s.odd = append(s.odd, fmt.Sprintf("%d %s", res.status, res.body))
	}
}

// violations are what is wrong with a sale, as its customers and its organizer
// see it.
func (s *sale) violations(t *testing.T, p *platform) (found []string) {
	t.Helper()
	wrong := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if len(s.sold) != saleTickets || s.answers["201"] != saleTickets {
		wrong("%d tickets sold, in %d answers, want %d", len(s.sold), s.answers["201"], saleTickets)
	}
	if n := s.answers["409 sold_out"]; n != len(s.buyers)-saleTickets {
		wrong("%d were told that it is sold out, want %d", n, len(s.buyers)-saleTickets)
	}
	for _, odd := range s.odd {
		wrong("an answer of neither kind: %s", odd)
	}
	if a := p.available(t, s.event.ID); a.Available != 0 || a.SalesOpen || a.Capacity != saleTickets {
		wrong("afterwards there are %d of %d left, open %t", a.Available, a.Capacity, a.SalesOpen)
	}
	asked, ours, confirmed := map[string]bool{}, map[string]bool{}, 0
	for _, a := range s.buyers {
		if asked[a.id] {
			continue
		}
		asked[a.id] = true
		for _, b := range wholeList[booking](t, p, gateway, "/bookings?limit=100", as(a)) {
			if b.EventID != s.event.ID {
				continue
			}
			ours[b.ID] = true
			if b.Status == "CONFIRMED" {
				confirmed += b.Tickets
			}
			if (b.Status == "CONFIRMED") != (s.sold[b.ID] == 1) {
				wrong("booking %s is %s, and 201 was answered %d times", b.ID, b.Status, s.sold[b.ID])
			}
		}
	}
	if confirmed != saleTickets {
		wrong("the customers hold %d tickets, want %d", confirmed, saleTickets)
	}
	charges := slices.DeleteFunc(wholeList[entry](t, p, bookings, "/payments/sandbox/ledger?limit=100", as(p.admin)),
		func(l entry) bool { return !ours[l.BookingID] })
	paid := map[string]bool{}
	for _, c := range charges {
		if c.Kind != "charge" || paid[c.BookingID] || s.sold[c.BookingID] != 1 || c.Amount != s.event.TicketTypes[0].Price {
			wrong("in the ledger: %+v", c)
		}
		paid[c.BookingID] = true
	}
	if len(charges) != saleTickets {
		wrong("%d charges, want %d", len(charges), saleTickets)
	}
	return found
}
