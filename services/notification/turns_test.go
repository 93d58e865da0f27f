package notification

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
)

func TestEventsAndClassesTakeTurns(t *testing.T) {
	t.Parallel()
	var s turns
	now := time.Date(2027, 3, 12, 19, 30, 0, 0, time.UTC)
	turn := map[string]int64{}
	for i := range 100 { // a flood for two events
		turn[fmt.Sprint("flood ", i)] = s.next(paidFor, "a", now)
		turn[fmt.Sprint("free ", i)] = s.next(free, "b", now)
	}
	turn["bulk"] = s.next(bulk, "c", now)
	now = now.Add(time.Second)
	turn["free, other event"] = s.next(free, "d", now)
	turn["other event"] = s.next(paidFor, "e", now)
	order := make([]string, 0, len(turn))
	for name := range turn {
		order = append(order, name)
	}
	slices.SortFunc(order, func(a, b string) int { return int(min(1, max(-1, turn[a]-turn[b]))) })
	at := func(name string) int { return slices.Index(order, name) }
	for _, pair := range [][2]string{
		{"flood 0", "flood 1"}, {"other event", "flood 30"}, {"flood 99", "free 0"}, {"free, other event", "free 30"}, {"free 99", "bulk"},
	} {
		if at(pair[0]) > at(pair[1]) {
			t.Errorf("%q comes after %q", pair[0], pair[1])
		}
	}
	if first := at("flood 1"); first > 1 {
		t.Errorf("what came first is number %d", first)
	}
}

// A retry comes after what has come before it is due, and before the classes
// that are less urgent.
func TestARetryTakesANewTurn(t *testing.T) {
	t.Parallel()
	var s turns
	now := time.Date(2027, 3, 12, 19, 30, 0, 0, time.UTC)
	for _, c := range []class{paidFor, free, bulk} {
		first, fresh := s.next(c, "a", now), s.next(c, "b", now.Add(time.Second))
		retry := again(first, now.Add(2*time.Second))
		if retry <= fresh {
			t.Errorf("class %d: a retry has turn %d, which is before %d of what came first", c, retry, fresh)
		}
		if next := s.next(c, "c", now.Add(3*time.Second)); next <= retry {
			t.Errorf("class %d: a retry has turn %d, which is after %d of what came later", c, retry, next)
		}
		if got := retry / classStep; got != int64(c) {
			t.Errorf("a retry of class %d is in class %d", c, got)
		}
		if got := again(retry, now); got != retry {
			t.Errorf("class %d: turn %d has gone back to %d", c, retry, got)
		}
	}
}

func TestTurnsAreForgotten(t *testing.T) {
	t.Parallel()
	var s turns
	now := time.Now()
	for i := range 3 * maxTurns {
		s.next(free, fmt.Sprint(i), now.Add(time.Duration(i)*time.Microsecond))
	}
	if len(s.last) > maxTurns {
		t.Errorf("%d events are kept, want at most %d", len(s.last), maxTurns)
	}
}

func TestWhatIsPaid(t *testing.T) {
	t.Parallel()
	b := someBooking()
	gratis := b
	gratis.Total = money.Amount{Currency: "EUR"}
	returned := withCancellation(gratis, 6300, 0, false) // the last ticket of a booking given back
	for _, test := range []struct {
		kind Kind
		paid bool
		got  class
	}{{Confirmation, true, classOf(Confirmation, b)}, {PaymentFailed, false, classOf(PaymentFailed, b)}, {Confirmation, false, classOf(Confirmation, gratis)},
		{ItemsCancelled, true, classOf(ItemsCancelled, returned)}} {
		if (test.got == paidFor) != test.paid {
			t.Errorf("%s: the class is %d, paid should be %v", test.kind, test.got, test.paid)
		}
	}
	if got := classOf(EventCancelled, b); got != bulk {
		t.Errorf("a cancelled event's class is %d", got)
	}
}
