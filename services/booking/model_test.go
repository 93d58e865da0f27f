package booking_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

// batch is how many histories one rapid.Check goes through. It is a flag of the
// process, so that tests which run in parallel all have the same.
const batch = 20

func TestMain(m *testing.M) {
	for name, value := range map[string]int{"rapid.checks": batch, "rapid.steps": 12} {
		if err := flag.Set(name, strconv.Itoa(value)); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

// checks is how many histories a model test goes through: those of its tier, or
// MODEL_CHECKS.
func checks(ordinary, long int) int {
	if n, err := strconv.Atoi(os.Getenv("MODEL_CHECKS")); err == nil {
		return n
	}
	return suitetest.Amount(ordinary, long)
}

// histories goes through n histories, or until one fails.
func (m *model) histories(t *testing.T, n int) {
	t.Helper()
	t.Logf("histories: %d", n)
	for ; n > 0; n -= batch {
		rapid.Check(t, func(rt *rapid.T) { m.run(t, rt) })
	}
}

// Whatever customers, organizers and the provider do, wherever processes die and
// answers are lost: the promises hold after every step, and once recovery is
// through everything is settled.
func TestThePromisesHoldThroughAnyHistory(t *testing.T) {
	t.Parallel()
	newModel(func() store { return openSQLite(t) }).histories(t, checks(60, 60))
}

// The same, of checkouts alone: their histories are longer.
func TestThePromisesHoldThroughAnyCheckout(t *testing.T) {
	t.Parallel()
	m := newModel(func() store { return openSQLite(t) })
	m.only = ofCheckouts
	m.histories(t, checks(100, 100))
}

var ofCheckouts = []string{
	"", "check out", "pay for a checkout", "pay", "pay with another card", "a charge arrives late", "extend a checkout", "half a minute later", "time out", "pay late",
	"a stray webhook", "cancel", "cancel the event", "recover a little", "say who a ticket is for",
}

// idsOf are the ids of b's tickets in one of the states; in any where none is given.
func idsOf(b booking.Booking, states ...booking.TicketStatus) (ids []string) {
	for _, ticket := range b.Tickets() {
		if len(states) == 0 || slices.Contains(states, ticket.Status) {
			ids = append(ids, ticket.ID)
		}
	}
	return ids
}

// wrongList says what a consumer has, of the messages about b in any order and some of them twice, that is
// not so.
func (m *model) wrongList(t *testing.T, rt *rapid.T, b booking.Booking) (wrong []string) {
	t.Helper()
	var all []events.Booking
	for _, kind := range slices.Sorted(maps.Keys(m.messages(t)[b.ID])) {
		all = append(all, m.messages(t)[b.ID][kind]...)
	}
	if len(all) == 0 {
		return nil
	}
	var known events.Booking
	for _, message := range rapid.Permutation(append(all, all[0])).Draw(rt, "messages") {
		if message.Version > known.Version {
			known = message
		}
	}
	if d := cmp.Diff(told(b), known.Tickets); d != "" {
		wrong = append(wrong, fmt.Sprintf("%s %s: a consumer has other tickets (-want +got):\n%s", b.ID, b.Status, d))
	}
	return wrong
}

// model is a world and what has been done to it in one history.
type model struct {
	*world
	pay *bookingtest.MemoryPayments
	// spoil puts a deliberate mistake between a process and the world.
	spoil func(*faults)

	customers                   []identity.Caller
	shows                       []string
	confirmed, cancelled, asked map[string]bool // bookings
	underway                    []func()        // charges that were sent, and have yet to arrive
	abandoned                   map[string]bool // checkouts that have failed so
	keys                        int
	began                       time.Time

	only   []string // steps; all of them if it is empty
	open   func() store
	t      *testing.T
	failed bool // the last history did, as far as is known
}

func newModel(open func() store) *model {
	pay := bookingtest.NewMemoryPayments()
	w := worldOf(open(), pay, func(_ *testing.T, id string) (captured, refunded int64, entries int) { return pay.Ledger(id) })
	pay.Now, w.ticketsPerAccount = w.now, 4
	return &model{world: w, pay: pay, spoil: func(*faults) {}, open: open}
}

// process is a booking service that some misfortune meets.
func (m *model) process(rt *rapid.T) *booking.Service { return m.unlucky(m.misfortune(rt)) }

func (m *model) unlucky(f *faults) *booking.Service {
	s := m.service(f)
	f.underway = func(arrive func()) { m.underway = append(m.underway, arrive) }
	m.spoil(f)
	if f.events != nil {
		s.CancelledEvents = f.events
	}
	return s
}

func (m *model) run(t *testing.T, rt *rapid.T) {
	if m.failed { // what it has left unsettled would come between the same again
		m.store = m.open()
	}
	m.t, m.failed = t, true
	m.begin()
	m.rewind()
	m.pay.Reset()
	m.left, m.underway = map[string]bool{}, nil
	// Ids have the real time, in milliseconds, whatever the model's clock says.
	// What was made before this one is of another world.
	for last := time.Now(); !m.began.After(last); m.began = time.Now().Truncate(time.Millisecond) {
		runtime.Gosched()
	}
	m.customers = []identity.Caller{m.newCustomer(), m.newCustomer()}
	m.shows = []string{m.newEvent(price), m.newEvent(money.Amount{Currency: "EUR"}), m.newEvent(money.Amount{AmountMinor: 333, Currency: "KWD"})}
	m.catalog.Charge(m.shows[0], events.CancellationPolicy{FreeHours: 24 * 60, FeeBasisPoints: 1250})
	m.catalog.Charge(m.shows[2], events.CancellationPolicy{FeeBasisPoints: 10_000})
	m.confirmed, m.cancelled, m.asked, m.abandoned = map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	steps := map[string]func(*rapid.T){
		"": func(rt *rapid.T) { m.fatal(rt, m.wrongNow(t)) },
		"book": func(rt *rapid.T) {
			b, err := m.create(t.Context(), m.process(rt), rapid.SampledFrom(m.customers).Draw(rt, "customer"), booking.Request{
				EventID:        rapid.SampledFrom(m.shows).Draw(rt, "event"),
				Tickets:        rapid.IntRange(1, 3).Draw(rt, "tickets"),
				PaymentToken:   rapid.SampledFrom([]string{bookingtest.Good, bookingtest.Good, bookingtest.Acts, bookingtest.Declined, bookingtest.TooSmall}).Draw(rt, "token"),
				IdempotencyKey: rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "key"),
			})
			if err == nil && b.Status == booking.Confirmed {
				m.confirmed[b.ID] = true
			}
		},
		"check out": func(rt *rapid.T) {
			_, _ = m.process(rt).Create(t.Context(), rapid.SampledFrom(m.customers).Draw(rt, "customer"), booking.Request{
				EventID: rapid.SampledFrom(m.shows).Draw(rt, "event"), Tickets: rapid.IntRange(1, 3).Draw(rt, "tickets"), Checkout: true,
			})
		},
		"pay for a checkout": func(rt *rapid.T) {
			b := m.checkout(t, rt)
			m.keys += rapid.IntRange(0, 1).Draw(rt, "a new key")
			token := rapid.SampledFrom([]string{bookingtest.Good, bookingtest.Acts, bookingtest.Declined, bookingtest.Declined}).Draw(rt, "token")
			before, _, _ := m.books(t, b.ID)
			paid, err := m.process(rt).Pay(t.Context(), admin, b.ID, token, fmt.Sprint("p", m.keys))
			switch after, _, _ := m.books(t, b.ID); {
			case after > before && m.world.cancelled[b.EventID]:
				rt.Fatalf("%s is charged, and its event was cancelled\n\t%+v", b.ID, paid.Timeline)
			case err == nil && paid.Status == booking.Confirmed:
				m.confirmed[b.ID] = true
			case err == nil && paid.Status == booking.Pending:
				m.told[b.ID] = true
			}
		},
		"extend a checkout": func(rt *rapid.T) {
			m.keys += rapid.IntRange(0, 1).Draw(rt, "a new key")
			_, _ = m.process(rt).Extend(t.Context(), admin, m.checkout(t, rt).ID, fmt.Sprint("e", m.keys))
		},
		"half a minute later": func(*rapid.T) { m.advance(31 * time.Second) },
		"pay": func(rt *rapid.T) { // the customer acts, and the provider tells of it or not
			b := m.any(t, rt, booking.Pending)
			if m.pay.Act(b.ID, rapid.Bool().Draw(rt, "well")) && rapid.Bool().Draw(rt, "told") {
				_ = m.process(rt).PaymentHeard(t.Context(), b.ID)
			}
		},
		"pay with another card": func(rt *rapid.T) { // as whoever has the client secret can, past us
			b := m.any(t, rt)
			if !m.pay.ActElsewhere(b.ID, rapid.Bool().Draw(rt, "well")) {
				rt.Skip("it is over")
			}
			if rapid.Bool().Draw(rt, "told") {
				_ = m.process(rt).PaymentHeard(t.Context(), b.ID)
			}
		},
		"a charge arrives late": func(rt *rapid.T) {
			if len(m.underway) == 0 {
				rt.Skip("none is under way")
			}
			m.underway[0]()
			m.underway = m.underway[1:]
		},
		"time out": func(*rapid.T) { m.advance(11 * time.Minute) },
		"pay late": func(rt *rapid.T) { // the provider captures what it said it would not
			b := m.any(t, rt, booking.Failed)
			if !m.pay.CaptureLate(b.ID) {
				rt.Skip("it was never open")
			}
			for m.unlucky(&faults{}).PaymentHeard(t.Context(), b.ID) != nil { // repeated until it is heard
				if err := m.recoverOnce(t, m.service(nil)); err != nil {
					rt.Fatal(err)
				}
			}
		},
		"a stray webhook": func(rt *rapid.T) {
			_ = m.process(rt).PaymentHeard(t.Context(), m.any(t, rt).ID)
		},
		"cancel": func(rt *rapid.T) {
			b := m.any(t, rt)
			m.cancelled[b.ID] = true // what dies may have done it
			_, _ = m.process(rt).Cancel(t.Context(), admin, b.ID)
		},
		"cancel in part": func(rt *rapid.T) {
			b := m.any(t, rt, booking.Confirmed)
			n := rapid.IntRange(1, 2).Draw(rt, "tickets")
			if n >= b.TicketCount() {
				m.cancelled[b.ID] = true
			}
			m.keys += rapid.IntRange(0, 1).Draw(rt, "a new key")
			_, _, _ = m.process(rt).CancelTickets(t.Context(), admin, b.ID,
				some(b, n), fmt.Sprint("k", m.keys))
		},
		"give tickets back by their ids": func(rt *rapid.T) {
			before := m.any(t, rt, booking.Confirmed)
			ids := rapid.SliceOfNDistinct(rapid.SampledFrom(idsOf(before, booking.TicketValid)), 1, 2, rapid.ID[string]).Draw(rt, "tickets")
			if len(ids) == before.TicketCount() {
				m.cancelled[before.ID] = true
			}
			m.keys += rapid.IntRange(0, 1).Draw(rt, "a new key")
			if _, _, err := m.process(rt).CancelTickets(t.Context(), admin, before.ID, booking.ToCancel{Tickets: ids}, fmt.Sprint("k", m.keys)); err != nil {
				return
			}
			after := m.get(t, before.ID)
			left := slices.DeleteFunc(idsOf(before, booking.TicketValid), func(id string) bool { return slices.Contains(ids, id) })
			if d := cmp.Diff(left, idsOf(after, booking.TicketValid)); d != "" && after.Status == booking.Confirmed {
				rt.Fatalf("%s has given %v back, and has (-want +got):\n%s", before.ID, ids, d)
			}
		},
		"say who a ticket is for": func(rt *rapid.T) {
			b := m.any(t, rt)
			id := rapid.SampledFrom(idsOf(b)).Draw(rt, "ticket")
			holder := booking.Holder{Name: rapid.SampledFrom([]string{"Ada", "Grace"}).Draw(rt, "name")}
			_, ticket, err := m.process(rt).ChangeHolder(t.Context(), admin, b.ID, id, holder)
			if err == nil && (ticket.ID != id || ticket.Holder != holder) {
				rt.Fatalf("%s is for %+v, and was to be for %+v", ticket.ID, ticket.Holder, holder)
			}
		},
		"cancel the event": func(rt *rapid.T) {
			event := rapid.SampledFrom(m.shows).Draw(rt, "event")
			if rapid.IntRange(0, 3).Draw(rt, "really") == 0 {
				_ = m.cancelEvent(t.Context(), m.process(rt), event)
			}
		},
		"the organizer cancels the event": func(rt *rapid.T) { // booking hears of it later
			if rapid.IntRange(0, 3).Draw(rt, "really") == 0 {
				m.callOff(rapid.SampledFrom(m.shows).Draw(rt, "event"))
			}
		},
		"hear of a cancelled event": func(rt *rapid.T) {
			event := rapid.SampledFrom(m.shows).Draw(rt, "event")
			if _, off := m.calledOff[event]; !off {
				rt.Skip("it takes place")
			}
			_ = m.hearCancelled(t.Context(), m.process(rt), event)
		},
		"lose the tickets of a pending booking": func(rt *rapid.T) {
			b := m.any(t, rt, booking.Pending)
			if b.Checkout != nil {
				rt.Skip("nobody gives the tickets of a checkout back")
			}
			if err := m.catalog.Release(t.Context(), b.EventID, b.ID, b.Attempt); err != nil {
				rt.Fatal(err)
			}
		},
		"recover a little": func(rt *rapid.T) {
			if err := m.recoverOnce(t, m.process(rt)); err != nil {
				rt.Fatal(err)
			}
		},
		"reconcile": func(rt *rapid.T) {
			if rapid.Bool().Draw(rt, "a while later") {
				m.advance(time.Hour)
			}
			// Without an answer there is no report.
			report, err := m.process(rt).Reconcile(t.Context(), "model", m.began)
			m.fatal(rt, m.false(report, err))
		},
		"the provider refuses refunds": func(*rapid.T) {
			m.pay.Refuse = func(booking.RefundRequest) bool { return true }
		},
		"tickets are left behind": func(rt *rapid.T) {
			b := m.any(t, rt, booking.Failed, booking.Cancelled)
			if m.available(t, b.EventID) == 0 || m.catalog.Held(b.EventID, b.ID) > 0 || !b.Lease.Until.IsZero() {
				rt.Skip("there are none to leave")
			}
			m.catalog.Hold(b.EventID, b.ID, b.Attempt, 1)
			m.left[b.ID] = true
		},
		"settle": func(rt *rapid.T) { m.settled(t, rt) },
	}
	maps.DeleteFunc(steps, func(step string, _ func(*rapid.T)) bool { return len(m.only) > 0 && !slices.Contains(m.only, step) })
	rt.Repeat(steps)
	m.settled(t, rt)
	m.failed = false
}

func (m *model) fatal(rt *rapid.T, wrong []string) {
	if len(wrong) > 0 {
		rt.Fatalf("broken promises:\n%s", strings.Join(wrong, "\n"))
	}
}

// settled lets recovery come through, and looks at everything.
func (m *model) settled(t *testing.T, rt *rapid.T) {
	s := m.unlucky(&faults{})
	m.recover(t, s)
	m.unmended = true
	wrong := m.broken(t) // before anything is mended
	m.unmended, m.pay.Refuse = false, nil
	// A booking may have several things to mend, one each time.
	for range 10 {
		m.advance(time.Hour)
		report, err := s.Reconcile(t.Context(), "model", m.began)
		if err != nil {
			rt.Fatal(err)
		}
		if wrong = append(wrong, m.false(report, nil)...); len(report.Findings) == 0 {
			break
		}
		m.recover(t, s)
	}
	wrong = append(wrong, m.broken(t)...)
	for _, b := range m.bookings(t) {
		wrong = append(wrong, m.wrongList(t, rt, b)...)
		gone := m.cancelled[b.ID] || m.world.cancelled[b.EventID]
		if m.confirmed[b.ID] && b.Status != booking.Confirmed && !gone {
			wrong = append(wrong, b.ID+" was confirmed and is "+string(b.Status))
		}
		if b.Status == booking.Cancelled && !gone {
			wrong = append(wrong, b.ID+" was cancelled by nobody")
		}
	}
	m.fatal(rt, wrong)
}

// false says what a report must not find: nothing of what can happen here needs
// somebody to look at it.
func (m *model) false(report booking.Report, err error) (wrong []string) {
	if err != nil {
		return nil
	}
	for _, f := range report.Findings {
		switch {
		case f.Kind == booking.FoundLatePayment, // it was told, and heard
			f.Kind == booking.FoundHoldLeaked && !m.left[f.BookingID]:
			wrong = append(wrong, fmt.Sprintf("reconciliation finds %+v", f))
		case f.Kind == booking.FoundBookingStuck, f.Kind == booking.FoundNoAnswer, f.Repaired:
		case f.Kind == booking.FoundRefundDue && m.pay.Refuse != nil:
		default:
			wrong = append(wrong, fmt.Sprintf("reconciliation finds %+v", f))
		}
	}
	return wrong
}

// wrongNow says what must not be at any moment: tickets of a confirmed booking
// that nobody holds for it (P1), money that is not that of its tickets or was
// moved twice (P2), an account with more free and unpaid tickets than it may have.
func (m *model) wrongNow(t *testing.T) (wrong []string) {
	unpaid := map[string]int{}
	for _, b := range m.bookings(t) {
		// A late payment reopens a booking, whatever the account has by then.
		if !strings.Contains(steps(b), "late_payment") {
			unpaid[b.UserID+" "+b.EventID] += b.UnpaidTickets()
		}
		bad := func(format string, args ...any) {
			wrong = append(wrong, fmt.Sprintf("%s %s: ", b.ID, b.Status)+fmt.Sprintf(format, args...)+fmt.Sprintf("\n\t%+v", b.Timeline))
		}
		captured, refunded, moves := m.books(t, b.ID)
		if refunded > captured || moves > 1+len(b.Refunds) {
			bad("captured %d, refunded %d in %d moves", captured, refunded, moves)
		}
		wrong = append(wrong, m.wrongCheckout(b)...)
		wrong = append(wrong, m.wrongTickets(t, b)...)
		held := m.catalog.Held(b.EventID, b.ID)
		fees, back, due := int64(0), int64(0), dueOf(b)
		returning := int64(0) // fees that are about to go back, or have just done so
		for _, c := range b.Cancellations {
			fees += c.Fee.AmountMinor
			for _, id := range []string{c.RefundID, c.FeeRefundID} {
				if r := b.Refund(id); r != nil {
					back += r.Amount.AmountMinor
				}
			}
			if r := b.Refund(c.FeeRefundID); r != nil && r.Status == booking.RefundPending {
				returning += r.Amount.AmountMinor
			}
		}
		switch {
		case b.Status == booking.Confirmed && held < b.TicketCount():
			bad("%d tickets are held for it, and it has %d", held, b.TicketCount())
		case b.Status == booking.Confirmed && captured != b.Total.AmountMinor+fees+back:
			bad("captured %d for %s, fees %d and refunds %d", captured, b.Total, fees, back)
		case b.Status == booking.Cancelled && (captured-refunded-due < fees || captured-refunded-due > fees+returning):
			bad("%d tickets held, captured %d, refunded %d, fees %d", held, captured, refunded, fees)
		}
	}
	for account, n := range unpaid {
		if n > m.ticketsPerAccount {
			wrong = append(wrong, fmt.Sprintf("account and event %s: %d tickets are free or unpaid", account, n))
		}
	}
	for event, capacity := range m.capacity {
		if n := m.available(t, event); n < 0 || n > capacity {
			wrong = append(wrong, fmt.Sprintf("event %s has %d of %d tickets", event, n, capacity))
		}
	}
	return wrong
}

// wrongCheckout says what must not be of a checkout at any moment.
func (m *model) wrongCheckout(b booking.Booking) (wrong []string) {
	c := b.Checkout
	if c == nil {
		return nil
	}
	bad := func(format string, args ...any) {
		wrong = append(wrong, fmt.Sprintf("%s %s: ", b.ID, b.Status)+fmt.Sprintf(format, args...)+fmt.Sprintf("\n\t%+v\n\t%+v", c, b.Timeline))
	}
	if len(c.Attempts) > 5 || c.Extensions > 2 {
		bad("%d attempts, %d extensions", len(c.Attempts), c.Extensions)
	}
	failed := b.Status == booking.Failed
	if failed && b.Acknowledged && b.Reason == "" || failed && b.Reason == problem.CheckoutExpired && b.UpdatedAt.Before(c.ExpiresAt) {
		bad("it has ended before its time, for %q", b.Reason)
	}
	if a := c.Latest(); a != nil && a.Outcome == booking.PaymentOpen && b.Status == booking.Pending && b.Lease.Token == "" &&
		b.Lease.Until.After(b.UpdatedAt.Add(31*time.Second)) {
		bad("its payment is looked at only at %s", b.Lease.Until)
	}
	if m.abandoned[b.ID] && b.Status == booking.Confirmed {
		bad("it had been abandoned")
	}
	if failed && b.Reason == problem.CheckoutAbandoned {
		m.abandoned[b.ID] = true
	}
	return wrong
}

// checkout draws a checkout that is Pending.
func (m *model) checkout(t *testing.T, rt *rapid.T) booking.Booking {
	b := m.any(t, rt, booking.Pending)
	if b.Checkout == nil {
		rt.Skip("it is no checkout")
	}
	return b
}

// any draws a booking in one of the states; in any where none is given.
func (m *model) any(t *testing.T, rt *rapid.T, states ...booking.Status) booking.Booking {
	var some []booking.Booking
	for _, b := range m.bookings(t) {
		for _, s := range states {
			if b.Status == s {
				some = append(some, b)
			}
		}
		if len(states) == 0 {
			some = append(some, b)
		}
	}
	if len(some) == 0 {
		rt.Skip("there is no such booking")
	}
	return some[rapid.IntRange(0, len(some)-1).Draw(rt, "booking")]
}

// misfortune is a process that dies, or one that gets no answer to one kind of
// call, or one that is so slow that another takes its work over, or one that all goes
// well for.
func (m *model) misfortune(rt *rapid.T) *faults {
	f := &faults{}
	switch rapid.SampledFrom([]string{"dies", "is not heard", "does not hear", "is slow", "is lucky"}).Draw(rt, "process") {
	case "dies":
		return dies(rapid.IntRange(1, 9).Draw(rt, "at call"), rapid.Bool().Draw(rt, "with effect"))
	case "is not heard":
		f.before = only(call(rt), unknown)
	case "does not hear":
		f.after = only(call(rt), unknown)
	case "is slow":
		overtaken := once(call(rt), func() { m.overtake(rt) })
		if rapid.Bool().Draw(rt, "after the call") {
			f.after = overtaken
		} else {
			f.before = overtaken
		}
	}
	return f
}

// overtake lets leases end, and another process go on.
func (m *model) overtake(rt *rapid.T) {
	if err := m.recoverOnce(m.t, m.unlucky(&faults{})); err != nil {
		rt.Error(err)
	}
}

func call(rt *rapid.T) string {
	return rapid.SampledFrom([]string{"Create", "Reserve", "Release", "Return", "Prepare", "Charge", "Look", "Settle", "Refund", "Get", "Update"}).Draw(rt, "call")
}
