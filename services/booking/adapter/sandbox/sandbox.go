// Package sandbox is a payment provider for trying things out: it moves no
// money, but keeps its books as durably, and misbehaves as thoroughly, as one
// that does.
package sandbox

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/sqlitedb"
	"github.com/openboxoffice/boxoffice/services/internal/worker"
)

// The tokens it knows. Any other is declined.
const (
	Visa              = "tok_visa"               // succeeds; the default
	Declined          = "tok_declined"           // is declined
	InsufficientFunds = "tok_insufficient_funds" // is declined
	Timeout           = "tok_timeout"            // succeeds, but the answer never comes
	Slow              = "tok_slow"               // succeeds after a while, whether or not anybody still waits
	Authentication    = "tok_authenticate"       // waits for the customer to act: see Act
	DeclinedOnce      = "tok_decline_once"       // is declined by a booking's first attempt, and succeeds later
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options of a Sandbox.
type Options struct {
	// Slow is how long a charge with the token Slow takes: 12 s, which is
	// longer than a booking waits.
	Slow time.Duration
	Now  func() time.Time
}

// Sandbox is a booking.Payments with its Statements and Ledger, in one SQLite file of its
// own: a provider's books are never part of our transactions.
type Sandbox struct {
	db   *sqlitedb.DB
	slow time.Duration
	now  func() time.Time

	closing chan struct{}
	late    sync.WaitGroup // slow charges on their way
}

var (
	_ booking.Payments   = (*Sandbox)(nil)
	_ booking.Statements = (*Sandbox)(nil)
	_ booking.Ledger     = (*Sandbox)(nil)
)

// Open opens the file at path, creating or migrating it as needed.
func Open(ctx context.Context, path string, o Options) (*Sandbox, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	db, err := sqlitedb.Open(ctx, path, files)
	if err != nil {
		return nil, err
	}
	if o.Slow == 0 {
		o.Slow = 12 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Sandbox{db: db, slow: o.Slow, now: o.Now, closing: make(chan struct{})}, nil
}

// Close drops the slow charges that have not happened yet and closes the file.
func (s *Sandbox) Close() error {
	close(s.closing)
	s.late.Wait()
	return s.db.Close()
}

// Run keeps the file in order until ctx ends, as sqlitedb.DB.Run says.
func (s *Sandbox) Run(ctx context.Context, log *slog.Logger) error { return s.db.Run(ctx, log) }

// Ping answers nil while the file can be read and written to.
func (s *Sandbox) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Provider implements booking.Payments.
func (s *Sandbox) Provider() string { return "sandbox" }

// Limits implements booking.Payments. The sandbox charges every currency, and
// more than anybody asks.
func (s *Sandbox) Limits(string) (booking.ChargeLimits, error) {
	return booking.ChargeLimits{Step: 1, Minimum: 1, Maximum: 999_999_999_999}, nil
}

// Prepare implements booking.Payments: the sandbox knows a charge by its booking.
func (s *Sandbox) Prepare(_ context.Context, c booking.Charge) (string, error) {
	return "", booking.Payable(s, c.Amount)
}

// Charge implements booking.Payments.
func (s *Sandbox) Charge(ctx context.Context, c booking.Charge) (booking.Charged, error) {
	switch c.Token {
	case Timeout:
		if _, err := s.charge(ctx, c); err != nil {
			return booking.Charged{}, err
		}
		<-ctx.Done()
		return booking.Charged{}, unknown(ctx.Err())
	case Slow:
		return s.chargeLate(ctx, c)
	default:
		return s.charge(ctx, c)
	}
}

// chargeLate charges after a while, even when the caller has stopped waiting.
func (s *Sandbox) chargeLate(ctx context.Context, c booking.Charge) (booking.Charged, error) {
	type answer struct {
		booking.Charged
		err error
	}
	done := make(chan answer, 1)
	s.late.Go(func() {
		t := time.NewTimer(s.slow)
		defer t.Stop()
		select {
		case <-s.closing:
			done <- answer{err: unknown(context.Canceled)}
		case <-t.C:
			var charged booking.Charged
			err := worker.Try(ctx, slog.Default(), "sandbox", func() (err error) {
				charged, err = s.charge(context.WithoutCancel(ctx), c)
				return err
			}, "booking_id", c.BookingID)
			done <- answer{charged, err}
		}
	})
	select {
	case a := <-done:
		return a.Charged, a.err
	case <-ctx.Done():
		return booking.Charged{}, unknown(ctx.Err())
	}
}

func (s *Sandbox) charge(ctx context.Context, c booking.Charge) (answer booking.Charged, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		answer = booking.Charged{}
		switch found, err := charged(ctx, tx, c.BookingID); {
		case err != nil:
			return err
		case found == nil:
			answer, err = s.try(ctx, tx, c)
			return err // a decline is remembered
		case found.outcome != "captured":
			return booking.ErrPaymentClosed
		case found.amount != c.Amount:
			return fmt.Errorf("sandbox: booking %s was charged another amount", c.BookingID)
		default:
			answer.Reference = found.reference
			return nil
		}
	})
	switch {
	case errors.Is(err, booking.ErrPaymentClosed):
		return booking.Charged{}, booking.ErrPaymentClosed
	case err != nil:
		return booking.Charged{}, unknown(err)
	case answer.Reference == "":
		return booking.Charged{}, booking.ErrPaymentDeclined
	}
	return answer, nil
}

