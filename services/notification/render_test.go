package notification

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/openboxoffice/boxoffice/contracts/events"
	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/internal/speech"
)

var update = flag.Bool("update", false, "write the golden files anew")

const bookingID = "0195e9d2-7c1a-7abc-8def-0123456789ab"

func someBooking() events.Booking {
	return events.Booking{
		BookingID: bookingID, Version: 2, UserID: "user-1", UserEmail: "ada@example.com", UserName: "Ada Lovelace", Status: "CONFIRMED",
		Event: events.Event{
			ID: "e1", Title: "Füße & 音楽: A Night of <Strings>", StartsAt: time.Date(2027, 3, 12, 18, 30, 0, 0, time.UTC), TimeZone: "Europe/Berlin",
			Venue: events.Venue{Name: "Philharmonie", Address: "Herbert-von-Karajan-Str. 1", City: "Berlin", Country: "DE"},
		},
		Items: []events.Item{
			{TicketTypeID: "t1", Name: "Stalls", Quantity: 2, UnitPrice: money.Amount{AmountMinor: 2550, Currency: "EUR"}},
			{TicketTypeID: "t2", Name: "Balcony", Quantity: 1, UnitPrice: money.Amount{AmountMinor: 1200, Currency: "EUR"}},
		},
		Total: money.Amount{AmountMinor: 6300, Currency: "EUR"}, Refunded: money.Amount{Currency: "EUR"},
		OccurredAt: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func message(t *testing.T, typ string, b events.Booking) events.Message {
	t.Helper()
	data, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	return events.Message{
		SpecVersion: events.SpecVersion, ID: newID(), Source: "booking", Type: typ, Subject: b.BookingID,
		Time: b.OccurredAt, DataContentType: "application/json", Data: data,
	}
}

// content is what message m says, in English.
func content(t *testing.T, m events.Message) Content {
	t.Helper()
	return contentIn(t, "en", m, false)
}

func contentIn(t *testing.T, locale string, m events.Message, overtaken bool) Content {
	t.Helper()
	b, kind, err := decode(m)
	if err != nil {
		t.Fatal(err)
	}
	c, err := render(kind, b, overtaken, locale, carried{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestGolden(t *testing.T) {
	t.Parallel()
	cancelled := someBooking()
	cancelled.Refunded = cancelled.Total
	free := someBooking()
	free.Total, free.Items = money.Amount{Currency: "EUR"}, []events.Item{{Name: "Free", Quantity: 1, UnitPrice: money.Amount{Currency: "EUR"}}}
	abandoned := someBooking()
	abandoned.Reason, abandoned.Acknowledged = "payment_abandoned", true
	// Its request died before anything of the event was stored.
	refunded := someBooking()
	refunded.Reason, refunded.Refunded, refunded.Event = "sold_out", refunded.Total, events.Event{}
	// All that is stored of the event is which one it was to be.
	unknown := abandoned
	unknown.Event = events.Event{ID: "e1"}
	declined := abandoned
	declined.Reason, declined.Event.CancellationPolicy = "payment_declined", events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 1000}
	late := abandoned
	late.Refunded = late.Total
	soldOut := abandoned
	soldOut.Reason = "sold_out"
	off := abandoned
	off.Reason = "event_cancelled"
	other := abandoned
	other.Reason = ""
	withPolicy := someBooking()
	withPolicy.Event.CancellationPolicy = events.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 1250}
	withFee := withCancellation(someBooking(), 6300, 788, false)
	due := withCancellation(someBooking(), 6300, 788, true)
	part := withCancellation(someBooking(), 2550, 255, false)
	part.Cancellation.Items[0].Quantity, part.Cancellation.Items = 1, part.Cancellation.Items[:1]
	part.Items[0].Quantity, part.Total.AmountMinor = 1, 3750
	whole := part // of what there was
	whole.Items, whole.Total = nil, money.Amount{Currency: "EUR"}
	yen, dinar := inCurrency(part, "JPY"), inCurrency(part, "KWD")
	partDue := inCurrency(part, "EUR")
	partDue.Cancellation.RefundDue = true
	eventOff := withCancellation(someBooking(), 6300, 0, false)
	eventOff.Reason, eventOff.Note = "event_cancelled", "The singer is ill.\r\n音楽 <b>will</b> be back."
	eventOffFree := withCancellation(free, 0, 0, false)
	eventOffFree.Reason = "event_cancelled"
	eventOffDue := withCancellation(someBooking(), 6300, 0, true)
	eventOffDue.Reason = "event_cancelled"
	// The customer had cancelled, for a fee, before the cancellation of the event was heard of.
	feeReturned := withCancellation(someBooking(), 6300, 0, false)
	feeReturned.Reason, feeReturned.Note = "event_cancelled", eventOff.Note
	feeReturned.Cancellation.RefundedBefore = &money.Amount{AmountMinor: 5512, Currency: "EUR"}
	feeReturned.Cancellation.Refund.AmountMinor = 788
	type write func(locale string) (Content, error)
	told := func(typ string, b events.Booking) write {
		return func(locale string) (Content, error) { return contentIn(t, locale, message(t, typ, b), false), nil }
	}
	overtaken := func(typ string, b events.Booking) write {
		return func(locale string) (Content, error) { return contentIn(t, locale, message(t, typ, b), true), nil }
	}
	const token = "AZUfqLQCcAGAAAAAAAAAAPx0nYQXl2aLrL9dNYQdyVE"
	linked := AccountMail{Name: "Ada <Lovelace>", URL: "https://tickets.example/link/" + token, ExpiresAt: time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC)}
	shown := linked
	shown.URL, shown.Token, shown.Operation = "", token, "POST /users/verification/confirm"
	account := func(kind Kind, m AccountMail) write {
		return func(locale string) (Content, error) {
			m.Locale = locale
			return renderAccountMail(kind, m)
		}
	}
	tickets := carried{
		Link: "https://tickets.example/b/" + bookingID + "/xvQ8MosBTNjY_I8JO9UQvw", PDF: true,
		Seats: []seat{
			{1, "Stalls", "Ada Lovelace", "6BFOXN*KS C43/4T:U", "cid:ticket-1.0195e9d2@boxoffice"},
			{3, "Füße & <Balcony>", "", "NCFOXN%TSMAHN-H.L8E1", "cid:ticket-3.0195e9d2@boxoffice"},
		},
	}
	codes := tickets
	codes.Link, codes.PDF = "", false
	received := tickets
	received.Seats, received.Received, received.Number = received.Seats[:1], true, 1
	carrying := func(kind Kind, see carried) write {
		return func(locale string) (Content, error) { return render(kind, withPolicy, false, locale, see) }
	}
	links := LinkMail{Name: "Ada <Lovelace>", Bookings: []LinkedBooking{
		{BookingID: bookingID, Event: someBooking().Event, Tickets: 3, LinkKey: "xvQ8MosBTNjY_I8JO9UQvw"},
		{BookingID: "0195e9d2-7c1a-7abc-8def-0123456789ff", Event: someBooking().Event, Tickets: 1, Cancelled: true, LinkKey: "GNtQglse0eGK09UtTYUYGw"},
	}}
	mails := map[string]write{
		"confirmation_tickets":      carrying(Confirmation, tickets),
		"confirmation_codes":        carrying(Confirmation, codes),
		"ticket_received":           carrying(TicketReceived, received),
		"ticket_passed_on":          carrying(TicketPassedOn, carried{Number: 1}),
		"ticket_passed_on_buyer":    carrying(TicketPassedOn, carried{Number: 1, Buyer: true}),
		"confirmation":              told(events.TypeBookingConfirmed, withPolicy),
		"confirmation_overtaken":    overtaken(events.TypeBookingConfirmed, withPolicy),
		"confirmation_free":         told(events.TypeBookingConfirmed, free),
		"resent":                    told(events.TypeBookingResendRequested, someBooking()),
		"cancellation":              told(events.TypeBookingCancelled, cancelled), // as it was before there were fees
		"cancellation_free":         told(events.TypeBookingCancelled, free),
		"cancellation_fee":          told(events.TypeBookingCancelled, withFee),
		"cancellation_due":          told(events.TypeBookingCancelled, due),
		"items_cancelled":           told(events.TypeBookingItemsCancelled, part),
		"items_cancelled_overtaken": overtaken(events.TypeBookingItemsCancelled, part),
		"items_cancelled_due":       told(events.TypeBookingItemsCancelled, partDue),
		"items_cancelled_all":       told(events.TypeBookingItemsCancelled, whole),
		"items_cancelled_yen":       told(events.TypeBookingItemsCancelled, yen),
		"items_cancelled_dinar":     told(events.TypeBookingItemsCancelled, dinar),
		"event_cancelled":           told(events.TypeBookingCancelled, eventOff),
		"event_cancelled_free":      told(events.TypeBookingCancelled, eventOffFree),
		"event_cancelled_due":       told(events.TypeBookingCancelled, eventOffDue),
		"event_cancelled_fee":       told(events.TypeBookingCancelled, feeReturned),
		"payment_failed":            told(events.TypeBookingFailed, abandoned),
		"payment_failed_declined":   told(events.TypeBookingFailed, declined),
		"payment_failed_unknown":    told(events.TypeBookingFailed, unknown),
		"payment_returned":          told(events.TypeBookingFailed, refunded),
		"payment_returned_late":     told(events.TypeBookingFailed, late),
		"not_completed":             told(events.TypeBookingFailed, soldOut),
		"not_completed_event":       told(events.TypeBookingFailed, off),
		"not_completed_for_nothing": told(events.TypeBookingFailed, other),
		"verification":              account(Verification, linked),
		"verification_token":        account(Verification, shown),
		"password_reset":            account(PasswordReset, linked),
		"email_change":              account(EmailChange, linked),
		"email_changed":             account(EmailChanged, linked),
		"links": func(locale string) (Content, error) {
			return (&Service{o: Options{WebURL: "https://tickets.example"}}).renderLinks(links, locale)
		},
		"links_keys": func(locale string) (Content, error) { return (&Service{}).renderLinks(links, locale) },
		"phone_change": func(locale string) (Content, error) {
			sms, err := renderCode(AccountMail{Code: "081542", Locale: locale})
			return Content{SMS: sms}, err
		},
		"test": func(locale string) (Content, error) {
			return renderTest("Ada\r\nLovelace", time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC), locale)
		},
	}
	for kind := range subjects {
		if mails[string(kind)] == nil {
			t.Errorf("there is no golden file of a %s", kind)
		}
	}
	for name, write := range mails {
		for _, locale := range speech.Tags() {
			c, err := write(locale)
			if err != nil {
				t.Fatal(err)
			}
			got := "Subject: " + c.Subject + "\n\n=== text\n" + c.Text + "\n=== html\n" + c.HTML + "\n=== sms\n" + c.SMS + "\n"
			file := filepath.Join("testdata", name+"."+locale+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got; -update writes it anew):\n%s", file, diff)
			}
		}
	}
}

