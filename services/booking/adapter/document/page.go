package document

import (
	"bytes"
	"compress/zlib"
	"errors"
	"slices"
	"time"

	"github.com/signintech/gopdf"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/internal/speech"
)

// Measures are in points; the page is A4.
const (
	pageWidth, pageHeight = 595, 842

	cardLeft, cardRight, cardTop = 40, 555, 44
	padding                      = 20
	stubLeft                     = 306 // where the card is perforated
	textWidth                    = stubLeft - cardLeft - 2*padding
	corner                       = 12
	footTop                      = pageHeight - 40

	moduleSize = 5 // of the QR code: 79 mm with its margin
)

type rgb struct{ r, g, b uint8 }

var (
	white  = rgb{255, 255, 255}
	ink    = rgb{17, 24, 39}
	navy   = rgb{22, 32, 66}
	pale   = rgb{186, 198, 226}
	accent = rgb{245, 166, 35}
	muted  = rgb{99, 107, 120}
	border = rgb{203, 209, 219}
)

// TicketsPDF implements booking.Documents.
func (d *Documents) TicketsPDF(doc booking.TicketDocument) ([]byte, error) {
	if len(doc.Tickets) == 0 {
		return nil, errNoTicket
	}
	p := &printer{typeface: d.typeface, TicketDocument: doc, Speech: speech.Of(doc.Locale, words), zone: speech.Zone(doc.Event.TimeZone), pdf: &gopdf.GoPdf{}}
	p.pdf.SetCompressLevel(zlib.BestSpeed) // most of a document is its fonts
	p.pdf.Start(gopdf.Config{Unit: gopdf.UnitPT, PageSize: gopdf.Rect{W: pageWidth, H: pageHeight}})
	for _, f := range []*face{d.regular, d.bold} {
		p.note(p.pdf.AddTTFFontFromFontContainer(f.name, &d.fonts))
	}
	title, _ := d.printable(doc.Event.Title)
	p.pdf.SetInfo(gopdf.PdfInfo{Title: p.Sprintf("Tickets: %s", title), Creator: "Boxoffice", Producer: "Boxoffice", CreationDate: doc.At.UTC()})
	for i, ticket := range doc.Tickets {
		qr, err := qrOf(ticket.Code)
		if err != nil {
			return nil, err
		}
		p.page(i, ticket, qr)
	}
	var out bytes.Buffer
	if p.err == nil {
		_, err := p.pdf.WriteTo(&out)
		p.note(err)
	}
	return out.Bytes(), p.err
}

// printer draws the pages of one document.
type printer struct {
	*typeface
	booking.TicketDocument
	speech.Speech
	zone  *time.Location
	pdf   *gopdf.GoPdf
	scale float64 // of all sizes on this page
	lacks bool    // something on this page cannot be printed
	err   error
}

func (p *printer) note(err error) { p.err = errors.Join(p.err, err) }

// scales are tried one after the other, until everything is on the page: at the last, the
// longest texts that can be booked are, in the widest letters.
var scales = []float64{1, 0.85, 0.7, 0.55}

func (p *printer) page(i int, ticket booking.TicketPage, qr modules) {
	p.pdf.AddPage()
	var l layout
	for _, p.scale = range scales {
		if l = p.layout(ticket, qr); l.bottom <= footTop-gap {
			break
		}
	}
	p.card(l.headBottom, l.cardBottom)
	y := float64(cardTop + padding - 4)
	for _, t := range l.head {
		y = p.draw(t, cardLeft+padding, y)
	}
	y = l.headBottom + padding
	for _, f := range l.fields {
		y = f.draw(p, cardLeft+padding, y) + gap
	}

	side := float64(qr.size() * moduleSize)
	x, y := float64(stubLeft)+(cardRight-stubLeft-side)/2, l.headBottom+padding/2
	p.fill(ink)
	qr.runs(func(column, row, length int) {
		p.pdf.RectFromUpperLeftWithStyle(x+float64(column*moduleSize), y+float64(row*moduleSize), float64(length*moduleSize), moduleSize, "F")
	})
	y += side
	for _, t := range l.stub {
		y = p.center(t, x+side/2, y)
	}

	y = l.cardBottom + padding
	for _, t := range l.below {
		y = p.draw(t, cardLeft, y)
	}
	foot := style{p.regular, []float64{8}, 1, muted}
	page := foot.set(p.Sprintf("Page %d of %d", i+1, len(p.Tickets)), cardRight-cardLeft)
	p.draw(foot.set(p.Sprintf("As of %s", p.Moment(p.At.In(p.zone))), cardRight-cardLeft), cardLeft, footTop)
	p.draw(page, cardRight-p.regular.width(page.lines[0], page.size), footTop)
}

// layout is what a page says, and how high it is.
type layout struct {
	head, stub, below              []paragraph
	fields                         []field
	headBottom, cardBottom, bottom float64
}

