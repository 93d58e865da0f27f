package sandbox

import (
	"context"
	"crypto/rand"
	"database/sql"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/booking"
)

// attempt is one that has not captured: it waits for its customer, or is
// declined. A later attempt replaces one that waits, which is declined then.
type attempt struct {
	n                int
	state            string
	reference, nonce string
	amount           money.Amount
}

const (
	waiting  = "waiting"
	declined = "declined"
)

// attempts returns those of a charge, in the order they came.
func attempts(ctx context.Context, tx *sql.Tx, bookingID string) (all []attempt, err error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT attempt, state, reference, nonce, amount_minor, currency FROM attempts
		WHERE booking_id = ? ORDER BY number`, bookingID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var a attempt
		if err := rows.Scan(&a.n, &a.state, &a.reference, &a.nonce, &a.amount.AmountMinor, &a.amount.Currency); err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, rows.Err()
}

// try makes the attempt of a charge that is not decided, unless it was made
// before. It returns nothing if the attempt is declined.
func (s *Sandbox) try(ctx context.Context, tx *sql.Tx, c booking.Charge) (booking.Charged, error) {
	all, err := attempts(ctx, tx, c.BookingID)
	if err != nil {
		return booking.Charged{}, err
	}
	a, waits := attempt{n: c.Attempt, state: declined, reference: newReference(), nonce: rand.Text(), amount: c.Amount}, false
	for _, before := range all {
		if before.n == c.Attempt {
			return before.answer(), nil
		}
		a.reference = before.reference // there is one charge
		waits = waits || before.state == waiting
	}
	if waits {
		if _, err := tx.ExecContext(ctx, `UPDATE attempts SET state = 'declined' WHERE booking_id = ? AND state = 'waiting'`, c.BookingID); err != nil {
			return booking.Charged{}, err
		}
	}
	switch token := c.Token; {
	case token == "", token == Visa, token == Timeout, token == Slow, token == DeclinedOnce && len(all) > 0:
		return booking.Charged{Reference: a.reference}, s.decide(ctx, tx, c.BookingID, row{"captured", a.reference, a.amount, a.n})
	case token == Authentication:
		a.state = waiting
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO attempts (booking_id, attempt, state, reference, nonce, amount_minor, currency) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		c.BookingID, a.n, a.state, a.reference, a.nonce, a.amount.AmountMinor, a.amount.Currency)
	return a.answer(), err
}

// answer is Charge's to an attempt that has not captured.
func (a attempt) answer() booking.Charged {
	if a.state == declined {
		return booking.Charged{}
	}
	return booking.Charged{Reference: a.reference, Action: a.action()}
}

// action sends the customer to a page of this API.
func (a attempt) action() *booking.Action {
	return &booking.Action{Type: "authenticate", URL: challengePath + a.nonce}
}

// Look implements booking.Payments.
func (s *Sandbox) Look(ctx context.Context, c booking.Unsettled) (o booking.Outcome, err error) {
	o = booking.Outcome{State: booking.ChargeOpen}
	tx, err := s.db.Read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return booking.Outcome{}, unknown(err)
	}
	defer func() { _ = tx.Rollback() }()
	found, err := charged(ctx, tx, c.BookingID)
	if err != nil {
		return booking.Outcome{}, unknown(err)
	}
	if found != nil {
		if found.outcome != "captured" {
			return booking.Outcome{}, booking.ErrPaymentClosed
		}
		return booking.Outcome{State: booking.ChargeCaptured, Attempt: found.attempt, Reference: found.reference, Amount: found.amount}, nil
	}
	all, err := attempts(ctx, tx, c.BookingID)
	if err != nil {
		return booking.Outcome{}, unknown(err)
	}
	for _, a := range all { // the last stands
		if o = (booking.Outcome{State: booking.ChargeDeclined, Attempt: a.n}); a.state == waiting {
			o = booking.Outcome{State: booking.ChargeAction, Attempt: a.n, Reference: a.reference, Action: a.action()}
		}
	}
	return o, nil
}

// Act is what the customer does whose attempt waits: authenticate, or fail to. It
// reports whether there was anything to do.
func (s *Sandbox) Act(ctx context.Context, bookingID string, n int, succeed bool) (acted bool, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		acted = false
		found, err := charged(ctx, tx, bookingID)
		if err != nil || found != nil {
			return err
		}
		all, err := attempts(ctx, tx, bookingID)
		if err != nil {
			return err
		}
		for _, a := range all {
			switch {
			case a.n != n || a.state != waiting:
				continue
			case succeed:
				err = s.decide(ctx, tx, bookingID, row{"captured", a.reference, a.amount, a.n})
			default:
				_, err = tx.ExecContext(ctx, `UPDATE attempts SET state = 'declined' WHERE booking_id = ? AND attempt = ?`, bookingID, n)
			}
			acted = err == nil
		}
		return err
	})
	return acted, err
}