// withCancellation is b cancelled, with all its items.
func withCancellation(b events.Booking, price, fee int64, due bool) events.Booking {
	amount := func(minor int64) money.Amount { return money.Amount{AmountMinor: minor, Currency: "EUR"} }
	b.Cancellation = &events.Cancellation{
		ID: "0195e9d2-7c1a-7abc-8def-0123456789ff", Items: slices.Clone(b.Items),
		Price: amount(price), Fee: amount(fee), Refund: amount(price - fee), RefundDue: due,
	}
	b.Refunded = b.Cancellation.Refund
	return b
}

// inCurrency is b, cancelled in part, with the same numbers in another currency.
func inCurrency(b events.Booking, currency string) events.Booking {
	c := *b.Cancellation
	b.Cancellation = &c
	b.Items, c.Items = slices.Clone(b.Items), slices.Clone(c.Items)
	for _, a := range []*money.Amount{&b.Total, &b.Refunded, &c.Price, &c.Fee, &c.Refund} {
		a.Currency = currency
	}
	for _, items := range [][]events.Item{b.Items, c.Items} {
		for i := range items {
			items[i].UnitPrice.Currency = currency
		}
	}
	return b
}

func TestWhatCancellingCosts(t *testing.T) {
	t.Parallel()
	const free = "You can cancel free of charge until the event starts."
	for _, test := range []struct {
		hours, basisPoints int
		occurred           string
		want               string
	}{
		{0, 0, "", free},
		{48, 0, "", free},
		{0, 1000, "", free},
		{48, 1000, "", "You can cancel free of charge until Wednesday, 10 March 2027, 19:30 (Europe/Berlin, UTC+1); after that, until the event starts, 10% of the price is kept."},
		{1, 1250, "", "You can cancel free of charge until Friday, 12 March 2027, 18:30 (Europe/Berlin, UTC+1); after that, until the event starts, 12.5% of the price is kept."},
		{1, 10_000, "", "You can cancel free of charge until Friday, 12 March 2027, 18:30 (Europe/Berlin, UTC+1); after that, until the event starts, the whole price is kept."},
		{3000, 1, "", "You can cancel free of charge until Saturday, 7 November 2026, 19:30 (Europe/Berlin, UTC+1); after that, until the event starts, 0.01% of the price is kept."},
		{3600, 1, "2026-01-01T00:00:00Z", "You can cancel free of charge until Tuesday, 13 October 2026, 20:30 (Europe/Berlin, UTC+2); after that, until the event starts, 0.01% of the price is kept."},
		{48, 1205, "2027-03-10T18:30:00Z", "You can cancel free of charge until Wednesday, 10 March 2027, 19:30 (Europe/Berlin, UTC+1); after that, until the event starts, 12.05% of the price is kept."},
		{48, 1205, "2027-03-10T18:30:01Z", "You can cancel until the event starts; 12.05% of the price is kept."},
		{48, 10_000, "2027-03-12T00:00:00Z", "You can cancel until the event starts; the whole price is kept."},
	} {
		b := someBooking()
		b.Event.CancellationPolicy = events.CancellationPolicy{FreeHours: test.hours, FeeBasisPoints: test.basisPoints}
		b.OccurredAt = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		if test.occurred != "" {
			var err error
			if b.OccurredAt, err = time.Parse(time.RFC3339, test.occurred); err != nil {
				t.Fatal(err)
			}
		}
		if c := content(t, message(t, events.TypeBookingConfirmed, b)); !strings.Contains(c.Text, "\n"+test.want+"\n") || !strings.Contains(c.HTML, "<p>"+strings.ReplaceAll(test.want, "+", "&#43;")+"</p>") {
			t.Errorf("%d h, %d: the mail does not say %q:\n%s", test.hours, test.basisPoints, test.want, c.Text)
		}
		// With doors tickets go back until they open.
		b.Event.DoorsAt = b.Event.StartsAt.Add(-time.Hour)
		want := strings.ReplaceAll(test.want, "the event starts", "the doors open")
		if test.hours == 1 {
			want = "You can cancel free of charge until the doors open."
		}
		if c := content(t, message(t, events.TypeBookingConfirmed, b)); !strings.Contains(c.Text, "\n"+want+"\n") {
			t.Errorf("%d h, %d, doors: the mail does not say %q:\n%s", test.hours, test.basisPoints, want, c.Text)
		}
	}
}

