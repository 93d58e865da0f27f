package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"

	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
)

// column is one column of the table bookings.
type column struct {
	name    string
	value   func(*booking.Booking) (any, error) // to store
	field   func(*booking.Booking) any          // to scan to; nil for a column that nobody reads
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
	scalar("status", func(b *booking.Booking) *string { return (*string)(&b.Status) }),
	scalar("payment_provider", func(b *booking.Booking) *string { return &b.Payment.Provider }),
	scalar("payment_reference", func(b *booking.Booking) *string { return &b.Payment.Reference }),
	scalar("payment_status", func(b *booking.Booking) *string { return (*string)(&b.Payment.Status) }),
	scalar("captured_minor", func(b *booking.Booking) *int64 { return &b.Payment.Captured.AmountMinor }),
	scalar("captured_currency", func(b *booking.Booking) *string { return &b.Payment.Captured.Currency }),
	document("payment_action", func(b *booking.Booking) **booking.Action { return &b.Payment.Action }),
	instant("payment_deadline", func(b *booking.Booking) *time.Time { return &b.Payment.Deadline }),
	document("refunds", func(b *booking.Booking) *[]booking.Refund { return &b.Refunds }),
	document("cancellations", func(b *booking.Booking) *[]booking.Cancellation { return &b.Cancellations }),
	document("holders", func(b *booking.Booking) *[]booking.TicketHolder { return &b.Holders }),
	document("resends", func(b *booking.Booking) *[]time.Time { return &b.Resends }),
	scalar("reason", func(b *booking.Booking) *string { return (*string)(&b.Reason) }),
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
	guessed("fee_at", func(b *booking.Booking) sql.NullInt64 { return sqlitedb.NullTime(b.FeeKeptAt()) }),
	derived("declines", func(b *booking.Booking) int { return b.Declines() }),
	derived("guest_key", func(b *booking.Booking) string { return b.GuestKey() }),
	derived("unpaid_tickets", func(b *booking.Booking) int { return b.UnpaidTickets() }),
}

// scalar is a column with the value of a field.
func scalar[T comparable](name string, field func(*booking.Booking) *T) column {
	return column{
		name: name, value: func(b *booking.Booking) (any, error) { return *field(b), nil },
		field:   func(b *booking.Booking) any { return field(b) },
		changed: func(before, after *booking.Booking) bool { return *field(before) != *field(after) },
	}
}

// document is a column with a field as JSON.
func document[T any](name string, field func(*booking.Booking) *T) column {
	return column{
		name: name,
		value: func(b *booking.Booking) (any, error) {
			text, err := json.Marshal(field(b))
			return string(text), err
		},
		field:   func(b *booking.Booking) any { return scanner(func(v any) error { return fromJSON(v, field(b)) }) },
		changed: func(before, after *booking.Booking) bool { return !reflect.DeepEqual(*field(before), *field(after)) },
	}
}

// instant is a column with a time; NULL where that is zero.
func instant(name string, field func(*booking.Booking) *time.Time) column {
	return column{
		name: name, value: func(b *booking.Booking) (any, error) { return sqlitedb.NullTime(*field(b)), nil },
		field: func(b *booking.Booking) any {
			return scanner(func(v any) error {
				var at sql.NullInt64
				err := at.Scan(v)
				*field(b) = sqlitedb.FromNullTime(at)
				return err
			})
		},
		changed: func(before, after *booking.Booking) bool { return !field(before).Equal(*field(after)) },
	}
}

// moment is a column with a time that is always there.
func moment(name string, field func(*booking.Booking) *time.Time) column {
	c := instant(name, field)
	c.value = func(b *booking.Booking) (any, error) { return sqlitedb.Time(*field(b)), nil }
	return c
}

// derived is a column for queries alone, computed from what else is stored.
func derived[T comparable](name string, value func(*booking.Booking) T) column {
	return column{
		name: name, value: func(b *booking.Booking) (any, error) { return value(b), nil },
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

// scanner is a sql.Scanner.
type scanner func(v any) error

func (f scanner) Scan(v any) error { return f(v) }

func fromJSON(v, dst any) error {
	var text sql.NullString
	if err := text.Scan(v); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(text.String), dst); err != nil {
		return fmt.Errorf("%w: %w", booking.ErrUnreadable, err)
	}
	return nil
}

// insertBooking is the statement whose arguments values returns.
var insertBooking = func() string {
	names := make([]string, len(stored))
	for i, c := range stored {
		names[i] = c.name
	}
	places := strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", ")
	return `INSERT INTO bookings (` + strings.Join(names, ", ") + `) VALUES (` + places + `)`
}()

// values are the arguments of insertBooking.
func values(b *booking.Booking) ([]any, error) {
	all := make([]any, len(stored))
	for i, c := range stored {
		v, err := c.value(b)
		if err != nil {
			return nil, err
		}
		all[i] = v
	}
	return all, nil
}

// querier is what *sql.DB and *sql.Tx have in common.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
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

// scan returns the booking in row.
func (s selection) scan(row interface{ Scan(dest ...any) error }) (b booking.Booking, err error) {
	fields := make([]any, len(s.stored))
	for i, c := range s.stored {
		fields[i] = c.field(&b)
	}
	if err := row.Scan(fields...); err != nil {
		return booking.Booking{}, err
	}
	return b, nil
}

func (s selection) collect(rows *sql.Rows) ([]booking.Booking, error) {
	out := []booking.Booking{}
	for rows.Next() {
		b, err := s.scan(rows)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		out = append(out, b)
	}
	return out, errors.Join(rows.Err(), rows.Close())
}

// get returns the booking with this id.
func (s selection) get(ctx context.Context, q querier, id string) (booking.Booking, error) {
	b, err := s.scan(q.QueryRowContext(ctx, `SELECT `+s.names+` FROM bookings WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return booking.Booking{}, booking.ErrNotFound
	}
	return b, err
}