func newReference() string { return "sbx_" + uuid.NewString() }

// decide stores the outcome of a charge, once and for all, and enters it in the
// ledger if it moves money.
func (s *Sandbox) decide(ctx context.Context, tx *sql.Tx, bookingID string, r row) error {
	if _, err := tx.ExecContext(ctx,
		`INSERT INTO charges (booking_id, outcome, reference, amount_minor, currency, attempt) VALUES (?, ?, ?, ?, ?, ?)`,
		bookingID, r.outcome, r.reference, r.amount.AmountMinor, r.amount.Currency, r.attempt); err != nil {
		return err
	}
	if r.outcome != "captured" {
		return nil
	}
	return s.enter(ctx, tx, bookingID, "charge", r.amount, r.reference)
}

func (s *Sandbox) enter(ctx context.Context, tx *sql.Tx, bookingID, kind string, amount money.Amount, reference string) error {
	_, err := tx.ExecContext(ctx,
		`INSERT INTO ledger (booking_id, kind, amount_minor, currency, reference, at) VALUES (?, ?, ?, ?, ?, ?)`,
		bookingID, kind, amount.AmountMinor, amount.Currency, reference, sqlitedb.Time(s.now()))
	return err
}

// row is a charge whose outcome is decided.
type row struct {
	outcome, reference string
	amount             money.Amount
	attempt            int // that captured, or was the latest
}

// charged returns the charge of a booking, nil when there is none.
func charged(ctx context.Context, tx *sql.Tx, bookingID string) (*row, error) {
	var r row
	err := tx.QueryRowContext(ctx, `SELECT outcome, reference, amount_minor, currency, attempt FROM charges WHERE booking_id = ?`, bookingID).
		Scan(&r.outcome, &r.reference, &r.amount.AmountMinor, &r.amount.Currency, &r.attempt)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &r, err
}

// Settle implements booking.Payments.
func (s *Sandbox) Settle(ctx context.Context, c booking.Unsettled) (booking.Settlement, error) {
	var found *row
	err := s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		if found, err = charged(ctx, tx, c.BookingID); err != nil || found != nil {
			return err
		}
		all, err := attempts(ctx, tx, c.BookingID)
		if err != nil {
			return err
		}
		found = &row{outcome: "never"}
		for _, a := range all { // the last stands
			if found.outcome, found.attempt = "never", a.n; a.state == declined {
				found.outcome = "declined"
			}
		}
		return s.decide(ctx, tx, c.BookingID, *found)
	})
	if err != nil {
		return booking.Settlement{}, unknown(err)
	}
	if found.outcome != "captured" {
		return booking.Settlement{Declined: found.outcome == "declined"}, nil
	}
	return booking.Settlement{Captured: true, Reference: found.reference, Amount: found.amount}, nil
}

// Refund implements booking.Payments.
func (s *Sandbox) Refund(ctx context.Context, r booking.RefundRequest) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		var done bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM refunds WHERE id = ?)`, r.ID).Scan(&done); err != nil || done {
			return err
		}
		found, err := charged(ctx, tx, r.BookingID)
		if err != nil {
			return err
		}
		var before int64
		if err := tx.QueryRowContext(ctx, `SELECT coalesce(sum(amount_minor), 0) FROM refunds WHERE booking_id = ?`, r.BookingID).Scan(&before); err != nil {
			return err
		}
		if found == nil || found.outcome != "captured" || r.Amount.AmountMinor <= 0 ||
			found.amount.Currency != r.Amount.Currency || r.Amount.AmountMinor > found.amount.AmountMinor-before {
			return booking.ErrRefundRefused
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO refunds (id, booking_id, amount_minor, currency) VALUES (?, ?, ?, ?)`,
			r.ID, r.BookingID, r.Amount.AmountMinor, r.Amount.Currency); err != nil {
			return err
		}
		return s.enter(ctx, tx, r.BookingID, "refund", r.Amount, r.ID)
	})
	if err != nil && !errors.Is(err, booking.ErrRefundRefused) {
		return unknown(err)
	}
	return err
}

// Entries implements booking.Ledger.
func (s *Sandbox) Entries(ctx context.Context, bookingID string, after int64, limit int) ([]booking.LedgerEntry, error) {
	out := []booking.LedgerEntry{}
	err := s.db.List(ctx, func(ctx context.Context, tx *sql.Tx) error {
		// Each in words of its own, for the sake of its index.
		where := `?1 = ''`
		if bookingID != "" {
			where = `booking_id = ?1`
		}
		rows, err := tx.QueryContext(ctx, `
			SELECT number, booking_id, kind, amount_minor, currency, reference, at FROM ledger
			WHERE `+where+` AND number > ?2 ORDER BY number LIMIT ?3`, bookingID, after, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var e booking.LedgerEntry
			var at int64
			if err := rows.Scan(&e.Number, &e.BookingID, &e.Kind, &e.Amount.AmountMinor, &e.Amount.Currency, &e.Reference, &at); err != nil {
				return err
			}
			e.At = sqlitedb.FromTime(at)
			out = append(out, e)
		}
		return rows.Err()
	})
	return out, err
}

func unknown(err error) error { return fmt.Errorf("%w: sandbox: %w", booking.ErrOutcomeUnknown, err) }