func TestHostileTexts(t *testing.T) {
	t.Parallel()
	b := someBooking()
	evil := "<script>alert(1)</script>\r\nBcc: eve@example.com\x00\u202e\u2028\"'&{{.Total}}"
	b.Event.Title, b.UserName, b.Event.Venue.Name, b.Items[0].Name, b.Event.Venue.City = evil, evil, evil, evil, evil
	c := content(t, message(t, events.TypeBookingConfirmed, b))
	if strings.Contains(c.HTML, "<script") || strings.Contains(c.HTML, "</script") {
		t.Errorf("the HTML has a script:\n%s", c.HTML)
	}
	for name, s := range map[string]string{"subject": c.Subject, "SMS": c.SMS} {
		if strings.ContainsAny(s, "\r\n\x00\u202e\u2028") {
			t.Errorf("the %s is %q", name, s)
		}
	}
	if strings.Contains(c.Text, "\nBcc:") || strings.ContainsAny(c.Text, "\r\x00\u202e\u2028") {
		t.Errorf("a title begins a line of its own:\n%q", c.Text)
	}
	off := withCancellation(b, 6300, 0, false)
	off.Reason, off.Note, off.Cancellation.Items[0].Name = "event_cancelled", strings.Repeat(evil, 100), evil
	for _, m := range []events.Message{message(t, events.TypeBookingCancelled, off), message(t, events.TypeBookingItemsCancelled, off)} {
		c := content(t, m)
		if strings.Contains(c.HTML, "<script") || strings.Contains(c.Text, "\nBcc:") || strings.ContainsAny(c.Text+c.Subject+c.SMS, "\r\x00\u202e\u2028") {
			t.Errorf("it says\n%q\n%s", c.Text, c.HTML)
		}
		if utf8.RuneCountInString(c.Text) > 3000 {
			t.Errorf("a note of %d characters makes a text of %d", utf8.RuneCountInString(off.Note), utf8.RuneCountInString(c.Text))
		}
	}
	b.Event.Title = strings.Repeat("ä", 5000)
	if c := content(t, message(t, events.TypeBookingConfirmed, b)); utf8.RuneCountInString(c.Subject) > maxLine+30 || utf8.RuneCountInString(c.SMS) > 160 {
		t.Errorf("a title of 5000 characters makes a subject of %d and an SMS of %d",
			utf8.RuneCountInString(c.Subject), utf8.RuneCountInString(c.SMS))
	}
}

