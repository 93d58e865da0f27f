package bookingtest_test

import (
	"bytes"
	"fmt"
	"html"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/services/booking"
	"github.com/openboxoffice/boxoffice/services/booking/adapter/document"
	"github.com/openboxoffice/boxoffice/services/booking/bookingtest"
	"github.com/openboxoffice/boxoffice/services/internal/documenttest"
	"github.com/openboxoffice/boxoffice/services/internal/suitetest"
)

var goodDocuments = sync.OnceValues(document.New)

func TestDocumentsSuiteCatchesBrokenAdapters(t *testing.T) {
	t.Parallel()
	broken := func(name, caughtBy string, spoil func(booking.Documents) booking.Documents) {
		suitetest.MustFail(t, name, func(t *testing.T) {
			good, err := goodDocuments()
			if err != nil {
				panic(err) // it would be a catch
			}
			bookingtest.TestDocuments(t, func(*testing.T) bookingtest.DocumentsUnderTest {
				return bookingtest.DocumentsUnderTest{
					Documents: spoil(good),
					Pages:     func(t *testing.T, pdf []byte) []string { return documenttest.Pages(t, pdf) },
					Codes: func(t *testing.T, pdf []byte) (codes []string) {
						for _, page := range documenttest.Render(t, pdf) {
							codes = append(codes, documenttest.QR(t, page))
						}
						return codes
					},
					ReadPNG: func(t *testing.T, picture []byte) string { return documenttest.QR(t, documenttest.Image(t, picture)) },
					ReadSVG: func(*testing.T, []byte) string { return "" }, // no fault is in this format alone
				}
			})
		}, caughtBy)
	}
	pdf := func(name, caughtBy string, spoil func(*booking.TicketDocument)) {
		broken(name, caughtBy, func(good booking.Documents) booking.Documents { return spoiltPDF{good, spoil} })
	}
	calendar := func(name, caughtBy string, spoil func(*booking.CalendarEntry)) {
		broken(name, caughtBy, func(good booking.Documents) booking.Documents { return spoiltCalendar{good, spoil} })
	}
	pdf("signs_with_the_time", "the_same_input_gives_the_same_bytes", func(d *booking.TicketDocument) { d.BookingID = time.Now().String() })
	pdf("reverses_the_tickets", "each_ticket_has_a_page,_in_their_order", func(d *booking.TicketDocument) { slices.Reverse(d.Tickets) })
	pdf("forgets_the_organizer", "a_page_says_the_event,_its_place,_its_organizer,_the_ticket_and_its_holder", func(d *booking.TicketDocument) { d.Organizer = "" })
	pdf("says_UTC", "times_are_those_of_the_event's_time_zone", func(d *booking.TicketDocument) { d.Event.TimeZone = "UTC" })
	pdf("draws_one_code_for_all", "a_page_has_the_ticket's_code_as_a_QR_code_and_as_text", func(d *booking.TicketDocument) { d.Tickets[len(d.Tickets)-1].Code = d.Tickets[0].Code })
	pdf("returns_everything_for_free", "a_page_says_on_what_terms_the_ticket_can_be_returned_and_passed_on", func(d *booking.TicketDocument) { d.Event.CancellationPolicy = events.CancellationPolicy{} })
	pdf("ignores_transfers", "a_page_says_on_what_terms_the_ticket_can_be_returned_and_passed_on", func(d *booking.TicketDocument) { d.Event.NoTransfers = false })
	pdf("ignores_issues", "a_page_says_that_its_ticket_replaces_an_earlier_issue", func(d *booking.TicketDocument) { d.Tickets[0].Issue = 1 })
	pdf("speaks_English_only", "the_words_are_in_the_document's_language", func(d *booking.TicketDocument) { d.Locale = "en" })
	pdf("cuts_names", "the_longest_texts_fit_their_pages", func(d *booking.TicketDocument) {
		for i := range d.Tickets {
			name := []rune(d.Tickets[i].Holder.Name)
			d.Tickets[i].Holder.Name = string(name[:min(len(name), 100)])
		}
	})
	pdf("escapes", "texts_are_printed_as_they_are", func(d *booking.TicketDocument) {
		d.Tickets[0].Holder.Name = html.EscapeString(d.Tickets[0].Holder.Name)
	})
	pdf("leaves_out_silently", "a_text_that_the_font_lacks_is_left_out,_and_the_page_says_so", func(d *booking.TicketDocument) {
		if strings.ContainsFunc(d.Tickets[0].Holder.Name, func(r rune) bool { return r > 0x5ff }) {
			d.Tickets[0].Holder.Name = ""
		}
	})
	pdf("keeps_a_part", "a_text_that_the_font_lacks_is_left_out,_and_the_page_says_so", func(d *booking.TicketDocument) {
		d.Tickets[0].Holder.Name = strings.Map(func(r rune) rune {
			if r > 0x5ff {
				return -1
			}
			return r
		}, d.Tickets[0].Holder.Name)
	})
	pdf("replaces_what_is_invisible", "marks_of_direction_and_invisible_characters_are_not_printed", func(d *booking.TicketDocument) {
		d.Tickets[0].Holder.Name = strings.ReplaceAll(d.Tickets[0].Holder.Name, "\u200b", "?")
	})
	pdf("leaves_out_tickets", "without_a_ticket_or_a_code_there_is_no_document", func(d *booking.TicketDocument) {
		d.Tickets = slices.DeleteFunc(d.Tickets, func(p booking.TicketPage) bool { return p.Code == "" })
	})
	broken("draws_another_code", "a_QR_code_is_read_back_as_its_code", func(good booking.Documents) booking.Documents {
		return spoiltQR{good, func(code string) string { return code[1:] + code[:1] }}
	})
	broken("makes_codes_fit", "what_is_longer_than_a_ticket's_code,_or_has_other_characters,_is_refused", func(good booking.Documents) booking.Documents {
		return spoiltQR{good, func(code string) string { return strings.ToUpper(code[:min(len(code), 120)]) }}
	})
	calendar("ends_an_hour_later", "an_entry_has_the_event's_title,_place,_start_and_end", func(e *booking.CalendarEntry) { e.Event.EndsAt = e.Event.EndsAt.Add(time.Hour) })
	calendar("makes_up_an_end", "the_end_is_left_out_where_it_is_not_known", func(e *booking.CalendarEntry) { e.Event.EndsAt = e.Event.StartsAt.Add(2 * time.Hour) })
	calendar("makes_an_entry_for_each_version", "all_entries_of_a_booking_have_one_UID,_and_a_later_one_has_a_higher_SEQUENCE", func(e *booking.CalendarEntry) { e.BookingID = fmt.Sprint(e.BookingID, e.Version) })
	calendar("forgets_the_version", "all_entries_of_a_booking_have_one_UID,_and_a_later_one_has_a_higher_SEQUENCE", func(e *booking.CalendarEntry) { e.Version = 2 })
	calendar("ignores_cancellations", "the_entry_of_a_cancelled_booking_is_cancelled", func(e *booking.CalendarEntry) { e.Cancelled = false })
	broken("does_not_fold", "long_lines_are_folded,_and_texts_are_escaped", func(good booking.Documents) booking.Documents { return unfolded{good} })
	broken("lets_texts_end_lines", "long_lines_are_folded,_and_texts_are_escaped", func(good booking.Documents) booking.Documents { return rawTitle{good} })
}

