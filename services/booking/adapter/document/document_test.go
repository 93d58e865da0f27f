package document_test

import (
	"image"
	"image/color"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/document"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/documenttest"
)

var documents = sync.OnceValues(document.New)

func open(t testing.TB) *document.Documents {
	t.Helper()
	d, err := documents()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocumentsContract(t *testing.T) {
	t.Parallel()
	bookingtest.TestDocuments(t, func(t *testing.T) bookingtest.DocumentsUnderTest {
		return bookingtest.DocumentsUnderTest{
			Documents: open(t),
			Pages:     func(t *testing.T, pdf []byte) []string { return documenttest.Pages(t, pdf) },
			Codes: func(t *testing.T, pdf []byte) (codes []string) {
				for _, page := range documenttest.Render(t, pdf) {
					codes = append(codes, documenttest.QR(t, page))
				}
				return codes
			},
			ReadPNG: func(t *testing.T, picture []byte) string { return documenttest.QR(t, documenttest.Image(t, picture)) },
			ReadSVG: func(t *testing.T, picture []byte) string { return documenttest.QR(t, raster(t, picture)) },
		}
	})
}

// stretch is a row's stretch of dark modules in an SVG.
var stretch = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-\d+z`)

// raster draws an SVG as far as it consists of dark stretches.
func raster(t testing.TB, svg []byte) image.Image {
	t.Helper()
	const scale = 4
	img := image.NewGray(image.Rect(0, 0, 45*scale, 45*scale))
	for i := range img.Pix {
		img.Pix[i] = 0xff
	}
	if !strings.Contains(string(svg), `viewBox="0 0 45 45"`) {
		t.Errorf("it is not of 37 modules and a margin of 4: %s", svg)
	}
	for _, m := range stretch.FindAllSubmatch(svg, -1) {
		x, _ := strconv.Atoi(string(m[1]))
		y, _ := strconv.Atoi(string(m[2]))
		length, _ := strconv.Atoi(string(m[3]))
		for row := y * scale; row < (y+1)*scale; row++ {
			for column := x * scale; column < (x+length)*scale; column++ {
				img.SetGray(column, row, color.Gray{})
			}
		}
	}
	return img
}

const someCode = "*50IH8ZEV/*JMC1UQ5%+9W502U63+K EUZW6J8V+A80/RB4P*$T8YTC-OSTT:220W3O2K3R4-NTMOFX3H-CUCS4DCRNNJHR5FFHTN91.KR TVIH%SOE 8AJ4"

func someDocument(tickets int) booking.TicketDocument {
	starts := time.Date(2027, 3, 12, 18, 30, 0, 0, time.UTC)
	d := booking.TicketDocument{
		Locale: "en", BookingID: "0195e9d2-7c1a-7abc-8def-0123456789ab",
		Event: events.Event{
			ID: "01890a5d-ac96-774b-bcce-b302099a8057", Title: "Night of Strings", StartsAt: starts, DoorsAt: starts.Add(-time.Hour), TimeZone: "Europe/Berlin",
			Venue:              events.Venue{Name: "Philharmonie", Address: "Herbert-von-Karajan-Str. 1", City: "Berlin", Country: "DE"},
			CancellationPolicy: events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 1000},
		},
		Organizer: "Ada's Concerts", At: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	for i := range tickets {
		d.Tickets = append(d.Tickets, booking.TicketPage{
			Ticket: booking.Ticket{Number: i + 1, Item: events.Item{Name: "Standard"}, Holder: booking.Holder{Name: "Ada Lovelace"}, Issue: 1},
			Code:   someCode,
		})
	}
	return d
}

func TestDocumentsAreValid(t *testing.T) {
	t.Parallel()
	for _, locale := range []string{"en", "de"} {
		for _, title := range []string{"Night of Strings", "Nächte: Ελλάδα, Київ — Nguyễn", "音楽 🎻", `(\`} {
			d := someDocument(booking.MaxTickets)
			d.Locale, d.Event.Title = locale, title
			pdf, err := open(t).TicketsPDF(d)
			if err != nil {
				t.Fatal(err)
			}
			documenttest.Validate(t, pdf)
		}
	}
}

// Whatever people have written, there is a ticket.
func FuzzTicketsPDF(f *testing.F) {
	f.Add("Night of Strings", "Ada Lovelace", "Philharmonie", "Europe/Berlin", "de", 0)
	f.Add("音楽 🎻", "Z\u0301\u0301\u0301", "(\\) Tj", "nowhere", "\x00", -1)
	f.Add("", "", "", "", "", 1<<40)
	f.Fuzz(func(t *testing.T, title, holder, venue, zone, locale string, hours int) {
		d := someDocument(1)
		d.Event.Title, d.Event.Venue.Name, d.Event.TimeZone, d.Locale, d.Organizer = title, venue, zone, locale, venue
		d.Event.CancellationPolicy.FreeHours = hours
		d.Tickets[0].Holder.Name, d.Tickets[0].Item.Name = holder, title
		pdf, err := open(t).TicketsPDF(d)
		if err != nil {
			t.Fatal(err)
		}
		documenttest.Validate(t, pdf)
	})
}

// Requests draw at the same time, with the same fonts.
func TestDocumentsAreDrawnAtTheSameTime(t *testing.T) {
	t.Parallel()
	d := open(t)
	want, err := d.TicketsPDF(someDocument(2))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if got, err := d.TicketsPDF(someDocument(2)); err != nil || string(got) != string(want) {
					t.Errorf("%d bytes, want %d (%v)", len(got), len(want), err)
				}
			}
		})
	}
	wg.Wait()
}

// A QR code has 37 × 37 modules and a margin, whatever the code.
func TestTheSizeOfAQRCode(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"A", someCode, strings.Repeat("0", 120)} {
		png, err := open(t).QRPNG(code)
		if err != nil {
			t.Fatal(err)
		}
		img := documenttest.Image(t, png)
		if side := img.Bounds().Dx(); side != 45*8 || img.Bounds().Dy() != side {
			t.Errorf("%v pixels, want %d", img.Bounds(), 45*8)
		}
		dark := img.Bounds()
		for y := range img.Bounds().Dy() { // where the first dark pixel is
			for x := range img.Bounds().Dx() {
				if r, _, _, _ := img.At(x, y).RGBA(); r == 0 && dark.Min == image.Pt(0, 0) {
					dark.Min = image.Pt(x, y)
				}
			}
		}
		if dark.Min != image.Pt(32, 32) {
			t.Errorf("the QR code begins at %v, want a margin of 4 modules", dark.Min)
		}
	}
}

func BenchmarkTicketsPDF(b *testing.B) {
	d := open(b)
	for _, tickets := range []int{1, 2, booking.MaxTickets} {
		b.Run(strconv.Itoa(tickets), func(b *testing.B) {
			perCPU(b, tickets, "cpu-ms/page", func() error {
				_, err := d.TicketsPDF(someDocument(tickets))
				return err
			})
		})
	}
}

func BenchmarkQRPNG(b *testing.B) {
	d := open(b)
	perCPU(b, 1, "cpu-ms/op", func() error {
		_, err := d.QRPNG(someCode)
		return err
	})
}

// perCPU reports how much processor time each of n things takes that do makes: on a
// busy machine the time by the clock says little.
func perCPU(b *testing.B, n int, unit string, do func() error) {
	b.Helper()
	used := func() int64 {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return r.Utime.Nano() + r.Stime.Nano()
	}
	before, times := used(), 0
	for b.Loop() {
		if err := do(); err != nil {
			b.Fatal(err)
		}
		times++
	}
	b.ReportMetric(float64(used()-before)/1e6/float64(times*n), unit)
}