func TestTextsFromRightToLeft(t *testing.T) {
	t.Parallel()
	b := someBooking()
	b.Event.Title, b.UserName = "ערב של מיתרים!", "\u200fעדה\u200f"
	c := content(t, message(t, events.TypeBookingConfirmed, b))
	for _, part := range []string{`<h1 dir="auto"`, ">ערב של מיתרים!</h1>", "<bdi>\u200fעדה\u200f</bdi>", "× <bdi>Stalls</bdi>", "<bdi>Philharmonie</bdi>"} {
		if !strings.Contains(c.HTML, part) {
			t.Errorf("the HTML has not %q:\n%s", part, c.HTML)
		}
	}
	if want := "Booking confirmed: \u2068ערב של מיתרים!\u2069"; c.Subject != want {
		t.Errorf("the subject is %q, want %q", c.Subject, want)
	}
	if !strings.Contains(c.SMS, "\u2068ערב של מיתרים!\u2069, 12 Mar") {
		t.Errorf("the SMS is %q", c.SMS)
	}
	b.Event.Title = "a\u200eb\u200fc\u061cd\u202ee\u2066f"
	if c := content(t, message(t, events.TypeBookingConfirmed, b)); !strings.Contains(c.HTML, ">a\u200eb\u200fc\u061cdef</h1>") {
		t.Errorf("marks are not kept, or more than marks:\n%s", c.HTML)
	}
}

