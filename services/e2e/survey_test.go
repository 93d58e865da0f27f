package e2e

import (
	"errors"
	"fmt"
	"maps"
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
	books    map[string]balance // by booking
	left     availability
	mails    []mail

	found            []string // violations
	lost, duplicates int

	// of these, what is about money, and about mails
	ticketless, doubleCharges, doubleRefunds, repeated int
	// unasked are bookings that no answer told of, made by a late payment.
	unasked int
	// held are tickets that nobody has, although nothing is to be done any more.
	held int
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
	eventually(t, s.look)
	eventually(t, s.read)
}

// look takes in the bookings, the books and what is left; the error is that a
// booking is not settled, or that the provider still has something to do or to
// tell.
func (s *survey) look() error {
	before, err := s.p.books()
	if err != nil {
		return err
	}
	quiet := func() bool { return s.p.provider == nil || s.p.provider.Quiet() }
	if !quiet() {
		return errors.New("the provider still has something to do, or to tell")
	}
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
			for _, c := range x.Cancellations {
				if c.Status != "DONE" {
					return fmt.Errorf("a cancellation of booking %s is %s: %+v", x.ID, c.Status, x.Timeline)
				}
			}
			s.bookings[x.ID] = x
		}
	}
	if s.books, err = s.p.books(); err != nil {
		return err
	}
	if !quiet() || !maps.Equal(before, s.books) {
		return errors.New("money is being moved")
	}
	for id, b := range s.bookings {
		// A payment that came too late is looked at when the provider tells of it.
		if of := s.books[id]; s.p.provider != nil && b.Status == "FAILED" && of.captured != of.refunded {
			return fmt.Errorf("booking %s is FAILED, and the provider's books say %+v: %+v", id, of, b.Timeline)
		}
	}
	s.left, err = s.p.leftOf(s.event.ID)
	return err
}

// read takes in all mails; the error is that one is missing.
func (s *survey) read() (err error) {
	if s.mails, err = s.p.mails(); err != nil {
		return err
	}
	told := toldOf(s.mails)
	for id, b := range s.bookings {
		if b.Status == "CONFIRMED" && told[id][bookingConfirmed] == 0 || b.Status == "CANCELLED" && told[id][bookingCancelled] == 0 {
			return fmt.Errorf("booking %s is %s, and no mail says so", id, b.Status)
		}
		for _, c := range b.Cancellations {
			if !c.All && told[id][itemsCancelled] == 0 {
				return fmt.Errorf("some tickets of booking %s are cancelled, and no mail says so", id)
			}
		}
	}
	return nil
}

// violations are the promises that are broken.
func (s *survey) violations() []string {
	s.found, s.lost, s.duplicates = nil, 0, 0
	s.ticketless, s.doubleCharges, s.doubleRefunds, s.repeated, s.unasked, s.held = 0, 0, 0, 0, 0, 0
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
		s.kills, tries, len(s.bookings), count, len(s.mails), s.lost, s.duplicates) + s.others()
}

// others says what else was seen, where there was any.
func (s *survey) others() string {
	all := ""
	if s.p.checkouts {
		all += "; " + s.checkouts()
	}
	if s.p.checkouts || s.p.provider != nil {
		all += "; " + s.sums()
	}
	return all
}

