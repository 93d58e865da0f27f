package notification

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
)

func TestOrganizersAndClassesTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTurns(time.Now())
		turn := map[string]int64{}
		for i := range 100 { // a flood for two organizers
			turn[fmt.Sprint("flood ", i)] = s.next(paidFor, "a")
			turn[fmt.Sprint("free ", i)] = s.next(free, "b")
		}
		turn["bulk"] = s.next(bulk, "c")
		<-time.After(time.Second)
		turn["free, other organizer"] = s.next(free, "d")
		turn["other organizer"] = s.next(paidFor, "e")
		order := inOrder(turn)
		at := func(name string) int { return slices.Index(order, name) }
		for _, pair := range [][2]string{
			{"flood 0", "flood 1"}, {"other organizer", "flood 30"}, {"flood 99", "free 0"}, {"free, other organizer", "free 30"}, {"free 99", "bulk"},
		} {
			if at(pair[0]) > at(pair[1]) {
				t.Errorf("%q comes after %q", pair[0], pair[1])
			}
		}
		if first := at("flood 1"); first > 1 {
			t.Errorf("what came first is number %d", first)
		}
	})
}

func TestWhereNotificationsWait(t *testing.T) {
	t.Parallel()
	for want, b := range map[string]events.Booking{
		"the organizer":              {BookingID: "b", Event: events.Event{ID: "e", OrganizerID: "the organizer"}},
		"the event, in old messages": {BookingID: "b", Event: events.Event{ID: "the event, in old messages"}},
		"the booking":                {BookingID: "the booking"},
	} {
		if got := place(b); got != want {
			t.Errorf("it waits with %q, want %q", got, want)
		}
	}
}

// inOrder is the names of turns, the lowest first.
func inOrder(turn map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(turn), func(a, b string) int { return cmp.Compare(turn[a], turn[b]) })
}

// What was handed out by a process whose clock was wrong, or far ahead in a flood,
// comes before what is handed out once it is being sent.
func TestTurnsGoOnFromWhatIsBeingSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Date(2027, 3, 12, 19, 30, 0, 0, time.UTC)
		ahead := newTurns(now.Add(24 * time.Hour))
		turn := map[string]int64{"0 sent": ahead.next(free, "a")}
		<-time.After(time.Microsecond)
		turn["1 waits"] = ahead.next(free, "b")
		s := newTurns(now)
		s.serve(turn["0 sent"])
		<-time.After(time.Millisecond)
		for i, event := range []string{"a", "c", "a"} {
			turn[fmt.Sprint(2+i, " new")] = s.next(free, event)
			<-time.After(time.Millisecond)
		}
		if order := inOrder(turn); !slices.IsSorted(order) {
			t.Errorf("they are sent in the order %q", order)
		}
		before := s.next(paidFor, "x")
		s.serve(1) // long ago
		if after := s.next(paidFor, "y"); after < before {
			t.Errorf("the clock has gone back by %d µs", before-after)
		}
	})
}

// A lane that is fast, or a class that goes first, does not move the clock of what
// still waits: one mail for another event is next, or nearly so.
func TestAFasterLaneAndAnotherClassMoveNoClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Service{lanes: map[Channel]*lane{Email: newLane(Email, 4, time.Now()), SMS: newLane(SMS, 2, time.Now())}}
		turn := func(event string, price int64) (mail, sms int64) {
			b := someBooking()
			b.Event.ID, b.Total.AmountMinor, b.UserEmail = event, price, "ada@example.com"
			r := Record{Kind: Confirmation}
			if err := s.address(&r, b); err != nil {
				t.Fatal(err)
			}
			if len(r.Deliveries) > 1 {
				sms = r.Deliveries[1].Turn
			}
			return r.Deliveries[0].Turn, sms
		}
		var paid, free []int64
		for range 1000 {
			mail, sms := turn("a", 4200)
			s.lanes[SMS].turns.serve(sms)
			paid = append(paid, mail)
			mail, _ = turn("f", 0)
			free = append(free, mail)
		}
		for _, mail := range paid[:100] {
			s.lanes[Email].turns.serve(mail)
		}
		wantNext := func(what string, next int64, waiting []int64) {
			before := 0
			for _, other := range waiting {
				if other < next {
					before++
				}
			}
			if before > 1 {
				t.Errorf("%s: %d go first, want at most 1", what, before)
			}
		}
		mail, _ := turn("g", 4200)
		wantNext("a mail after many SMS", mail, paid[100:])
		for _, mail := range paid {
			s.lanes[Email].turns.serve(mail)
		}
		mail, _ = turn("g", 0)
		wantNext("a free mail after many paid ones", mail, free)
	})
}

// A retry comes after what has come before it is due, and before the classes
// that are less urgent.
func TestARetryTakesANewTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTurns(time.Now())
		for i, c := range []class{paidFor, free, bulk} {
			event := fmt.Sprint(i, " ")
			first := s.next(c, event+"a")
			retry := s.again(first, 2*time.Second)
			<-time.After(time.Second)
			fresh := s.next(c, event+"b")
			if retry <= fresh {
				t.Errorf("class %d: a retry has turn %d, which is before %d of what came first", c, retry, fresh)
			}
			<-time.After(2 * time.Second)
			if next := s.next(c, event+"c"); next <= retry {
				t.Errorf("class %d: a retry has turn %d, which is after %d of what came later", c, retry, next)
			}
			if got := retry / classStep; got != int64(c) {
				t.Errorf("a retry of class %d is in class %d", c, got)
			}
			if got := s.again(retry+int64(time.Hour), time.Second); got != retry+int64(time.Hour) {
				t.Errorf("class %d: turn %d has gone back to %d", c, retry, got)
			}
		}
	})
}

func TestTurnsAreForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTurns(time.Now())
		for i := range 3 * maxTurns {
			s.next(free, fmt.Sprint(i))
			<-time.After(time.Microsecond)
		}
		if len(s.last) > maxTurns {
			t.Errorf("%d queues are kept, want at most %d", len(s.last), maxTurns)
		}
	})
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
