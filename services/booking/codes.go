package booking

import (
	"fmt"

	"github.com/openboxoffice/boxoffice/contracts/ticketcode"
)

// Codes returns the codes of b's tickets by number − 1, "" for a ticket that is not valid.
func Codes(keys *ticketcode.Keys, b *Booking) ([]string, error) {
	signer, err := keys.Signer(b.EventID)
	if err != nil {
		return nil, fmt.Errorf("the codes of booking %s: %w", b.ID, err)
	}
	all := b.Tickets()
	codes := make([]string, len(all))
	for i, t := range all {
		if t.Status != TicketValid {
			continue
		}
		tag, err := ticketcode.TagOf(t.ID)
		if err != nil {
			return nil, err
		}
		codes[i] = signer.Sign(ticketcode.Code{Ticket: tag, TicketType: uint8(t.Item.Position), Issue: uint8(t.Issue)})
	}
	return codes, nil
}