func TestEveryScriptFromRightToLeftIsIsolated(t *testing.T) {
	t.Parallel()
	for _, c := range "\u05d0\u0628\U00010e80\U00010c80\U00010840\U00010900\u200f" { // Yezidi, Old Hungarian, Imperial Aramaic, Phoenician among them
		if got, want := isolate("x"+string(c)), "\u2068x"+string(c)+"\u2069"; got != want {
			t.Errorf("%U: %+q, want %+q", c, got, want)
		}
	}
	for _, text := range []string{"a b", "Füße & 音楽", "12.5 ❤", ""} {
		if got := isolate(text); got != text {
			t.Errorf("%+q becomes %+q", text, got)
		}
	}
}

func TestNothingIsCutWithinACharacter(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"👩‍👩‍👧‍👦", "e\u0301", "🇩🇪", "नि", "한"} {
		for n := 2; n < 30; n++ {
			got := shorten(strings.Repeat(unit, 40), n)
			cut, ok := strings.CutSuffix(got, "…")
			if !ok || strings.ReplaceAll(cut, unit, "") != "" || utf8.RuneCountInString(got) > n {
				t.Fatalf("%q, to %d: %q", unit, n, got)
			}
		}
	}
}

func TestNoTextOfOthersBecomesALink(t *testing.T) {
	t.Parallel()
	b := someBooking()
	link := regexp.MustCompile(`(?i)://|www\.[\pL\pN]|[\pL\pN]\.\pL{2}|。\pL`)
	b.UserName = "Win at https://evil.example/x or www.evil.example, evil。example, a.b.c.example, WWW.1and1.example"
	b.Event.Title, b.Event.Venue.Name, b.Items[0].Name = b.UserName, b.UserName, b.UserName
	c := content(t, message(t, events.TypeBookingConfirmed, b))
	for name, text := range map[string]string{"subject": c.Subject, "text": c.Text, "HTML": c.HTML, "SMS": c.SMS} {
		if found := link.FindString(text); found != "" {
			t.Errorf("the %s has %q:\n%s", name, found, text)
		}
	}
	if shown := strings.ReplaceAll(c.Text, "\u2060", ""); !strings.Contains(shown, "https://evil.example/x or www.evil.example") {
		t.Errorf("a reader sees something else:\n%s", shown)
	}
	for name, want := range map[string]string{
		"evil\u00ad.com": "evil\u00ad.\u2060com", "www\u200c.evil\u200c.com": "www\u200c.\u2060evil\u200c.\u2060com", "i❤.ws": "i❤.\u2060ws",
	} {
		if got := line(name); got != want {
			t.Errorf("%+q becomes %+q, want %+q", name, got, want)
		}
	}
	for _, harmless := range []string{"12.5 km", "St. Mary", "Dr. Who", "1.2.2027"} {
		if got := line(harmless); got != harmless {
			t.Errorf("%q becomes %q", harmless, got)
		}
	}
}

