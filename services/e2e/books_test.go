package e2e

import "fmt"

// balance is what has been moved for a booking, in minor units, and in how many
// moves.
type balance struct {
	captured, refunded int64
	charges, refunds   int
}

// books are those of whoever takes the money, by booking.
func (p *platform) books() (map[string]balance, error) {
	books := map[string]balance{}
	if p.provider != nil {
		for id, b := range p.provider.Books() {
			books[id] = balance{b.Captured, b.Refunded, b.Charges, b.Refunds}
		}
		return books, nil
	}
	ledger, err := all[entry](p, bookings, "/payments/sandbox/ledger?limit=100", as(p.admin))
	if err != nil {
		return nil, err
	}
	for _, l := range ledger {
		b := books[l.BookingID]
		switch l.Kind {
		case "charge":
			b.captured += l.Amount.AmountMinor
			b.charges++
		case "refund":
			b.refunded += l.Amount.AmountMinor
			b.refunds++
		default:
			return nil, final{fmt.Errorf("in the ledger: %+v", l)}
		}
		books[l.BookingID] = b
	}
	return books, nil
}
