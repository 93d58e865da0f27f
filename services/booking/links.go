package booking

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/identity"
)

// LinkKeys are the secrets of the keys in links to bookings: the one in use, then
// retired ones, whose links are still good. Without any there are no links.
//
// A key has 128 bits of an HMAC-SHA256, as base64url without padding: 22 characters.
// Nobody stores it. It is good for 30 days after the event.
//   - The buyer's is made of the booking's id and LinkVersion, and opens the booking.
//   - A holder's is made of the booking's id, and the ticket's number and issue, and opens
//     that ticket alone.
type LinkKeys [][]byte

const (
	linkBytes = 16
	// linkLife is how long links are good after the event.
	linkLife = 30 * 24 * time.Hour
	// buyersLink takes the place of a ticket's number in the buyer's key.
	buyersLink = 0
)

// linkText is how a key is written.
var linkText = base64.RawURLEncoding.Strict()

// Buyer returns the key that opens b; "" if there are no links.
func (k LinkKeys) Buyer(b *Booking) string { return k.key(b, buyersLink, b.LinkVersion) }

// Holder returns the key that opens one of b's tickets, until it is passed on; "" if there
// are no links.
func (k LinkKeys) Holder(b *Booking, t Ticket) string { return k.key(b, t.Number, t.Issue) }

func (k LinkKeys) key(b *Booking, number, version int) string {
	if len(k) == 0 {
		return ""
	}
	return linkText.EncodeToString(linkMAC(k[0], b.ID, number, version))
}

func linkMAC(secret []byte, bookingID string, number, version int) []byte {
	mac := hmac.New(sha256.New, secret)
	_, _ = fmt.Fprintf(mac, "booking\n%s\n%d\n%d", bookingID, number, version) // it never fails
	return mac.Sum(nil)[:linkBytes]
}

// opens returns the number of the ticket that key opens, or buyersLink for all of b, if it
// is one of b's keys. It does the same work for every key, and for every booking.
func (k LinkKeys) opens(b *Booking, key string) (number int, ok bool) {
	given, err := linkText.DecodeString(key)
	sound := err == nil && len(given) == linkBytes && len(key) == linkText.EncodedLen(linkBytes)
	given = append(given, make([]byte, linkBytes)...)[:linkBytes]
	versions := make([]int, 1+MaxTickets)
	versions[buyersLink] = b.LinkVersion
	tickets := b.Tickets()
	for _, t := range tickets {
		versions[t.Number] = t.Issue
	}
	for _, secret := range k {
		for n, version := range versions {
			equal := hmac.Equal(given, linkMAC(secret, b.ID, n, version))
			if equal && sound && n <= len(tickets) {
				number, ok = n, true
			}
		}
	}
	return number, ok
}

// LinksEnd is when the links to b end; zero if b has no event yet.
func (b *Booking) LinksEnd() time.Time {
	switch {
	case !b.Event.EndsAt.IsZero():
		return b.Event.EndsAt.Add(linkLife)
	case !b.Event.StartsAt.IsZero():
		return b.Event.StartsAt.Add(linkLife)
	}
	return time.Time{}
}

// endLinks ends the buyer's links.
func (b *Booking) endLinks() { b.LinkVersion++ }

// linkRole is the role of a caller who has shown a buyer's key instead of an access token.
const linkRole identity.Role = "link"

// byLink is what timeline and audit log say of that caller: no account has acted.
const byLink = "link"

// actor is how timeline and audit log name the caller.
func actor(c identity.Caller) string {
	if c.Role == linkRole {
		return byLink
	}
	return c.UserID
}

// Buyer returns a caller who may do with this booking what its link is for, by the key of
// its buyer. ErrNotFound for every other key: one that is forged, has expired, or
// is a holder's, of another booking, or of none.
func (s *Service) Buyer(ctx context.Context, id, key string) (identity.Caller, error) {
	b, number, err := s.TicketsByLink(ctx, id, key)
	switch {
	case err != nil:
		return identity.Caller{}, err
	case number != buyersLink:
		return identity.Caller{}, ErrNotFound
	}
	return identity.Caller{UserID: b.UserID, Email: b.UserEmail, Name: b.UserName, Role: linkRole}, nil
}

// TicketsByLink returns the booking whose tickets key opens: all of them with its buyer's
// key, and only the one with this number with a holder's; else it is 0. ErrNotFound for
// every other key, as Buyer.
func (s *Service) TicketsByLink(ctx context.Context, id, key string) (b Booking, only int, err error) {
	b, err = s.Store.Get(ctx, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Booking{}, 0, err
	}
	// A booking that is not there costs the same.
	number, ok := s.LinkKeys.opens(&b, key)
	if err != nil || !ok || !s.now().Before(b.LinksEnd()) {
		return Booking{}, 0, ErrNotFound
	}
	return b, number, nil
}

// EndLinks ends the links of a booking's buyer, for its owner or an admin. Holders keep
// theirs. ErrNotFound, ErrForbidden; ErrInProgress while another request is worked on.
func (s *Service) EndLinks(ctx context.Context, caller identity.Caller, id string) error {
	if _, err := s.Get(ctx, caller, id); err != nil {
		return err
	}
	_, err := s.Store.Update(ctx, id, "", func(b *Booking) error {
		now := s.now()
		b.UpdatedAt = now
		b.endLinks()
		b.noteOnce(now, actor(caller), stepLinksEnded, "")
		return nil
	})
	if errors.Is(err, ErrLeaseLost) {
		err = ErrInProgress
	}
	return err
}

// stepLinksEnded is the step of EndLinks.
const stepLinksEnded = "links_ended"