func TestTheOrganizersParagraphsAreKept(t *testing.T) {
	t.Parallel()
	b := withCancellation(someBooking(), 6300, 0, false)
	b.Reason, b.Note = "event_cancelled", "\r\n The singer is ill.\r\nWe are sorry.\r\n\r\n\n\u2029Tickets are <refunded>.\n"
	c := content(t, message(t, events.TypeBookingCancelled, b))
	if want := "The organizer says:\n> The singer is ill.\n> We are sorry.\n>\n> Tickets are <refunded>.\n\n"; !strings.Contains(c.Text, want) {
		t.Errorf("the text has not\n%s\nbut\n%s", want, c.Text)
	}
	for _, want := range []string{">The singer is ill.<br>We are sorry.</p>\n", ">Tickets are &lt;refunded&gt;.</p>\n"} {
		if !strings.Contains(c.HTML, want) {
			t.Errorf("the HTML has not %q:\n%s", want, c.HTML)
		}
	}
}

func TestLocalTime(t *testing.T) {
	t.Parallel()
	for zone, want := range map[string]string{
		"Europe/Berlin":    "Friday, 12 March 2027, 19:30 (Europe/Berlin, UTC+1)",
		"Pacific/Auckland": "Saturday, 13 March 2027, 07:30 (Pacific/Auckland, UTC+13)",
		"Asia/Kathmandu":   "Saturday, 13 March 2027, 00:15 (Asia/Kathmandu, UTC+5:45)",
		"UTC":              "Friday, 12 March 2027, 18:30 (UTC)",
		"Mars/Olympus":     "Friday, 12 March 2027, 18:30 (UTC)",
		"../../etc/passwd": "Friday, 12 March 2027, 18:30 (UTC)",
		"Local":            "Friday, 12 March 2027, 18:30 (UTC)",
		"":                 "Friday, 12 March 2027, 18:30 (UTC)",
	} {
		b := someBooking()
		b.Event.TimeZone = zone
		if c := content(t, message(t, events.TypeBookingConfirmed, b)); !strings.Contains(c.Text, "\n"+want+"\n") {
			t.Errorf("%q: the mail does not say %q:\n%s", zone, want, c.Text)
		}
	}
}

