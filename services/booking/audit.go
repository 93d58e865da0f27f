package booking

import "context"

// AuditLog is what was done to money and tickets, by whom, when and why.
// Entries are only ever added: by the stores, with the change itself.
// bookingtest.TestAuditLog holds every promise made here.
type AuditLog interface {
	// Audit returns up to q.Limit entries, newest first. Paging by Before
	// neither repeats nor skips what was there at the first page.
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

// Audit is the entry that is made when the cancellation is recorded.
func (e CancelledEvent) Audit() AuditEntry {
	return AuditEntry{
		Step:    Step{At: e.RecordedAt, By: e.By, Step: "event_cancelled", Detail: e.Note},
		EventID: e.EventID,
	}
}
