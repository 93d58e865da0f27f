package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// sale is one event, and what its buyers were told.
type sale struct {
	event   string
	tickets int

	mu    sync.Mutex
	sold  map[string]time.Time // booking ids that were answered as confirmed, and when
	codes map[string]int
	took  latencies // of these
	odd   []string  // answers that there should not be
}

// patience is how long one waits who is told to come again.
const patience = time.Second

// buy asks for one ticket, until it is known what became of it or ctx ends; it says
// whether there may be more to buy.
type buy func(ctx context.Context, s *sale, p *platform, by *account) (more bool)

// atOnce buys by one request.
func atOnce(ctx context.Context, s *sale, p *platform, by *account) (more bool) {
	key := uuid.NewString()
	a, took := s.ask(ctx, func() (*answer, error) {
		return p.send(http.MethodPost, "user", "/bookings", by, map[string]any{"event_id": s.event, "tickets": 1}, "Idempotency-Key", key)
	})
	if a != nil && a.status == http.StatusCreated {
		s.bought(a, took)
	}
	return a != nil && a.code() != "409 sold_out"
}

// byCheckout holds a ticket and pays for it by another request, also if the sale is over by
// then.
func byCheckout(ctx context.Context, s *sale, p *platform, by *account) (more bool) {
	key := uuid.NewString()
	held, took := s.ask(ctx, func() (*answer, error) {
		return p.send(http.MethodPost, "user", "/bookings", by, map[string]any{"event_id": s.event, "tickets": 1, "checkout": true}, "Idempotency-Key", key)
	})
	if held == nil || held.status != http.StatusCreated {
		return held != nil && held.code() != "409 sold_out"
	}
	var b struct{ ID string }
	_ = json.Unmarshal(held.body, &b) // the payment of no id is odd
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	paid, also := s.ask(ctx, func() (*answer, error) {
		return p.send(http.MethodPost, "user", "/bookings/"+b.ID+"/payment", by, map[string]any{"token": "tok_visa"}, "Idempotency-Key", key+"-pay")
	})
	if paid != nil && paid.status == http.StatusOK {
		s.bought(paid, took+also)
	}
	return true
}

// ask makes a request until it is answered for good, or ctx ends: nil. It returns how long
// the last answer took.
func (s *sale) ask(ctx context.Context, request func() (*answer, error)) (*answer, time.Duration) {
	for {
		began := time.Now()
		a, err := request()
		took := time.Since(began)
		if !s.again(a, err) {
			return a, took
		}
		select {
		case <-ctx.Done():
			return nil, 0
		case <-time.After(patience):
		}
	}
}

// again takes in an answer, and reports whether to ask again.
func (s *sale) again(a *answer, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.codes["no answer"]++
		s.odd = append(s.odd, err.Error())
		return true
	}
	code := a.code()
	s.codes[code]++
	switch {
	case code == "409 booking_in_progress", code == "409 payment_in_progress", a.status == http.StatusServiceUnavailable:
		return true
	case a.status < http.StatusBadRequest, code == "409 sold_out": // 202: it will be mailed
	default:
		s.odd = append(s.odd, fmt.Sprintf("%d %s", a.status, a.body))
	}
	return false
}

// bought takes in a booking that is confirmed.
func (s *sale) bought(a *answer, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b struct{ ID string }
	if err := json.Unmarshal(a.body, &b); err != nil || b.ID == "" {
		s.odd = append(s.odd, fmt.Sprintf("%d %s", a.status, a.body))
	}
	if _, twice := s.sold[b.ID]; twice {
		s.odd = append(s.odd, "two purchases are booking "+b.ID)
	}
	s.sold[b.ID] = time.Now()
	s.took = append(s.took, took)
}

// flashSale lets the buyers buy one ticket after another, until all are sold or
// the time is over.
func (b *bench) flashSale(p *platform, organizer *account, buyers []*account) (*sale, *Result, error) {
	return b.sell(p, organizer, buyers, "flash sale", atOnce)
}

// checkoutSale is the same with a checkout and a payment for each ticket.
func (b *bench) checkoutSale(p *platform, organizer *account, buyers []*account) (*sale, *Result, error) {
	return b.sell(p, organizer, buyers, checkoutName, byCheckout)
}

