package booking

import (
	"context"
	"slices"
)

// AuditLog is what was done to money and tickets, by whom, when and why.
// Entries are only ever added: by the stores, with the change itself.
// bookingtest.TestAuditLog holds every promise made here.
type AuditLog interface {
	// Audit returns up to q.Limit entries, newest first. Paging by Before
	// neither repeats nor skips what was there at the first page, also where a
	// page ends between two steps of one change.
	Audit(ctx context.Context, q AuditQuery) ([]AuditEntry, error)
}

// AuditEntry is one step of a booking's timeline, or something that happened to
// an event.
type AuditEntry struct {
	Step
	Number    int64 // grows
	BookingID string
	EventID   string
	Version   int64 // the booking's, from this on
}

// AuditQuery selects entries: of one booking, or of one event, or all.
type AuditQuery struct {
	BookingID string
	EventID   string
	Before    int64 // the number of the last entry of the page before; 0 for the first page
	Limit     int
}

// AuditRowSteps is how many steps a row of the audit log has at most. The numbers of
// two rows differ by at least that.
const AuditRowSteps = 64

// AuditRow is the steps of one change, as a store keeps them: a change with more
// than AuditRowSteps has several rows. The first step has the number of the row, and
// those in More have the numbers after it.
type AuditRow struct {
	AuditEntry
	More []Step
}

// AuditRows are the rows of the change that made b, whose timeline had so many
// steps before. They have no numbers yet.
func AuditRows(b *Booking, before int) (rows []AuditRow) {
	for steps := range slices.Chunk(b.Timeline[min(before, len(b.Timeline)):], AuditRowSteps) {
		rows = append(rows, AuditRow{AuditEntry{Step: steps[0], BookingID: b.ID, EventID: b.EventID, Version: b.Version}, steps[1:]})
	}
	return rows
}

// Entries are the entries of rows, which are newest first, as Audit returns them.
func (q AuditQuery) Entries(rows []AuditRow) []AuditEntry {
	entries := []AuditEntry{}
	for _, r := range rows {
		for i := len(r.More); i >= 0; i-- {
			e := r.AuditEntry
			if i > 0 {
				e.Step, e.Number = r.More[i-1], r.Number+int64(i)
			}
			if (q.Before == 0 || e.Number < q.Before) && len(entries) < q.Limit {
				entries = append(entries, e)
			}
		}
	}
	return entries
}

// Audit is the entry that is made when the cancellation is recorded.
func (e CancelledEvent) Audit() AuditEntry {
	return AuditEntry{
		Step:    Step{At: e.RecordedAt, By: e.By, Step: "event_cancelled", Detail: e.Note},
		EventID: e.EventID,
	}
}