type spoiltPDF struct {
	booking.Documents
	spoil func(*booking.TicketDocument)
}

func (s spoiltPDF) TicketsPDF(d booking.TicketDocument) ([]byte, error) {
	d.Tickets = slices.Clone(d.Tickets)
	if len(d.Tickets) > 0 {
		s.spoil(&d)
	}
	return s.Documents.TicketsPDF(d)
}

type spoiltQR struct {
	booking.Documents
	spoil func(code string) string
}

func (s spoiltQR) QRPNG(code string) ([]byte, error) { return s.Documents.QRPNG(s.spoil(code)) }

type spoiltCalendar struct {
	booking.Documents
	spoil func(*booking.CalendarEntry)
}

func (s spoiltCalendar) Calendar(e booking.CalendarEntry) ([]byte, error) {
	s.spoil(&e)
	return s.Documents.Calendar(e)
}

type unfolded struct{ booking.Documents }

func (u unfolded) Calendar(e booking.CalendarEntry) ([]byte, error) {
	entry, err := u.Documents.Calendar(e)
	return bytes.ReplaceAll(entry, []byte("\r\n "), nil), err
}

type rawTitle struct{ booking.Documents }

func (r rawTitle) Calendar(e booking.CalendarEntry) ([]byte, error) {
	title := e.Event.Title
	e.Event.Title = "TITLE"
	entry, err := r.Documents.Calendar(e)
	return bytes.Replace(entry, []byte("TITLE"), []byte(title), 1), err
}