func TestMalformedMessagesAreRefused(t *testing.T) {
	t.Parallel()
	good := message(t, events.TypeBookingConfirmed, someBooking())
	if _, _, err := decode(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(m *events.Message, b *events.Booking){
		"no id":             func(m *events.Message, _ *events.Booking) { m.ID = "" },
		"booking id":        func(_ *events.Message, b *events.Booking) { b.BookingID = "1" },
		"no user":           func(_ *events.Message, b *events.Booking) { b.UserID = "" },
		"no address":        func(_ *events.Message, b *events.Booking) { b.UserEmail = "" },
		"two addresses":     func(_ *events.Message, b *events.Booking) { b.UserEmail = "a@example.com, b@example.com" },
		"address with name": func(_ *events.Message, b *events.Booking) { b.UserEmail = "Ada <a@example.com>" },
		"header injection":  func(_ *events.Message, b *events.Booking) { b.UserEmail = "a@example.com\r\nBcc: b@example.com" },
		"no start":          func(_ *events.Message, b *events.Booking) { b.Event.StartsAt = time.Time{} },
		"no items":          func(_ *events.Message, b *events.Booking) { b.Items = nil },
		"no tickets":        func(_ *events.Message, b *events.Booking) { b.Items[0].Quantity = 0 },
		"negative tickets":  func(_ *events.Message, b *events.Booking) { b.Items[0].Quantity = -1 },
		"overflow":          func(_ *events.Message, b *events.Booking) { b.Items[0].UnitPrice.AmountMinor = 1 << 62 },
		"free for how long": func(_ *events.Message, b *events.Booking) { b.Event.CancellationPolicy.FreeHours = 8761 },
		"free until after":  func(_ *events.Message, b *events.Booking) { b.Event.CancellationPolicy.FreeHours = -1 },
		"all and more kept": func(_ *events.Message, b *events.Booking) { b.Event.CancellationPolicy.FeeBasisPoints = 10_001 },
		"less than nothing": func(_ *events.Message, b *events.Booking) { b.Event.CancellationPolicy.FeeBasisPoints = -1 },
		"nothing cancelled": func(m *events.Message, _ *events.Booking) { m.Type = events.TypeBookingItemsCancelled },
		"no items of it": func(m *events.Message, b *events.Booking) {
			*b = withCancellation(*b, 1, 0, false)
			m.Type, b.Cancellation.Items = events.TypeBookingItemsCancelled, nil
		},
		"cancellation's id": func(m *events.Message, b *events.Booking) {
			*b = withCancellation(*b, 1, 0, false)
			m.Type, b.Cancellation.ID = events.TypeBookingItemsCancelled, "1"
		},
		"cancelled tickets": func(m *events.Message, b *events.Booking) {
			*b = withCancellation(*b, 1, 0, false)
			m.Type, b.Cancellation.Items[1].Quantity = events.TypeBookingCancelled, 0
		},
	} {
		b := someBooking()
		m := good
		change(&m, &b)
		m.Data = message(t, "", b).Data
		if _, _, err := decode(m); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", name, err)
		}
	}
	for _, data := range []string{"", "null", "7", "[]", "{", `{"booking_id": 7}`, "\xff", `{"total": {"amount_minor": 1e99}}`} {
		m := good
		m.Data = json.RawMessage(data)
		if _, _, err := decode(m); !errors.Is(err, ErrMalformed) {
			t.Errorf("data %q: error %v, want ErrMalformed", data, err)
		}
	}
}

