package webtest

import (
	"strings"
	"time"

	"github.com/openboxoffice/boxoffice/contracts/money"
	"github.com/openboxoffice/boxoffice/services/web"
)

// Program is one event in each state, and with the texts that break pages.
type Program struct {
	OnSale      web.Event // two types, an image, a policy with a fee
	FewLeft     web.Event // three tickets
	SoldOut     web.Event
	Free        web.Event
	NotYet      web.Event // on sale in two days
	Closed      web.Event // sales are over, it has not begun
	Cancelled   web.Event
	Past        web.Event
	Running     web.Event // has begun, runs for three more weeks, and is on sale
	Mixed       web.Event // types in every state
	Longest     web.Event // every text as long as it may be, in German
	Emptiest    web.Event // nothing that may be left out
	RightToLeft web.Event
	Hostile     web.Event // markup in every text
}

// AddProgram adds a program of events, beginning in the week after the platform's time.
func (p *Platform) AddProgram() Program {
	now := p.Now()
	berlin, tokyo := zone("Europe/Berlin"), zone("Asia/Tokyo")
	at := func(z *time.Location, days, hour int) time.Time {
		y, m, d := now.In(z).AddDate(0, 0, days).Date()
		return time.Date(y, m, d, hour, 30, 0, 0, z)
	}
	event := func(z *time.Location, days int, title string, types ...web.TicketType) web.Event {
		return web.Event{
			Title: title, Summary: "An evening that nobody forgets.", Description: "Doors open early.\n\nThere is a bar.", Language: "en",
			Category: "music", Zone: z, StartsAt: at(z, days, 20), EndsAt: at(z, days, 22), DoorsAt: at(z, days, 19),
			Venue:       web.Venue{Name: "Alte Münze", Address: "Molkenmarkt 2", City: "Berlin", Country: "DE"},
			TicketTypes: types, MaxPerBooking: 10, Transfers: true, UpdatedAt: now,
			CancellationPolicy: web.CancellationPolicy{FreeHours: 48, FeeBasisPoints: 1000},
		}
	}
	kind := func(name string, price money.Amount, capacity, available int) web.TicketType {
		return web.TicketType{Name: name, Price: price, Capacity: capacity, Available: available}
	}
	var out Program

	e := event(berlin, 9, "Night Trains: The Accordion Sessions", kind("Standing", eur(2400), 300, 212), kind("Seat at the table", eur(4250), 40, 40))
	e.TicketTypes[1].Description = "At the long table, with a glass of wine."
	e.Image = &web.Image{Tag: "3f2a", Widths: []int{480, 960, 1920}, Width: 1920, Height: 1080}
	out.OnSale = p.AddEvent(e)

	out.FewLeft = p.AddEvent(event(berlin, 12, "A Very Small Festival", kind("Sofa", eur(1500), 5, 3)))
	out.SoldOut = p.AddEvent(event(berlin, 14, "Schubert by Candlelight", kind("Row 1–5", eur(5800), 60, 0), kind("Row 6–20", eur(3600), 180, 0)))

	e = event(berlin, 20, "Repair Café: Bring What Is Broken", kind("Free seat", eur(0), 50, 31))
	e.Category, e.CancellationPolicy, e.DoorsAt = "community", web.CancellationPolicy{}, time.Time{}
	out.Free = p.AddEvent(e)

	e = event(tokyo, 45, "夜の盆栽 – Bonsai at Night", kind("Workshop with tree", money.Amount{AmountMinor: 12_000, Currency: "JPY"}, 16, 16))
	e.Language, e.Venue = "ja", web.Venue{Name: "緑の家", Address: "3-12-7 Kuramae", City: "Tokyo", Country: "JP"}
	e.TicketTypes[0].SalesFrom = now.Add(48 * time.Hour)
	out.NotYet = p.AddEvent(e)

	e = event(berlin, 2, "Improv Against the Clock", kind("Entry", eur(1250), 90, 12))
	e.TicketTypes[0].SalesUntil = now.Add(-time.Hour)
	out.Closed = p.AddEvent(e)

	e = event(berlin, 16, "Open Air in the Rain", kind("Lawn", eur(3000), 500, 410))
	e.Status = web.Cancelled
	out.Cancelled = p.AddEvent(e)

	out.Past = p.AddEvent(event(berlin, -3, "Last Week's Concert", kind("Entry", eur(1800), 100, 20)))

	e = event(berlin, -7, "Paper Cities: An Exhibition", kind("Day ticket", eur(900), 2000, 1204))
	e.Category, e.EndsAt, e.DoorsAt = "exhibition", at(berlin, 21, 18), time.Time{}
	e.TicketTypes[0].SalesUntil = e.EndsAt
	out.Running = p.AddEvent(e)

	e = event(berlin, 30, "Go Days Berlin", kind("Early bird", eur(9900), 80, 3), kind("Regular", eur(14_900), 200, 200), kind("Student", eur(2500), 30, 0), kind("Last minute", eur(19_900), 50, 50))
	e.Category = "conference"
	e.TicketTypes[0].SalesUntil = now.Add(-24 * time.Hour)
	e.TicketTypes[3].SalesFrom = now.Add(20 * 24 * time.Hour)
	out.Mixed = p.AddEvent(e)

	out.Longest = p.AddEvent(longest(event(berlin, 33, "")))

	e = web.Event{Title: "X", Zone: time.UTC, StartsAt: at(time.UTC, 34, 10), EndsAt: at(time.UTC, 34, 11), Venue: web.Venue{Name: "Y"}, MaxPerBooking: 1, UpdatedAt: now}
	e.TicketTypes = []web.TicketType{kind("Z", eur(1), 1, 1)}
	out.Emptiest = p.AddEvent(e)

	e = event(zone("Asia/Jerusalem"), 36, "לילה של מוזיקה!", kind("כרטיס רגיל", money.Amount{AmountMinor: 9000, Currency: "ILS"}, 100, 64))
	e.Language, e.Summary, e.Description = "he", "ערב אחד, שלושה קולות.", "הדלתות נפתחות ב-19:30.\n\nיש בר."
	e.Venue = web.Venue{Name: "היכל התרבות", Address: "שדרות רוטשילד 1", City: "תל אביב", Country: "IL"}
	out.RightToLeft = p.AddEvent(e)

	const markup = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{.}}`
	e = event(berlin, 40, markup, kind(markup, eur(1000), 100, 100))
	e.Summary, e.Description, e.Category = markup, markup+"\n\njavascript:alert(3)", markup
	e.Venue = web.Venue{Name: markup, Address: markup, City: markup, Country: "DE"}
	e.TicketTypes[0].Description = markup
	out.Hostile = p.AddEvent(e)
	return out
}

// longest fills e with texts as long as the event service takes them.
func longest(e web.Event) web.Event {
	fill := func(n int, word string) string { return strings.Repeat(word, n/len(word)+1)[:n] }
	e.Language = "de"
	e.Title = fill(200, "Donaudampfschifffahrtsgesellschaftsjubilaeumskonzert")
	e.Summary = fill(300, "Rindfleischetikettierungsueberwachungsaufgabenuebertragungsgesetz ")
	e.Description = fill(10_000, "Ein Abend mit Kaffee, Kuchen und Kammermusik.\n\n")
	e.Category = fill(50, "Veranstaltungsreihe")
	e.Venue = web.Venue{Name: fill(200, "Mehrzweckhallenvorplatz"), Address: fill(300, "Strasse-des-siebzehnten-Juni "), City: fill(100, "Llanfairpwllgwyngyll"), Country: "DE"}
	for i := range 20 {
		e.TicketTypes = append(e.TicketTypes, web.TicketType{
			Name:        string(rune('A'+i)) + fill(99, "Stehplatzermaessigungskarte"),
			Description: fill(500, "Fuer Schuelerinnen, Schueler und Studierende mit Ausweis. "),
			Price:       eur(100_000_000), Capacity: 1_000_000, Available: 999_999,
		})
	}
	e.CancellationPolicy = web.CancellationPolicy{FreeHours: 8760, FeeBasisPoints: 10_000}
	return e
}

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // the test programs embed the zones
	}
	return z
}
