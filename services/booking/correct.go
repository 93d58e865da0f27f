package booking

import (
	"cmp"
	"context"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/identity"
	"github.com/openboxoffice/boxoffice/contracts/problem"
	"github.com/openboxoffice/boxoffice/services/internal/contact"
)

// Correction is what a guest wants changed of who has booked, and of how they hear of it.
// Nil leaves a field as it is.
type Correction struct {
	Name, Email   *string
	Phone, Locale *string // "" removes it
}

// Correct makes a correction of a Checkout, for the guest who has made it, while its
// payment is awaited. What is not allowed is a problem.Invalid. ErrForbidden for
// everybody else, and for accounts, whose name and address are their account's. Its other
// errors are those of Pay.
func (s *Service) Correct(ctx context.Context, caller identity.Caller, id string, c Correction) (Booking, error) {
	if err := c.validate(); err != nil {
		return Booking{}, err
	}
	switch _, err := s.Get(ctx, caller, id); {
	case err != nil:
		return Booking{}, err
	case caller.Role != identity.Guest:
		return Booking{}, ErrForbidden
	}
	return s.edit(ctx, id, func(b *Booking, now time.Time) error {
		if a := b.Checkout.Latest(); a != nil && a.Outcome == PaymentOpen {
			return ErrPaymentInProgress
		}
		b.correct(c)
		b.noteOnce(now, caller.UserID, stepCorrected, "")
		return nil
	})
}

// stepCorrected is the step of a correction. It says nothing of what was corrected.
const stepCorrected = "contact_corrected"

// validate brings c into the form that is stored.
func (c *Correction) validate() error {
	var wrong problem.Invalid
	for _, f := range []struct {
		name  string
		value **string
		check func(field, value string) (string, problem.Invalid)
	}{
		{"name", &c.Name, contact.Name}, {"email", &c.Email, contact.Email},
		{"phone", &c.Phone, contact.Phone}, {"locale", &c.Locale, contact.Locale},
	} {
		if *f.value == nil {
			continue
		}
		value, invalid := f.check(f.name, norm.NFC.String(**f.value))
		*f.value, wrong = &value, append(wrong, invalid...)
	}
	if wrong != nil {
		return wrong
	}
	return nil
}

func (b *Booking) correct(c Correction) {
	if c.Email != nil && *c.Email != b.UserEmail {
		b.endLinks()
	}
	b.UserName, b.UserEmail = or(c.Name, b.UserName), or(c.Email, b.UserEmail)
	var now events.Contact
	if b.Contact != nil {
		now = *b.Contact
	}
	now.Phone, now.Locale = cmp.Or(c.Phone, now.Phone), cmp.Or(c.Locale, now.Locale)
	b.Contact = &now
}

func or(given *string, otherwise string) string {
	if given == nil {
		return otherwise
	}
	return *given
}
