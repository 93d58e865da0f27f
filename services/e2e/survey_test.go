package e2e

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// survey looks at what has become of everything that some buyers did.
type survey struct {
	p      *platform
	event  event
	buyers []*buyer
	kills  int

	bookings map[string]booking // by id
	ledger   []entry
	left     availability
	mails    []mail

	found            []string // violations
	lost, duplicates int
}

func (s *survey) wrong(format string, args ...any) {
	s.found = append(s.found, fmt.Sprintf(format, args...))
}

// settle waits until every buyer is answered, every booking is settled, and
// every mail has gone out.
func (s *survey) settle(t testing.TB) {
	t.Helper()
	var g errgroup.Group
	for _, b := range s.buyers {
		g.Go(b.settle)
	}
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	eventually(t, 60*time.Second, s.look)
	eventually(t, 3*time.Minute, s.read)
}

// look takes in the bookings, the ledger and what is left; the error is that a
// booking is not settled.
func (s *survey) look() (err error) {
	s.bookings = map[string]booking{}
	for _, b := range s.buyers {
		list, err := all[booking](s.p, bookings, "/bookings?limit=100", as(b.a))
		if err != nil {
			return err
		}
		for _, x := range list {
			if x.Status == "PENDING" || x.Status == "CANCELLING" {
				return fmt.Errorf("booking %s is %s: %+v", x.ID, x.Status, x.Timeline)
			}
			s.bookings[x.ID] = x
		}
	}
	if s.ledger, err = all[entry](s.p, bookings, "/payments/sandbox/ledger?limit=100", as(s.p.admin)); err != nil {
		return err
	}
	s.left, err = s.p.leftOf(s.event.ID)
	return err
}

// read takes in all mails; the error is that one is missing.
func (s *survey) read() (err error) {
	if s.mails, err = s.p.mails(); err != nil {
		return err
	}
	confirmations, cancellations, _ := mailsAbout(s.mails)
	for id, b := range s.bookings {
		if b.Status == "CONFIRMED" && confirmations[id] == 0 || b.Status == "CANCELLED" && cancellations[id] == 0 {
			return fmt.Errorf("booking %s is %s, and no mail says so", id, b.Status)
		}
	}
	return nil
}

// violations are the promises that are broken.
func (s *survey) violations() []string {
	s.found, s.lost, s.duplicates = nil, 0, 0
	s.purchases()
	s.tickets()
	s.money()
	s.mail()
	return s.found
}

// figures says how much was seen.
func (s *survey) figures() string {
	count, tries := map[string]int{}, 0
	for _, b := range s.bookings {
		count[b.Status]++
	}
	for _, b := range s.buyers {
		for _, c := range b.purchases {
			tries += c.tries
		}
	}
	return fmt.Sprintf("%d kills, %d requests for %d bookings %v, %d mails, lost = %d, duplicates = %d",
		s.kills, tries, len(s.bookings), count, len(s.mails), s.lost, s.duplicates)
}

// purchases: P3 and P4, from the customers' side.
func (s *survey) purchases() {
	known := map[string]bool{}
	for _, b := range s.buyers {
		for _, odd := range b.odd {
			s.wrong("%s", odd)
		}
		for _, c := range b.purchases {
			if len(c.ids) > 1 {
				s.duplicates++
				s.wrong("one key has the bookings %v", c.ids)
			}
			for _, id := range c.ids {
				known[id] = true
				s.purchase(c, id)
			}
		}
	}
	for id, b := range s.bookings {
		if b.Status != "FAILED" && !known[id] {
			s.duplicates++
			s.wrong("booking %s is %s, and no customer was ever told of it: %+v", id, b.Status, b.Timeline)
		}
	}
}

func (s *survey) purchase(c *purchase, id string) {
	b, ok := s.bookings[id]
	want := "CONFIRMED"
	switch {
	case c.refused:
		want = "FAILED"
	case c.cancelled:
		want = "CANCELLED"
	}
	if !ok || b.Status != want {
		s.lost++
		s.wrong("booking %s was acknowledged as %s, and is %q: %+v", id, want, b.Status, b.Timeline)
	}
}

// tickets: P1, for each ticket type.
func (s *survey) tickets() {
	sold := map[string]int{}
	for _, b := range s.bookings {
		if b.Status != "CONFIRMED" {
			continue
		}
		for _, it := range b.Items {
			sold[it.TicketTypeID] += it.Quantity
		}
	}
	for _, tt := range s.left.TicketTypes {
		if tt.Capacity-tt.Available != sold[tt.ID] || tt.Available < 0 {
			s.wrong("of %d %s, %d are available and %d are held by customers", tt.Capacity, tt.Name, tt.Available, sold[tt.ID])
		}
	}
}

// money: P2, for each booking.
func (s *survey) money() {
	balance, charges, refunds := map[string]int64{}, map[string]int{}, map[string]int{}
	for _, l := range s.ledger {
		switch l.Kind {
		case "charge":
			charges[l.BookingID]++
			balance[l.BookingID] += l.Amount.AmountMinor
		case "refund":
			refunds[l.BookingID]++
			balance[l.BookingID] -= l.Amount.AmountMinor
		default:
			s.wrong("in the ledger: %+v", l)
		}
		if _, ok := s.bookings[l.BookingID]; !ok {
			s.lost++
			s.wrong("money was moved for booking %s, which is not there: %+v", l.BookingID, l)
		}
		if charges[l.BookingID] > 1 || refunds[l.BookingID] > 1 {
			s.duplicates++
			s.wrong("booking %s has %d charges and %d refunds", l.BookingID, charges[l.BookingID], refunds[l.BookingID])
		}
	}
	for id, b := range s.bookings {
		var owed int64
		if b.Status == "CONFIRMED" {
			owed = b.Total.AmountMinor
		}
		if balance[id] != owed {
			s.wrong("booking %s is %s, and its balance is %d instead of %d: %+v", id, b.Status, balance[id], owed, b.Timeline)
		}
	}
}

// mail: P3 and P4, as the customers read it.
func (s *survey) mail() {
	confirmations, cancellations, violations := mailsAbout(s.mails)
	for _, v := range violations {
		s.duplicates++
		s.wrong("%s", v)
	}
	for _, m := range s.mails {
		if _, ok := s.bookings[m.booking()]; !ok {
			s.wrong("a mail about the booking %q: %s", m.booking(), m.subject)
		}
	}
	for id, b := range s.bookings {
		if confirmations[id] > 1 || cancellations[id] > 1 {
			s.duplicates++
			s.wrong("booking %s is told as confirmed %d times, as cancelled %d times", id, confirmations[id], cancellations[id])
		}
		confirmed, cancelled := confirmations[id] > 0, cancellations[id] > 0
		switch {
		case b.Status == "CONFIRMED" && (!confirmed || cancelled), b.Status == "CANCELLED" && !cancelled,
			b.Status == "FAILED" && (confirmed || cancelled):
			s.wrong("booking %s is %s; told as confirmed: %t, as cancelled: %t", id, b.Status, confirmed, cancelled)
		}
	}
}
