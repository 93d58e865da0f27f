// Package document draws tickets: as PDF, as QR codes, and as an entry for a calendar.
//
// It sets texts in Liberation Sans (SIL Open Font License 1.1), of which a document has the
// glyphs that it needs. gopdf parses a font once, and fpdf for each document: one with two
// fonts cost 12 ms of CPU with fpdf, and 3 ms with gopdf. BenchmarkTicketsPDF has what a
// ticket costs.
package document

import (
	"errors"
	"fmt"

	"github.com/openboxoffice/boxoffice/services/booking"
)

// Documents implements booking.Documents. It is safe for concurrent use.
type Documents struct{ *typeface }

var _ booking.Documents = (*Documents)(nil)

// New returns Documents.
func New() (*Documents, error) {
	t, err := newTypeface()
	if err != nil {
		return nil, fmt.Errorf("the font of tickets: %w", err)
	}
	return &Documents{t}, nil
}

var errNoTicket = errors.New("there is no ticket to draw")

// QRPNG implements booking.Documents.
func (*Documents) QRPNG(code string) ([]byte, error) {
	m, err := qrOf(code)
	if err != nil {
		return nil, err
	}
	return m.png()
}

// QRSVG implements booking.Documents.
func (*Documents) QRSVG(code string) ([]byte, error) {
	m, err := qrOf(code)
	if err != nil {
		return nil, err
	}
	return m.svg(), nil
}