func (p *printer) layout(ticket booking.TicketPage, qr modules) (l layout) {
	p.lacks = false
	side := float64(qr.size() * moduleSize)
	l.head, l.fields, l.stub = p.head(), p.left(ticket), p.stub(ticket, side)
	l.below = p.below(ticket) // the last, because it says whether something is lacking
	l.headBottom = cardTop + 2*padding - 6 + height(l.head)
	left := l.headBottom + padding
	for _, f := range l.fields {
		left += f.height() + gap
	}
	l.cardBottom = max(left, l.headBottom+padding/2+side+height(l.stub)) + padding/2
	l.bottom = l.cardBottom + padding + height(l.below)
	return l
}

func height(paragraphs []paragraph) (sum float64) {
	for _, t := range paragraphs {
		sum += t.height()
	}
	return sum
}

// stub is what stands under the QR code.
func (p *printer) stub(ticket booking.TicketPage, width float64) []paragraph {
	code := style{p.regular, []float64{6.5}, 1, muted}.set("", width).after(8)
	for line := range slices.Chunk([]byte(ticket.Code), 30) {
		code.lines = append(code.lines, string(line))
	}
	return []paragraph{
		style{p.bold, []float64{17}, 1, ink}.set(events.Reference(p.BookingID), width),
		style{p.regular, []float64{9.5}, 1, muted}.set(p.Sprintf("Ticket no. %d", ticket.Number), width),
		code,
	}
}

// head is the title and what stands around it.
func (p *printer) head() (set []paragraph) {
	const width = cardRight - cardLeft - 2*padding
	if p.Organizer != "" {
		set = append(set, p.set(style{p.regular, []float64{10, 8}, 2, pale}, p.Organizer, width))
	}
	return append(set,
		p.set(style{p.bold, []float64{28, 24, 20, 16, 13}, 2, white}, p.Event.Title, width).after(3),
		p.own(style{p.regular, []float64{13}, 1, white}, p.Moment(p.Event.StartsAt.In(p.zone)), width).after(4))
}

// gap is between two fields.
const gap = 15

// field is a label and what stands below it.
type field struct {
	label  paragraph
	values []paragraph
	beside *field      // a second one in the same row
	below  []paragraph // both
}

func (f field) top() float64 {
	h := f.label.height() + height(f.values)
	if f.beside != nil {
		h = max(h, f.beside.top())
	}
	return h
}

func (f field) height() float64 { return f.top() + height(f.below) }

func (f field) draw(p *printer, x, y float64) float64 {
	if f.beside != nil {
		f.beside.draw(p, x+textWidth/2, y)
	}
	below := y + f.top()
	y = p.draw(f.label, x, y)
	for _, v := range f.values {
		y = p.draw(v, x, y)
	}
	for _, t := range f.below {
		below = p.draw(t, x, below)
	}
	return below
}

func (p *printer) field(label string, values ...paragraph) field {
	return field{label: p.own(style{p.regular, []float64{8.5}, 1, muted}, label, textWidth), values: values}
}

// left are the fields beside the QR code.
func (p *printer) left(ticket booking.TicketPage) []field {
	strong := style{p.bold, []float64{14, 12, 10, 8}, 2, ink}
	plain := style{p.regular, []float64{10.5, 9, 8}, 2, ink}
	starts := p.Event.StartsAt.In(p.zone)
	begins := p.field(p.Sprintf("Begins"), p.own(strong, p.Time(starts), textWidth/2))
	if !p.Event.DoorsAt.IsZero() {
		doors := p.Event.DoorsAt.In(p.zone)
		at := p.Time(doors)
		if doors.YearDay() != starts.YearDay() || doors.Year() != starts.Year() {
			at = p.Moment(doors)
		}
		beside := p.field(p.Sprintf("Doors"), p.own(strong, at, textWidth/2))
		begins.beside = &beside
	}
	begins.below = append(begins.below, p.own(style{p.regular, []float64{8.5}, 2, muted}, speech.ZoneName(starts), textWidth))
	venue := p.field(p.Sprintf("Venue"), p.set(strong, p.Event.Venue.Name, textWidth))
	for _, line := range []string{p.Event.Venue.Address, joined(p.Event.Venue.City, p.Event.Venue.Country)} {
		if line != "" {
			venue.values = append(venue.values, p.set(plain, line, textWidth).after(1))
		}
	}
	fields := []field{begins, venue, p.field(p.Sprintf("Ticket"), p.set(strong, ticket.Item.Name, textWidth))}
	if ticket.Holder.Name != "" {
		fields = append(fields, p.field(p.Sprintf("Holder"), p.set(strong, ticket.Holder.Name, textWidth)))
	}
	return fields
}

