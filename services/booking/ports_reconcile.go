package booking

import (
	"context"
	"time"
)

// Holdings is what the event service has reserved for bookings.
// bookingtest.TestHoldings holds every promise made here.
type Holdings interface {
	// Holdings returns the attempts that have tickets now, with how many are
	// left of them: those of the bookings after the one with the id after, ""
	// from the start, in the order of booking and attempt. It returns limit of
	// them, which is 1 to MaxHoldings, and with the last one all of its
	// booking's: no booking is split between two pages. Fewer than limit are the
	// last page; none is the empty slice. Paging by the last booking neither
	// repeats nor skips what was there at the first page while others are added
	// and given back. An attempt that is reserving, or giving back, at the same
	// time may be there or not. Without an answer it is ErrOutcomeUnknown.
	Holdings(ctx context.Context, after string, limit int) ([]Holding, error)
}

// MaxHoldings is how many attempts may be asked for at a time.
const MaxHoldings = 1000

// Holding is the tickets that an attempt of a booking has at an event, held or
// sold.
type Holding struct {
	EventID, BookingID string
	Attempt, Tickets   int
}

// Records is what reconciliation reads and writes of the bookings' database.
// bookingtest.TestRecords holds every promise made here. The bookings come without
// their Timeline, which nothing in them is compared by.
type Records interface {
	// BookingsAfter returns up to limit bookings with ids after this one, in
	// the order of their ids, which is that in which they were made. It skips
	// none that was there when it began. One that cannot be read is Unreadable, and
	// hides no other.
	BookingsAfter(ctx context.Context, id string, limit int) ([]Booking, error)
	// WithRefundsDue returns up to limit bookings that have refunds due, with
	// ids after this one, in the order of their ids. One that cannot be read is
	// Unreadable, and hides no other.
	WithRefundsDue(ctx context.Context, id string, limit int) ([]Booking, error)
	// SaveReport stores r. One with the same id is replaced.
	SaveReport(ctx context.Context, r Report) error
	// Reports returns up to limit reports, newest first, that are older than
	// the one with this id ("" for the newest). One that cannot be read is
	// UnreadableReport, and hides no other.
	Reports(ctx context.Context, before string, limit int) ([]Report, error)
}

// Report is what a reconciliation has found.
type Report struct {
	ID         string // UUIDv7
	By         string // the user's id, or the name of the worker
	Since      time.Time
	StartedAt  time.Time
	FinishedAt time.Time
	Checked    Checked
	Findings   []Finding             // the first MaxFindings
	Counts     map[FindingKind]Count // of all findings
	// AcceptedBy is the admin who accepted the open findings, or "".
	AcceptedBy string    `json:",omitzero"`
	AcceptedAt time.Time `json:",omitzero"`
}

// MaxFindings is how many findings a report keeps, so that storing it holds up no
// booking, and reading it nobody. The log has all.
const MaxFindings = 1000

// Count is how many findings there are of a kind, and how many of them were not
// repaired.
type Count struct {
	Found, Open int
}

func (r *Report) add(f Finding) {
	c := r.Counts[f.Kind]
	c.Found++
	if !f.Repaired {
		c.Open++
	}
	r.Counts[f.Kind] = c
	if len(r.Findings) < MaxFindings {
		r.Findings = append(r.Findings, f)
	}
}

// Total is the count of all kinds.
func (r Report) Total() (all Count) {
	for _, c := range r.Counts {
		all.Found += c.Found
		all.Open += c.Open
	}
	return all
}

// LeftOut is how many findings the report has counted and does not have.
func (r Report) LeftOut() int { return r.Total().Found - len(r.Findings) }

// Bounded returns r with its counts and at most MaxFindings: it may be from a time
// when reports kept all findings and had no counts.
func (r Report) Bounded() Report {
	if r.Counts != nil {
		return r
	}
	all := r.Findings
	r.Findings, r.Counts = make([]Finding, 0, min(len(all), MaxFindings)), map[FindingKind]Count{}
	for _, f := range all {
		r.add(f)
	}
	return r
}

// UnreadableReport stands for the report with this id, which cannot be read.
func UnreadableReport(id string) Report {
	return Report{ID: id, Findings: []Finding{{Kind: FoundNoAnswer, Detail: "this report cannot be read"}}}
}

// Checked is how much a reconciliation has looked at.
type Checked struct {
	Bookings int
	Charges  int
	Holdings int
	Messages int
}

// Finding is something that does not agree.
type Finding struct {
	Kind      FindingKind
	BookingID string
	Detail    string
	Repaired  bool
}

// FindingKind says what does not agree.
type FindingKind string

// The kinds of finding. Of these FoundLatePayment, FoundRefundDue, FoundHoldLeaked and
// FoundMessageLost are repaired where that is possible; the others are for somebody
// to look at.
const (
	FoundLatePayment    FindingKind = "late_payment"    // paid although it failed: it is taken up again
	FoundRefundDue      FindingKind = "refund_due"      // refused by the provider: it is tried again
	FoundHoldLeaked     FindingKind = "hold_leaked"     // tickets of nobody: they go back for sale
	FoundMessageLost    FindingKind = "message_lost"    // unknown to a consumer that had known it: it is published again
	FoundMoneyDisagrees FindingKind = "money_disagrees" // the provider's books and the booking differ
	FoundChargeUnknown  FindingKind = "charge_unknown"  // charged for no booking that is there
	FoundChargeMissing  FindingKind = "charge_missing"  // the provider knows of no charge
	FoundTicketsMissing FindingKind = "tickets_missing" // confirmed, and other tickets are held for it
	FoundBookingStuck   FindingKind = "booking_stuck"   // nobody could settle it for long
	FoundNoAnswer       FindingKind = "no_answer"       // it could not be looked at, or mended
)