// sums says what became of the money.
func (s *survey) sums() string {
	fees, parts, late := int64(0), 0, 0
	for _, b := range s.bookings {
		for _, c := range b.Cancellations {
			fees += c.Fee.AmountMinor
			if !c.All {
				parts++
			}
		}
		if b.wasLate() {
			late++
		}
	}
	return fmt.Sprintf("%d cancellations in part, %d late payments (%d of bookings that no answer told of), fees of %d; charges without a ticket after settling = %d, double charges = %d, double refunds = %d, duplicate mails = %d",
		parts, late, s.unasked, fees, s.ticketless, s.doubleCharges, s.doubleRefunds, s.repeated)
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
		switch {
		case b.Status == "FAILED" || known[id]:
		case b.wasLate():
			// Its request had no answer, and its payment came when it was over: a
			// mail tells of it. The customer may have asked again meanwhile.
			s.unasked++
		default:
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
	if c.refused && b.Status != want && b.wasLate() {
		return // paid when it was over; there were tickets yet, or the money went back
	}
	cancellations := 0
	for _, told := range []bool{c.parted, c.cancelled} {
		if told {
			cancellations++
		}
	}
	if len(b.Cancellations) != cancellations {
		s.lost++
		s.wrong("of booking %s %d cancellations were acknowledged, and it has %+v", id, cancellations, b.Cancellations)
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
		s.held += max(0, tt.Capacity-tt.Available-sold[tt.ID])
		if tt.Capacity-tt.Available != sold[tt.ID] || tt.Available < 0 {
			s.wrong("of %d %s, %d are available and %d are held by customers", tt.Capacity, tt.Name, tt.Available, sold[tt.ID])
		}
	}
}

// money: P2, for each booking: what its customer has paid and not got back is the
// price of the tickets that are theirs, and the fees for those they gave back.
func (s *survey) money() {
	for id, b := range s.books {
		if _, ok := s.bookings[id]; !ok && b.charges > 0 {
			s.lost++
			s.ticketless++
			s.wrong("money was moved for booking %s, which is not there: %+v", id, b)
		}
	}
	for id, b := range s.bookings {
		of := s.books[id]
		if of.charges > 1 {
			s.doubleCharges++
			s.duplicates++
			s.wrong("booking %s has %d charges: %+v", id, of.charges, b.Timeline)
		}
		if of.refunds > len(b.Refunds) {
			s.doubleRefunds++
			s.duplicates++
			s.wrong("booking %s has %d refunds of %d: %+v", id, of.refunds, len(b.Refunds), b.Timeline)
		}
		for _, r := range b.Refunds {
			if r.Status != "refunded" {
				s.wrong("a refund of booking %s is %s", id, r.Status)
			}
		}
		kept := of.captured - of.refunded
		if owed := s.owed(b); kept != owed {
			if kept > owed {
				s.ticketless++
			}
			s.wrong("booking %s is %s, and of %d captured %d were refunded, which leaves %d instead of %d: %+v",
				id, b.Status, of.captured, of.refunded, kept, owed, b.Timeline)
		}
	}
}

// owed is what the seller is to have of a booking.
func (s *survey) owed(b booking) (owed int64) {
	if b.Status == "CONFIRMED" {
		for _, it := range b.Items {
			owed += int64(it.Quantity) * it.UnitPrice.AmountMinor
		}
		if b.Total == nil || b.Total.AmountMinor != owed {
			s.wrong("booking %s has tickets for %d, and its total is %v", b.ID, owed, b.Total)
		}
	}
	for _, c := range b.Cancellations {
		fee, err := c.Price.BasisPoints(s.event.Policy.FeeBasisPoints)
		free := s.event.StartsAt.Add(-time.Duration(s.event.Policy.FreeHours) * time.Hour)
		if time.Now().Before(free) {
			fee.AmountMinor = 0
		}
		if err != nil || c.Fee != fee || c.Status != "DONE" {
			s.wrong("booking %s has a cancellation that is %s, of tickets for %s, for a fee of %s instead of %s (%v)", b.ID, c.Status, c.Price, c.Fee, fee, err)
		}
		owed += fee.AmountMinor
	}
	return owed
}

// mail: P3 and P4, as the customers read it.
func (s *survey) mail() {
	_, _, violations := mailsAbout(s.mails)
	for _, v := range violations {
		s.repeated++
		s.wrong("%s", v)
	}
	told := toldOf(s.mails)
	for _, m := range s.mails {
		if m.booking() == "" && m.subject == "Confirm your email address" {
			continue // an organizer's
		}
		if _, ok := s.bookings[m.booking()]; !ok {
			s.wrong("a mail about the booking %q: %s", m.booking(), m.subject)
		}
	}
	for id, b := range s.bookings {
		parts := 0
		for _, c := range b.Cancellations {
			if !c.All {
				parts++
			}
		}
		for kind, n := range told[id] {
			most := 1
			if kind == itemsCancelled {
				most = max(1, parts)
			}
			if n > most {
				s.repeated++
				s.wrong("booking %s is told %d times: %s", id, n, kind)
			}
		}
		if n := told[id][itemsCancelled]; n != parts {
			s.wrong("booking %s has %d cancellations in part, and %d mails say so", id, parts, n)
		}
		confirmed, cancelled := told[id][bookingConfirmed] > 0, told[id][bookingCancelled] > 0
		switch {
		case b.Status == "CONFIRMED" && (!confirmed || cancelled), b.Status == "CANCELLED" && !cancelled,
			b.Status == "FAILED" && (confirmed || cancelled):
			s.wrong("booking %s is %s; told as confirmed: %t, as cancelled: %t", id, b.Status, confirmed, cancelled)
		}
	}
	s.duplicates += s.repeated
}
