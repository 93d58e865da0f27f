package postgres

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/postgresdb"
)

// column is one column of the table bookings.
type column struct {
	name    string
	value   func(*booking.Booking) any // to store
	field   func(*booking.Booking) any // to scan to; nil for a column that nobody reads
	changed func(before, after *booking.Booking) bool
}

// stored are the columns that a booking is stored in.
var stored = []column{
	scalar("id", func(b *booking.Booking) *string { return &b.ID }),
	scalar("user_id", func(b *booking.Booking) *string { return &b.UserID }),
	scalar("user_email", func(b *booking.Booking) *string { return &b.UserEmail }),
	scalar("user_name", func(b *booking.Booking) *string { return &b.UserName }),
	scalar("guest", func(b *booking.Booking) *bool { return &b.Guest }),
	document("contact", func(b *booking.Booking) **events.Contact { return &b.Contact }),
	scalar("link_version", func(b *booking.Booking) *int { return &b.LinkVersion }),
	scalar("event_id", func(b *booking.Booking) *string { return &b.EventID }),
	scalar("address", func(b *booking.Booking) *string { return &b.Address }),
	document("event", func(b *booking.Booking) *events.Event { return &b.Event }),
	document("items", func(b *booking.Booking) *[]events.Item { return &b.Items }),
	scalar("total_minor", func(b *booking.Booking) *int64 { return &b.Total.AmountMinor }),
	scalar("currency", func(b *booking.Booking) *string { return &b.Total.Currency }),
	scalar("status", func(b *booking.Booking) *booking.Status { return &b.Status }),
	scalar("payment_provider", func(b *booking.Booking) *string { return &b.Payment.Provider }),
	scalar("payment_reference", func(b *booking.Booking) *string { return &b.Payment.Reference }),
	scalar("payment_status", func(b *booking.Booking) *booking.PaymentStatus { return &b.Payment.Status }),
	scalar("captured_minor", func(b *booking.Booking) *int64 { return &b.Payment.Captured.AmountMinor }),
	scalar("captured_currency", func(b *booking.Booking) *string { return &b.Payment.Captured.Currency }),
	document("payment_action", func(b *booking.Booking) **booking.Action { return &b.Payment.Action }),
	instant("payment_deadline", func(b *booking.Booking) *time.Time { return &b.Payment.Deadline }),
	document("refunds", func(b *booking.Booking) *[]booking.Refund { return &b.Refunds }),
	document("cancellations", func(b *booking.Booking) *[]booking.Cancellation { return &b.Cancellations }),
	document("holders", func(b *booking.Booking) *[]booking.TicketHolder { return &b.Holders }),
	document("resends", func(b *booking.Booking) *[]time.Time { return &b.Resends }),
	scalar("reason", func(b *booking.Booking) *problem.Code { return &b.Reason }),
	scalar("attempt", func(b *booking.Booking) *int { return &b.Attempt }),
	scalar("acknowledged", func(b *booking.Booking) *bool { return &b.Acknowledged }),
	scalar("owed", func(b *booking.Booking) *bool { return &b.Owed }),
	document("checkout", func(b *booking.Booking) **booking.Checkout { return &b.Checkout }),
	document("timeline", func(b *booking.Booking) *[]booking.Step { return &b.Timeline }),
	scalar("version", func(b *booking.Booking) *int64 { return &b.Version }),
	moment("created_at", func(b *booking.Booking) *time.Time { return &b.CreatedAt }),
	moment("updated_at", func(b *booking.Booking) *time.Time { return &b.UpdatedAt }),
	scalar("lease_token", func(b *booking.Booking) *string { return &b.Lease.Token }),
	instant("lease_until", func(b *booking.Booking) *time.Time { return &b.Lease.Until }),
	scalar("tries", func(b *booking.Booking) *int { return &b.Tries }),
	derived("refunds_due", func(b *booking.Booking) int { return b.RefundsDue() }),
	guessed("fee_at", func(b *booking.Booking) postgresdb.NullTime { return postgresdb.NullTime(b.FeeKeptAt()) }),
	derived("declines", func(b *booking.Booking) int { return b.Declines() }),
	derived("guest_key", func(b *booking.Booking) string { return b.GuestKey() }),
	derived("unpaid_tickets", func(b *booking.Booking) int { return b.UnpaidTickets() }),
}