// below is what stands under the card.
func (p *printer) below(ticket booking.TicketPage) (set []paragraph) {
	const width = cardRight - cardLeft
	plain, quiet := style{p.regular, []float64{9.5}, 3, ink}, style{p.regular, []float64{8.5}, 2, muted}
	set = append(set, p.own(style{p.bold, []float64{10.5}, 1, ink}, p.Sprintf("Please note"), width))
	if ticket.Issue > 1 {
		set = append(set, p.own(style{p.bold, plain.sizes, plain.lines, ink},
			p.Sprintf("This ticket replaces all earlier ones with this number (issue %d).", ticket.Issue), width).after(3))
	}
	for _, condition := range p.conditions() {
		set = append(set, p.own(plain, condition, width).after(3))
	}
	space := 8.0
	if name, whole := p.printable(p.Organizer); name != "" {
		p.lacks = p.lacks || !whole
		set = append(set, p.own(quiet, p.Sprintf("Organizer: %s", name), width).after(space))
		space = 0
	}
	set = append(set, p.own(quiet, p.Sprintf("Booking id: %s", p.BookingID), width).after(space))
	if p.lacks {
		set = append(set, p.own(quiet, p.Sprintf("Some characters on this page cannot be printed. Your booking shows them."), width).after(8))
	}
	return set
}

// conditions are on what terms the ticket is good.
func (p *printer) conditions() []string {
	last := p.Event.Doors()
	policy := p.Event.CancellationPolicy
	free := p.Event.StartsAt.Add(-time.Duration(policy.FreeHours) * time.Hour)
	until := p.Moment(last.In(p.zone))
	said := []string{p.Sprintf("The code admits one person, once. Whoever shows it first gets in, so keep it to yourself.")}
	if p.Event.NoTransfers {
		said = append(said, p.Sprintf("The holder cannot be changed."))
	} else {
		said = append(said, p.Sprintf("The holder can be changed until %s. The previous code is then refused.", until))
	}
	switch {
	case policy.FeeBasisPoints == 0 || !free.Before(last):
		return append(said, p.Sprintf("The ticket can be returned free of charge until %s.", until))
	case free.Before(p.At):
		return append(said, p.Sprintf("The ticket can be returned until %s. %s of its price is kept.", until, p.Percent(policy.FeeBasisPoints)))
	}
	return append(said, p.Sprintf("The ticket can be returned free of charge until %s. After that it can be returned until %s, and %s of its price is kept.",
		p.Moment(free.In(p.zone)), until, p.Percent(policy.FeeBasisPoints)))
}

// set sets a text of others, or says that it cannot be printed.
func (p *printer) set(s style, text string, width float64) paragraph {
	printable, whole := p.printable(text)
	p.lacks = p.lacks || !whole
	if printable == "" {
		s, printable = style{p.regular, []float64{9.5}, 2, s.color}, p.Sprintf("(not printable; your booking shows it)")
	}
	return p.own(s, printable, width)
}

// own sets a text whose characters are all printable.
func (p *printer) own(s style, text string, width float64) paragraph {
	sizes := make([]float64, len(s.sizes))
	for i, size := range s.sizes {
		sizes[i] = size * p.scale
	}
	s.sizes = sizes
	return s.set(text, width)
}

// card draws the ticket without its texts.
func (p *printer) card(headBottom, bottom float64) {
	p.fill(navy)
	p.note(p.pdf.Rectangle(cardLeft, cardTop, cardRight, headBottom, "F", corner, 8))
	p.pdf.RectFromUpperLeftWithStyle(cardLeft, headBottom-corner, cardRight-cardLeft, corner, "F")
	p.fill(accent)
	p.pdf.RectFromUpperLeftWithStyle(cardLeft, headBottom, cardRight-cardLeft, 3, "F")
	p.pdf.SetLineWidth(0.8)
	p.stroke(border)
	p.note(p.pdf.Rectangle(cardLeft, cardTop, cardRight, bottom, "D", corner, 8))
	p.pdf.SetCustomLineType([]float64{3, 3}, 0)
	p.pdf.Line(stubLeft, headBottom+3, stubLeft, bottom)
	p.pdf.SetCustomLineType([]float64{}, 0)
}

func (p *printer) fill(c rgb)   { p.pdf.SetFillColor(c.r, c.g, c.b) }
func (p *printer) stroke(c rgb) { p.pdf.SetStrokeColor(c.r, c.g, c.b) }

// draw draws t below y, and returns where it ends.
func (p *printer) draw(t paragraph, x, y float64) float64 {
	return p.lines(t, y, func(string) float64 { return x })
}

// center is draw, around x.
func (p *printer) center(t paragraph, x, y float64) float64 {
	return p.lines(t, y, func(line string) float64 { return x - t.face.width(line, t.size)/2 })
}

func (p *printer) lines(t paragraph, y float64, x func(line string) float64) float64 {
	if len(t.lines) == 0 {
		return y
	}
	y += t.before
	p.note(p.pdf.SetFont(t.face.name, "", t.size))
	p.pdf.SetTextColor(t.color.r, t.color.g, t.color.b)
	for i, line := range t.lines {
		p.pdf.SetXY(x(line), y+t.size*(leading*float64(i)+0.95))
		p.note(p.pdf.Text(line))
	}
	return y + t.height() - t.before
}
