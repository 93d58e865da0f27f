package app

import (
	"context"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/internal/outbox"
)

// recheckPage is how many messages are asked about at a time.
const recheckPage = 200

// recheck is booking.Options.Recheck: it asks the consumers of what the outbox
// has told since then, and opens again what one of them does not know.
func recheck(archive outbox.Archive, consumers map[string]map[string]outbox.Receipts, wake func()) func(context.Context, time.Time) (int, []events.Message, error) {
	return func(ctx context.Context, since time.Time) (checked int, again []events.Message, err error) {
		for after := ""; ; {
			page, err := archive.Closed(ctx, since, after, recheckPage)
			if err != nil || len(page) == 0 {
				return checked, again, err
			}
			after = page[len(page)-1].Message.ID
			checked += len(page)
			missing, err := outbox.Missing(ctx, consumers, page)
			if err != nil {
				return checked, again, err
			}
			var ids []string
			for _, e := range page {
				if _, lost := missing[e.Message.ID]; lost {
					ids, again = append(ids, e.Message.ID), append(again, e.Message)
				}
			}
			if len(ids) > 0 {
				if err := archive.Reopen(ctx, ids, time.Now()); err != nil {
					return checked, again, err
				}
				wake()
			}
		}
	}
}