// scalar is a column with the value of a field.
func scalar[T comparable](name string, field func(*booking.Booking) *T) column {
	return column{
		name: name, value: func(b *booking.Booking) any { return *field(b) }, field: func(b *booking.Booking) any { return field(b) },
		changed: func(before, after *booking.Booking) bool { return *field(before) != *field(after) },
	}
}

// document is a column with a field as JSON; NULL where that is nil.
func document[T any](name string, field func(*booking.Booking) *T) column {
	return column{
		name: name, value: func(b *booking.Booking) any { return *field(b) }, field: func(b *booking.Booking) any { return field(b) },
		changed: func(before, after *booking.Booking) bool { return !reflect.DeepEqual(*field(before), *field(after)) },
	}
}

// instant is a column with a time; NULL where that is zero.
func instant(name string, field func(*booking.Booking) *time.Time) column {
	return column{
		name: name, value: func(b *booking.Booking) any { return postgresdb.NullTime(*field(b)) },
		field:   func(b *booking.Booking) any { return (*postgresdb.NullTime)(field(b)) },
		changed: func(before, after *booking.Booking) bool { return !field(before).Equal(*field(after)) },
	}
}

// moment is a column with a time that is always there.
func moment(name string, field func(*booking.Booking) *time.Time) column {
	c := instant(name, field)
	c.value = func(b *booking.Booking) any { return *field(b) }
	return c
}

// derived is a column for queries alone, computed from what else is stored.
func derived[T comparable](name string, value func(*booking.Booking) T) column {
	return column{
		name: name, value: func(b *booking.Booking) any { return value(b) },
		changed: func(before, after *booking.Booking) bool { return value(before) != value(after) },
	}
}

// guessed is a derived column that a migration may have guessed: it is always
// written.
func guessed[T comparable](name string, value func(*booking.Booking) T) column {
	c := derived(name, value)
	c.changed = func(_, _ *booking.Booking) bool { return true }
	return c
}

// insertColumns are all columns, and places the parameters for them.
var insertColumns, places = func() (all, parameters string) {
	var names, numbers []string
	for i, c := range stored {
		names, numbers = append(names, c.name), append(numbers, "$"+strconv.Itoa(i+1))
	}
	return strings.Join(names, ", "), strings.Join(numbers, ", ")
}()

// values are the arguments of places.
func values(b *booking.Booking) []any {
	all := make([]any, len(stored))
	for i, c := range stored {
		all[i] = c.value(b)
	}
	return all
}

// selection is what a query reads of a booking.
type selection struct {
	names  string // the columns
	stored []column
}

// A booking is read whole, or without the timeline, which is the most of it and
// which only a reader or the next change needs.
var whole, exceptTimeline = selectionOf(), selectionOf("timeline")

// selectionOf is all columns that are read, but these.
func selectionOf(but ...string) (s selection) {
	var names []string
	for _, c := range stored {
		if c.field != nil && !slices.Contains(but, c.name) {
			names, s.stored = append(names, c.name), append(s.stored, c)
		}
	}
	s.names = strings.Join(names, ", ")
	return s
}

// fields are where the columns are scanned to.
func (s selection) fields(b *booking.Booking) []any {
	all := make([]any, len(s.stored))
	for i, c := range s.stored {
		all[i] = c.field(b)
	}
	return all
}

// arguments are the arguments of a statement.
type arguments []any

// add returns the parameter for v.
func (a *arguments) add(v any) string {
	*a = append(*a, v)
	return "$" + strconv.Itoa(len(*a))
}

// one returns the booking in row. The columns before its own are for prefix.
func (s selection) one(row pgx.Row, prefix ...any) (b booking.Booking, err error) {
	err = row.Scan(append(prefix, s.fields(&b)...)...)
	switch {
	case errors.Is(err, pgx.ErrNoRows), postgresdb.IsNoText(err):
		return booking.Booking{}, booking.ErrNotFound
	case err != nil:
		return booking.Booking{}, unreadable(err)
	}
	return b, nil
}

// unreadable adds ErrUnreadable to an error about the content of a column.
func unreadable(err error) error {
	var column pgx.ScanArgError
	if errors.As(err, &column) {
		return fmt.Errorf("%w: %w", booking.ErrUnreadable, err)
	}
	return err
}

func (s selection) all(rows pgx.Rows) ([]booking.Booking, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (b booking.Booking, err error) {
		err = row.Scan(s.fields(&b)...)
		return b, unreadable(err)
	})
}
