package event

import (
	"context"

	"github.com/openboxoffice/boxoffice/contracts/problem"
)

// MaxHoldings is how many reservations may be asked for at a time.
const MaxHoldings = 1000

// Holding is how many tickets a reservation has now.
type Holding struct {
	Key
	State   State // Held or Sold
	Tickets int
}

// Holdings returns who has tickets; see [Holdings].Holdings. A booking's id that
// is none is problem.Invalid.
func (s *Service) Holdings(ctx context.Context, after string, limit int) ([]Holding, error) {
	if after != "" {
		var v validation
		id, ok := canonical(after)
		v.check(ok, "after", "must be a UUID")
		if len(v) > 0 {
			return nil, problem.Invalid(v)
		}
		after = id
	}
	return s.holdings.Holdings(ctx, after, limit)
}