func TestMessagesOfAnUnknownTypeAreReported(t *testing.T) {
	t.Parallel()
	m := message(t, "booking.confirmed.v2", someBooking())
	for _, data := range []json.RawMessage{m.Data, json.RawMessage("no JSON"), nil} {
		m.Data = data
		if _, _, err := decode(m); !errors.Is(err, ErrUnknownType) || errors.Is(err, ErrMalformed) {
			t.Errorf("data %s: error %v, want ErrUnknownType", data, err)
		}
	}
}

func TestAFailedBookingIsToldOnlyAfterItWasPendingOrCharged(t *testing.T) {
	t.Parallel()
	refused := someBooking()
	pending := someBooking()
	pending.Acknowledged = true
	charged := someBooking()
	charged.Refunded = charged.Total
	declined, abandoned, late := pending, pending, charged
	declined.Reason, abandoned.Reason, late.Reason = "payment_declined", "payment_abandoned", "payment_abandoned"
	declinedAtOnce := refused
	declinedAtOnce.Reason = "payment_declined"
	for want, bookings := range map[Kind][]events.Booking{
		Nothing: {refused, declinedAtOnce}, NotCompleted: {pending}, PaymentFailed: {declined, abandoned}, PaymentReturned: {charged, late},
	} {
		for _, b := range bookings {
			if _, kind, err := decode(message(t, events.TypeBookingFailed, b)); err != nil || kind != want {
				t.Errorf("acknowledged %v, refunded %v: kind %q, error %v; want %q", b.Acknowledged, b.Refunded, kind, err, want)
			}
		}
	}
}

func TestAnEventKnownInPartIsLeftOut(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(e *events.Event){
		"no start": func(e *events.Event) { e.StartsAt = time.Time{} },
		"no title": func(e *events.Event) { e.Title = " " },
	} {
		b := someBooking()
		b.Acknowledged = true
		change(&b.Event)
		c := content(t, message(t, events.TypeBookingFailed, b))
		if strings.Contains(c.Text+c.HTML, "Philharmonie") || strings.Contains(c.Text+c.HTML, "0001") || c.Subject != "Booking not completed" {
			t.Errorf("%s: %q\n%s", name, c.Subject, c.Text)
		}
	}
}

func TestPausesGrowToALimit(t *testing.T) {
	t.Parallel()
	long := &Service{o: Options{RetryBase: time.Hour, RetryMax: 24 * time.Hour}}
	for attempt := range 100 {
		if got := long.pause(attempt + 1); got < 45*time.Minute || got > 30*time.Hour {
			t.Errorf("from an hour to a day: %v after attempt %d", got, attempt+1)
		}
	}
	s := &Service{o: Options{RetryBase: time.Second, RetryMax: time.Minute}}
	for attempt, want := range map[int]time.Duration{
		1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 7: time.Minute, 64: time.Minute, 1 << 40: time.Minute,
	} {
		for range 100 {
			if got := s.pause(attempt); got < want*3/4 || got > want*5/4 {
				t.Errorf("after attempt %d: %v, want %v give or take a quarter", attempt, got, want)
			}
		}
	}
}

// FuzzDecode: nothing that a message says makes consuming it panic, or makes a
// line of its own in a subject.
func FuzzDecode(f *testing.F) {
	data, err := json.Marshal(someBooking())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, events.TypeBookingConfirmed)
	f.Add([]byte(`{"acknowledged":true}`), events.TypeBookingFailed)
	part, err := json.Marshal(withCancellation(someBooking(), 6300, 100, true))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(part, events.TypeBookingItemsCancelled)
	f.Add(part, events.TypeBookingCancelled)
	f.Fuzz(func(t *testing.T, data []byte, typ string) {
		b, kind, err := decode(events.Message{ID: "1", Type: typ, Data: data})
		if err != nil || kind == Nothing {
			return
		}
		c, err := render(kind, b, false, "de", carried{})
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(c.Subject+c.SMS, "\r\n\x00") {
			t.Errorf("subject %q, SMS %q", c.Subject, c.SMS)
		}
		if entry := editionOf("de").calendar(kind, b, "tickets@example.com"); entry != "" {
			readCalendar(t, entry)
		}
	})
}