const checkoutName = "checkout and payment"

func (b *bench) sell(p *platform, organizer *account, buyers []*account, what string, one buy) (*sale, *Result, error) {
	s := &sale{tickets: b.tickets, sold: map[string]time.Time{}, codes: map[string]int{}}
	var err error
	if s.event, err = p.publish(organizer, s.tickets); err != nil {
		return nil, nil, err
	}
	m, err := startMeter(p.at.Processes)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(b.ctx, b.time)
	defer cancel()
	began := time.Now()
	deadline := began.Add(b.time)
	var wg sync.WaitGroup
	var gone atomic.Bool // the tickets
	for _, a := range buyers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if !one(ctx, s, p, a) {
					gone.Store(gone.Load() || ctx.Err() == nil)
					return
				}
				if b.think > 0 {
					select {
					case <-ctx.Done():
					case <-time.After(b.think):
					}
				}
			}
		})
	}
	<-wait(ctx, &wg)
	usage, err := m.read() // of the sale alone: not of those who still wait for an answer
	if err != nil {
		return nil, nil, err
	}
	wg.Wait()
	r := &Result{What: what, Way: p.way, Clients: len(buyers), Codes: s.codes, Usage: usage, PerThousand: true}
	last := began
	for _, at := range s.sold {
		if !at.After(deadline) {
			r.Count++
			last = later(last, at)
		}
	}
	if r.Seconds = b.time.Seconds(); gone.Load() { // it was over with the last ticket
		r.Seconds = last.Sub(began).Seconds()
	}
	s.took.into(r)
	r.rate()
	r.odd(s.odd)
	return s, r, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// wait returns a channel that is closed when wg is done, or ctx is.
func wait(ctx context.Context, wg *sync.WaitGroup) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	either := make(chan struct{})
	go func() {
		defer close(either)
		select {
		case <-done:
		case <-ctx.Done():
		}
	}()
	return either
}

// soldOut asks for what is sold out already.
func (b *bench) soldOut(p *platform, organizer *account, buyers []*account) (*Result, error) {
	event, err := p.publish(organizer, 1)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"event_id": event, "tickets": 1}
	if err := p.must(http.StatusCreated, nil, http.MethodPost, "user", "/bookings", buyers[0], body); err != nil {
		return nil, err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := b.repeat(p, "sold out", len(buyers), b.refusals, func(i, _ int) (*answer, error) {
		return p.send(http.MethodPost, "user", "/bookings", buyers[i], text, "Idempotency-Key", uuid.NewString())
	}, "409 sold_out")
	return r, err
}

// repeat makes requests from so many clients, until there have been n or the
// time is over. Every answer is to have the code want.
func (b *bench) repeat(p *platform, what string, clients, n int, request func(client, n int) (*answer, error), want string) (*Result, error) {
	r := &Result{What: what, Way: p.way, Clients: clients, Codes: map[string]int{}}
	m, err := startMeter(p.at.Processes)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var took latencies
	var odd []string
	var next atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	deadline := began.Add(b.time)
	for c := range clients {
		wg.Go(func() {
			mine, codes := latencies{}, map[string]int{}
			for time.Now().Before(deadline) && b.ctx.Err() == nil {
				i := next.Add(1)
				if n > 0 && int(i) > n {
					break
				}
				began := time.Now()
				a, err := request(c, int(i))
				mine = append(mine, time.Since(began))
				if err != nil {
					codes["no answer"]++
					mu.Lock()
					odd = append(odd, err.Error())
					mu.Unlock()
					continue
				}
				codes[a.code()]++
				if a.code() != want && a.status != http.StatusServiceUnavailable {
					mu.Lock()
					odd = append(odd, fmt.Sprintf("%d %s", a.status, a.body))
					mu.Unlock()
				}
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, mine...)
			for code, n := range codes {
				r.Codes[code] += n
			}
		})
	}
	wg.Wait()
	r.Seconds = time.Since(began).Seconds()
	r.Count = r.Codes[want]
	took.into(r)
	r.rate()
	r.odd(odd)
	r.Usage, err = m.read()
	return r, err
}
